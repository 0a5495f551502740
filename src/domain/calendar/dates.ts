const DAY_MS = 86_400_000;
const OFFSET_MS = 8 * 3_600_000;

/** The calendar date `YYYY-MM-DD` of an instant in Asia/Shanghai (UTC+8 without daylight saving since 1992). */
export function shanghaiDate(instant: Date): string {
  return new Date(instant.getTime() + OFFSET_MS).toISOString().slice(0, 10);
}

/** `YYYY-MM-DD HH:mm` of an instant in Asia/Shanghai. */
export function shanghaiMinute(instant: Date): string {
  return new Date(instant.getTime() + OFFSET_MS).toISOString().slice(0, 16).replace("T", " ");
}

/** The instant of a Shanghai date and time of day (`HH:mm` or `HH:mm:ss`, midnight when absent). */
export function shanghaiInstant(date: string, time = "00:00"): Date {
  return new Date(`${date}T${time}+08:00`);
}

/** The last second of a Shanghai date: a deadline "by that day" still holds then. */
export function endOfShanghaiDay(date: string): Date {
  return shanghaiInstant(date, "23:59:59");
}

/** True for a date that exists (`2026-02-30` does not). */
export function isDate(text: string): boolean {
  if (!/^\d{4}-\d{2}-\d{2}$/.test(text)) return false;
  const time = Date.parse(`${text}T00:00:00Z`);
  return !Number.isNaN(time) && new Date(time).toISOString().startsWith(text);
}

export function addDays(date: string, days: number): string {
  return new Date(Date.parse(`${date}T00:00:00Z`) + days * DAY_MS).toISOString().slice(0, 10);
}

/** Whole days from one date to another; negative when `to` is earlier. */
export function daysBetween(from: string, to: string): number {
  return (Date.parse(`${to}T00:00:00Z`) - Date.parse(`${from}T00:00:00Z`)) / DAY_MS;
}

/** 0 is Sunday, 6 is Saturday. */
export function weekday(date: string): number {
  return new Date(`${date}T00:00:00Z`).getUTCDay();
}

/** `2026年3月31日`, as GB/T 15835 and official documents write a date. */
export function chineseDate(date: string): string {
  const [year, month, day] = date.split("-").map(Number);
  return `${year}年${month}月${day}日`;
}
