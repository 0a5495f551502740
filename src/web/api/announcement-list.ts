import { z } from "zod";
import type { ListRequest } from "#src/domain/announcements/read.ts";
import { addDays, isDate, shanghaiInstant } from "#src/domain/calendar/dates.ts";
import { fault } from "#src/errors.ts";
import { PAGE } from "./list.ts";

const Moment = z
  .string()
  .refine(
    (text) => isDate(text) || z.iso.datetime({ offset: true }).safeParse(text).success,
    fault("TIME", "应为日期(YYYY-MM-DD)或RFC 3339时间", "give a date (YYYY-MM-DD) or an RFC 3339 time"),
  );

export const ListQuery = z.strictObject({
  ...PAGE,
  column: z.string().min(1).max(64).optional(),
  unit: z.string().min(1).max(64).optional(),
  tag: z.string().min(1).max(50).optional(),
  q: z.string().max(100).optional(),
  from: Moment.optional(),
  to: Moment.optional(),
});
export type ListQuery = z.infer<typeof ListQuery>;

/** The narrowest list that the filters name, the others as conditions. A date as `to` is the whole of that day in China. */
export function listRequest(query: ListQuery, after: string | undefined): ListRequest {
  const { limit, column, unit, tag, q, from, to } = query;
  const lists = [
    ...(tag === undefined ? [] : [`tag:${tag}`]),
    ...(unit === undefined ? [] : [`unit:${unit}`]),
    ...(column === undefined ? [] : [`column:${column}`]),
  ];
  const [list = "all", ...within] = lists;
  return {
    list,
    within,
    limit,
    ...(after === undefined ? {} : { after }),
    ...(q === undefined ? {} : { q }),
    ...(from === undefined ? {} : { from: instant(from, 0) }),
    ...(to === undefined ? {} : { to: instant(to, 1) }),
  };
}

function instant(text: string, daysLater: number): string {
  return (isDate(text) ? shanghaiInstant(addDays(text, daysLater)) : new Date(text)).toISOString();
}
