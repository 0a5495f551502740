import type { Context } from "hono";
import { z } from "zod";
import type { Caller } from "#src/domain/members/member.ts";
import { AppError } from "#src/errors.ts";
import { sha256 } from "#src/ids.ts";
import type { DoorDeps } from "#src/web/app.ts";
import { type Bearers, unauthenticated } from "#src/web/auth.ts";
import { BODY_BYTES, checkBodyHeaders, isStorable, readJson, readText } from "#src/web/body.ts";
import { openCursor } from "#src/web/cursor.ts";
import { type Answer, type Claim, claimOf, idempotencyKey, keptAnswer, replayOf } from "#src/web/idempotency.ts";
import { checked, invalidInput, pointerOf } from "#src/web/input.ts";
import { addressGroup, type Limiter, limitHeaders, type PolicyName, type Taken, tooMany } from "#src/web/limits.ts";
import { problemHeaders, problemOf, unknownPlace } from "#src/web/problem.ts";
import { cursorScope } from "./list.ts";
import { replayIn } from "./once.ts";
import { type Call, languageOf, type Route, type RouteSpec, requireRole } from "./route.ts";

/** Names the version, which If-Match needs, and the bytes, which also hold names and words that no version counts. */
function etagOf(version: number, text: string): string {
  return `"${version}-${sha256(text).slice(0, 16)}"`;
}

export type Door = {
  deps: DoorDeps;
  bearers: Bearers;
  limiter: Limiter;
  headers: Readonly<Record<string, string>>;
  refuse: (c: Context, error: unknown, headers: Record<string, string>) => Promise<Response>;
};

/** The one way in for every call: credential, limits, body, key, verb, answer. */
export function handlerOf(door: Door, { spec, handle }: Route): (c: Context) => Promise<Response> {
  const { deps, bearers, limiter } = door;
  const types = spec.text ?? ["application/json"];
  const limit = spec.bodyLimit ?? BODY_BYTES;
  const strangers: PolicyName = spec.limit ?? (spec.method === "get" ? "readers" : "strangers");
  const names = [...spec.path.matchAll(/\{(\w+)\}/g)].map((match) => match[1] ?? "");
  const routeName = `${spec.method} ${spec.path}`;

  async function enter(c: Context, headers: Record<string, string>): Promise<Answer | Response> {
    const request = c.req.raw;
    const bearer = bearers.presented(request);
    const known = bearer === undefined ? undefined : bearers.known(bearer);
    const caller = known instanceof Promise ? await known : known;
    const counting = count(c, bearer, caller, headers);
    if (counting !== undefined) await counting;
    const byHolder = spec.who === "holder" && caller === undefined;
    if (byHolder && bearer !== undefined) {
      const { over, resetSeconds } = await limiter.take("tokens", bearer);
      if (over) throw tooMany(resetSeconds);
    }
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
      stands: async () => bearer !== undefined && (await bearers.known(bearer)) !== undefined,
    };
    readQuery(call);
    const takesBody = spec.body !== undefined || spec.text !== undefined;
    if (takesBody) {
      const bare = isBare(request) && mayBeBare(spec);
      if (!bare) checkBodyHeaders(request, types, limit);
      call.text = bare ? "{}" : await readText(request, limit, deps.connection?.(c));
    }
    if (spec.creates) {
      const header = request.headers.get("idempotency-key");
      if (header !== null) {
        const replayed = await claim(call, header);
        if (replayed) return replayed;
      }
    }
    if (spec.body !== undefined) call.body = checked(spec.body, readJson(call.text));
    else if (spec.text?.includes("text/plain") && !isStorable(call.text)) throw unstorable(); // JSON: where it is parsed
    try {
      const answer = await handle(call);
      // The verb found that the token is its holder's, so this was no guess.
      if (byHolder) limiter.giveBack("guesses", strangerAt(c));
      record(call, String(answer.status));
      return answer;
    } catch (error) {
      record(call, error instanceof AppError ? error.code : replayIn(error) ? "REPLAYED" : "INTERNAL");
      if (call.claim && error instanceof AppError && isKept(error)) await keepRefusal(call, call.claim, error);
      throw error;
    }
  }

  /** Who did what to which object, and what came of it: of every call that only some may make and that changes things. */
  function record({ caller, params }: Call, outcome: string): void {
    if (typeof spec.who === "string" || spec.method === "get") return;
    deps.log.info("acted", { route: routeName, actor: caller?.id, outcome, ...(params as Record<string, string>) });
  }

  function strangerAt(c: Context): string {
    return addressGroup(deps.remoteAddress?.(c) ?? "unknown");
  }

  function count(
    c: Context,
    bearer: string | undefined,
    caller: Caller | undefined,
    headers: Record<string, string>,
  ): Promise<void> | undefined {
    if (caller?.roles.includes("admin")) return undefined;
    const policy = caller ? "tokens" : bearer === undefined ? strangers : "guesses";
    if (policy === strangers && spec.who !== "public") return undefined; // is answered 401 without any work
    const who = caller ? caller.id : strangerAt(c);
    const tell = (taken: Taken): void => {
      Object.assign(headers, limitHeaders(taken));
      if (taken.over) throw tooMany(taken.resetSeconds);
    };
    const taken = limiter.take(policy, who);
    if (taken instanceof Promise) return taken.then(tell);
    tell(taken);
    return undefined;
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
      const replayed = replayIn(error);
      if (replayed) return written(c, replayed, headers, spec.who === "public");
      return door.refuse(c, error, headers);
    }
  };
}

/** A POST whose body may be `{}` takes that for a body that was not sent. */
function mayBeBare({ method, body }: RouteSpec): boolean {
  return method === "post" && body?.safeParse({}).success === true;
}

function isBare({ headers }: Request): boolean {
  const length = headers.get("content-length");
  if (length !== null && length !== "0") return false;
  return !headers.has("content-type") && !headers.has("transfer-encoding");
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

/**
 * Refusals that depend on the state a request met are its answer, and repeated; those of its form or rights are not, nor what says
 * when the same request is worth another try.
 */
function isKept(error: AppError): boolean {
  if (error.retryAfterSeconds !== undefined) return false;
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
  const text = body === undefined ? "" : JSON.stringify(body);
  if (version !== undefined) headers["etag"] = etagOf(version, text);
  Object.assign(headers, answer.headers);
  if (reads && headers["etag"] !== undefined && has(c, headers["etag"]))
    return new Response(null, { status: 304, headers });
  if (body === undefined) return new Response(null, { status, headers });
  headers["content-type"] ??= "application/json; charset=utf-8";
  return new Response(text, { status, headers });
}

function has(c: Context, etag: string): boolean {
  const none = c.req.raw.headers.get("if-none-match");
  if (none === null) return false;
  return none.split(",").some((one) => ["*", etag, `W/${etag}`].includes(one.trim()));
}
