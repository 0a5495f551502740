import type { Readable } from "node:stream";
import type { Target } from "#src/domain/deliveries/channel.ts";
import { type Language, PRODUCT, say } from "#src/text.ts";
import type { Dkim, Sender } from "./email-settings.ts";
import { escaped, type MailText } from "./email-text.ts";
import { DKIM, encodeWords, foldLines, MailComposer } from "./nodemailer.ts";
import { oneLine } from "./summary.ts";

/** Where the receiver of a mail can leave, by a page or by a mail of their own (RFC 6068), and change what is sent. */
export type Ways = { leave: string; manage: string; leaveByMail?: string };

export type LetterHead = {
  sender: Sender;
  to: string;
  /** Message-ID and the root of its thread, without brackets. */
  id: string;
  thread?: string;
  /** Of the site: the domain of list ids. */
  host: string;
  date: Date;
  ways?: Ways;
};

/** Thrown where a mail was to be signed and could not be: sending it unsigned would teach receivers to distrust the domain. */
export const DKIM_FAILED = "the DKIM key does not sign";

/**
 * The bytes of one mail: multipart/alternative by RFC 2046, header lines by RFC 5322 and 2047, lists by RFC 2919, 2369 and 8058,
 * automatic by RFC 3834; signed by RFC 6376 over both unsubscribe headers when there is a key.
 */
export async function writeLetter(text: MailText, target: Pick<Target, "matched">, head: LetterHead): Promise<Buffer> {
  const { language, list } = text;
  const { sender, ways } = head;
  const footer = footerOf(text, target.matched, ways);
  const listed = list && ways ? { list, ways } : undefined;
  const composer = new MailComposer({
    from: { name: oneLine(sender.fromName ?? say(PRODUCT, language)), address: sender.from },
    to: { name: "", address: head.to },
    ...(sender.replyTo ? { replyTo: { name: "", address: sender.replyTo } } : {}),
    subject: text.subject,
    date: head.date,
    messageId: `<${head.id}>`,
    ...(head.thread ? { references: [`<${head.thread}>`] } : {}),
    text: `${text.text}\n\n${footer.text}\n`,
    html: page(text, footer.html),
    headers: [
      { key: "Auto-Submitted", value: "auto-generated" },
      { key: "X-Auto-Response-Suppress", value: "All" },
      { key: "Content-Language", value: language },
      ...(listed
        ? [
            { key: "Precedence", value: "bulk" },
            prepared("List-Id", `${words(listed.list.name)} <${label(listed.list.id)}.${domain(head.host)}>`),
            prepared("List-Unsubscribe", leaveWays(listed.ways)),
            { key: "List-Unsubscribe-Post", value: "List-Unsubscribe=One-Click" },
          ]
        : []),
    ],
    disableFileAccess: true,
    disableUrlAccess: true,
    newline: "windows",
  });
  const bytes = await composer.compile().build();
  return sender.dkim ? signed(bytes, sender.dkim) : bytes;
}

async function signed(bytes: Buffer, { domain, selector, key, unsigned }: Dkim): Promise<Buffer> {
  const signer = new DKIM({
    domainName: domain,
    keySelector: selector,
    privateKey: key,
    skipFields: unsigned.join(":"),
  });
  const whole = await collected(signer.sign(bytes));
  if (!whole.subarray(0, 15).toString("latin1").startsWith("DKIM-Signature:")) throw new Error(DKIM_FAILED);
  return whole;
}

async function collected(stream: Readable): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

/** RFC 2369 3.2: the preferred one first. The one click of RFC 8058 is a POST to the only https address among them. */
function leaveWays({ leave, leaveByMail }: Ways): string {
  return leaveByMail === undefined ? `<${leave}>` : `<${leave}>, <${leaveByMail}>`;
}

function prepared(key: string, value: string) {
  return {
    key,
    value: { prepared: true, foldLines: false, value: foldLines(`${key}: ${value}`, 76).slice(key.length + 2) },
  };
}

