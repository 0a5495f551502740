import type { MailNotice } from "#src/domain/deliveries/mail-notice.ts";

/** Header fields by lower-case name, unfolded; of a field that occurs twice the first. */
type Fields = ReadonlyMap<string, string>;
type Part = { fields: Fields; body: string };

const PARTS = 50;
const DEPTH = 4;

/**
 * What a raw mail reports about one of ours: a delivery status notification (RFC 3464), or a complaint (ARF,
 * RFC 5965). Empty for anything else.
 * `prove` answers the endpoint of a Message-ID or envelope id that is ours: what cannot be proven is no report.
 */
export function mailReports(raw: string, prove: (id: string) => string | undefined): MailNotice[] {
  const parts = partsOf(partIn(raw), 0);
  const complaint = parts.find(({ fields }) => typeOf(fields) === "message/feedback-report");
  const status = parts.find(({ fields }) => /^message\/(?:global-)?delivery-status$/.test(typeOf(fields)));
  if (!complaint && !status) return [];
  const blocks = (status?.body ?? "").split(/\r?\n\r?\n/).map(fieldsIn);
  const named = [
    ...parts.slice(1).flatMap(idsIn),
    ...blocks.flatMap((fields) => unquoted(fields.get("original-envelope-id"))),
  ];
  const id = named.find((one) => prove(one) !== undefined);
  const endpoint = id === undefined ? undefined : prove(id);
  if (id === undefined || endpoint === undefined) return [];
  const known = { endpoint, receipt: id.trim().replace(/^<|>$/g, "") };
  if (complaint) {
    const kind = fieldsIn(complaint.body).get("feedback-type")?.toLowerCase();
    return kind === "not-spam" ? [] : [{ kind: "complained", ...known }];
  }
  const recipient = blocks.find((fields) => fields.has("action"));
  const action = recipient?.get("action")?.toLowerCase() ?? "";
  const code = codeOf(recipient?.get("status") ?? "", recipient?.get("diagnostic-code") ?? "");
  return [{ kind: kindOf(action, code), ...known, ...(code === "" ? {} : { detail: code }) }];
}

/** The subject of a raw mail; empty when it has none. */
export function mailSubject(raw: string): string {
  return partIn(raw).fields.get("subject") ?? "";
}

const CODE = /\b[245]\.\d{1,3}\.\d{1,3}\b/;

/** The status; where it says nothing (5.0.0), what the server's own words say. */
function codeOf(status: string, diagnostic: string): string {
  const code = CODE.exec(status)?.[0] ?? "";
  if (code !== "5.0.0" && code !== "") return code;
  const told = CODE.exec(diagnostic.replace(/\d{1,3}(?:\.\d{1,3}){3}/g, ""))?.[0];
  if (told) return told;
  return /\b55[01]\b.*(?:unknown|no such|not found|not exist|不存在)/i.test(diagnostic) ? "5.1.1" : code;
}

/** RFC 3463: only what says that there is no such mailbox ends it; a full one, a size or a policy does not. */
export function kindOf(action: string, code: string): MailNotice["kind"] {
  if (action === "delivered" || action === "relayed" || action === "expanded") return "delivered";
  if (action !== "failed") return "delayed";
  return /^5\.(?:1\.(?:1|2|3|6|10)|2\.1|4\.4)$/.test(code) ? "bounced" : "refused";
}

function partIn(text: string): Part {
  const split = /\r?\n\r?\n/.exec(text);
  const head = split ? text.slice(0, split.index) : text;
  return { fields: fieldsIn(head), body: split ? text.slice(split.index + split[0].length) : "" };
}

function fieldsIn(text: string): Fields {
  const fields = new Map<string, string>();
  for (const line of text.replace(/\r?\n[ \t]+/g, " ").split(/\r?\n/)) {
    const colon = line.indexOf(":");
    const name = line.slice(0, colon).trim().toLowerCase();
    if (colon > 0 && /^[!-9;-~]+$/.test(name) && !fields.has(name)) fields.set(name, line.slice(colon + 1).trim());
  }
  return fields;
}

function typeOf(fields: Fields): string {
  return (fields.get("content-type") ?? "text/plain").split(";", 1)[0]?.trim().toLowerCase() ?? "";
}

/** A mail and the parts within it, the outermost first; only so many, and only so deep. */
function partsOf(part: Part, depth: number): Part[] {
  const boundary = /;\s*boundary\s*=\s*(?:"([^"]{1,200})"|([^\s;"]{1,200}))/i.exec(
    part.fields.get("content-type") ?? "",
  );
  const mark = boundary?.[1] ?? boundary?.[2];
  const whole = { ...part, body: decoded(part) };
  if (mark === undefined || depth >= DEPTH || !typeOf(part.fields).startsWith("multipart/")) return [whole];
  const pieces = `\n${part.body}`.split(`\n--${mark}`).slice(1, PARTS);
  const inside = pieces
    .filter((piece) => !piece.startsWith("--"))
    .map((piece) => partIn(piece.replace(/^[ \t]*\r?\n/, "")));
  return [whole, ...inside.flatMap((one) => partsOf(one, depth + 1))].slice(0, PARTS);
}

function decoded({ fields, body }: Part): string {
  const encoding = fields.get("content-transfer-encoding")?.toLowerCase();
  if (encoding === "base64") return Buffer.from(body, "base64").toString("latin1");
  if (encoding !== "quoted-printable") return body;
  return body
    .replace(/=\r?\n/g, "")
    .replace(/=([0-9A-F]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
}

/** Message-IDs that a part carries of the mail it gives back, whole or as its head. */
function idsIn({ fields, body }: Part): string[] {
  if (!/^(?:message\/(?:rfc822|global)|text\/rfc822-headers|message\/(?:global-headers))$/.test(typeOf(fields)))
    return [];
  const id = /<[^<>\s]{1,400}>/.exec(partIn(body).fields.get("message-id") ?? "")?.[0];
  return id ? [id] : [];
}

/** An envelope id as the server gives it back: xtext (RFC 3461 4) with a sign for every odd character. */
function unquoted(text: string | undefined): string[] {
  return text
    ? [text.replace(/\+([0-9A-F]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))]
    : [];
}
