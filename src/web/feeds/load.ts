import { type Entry, type Feed, feedEntry, feedOf } from "#src/domain/announcements/feed-formats.ts";
import { getPublished, type ListName, listPublished, type Teaser } from "#src/domain/announcements/read.ts";
import { PRODUCT } from "#src/text.ts";
import type { WebDeps } from "#src/web/app.ts";

type Reads = Pick<WebDeps, "table" | "config">;

/** What a feed is about: a public list, the folder of its files, and the page that shows the same. */
export type Subject = { list: ListName; folder: string; home: string; title?: string };

const NEWEST = 50;

export async function newest(deps: Reads, list: ListName): Promise<Teaser[]> {
  return (await listPublished(deps, { list, limit: NEWEST })).items;
}

export async function loadFeed(deps: Reads, subject: Subject, path: string, teasers: Teaser[]): Promise<Feed> {
  const { home, title } = subject;
  const entries = await Promise.all(teasers.map((teaser) => entryOf(deps, teaser)));
  const head = { path, home, ...(title === undefined ? {} : { title }), product: PRODUCT.zh };
  return feedOf(
    { ...head, baseUrl: deps.config.baseUrl },
    entries.filter((entry) => entry !== undefined),
  );
}

/** An announcement withdrawn between the list and this read has no entry. */
async function entryOf(deps: Reads, teaser: Teaser): Promise<Entry | undefined> {
  const published = await getPublished(deps, teaser.id);
  if (!published || published.revision.kind === "withdrawn") return undefined;
  return feedEntry(published.revision, deps.config.baseUrl);
}
