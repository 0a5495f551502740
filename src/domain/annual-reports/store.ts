import { AppError } from "#src/errors.ts";
import { keys } from "#src/platform/keys.ts";
import type { Item, Table, Write } from "#src/platform/table.ts";
import { Report, ReportRevision } from "./annual-report.ts";
import { lateness } from "./lateness.ts";
import type { PublishedReport, ReportRow } from "./rows.ts";

export type Reads = { table: Table };

/** States in which somebody has to act: their rows stand in the index of what is to be done. */
const WAITING = new Set<string>(["sponsor_review", "sponsor_approved", "filed", "returned", "accepted"]);

export async function readReport(deps: Reads, id: string): Promise<Report | undefined> {
  const item = await deps.table.get(keys.report(id));
  return item && Report.parse(item);
}

export async function readRevision(deps: Reads, id: string, revision: number): Promise<ReportRevision | undefined> {
  const item = await deps.table.get(keys.reportRevision(id, revision));
  return item && ReportRevision.parse(item);
}

/** Those of the numbered revisions that there are, in the order asked for. */
export async function readRevisions(deps: Reads, id: string, numbers: number[]): Promise<ReportRevision[]> {
  const items = await deps.table.getMany(numbers.map((number) => keys.reportRevision(id, number)));
  return items.flatMap((item) => (item ? [ReportRevision.parse(item)] : []));
}

/** The report and its row in the unit's list, to be written together; `before` is the version read. */
export function reportWrites(report: Report, before?: Report): Write[] {
  const moved = before !== undefined && before.fields.reportYear !== report.fields.reportYear;
  return [
    { put: { ...keys.report(report.id), ...report }, if: before ? { version: before.version } : { absent: true } },
    { put: rowItem(report) },
    ...(moved ? [{ remove: keys.reportOf(before.unitId, before.fields.reportYear, before.id) }] : []),
  ];
}

export function revisionWrites(revision: ReportRevision): Write[] {
  return [
    { put: { ...keys.reportRevision(revision.reportId, revision.revision), ...revision }, if: { absent: true } },
    { put: publishedItem(revision) },
  ];
}

function rowItem(report: Report): Item {
  const row: ReportRow = {
    id: report.id,
    version: report.version,
    unitId: report.unitId,
    unitName: report.unitName,
    reportYear: report.fields.reportYear,
    institutionName: report.fields.institutionName,
    state: report.state,
    contentHash: report.contentHash,
    netAssetsClosing: report.fields.netAssetsClosing,
    updatedAt: report.updatedAt,
  };
  return {
    ...keys.reportOf(report.unitId, row.reportYear, report.id),
    ...row,
    ...(WAITING.has(report.state) ? { index: keys.reportInState(report.state, report.updatedAt, report.id) } : {}),
  };
}

function publishedItem(revision: ReportRevision): Item {
  const { reportYear, institutionName } = revision.fields;
  const published: PublishedReport = {
    id: revision.reportId,
    revision: revision.revision,
    kind: revision.kind,
    reportYear,
    unitId: revision.unitId,
    unitName: revision.unitName,
    institutionName: institutionName ?? revision.unitName,
    publishedAt: revision.publishedAt,
    firstPublishedAt: revision.firstPublishedAt,
    ...lateness(reportYear, filedOn(revision)),
    ...(revision.division === undefined ? {} : { division: revision.division }),
  };
  return { ...keys.publishedReport(reportYear, revision.reportId), ...published };
}

/** The day that counts as the filing: an imported page's own publication, else the filing here. */
export function filedOn(report: { originalDate?: string; filedAt?: string }, now?: Date): Date {
  const at = report.originalDate ?? report.filedAt;
  return at === undefined ? (now ?? new Date(0)) : new Date(at);
}

export function noSuchReport(): AppError {
  return new AppError("not-found", "NOT_FOUND", { zh: "没有这份年度报告", en: "there is no such annual report" });
}
