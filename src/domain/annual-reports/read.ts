import type { Caller } from "#src/domain/members/member.ts";
import { keys } from "#src/platform/keys.ts";
import type { Query } from "#src/platform/table.ts";
import type { Report, ReportRevision, State } from "./annual-report.ts";
import { openReport } from "./rights.ts";
import { PublishedReport, ReportRow } from "./rows.ts";
import { type Reads, readReport, readRevisions } from "./store.ts";

type PageOf<Row> = { items: Row[]; next?: string };

/** A report for its unit's people, its sponsors and registrars; 404 for others. */
export async function getReport(deps: Reads, caller: Caller, id: string): Promise<Report> {
  const roles = ["clerk", "sponsor", "registrar", "editor", "reviewer"] as const;
  return (await openReport(deps, caller, id, [...roles])).report;
}

/** A unit's reports, the latest year first. */
export async function listReports(
  deps: Reads,
  query: { unitId: string; year?: number; limit: number; after?: string },
): Promise<PageOf<ReportRow>> {
  const { pk, sk } = keys.reportOf(query.unitId, query.year ?? 0, "");
  return rows(await deps.table.query(newestFirst(pk, query, sk)), ReportRow);
}

/** Reports of all units in one state, the longest waiting first. */
export async function listReportsInState(
  deps: Reads,
  query: { state: State; limit: number; after?: string },
): Promise<PageOf<ReportRow>> {
  const { pk } = keys.reportInState(query.state, "", "");
  const after = query.after === undefined ? {} : { after: query.after };
  return rows(await deps.table.queryIndex({ pk, limit: query.limit, ...after }), ReportRow);
}

/** Published reports for everybody, the latest year first, withdrawn ones marked by their kind. */
export async function listPublishedReports(
  deps: Reads,
  query: { year?: number; limit: number; after?: string },
): Promise<PageOf<PublishedReport>> {
  const { pk, sk } = keys.publishedReport(query.year ?? 0, "");
  return rows(await deps.table.query(newestFirst(pk, query, sk)), PublishedReport);
}

export type PublicReport = { revision: ReportRevision; history: ReportRevision[] };

/** What was published last (or the revision asked for) and every revision, newest first; nothing of work in progress. */
export async function getPublishedReport(
  deps: Reads,
  id: string,
  revision?: number,
): Promise<PublicReport | undefined> {
  const report = await readReport(deps, id);
  if (report === undefined || report.revision === 0) return undefined;
  const numbers = Array.from({ length: report.revision }, (_, i) => report.revision - i);
  const kept = await readRevisions(deps, id, numbers);
  const wanted = kept.find((entry) => entry.revision === (revision ?? report.revision));
  return wanted && { revision: wanted, history: kept };
}

function newestFirst(pk: string, query: { year?: number; limit: number; after?: string }, prefix: string): Query {
  return {
    pk,
    reverse: true,
    limit: query.limit,
    ...(query.year === undefined ? {} : { prefix }),
    ...(query.after === undefined ? {} : { after: query.after }),
  };
}

function rows<Row>(page: { items: unknown[]; next?: string }, schema: { parse(item: unknown): Row }): PageOf<Row> {
  const items = page.items.map((item) => schema.parse(item));
  return page.next === undefined ? { items } : { items, next: page.next };
}
