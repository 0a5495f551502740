import { CALENDAR } from "#src/domain/calendar/calendar.ts";
import { shanghaiDate } from "#src/domain/calendar/dates.ts";
import { deadline } from "#src/domain/calendar/deadline.ts";

export type Due = { day: string; dueAt: string; provisional: boolean };

let today: Due | undefined;

/** When a case received now is due: five working days, the rule of the 12345 hotlines (济南2018年办法第24条). */
export function dueOf(receivedAt: Date): Due {
  const day = shanghaiDate(receivedAt);
  if (today?.day === day) return today;
  const { dueAt, provisional } = deadline(CALENDAR, receivedAt, { count: 5, unit: "working-days" });
  today = { day, dueAt, provisional };
  return today;
}
