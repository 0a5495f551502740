import type { Context } from "hono";
import type { z } from "zod";
import { type Caller, hasRole, type Role } from "#src/domain/members/member.ts";
import { AppError } from "#src/errors.ts";
import { type Language, preferredLanguage, type Text } from "#src/text.ts";
import { forbidden, unauthenticated } from "#src/web/auth.ts";
import type { Answer, Claim } from "#src/web/idempotency.ts";
import type { PolicyName } from "#src/web/limits.ts";
import type { Tag } from "./tags.ts";

/**
 * Who may call: `public` (a token is optional), any of the named roles (an admin always), or `holder`: whoever presents
 * a secret that the route itself knows (a manage token); `bearer` then carries it.
 */
export type Who = "public" | "holder" | readonly [Role, ...Role[]];

type PathParams<Path extends string> = Path extends `${string}{${infer Name}}${infer Rest}`
  ? { [K in Name]: string } & PathParams<Rest>
  : unknown;

export type RouteSpec<
  Path extends string = string,
  W extends Who = Who,
  Body extends z.ZodType = z.ZodType,
  Query extends z.ZodObject = z.ZodObject,
> = {
  method: "get" | "post" | "put" | "patch" | "delete";
  /** Below `/api/v1`, with `{name}` for a part. */
  path: Path;
  who: W;
  tag: Tag;
  summary: Text;
  /** A JSON body by this schema. */
  body?: Body;
  /** Or a body that the route reads itself, as text of one of these media types: `call.text`. */
  text?: readonly [string, ...string[]];
  /** Bytes; 256 KB unless told. */
  bodyLimit?: number;
  query?: Query;
  /** Takes `Idempotency-Key` (see `once` and `onceInSteps`). */
  creates?: true;
  /** Needs `If-Match` (see `ifMatch`). */
  edits?: true;
  /** What it counts against for a caller without a token; `readers` for GET and `strangers` otherwise, unless told. */
  limit?: PolicyName;
  /** Successful answers by status; null: no body. */
  answers: Readonly<Record<number, z.ZodType | null>>;
};

export type Call<
  W extends Who = Who,
  Body extends z.ZodType = z.ZodType,
  Query extends z.ZodObject = z.ZodObject,
  Path extends string = string,
> = {
  c: Context;
  caller: W extends "public" | "holder" ? Caller | undefined : Caller;
  /** The presented credential, whosever it is. */
  bearer: string | undefined;
  params: PathParams<Path>;
  body: z.output<Body>;
  text: string;
  query: z.output<Query>;
  /** Where the page before ended, from the query's `cursor`. */
  after: string | undefined;
  claim: Claim | undefined;
  /** Whether the presented credential is a token that stands, still; for an answer that stays open. */
  stands: () => Promise<boolean>;
};

export type Route = {
  spec: RouteSpec;
  handle: (call: Call<Who, z.ZodType, z.ZodObject, string>) => Promise<Answer | Response> | Answer | Response;
};

/** One API call: what it is (all the document and the checks need), and what it does. */
export function route<
  const Path extends string,
  const W extends Who,
  Body extends z.ZodType = z.ZodUndefined,
  Query extends z.ZodObject = z.ZodObject<Record<never, never>>,
>(
  spec: RouteSpec<Path, W, Body, Query>,
  handle: (call: Call<W, Body, Query, Path>) => Promise<Answer | Response> | Answer | Response,
): Route {
  return { spec, handle } as unknown as Route;
}

export function languageOf(c: Context): Language {
  return preferredLanguage(c.req.raw.headers.get("accept-language") ?? undefined);
}

export function requireRole(caller: Caller | undefined, ...roles: Role[]): Caller {
  if (caller === undefined) throw unauthenticated();
  if (!hasRole(caller, ...roles)) throw forbidden();
  return caller;
}

/** The version that If-Match names: 428 without the header, 400 when it is not an ETag, 412 when it is not one of ours. */
export function ifMatch({ c }: Pick<Call, "c">): number {
  const header = c.req.raw.headers.get("if-match")?.trim();
  if (header === undefined)
    throw new AppError("precondition-required", "IF_MATCH_REQUIRED", {
      zh: "请在 If-Match 中给出所读版本的 ETag",
      en: "name the version you have read in If-Match, by its ETag",
    });
  const tag = /^(?:W\/)?"[\x21\x23-\x7e\x80-\xff]*"$/.test(header);
  if (!tag)
    throw new AppError("malformed", "IF_MATCH", { zh: "If-Match 不是一个 ETag", en: "If-Match is not an ETag" });
  const version = /^"(\d{1,9})(?:-[0-9a-f]{16})?"$/.exec(header)?.[1];
  if (version === undefined)
    throw new AppError("stale", "VERSION", {
      zh: "版本已变更，请重新读取",
      en: "this version does not stand; read again",
    });
  return Number(version);
}

/** For a PUT that also makes: the version of If-Match when it is sent. */
export function optionalIfMatch(call: Pick<Call, "c">): number | undefined {
  return call.c.req.raw.headers.get("if-match") === null ? undefined : ifMatch(call);
}
