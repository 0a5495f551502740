import { getPublished, type ListName, listPublished, type Teaser } from "#src/domain/announcements/read.ts";
import { renderBody } from "#src/domain/announcements/render.ts";
import { PRODUCT } from "#src/text.ts";
import type { WebDeps } from "#src/web/app.ts";
import { absoluteLinks, type Entry, type Feed, NEVER } from "./feed.ts";

type Reads = Pick<WebDeps, "table" | "config">;

/** What a feed is about: a public list, the folder of its files, and the page that shows the same. */
export type Subject = { list: ListName; folder: string; home: string; title?: string };

const NEWEST = 50;

export async function newest(deps: Reads, list: ListName): Promise<Teaser[]> {
  return (await listPublished(deps, { list, limit: NEWEST })).items;
}

export async function feedOf(deps: Reads, subject: Subject, path: string, teasers: Teaser[]): Promise<Feed> {
  const base = deps.config.baseUrl;
  const entries = await Promise.all(teasers.map((teaser) => entryOf(deps, teaser)));
  return {
    title: subject.title ? `${subject.title} - ${PRODUCT.zh}` : PRODUCT.zh,
    subtitle: subject.title ? `${subject.title}的最新公告` : "全部最新公告",
    language: "zh-CN",
    home: base + subject.home,
    self: base + path,
    author: subject.title ?? PRODUCT.zh,
    updatedAt:
      teasers
        .map((teaser) => teaser.publishedAt)
        .sort()
        .at(-1) ?? NEVER,
    entries: entries.filter((entry) => entry !== undefined),
  };
}

/** An announcement withdrawn between the list and this read has no entry. */
async function entryOf(deps: Reads, teaser: Teaser): Promise<Entry | undefined> {
  const published = await getPublished(deps, teaser.id);
  if (!published || published.revision.kind === "withdrawn") return undefined;
  const { revision } = published;
  const url = `${deps.config.baseUrl}/announcements/${teaser.id}`;
  return {
    id: url,
    title: revision.content.title,
    summary: teaser.summary,
    content: absoluteLinks(renderBody(revision.content.body), url),
    unit: revision.unitName,
    unitUrl: deps.config.baseUrl,
    column: revision.columnName,
    tags: revision.content.tags,
    language: revision.content.language,
    urgency: revision.content.urgency,
    revision: revision.revision,
    contentHash: revision.contentHash,
    publishedAt: revision.firstPublishedAt,
    updatedAt: revision.publishedAt,
  };
}
