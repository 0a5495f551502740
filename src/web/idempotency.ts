import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from "node:crypto";
import { z } from "zod";
import { AppError } from "#src/errors.ts";
import { sha256 } from "#src/ids.ts";
import { heldFor } from "#src/platform/clock.ts";
import { keys } from "#src/platform/keys.ts";
import type { Item, Table } from "#src/platform/table.ts";

const KEPT_SECONDS = 24 * 3600;
const IN_PROGRESS_SECONDS = 60;

/** What a route answers, before it is written out. `version` becomes the ETag. */
export type Answer = { status: number; body?: unknown; version?: number; headers?: Record<string, string> };

/** One request's claim on a key: where its record stands, and what the request was. */
export type Claim = { scope: string; request: string };

const Kept = z.object({
  request: z.string(),
  version: z.int(),
  /** The answer as JSON text, so that a repeat gives the same bytes whatever a store does to the order of members. */
  answer: z.string().exactOptional(),
  sealed: z.string().exactOptional(),
  /** Milliseconds; a request that works in steps holds the key until then. */
  busyUntil: z.number().exactOptional(),
});
type Kept = z.infer<typeof Kept>;

type Deps = { table: Table; now: () => Date; secret: Uint8Array };

const KEY = /^[\x21-\x7e]{16,128}$/;

/** The key of an Idempotency-Key header; its structured-field form, a quoted string, equals the bare one. */
export function idempotencyKey(header: string): string {
  const quoted = /^"((?:[^"\\]|\\["\\])*)"$/.exec(header)?.[1];
  const key = quoted === undefined ? header : quoted.replace(/\\(["\\])/g, "$1");
  if (!KEY.test(key))
    throw new AppError("malformed", "IDEMPOTENCY_KEY", {
      zh: "Idempotency-Key 须为16至128个可见ASCII字符",
      en: "an Idempotency-Key has 16 to 128 visible ASCII characters",
    });
  return key;
}

/**
 * Scoped to route and caller. Strangers share no secret that tells them apart, so for them the exact body is part of
 * the scope: another's key alone finds nothing.
 */
export function claimOf(request: { route: string; path: string; caller?: string; key: string; body: string }): Claim {
  const { route, path, caller, key, body } = request;
  const digest = sha256(`${path}\n${body}`);
  const scope = caller === undefined ? ["stranger", route, key, digest] : ["caller", caller, route, key];
  return { scope: sha256(JSON.stringify(scope)), request: digest };
}

/**
 * What was answered to this claim before, if anything. Throws 422 when the key was used for another request, and 409
 * while the first request is still in progress.
 */
export async function replayOf(deps: Deps, claim: Claim): Promise<Answer | undefined> {
  const kept = await read(deps, claim);
  if (!kept) return undefined;
  if (kept.request !== claim.request)
    throw new AppError("invalid", "IDEMPOTENCY_KEY_REUSED", {
      zh: "该 Idempotency-Key 已用于另一个请求",
      en: "this Idempotency-Key was used for another request",
    });
  const text = kept.sealed === undefined ? kept.answer : unseal(deps.secret, claim, kept.sealed);
  if (text !== undefined) {
    const answer = JSON.parse(text) as Answer;
    return { ...answer, headers: { ...answer.headers, "idempotency-replayed": "true" } };
  }
  const left = heldFor(kept.busyUntil ?? 0, deps.now().getTime(), IN_PROGRESS_SECONDS * 1000);
  if (left > 0)
    throw new AppError(
      "conflict",
      "IDEMPOTENCY_IN_PROGRESS",
      { zh: "同一请求正在处理中，请稍后再试", en: "the same request is still in progress; try again soon" },
      { retryAfterSeconds: Math.ceil(left / 1000) },
    );
  return undefined;
}

/** The record of an answer, to be put under `if: {absent: true}` in the transaction of the effect itself. */
export function keptAnswer(deps: Deps, claim: Claim, answer: Answer, options: { sealed: boolean }): Item {
  const text = JSON.stringify(answer);
  return {
    ...keys.idempotency(claim.scope),
    request: claim.request,
    version: 1,
    expiresAt: Math.ceil(deps.now().getTime() / 1000) + KEPT_SECONDS,
    ...(options.sealed ? { sealed: seal(deps.secret, claim, text) } : { answer: text }),
  };
}

/**
 * Takes the key for work in several steps, and answers the version of its record; undefined when another request has
 * it. Frees itself after a minute.
 */
export async function hold(deps: Deps, claim: Claim): Promise<number | undefined> {
  const before = await read(deps, claim);
  const now = deps.now().getTime();
  const busyUntil = now + IN_PROGRESS_SECONDS * 1000;
  const busy = heldFor(before?.busyUntil ?? 0, now, IN_PROGRESS_SECONDS * 1000) > 0;
  if (before && (before.answer || before.sealed || busy)) return undefined;
  const expiresAt = Math.ceil(busyUntil / 1000) + KEPT_SECONDS;
  const version = (before?.version ?? 0) + 1;
  const put: Item = { ...keys.idempotency(claim.scope), request: claim.request, version, busyUntil, expiresAt };
  const written = await deps.table.write([{ put, if: before ? { version: before.version } : { absent: true } }]);
  return written.ok ? version : undefined;
}

/** Lets go of a key whose request came to nothing that is kept. */
export async function release(deps: Deps, claim: Claim, version: number): Promise<void> {
  await deps.table.write([{ remove: keys.idempotency(claim.scope), if: { version } }]);
}

async function read(deps: Deps, claim: Claim): Promise<Kept | undefined> {
  const item = await deps.table.get(keys.idempotency(claim.scope));
  return item && Kept.parse(item);
}

/** Answers that show a secret once are kept encrypted: the table never holds what can be presented. */
function seal(secret: Uint8Array, claim: Claim, text: string): string {
  const nonce = randomBytes(12);
  const cipher = createCipheriv("aes-256-gcm", keyFor(secret), nonce).setAAD(Buffer.from(claim.scope));
  const body = Buffer.concat([cipher.update(text), cipher.final()]);
  return Buffer.concat([nonce, cipher.getAuthTag(), body]).toString("base64url");
}

function unseal(secret: Uint8Array, claim: Claim, sealed: string): string {
  const bytes = Buffer.from(sealed, "base64url");
  const decipher = createDecipheriv("aes-256-gcm", keyFor(secret), bytes.subarray(0, 12))
    .setAAD(Buffer.from(claim.scope))
    .setAuthTag(bytes.subarray(12, 28));
  return Buffer.concat([decipher.update(bytes.subarray(28)), decipher.final()]).toString();
}

function keyFor(secret: Uint8Array): Buffer {
  return Buffer.from(hkdfSync("sha256", secret, "", "gaoshi idempotency", 32));
}
