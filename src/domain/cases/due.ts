import { CALENDAR } from "#src/domain/calendar/calendar.ts";
import { endOfShanghaiDay, shanghaiDate, shanghaiInstant } from "#src/domain/calendar/dates.ts";
import { deadline } from "#src/domain/calendar/deadline.ts";

export type Due = { day: string; dueAt: string; provisional: boolean };

let today: { due: Due; from: number; to: number } | undefined;

/** When a case received now is due: five working days, the rule of the 12345 hotlines (济南2018年办法第24条). */
export function dueOf(receivedAt: Date): Due {
  const at = receivedAt.getTime();
  if (today && at >= today.from && at < today.to) return today.due;
  const day = shanghaiDate(receivedAt);
  const { dueAt, provisional } = deadline(CALENDAR, receivedAt, { count: 5, unit: "working-days" });
  const due = { day, dueAt, provisional };
  today = { due, from: shanghaiInstant(day).getTime(), to: endOfShanghaiDay(day).getTime() };
  return due;
}