/** A phrase: encoded words, or a quoted string. */
function words(name: string): string {
  const line = oneLine(name).slice(0, 100);
  return /^[\x20-\x7e]*$/.test(line) ? `"${line.replace(/["\\]/g, "")}"` : encodeWords(line, "B", 52, true);
}

function label(id: string): string {
  return id.replace(/[^A-Za-z0-9-]/g, "-").slice(0, 63);
}

function domain(host: string): string {
  return /^[a-z0-9.-]+$/.test(host) ? host : "localhost";
}

/** Sizes are relative and nothing has a fixed width, so that a text of twice the size still fits. */
function page(text: MailText, footer: string): string {
  return `<!doctype html>
<html lang="${text.language}">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><meta name="color-scheme" content="light dark"><title>${escaped(text.subject)}</title></head>
<body style="margin:0;padding:1em;font-family:system-ui,'PingFang SC','Microsoft YaHei',sans-serif;font-size:1em;line-height:1.7">
<div style="max-width:42em;margin:0 auto;overflow-wrap:anywhere">
${text.html}
${footer}
</div>
</body>
</html>
`;
}

/** Who sends this, why it came, how to leave, how to change it. */
function footerOf(text: MailText, matched: string[], ways: Ways | undefined): { text: string; html: string } {
  const en = text.language === "en";
  const product = say(PRODUCT, text.language);
  if (!ways)
    return {
      text: `-- \n${en ? `Sent automatically by ${product}.` : `本邮件由${product}自动发送。`}`,
      html: `<p style="margin:2em 0 0;padding-top:1em;border-top:1px solid #79818d;font-size:.9em">${en ? `Sent automatically by ${product}.` : `本邮件由${product}自动发送。`}</p>`,
    };
  const wanted = text.digest ? digestWords(text.digest, text.language) : topicWords(matched, text.names, text.language);
  const why = en
    ? `You get this mail because you subscribed at ${product} to: ${wanted}.`
    : `您收到本邮件，是因为在${product}订阅了：${wanted}。`;
  const [leave, manage] = en ? ["Unsubscribe", "Change what you get"] : ["退订", "更改订阅"];
  const apart = en ? ": " : "：";
  return {
    text: `-- \n${why}\n${leave}${apart}${ways.leave}\n${manage}${apart}${ways.manage}`,
    html: `<p style="margin:2em 0 0;padding-top:1em;border-top:1px solid #79818d;font-size:.9em">${escaped(why)}<br><a href="${escaped(ways.leave)}">${leave}</a> · <a href="${escaped(ways.manage)}">${manage}</a></p>`,
  };
}

/** What matched a digest are its announcements, not what its reader asked for. */
function digestWords(frequency: NonNullable<MailText["digest"]>, language: Language): string {
  if (language === "en") return `a ${frequency} digest`;
  return frequency === "daily" ? "每日汇总" : "每周汇总";
}

const MOST_NAMED = 12;

/** Topics as people say them; a tag is its own word. */
export function topicWords(topics: readonly string[], names: ReadonlyMap<string, string>, language: Language): string {
  const en = language === "en";
  const said = [...new Set(topics)].slice(0, MOST_NAMED).map((topic) => {
    if (topic === "all") return en ? "all announcements" : "全部公告";
    if (topic === "urgency:urgent") return en ? "urgent announcements" : "紧急公告";
    const colon = topic.indexOf(":");
    const [kind, rest] = [topic.slice(0, colon), oneLine(topic.slice(colon + 1))];
    const name = oneLine(names.get(topic) ?? rest);
    if (kind === "column") return en ? `the column ${name}` : `栏目“${name}”`;
    if (kind === "unit") return en ? `the unit ${name}` : `单位“${name}”`;
    if (kind === "tag") return en ? `the tag ${name}` : `标签“${name}”`;
    return oneLine(topic);
  });
  return said.join(en ? ", " : "、") || (en ? "announcements" : "公告");
}
