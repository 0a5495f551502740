import { z } from "zod";
import { fault } from "#src/errors.ts";

export const URGENCIES = ["routine", "important", "urgent"] as const;
export const Urgency = z.enum(URGENCIES);
export type Urgency = z.infer<typeof Urgency>;

/**
 * Who a revision is for. `public` stands on pages and in feeds; `internal` (a duty alarm, a dispatch, a receipt's
 * progress) reaches only the named topics and endpoints and shows nowhere else.
 */
export const Audience = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("public") }),
  z.strictObject({ kind: z.literal("internal"), topics: z.array(z.string()), endpoints: z.array(z.string()) }),
]);
export type Audience = z.infer<typeof Audience>;

/** What is approved, hashed and pushed: nothing else of an announcement reaches a reader. `body` is Markdown. */
export const Content = z.strictObject({
  title: z
    .string()
    .trim()
    .min(1, fault("TITLE_REQUIRED", "请填写标题", "a title is needed"))
    .max(200, fault("TITLE_LENGTH", "标题不得超过200个字", "the title must have at most 200 characters")),
  body: z
    .string()
    .min(1, fault("BODY_REQUIRED", "请填写正文", "a body is needed"))
    .max(100_000, fault("BODY_LENGTH", "正文不得超过100000个字", "the body must have at most 100,000 characters")),
  column: z.string().min(1).max(64),
  unitId: z.string().min(1).max(64),
  summary: z
    .string()
    .trim()
    .max(500, fault("SUMMARY_LENGTH", "摘要不得超过500个字", "the summary must have at most 500 characters"))
    .optional(),
  tags: z.array(z.string().trim().min(1).max(50)).max(20).default([]),
  urgency: Urgency.default("routine"),
  language: z.enum(["zh-CN", "en"]).default("zh-CN"),
});
export type Content = z.infer<typeof Content>;

export type RevisionKind = "published" | "corrected" | "withdrawn";

/**
 * One immutable published text. `contentHash` is the SHA-256 of the canonical content; a withdrawal keeps the
 * content of the revision before it and gives its reason. Names of unit and column are frozen with it (attribution travels).
 */
export type Revision = {
  announcementId: string;
  revision: number;
  kind: RevisionKind;
  content: Content;
  contentHash: string;
  unitName: string;
  columnName: string;
  columnKind: "news" | "notice" | "policy" | "alert";
  mayBreakQuietHours: boolean;
  audience: Audience;
  reason?: string;
  /** When this revision was published, and when the first one was. */
  publishedAt: string;
  firstPublishedAt: string;
};

/** The value of `feed` on a revision's item: the change feed hands it to `dispatch`. */
export const REVISION_FEED = "revision";

/** The topics a revision speaks on; an endpoint matches when it wants any of them. Internal ones: only the named. */
export function topicsOf(revision: Revision): string[] {
  if (revision.audience.kind === "internal") return revision.audience.topics;
  const { content } = revision;
  return [
    "all",
    `column:${content.column}`,
    `unit:${content.unitId}`,
    ...content.tags.map((tag) => `tag:${tag}`),
    ...(content.urgency === "urgent" ? ["urgency:urgent"] : []),
  ];
}
