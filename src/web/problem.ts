import { STATUS_CODES } from "node:http";
import { AppError, type ErrorKind } from "#src/errors.ts";
import { type Language, say, type Text } from "#src/text.ts";

export const STATUS_OF: Record<ErrorKind, number> = {
  malformed: 400,
  unauthenticated: 401,
  forbidden: 403,
  "not-found": 404,
  method: 405,
  conflict: 409,
  stale: 412,
  "too-large": 413,
  "media-type": 415,
  invalid: 422,
  "precondition-required": 428,
  "too-many": 429,
  unavailable: 503,
};

const RETRY_SECONDS = 5;

export type Problem = {
  type: string;
  title: string;
  status: number;
  detail: string;
  code: string;
  errors?: { pointer: string; code: string; detail: string }[];
};

/** The RFC 9457 document of a refusal, in the reader's language. */
export function problemOf(error: AppError, language: Language): Problem {
  const status = STATUS_OF[error.kind];
  return {
    type: "about:blank",
    title: STATUS_CODES[status] ?? "Error",
    status,
    detail: say(error.detail, language),
    code: error.code,
    ...(error.errors.length === 0
      ? {}
      : {
          errors: error.errors.map(({ pointer, code, detail }) => ({ pointer, code, detail: say(detail, language) })),
        }),
  };
}

/** What the status asks for beside the document: who may call, when to come again. */
export function problemHeaders(error: AppError): Record<string, string> {
  if (error.kind === "unauthenticated") return { "www-authenticate": 'Bearer realm="gaoshi"' };
  if (error.kind === "too-many" || error.kind === "unavailable")
    return { "retry-after": String(error.retryAfterSeconds ?? RETRY_SECONDS) };
  return error.retryAfterSeconds === undefined ? {} : { "retry-after": String(error.retryAfterSeconds) };
}

const FAULT: Text = {
  zh: "服务出现故障，已记录，请稍后再试",
  en: "something broke on our side; it has been recorded, please try again later",
};

export function faultProblem(requestId: string, language: Language): Problem & { requestId: string } {
  return {
    type: "about:blank",
    title: "Internal Server Error",
    status: 500,
    detail: say(FAULT, language),
    code: "INTERNAL",
    requestId,
  };
}

export function problemResponse(problem: Problem, language: Language, headers: Record<string, string>): Response {
  return new Response(JSON.stringify(problem), {
    status: problem.status,
    headers: {
      "cache-control": "no-store",
      ...headers,
      "content-type": "application/problem+json",
      "content-language": language,
      vary: "Accept-Language",
    },
  });
}

export function unknownPlace(): AppError {
  return new AppError("not-found", "NOT_FOUND", { zh: "没有这个地址", en: "there is nothing at this address" });
}
