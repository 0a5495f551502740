import type { Revision } from "#src/domain/announcements/announcement.ts";
import type { Digest, Links } from "#src/domain/deliveries/channel.ts";
import { type Language, PRODUCT, say } from "#src/text.ts";
import { announcements, cutBytes, MARKS, oneLine, summaryOf } from "./summary.ts";

/** A piece of a line, a link if it has an address. Its text is the reader's: a vendor's markup still has to tame it. */
export type Span = { text: string; url?: string };

/** What a robot says, before any vendor's markup. Every text in it is one line. */
export type RobotText = { title: Span; lines: Span[][] };

const EXCERPT = 200;
/** Bytes of a summary, the most that fits is taken. An author's summary has at most 1,500, and so is seldom cut. */
export const SUMMARY_BYTES = [1536, 1024, 512, 256, 0];
/** Announcements in one digest, likewise. */
export const DIGEST_ITEMS = Array.from({ length: 21 }, (_, i) => 20 - i);

/**
 * Title, unit and column, why a text was changed, the summary, the link; a withdrawn text is not told again. Every text
 * names the product: a group's owner who must set a keyword for the robot can rely on it.
 */
export function revisionText(revision: Revision, language: Language, links: Links, summaryBytes: number): RobotText {
  const { content, kind, reason } = revision;
  const url = links.announcement(revision.announcementId);
  const en = language === "en";
  const why = reason === undefined ? "" : oneLine(reason);
  const label = kind === "withdrawn" ? (en ? "Why withdrawn: " : "撤回原因：") : en ? "What changed: " : "更正说明：";
  const summary = summaryIn(revision, summaryBytes);
  return {
    title: { text: MARKS[kind][language] + oneLine(content.title), url },
    lines: [
      [{ text: [revision.unitName, revision.columnName].map(oneLine).filter(Boolean).join(" · ") }],
      ...(why === "" ? [] : [[{ text: label + why }]]),
      ...(summary === "" ? [] : [[{ text: summary }]]),
      [{ text: en ? `${PRODUCT.en} · ` : `${PRODUCT.zh} · ` }, { text: en ? "Read it" : "查看全文", url }],
    ],
  };
}

/** What a robot says of the text itself, in so many bytes at most. */
export function summaryIn({ kind, content }: Revision, bytes: number): string {
  return kind === "withdrawn" ? "" : cutBytes(oneLine(summaryOf(content, longest(content))), bytes);
}

/** An author's summary was approved as a whole; of a body the beginning is enough. */
function longest({ summary }: Revision["content"]): number {
  return summary ? Number.POSITIVE_INFINITY : EXCERPT;
}

/** A heading, then title, link and unit of each announcement; those that `items` leaves out are counted. */
export function digestText(digest: Digest, language: Language, links: Links, items: number): RobotText {
  const { revisions, frequency } = digest;
  const en = language === "en";
  const product = say(PRODUCT, language);
  const count = revisions.length;
  const heading = en
    ? `${product}: ${announcements(count)}, ${frequency}`
    : `${product}：${frequency === "daily" ? "每日" : "每周"}汇总，共${count}条`;
  const shown = revisions.slice(0, items).map((revision, i): Span[] => [
    { text: en ? `(${i + 1}) ` : `${i + 1}、` },
    {
      text: MARKS[revision.kind][language] + oneLine(revision.content.title),
      url: links.announcement(revision.announcementId),
    },
    { text: en ? ` (${oneLine(revision.unitName)})` : `（${oneLine(revision.unitName)}）` },
  ]);
  const more = count - shown.length;
  const rest = en ? `and ${more} more` : `另有${more}条`;
  return {
    title: { text: heading, url: links.source },
    lines: [...shown, ...(more > 0 ? [[{ text: rest, url: links.source }]] : [])],
  };
}

/** Asks the group for its yes. Carries nothing that the one who asked for it wrote. */
export function questionText(url: string, language: Language): RobotText {
  const en = language === "en";
  const product = say(PRODUCT, language);
  return {
    title: { text: en ? `${product}: announcements for this group?` : `${product}：是否把公告推送到本群？`, url },
    lines: [
      [
        {
          text: en
            ? "Somebody asked for announcements to be sent here. To agree, open this page within 24 hours and press the button: "
            : "有人申请把公告推送到本群。同意请在24小时内打开此页并按下按钮：",
        },
        { text: en ? "Confirm" : "确认接收", url },
      ],
      [
        {
          text: en ? "Otherwise ignore this message; nothing will be sent." : "不同意请忽略本消息，不会再收到推送。",
        },
      ],
    ],
  };
}

/** What is read of it: links stand behind their words. */
export function readable({ title, lines }: RobotText): string {
  const line = (spans: Span[]) => spans.map(({ text, url }) => (url === undefined ? text : `${text} ${url}`)).join("");
  return [title.text, ...lines.map(line)].join("\n");
}

/** ASCII signs as their full-width twins (U+FF01 to U+FF5E): they look alike and mean nothing to any markup. */
export function fullWidth(text: string): string {
  return text.replace(/[!-~]/g, (sign) => String.fromCharCode(sign.charCodeAt(0) + 0xfee0));
}

/**
 * Text that neither WeCom's nor DingTalk's Markdown takes for markup, a tag, an entity or a mention. Neither of them knows
 * a backslash as an escape, so the signs themselves are exchanged.
 */
export function tamed(text: string): string {
  return text
    .replace(/[<>[\]*_`~#@\\|]/g, fullWidth)
    .replace(/&(?=\w+;)/g, "＆")
    .replace(/^\s*(?:[-+=]|\d{1,9}[.)](?=\s))/, (start) => start.slice(0, -1) + fullWidth(start.slice(-1)));
}

/** The Markdown that WeCom and DingTalk share: bold title, links, and `newline` between the lines. */
export function markdownOf({ title, lines }: RobotText, newline: string): string {
  const span = ({ text, url }: Span) => (url === undefined ? tamed(text) : `[${tamed(text)}](${target(url)})`);
  return [`**${span(title)}**`, ...lines.map((spans) => spans.map(span).join(""))].join(newline);
}

function target(url: string): string {
  return url.replace(/[()\s<>]/g, (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`);
}
