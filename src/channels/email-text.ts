import type { Revision } from "#src/domain/announcements/announcement.ts";
import { absolute, readableText } from "#src/domain/announcements/readable-text.ts";
import { renderBody, summaryOf } from "#src/domain/announcements/render.ts";
import type { Digest, Links } from "#src/domain/deliveries/channel.ts";
import { type Language, PRODUCT, say } from "#src/text.ts";
import { announcements, cut, MARKS, oneLine } from "./summary.ts";

/** A mail without what depends on its receiver: both forms of its text, and what its head is made of. */
export type MailText = {
  language: Language;
  subject: string;
  text: string;
  /** Inside of the body element. */
  html: string;
  /** Names of the topics that its announcements stand under. */
  names: ReadonlyMap<string, string>;
  /** The list that it belongs to (RFC 2919), and the column that a reader may leave; none for internal ones. */
  list?: { id: string; name: string; column?: string };
  /** A mail of many announcements, and how often such a one comes. */
  digest?: Digest["frequency"];
  /** Ties the revisions of one announcement together in a reader's program. */
  thread?: string;
  /** Whether the text was too long, and is continued on the site. */
  isCut: boolean;
};

// NUL and other controls have no place in text/plain or HTML; unpaired surrogates have none in UTF-8.
const CONTROL = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\ufffe\uffff]/g;
const SUBJECT_CHARACTERS = 160;

export function clean(text: string): string {
  return text.replace(/\r\n?/g, "\n").replace(CONTROL, "\ufffd").toWellFormed();
}

const ENTITIES: Record<string, string> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" };
export function escaped(text: string): string {
  return clean(text).replace(/[&<>"]/g, (sign) => ENTITIES[sign] ?? sign);
}

/** The subject, the text and its HTML form of one revision; a body of more than `characters` is cut between paragraphs. */
export function mailText(revision: Revision, language: Language, links: Links, characters: number): MailText {
  const { content, kind, unitName, columnName } = revision;
  const en = language === "en";
  const url = links.announcement(revision.announcementId);
  const subject = cut(oneLine(`${MARKS[kind][language]}${content.title}`), SUBJECT_CHARACTERS - 40);
  const note = noteOf(revision, language);
  const body = kind === "withdrawn" ? "" : cutBody(clean(content.body), characters);
  const isCut = kind !== "withdrawn" && body.length < clean(content.body).length;
  const more = isCut
    ? en
      ? "The text is longer than a mail should be; the rest is on the site:"
      : "正文较长，此处未完，全文见："
    : en
      ? "On the site:"
      : "网上查看：";
  const facts = [unitName, columnName, dateOf(revision.publishedAt)].map(oneLine).join(en ? " · " : "　");
  const isPublic = revision.audience.kind === "public";
  return {
    language,
    subject: cut(`${subject} - ${oneLine(unitName)}`, SUBJECT_CHARACTERS),
    text: [
      `${MARKS[kind][language]}${oneLine(content.title)}`,
      facts,
      ...(note === "" ? [] : [note]),
      ...(body === "" ? [] : [readableText(body, links.source)]),
      `${more} ${url}`,
    ].join("\n\n"),
    html: `<h1 lang="${content.language}" style="font-size:1.5em;line-height:1.35;margin:0 0 .5em">${escaped(MARKS[kind][language] + oneLine(content.title))}</h1>
<p style="margin:0 0 1em;color:#515a66">${escaped(facts)}</p>
${note === "" ? "" : `<p style="margin:0 0 1em;padding:.6em .9em;border:1px solid #b01119;border-left-width:5px"><strong>${escaped(note)}</strong></p>\n`}${
  body === "" ? "" : `<div lang="${content.language}">\n${inMail(renderBody(body), links.source)}</div>\n`
}<p style="margin:1.5em 0 0">${escaped(more)} <a href="${escaped(url)}">${escaped(url)}</a></p>`,
    names: new Map([
      [`column:${content.column}`, columnName],
      [`unit:${content.unitId}`, unitName],
    ]),
    ...(isPublic ? { list: { id: content.column, name: columnName, column: content.column } } : {}),
    thread: revision.announcementId,
    isCut,
  };
}

function noteOf({ kind, reason = "" }: Revision, language: Language): string {
  if (kind === "published") return "";
  const why = oneLine(reason);
  if (kind === "corrected")
    return language === "en"
      ? `This replaces what was published before.${why ? ` Reason: ${why}` : ""}`
      : `本文更正此前发布的内容。${why ? `更正原因：${why}` : ""}`;
  return language === "en"
    ? `This announcement has been withdrawn; please do not rely on it.${why ? ` Reason: ${why}` : ""}`
    : `该公告已撤回，请勿再引用。${why ? `撤回原因：${why}` : ""}`;
}

/** So many characters at most, cut behind a paragraph, else behind a line, else where it has to be. */
function cutBody(body: string, characters: number): string {
  if (body.length <= characters) return body;
  const head = body.slice(0, characters).replace(/[\ud800-\udbff]$/, "");
  const paragraph = head.lastIndexOf("\n\n");
  const line = head.lastIndexOf("\n");
  return head.slice(0, paragraph > characters / 2 ? paragraph : line > characters / 2 ? line : head.length);
}

const IN_MAIL: [RegExp, string][] = [
  [/<img /g, '<img style="max-width:100%;height:auto" '],
  [/<table>/g, '<table style="border-collapse:collapse">'],
  [
    /<(th|td)(?: class="align-(left|center|right)")?>/g,
    '<$1 align="$2" style="border:1px solid #79818d;padding:.3em .6em">',
  ],
  [/ align=""/g, ""],
  [/<pre>/g, '<pre style="white-space:pre-wrap">'],
  [/<blockquote>/g, '<blockquote style="margin:0 0 1em;padding-left:1em;border-left:4px solid #dcdfe5">'],
];

/** The sanitised HTML of a page as a mail carries it: absolute addresses, and styles where programs read them. */
function inMail(html: string, base: string): string {
  const linked = html.replace(/ (href|src)="([^"]*)"/g, (_, name: string, value: string) => {
    const url = absolute(value.replaceAll("&amp;", "&"), base);
    return ` ${name}="${escaped(url)}"`;
  });
  return IN_MAIL.reduce((text, [from, to]) => text.replace(from, to), linked);
}

