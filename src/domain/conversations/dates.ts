import { chineseDate, shanghaiDate, shanghaiMinute } from "#src/domain/calendar/dates.ts";
import type { Language } from "#src/text.ts";

/** The day of an instant in Asia/Shanghai. */
export function dateIn(instant: string, language: Language): string {
  const day = shanghaiDate(new Date(instant));
  return language === "en" ? day : chineseDate(day);
}

export function minuteIn(instant: string, language: Language): string {
  const text = shanghaiMinute(new Date(instant));
  return language === "en" ? `${text} (Beijing time)` : text;
}
