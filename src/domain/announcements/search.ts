import { keys } from "#src/platform/keys.ts";
import type { Item, Table } from "#src/platform/table.ts";
import { indexedUpTo } from "./index-words.ts";
import { meetingOf, type Stretch } from "./meeting.ts";
import type { ListRequest } from "./read.ts";
import type { Reads } from "./store.ts";
import { Teaser } from "./teaser.ts";
import { folded, neededWords, wordsIn } from "./words.ts";

/** A search reads about so many rows at a time; `next` then continues it, even if nothing was found yet. */
const MOST_ROWS = 1000;
const ALL = keys.listing("all", "", "").pk;

type Found = { items: Teaser[]; next?: string };

/**
 * Announcements of a list whose title, summary or tags contain all words, and which stand in all lists of `within`. Looked at
 * is only what stands in all those lists and, as far as the word index goes, under all words; what is newer is read.
 */
export async function searchPublished(deps: Reads, request: ListRequest): Promise<Found> {
  const { limit, after, from, to } = request;
  const words = wordsIn(request.q ?? "");
  const lists = [...new Set([request.list, ...(request.within ?? [])])];
  const fits = (item: Item) => standsIn(item, lists) && containsAll(item, words);
  const look = (partitions: string[], stretch: Stretch) =>
    lookThrough(deps.table, partitions.length > 0 ? partitions : [ALL], stretch, { limit, fits });
  const narrow = lists.filter((list) => list !== "all").map((list) => keys.listing(list, "", "").pk);
  const needed = [...new Set(words.flatMap(neededWords))].map((word) => keys.word(word, "", "").pk);
  const indexed = needed.length === 0 ? undefined : await indexedUpTo(deps.table);
  if (indexed === undefined) return look(narrow, { after, from, to });
  const border = `${indexed}~`;
  const none: Found = { items: [] };
  const [newer, older] = await Promise.all([
    after !== undefined && after < border ? none : look(narrow, { after, from: later(from, border), to }),
    look([...needed, ...narrow], { after, from, to: earlier(to, border) }),
  ]);
  if (newer.next !== undefined) return newer;
  return firstOf(limit, [...newer.items, ...older.items], older.next);
}

async function lookThrough(
  table: Table,
  partitions: string[],
  stretch: Stretch,
  { limit, fits }: { limit: number; fits: (item: Item) => boolean },
): Promise<Found> {
  const meeting = await meetingOf(table, partitions, stretch, { size: limit + 1, most: MOST_ROWS });
  const items: Teaser[] = [];
  for (;;) {
    const places: Item[][] = [];
    for (let rows = await meeting.next(); rows; rows = places.length > limit ? undefined : await meeting.next())
      places.push(rows);
    for (const row of await shownAt(table, places)) if (row && fits(row)) items.push(Teaser.parse(row));
    if (items.length > limit || places.length <= limit) return firstOf(limit, items, meeting.behind());
  }
}

/** The row of a list is all that is shown of an announcement; that of a word only names its place. */
async function shownAt(table: Table, places: Item[][]): Promise<(Item | undefined)[]> {
  const shown = places.map((rows) => rows.find((row) => row["title"] !== undefined));
  if (!shown.includes(undefined)) return shown;
  return table.getMany(places.flatMap((rows) => rows.slice(0, 1)).map(({ sk }) => ({ pk: ALL, sk })));
}

/** `next`: where the reading ended, for when all that was found is shown. */
function firstOf(limit: number, found: Teaser[], next: string | undefined): Found {
  const items = found.slice(0, limit);
  const last = items.at(-1);
  if (found.length > limit && last) return { items, next: keys.listing("all", last.firstPublishedAt, last.id).sk };
  return next === undefined ? { items } : { items, next };
}

function later(from: string | undefined, border: string): string {
  return from !== undefined && from > border ? from : border;
}

function earlier(to: string | undefined, border: string): string {
  return to !== undefined && to < border ? to : border;
}

function standsIn(item: Item, lists: string[]): boolean {
  const { column, unitId, tags } = item as Item & Pick<Teaser, "column" | "unitId" | "tags">;
  return lists.every((list) =>
    ["all", `column:${column}`, `unit:${unitId}`, ...tags.map((tag) => `tag:${tag}`)].includes(list),
  );
}

/** Most searches are for words of titles: a text is folded only as far as a word is missing. */
function containsAll(item: Item, words: string[]): boolean {
  let missing = words;
  for (const name of ["title", "summary", "tags"]) {
    if (missing.length === 0) return true;
    const text = folded(String(item[name]));
    missing = missing.filter((word) => !text.includes(word));
  }
  return missing.length === 0;
}
