import { createRequire } from "node:module";
import { expect, it } from "vitest";
import { CALENDAR, dayKind, isProvisional, isWorkingDay, readCalendar } from "#src/domain/calendar/calendar.ts";
import { addDays, daysBetween, isDate, shanghaiDate, shanghaiInstant } from "#src/domain/calendar/dates.ts";
import { addWorkingDays, deadline } from "#src/domain/calendar/deadline.ts";
import { COVERED_FROM, COVERED_UNTIL } from "#src/domain/calendar/holiday-table.ts";

type PackageData = { holidays: Record<string, string>; workdays: Record<string, string> };
const packaged = createRequire(import.meta.url)("chinese-days/dist/chinese-days.json") as PackageData;

const nameOf = (entry: string) => entry.split(",")[1];

it.each([
  ["2026-02-13", 1, "2026-02-14"],
  ["2026-02-13", 5, "2026-02-27"],
  ["2026-09-30", 3, "2026-10-10"],
  ["2026-04-30", 5, "2026-05-11"],
  ["2025-12-31", 1, "2026-01-04"],
  ["2026-06-01", 0, "2026-06-01"],
])("counts from %s on %i working days to %s", (start, days, expected) => {
  expect(addWorkingDays(CALENDAR, start, days).date).toBe(expected);
});

it("knows the six weekend days that are worked in 2026", () => {
  const worked = [...CALENDAR.work.keys()].filter((date) => date.startsWith("2026"));
  expect(worked).toEqual(["2026-01-04", "2026-02-14", "2026-02-28", "2026-05-09", "2026-09-20", "2026-10-10"]);
  expect(worked.every((date) => isWorkingDay(CALENDAR, date))).toBe(true);
});

it("holds exactly the days of the data package it was generated from", () => {
  const sorted = (days: Iterable<[string, string | undefined]>) => [...days].sort(([a], [b]) => (a < b ? -1 : 1));
  expect(sorted(CALENDAR.off)).toEqual(sorted(Object.entries(packaged.holidays).map(([d, e]) => [d, nameOf(e)])));
  expect(sorted(CALENDAR.work)).toEqual(sorted(Object.entries(packaged.workdays).map(([d, e]) => [d, nameOf(e)])));
  const years = Object.keys(packaged.holidays)
    .map((date) => date.slice(0, 4))
    .sort();
  expect(COVERED_FROM).toBe(`${years[0]}-01-01`);
  expect(COVERED_UNTIL).toBe(`${years.at(-1)}-12-31`);
});

it("says that a date beyond the table is provisional", () => {
  expect(addWorkingDays(CALENDAR, "2026-12-30", 1)).toMatchObject({ date: "2026-12-31", provisional: false });
  expect(addWorkingDays(CALENDAR, "2026-12-30", 2)).toMatchObject({ date: "2027-01-01", provisional: true });
  expect(isProvisional(CALENDAR, "2003-12-31")).toBe(true);
});

it("moves an open deadline when a new table is loaded", () => {
  const later = readCalendar("2027 休 01-01..01-03 元旦\n2027 班 01-09 元旦", "2027-01-01", "2027-12-31");
  const both = {
    ...CALENDAR,
    coveredUntil: later.coveredUntil,
    off: new Map([...CALENDAR.off, ...later.off]),
    work: new Map([...CALENDAR.work, ...later.work]),
  };
  expect(addWorkingDays(both, "2026-12-30", 2)).toMatchObject({ date: "2027-01-04", provisional: false });
  expect(addWorkingDays(both, "2026-12-30", 7)).toMatchObject({ date: "2027-01-09" });
});

it("explains which days it skipped and which weekend days it counted", () => {
  expect(addWorkingDays(CALENDAR, "2025-12-31", 1).trace).toEqual([
    { date: "2026-01-01", kind: "holiday", name: "元旦" },
    { date: "2026-01-02", kind: "holiday", name: "元旦" },
    { date: "2026-01-03", kind: "holiday", name: "元旦" },
    { date: "2026-01-04", kind: "make-up", name: "元旦" },
  ]);
  expect(addWorkingDays(CALENDAR, "2026-03-06", 1).trace).toEqual([
    { date: "2026-03-07", kind: "weekend" },
    { date: "2026-03-08", kind: "weekend" },
  ]);
  expect(dayKind(CALENDAR, "2026-03-09")).toBe("working");
});

it("takes dates in China, whatever the clock's zone says", () => {
  expect(shanghaiDate(new Date("2026-03-31T15:59:59Z"))).toBe("2026-03-31");
  expect(shanghaiDate(new Date("2026-03-31T16:30:00Z"))).toBe("2026-04-01");
  expect(shanghaiInstant("2022-05-30", "17:39").toISOString()).toBe("2022-05-30T09:39:00.000Z");
  expect(daysBetween("2022-03-31", "2022-05-30")).toBe(60);
  expect(addDays("2024-02-28", 1)).toBe("2024-02-29");
  expect([isDate("2026-02-28"), isDate("2026-02-30"), isDate("2026-2-3"), isDate("")]).toEqual([
    true,
    false,
    false,
    false,
  ]);
});

it("ends a period in working days with the last second of its last day, one in hours to the second", () => {
  const start = new Date("2026-04-30T01:00:00Z");
  expect(deadline(CALENDAR, start, { count: 5, unit: "working-days" }).dueAt).toBe("2026-05-11T15:59:59.000Z");
  expect(deadline(CALENDAR, start, { count: 15, unit: "days" }).dueAt).toBe("2026-05-15T15:59:59.000Z");
  expect(deadline(CALENDAR, start, { count: 4, unit: "hours" }).dueAt).toBe("2026-04-30T05:00:00.000Z");
});
