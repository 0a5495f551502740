import type { Context } from "hono";
import { HTTPException } from "hono/http-exception";
import { z } from "zod";
import { type Caller, hasRole, type Role } from "#src/domain/members/member.ts";
import { AppError, fault } from "#src/errors.ts";
import type { Commit, Write } from "#src/platform/table.ts";
import { type Language, preferredLanguage, type Text } from "#src/text.ts";
import type { WebDeps } from "#src/web/app.ts";
import { type Bearers, forbidden, unauthenticated } from "#src/web/auth.ts";
import { BODY_BYTES, checkBodyHeaders, isStorable, readJson, readText } from "#src/web/body.ts";
import { openCursor, sealCursor } from "#src/web/cursor.ts";
import {
  type Answer,
  type Claim,
  claimOf,
  hold,
  idempotencyKey,
  keptAnswer,
  release,
  replayOf,
} from "#src/web/idempotency.ts";
import { checked, invalidInput, pointerOf } from "#src/web/input.ts";
import { addressGroup, type Limiter, limitHeaders, type PolicyName, tooMany } from "#src/web/limits.ts";
import { problemHeaders, problemOf } from "#src/web/problem.ts";

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

/** To be spread into the query of a list: `query: z.strictObject({ ...PAGE, column: … })`. */
export const PAGE = {
  limit: z
    .string()
    .regex(/^\d{1,6}$/, fault("LIMIT", "limit 须为1至100的整数", "limit is a whole number from 1 to 100"))
    .transform(Number)
    .pipe(
      z
        .int()
        .min(1, fault("LIMIT", "limit 须为1至100的整数", "limit is a whole number from 1 to 100"))
        .max(100, fault("LIMIT", "limit 须为1至100的整数", "limit is a whole number from 1 to 100")),
    )
    .default(20),
  cursor: z.string().max(2000).optional(),
};

export function pageSchema<Entry extends z.ZodType>(entry: Entry) {
  return z.object({ items: z.array(entry), next: z.string().optional() });
}

export function languageOf(c: Context): Language {
  return preferredLanguage(c.req.raw.headers.get("accept-language") ?? undefined);
}

export function requireRole(caller: Caller | undefined, ...roles: Role[]): Caller {
  if (caller === undefined) throw unauthenticated();
  if (!hasRole(caller, ...roles)) throw forbidden();
  return caller;
}

