import type { Revision } from "#src/domain/announcements/announcement.ts";
import type { Language } from "#src/text.ts";
import { within } from "./official-account-article.ts";
import type { NoticeSource } from "./official-account-settings.ts";
import { MARKS, oneLine, summaryOf } from "./summary.ts";
import { chinaMinute } from "./wechat-errors.ts";

export type NoticeWords = Record<NoticeSource, string>;

export function noticeWords(revision: Revision, language: Language): NoticeWords {
  const { content, kind, reason } = revision;
  const kinds: Record<Revision["kind"], [zh: string, en: string]> = {
    published: ["新公告", "new"],
    corrected: ["公告更正", "corrected"],
    withdrawn: ["公告撤回", "withdrawn"],
  };
  return {
    title: MARKS[kind][language] + oneLine(content.title),
    summary: oneLine(reason ?? "") || summaryOf(content, 200),
    unit: oneLine(revision.unitName),
    column: oneLine(revision.columnName),
    time: chinaMinute(revision.publishedAt),
    kind: kinds[kind][language === "en" ? 1 : 0],
  };
}

const HAN = /\p{Script=Han}/u;
const keep = (text: string, pattern: RegExp): string => [...text].filter((one) => pattern.test(one)).join("");
const first = (text: string, points: number): string => [...text].slice(0, points).join("");

/** Field name without its number → the value cut to what such a field takes (WX Template_Message_Interface). */
const FITS: Record<string, (text: string) => string> = {
  thing: (text) => within(text, 20),
  number: (text) => first(keep(text, /[0-9.]/), 32) || "0",
  letter: (text) => first(keep(text, /[A-Za-z]/), 32) || "A",
  symbol: (text) => first(keep(text, /[\p{P}\p{S}]/u), 5) || "-",
  character_string: (text) => first(keep(text, /[\x21-\x7e]/), 32) || "-",
  phrase: (text) => first(keep(text, HAN), 5) || "公告",
  phone_number: (text) => first(keep(text, /[0-9+-]/), 17) || "0",
  car_number: (text) => first(text, 8),
  name: (text) => (HAN.test(text) ? first(keep(text, HAN), 10) : first(keep(text, /[A-Za-z ]/), 20)) || "公告",
  time: (text) => text,
  date: (text) => text.slice(0, 10),
  const: (text) => first(text, 20),
};

/** The `data` of a notice. Templates of the older kind (`first`, `keyword1`, …) take any text. */
export function noticeData(
  words: NoticeWords,
  fields: readonly (readonly [name: string, source: NoticeSource])[],
): Record<string, { value: string }> {
  return Object.fromEntries(
    fields.map(([name, source]) => {
      const shaped = FITS[name.replace(/\d+$/, "")] ?? ((text: string) => within(text, 200));
      return [name, { value: shaped(words[source]) }];
    }),
  );
}
