import type { Text } from "#src/text.ts";

export type ErrorKind =
  | "malformed" // 400 not readable as what it claims to be
  | "unauthenticated" // 401
  | "forbidden" // 403
  | "not-found" // 404
  | "method" // 405
  | "conflict" // 409
  | "stale" // 412 If-Match does not hold
  | "too-large" // 413
  | "media-type" // 415
  | "invalid" // 422 readable, but not acceptable
  | "precondition-required" // 428 If-Match missing
  | "too-many" // 429
  | "unavailable"; // 503 try again later

/** One thing wrong with an input: where (RFC 6901 pointer), a stable code, and what would be right. */
export type InputError = { pointer: string; code: string; detail: Text };

export class AppError extends Error {
  readonly kind: ErrorKind;
  readonly code: string;
  readonly detail: Text;
  readonly errors: InputError[];
  readonly retryAfterSeconds: number | undefined;

  constructor(
    kind: ErrorKind,
    code: string,
    detail: Text,
    more: { errors?: InputError[]; retryAfterSeconds?: number; cause?: unknown } = {},
  ) {
    super(`${code}: ${detail.en}`, { cause: more.cause });
    this.name = "AppError";
    this.kind = kind;
    this.code = code;
    this.detail = detail;
    this.errors = more.errors ?? [];
    this.retryAfterSeconds = more.retryAfterSeconds;
  }
}

const SEPARATOR = "\u001f";

/**
 * Packs a stable code and both languages into the one message string a zod check carries:
 * `z.string().max(80, fault("TITLE_LENGTH", "标题须为4至80个字", "the title must have 4 to 80 characters"))`.
 * `readFault` takes it apart again at the door.
 */
export function fault(code: string, zh: string, en: string): string {
  return [code, zh, en].join(SEPARATOR);
}

export function readFault(message: string): { code: string; detail: Text } | undefined {
  const [code, zh, en] = message.split(SEPARATOR);
  return code && zh && en ? { code, detail: { zh, en } } : undefined;
}
