import { hash, timingSafeEqual } from "node:crypto";
import type { Config } from "#src/config.ts";
import type { Caller } from "#src/domain/members/member.ts";
import { readSession, SESSION_HOURS } from "#src/domain/members/sign-in.ts";
import { bearerOf } from "#src/domain/members/tokens.ts";
import { AppError } from "#src/errors.ts";
import { heldFor } from "#src/platform/clock.ts";
import type { Table } from "#src/platform/table.ts";

/** A token that is revoked elsewhere works here at most so long. */
const REMEMBER_MS = 30_000;
const REMEMBERED = 10_000;

const BEARER = /^[\x21-\x7e]{1,512}$/;

export type Bearers = {
  /** The bearer's credential, or undefined when the request carries none. Throws 401 for one that cannot be read. */
  presented(request: Request): string | undefined;
  /** Who presents it, if it is a token that stands. */
  known(credential: string): Caller | undefined | Promise<Caller | undefined>;
  /** Forgets at once what a revoked token meant. */
  forget(tokenHash: string): void;
};

/** Bearer tokens by RFC 6750, looked up by their SHA-256 and remembered for half a minute. */
export function bearers(deps: { table: Table; now: () => Date; config: Pick<Config, "adminToken"> }): Bearers {
  const { adminToken } = deps.config;
  const adminHash = adminToken === undefined ? undefined : Buffer.from(hash("sha256", adminToken, "hex"));
  const admin: Caller = { id: "admin", name: "admin", roles: ["admin"] };
  const remembered = new Map<string, { caller: Caller; until: number }>();

  async function look(digest: string, now: number): Promise<Caller | undefined> {
    const caller = await bearerOf(deps, digest);
    if (!caller) return undefined;
    if (remembered.size >= REMEMBERED) remembered.clear();
    remembered.set(digest, { caller, until: now + REMEMBER_MS });
    return caller;
  }

  return {
    presented(request) {
      const header = request.headers.get("authorization");
      if (header === null) return undefined;
      const credential = header.slice(7);
      if (header.slice(0, 7).toLowerCase() !== "bearer " || !BEARER.test(credential)) throw unauthenticated();
      return credential;
    },
    known(credential) {
      const digest = hash("sha256", credential, "hex");
      if (adminHash !== undefined && timingSafeEqual(Buffer.from(digest), adminHash)) return admin;
      const now = deps.now().getTime();
      const found = remembered.get(digest);
      if (found !== undefined && heldFor(found.until, now, REMEMBER_MS) > 0) return found.caller;
      remembered.delete(digest);
      return look(digest, now);
    },
    forget(tokenHash) {
      remembered.delete(tokenHash);
    },
  };
}

export function unauthenticated(): AppError {
  return new AppError("unauthenticated", "UNAUTHENTICATED", {
    zh: "需要有效的访问令牌（Authorization: Bearer …）",
    en: "a valid token is needed (Authorization: Bearer …)",
  });
}

export function forbidden(): AppError {
  return new AppError("forbidden", "FORBIDDEN", { zh: "没有执行此操作的权限", en: "you may not do this" });
}

const SECURE_COOKIE = "__Host-gaoshi";
const PLAIN_COOKIE = "gaoshi";

function cookieName(config: Pick<Config, "baseUrl">): string {
  return config.baseUrl.startsWith("https:") ? SECURE_COOKIE : PLAIN_COOKIE;
}

/** The Set-Cookie of a console session; without a session it ends the one there was. */
export function sessionCookie(config: Pick<Config, "baseUrl">, session?: string): string {
  const secure = config.baseUrl.startsWith("https:") ? "; Secure" : "";
  const life = session === undefined ? 0 : SESSION_HOURS * 3600;
  return `${cookieName(config)}=${session ?? ""}; Path=/; Max-Age=${life}; HttpOnly; SameSite=Lax${secure}`;
}

/** The secret of the console session a request carries; for pages only, the API takes tokens. */
export function sessionIn(request: Request, config: Pick<Config, "baseUrl">): string | undefined {
  return cookieIn(request, cookieName(config), /^[A-Za-z0-9_-]{43}$/);
}

/** The first cookie of this name whose value has this form. */
export function cookieIn(request: Request, name: string, form = /./): string | undefined {
  for (const pair of (request.headers.get("cookie") ?? "").split(";")) {
    const [key, value] = pair.trim().split("=", 2);
    if (key === name && value && form.test(value)) return value;
  }
  return undefined;
}

/** Who is signed in to the console. */
export async function signedIn(
  deps: { table: Table; now: () => Date; config: Pick<Config, "baseUrl"> },
  request: Request,
): Promise<Caller | undefined> {
  const session = sessionIn(request, deps.config);
  return session === undefined ? undefined : readSession(deps, session);
}

/** Throws 403 unless a form came from our own pages: the browser's Origin names this host (or the public address). */
export function checkOrigin(request: Request, config: Pick<Config, "baseUrl">): void {
  const origin = request.headers.get("origin");
  const site = request.headers.get("sec-fetch-site");
  const own =
    origin === null
      ? site === "same-origin"
      : origin === new URL(config.baseUrl).origin ||
        (URL.canParse(origin) && new URL(origin).host === request.headers.get("host"));
  if (!own)
    throw new AppError("forbidden", "ORIGIN", {
      zh: "请求不是从本站页面发出的",
      en: "this request did not come from a page of this site",
    });
}
