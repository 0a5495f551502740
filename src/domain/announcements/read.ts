import { keys } from "#src/platform/keys.ts";
import type { Revision } from "./announcement.ts";
import { searchPublished } from "./search.ts";
import { HistoryEntry, MOVED, type Reads, readAnnouncement, readRevision } from "./store.ts";
import { type ListName, Teaser } from "./teaser.ts";
import { wordsIn } from "./words.ts";

export type { HistoryEntry, ListName, Teaser };

export type ListRequest = {
  /** A `ListName`; one that does not exist is empty. */
  list: string;
  /** 1 to 100. */
  limit: number;
  /** The `next` of the page before. */
  after?: string;
  /** First published at or after `from`, before `to` (RFC 3339 UTC with milliseconds). */
  from?: string;
  to?: string;
  /** Words that title, summary or tags must all contain. */
  q?: string;
  /** Further lists, in each of which an announcement must stand as well. */
  within?: string[];
};

/** Published announcements of one public list, the newest first publication first. Internal ones stand in no list. */
export async function listPublished(deps: Reads, request: ListRequest): Promise<{ items: Teaser[]; next?: string }> {
  if (wordsIn(request.q ?? "").length > 0 || (request.within ?? []).length > 0) return searchPublished(deps, request);
  const { list, limit, after, from, to } = request;
  const page = await deps.table.query({
    pk: keys.listing(list, "", "").pk,
    reverse: true,
    limit,
    ...(after === undefined ? {} : { after }),
    ...(from === undefined ? {} : { from }),
    ...(to === undefined ? {} : { to }),
  });
  const items = page.items.map((item) => Teaser.parse(item));
  return page.next === undefined ? { items } : { items, next: page.next };
}

/** For who follows their pushes: public announcements of a unit, or of all, withdrawn ones among them; the newest revision first. */
export async function listMoved(
  deps: Reads,
  request: { unitId?: string | undefined; limit: number; after?: string },
): Promise<{ items: Teaser[]; next?: string }> {
  const { unitId, limit, after } = request;
  const query = { reverse: true, limit, ...(after === undefined ? {} : { after }) };
  const page =
    unitId === undefined
      ? await deps.table.queryIndex({ pk: MOVED, ...query })
      : await deps.table.query({ pk: keys.moved(unitId, "", "").pk, ...query });
  const items = page.items.map((item) => Teaser.parse(item));
  return page.next === undefined ? { items } : { items, next: page.next };
}

/** A published announcement as everybody may see it: its current revision and how it came to it, oldest first. */
export type PublishedAnnouncement = { revision: Revision; history: HistoryEntry[] };

/** Undefined for what is unknown, still a draft, or internal. A withdrawn one keeps title and reason, not its text. */
export async function getPublished(deps: Reads, id: string): Promise<PublishedAnnouncement | undefined> {
  const announcement = await readAnnouncement(deps, id);
  if (!announcement || announcement.revision === 0 || announcement.audience.kind !== "public") return undefined;
  const [revision, history] = await Promise.all([readRevision(deps, id, announcement.revision), readHistory(deps, id)]);
  return revision && { revision: revision.kind === "withdrawn" ? withoutText(revision) : revision, history };
}

/** One revision of a public announcement, as long as it is not withdrawn; then only the withdrawal can be read. */
export async function getRevision(deps: Reads, id: string, number: number): Promise<Revision | undefined> {
  const announcement = await readAnnouncement(deps, id);
  if (announcement?.audience.kind !== "public") return undefined;
  const revision = await readRevision(deps, id, number);
  if (!revision || announcement.state !== "withdrawn") return revision;
  return revision.kind === "withdrawn" ? withoutText(revision) : undefined;
}

/** How an announcement came to its current revision, oldest first; of an internal one as well. */
export async function readHistory(deps: Reads, id: string): Promise<HistoryEntry[]> {
  const history: HistoryEntry[] = [];
  let after: string | undefined;
  do {
    const page = await deps.table.query({
      pk: keys.announcement(id).pk,
      prefix: "HISTORY#",
      fresh: true,
      ...(after === undefined ? {} : { after }),
    });
    for (const item of page.items) history.push(HistoryEntry().parse(item));
    after = page.next;
  } while (after !== undefined);
  return history;
}

function withoutText(revision: Revision): Revision {
  const { summary: _, ...content } = revision.content;
  return { ...revision, content: { ...content, body: "" } };
}
