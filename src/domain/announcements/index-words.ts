import { keys } from "#src/platform/keys.ts";
import type { Item, Table } from "#src/platform/table.ts";
import type { Revision } from "./announcement.ts";
import { wordItems } from "./words.ts";

const ROWS_A_RUN = 50;
// A long summary has a thousand words, and a run shall end before the next one begins.
const WORDS_A_RUN = 5_000;
// A publication that is stored late must not fall behind the border: this is far longer than any request lives.
const SETTLED_MS = 60_000;

// Named anew whenever other words are kept of a text: then all are indexed again.
const border = keys.setting("words-and-letters-indexed-up-to");

/** Up to this place of the list of all announcements their words stand in the index; undefined before the first run. */
export async function indexedUpTo(table: Table): Promise<string | undefined> {
  const at = (await table.get(border))?.["at"];
  return typeof at === "string" ? at : undefined;
}

/**
 * Puts the words of what was published up to a minute ago into the index, oldest first, some at a time: also what an older
 * version of this program published. May run twice, or in two places at once. Answers whether there is more to do.
 */
export async function indexNewWords(deps: { table: Table; now: () => Date }): Promise<boolean> {
  const { table } = deps;
  const known = await table.get(border);
  const at = typeof known?.["at"] === "string" ? known["at"] : undefined;
  const page = await table.query({
    pk: keys.listing("all", "", "").pk,
    to: new Date(deps.now().getTime() - SETTLED_MS).toISOString(),
    limit: ROWS_A_RUN,
    ...(at === undefined ? {} : { after: at }),
  });
  if (page.items.length === 0) return false;
  const { Teaser } = await import("./teaser.ts");
  const words: Item[] = [];
  let last: Item | undefined;
  for (const item of page.items) {
    if (words.length >= WORDS_A_RUN) break;
    words.push(...wordItems(Teaser.parse(item)));
    last = item;
  }
  if (!last) return false;
  await table.putAll(words);
  const version = known?.version ?? 0;
  const put = { ...border, at: last.sk, version: version + 1 };
  await table.write([{ put, if: version === 0 ? { absent: true } : { version } }]);
  return page.next !== undefined || last !== page.items.at(-1);
}

/** A correction has words that its first text had not. */
export async function indexCorrection(deps: { table: Table }, revision: Revision): Promise<void> {
  if (revision.kind !== "corrected" || revision.audience.kind !== "public") return;
  const { teaserOf } = await import("./teaser.ts");
  await deps.table.putAll(wordItems(teaserOf(revision)));
}
