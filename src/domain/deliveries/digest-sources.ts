import type { Table } from "#src/platform/table.ts";
import type { Source } from "./audience.ts";
import { DIGEST_LETTER, type DigestName, itemName } from "./digest.ts";
import { itemsOf } from "./digest-store.ts";
import { metIn } from "./met.ts";
import { type Fanout, findFanout } from "./store.ts";

/**
 * The members of a digest: for every revision that joined it, who waits for it. What was superseded or withdrawn drops
 * out: its newer revision is held in its own right.
 */
export async function digestSources(table: Table, name: DigestName, after: string, to: string): Promise<Source[]> {
  const items = await itemsOf(table, name);
  const fanouts = await Promise.all(
    items.map(({ announcementId, revision }) => findFanout(table, announcementId, revision)),
  );
  return fanouts
    .filter((fanout) => fanout !== undefined && fanout.supersededBy === undefined)
    .map((fanout) => heldSource(table, fanout as Fanout, name, after, to));
}

function heldSource(table: Table, fanout: Fanout, name: DigestName, after: string, to: string): Source {
  const letter = DIGEST_LETTER[name.frequency];
  const item = itemName(fanout);
  return metIn(table, fanout, after, to, async ({ ref, result, member, endpoint }) =>
    result?.letters.charAt(member) === letter && result.digests?.[name.frequency] === name.date
      ? { endpoint, item, channel: ref.channel }
      : undefined,
  );
}
