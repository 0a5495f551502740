import { type Caller, hasRole } from "#src/domain/members/member.ts";
import { getUnit } from "#src/domain/units/read.ts";
import { keys } from "#src/platform/keys.ts";
import type { Query } from "#src/platform/table.ts";
import type { Report, ReportRevision, State } from "./annual-report.ts";
import { unknownUnit } from "./draft.ts";
import { mayKnow, openReport } from "./rights.ts";
import { PublishedReport, ReportRow } from "./rows.ts";
import { type Reads, readReport, readRevisions } from "./store.ts";

type PageOf<Row> = { items: Row[]; next?: string };

/** A report for its unit's people, its sponsors and registrars; 404 for others. */
export async function getReport(deps: Reads, caller: Caller, id: string): Promise<Report> {
  const roles = ["clerk", "sponsor", "registrar", "editor", "reviewer"] as const;
  return (await openReport(deps, caller, id, [...roles])).report;
}

export type ListQuery = { unitId?: string; year?: number; state?: State; limit: number; after?: string };

/**
 * A unit's reports, the latest year first: the caller's own unit's, or that of the unit named. For a registrar who names
 * none: the reports of all units in one state (`filed` unless told), the longest waiting first.
 */
export async function listReports(deps: Reads, caller: Caller, query: ListQuery): Promise<PageOf<ReportRow>> {
  if (query.unitId === undefined && hasRole(caller, "registrar")) return inState(deps, query.state ?? "filed", query);
  const unitId = query.unitId ?? caller.unitId;
  const unit = unitId === undefined ? undefined : await getUnit(deps, unitId);
  if (!unit || !mayKnow(caller, unit)) throw unknownUnit();
  const { pk, sk } = keys.reportOf(unit.id, query.year ?? 0, "");
  const page = rows(await deps.table.query(newestFirst(pk, query, sk)), ReportRow);
  const { state } = query;
  return state === undefined ? page : { ...page, items: page.items.filter((row) => row.state === state) };
}

async function inState(deps: Reads, state: State, query: ListQuery): Promise<PageOf<ReportRow>> {
  const { pk } = keys.reportInState(state, "", "");
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
