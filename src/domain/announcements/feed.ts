import type { Revision } from "./announcement.ts";
import { renderBody, summaryOf } from "./render.ts";

/** One feed, before it takes a format. All links are absolute, all times RFC 3339 in UTC. */
export type Feed = {
  title: string;
  subtitle: string;
  language: string;
  /** The page that the feed belongs to, and the feed's own address in this format. */
  home: string;
  self: string;
  /** Where its changes can be subscribed to (WebSub). */
  hub: string;
  author: string;
  updatedAt: string;
  entries: Entry[];
};

/** One announcement. `id` is its address and stays the same over all its revisions. */
export type Entry = {
  id: string;
  title: string;
  summary: string;
  /** Sanitised HTML with absolute links. */
  content: string;
  unit: string;
  unitUrl: string;
  column: string;
  tags: string[];
  language: string;
  urgency: string;
  revision: number;
  contentHash: string;
  publishedAt: string;
  updatedAt: string;
};

const ESCAPES: Record<string, string> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" };

/** The entry of a revision; of a withdrawn announcement the reason stands in the place of the text. */
export function feedEntry(revision: Revision, baseUrl: string): Entry {
  const { content, kind, reason = "" } = revision;
  const url = `${baseUrl}/announcements/${revision.announcementId}`;
  const withdrawn = kind === "withdrawn";
  return {
    id: url,
    title: withdrawn ? `${content.language === "en" ? "[Withdrawn] " : "【撤回】"}${content.title}` : content.title,
    summary: withdrawn ? reason : summaryOf(content),
    content: withdrawn
      ? `<p>${reason.replace(/[&<>"]/g, (sign) => ESCAPES[sign] ?? sign)}</p>\n`
      : absoluteLinks(renderBody(content.body), url),
    unit: revision.unitName,
    unitUrl: baseUrl,
    column: revision.columnName,
    tags: content.tags,
    language: content.language,
    urgency: content.urgency,
    revision: revision.revision,
    contentHash: revision.contentHash,
    publishedAt: revision.firstPublishedAt,
    updatedAt: revision.publishedAt,
  };
}

/** A feed without entries has not changed since the beginning of time. */
export const NEVER = "1970-01-01T00:00:00.000Z";

/** `2022-05-30T09:39:00Z`: RFC 3339, seconds are enough. */
export function rfc3339(instant: string): string {
  return `${new Date(instant).toISOString().slice(0, 19)}Z`;
}

/** `Mon, 30 May 2022 09:39:00 GMT`: RFC 822 with the four-digit year that RSS 2.0 asks for. */
export function rfc822(instant: string): string {
  return new Date(instant).toUTCString();
}

const RELATIVE_LINK = /(\s(?:href|src)=")(?![a-z][a-z0-9+.-]*:)([^"]*)(?=")/gi;

/** Makes the relative links of rendered HTML absolute: a reader opens a feed far from this site. */
export function absoluteLinks(markup: string, page: string): string {
  return markup.replace(RELATIVE_LINK, (whole, attribute: string, link: string) => {
    const plain = link.replaceAll("&amp;", "&");
    return URL.canParse(plain, page) ? attribute + new URL(plain, page).href.replaceAll("&", "&amp;") : whole;
  });
}
