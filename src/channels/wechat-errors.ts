import type { Outcome, Pause } from "#src/domain/deliveries/channel.ts";
import type { Reply } from "./wechat-call.ts";

/**
 * What an error code means for the push.
 * - busy: try again. minute, day, month: too much for that long. broken: this message will never be taken.
 * - gone: the receiver has ended. refused: the receiver does not want it. setup: an operator has to act.
 */
export type ErrorClass = "busy" | "minute" | "day" | "month" | "broken" | "gone" | "refused" | "setup";

/** Code → class and a word for the operator. */
export type ErrorTable = Readonly<Record<number, readonly [ErrorClass, string]>>;

const SETUP_SECONDS = 600;
const MINUTE_SECONDS = 60;
const MOST_SECONDS = 86_400;

/** What both families of servers answer (WeChat "global return codes", WeCom path 90313). */
const COMMON: ErrorTable = {
  [-1]: ["busy", "the vendor is busy"],
  40001: ["setup", "the secret or the token is refused"],
  40013: ["setup", "the account id is wrong"],
  40014: ["setup", "the token is refused"],
  42001: ["setup", "the token has ended"],
  40125: ["setup", "the secret is wrong"],
  40164: ["setup", "this server's address is not on the allowlist"],
  40243: ["setup", "the secret is frozen"],
  45009: ["day", "the day's calls are used up"],
  45011: ["minute", "too many calls in a minute"],
  48001: ["setup", "the account has no right to this call"],
  48004: ["setup", "the right to this call is banned"],
  50002: ["setup", "the account is restricted"],
  47001: ["broken", "the message cannot be read"],
  44002: ["broken", "the message is empty"],
  44003: ["broken", "the article is empty"],
  44004: ["broken", "the text is empty"],
  45001: ["broken", "the media is too large"],
  45002: ["broken", "the text is too long"],
  45003: ["broken", "the title is too long"],
  45004: ["broken", "the description is too long"],
  45005: ["broken", "the link is too long"],
  45006: ["broken", "the picture link is too long"],
  45007: ["broken", "the voice is too long"],
  45008: ["broken", "there are too many articles"],
};

/** `unsure`: what a call of unknown effect comes to: `retry` where a repeat is harmless. */
export function failureOf(
  reply: Exclude<Reply, { kind: "ok" }>,
  how: { now: Date; errors: ErrorTable; unsure: "retry" | "unknown" },
): Outcome {
  switch (reply.kind) {
    case "no-token":
      return reply.fault;
    case "unreachable":
      return { kind: "retry", detail: "unreachable" };
    case "silent":
      return { kind: how.unsure, detail: "no answer came" };
    case "unreadable":
      return { kind: how.unsure, detail: `an answer that cannot be read (HTTP ${reply.status})` };
    case "refused":
      return ofStatus(reply);
    case "error":
      return ofCode(reply.code, how);
  }
}

function ofStatus({ status, namedSeconds }: Extract<Reply, { kind: "refused" }>): Outcome {
  const detail = `refused (HTTP ${status})`;
  if (status === 413) return { kind: "rejected", detail };
  if (status === 429) return paused(detail, { seconds: namedSeconds ?? MINUTE_SECONDS, because: "rate" });
  return { kind: "retry", detail, ...(namedSeconds === undefined ? {} : { retryAfterSeconds: namedSeconds }) };
}

function ofCode(code: number, { now, errors }: { now: Date; errors: ErrorTable }): Outcome {
  const known = errors[code] ?? COMMON[code];
  // The codes are of a business level below HTTP 200, which says nothing more.
  if (!known) return { kind: "retry", detail: `errcode ${code}` };
  const [kind, word] = known;
  const detail = `errcode ${code}: ${word}`;
  switch (kind) {
    case "busy":
      return { kind: "retry", detail };
    case "minute":
      return paused(detail, { seconds: MINUTE_SECONDS, because: "rate" });
    case "day":
      return paused(detail, { seconds: secondsToMidnight(now), because: "quota" });
    case "month":
      return paused(detail, { seconds: secondsToNextMonth(now), because: "quota" });
    case "setup":
      return paused(detail, { seconds: SETUP_SECONDS, because: "configuration" });
    case "gone":
      return { kind: "gone", detail };
    case "refused":
    case "broken":
      return { kind: "rejected", detail };
  }
}

export function paused(detail: string, pause: Pause): Extract<Outcome, { kind: "retry" }> {
  return { kind: "retry", detail, retryAfterSeconds: Math.min(MOST_SECONDS, pause.seconds), pause };
}

/** Nothing is set up here: what an operator has to do is said where the address is given. */
export const NOT_SET_UP = paused("the channel is not set up", { seconds: 60, because: "configuration" });

const SHANGHAI_MS = 8 * 3_600_000;

/** The vendors count days and months in China's time. */
export function secondsToMidnight(now: Date): number {
  const local = new Date(now.getTime() + SHANGHAI_MS);
  const next = Date.UTC(local.getUTCFullYear(), local.getUTCMonth(), local.getUTCDate() + 1);
  return Math.ceil((next - local.getTime()) / 1000);
}

export function secondsToNextMonth(now: Date): number {
  const local = new Date(now.getTime() + SHANGHAI_MS);
  return Math.ceil((Date.UTC(local.getUTCFullYear(), local.getUTCMonth() + 1) - local.getTime()) / 1000);
}

/** `YYYY-MM-DD HH:MM` in China's time. */
export function chinaMinute(at: string): string {
  return new Date(Date.parse(at) + SHANGHAI_MS).toISOString().slice(0, 16).replace("T", " ");
}
