import { z } from "zod";
import { fault } from "#src/errors.ts";
import { schema } from "#src/schema.ts";

export const URGENCIES = ["routine", "important", "urgent"] as const;
export const Urgency = schema(() => z.enum(URGENCIES));
export type Urgency = z.infer<ReturnType<typeof Urgency>>;

/**
 * Who a revision is for. `public` stands on pages and in feeds; `internal` (a duty alarm, a dispatch, a receipt's
 * progress) reaches only the named topics and endpoints and shows nowhere else.
 */
export const Audience = schema(() =>
  z.discriminatedUnion("kind", [
    z.strictObject({ kind: z.literal("public") }),
    z.strictObject({ kind: z.literal("internal"), topics: z.array(z.string()), endpoints: z.array(z.string()) }),
  ]),
);
export type Audience = z.infer<ReturnType<typeof Audience>>;

const LINE = /^[^\p{Cc}\u2028\u2029]*$/u;

/** What is approved, hashed and pushed: nothing else of an announcement reaches a reader. `body` is Markdown. */
export const Content = schema(() =>
  z.strictObject({
    title: z
      .string()
      .trim()
      .min(1, fault("TITLE_REQUIRED", "请填写标题", "a title is needed"))
      .max(200, fault("TITLE_LENGTH", "标题不得超过200个字", "the title must have at most 200 characters"))
      .regex(
        LINE,
        fault("TITLE_LINE", "标题须为一行，不含控制字符", "the title is one line without control characters"),
      ),
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
    tags: z
      .array(
        z
          .string()
          .trim()
          .min(1)
          .max(50)
          .regex(LINE, fault("TAG_LINE", "标签不得含控制字符", "a tag has no control characters")),
      )
      .max(20)
      .default([]),
    urgency: Urgency().default("routine"),
    language: z.enum(["zh-CN", "en"]).default("zh-CN"),
  }),
);
export type Content = z.infer<ReturnType<typeof Content>>;

/** Some members of a content, to be changed; `summary: null` takes the summary away. */
export const ContentChange = schema(() =>
  z
    .strictObject({
      ...Content().shape,
      summary: Content().shape.summary.nullable(),
      tags: Content().shape.tags.unwrap(),
      urgency: Urgency(),
      language: Content().shape.language.unwrap(),
    })
    .partial(),
);
export type ContentChange = z.infer<ReturnType<typeof ContentChange>>;

export function changed(content: Content, change: ContentChange): Content {
  const { summary, ...rest } = { ...content, ...definedOf(change) };
  return Content().parse(summary === null || summary === undefined ? rest : { ...rest, summary });
}

function definedOf(change: ContentChange): ContentChange {
  return Object.fromEntries(Object.entries(change).filter(([, value]) => value !== undefined));
}

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
export function topicsOf(revision: Pick<Revision, "content" | "audience">): string[] {
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

/** One reviewer's word on exactly the bytes of `contentHash` of the work it stands in. */
export const Review = schema(() =>
  z.object({
    reviewerId: z.string(),
    reviewerName: z.string(),
    decision: z.enum(["approve", "return"]),
    comment: z.string().exactOptional(),
    at: z.string(),
  }),
);
export type Review = z.infer<ReturnType<typeof Review>>;

/**
 * A text on its way out: a draft, or a correction of what is published. Every edit starts the reviews anew.
 * `editedVersion` is the version of the announcement that this text came with.
 */
export const Work = schema(() =>
  z.object({
    content: Content(),
    contentHash: z.string(),
    authorIds: z.array(z.string()),
    reviews: z.array(Review()),
    editedVersion: z.int(),
    publishAt: z.string().exactOptional(),
  }),
);
export type Work = z.infer<ReturnType<typeof Work>>;

/** The current pointer of an announcement; published texts stand in its revisions, the text being worked on in `work`. */
export const Announcement = schema(() =>
  z.object({
    id: z.string(),
    version: z.int(),
    unitId: z.string(),
    audience: Audience(),
    /** Where a text comes from that was not drafted here: the first word of its seed. */
    origin: z.string().exactOptional(),
    state: z.enum(["draft", "published", "withdrawn"]),
    revision: z.int(),
    work: Work().exactOptional(),
    contentHash: z.string().exactOptional(),
    firstPublishedAt: z.string().exactOptional(),
    publishedAt: z.string().exactOptional(),
    createdAt: z.string(),
    updatedAt: z.string(),
  }),
);
export type Announcement = z.infer<ReturnType<typeof Announcement>>;

export const STATUSES = ["draft", "returned", "scheduled", "published", "withdrawn"] as const;
export type Status = (typeof STATUSES)[number];

/** What an editor sees as the state: a correction in work does not change that the announcement is published. */
export function statusOf(announcement: Announcement): Status {
  const { state, work } = announcement;
  if (state !== "draft") return state;
  if (work && isReturned(work)) return "returned";
  return work?.publishAt ? "scheduled" : "draft";
}

/** A reviewer sent it back: it has to be changed before it goes on. */
export function isReturned({ reviews }: Work): boolean {
  return reviews.some(({ decision }) => decision === "return");
}

export function approvalsOf(work: Work): number {
  return work.reviews.filter(({ decision }) => decision === "approve").length;
}
