import { z } from "zod";
import { type Caller, sees } from "#src/domain/members/member.ts";
import { AppError } from "#src/errors.ts";
import { keys } from "#src/platform/keys.ts";
import type { Item, Table, Write } from "#src/platform/table.ts";
import { schema } from "#src/schema.ts";
import { Announcement, Audience, Content, REVISION_FEED, type Revision, STATUSES, statusOf } from "./announcement.ts";
import { COLUMN_KINDS } from "./column.ts";
import type { ListName, Teaser } from "./teaser.ts";

export type Reads = { table: Table };

const StoredRevision = schema(
  (): z.ZodType<Revision> =>
    z.object({
      announcementId: z.string(),
      revision: z.int(),
      kind: z.enum(["published", "corrected", "withdrawn"]),
      content: Content(),
      contentHash: z.string(),
      unitName: z.string(),
      columnName: z.string(),
      columnKind: z.enum(COLUMN_KINDS),
      mayBreakQuietHours: z.boolean(),
      audience: Audience(),
      reason: z.string().exactOptional(),
      publishedAt: z.string(),
      firstPublishedAt: z.string(),
    }),
);

/** The revision that a stored item or a change of the feed carries. */
export function parseRevision(item: Item): Revision {
  return StoredRevision().parse(item);
}

export function revisionItem(revision: Revision): Item {
  return { ...keys.revision(revision.announcementId, revision.revision), feed: REVISION_FEED, ...revision };
}

export function announcementItem(announcement: Announcement): Item {
  return { ...keys.announcement(announcement.id), ...announcement };
}

/** One line of an announcement's public history. */
export const HistoryEntry = schema(() =>
  z.object({
    revision: z.int(),
    kind: z.enum(["published", "corrected", "withdrawn"]),
    publishedAt: z.string(),
    contentHash: z.string(),
    reason: z.string().exactOptional(),
  }),
);
export type HistoryEntry = z.infer<ReturnType<typeof HistoryEntry>>;

export function historyItem(revision: Revision): Item {
  return { ...keys.revisionHistory(revision.announcementId, revision.revision), ...HistoryEntry().parse(revision) };
}

export function listingItem(list: ListName, teaser: Teaser): Item {
  return { ...keys.listing(list, teaser.firstPublishedAt, teaser.id), ...teaser };
}

/** The index of what moved last in all units. */
export const MOVED = "MOVED";

export function movedItem(teaser: Teaser): Item {
  const key = keys.moved(teaser.unitId, teaser.publishedAt, teaser.id);
  return { ...key, ...teaser, index: { pk: MOVED, sk: key.sk } };
}

/** What an editor's desk shows of an announcement that is or was worked on here. */
export const DeskEntry = schema(() =>
  z.object({
    id: z.string(),
    title: z.string(),
    column: z.string(),
    unitId: z.string(),
    status: z.enum(STATUSES),
    revision: z.int(),
    contentHash: z.string(),
    updatedAt: z.string(),
  }),
);
export type DeskEntry = z.infer<ReturnType<typeof DeskEntry>>;

/**
 * Puts the announcement's row on its unit's desk, and as long as a text of it is in work, a draft or a correction, that text's among
 * what is in work there; takes away what stood elsewhere. `before` may be left out where neither unit nor publication changes.
 */
export function deskWrites(
  after: Announcement,
  text: { content: Content; contentHash: string },
  before: Announcement = after,
): Write[] {
  const { id, unitId, work } = after;
  const entryOf = (shown: { content: Content; contentHash: string }): DeskEntry => ({
    id,
    title: shown.content.title,
    column: shown.content.column,
    unitId,
    status: statusOf(after),
    revision: after.revision,
    contentHash: shown.contentHash,
    updatedAt: after.updatedAt,
  });
  const isMoved = before.unitId !== unitId;
  const writes: Write[] = [{ put: { ...keys.desk(unitId, id), ...entryOf(text), index: { pk: "DESK", sk: id } } }];
  if (isMoved) writes.push({ remove: keys.desk(before.unitId, id) });
  if (work) writes.push({ put: { ...keys.inWork(unitId, id), ...entryOf(work), index: { pk: IN_WORK, sk: id } } });
  if (before.work && (isMoved || !work)) writes.push({ remove: keys.inWork(before.unitId, id) });
  return writes;
}

/** The index of what is in work in all units. */
export const IN_WORK = "IN-WORK";

export async function readAnnouncement(deps: Reads, id: string): Promise<Announcement | undefined> {
  const item = await deps.table.get(keys.announcement(id));
  return item && Announcement().parse(item);
}

export async function readRevision(deps: Reads, id: string, revision: number): Promise<Revision | undefined> {
  const item = await deps.table.get(keys.revision(id, revision));
  return item && parseRevision(item);
}

/** For one who works on it: 404 for what is unknown, internal, or another unit's. */
export async function readForCaller(deps: Reads, caller: Caller, id: string): Promise<Announcement> {
  const announcement = await readAnnouncement(deps, id);
  if (announcement?.audience.kind !== "public" || !sees(caller, announcement.unitId)) throw noSuchAnnouncement();
  return announcement;
}

/** For one who follows its pushes: what is internal has a ledger as well, and is nobody's to edit. */
export async function readForLedger(deps: Reads, caller: Caller, id: string): Promise<Announcement> {
  const announcement = await readAnnouncement(deps, id);
  if (!announcement || !sees(caller, announcement.unitId)) throw noSuchAnnouncement();
  return announcement;
}

/** Somebody else's write came in between; nothing of ours was stored. */
export function changedMeanwhile(): AppError {
  return new AppError("conflict", "CHANGED_MEANWHILE", {
    zh: "内容刚刚被他人更改，请重新读取后再试",
    en: "somebody changed this a moment ago; read it again and retry",
  });
}

export function wrongState(status: string): AppError {
  return new AppError("conflict", "STATE", {
    zh: `当前状态（${status}）不允许此操作`,
    en: `not possible in its present state (${status})`,
  });
}

export function noSuchAnnouncement(): AppError {
  return new AppError("not-found", "ANNOUNCEMENT_UNKNOWN", { zh: "没有这条公告", en: "there is no such announcement" });
}
