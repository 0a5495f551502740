import { daysBetween, shanghaiDate } from "#src/domain/calendar/dates.ts";

export const FIRST_YEAR = 1998;

/** `dueDate` is a date in Asia/Shanghai; `daysLate` is 0 in time. */
export type Lateness = { dueDate: string; late: boolean; daysLate: number };

/**
 * The report on a year is due by 31 March of the next one (事业单位登记管理暂行条例 Art. 17), a fixed date that does not
 * move for weekends or holidays; a late report is taken all the same and marked.
 */
export function lateness(reportYear: number, filedAt: Date): Lateness {
  const dueDate = `${reportYear + 1}-03-31`;
  const daysLate = Math.max(0, daysBetween(dueDate, shanghaiDate(filedAt)));
  return { dueDate, late: daysLate > 0, daysLate };
}

/** The last year that has ended in Asia/Shanghai: only an ended year can be reported on. */
export function lastEndedYear(now: Date): number {
  return Number(shanghaiDate(now).slice(0, 4)) - 1;
}