export function etagOf(version: number): string {
  return `"${version}"`;
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
  const version = /^"(\d{1,9})"$/.exec(header)?.[1];
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

/** What `once` needs of the instance. */
export type OnceDeps = Pick<WebDeps, "table" | "now" | "secret">;

type OnceOptions = {
  /** Takes what is shown only once out of a body: strangers' repeats get this, and others' are kept encrypted. */
  hide?: (body: never) => unknown;
};

/**
 * Runs a verb that creates by one transaction and answers it. With an Idempotency-Key the answer is kept in that same
 * transaction: of equal requests one has the effect, and all get its answer.
 */
export async function once<Result>(
  deps: OnceDeps,
  call: Pick<Call, "claim" | "caller">,
  verb: (commit: Commit<unknown>) => Promise<Result>,
  toAnswer: (result: Result) => Answer,
  options: OnceOptions = {},
): Promise<Answer> {
  const { claim } = call;
  if (claim === undefined) return toAnswer(await verb((writes) => deps.table.write(writes)));
  let kept = false;
  const result = await verb(async (writes, outcome) => {
    const answer = toAnswer(outcome as Result);
    const write: Write = { put: recordOf(deps, call, claim, answer, options), if: { absent: true } };
    const written = await deps.table.write([...writes, write]);
    if (!written.ok && written.failed.includes(writes.length)) throw await replay(deps, claim);
    kept = written.ok;
    return written;
  });
  const answer = toAnswer(result);
  if (!kept) await keep(deps, call, claim, answer, options);
  return answer;
}

/** The same for work in several transactions: the key is held while it runs, and the answer kept at its end. */
export async function onceInSteps(
  deps: OnceDeps,
  call: Pick<Call, "claim" | "caller">,
  work: () => Promise<Answer>,
  options: OnceOptions = {},
): Promise<Answer> {
  const { claim } = call;
  if (claim === undefined) return work();
  const version = await hold(deps, claim);
  if (version === undefined) throw await replay(deps, claim);
  let answer: Answer | undefined;
  try {
    answer = await work();
  } finally {
    if (answer === undefined) await release(deps, claim, version);
  }
  const kept = { ...recordOf(deps, call, claim, answer, options), version: version + 1 };
  await deps.table.write([{ put: kept, if: { version } }]);
  return answer;
}

function recordOf(
  deps: OnceDeps,
  { caller }: Pick<Call, "caller">,
  claim: Claim,
  answer: Answer,
  options: OnceOptions,
) {
  const { hide } = options;
  const shown = hide && caller === undefined ? { ...answer, body: hide(answer.body as never) } : answer;
  return keptAnswer(deps, claim, shown, { sealed: hide !== undefined && caller !== undefined });
}

async function keep(deps: OnceDeps, call: Pick<Call, "caller">, claim: Claim, answer: Answer, options: OnceOptions) {
  await deps.table.write([{ put: recordOf(deps, call, claim, answer, options), if: { absent: true } }]);
}

/** Leaves the verb from inside: somebody else's equal request was first. */
async function replay(deps: OnceDeps, claim: Claim): Promise<Error> {
  const answer = await replayOf(deps, claim);
  return answer
    ? Object.assign(new HTTPException(), { answer })
    : new AppError("unavailable", "IDEMPOTENCY_UNSETTLED", { zh: "请重试同一请求", en: "repeat the same request" });
}

/** The page that a list's query asks for, as the verbs take it. */
export function nextOf(call: { query: { limit: number }; after: string | undefined }): {
  limit: number;
  after?: string;
} {
  return { limit: call.query.limit, ...(call.after === undefined ? {} : { after: call.after }) };
}

/** A page of a list as `{items, next}`; `next` becomes a cursor that works for this list and caller only. */
export function listed<Entry>(
  deps: Pick<WebDeps, "secret">,
  call: Pick<Call, "c" | "caller">,
  page: { items: Entry[]; next?: string },
  toBody: (entry: Entry) => unknown = (entry) => entry,
): Answer {
  const items = page.items.map((entry) => toBody(entry));
  const next = page.next === undefined ? {} : { next: sealCursor(deps.secret, cursorScope(call), page.next) };
  return { status: 200, body: { items, ...next } };
}

function cursorScope({ c, caller }: Pick<Call, "c" | "caller">): string {
  const url = new URL(c.req.url);
  const filters = [...url.searchParams].filter(([name]) => name !== "cursor" && name !== "limit").sort();
  return JSON.stringify([url.pathname, filters, caller ? (caller.unitId ?? "every unit") : "public"]);
}

export type Door = {
  deps: WebDeps;
  bearers: Bearers;
  limiter: Limiter;
  headers: Readonly<Record<string, string>>;
  refuse: (c: Context, error: unknown, headers: Record<string, string>) => Response;
};

/** The one way in for every call: credential, limits, body, key, verb, answer. */
export function handlerOf(door: Door, { spec, handle }: Route): (c: Context) => Promise<Response> {
  const { deps, bearers, limiter } = door;
  const types = spec.text ?? ["application/json"];
  const limit = spec.bodyLimit ?? BODY_BYTES;
  const strangers: PolicyName = spec.limit ?? (spec.method === "get" ? "readers" : "strangers");
  const names = [...spec.path.matchAll(/\{(\w+)\}/g)].map((match) => match[1] ?? "");
  const routeName = `${spec.method} ${spec.path}`;
  const mayBeBare = spec.method === "post" && spec.body?.safeParse({}).success === true;

  async function enter(c: Context, headers: Record<string, string>): Promise<Answer | Response> {
    const request = c.req.raw;
    const bearer = bearers.presented(request);
    const known = bearer === undefined ? undefined : bearers.known(bearer);
    const caller = known instanceof Promise ? await known : known;
    await count(c, bearer, caller, headers);
    if (spec.who === "holder") {
      if (bearer === undefined) throw unauthenticated();
    } else if (bearer !== undefined && caller === undefined) throw unauthenticated();
    else if (spec.who !== "public") requireRole(caller, ...spec.who);

    const call: Call = {
      c,
      caller: caller as Caller,
      bearer,
      params: paramsOf(c, names),
      body: undefined,
      text: "",
      query: undefined as never,
      after: undefined,
      claim: undefined,
    };
    readQuery(call);
    const takesBody = spec.body !== undefined || spec.text !== undefined;
    if (takesBody) {
      const bare = mayBeBare && isBare(request);
      if (!bare) checkBodyHeaders(request, types, limit);
      call.text = bare ? "{}" : await readText(request, limit);
    }
    if (spec.creates) {
      const header = request.headers.get("idempotency-key");
      if (header !== null) {
        const replayed = await claim(call, header);
        if (replayed) return replayed;
      }
    }
    if (spec.body !== undefined) call.body = checked(spec.body, readJson(call.text));
    else if (spec.text !== undefined && !isStorable(call.text)) throw unstorable();
    try {
      return await handle(call);
    } catch (error) {
      if (call.claim && error instanceof AppError && isKept(error)) await keepRefusal(call, call.claim, error);
      throw error;
    }
  }

  async function count(
    c: Context,
    bearer: string | undefined,
    caller: Caller | undefined,
    headers: Record<string, string>,
  ): Promise<void> {
    if (caller?.roles.includes("admin")) return;
    const policy = caller ? "tokens" : bearer === undefined ? strangers : "guesses";
    if (policy === strangers && spec.who !== "public") return; // is answered 401 without any work
    const who = caller ? caller.id : addressGroup(deps.remoteAddress?.(c) ?? "unknown");
    const pending = limiter.take(policy, who);
    const taken = pending instanceof Promise ? await pending : pending;
    Object.assign(headers, limitHeaders(taken));
    if (taken.over) throw tooMany(taken.resetSeconds);
  }

  function readQuery(call: Call): void {
    const url = call.c.req.raw.url;
    if (spec.query === undefined && !url.includes("?")) return;
    const values: Record<string, string> = Object.create(null);
    for (const [name, value] of new URL(url).searchParams) {
      if (/^(access_)?token$/.test(name))
        throw new AppError("malformed", "TOKEN_IN_QUERY", {
          zh: "令牌不得放在网址中，请使用 Authorization 头",
          en: "a token does not belong into an address; use the Authorization header",
        });
      if (!isStorable(value) || !isStorable(name)) throw unstorable();
      if (name in values) throw invalidInput([{ pointer: pointerOf([name]), ...REPEATED }]);
      values[name] = value;
    }
    call.query = checked(spec.query ?? NO_QUERY, { ...values }) as never;
    const { cursor } = call.query as { cursor?: string };
    if (cursor !== undefined) call.after = openCursor(deps.secret, cursorScope(call), cursor);
  }

  async function claim(call: Call, header: string): Promise<Answer | undefined> {
    const { caller } = call;
    const path = new URL(call.c.req.raw.url).pathname;
    const key = idempotencyKey(header);
    call.claim = claimOf({ route: routeName, path, key, body: call.text, ...(caller ? { caller: caller.id } : {}) });
    return replayOf(deps, call.claim);
  }

  async function keepRefusal(call: Call, claim: Claim, error: AppError): Promise<void> {
    const answer = refusal(call.c, error);
    await deps.table.write([{ put: keptAnswer(deps, claim, answer, { sealed: false }), if: { absent: true } }]);
  }

  return async (c) => {
    const headers: Record<string, string> = { ...door.headers };
    try {
      return written(c, await enter(c, headers), headers, spec.who === "public");
    } catch (error) {
      if (error instanceof HTTPException && "answer" in error)
        return written(c, error.answer as Answer, headers, spec.who === "public");
      return door.refuse(c, error, headers);
    }
  };
}

/** Sent without a body: a POST whose body may be `{}` takes that for it. */
function isBare({ headers }: Request): boolean {
  const length = headers.get("content-length");
  return (length === null || length === "0") && !headers.has("content-type") && !headers.has("transfer-encoding");
}

const NO_QUERY = z.strictObject({});
const REPEATED = { code: "REPEATED", detail: { zh: "参数只能出现一次", en: "a parameter occurs at most once" } };

function paramsOf(c: Context, names: string[]): Record<string, string> {
  const params: Record<string, string> = {};
  for (const name of names) {
    const value = c.req.param(name) ?? "";
    if (value.length > 200 || !isStorable(value)) throw unknownPlace();
    params[name] = value;
  }
  return params;
}

function unstorable(): AppError {
  return new AppError("invalid", "CHARACTER", {
    zh: "含有无法保存的字符",
    en: "holds a character that cannot be stored",
  });
}

export function unknownPlace(): AppError {
  return new AppError("not-found", "NOT_FOUND", { zh: "没有这个地址", en: "there is nothing at this address" });
}

/** Refusals that depend on the state a request met are its answer, and repeated; those of its form or rights are not. */
function isKept(error: AppError): boolean {
  if (error.code === "CHANGED_MEANWHILE" || error.code === "VERSION" || error.code.startsWith("IDEMPOTENCY_"))
    return false;
  return error.kind === "conflict" || error.kind === "not-found";
}

function refusal(c: Context, error: AppError): Answer {
  const language = languageOf(c);
  const problem = problemOf(error, language);
  return {
    status: problem.status,
    body: problem,
    headers: {
      ...problemHeaders(error),
      "content-type": "application/problem+json",
      "content-language": language,
    },
  };
}

function written(c: Context, answer: Answer | Response, headers: Record<string, string>, isPublic: boolean): Response {
  if (answer instanceof Response) {
    for (const [name, value] of Object.entries(headers)) if (!answer.headers.has(name)) answer.headers.set(name, value);
    return answer;
  }
  const { status, body, version } = answer;
  const reads = c.req.method === "GET" || c.req.method === "HEAD";
  headers["cache-control"] = reads ? (isPublic ? "no-cache" : "private, no-cache") : "no-store";
  if (isPublic && reads) headers["vary"] = "Authorization, Accept-Language";
  if (version !== undefined) headers["etag"] = etagOf(version);
  Object.assign(headers, answer.headers);
  if (reads && headers["etag"] !== undefined && has(c, headers["etag"]))
    return new Response(null, { status: 304, headers });
  if (body === undefined) return new Response(null, { status, headers });
  headers["content-type"] ??= "application/json; charset=utf-8";
  return new Response(JSON.stringify(body), { status, headers });
}

function has(c: Context, etag: string): boolean {
  const none = c.req.raw.headers.get("if-none-match");
  if (none === null) return false;
  return none.split(",").some((one) => ["*", etag, `W/${etag}`].includes(one.trim()));
}
