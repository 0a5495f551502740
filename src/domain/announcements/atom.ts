import { type Entry, type Feed, rfc3339 } from "./feed.ts";
import { DECLARATION, element, empty } from "./xml.ts";

/** Atom (RFC 4287). `updated` moves with every revision, `id` and `published` never. */
export function atom(feed: Feed): string {
  return `${DECLARATION}<feed xmlns="http://www.w3.org/2005/Atom" xml:lang="${feed.language}">
${[
  element("id", feed.self),
  element("title", feed.title),
  element("subtitle", feed.subtitle),
  element("updated", rfc3339(feed.updatedAt)),
  `<author>${element("name", feed.author)}</author>`,
  empty("link", { rel: "self", type: "application/atom+xml", href: feed.self }),
  empty("link", { rel: "hub", href: feed.hub }),
  empty("link", { rel: "alternate", type: "text/html", href: feed.home }),
  element("generator", "Gaoshi"),
  ...feed.entries.map(entry),
].join("\n")}
</feed>
`;
}

function entry(one: Entry): string {
  return `<entry xml:lang="${one.language}">
${[
  element("id", one.id),
  element("title", one.title),
  empty("link", { rel: "alternate", type: "text/html", href: one.id }),
  element("published", rfc3339(one.publishedAt)),
  element("updated", rfc3339(one.updatedAt)),
  `<author>${element("name", one.unit)}${element("uri", one.unitUrl)}</author>`,
  empty("category", { term: one.column, scheme: "urn:gaoshi:column" }),
  ...one.tags.map((tag) => empty("category", { term: tag })),
  element("summary", one.summary),
  element("content", one.content, { type: "html" }),
].join("\n")}
</entry>`;
}
