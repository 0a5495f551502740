import type { Revision } from "#src/domain/announcements/announcement.ts";
import type { Language } from "#src/text.ts";
import type { Channel, Links } from "./channel.ts";
import { type DigestName, digestAt, digestId, digestNamed, itemNamed } from "./digest.ts";
import { recent } from "./recent.ts";

/** A digest wakes nobody: what may do that was not held for it. */
export const A_DIGEST = { mayBreakQuietHours: false, content: { urgency: "routine" } };

/** What is internal has no public page; who works on it finds it from the console. */
export function linksFor(links: Links) {
  return (revisions: Revision[]): Links => {
    const internal = new Set(
      revisions.filter(({ audience }) => audience.kind === "internal").map(({ announcementId }) => announcementId),
    );
    if (internal.size === 0) return links;
    return { ...links, announcement: (id) => (internal.has(id) ? `${links.source}/console` : links.announcement(id)) };
  };
}

/** Renders a digest once per list of items and language: most of its members get the same. */
export function digestRenderings(
  channel: Channel,
  linksOf: (revisions: Revision[]) => Links,
  revisionOf: (key: string) => Promise<Revision>,
) {
  const renderings = recent(64, async (key) => {
    const [id = "", language, ...items] = key.split(" ");
    const name = digestNamed(id);
    if (!name) throw new Error(`not a digest: ${id}`);
    const revisions = await Promise.all(
      items.map(itemNamed).map(({ announcementId, revision }) => revisionOf(`${announcementId}#${revision}`)),
    );
    revisions.sort((a, b) => (a.publishedAt === b.publishedAt ? 0 : a.publishedAt > b.publishedAt ? -1 : 1));
    const digest = { frequency: name.frequency, at: digestAt(name).toISOString(), revisions };
    return channel.renderDigest(digest, language as Language, linksOf(revisions));
  });
  return (name: DigestName, language: Language, items: string[]) =>
    renderings([digestId(name), language, ...items].join(" "));
}
