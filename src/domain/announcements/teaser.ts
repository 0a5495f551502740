import { z } from "zod";
import { type Content, type Revision, Urgency } from "./announcement.ts";
import { summaryOf } from "./render.ts";

/** What a list shows of a published announcement. It stands in every list row, so that a list is one query. */
export const Teaser = z.object({
  id: z.string(),
  revision: z.int(),
  kind: z.enum(["published", "corrected", "withdrawn"]),
  title: z.string(),
  summary: z.string(),
  column: z.string(),
  columnName: z.string(),
  unitId: z.string(),
  unitName: z.string(),
  publishedAt: z.string(),
  firstPublishedAt: z.string(),
  urgency: Urgency(),
  tags: z.array(z.string()),
  language: z.enum(["zh-CN", "en"]),
  contentHash: z.string(),
});
export type Teaser = z.infer<typeof Teaser>;

export function teaserOf(revision: Revision): Teaser {
  const { content } = revision;
  return {
    id: revision.announcementId,
    revision: revision.revision,
    kind: revision.kind,
    title: content.title,
    summary: summaryOf(content),
    column: content.column,
    columnName: revision.columnName,
    unitId: content.unitId,
    unitName: revision.unitName,
    publishedAt: revision.publishedAt,
    firstPublishedAt: revision.firstPublishedAt,
    urgency: content.urgency,
    tags: content.tags,
    language: content.language,
    contentHash: revision.contentHash,
  };
}

/** A public list: everything, or one column, unit or tag. */
export type ListName = "all" | `column:${string}` | `unit:${string}` | `tag:${string}`;

export function listsOf(content: Content): ListName[] {
  return [
    ...new Set<ListName>([
      "all",
      `column:${content.column}`,
      `unit:${content.unitId}`,
      ...content.tags.map((tag) => `tag:${tag}` as const),
    ]),
  ];
}
