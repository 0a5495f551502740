import { keys } from "#src/platform/keys.ts";
import type { Write } from "#src/platform/table.ts";
import type { Announcement, Audience, Content, Revision, RevisionKind } from "./announcement.ts";
import type { Column } from "./column.ts";
import { announcementItem, deskWrites, historyItem, listingItem, movedItem, revisionItem } from "./store.ts";
import { listsOf, teaserOf } from "./teaser.ts";

/** What a publication, correction or withdrawal answers. */
export type Published = {
  id: string;
  revision: number;
  kind: RevisionKind;
  contentHash: string;
  publishedAt: string;
  firstPublishedAt: string;
};

/** Writes for one transaction, and what to answer when it held. */
export type Planned = { writes: Write[]; result: Published };

export type NextRevision = {
  id: string;
  kind: RevisionKind;
  content: Content;
  contentHash: string;
  audience: Audience;
  unitName: string;
  column: Column;
  reason?: string;
  origin?: string;
  at: string;
};

/**
 * The one way a text gets out: the immutable revision with its feed mark, its line of history, the current pointer
 * and the rows of the public lists, to be written together. `before` is what stands now, with its last revision.
 */
export function planRevision(next: NextRevision, before?: { announcement: Announcement; last?: Revision }): Planned {
  const old = before?.announcement;
  const revision: Revision = {
    announcementId: next.id,
    revision: (old?.revision ?? 0) + 1,
    kind: next.kind,
    content: next.content,
    contentHash: next.contentHash,
    unitName: next.unitName,
    columnName: next.column.name,
    columnKind: next.column.kind,
    mayBreakQuietHours: next.column.mayBreakQuietHours,
    audience: next.audience,
    ...(next.reason === undefined ? {} : { reason: next.reason }),
    publishedAt: next.at,
    firstPublishedAt: old?.firstPublishedAt ?? next.at,
  };
  const origin = old ? old.origin : next.origin;
  const announcement: Announcement = {
    id: next.id,
    version: (old?.version ?? 0) + 1,
    unitId: next.content.unitId,
    audience: next.audience,
    ...(origin === undefined ? {} : { origin }),
    state: next.kind === "withdrawn" ? "withdrawn" : "published",
    revision: revision.revision,
    ...keptWork(next, old),
    contentHash: next.contentHash,
    publishedAt: next.at,
    firstPublishedAt: revision.firstPublishedAt,
    createdAt: old?.createdAt ?? next.at,
    updatedAt: next.at,
  };
  const scheduled = old?.work?.publishAt;
  const writes: Write[] = [
    { put: announcementItem(announcement), if: old ? { version: old.version } : { absent: true } },
    { put: revisionItem(revision), if: { absent: true } },
    { put: historyItem(revision) },
    ...listWrites(revision, before?.last),
    ...movedWrites(revision, old),
    ...(old && next.audience.kind === "public" ? deskWrites(announcement, next, old) : []),
    ...(scheduled ? [{ remove: keys.scheduled(scheduled, next.id) }] : []),
  ];
  return { writes, result: publishedOf(revision) };
}

/** A correction that was not the text in work leaves that text on the desk. */
function keptWork(next: NextRevision, old: Announcement | undefined): Pick<Announcement, "work"> {
  const work = next.kind === "corrected" ? old?.work : undefined;
  return work && work.contentHash !== next.contentHash ? { work } : {};
}

export function publishedOf(revision: Revision): Published {
  return {
    id: revision.announcementId,
    revision: revision.revision,
    kind: revision.kind,
    contentHash: revision.contentHash,
    publishedAt: revision.publishedAt,
    firstPublishedAt: revision.firstPublishedAt,
  };
}

function listWrites(revision: Revision, last: Revision | undefined): Write[] {
  if (revision.audience.kind !== "public") return [];
  const teaser = teaserOf(revision);
  const lists = revision.kind === "withdrawn" ? [] : listsOf(revision.content);
  const left = last ? listsOf(last.content).filter((list) => !lists.includes(list)) : [];
  return [
    ...lists.map((list): Write => ({ put: listingItem(list, teaser) })),
    ...left.map((list): Write => ({ remove: keys.listing(list, teaser.firstPublishedAt, teaser.id) })),
  ];
}

/** In the list of what moved last it stands where its newest revision does. */
function movedWrites(revision: Revision, old: Announcement | undefined): Write[] {
  if (revision.audience.kind !== "public") return [];
  const item = movedItem(teaserOf(revision));
  const left = old?.publishedAt === undefined ? undefined : keys.moved(old.unitId, old.publishedAt, old.id);
  const stays = left?.pk === item.pk && left.sk === item.sk;
  return [{ put: item }, ...(left && !stays ? [{ remove: left }] : [])];
}
