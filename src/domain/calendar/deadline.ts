import type { Calendar, DayKind } from "./calendar.ts";
import { dayKind, isProvisional } from "./calendar.ts";
import { addDays, endOfShanghaiDay, shanghaiDate } from "./dates.ts";

/** Every day that was not counted or was counted although it is a weekend day, and why. */
export type TraceDay = { date: string; kind: Exclude<DayKind, "working">; name?: string };

export type WorkingDays = { date: string; provisional: boolean; trace: TraceDay[] };

/**
 * The date so many working days after `start`, which is day 0 and not counted (信访工作条例, 信息公开条例: the period
 * starts on the next day). `provisional` when the count ran beyond the calendar's table.
 */
export function addWorkingDays(calendar: Calendar, start: string, days: number): WorkingDays {
  const trace: TraceDay[] = [];
  let date = start;
  for (let left = days; left > 0; ) {
    date = addDays(date, 1);
    const kind = dayKind(calendar, date);
    if (kind === "working" || kind === "make-up") left--;
    if (kind === "working") continue;
    const name = calendar.off.get(date) ?? calendar.work.get(date);
    trace.push(name === undefined ? { date, kind } : { date, kind, name });
  }
  return { date, provisional: isProvisional(calendar, date) || isProvisional(calendar, start), trace };
}

export type Period = { count: number; unit: "hours" | "days" | "working-days" };

/** `dueAt` is RFC 3339 UTC; periods in days end with the last second of their last day in Asia/Shanghai. */
export type Deadline = { dueAt: string; provisional: boolean; trace: TraceDay[] };

/** When a period that starts at an instant ends; the trace is stored with the deadline so that it can be explained. */
export function deadline(calendar: Calendar, startedAt: Date, period: Period): Deadline {
  if (period.unit === "hours") {
    const due = new Date(startedAt.getTime() + period.count * 3_600_000);
    return { dueAt: due.toISOString(), provisional: false, trace: [] };
  }
  const start = shanghaiDate(startedAt);
  if (period.unit === "days") {
    const due = endOfShanghaiDay(addDays(start, period.count));
    return { dueAt: due.toISOString(), provisional: false, trace: [] };
  }
  const { date, provisional, trace } = addWorkingDays(calendar, start, period.count);
  return { dueAt: endOfShanghaiDay(date).toISOString(), provisional, trace };
}
