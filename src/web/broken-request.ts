import { STATUS_CODES } from "node:http";
import type { Duplex } from "node:stream";

const REFUSALS: Record<string, { status: number; code: string; detail: string }> = {
  HPE_HEADER_OVERFLOW: { status: 431, code: "HEADER_SIZE", detail: "请求头过长 · the headers are too long" },
  ERR_HTTP_REQUEST_TIMEOUT: {
    status: 408,
    code: "REQUEST_TIMEOUT",
    detail: "请求没有及时传完 · the request did not arrive in time",
  },
};
const NO_HTTP = { status: 400, code: "HTTP", detail: "不是有效的HTTP请求 · this is not a valid HTTP request" };

/**
 * Answers what node:http could not read as a request with a problem document, like every other refusal, and hangs up. In
 * both languages: which one the caller reads is not known. What an answer was begun for is only cut off.
 */
export function refuseBroken(error: NodeJS.ErrnoException, socket: Duplex): void {
  const { _httpMessage: begun } = socket as Duplex & { _httpMessage?: { headersSent: boolean } };
  if (error.code === "ECONNRESET" || !socket.writable || begun?.headersSent) {
    socket.destroy();
    return;
  }
  const { status, code, detail } = REFUSALS[error.code ?? ""] ?? NO_HTTP;
  const title = STATUS_CODES[status] ?? "";
  const body = JSON.stringify({ type: "about:blank", title, status, detail, code });
  const head = [
    `HTTP/1.1 ${status} ${title}`,
    "Content-Type: application/problem+json",
    "Cache-Control: no-store",
    `Content-Length: ${Buffer.byteLength(body)}`,
    "Connection: close",
  ];
  socket.end(`${head.join("\r\n")}\r\n\r\n${body}`, () => socket.destroy());
}
