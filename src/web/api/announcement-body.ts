import { z } from "zod";
import { Content, Review, STATUSES, statusOf } from "#src/domain/announcements/announcement.ts";
import type { Manuscript } from "#src/domain/announcements/draft.ts";
import type { PublishedAnnouncement } from "#src/domain/announcements/read.ts";
import { HistoryEntry } from "#src/domain/announcements/store.ts";
import { Teaser, teaserOf } from "#src/domain/announcements/teaser.ts";
import { WarningBody } from "./rehearsal-body.ts";

const kind = Teaser.shape.kind;

/** What a publication, correction or withdrawal answers. */
export const PublishedBody = z
  .object({
    id: z.string(),
    revision: z.int(),
    kind,
    contentHash: z.string(),
    publishedAt: z.string(),
    firstPublishedAt: z.string(),
  })
  .meta({ id: "Published" });

export const ScheduledBody = z
  .object({ id: z.string(), revision: z.literal(0), contentHash: z.string(), publishAt: z.string() })
  .meta({ id: "Scheduled" });

/** An announcement as everybody reads it; `version` is its revision. A withdrawn one has no text any more. */
export const PublicBody = z
  .object({
    ...Teaser.shape,
    version: z.int(),
    body: z.string(),
    reason: z.string().optional(),
    history: z.array(HistoryEntry()),
  })
  .meta({ id: "Announcement" });

export function publicBody({ revision, history }: PublishedAnnouncement): z.infer<typeof PublicBody> {
  const { reason } = revision;
  return {
    ...teaserOf(revision),
    version: revision.revision,
    body: revision.content.body,
    ...(reason === undefined ? {} : { reason }),
    history,
  };
}

/** An announcement as it is worked on: the text in work, or the published one when nothing is. */
export const ManuscriptBody = z
  .object({
    id: z.string(),
    version: z.int(),
    status: z.enum(STATUSES),
    revision: z.int(),
    ...Content().shape,
    columnName: z.string(),
    unitName: z.string(),
    contentHash: z.string(),
    inWork: z.boolean(),
    approvalsNeeded: z.int(),
    reviews: z.array(Review()),
    publishAt: z.string().optional(),
    createdAt: z.string(),
    updatedAt: z.string(),
    /** On the answer to a draft or a change: what channels will cut, or cannot take now. */
    warnings: z.array(WarningBody).optional(),
  })
  .meta({ id: "Manuscript" });

export function manuscriptBody(manuscript: Manuscript): z.infer<typeof ManuscriptBody> {
  const { announcement, content, contentHash, column, unitName } = manuscript;
  const { work } = announcement;
  return {
    id: announcement.id,
    version: announcement.version,
    status: statusOf(announcement),
    revision: announcement.revision,
    ...content,
    columnName: column.name,
    unitName,
    contentHash,
    inWork: work !== undefined,
    approvalsNeeded: column.approvals,
    reviews: work?.reviews ?? [],
    ...(work?.publishAt === undefined ? {} : { publishAt: work.publishAt }),
    createdAt: announcement.createdAt,
    updatedAt: announcement.updatedAt,
  };
}
