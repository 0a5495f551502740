import { AppError } from "#src/errors.ts";
import { type NewId, randomSecret, sha256 } from "#src/ids.ts";
import { keys } from "#src/platform/keys.ts";
import type { Commit, Table } from "#src/platform/table.ts";
import { type Caller, hasRole } from "./member.ts";
import { callerOf, type NewToken, Token } from "./token.ts";

type Reads = { table: Table };

/** `secret` is what the bearer presents; it exists nowhere but in this result. */
export type MadeToken = { token: Token; secret: string };

export async function createToken(
  deps: Reads & { now: () => Date; newId: NewId; commit?: Commit<MadeToken> },
  input: { caller: Caller; token: NewToken },
): Promise<MadeToken> {
  const secret = `gst_${randomSecret()}`;
  const token: Token = {
    id: deps.newId("tok"),
    hash: sha256(secret),
    ...input.token,
    createdAt: deps.now().toISOString(),
    createdBy: input.caller.id,
  };
  const result = { token, secret };
  const commit = deps.commit ?? ((writes) => deps.table.write(writes));
  const written = await commit(
    [
      { put: { ...keys.token(token.hash), ...token }, if: { absent: true } },
      { put: { ...keys.tokenById(token.id), ...token }, if: { absent: true } },
    ],
    result,
  );
  if (!written.ok) throw noSuchToken("conflict");
  return result;
}

/** Tokens in the order of their making. */
export async function listTokens(
  deps: Reads,
  page: { limit: number; after?: string },
): Promise<{ items: Token[]; next?: string }> {
  const { items, next } = await deps.table.query({ pk: keys.tokenById("").pk, fresh: true, ...page });
  return { items: items.map((item) => Token.parse(item)), ...(next === undefined ? {} : { next }) };
}

/** Ends a token and answers what it was; other processes notice within the time they remember tokens. */
export async function revokeToken(deps: Reads, id: string): Promise<Token> {
  const item = await deps.table.get(keys.tokenById(id));
  if (!item) throw noSuchToken("not-found");
  const token = Token.parse(item);
  await deps.table.write([{ remove: keys.token(token.hash) }, { remove: keys.tokenById(id) }]);
  return token;
}

/** Who bears the token with this SHA-256. */
export async function bearerOf(deps: Reads, hash: string): Promise<Caller | undefined> {
  const item = await deps.table.get(keys.token(hash));
  return item && callerOf(Token.parse(item));
}

/** Whether somebody can already administer this instance. */
export async function hasAdminToken(deps: Reads): Promise<boolean> {
  let after: string | undefined;
  do {
    const page = await listTokens(deps, { limit: 1000, ...(after === undefined ? {} : { after }) });
    if (page.items.some((token) => hasRole(callerOf(token), "admin"))) return true;
    after = page.next;
  } while (after !== undefined);
  return false;
}

function noSuchToken(kind: "not-found" | "conflict"): AppError {
  return kind === "not-found"
    ? new AppError(kind, "NOT_FOUND", { zh: "没有这个令牌", en: "there is no such token" })
    : new AppError(kind, "CHANGED_MEANWHILE", {
        zh: "令牌未能保存，请重试",
        en: "the token was not stored; try again",
      });
}
