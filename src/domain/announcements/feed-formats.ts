import { atom } from "./atom.ts";
import { type Entry, type Feed, feedEntry, NEVER } from "./feed.ts";
import { jsonFeed } from "./json-feed.ts";
import { rss } from "./rss.ts";

export { type Entry, type Feed, feedEntry };

/** By the name of the file. */
export const FEED_FORMATS: Readonly<Record<string, { contentType: string; write: (feed: Feed) => string }>> = {
  "feed.atom": { contentType: "application/atom+xml; charset=utf-8", write: atom },
  "feed.rss": { contentType: "application/rss+xml; charset=utf-8", write: rss },
  "feed.json": { contentType: "application/feed+json; charset=utf-8", write: jsonFeed },
};

/** What a feed is about: nothing but the site, or the title of a column or unit; `path` and `home` on this site. */
export type FeedHead = { path: string; home: string; title?: string; product: string; baseUrl: string };

export function feedOf({ path, home, title, product, baseUrl }: FeedHead, entries: Entry[]): Feed {
  return {
    title: title ? `${title} - ${product}` : product,
    subtitle: title ? `${title}的最新公告` : "全部最新公告",
    language: "zh-CN",
    home: baseUrl + home,
    self: baseUrl + path,
    hub: hubOf(baseUrl),
    author: title ?? product,
    updatedAt:
      entries
        .map((entry) => entry.updatedAt)
        .sort()
        .at(-1) ?? NEVER,
    entries,
  };
}

export function hubOf(baseUrl: string): string {
  return `${baseUrl}/websub`;
}

/** The `Link` header of a feed and of what is pushed of it (W3C WebSub 4 and 7). */
export function feedLinks(baseUrl: string, path: string): string {
  return `<${hubOf(baseUrl)}>; rel="hub", <${baseUrl}${path}>; rel="self"`;
}
