import { sha256 } from "#src/ids.ts";

export type Representation = {
  body: string;
  contentType: string;
  /** When the newest thing in it changed (RFC 3339). */
  changedAt?: string | undefined;
  /** True only when `changedAt` moves with every change of the bytes: then If-Modified-Since is answered as well. */
  datedExactly?: boolean;
  cacheControl?: string;
  headers?: Record<string, string>;
  status?: number;
};

/**
 * Answers a GET or HEAD with a strong ETag made of the bytes themselves, or 304 when the reader has them already
 * (RFC 9110 13.1.2 and 13.1.3: If-None-Match alone decides when both are sent). What is `no-store` is always whole.
 */
export function conditional(request: Request, page: Representation): Response {
  const { cacheControl = "public, no-cache" } = page;
  // Bytes once: measuring, hashing and sending a text makes them anew each time.
  const body = Buffer.from(page.body);
  if (cacheControl === "no-store") return whole(request, page, body, { "cache-control": cacheControl });
  const etag = `"${sha256(body).slice(0, 32)}"`;
  const lastModified = page.changedAt === undefined ? undefined : new Date(page.changedAt).toUTCString();
  const headers: Record<string, string> = {
    etag,
    "cache-control": cacheControl,
  };
  if (lastModified !== undefined) headers["last-modified"] = lastModified;
  const none = request.headers.get("if-none-match");
  const fresh =
    none !== null
      ? matches(none, etag)
      : page.datedExactly === true && request.headers.get("if-modified-since") === lastModified;
  if (fresh && page.status === undefined)
    return new Response(null, { status: 304, headers: { ...headers, ...page.headers } });
  return whole(request, page, body, headers);
}

function whole(
  request: Request,
  page: Representation,
  body: Uint8Array<ArrayBuffer>,
  headers: Record<string, string>,
): Response {
  const all = { ...headers, ...page.headers, "content-type": page.contentType };
  return new Response(request.method === "HEAD" ? null : body, { status: page.status ?? 200, headers: all });
}

function matches(ifNoneMatch: string, etag: string): boolean {
  return ifNoneMatch.split(",").some((one) => {
    const tag = one.trim();
    return tag === "*" || tag.replace(/^W\//, "") === etag;
  });
}
