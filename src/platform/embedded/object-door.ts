import { AppError } from "#src/errors.ts";
import { preferredLanguage, say, type Text } from "#src/text.ts";
import type { LocalBucket } from "./bucket.ts";
import { type Link, type Links, OBJECTS } from "./links.ts";

type Refusal = { status: number; title: string; code: string; detail: Text };

const REFUSALS = {
  link: {
    status: 403,
    title: "Forbidden",
    code: "LINK_INVALID",
    detail: { zh: "链接无效", en: "this link is not valid" },
  },
  expired: {
    status: 403,
    title: "Forbidden",
    code: "LINK_EXPIRED",
    detail: { zh: "链接已过期", en: "this link has expired" },
  },
  missing: {
    status: 404,
    title: "Not Found",
    code: "NOT_FOUND",
    detail: { zh: "文件不存在", en: "there is no such file" },
  },
  method: {
    status: 405,
    title: "Method Not Allowed",
    code: "METHOD",
    detail: { zh: "不支持此方法", en: "this method is not supported here" },
  },
  length: {
    status: 411,
    title: "Length Required",
    code: "LENGTH_REQUIRED",
    detail: { zh: "请求须带Content-Length", en: "a Content-Length is needed" },
  },
  type: {
    status: 415,
    title: "Unsupported Media Type",
    code: "UPLOAD_TYPE",
    detail: { zh: "文件类型与申报的不符", en: "the file is not of the announced type" },
  },
} satisfies Record<string, Refusal>;

/** Answers what signed links point to; undefined for every other request. Objects are only ever sent as attachments. */
export function objectDoor(deps: { bucket: LocalBucket; links: Links; now: () => Date }) {
  const { bucket, links, now } = deps;
  return async (request: Request): Promise<Response | undefined> => {
    const url = new URL(request.url);
    if (!url.pathname.startsWith(OBJECTS)) return undefined;
    const link = links.read(url);
    if (!link) return refuse(request, REFUSALS.link);
    const methods = link.act === "upload" ? ["PUT"] : ["GET", "HEAD"];
    if (!methods.includes(request.method)) return refuse(request, REFUSALS.method, { allow: methods.join(", ") });
    if (link.until * 1000 <= now().getTime()) return refuse(request, REFUSALS.expired);
    return link.act === "upload" ? upload(bucket, link, request) : download(bucket, link, request);
  };
}

async function upload(bucket: LocalBucket, link: Link & { act: "upload" }, request: Request): Promise<Response> {
  const length = request.headers.get("content-length");
  if (length === null) return refuse(request, REFUSALS.length);
  if (request.headers.get("content-type") !== link.contentType) return refuse(request, REFUSALS.type);
  try {
    if (Number(length) > link.size) throw tooLarge();
    await bucket.take(link.key, link.contentType, bytesOf(request), link);
    return new Response(null, { status: 200 });
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    const [status, title] = STATUS[error.kind] ?? [503, "Service Unavailable"];
    return refuse(request, { status, title, code: error.code, detail: error.detail }, { connection: "close" });
  }
}

const STATUS: Partial<Record<AppError["kind"], [number, string]>> = {
  "too-large": [413, "Content Too Large"],
  malformed: [400, "Bad Request"],
};

const tooLarge = (): AppError =>
  new AppError("too-large", "UPLOAD_SIZE", { zh: "文件比申报的大", en: "the file is larger than announced" });

async function* bytesOf(request: Request): AsyncGenerator<Uint8Array> {
  if (request.body) for await (const chunk of request.body) yield chunk;
}

async function download(bucket: LocalBucket, link: Link & { act: "download" }, request: Request): Promise<Response> {
  const object = await bucket.get(link.key);
  if (!object) return refuse(request, REFUSALS.missing);
  const body = request.method === "HEAD" ? null : new Uint8Array(object.bytes);
  return new Response(body, {
    headers: {
      "content-type": object.contentType,
      "content-length": String(object.bytes.byteLength),
      "content-disposition": attachment(link.fileName),
      "content-security-policy": "sandbox",
      "x-content-type-options": "nosniff",
      "cache-control": "private, no-store",
    },
  });
}

/** RFC 6266: an ASCII name for old readers, the real one in UTF-8 (RFC 8187). */
export function attachment(fileName: string): string {
  const plain = fileName.replace(/[^\x20-\x7e]|["\\%]/g, "_");
  const encoded = encodeURIComponent(fileName.toWellFormed()).replace(
    /['()*]/g,
    (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`,
  );
  return `attachment; filename="${plain}"; filename*=UTF-8''${encoded}`;
}

function refuse(request: Request, refusal: Refusal, headers: Record<string, string> = {}): Response {
  const { detail, ...rest } = refusal;
  const language = preferredLanguage(request.headers.get("accept-language") ?? undefined);
  return new Response(JSON.stringify({ type: "about:blank", ...rest, detail: say(detail, language) }), {
    status: refusal.status,
    headers: { "content-type": "application/problem+json", "x-content-type-options": "nosniff", ...headers },
  });
}
