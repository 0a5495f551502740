import { sha256 } from "#src/ids.ts";
import { heldFor } from "#src/platform/clock.ts";
import { keys } from "#src/platform/keys.ts";
import type { Item, Table } from "#src/platform/table.ts";

/**
 * - new: it is the caller's to work on. done: it was answered so. busy: somebody is at it, or has just died over it.
 * - forged: its signature came before, with another body.
 */
export type Heard = { kind: "new" } | { kind: "done"; reply: string } | { kind: "busy" } | { kind: "forged" };

const KEPT_SECONDS = 900;
// Whoever has not finished after so long has died; the platform repeats a message within 20 seconds.
const WORK_MS = 8000;

type HeardDeps = { table: Table; now: () => Date };

/**
 * Takes a message once, whichever process it reaches: `message` names it (sender and id, or all that an event says), `call` the
 * signed request that brought it, which may come again only with the same body.
 */
export async function hear(
  deps: HeardDeps,
  { message, call, body }: { message: string; call: string; body: string },
): Promise<Heard> {
  const now = deps.now().getTime();
  const expiresAt = Math.floor(now / 1000) + KEPT_SECONDS;
  const callKey = keys.heard(`call:${sha256(call)}`);
  const hash = sha256(body);
  const first = await deps.table.write([{ put: { ...callKey, body: hash, expiresAt }, if: { absent: true } }]);
  if (!first.ok) {
    const before = await deps.table.get(callKey);
    if (before && before["body"] !== hash) return { kind: "forged" };
  }
  const key = keys.heard(`message:${sha256(message)}`);
  const mine: Item = { ...key, until: now + WORK_MS, version: 1, expiresAt };
  if ((await deps.table.write([{ put: mine, if: { absent: true } }])).ok) return { kind: "new" };
  const known = await deps.table.get(key);
  if (known?.["done"] === true) return { kind: "done", reply: String(known["reply"]) };
  if (!known || heldFor(Number(known["until"]), now, WORK_MS) > 0) return { kind: "busy" };
  const version = Number(known.version);
  const put = { ...mine, version: version + 1 };
  return (await deps.table.write([{ put, if: { version } }])).ok ? { kind: "new" } : { kind: "busy" };
}

/** It is done: a repeat gets the same answer. */
export async function answered(deps: HeardDeps, message: string, reply: string): Promise<void> {
  const expiresAt = Math.floor(deps.now().getTime() / 1000) + KEPT_SECONDS;
  const put = { ...keys.heard(`message:${sha256(message)}`), done: true, reply, version: 1_000_000, expiresAt };
  await deps.table.write([{ put }]);
}

/** It failed: a repeat is worked on as if it were the first. */
export async function unheard(deps: HeardDeps, message: string): Promise<void> {
  await deps.table.write([{ remove: keys.heard(`message:${sha256(message)}`) }]);
}
