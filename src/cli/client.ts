export type Answer = { status: number; body: Record<string, unknown>; etag: string | undefined };

export type Client = (
  method: string,
  path: string,
  body?: { json?: unknown; bytes?: string; type?: string; headers?: Record<string, string> },
) => Promise<Answer>;

/** Says in one paragraph what the server refused, where and why; the process ends with 1. */
export class Refused extends Error {
  constructor(status: number, problem: Record<string, unknown>) {
    const errors = Array.isArray(problem["errors"]) ? (problem["errors"] as Record<string, unknown>[]) : [];
    const lines = errors.map((e) => `  ${e["pointer"] ?? `line ${e["line"]}`}  ${e["code"]}  ${e["detail"]}`);
    super([`${status} ${problem["code"] ?? ""} ${problem["detail"] ?? problem["title"] ?? ""}`, ...lines].join("\n"));
    this.name = "Refused";
  }
}

/** A client of the API at `base` (the server's address without a path). */
export function apiClient(base: string, token: string | undefined, language: string): Client {
  if (!/^https?:\/\//.test(base) || !URL.canParse(base)) throw new Error(`${base} is not an address of a server`);
  return async (method, path, body) => {
    const payload = body?.bytes ?? (body?.json === undefined ? undefined : JSON.stringify(body.json));
    const response = await fetch(`${base.replace(/\/+$/, "")}/api/v1${path}`, {
      method,
      redirect: "error",
      headers: {
        "accept-language": language,
        ...(token ? { authorization: `Bearer ${token}` } : {}),
        ...(payload === undefined ? {} : { "content-type": body?.type ?? "application/json" }),
        ...body?.headers,
      },
      ...(payload === undefined ? {} : { body: payload }),
    }).catch((error: unknown) => {
      throw new Error(`no answer from ${base} (${reasonOf(error)})`);
    });
    const answer = objectIn(await response.text());
    if (!response.ok) throw new Refused(response.status, answer ?? { title: response.statusText });
    if (answer === undefined) throw new Error(`${base} does not answer as Gaoshi does`);
    return { status: response.status, body: answer, etag: response.headers.get("etag") ?? undefined };
  };
}

function reasonOf(error: unknown): string {
  const { cause = error } = error as { cause?: unknown };
  const { code, message } = cause as { code?: unknown; message?: unknown };
  return String(code ?? message ?? cause);
}

/** The JSON object that an answer is; undefined for what somebody else on the way answered. */
function objectIn(text: string): Record<string, unknown> | undefined {
  try {
    return text === "" ? {} : (JSON.parse(text) as Record<string, unknown>);
  } catch {
    return undefined;
  }
}
