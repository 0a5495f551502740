import { expect, it } from "vitest";
import { dateText, dayOf, moment, pubDate, timeText } from "#src/web/pages/dates.ts";

it("shows every stored instant by the clock of Shanghai, as its own calendar has it", () => {
  const shanghai = new Intl.DateTimeFormat("sv-SE", {
    ...{ timeZone: "Asia/Shanghai", dateStyle: "short", timeStyle: "short" },
  });
  const hour = 3_600_000;
  for (let at = Date.parse("2023-12-30T00:00:00.000Z"); at < Date.parse("2024-03-03T00:00:00.000Z"); at += hour)
    for (const off of [0, 59_999, 1_799_000, hour - 1]) {
      const instant = new Date(at + off).toISOString();
      expect(pubDate(instant), instant).toBe(shanghai.format(at + off));
    }
});

it("reads an instant of any form that a time can have", () => {
  expect(pubDate("2026-03-01T23:30:00+08:00")).toBe("2026-03-01 23:30");
  expect(pubDate("2026-03-01T03:30:00Z")).toBe("2026-03-01 11:30");
  expect(dayOf("2026-03-01T16:00:00.000Z")).toBe("2026-03-02");
});

it("says day and time in both languages", () => {
  expect(timeText("2026-12-31T16:05:00.000Z", "zh-CN")).toBe("2027年1月1日 00:05");
  expect(timeText("2026-12-31T01:05:00.000Z", "en")).toBe("31 December 2026, 09:05 (Beijing time)");
  expect(dateText("2026-02-09T15:59:59.999Z", "zh-CN")).toBe("2026年2月9日");
});

it("says a moment to the second where attempts follow each other closely", () => {
  const shown = (language: "zh-CN" | "en") => `${moment("2026-12-31T01:05:07.090Z", language)}`;
  expect(shown("zh-CN")).toBe('<time datetime="2026-12-31T01:05:07.090Z">2026年12月31日 09:05:07</time>');
  expect(shown("en")).toContain(">31 December 2026, 09:05:07 (Beijing time)<");
});
