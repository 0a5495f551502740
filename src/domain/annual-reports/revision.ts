import { AppError } from "#src/errors.ts";
import type { Report, ReportRevision } from "./annual-report.ts";

/** The immutable text that a report publishes now. `firstPublishedAt` is the report's first publication. */
export function revisionOf(
  report: Report,
  published: { kind: ReportRevision["kind"]; reason?: string; firstPublishedAt?: string },
): ReportRevision {
  const { opinion, filedAt, acceptedAt, publishedAt, announcementId } = report;
  if (!opinion || !filedAt || !acceptedAt || !publishedAt || !announcementId) throw unready();
  return {
    reportId: report.id,
    revision: report.revision,
    kind: published.kind,
    unitId: report.unitId,
    unitName: report.unitName,
    fields: report.fields,
    contentHash: report.contentHash,
    opinion,
    ...(report.division === undefined ? {} : { division: report.division }),
    ...(report.originalDate === undefined ? {} : { originalDate: report.originalDate }),
    filedAt,
    acceptedAt,
    publishedAt,
    firstPublishedAt: published.firstPublishedAt ?? publishedAt,
    announcementId,
    ...(published.reason === undefined ? {} : { reason: published.reason }),
  };
}

function unready(): AppError {
  return new AppError("conflict", "STATE", { zh: "报告尚未受理", en: "the report has not been accepted yet" });
}
