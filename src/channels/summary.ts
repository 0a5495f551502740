import type { Content, Revision } from "#src/domain/announcements/announcement.ts";
import { cut, oneLine } from "#src/domain/announcements/one-line.ts";
import type { Preview } from "#src/domain/deliveries/channel.ts";
import { holdsBody } from "#src/domain/deliveries/shown-text.ts";
import type { Language } from "#src/text.ts";

export { cut, cutBytes, oneLine } from "#src/domain/announcements/one-line.ts";

/** Stands before the title of what takes an earlier text back. */
export const MARKS: Record<Revision["kind"], Record<Language, string>> = {
  published: { "zh-CN": "", en: "" },
  corrected: { "zh-CN": "【更正】", en: "[Correction] " },
  withdrawn: { "zh-CN": "【撤回】", en: "[Withdrawn] " },
};

/** The author's summary, else the beginning of the body as plain text; one line, at most so many characters. */
export function summaryOf(content: Content, characters: number): string {
  return cut(content.summary || plain(content.body.slice(0, 4000)), characters);
}

/** How many there are, in English, which has a word of its own for one. */
export function announcements(count: number): string {
  return count === 1 ? "1 announcement" : `${count} announcements`;
}

/** What a preview says of the `summary` that a channel sends in place of the body: nothing where it is the whole of it. */
export function inBrief({ content }: Revision, summary: string): Pick<Preview, "summaryCharacters"> {
  return holdsBody(summary, content.body) ? {} : { summaryCharacters: [...summary].length };
}

function plain(markdown: string): string {
  const text = markdown
    .replace(/```[\s\S]*?(```|$)/g, " ")
    .replace(/!\[([^\]\n]{0,200})\]\([^)\n]{0,2000}\)/g, " ")
    .replace(/\[([^\]\n]{0,200})\]\([^)\n]{0,2000}\)/g, "$1")
    .replace(/<[^<>]{0,500}>/g, " ")
    .replace(/^[ \t]{0,3}([#>]{1,6}|[-*+]|\d{1,3}[.)])[ \t]+/gm, "")
    .replace(/[*_`~|]{1,3}/g, "");
  return oneLine(text);
}
