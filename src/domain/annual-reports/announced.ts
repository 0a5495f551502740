import { Content } from "#src/domain/announcements/announcement.ts";
import { shownAmount } from "./amount.ts";
import type { Report } from "./annual-report.ts";
import { sectionsOf } from "./sections.ts";
import { type Row, rowsOf } from "./shown.ts";

const LONG = 60;

/** The announcement of a report: a table of the short fields, then the long ones under headings, then the proof. */
export function announced(report: Report): Content {
  const { fields } = report;
  const name = fields.institutionName ?? report.unitName;
  const rows = rowsOf(fields);
  const long = rows.filter(isLong);
  const body = [
    "| 项目 | 内容 |\n| --- | --- |",
    ...rows.filter((row) => !isLong(row)).map((row) => `| ${inline(row.label.zh)} | ${inline(row.text.zh)} |`),
  ].join("\n");
  const parts = long.map((row) => `## ${inline(row.label.zh)}\n\n${paragraphs(row)}`);
  const proof = `[年度报告全文与历次版本](/annual-reports/${report.id}) · 内容校验 SHA-256：\`${report.contentHash}\``;
  return Content().parse({
    title: `${name}${fields.reportYear}年度报告`,
    body: [body, ...parts, proof].join("\n\n"),
    column: "annual-reports",
    unitId: report.unitId,
    summary: summary(report, name),
    tags: ["年度报告", String(fields.reportYear)],
  });
}

function isLong(row: Row): boolean {
  return row.name === "activities" || row.text.zh.length > LONG || row.text.zh.includes("\n");
}

function paragraphs(row: Row): string {
  const parts = row.name === "activities" ? sectionsOf(row.text.zh) : [row.text.zh];
  return parts
    .flatMap((part) => part.split(/\n+/))
    .filter((line) => line.trim() !== "")
    .map(inline)
    .join("\n\n");
}

function summary(report: Report, name: string): string {
  const { reportYear, sponsoringUnit, headcount, netAssetsClosing } = report.fields;
  const facts = [
    sponsoringUnit === null ? undefined : `举办单位：${sponsoringUnit}`,
    headcount === null ? undefined : `从业人数：${headcount}`,
    netAssetsClosing === null ? undefined : `年末净资产：${shownAmount(netAssetsClosing)}`,
  ].filter((fact) => fact !== undefined);
  return `${name}公布${reportYear}年度报告。${facts.join("；")}。`;
}

/** Text that Markdown takes as text; line breaks become spaces. */
function inline(text: string): string {
  return text
    .replace(/\s+/g, " ")
    .trim()
    .replace(/[\\`*_[\]<>#|~&!]/g, "\\$&")
    .replace(/^[-+=]/, "\\$&")
    .replace(/^(\d+)([.)])(?=\s|$)/, "$1\\$2");
}
