import { type Entry, type Feed, rfc3339 } from "./feed.ts";

/** JSON Feed 1.1; what it has no word for stands under `_gaoshi`. */
export function jsonFeed(feed: Feed): string {
  return `${JSON.stringify(
    {
      version: "https://jsonfeed.org/version/1.1",
      title: feed.title,
      description: feed.subtitle,
      home_page_url: feed.home,
      feed_url: feed.self,
      hubs: [{ type: "WebSub", url: feed.hub }],
      language: feed.language,
      authors: [{ name: feed.author }],
      items: feed.entries.map(item),
    },
    (_, value) => (typeof value === "string" ? value.toWellFormed() : value),
    1,
  )}\n`;
}

function item(one: Entry) {
  return {
    id: one.id,
    url: one.id,
    title: one.title,
    summary: one.summary,
    content_html: one.content,
    date_published: rfc3339(one.publishedAt),
    date_modified: rfc3339(one.updatedAt),
    authors: [{ name: one.unit, url: one.unitUrl }],
    tags: [one.column, ...one.tags],
    language: one.language,
    _gaoshi: { revision: one.revision, urgency: one.urgency, content_hash: one.contentHash },
  };
}
