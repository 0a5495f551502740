import type { ChannelMemory } from "#src/domain/deliveries/channel-memory.ts";
import type { SettingsReader } from "#src/domain/deliveries/channel-settings.ts";
import type { SharedTokens, TokenFault, TokenSource } from "#src/domain/deliveries/shared-token.ts";
import { parseVendorJson } from "#src/domain/deliveries/vendor-json.ts";
import type { Egress } from "./egress.ts";
import type { Answer, Outgoing } from "./outgoing.ts";
import { retryAfterSeconds } from "./retry-after.ts";

/** What a channel of the platform works with. */
export type WechatDeps = {
  egress: Egress;
  baseUrl: string;
  settings: SettingsReader;
  memory: ChannelMemory;
  now: () => Date;
  /** Another server than the platform's; tests only. */
  origin?: string;
  /** Shorter in tests. */
  seconds?: { answer: number; total: number };
};

/**
 * What a call of a WeChat or WeCom server came to. Both answer errors with HTTP 200 and an `errcode`.
 * - unreadable: an answer that is not theirs: HTML, cut JSON, nothing, 5xx. Whether the call counted is open.
 * - refused: 3xx or 4xx, by their own definition (RFC 9110 15) no: the call did not count. `namedSeconds`: until when, if it was said.
 * - silent: the request left, nothing came back. unreachable: nothing left.
 */
export type Reply =
  | { kind: "ok"; body: Readonly<Record<string, unknown>> }
  | { kind: "error"; code: number; body: Readonly<Record<string, unknown>> }
  | { kind: "unreadable"; status: number }
  | { kind: "refused"; status: number; namedSeconds?: number }
  | { kind: "silent" }
  | { kind: "unreachable" }
  | { kind: "no-token"; fault: TokenFault };

/** JSON as real UTF-8: `\u` escapes would be shown to readers as they are. */
export type Payload = { json: object } | { type: string; body: Buffer };

export type WechatCall = (source: TokenSource, path: string, payload: Payload) => Promise<Reply>;

const BAD_TOKEN = new Set([40001, 40014, 42001]);

/** Calls with the shared token in the query; a token that is refused is renewed once, never in a loop. */
export function makeWechatCall(deps: {
  outgoing: Outgoing;
  origin: string;
  tokens: SharedTokens;
  now: () => Date;
}): WechatCall {
  const { outgoing, origin, tokens } = deps;

  const post = async (path: string, token: string, payload: Payload): Promise<Reply> => {
    const mark = path.includes("?") ? "&" : "?";
    return readReply(
      await outgoing.send({
        method: "POST",
        url: `${origin}${path}${mark}access_token=${encodeURIComponent(token)}`,
        ...("json" in payload
          ? {
              headers: ["content-type", "application/json; charset=utf-8"],
              body: Buffer.from(JSON.stringify(payload.json)),
            }
          : { headers: ["content-type", payload.type], body: payload.body }),
        reads: true,
      }),
      deps.now(),
    );
  };

  return async (source, path, payload) => {
    const held = await tokens(source);
    if ("fault" in held) return { kind: "no-token", fault: held.fault };
    const first = await post(path, held.token, payload);
    if (first.kind !== "error" || !BAD_TOKEN.has(first.code)) return first;
    const fresh = await tokens(source, held.token);
    if ("fault" in fresh) return { kind: "no-token", fault: fresh.fault };
    return post(path, fresh.token, payload);
  };
}

export function readReply(answer: Answer, now: Date): Reply {
  if (answer.kind !== "answer") return { kind: answer.kind };
  const { status, headers } = answer;
  if (status >= 300 && status < 500) {
    const namedSeconds = retryAfterSeconds(headers["retry-after"], now);
    return { kind: "refused", status, ...(namedSeconds === undefined ? {} : { namedSeconds }) };
  }
  const body = answer.status === 200 && answer.whole ? parsed(answer.body) : undefined;
  if (!body) return { kind: "unreadable", status: answer.status };
  const { errcode = 0 } = body;
  if (typeof errcode !== "number" || !Number.isInteger(errcode)) return { kind: "unreadable", status: answer.status };
  return errcode === 0 ? { kind: "ok", body } : { kind: "error", code: errcode, body };
}

function parsed(text: string): Record<string, unknown> | undefined {
  try {
    const value = parseVendorJson(text);
    return typeof value === "object" && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : undefined;
  } catch {
    return undefined;
  }
}

/** An id that a vendor gave, of text or number, in bounds; undefined when it gave none. */
export function idIn(body: Readonly<Record<string, unknown>>, name: string): string | undefined {
  const value = body[name];
  const text = typeof value === "number" && Number.isSafeInteger(value) ? String(value) : value;
  return typeof text === "string" && /^[\x21-\x7e]{1,512}$/.test(text) ? text : undefined;
}

// Both reserve 512 characters for it.
const TOKEN = /^[\x21-\x7e]{1,512}$/;

/** Token and lifetime as both vendors answer them. */
export function tokenIn(reply: Reply): { token: string; seconds: number } | undefined {
  if (reply.kind !== "ok") return undefined;
  const { access_token: token, expires_in: seconds } = reply.body;
  return typeof token === "string" &&
    TOKEN.test(token) &&
    typeof seconds === "number" &&
    seconds > 0 &&
    seconds <= 86_400
    ? { token, seconds }
    : undefined;
}