const HOURS_AHEAD = 8 * 3_600_000;

function dateOf(instant: string): string {
  return new Date(Date.parse(instant) + HOURS_AHEAD).toISOString().slice(0, 16).replace("T", " ");
}

/** A day's or week's announcements in one mail, by column, the newest first. */
export function digestText(digest: Digest, language: Language, links: Links, items: number): MailText {
  const en = language === "en";
  const { frequency, revisions } = digest;
  const shown = revisions.slice(0, items);
  const columns = Map.groupBy(shown, ({ content }) => content.column);
  const count = revisions.length;
  const day = dateOf(digest.at).slice(0, 10);
  const product = say(PRODUCT, language);
  const daily = frequency === "daily";
  const subject = en
    ? `${product}: ${daily ? "the day" : "the week"} to ${day}, ${announcements(count)}`
    : `${product}${daily ? "每日" : "每周"}汇总（${day}，共${count}条）`;
  const names = new Map<string, string>();
  const text: string[] = [subject];
  const html: string[] = [`<h1 style="font-size:1.5em;line-height:1.35;margin:0 0 .8em">${escaped(subject)}</h1>`];
  for (const [column, members] of columns) {
    const name = oneLine(members[0]?.columnName ?? column);
    names.set(`column:${column}`, name);
    text.push(`== ${name} ==`);
    html.push(`<h2 style="font-size:1.2em;margin:1.4em 0 .4em">${escaped(name)}</h2>`);
    for (const revision of members) {
      const { content, unitName } = revision;
      names.set(`unit:${content.unitId}`, unitName);
      const url = links.announcement(revision.announcementId);
      const title = MARKS[revision.kind][language] + oneLine(content.title);
      const about = `${oneLine(unitName)} ${dateOf(revision.publishedAt)}`;
      const summary = revision.kind === "withdrawn" ? oneLine(revision.reason ?? "") : oneLine(summaryOf(content));
      text.push([title, about, summary, url].filter((line) => line !== "").join("\n"));
      html.push(
        `<p style="margin:0 0 1em"><a href="${escaped(url)}"><strong lang="${content.language}">${escaped(title)}</strong></a><br><span style="color:#515a66">${escaped(about)}</span>${summary === "" ? "" : `<br><span lang="${content.language}">${escaped(summary)}</span>`}</p>`,
      );
    }
  }
  const rest = count - shown.length;
  if (rest > 0) {
    const more = en ? `and ${rest} more on the site:` : `另有${rest}条，见网站：`;
    text.push(`${more} ${links.source}`);
    html.push(`<p>${escaped(more)} <a href="${escaped(links.source)}">${escaped(links.source)}</a></p>`);
  }
  return {
    language,
    subject: oneLine(subject),
    text: text.join("\n\n"),
    html: html.join("\n"),
    names,
    list: {
      id: `${frequency}-digest`,
      name: en ? `${daily ? "Daily" : "Weekly"} digest` : daily ? "每日汇总" : "每周汇总",
    },
    digest: frequency,
    isCut: rest > 0,
  };
}

/** The question whether this mailbox wants announcements. Carries nothing that the one who asked for it wrote. */
export function confirmationText(url: string, language: Language): MailText {
  const en = language === "en";
  const product = say(PRODUCT, language);
  const subject = en ? `${product}: please confirm your subscription` : `${product}：请确认订阅`;
  const [asked, how, button, other] = en
    ? [
        "Somebody, probably you, asked for announcements to be sent to this mailbox.",
        "If you want them, open this page within 24 hours and press the button there:",
        "Confirm the subscription",
        "If you did not ask for this, do nothing: nothing will be sent.",
      ]
    : [
        "有人（可能是您）申请把公告发送到这个邮箱。",
        "同意请在24小时内打开下面的页面，按其中的按钮确认：",
        "确认订阅",
        "不是您本人申请的，请不必理会，不会再收到推送。",
      ];
  return {
    language,
    subject,
    text: [asked, `${how}\n${url}`, other].join("\n\n"),
    html: `<h1 style="font-size:1.5em;line-height:1.35;margin:0 0 .8em">${escaped(subject)}</h1>
<p>${asked}</p>
<p>${how}</p>
<p><a href="${escaped(url)}" style="display:inline-block;padding:.6em 1.5em;border-radius:6px;background:#b01119;color:#ffffff;font-weight:bold;text-decoration:none">${button}</a></p>
<p style="overflow-wrap:anywhere"><a href="${escaped(url)}">${escaped(url)}</a></p>
<p>${other}</p>`,
    names: new Map(),
    isCut: false,
  };
}
