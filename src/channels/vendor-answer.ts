import type { Answer } from "./outgoing.ts";
import { cut, oneLine } from "./summary.ts";

/**
 * What a vendor's server said. HTTP 200 proves nothing with them: the word is a number in a JSON object.
 * - code: the number, 0 for yes. `message` is fit for logs and ledgers: one line, short, nothing in it that could be a key.
 * - garbled: no such number in it, whatever the status: a page, a piece of JSON, nothing at all.
 */
export type VendorAnswer =
  | { kind: "code"; status: number; code: number; message: string; body: Record<string, unknown> }
  | { kind: "garbled"; status: number; what: "empty" | "html" | "truncated" | "no json" | "no code" };

/** Members that may hold the code and the words, the first of them that does counts; WeCom's, DingTalk's by default. */
export type AnswerMembers = { codes: readonly string[]; messages: readonly string[] };

const TENCENT: AnswerMembers = { codes: ["errcode"], messages: ["errmsg"] };
const MESSAGE = 120;

/** At most the 64 KB that `Outgoing` read. Of several codes one that is not 0 counts. */
export function readVendorAnswer(
  { status, body: text, whole }: Extract<Answer, { kind: "answer" }>,
  members: AnswerMembers = TENCENT,
): VendorAnswer {
  const garbled = (what: Extract<VendorAnswer, { kind: "garbled" }>["what"]): VendorAnswer => ({
    kind: "garbled",
    status,
    what,
  });
  if (text.trim() === "") return garbled(whole ? "empty" : "truncated");
  if (/^\ufeff?\s*</.test(text)) return garbled("html");
  const body = parsed(text);
  if (body === undefined) return garbled(whole && !/^\ufeff?\s*[{[]/.test(text) ? "no json" : "truncated");
  if (!whole) return garbled("truncated");
  const found = members.codes.map((name) => body[name]).filter((one) => Number.isSafeInteger(one)) as number[];
  const code = found.find((one) => one !== 0) ?? found[0];
  if (code === undefined) return garbled("no code");
  const said = members.messages.map((name) => body[name]).find((one) => typeof one === "string");
  return { kind: "code", status, code, message: harmless(typeof said === "string" ? said : ""), body };
}

function parsed(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return undefined;
  }
}

/** Vendors repeat what they were sent: whatever is long enough to be a key, a token or a signature is left out. */
export function harmless(message: string): string {
  const said = oneLine(message.slice(0, 2000))
    .replace(/https?:\/\/\S+/gi, "…")
    .replace(/[A-Za-z0-9_+/=%.-]{20,}/g, "…");
  return cut(said, MESSAGE);
}
