import { isUtf8 } from "node:buffer";
import type { Readable } from "node:stream";
import { AppError, type InputError } from "#src/errors.ts";
import { invalidInput, pointerOf } from "./input.ts";

export const BODY_BYTES = 256 * 1024;
const DEPTH = 32;
const KEYS = 10_000;

/** Refuses what can be refused before a byte is read: compressed, of another type, announced as too long. */
export function checkBodyHeaders(request: Request, types: readonly string[], limit: number): void {
  const encoding = request.headers.get("content-encoding");
  if (encoding !== null && encoding !== "identity")
    throw new AppError("media-type", "CONTENT_ENCODING", {
      zh: "不接受压缩的请求内容",
      en: "a compressed body is not accepted",
    });
  if (!types.includes(mediaType(request.headers.get("content-type"))))
    throw new AppError("media-type", "CONTENT_TYPE", {
      zh: `Content-Type 应为 ${types.join("、")}`,
      en: `the Content-Type must be ${types.join(" or ")}`,
    });
  const length = request.headers.get("content-length");
  if (length !== null && Number(length) > limit) throw tooLarge(limit);
}

/** Type and subtype in lower case; a charset other than UTF-8 is none of ours. */
function mediaType(contentType: string | null): string {
  if (contentType === null) return "";
  if (contentType === "application/json") return contentType;
  const [type = "", ...parameters] = contentType.toLowerCase().split(";");
  const charset = parameters.map((parameter) => parameter.trim()).find((parameter) => parameter.startsWith("charset="));
  if (charset !== undefined && !/^charset="?utf-?8"?$/.test(charset)) return "";
  return type.trim();
}

/** The body as text: at most `limit` bytes of valid UTF-8. */
export async function readText(request: Request, limit: number, connection?: Readable): Promise<string> {
  const bytes = await readBytes(request, limit, connection);
  if (!isUtf8(bytes))
    throw new AppError("malformed", "UTF8", { zh: "请求内容不是UTF-8编码", en: "the body is not valid UTF-8" });
  const text = bytes.toString("utf8");
  return text.charCodeAt(0) === 0xfeff ? text.slice(1) : text;
}

/** The body as it came: at most `limit` bytes. */
export async function readBytes(request: Request, limit: number, connection?: Readable): Promise<Buffer> {
  try {
    const announced = request.headers.get("content-length") !== null;
    const bytes = announced ? await whole(request, connection) : await drain(request, limit);
    if (bytes.length > limit) throw tooLarge(limit);
    return bytes;
  } catch (error) {
    if (error instanceof AppError) throw error;
    const detail = { zh: "请求内容没有传完", en: "the body did not arrive in full" };
    throw new AppError("malformed", "BODY_CUT", detail, { cause: error });
  }
}

/** A body whose length was announced, and so checked: the parser ends it there. */
async function whole(request: Request, connection: Readable | undefined): Promise<Buffer> {
  if (connection === undefined || connection.readableDidRead || connection.destroyed)
    return Buffer.from(await request.arrayBuffer());
  return new Promise((resolve, reject) => {
    let first: Buffer | undefined;
    let chunks: Buffer[] | undefined;
    connection.on("data", (chunk: Buffer) => {
      if (first === undefined) first = chunk;
      else if (chunks) chunks.push(chunk);
      else chunks = [first, chunk];
    });
    connection.on("end", () => resolve(chunks ? Buffer.concat(chunks) : (first ?? Buffer.alloc(0))));
    connection.on("error", reject);
    connection.on("close", () => connection.readableEnded || reject(new Error("closed")));
  });
}

