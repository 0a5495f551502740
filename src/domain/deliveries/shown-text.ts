import type { Revision } from "#src/domain/announcements/announcement.ts";
import type { Manuscript } from "#src/domain/announcements/draft.ts";
import type { Language } from "#src/text.ts";
import type { Channel, Links, Preview } from "./channel.ts";

export type ShownText = Preview & { language: Language };

/** A manuscript as the revision that it would be if it were published now. */
export function asRevision({ announcement, content, contentHash, column, unitName }: Manuscript, now: Date): Revision {
  const at = now.toISOString();
  return {
    announcementId: announcement.id,
    revision: announcement.revision + 1,
    kind: announcement.revision > 0 ? "corrected" : "published",
    content,
    contentHash,
    unitName,
    columnName: column.name,
    columnKind: column.kind,
    mayBreakQuietHours: column.mayBreakQuietHours,
    audience: announcement.audience,
    publishedAt: at,
    firstPublishedAt: announcement.firstPublishedAt ?? at,
  };
}

/** Whether every sign of the body stands in a text that is shown; how either is marked up says nothing. */
export function holdsBody(text: string, body: string): boolean {
  return signs(text).includes(signs(body));
}

const signs = (text: string) => text.replace(/[\s\p{P}\p{Z}\p{Cf}|~`^+=<>]/gu, "");

/** Exactly what readers of a channel will see, once for each language they read. */
export async function shownTexts(
  channel: Channel,
  revision: Revision,
  languages: Iterable<Language>,
  links: Links,
): Promise<ShownText[]> {
  return Promise.all(
    [...languages]
      .sort()
      .map(async (language) => ({ language, ...(await channel.preview(revision, language, links)) })),
  );
}
