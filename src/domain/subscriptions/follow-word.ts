import { z } from "zod";
import { keys } from "#src/platform/keys.ts";
import type { Table } from "#src/platform/table.ts";
import { schema } from "#src/schema.ts";

/** What a platform said last of somebody: that they follow us or do not, and when that happened there (milliseconds since 1970). */
export type FollowWord = { at: number; follows: boolean };

const Kept = schema(() => z.object({ at: z.number(), follows: z.boolean(), version: z.number() }));

// Longer than any platform repeats a word that nobody took.
const KEPT_SECONDS = 7 * 86_400;

/**
 * Acts by a platform's word unless a newer one is known: such words come late, again and out of order. Times are whole seconds
 * there, so of two words of one second the one that came last counts: nobody follows and leaves within a second by hand.
 * Whoever is overtaken by another word while it acts, acts by that one, too. Undefined: the word was older.
 */
export async function heedFollowWord<T>(
  { table }: { table: Table },
  endpoint: string,
  word: FollowWord,
  act: (follows: boolean) => Promise<T>,
): Promise<T | undefined> {
  const key = keys.followWord(endpoint);
  const known = async () => {
    const item = await table.get(key);
    return item && Kept().parse(item);
  };
  for (;;) {
    const before = await known();
    if (before && before.at > word.at) return undefined;
    const version = (before?.version ?? 0) + 1;
    const put = { ...key, ...word, version, expiresAt: Math.floor(word.at / 1000) + KEPT_SECONDS };
    const written = await table.write([{ put, if: before ? { version: before.version } : { absent: true } }]);
    if (!written.ok) continue;
    for (let newest: z.infer<ReturnType<typeof Kept>> = { ...word, version }; ; ) {
      const acted = await act(newest.follows);
      const now = await known();
      if (!now || now.version === newest.version) return acted;
      newest = now;
    }
  }
}
