import { addDays, weekday } from "./dates.ts";
import { COVERED_FROM, COVERED_UNTIL, HOLIDAY_TABLE } from "./holiday-table.ts";

/** `off` and `work` map a date to the name of its holiday; `work` are weekend days worked in exchange (调休). */
export type Calendar = {
  coveredFrom: string;
  coveredUntil: string;
  off: ReadonlyMap<string, string>;
  work: ReadonlyMap<string, string>;
};

export type DayKind = "working" | "make-up" | "weekend" | "holiday";

/** Reads lines such as `2026 休 02-15..02-23 春节, 04-04..04-06 清明` and `2026 班 01-04 元旦`. */
export function readCalendar(table: string, coveredFrom: string, coveredUntil: string): Calendar {
  const off = new Map<string, string>();
  const work = new Map<string, string>();
  for (const line of table.trim().split("\n")) {
    const year = line.slice(0, 4);
    const days = line[5] === "休" ? off : work;
    for (const entry of line.slice(7).split(", ")) {
      const [range = "", name = ""] = entry.split(" ");
      const [from = "", to = from] = range.split("..");
      for (let date = `${year}-${from}`; date <= `${year}-${to}`; date = addDays(date, 1)) days.set(date, name);
    }
  }
  return { coveredFrom, coveredUntil, off, work };
}

/** Mainland China's calendar, as far as its table goes. */
export const CALENDAR: Calendar = readCalendar(HOLIDAY_TABLE, COVERED_FROM, COVERED_UNTIL);

/** What a date is; beyond the table only Saturday and Sunday are known. */
export function dayKind(calendar: Calendar, date: string): DayKind {
  if (calendar.off.has(date)) return "holiday";
  if (calendar.work.has(date)) return "make-up";
  const day = weekday(date);
  return day === 0 || day === 6 ? "weekend" : "working";
}

export function isWorkingDay(calendar: Calendar, date: string): boolean {
  const kind = dayKind(calendar, date);
  return kind === "working" || kind === "make-up";
}

/** True when the calendar's table says nothing about the date: a new notice can change what was computed. */
export function isProvisional(calendar: Calendar, date: string): boolean {
  return date < calendar.coveredFrom || date > calendar.coveredUntil;
}