async function drain(request: Request, limit: number): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of request.body ?? []) {
    size += chunk.byteLength;
    if (size > limit) throw tooLarge(limit);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function tooLarge(limit: number): AppError {
  return new AppError("too-large", "BODY_SIZE", {
    zh: `请求内容不得超过 ${limit} 字节`,
    en: `the body must have at most ${limit} bytes`,
  });
}

/**
 * JSON of a bounded shape. Refuses (400) what parsers disagree about: a key twice in one object, `__proto__`, more than
 * 32 levels or 10,000 keys; and (422, with a pointer) text that cannot be stored: NUL, lone surrogates, non-characters.
 * `parser`: for numbers that JSON.parse cannot hold.
 */
export function readJson(text: string, parser: (text: string) => unknown = JSON.parse): unknown {
  const keys = countKeys(text);
  const value = parse(text, parser);
  const suspect = text.includes("\\u") || text.includes("\uFFFE") || text.includes("\uFFFF");
  if (text.includes("__proto__") || suspect) refuseOddities(value);
  if (keys !== keysIn(value))
    throw new AppError("malformed", "DUPLICATE_KEY", {
      zh: "JSON中同一对象内有重复的字段名",
      en: "an object names the same key twice",
    });
  return value;
}

function parse(text: string, parser: (text: string) => unknown): unknown {
  try {
    return parser(text);
  } catch {
    throw new AppError("malformed", "JSON", { zh: "请求内容不是有效的JSON", en: "the body is not valid JSON" });
  }
}

const [QUOTE, BACKSLASH, COLON] = [0x22, 0x5c, 0x3a];

/** Colons outside strings are keys. Reads only structure: strings are skipped by the engine's own search. */
function countKeys(text: string): number {
  let keys = 0;
  let depth = 0;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code === QUOTE) i = endOfString(text, i);
    else if (code === COLON) keys++;
    else if (code === 0x7b || code === 0x5b) {
      if (++depth > DEPTH) throw tooDeep();
    } else if (code === 0x7d || code === 0x5d) depth--;
  }
  if (keys > KEYS) throw tooDeep();
  return keys;
}

function endOfString(text: string, start: number): number {
  let end = start;
  for (;;) {
    end = text.indexOf('"', end + 1);
    if (end < 0) return text.length;
    let slashes = 0;
    while (text.charCodeAt(end - 1 - slashes) === BACKSLASH) slashes++;
    if (slashes % 2 === 0) return end;
  }
}

function tooDeep(): AppError {
  return new AppError("malformed", "JSON_SHAPE", {
    zh: `JSON不得超过${DEPTH}层或${KEYS}个字段`,
    en: `JSON may have at most ${DEPTH} levels and ${KEYS} keys`,
  });
}

function keysIn(value: unknown): number {
  if (typeof value !== "object" || value === null) return 0;
  let count = 0;
  if (Array.isArray(value)) {
    for (const entry of value) count += keysIn(entry);
    return count;
  }
  for (const key in value) count += 1 + keysIn((value as Record<string, unknown>)[key]);
  return count;
}

const UNSTORABLE = /[\u0000\uFFFE\uFFFF]/;

export function isStorable(text: string): boolean {
  return !UNSTORABLE.test(text) && text.isWellFormed();
}

function refuseOddities(value: unknown): void {
  const errors: InputError[] = [];
  const look = (one: unknown, path: (string | number)[]): void => {
    if (typeof one === "string" && !isStorable(one)) errors.push({ pointer: pointerOf(path), ...CHARACTER });
    if (typeof one !== "object" || one === null) return;
    for (const [key, entry] of Object.entries(one)) {
      if (key === "__proto__" || !isStorable(key)) errors.push({ pointer: pointerOf(path), ...KEY_NAME });
      look(entry, [...path, key]);
    }
  };
  look(value, []);
  if (errors.length > 0) throw invalidInput(errors.slice(0, 20));
}

const CHARACTER = {
  code: "CHARACTER",
  detail: { zh: "含有无法保存的字符", en: "holds a character that cannot be stored" },
};
const KEY_NAME = { code: "KEY_NAME", detail: { zh: "字段名不被接受", en: "a key has a name that is not accepted" } };
