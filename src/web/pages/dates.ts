import type { Language } from "#src/text.ts";
import type { Html } from "./html.ts";
import { html } from "./html.ts";

const EIGHT_HOURS = 8 * 3_600_000;
const MONTHS = [
  "January",
  "February",
  "March",
  "April",
  "May",
  "June",
  "July",
  "August",
  "September",
  "October",
].concat("November", "December");

const STORED = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

/** The wall clock of Asia/Shanghai, as `YYYY-MM-DD HH:mm` (the PubDate of government pages): UTC+8 since 1991. */
export function pubDate(instant: string): string {
  const hour = Number(instant.slice(11, 13)) + 8;
  // On the same day of both clocks no date has to be made.
  if (hour < 24 && STORED.test(instant))
    return `${instant.slice(0, 10)} ${String(hour).padStart(2, "0")}${instant.slice(13, 16)}`;
  return new Date(Date.parse(instant) + EIGHT_HOURS).toISOString().slice(0, 16).replace("T", " ");
}

export function dayOf(instant: string): string {
  return pubDate(instant).slice(0, 10);
}

/** The UTC instant at which a day of Asia/Shanghai (`YYYY-MM-DD`) begins, `days` later; undefined when there is no such day. */
export function dayStart(day: string, days = 0): string | undefined {
  const start = Date.parse(`${day}T00:00:00+08:00`);
  if (!/^\d{4}-\d{2}-\d{2}$/.test(day) || Number.isNaN(start)) return undefined;
  return new Date(start + days * 86_400_000).toISOString();
}

export function dateText(instant: string, language: Language): string {
  return dayText(pubDate(instant), language);
}

function dayText(pubDate: string, language: Language): string {
  const [year, month, day] = [Number(pubDate.slice(0, 4)), Number(pubDate.slice(5, 7)), Number(pubDate.slice(8, 10))];
  return language === "en" ? `${day} ${MONTHS[month - 1]} ${year}` : `${year}年${month}月${day}日`;
}

export function timeText(instant: string, language: Language): string {
  const at = pubDate(instant);
  const day = dayText(at, language);
  return language === "en" ? `${day}, ${at.slice(11)} (Beijing time)` : `${day} ${at.slice(11)}`;
}

export function time(instant: string, language: Language): Html {
  return html`<time datetime="${instant}">${timeText(instant, language)}</time>`;
}

/** To the second, for what follows within a minute. */
export function moment(instant: string, language: Language): Html {
  const [day, clock] = timeText(instant, language).split(/(?<=\d\d:\d\d)/);
  return html`<time datetime="${instant}">${day}:${instant.slice(17, 19)}${clock ?? ""}</time>`;
}

export function date(instant: string, language: Language): Html {
  return html`<time datetime="${instant}">${dateText(instant, language)}</time>`;
}
