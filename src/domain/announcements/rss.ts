import { type Entry, type Feed, rfc822, rfc3339 } from "./feed.ts";
import { DECLARATION, element, empty } from "./xml.ts";

const NAMESPACES = [
  'xmlns:atom="http://www.w3.org/2005/Atom"',
  'xmlns:content="http://purl.org/rss/1.0/modules/content/"',
  'xmlns:dc="http://purl.org/dc/elements/1.1/"',
].join(" ");

/** RSS 2.0 with `content:encoded` for the text and `dc:creator` for the unit (`author` would have to be a mail address). */
export function rss(feed: Feed): string {
  return `${DECLARATION}<rss version="2.0" ${NAMESPACES}>
<channel>
${[
  element("title", feed.title),
  element("link", feed.home),
  element("description", feed.subtitle),
  element("language", feed.language.toLowerCase()),
  element("lastBuildDate", rfc822(feed.updatedAt)),
  element("generator", "Gaoshi"),
  empty("atom:link", { rel: "self", type: "application/rss+xml", href: feed.self }),
  empty("atom:link", { rel: "hub", href: feed.hub }),
  ...feed.entries.map(item),
].join("\n")}
</channel>
</rss>
`;
}

function item(one: Entry): string {
  return `<item>
${[
  element("title", one.title),
  element("link", one.id),
  element("guid", one.id, { isPermaLink: "true" }),
  element("pubDate", rfc822(one.publishedAt)),
  element("atom:updated", rfc3339(one.updatedAt)),
  element("dc:creator", one.unit),
  element("category", one.column),
  ...one.tags.map((tag) => element("category", tag)),
  element("description", one.summary),
  element("content:encoded", one.content),
].join("\n")}
</item>`;
}
