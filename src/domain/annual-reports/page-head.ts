import { isDate, shanghaiInstant } from "#src/domain/calendar/dates.ts";

/** What stands above the fields of a page: the breadcrumb's division and unit, and when it was published (RFC 3339 UTC). */
export type PageHead = { division?: string; institution?: string; publishedAt?: string };

const BREADCRUMB = /年度报告\s*[>›»]\s*([^\s>›»]+)\s*[>›»]\s*([^\s>›»]+)/;
const PUBLISHED =
  /发布(?:时间|日期)\s*:?\s*(\d{4})\s*[-/.年]\s*(\d{1,2})\s*[-/.月]\s*(\d{1,2})\s*日?(?:\s*(\d{1,2}):(\d{2}))?/;

export function readHead(text: string): PageHead {
  const plain = text.normalize("NFKC").replace(/\s+/g, " ");
  const head: PageHead = {};
  const [, division, institution] = BREADCRUMB.exec(plain) ?? [];
  if (division !== undefined) head.division = division;
  if (institution !== undefined) head.institution = institution;
  const [, year, month = "", day = "", hour = "0", minute = "00"] = PUBLISHED.exec(plain) ?? [];
  const date = `${year}-${month.padStart(2, "0")}-${day.padStart(2, "0")}`;
  if (year !== undefined && isDate(date)) {
    const instant = shanghaiInstant(date, `${hour.padStart(2, "0")}:${minute}`);
    if (!Number.isNaN(instant.getTime())) head.publishedAt = instant.toISOString();
  }
  return head;
}

/** The year that prose speaks of first (`2021年`, `2021年度`), full-width digits included. */
export function yearIn(text: string): number | undefined {
  const [, year] = /((?:19|20)\d{2})\s*年/.exec(text.normalize("NFKC")) ?? [];
  return year === undefined ? undefined : Number(year);
}
