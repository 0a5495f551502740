import { keys } from "#src/platform/keys.ts";
import type { Item, Query, Table } from "#src/platform/table.ts";
import { indexedUpTo } from "./index-words.ts";
import type { ListRequest } from "./read.ts";
import type { Reads } from "./store.ts";
import { Teaser } from "./teaser.ts";
import { folded, neededWords, wordsIn } from "./words.ts";

/** A search reads at most so many rows at a time; `next` then continues the search, even if nothing was found yet. */
const SEARCH_ROWS = 1000;
const PAGE = 200;

type Found = { items: Teaser[]; next?: string };

/**
 * Announcements of a list whose title, summary or tags contain all words, and which stand in all lists of `within`. What
 * the word index covers is looked up there, by the rarest of the words; what is newer is read.
 */
export async function searchPublished(deps: Reads, request: ListRequest): Promise<Found> {
  const words = wordsIn(request.q ?? "");
  const needed = [...new Set(words.flatMap(neededWords))];
  const fits = (item: Item) =>
    standsIn(item, [request.list, ...(request.within ?? [])]) && words.every((word) => textOf(item).includes(word));
  if (needed.length === 0) return scan(deps.table, request, fits, {});
  const border = await indexedUpTo(deps.table);
  const newer = await scan(deps.table, request, fits, border === undefined ? {} : { from: `${border}~` });
  if (newer.next !== undefined || border === undefined) return newer;
  const last = placeOf(newer.items.at(-1));
  if (newer.items.length >= request.limit && last !== undefined) return { ...newer, next: last };
  const older = await lookUp(deps.table, request, fits, needed);
  const items = [...newer.items, ...older.items].slice(0, request.limit);
  const next = newer.items.length + older.items.length > request.limit ? placeOf(items.at(-1)) : older.next;
  return next === undefined ? { items } : { items, next };
}

/** The list itself, row by row, between `more` and where the page before ended. */
async function scan(
  table: Table,
  request: ListRequest,
  fits: (item: Item) => boolean,
  more: Pick<Query, "from">,
): Promise<Found> {
  const { list, limit, after, from, to } = request;
  const least = [from, more.from]
    .filter((one) => one !== undefined)
    .sort()
    .at(-1);
  if (after !== undefined && least !== undefined && after < least) return { items: [] };
  const page = await table.query({
    pk: keys.listing(list, "", "").pk,
    reverse: true,
    limit: SEARCH_ROWS,
    ...(after === undefined ? {} : { after }),
    ...(least === undefined ? {} : { from: least }),
    ...(to === undefined ? {} : { to }),
  });
  const found = page.items.filter(fits);
  const kept = found.slice(0, limit);
  const next = kept.length < found.length ? kept.at(-1)?.sk : page.next;
  const items = kept.map((item) => Teaser.parse(item));
  return next === undefined ? { items } : { items, next };
}

async function lookUp(
  table: Table,
  request: ListRequest,
  fits: (item: Item) => boolean,
  words: string[],
): Promise<Found> {
  const { limit, after, from, to } = request;
  const pageOf = (word: string, before: string | undefined) =>
    table.query({
      pk: keys.word(word, "", "").pk,
      reverse: true,
      limit: PAGE,
      ...(before === undefined ? {} : { after: before }),
      ...(from === undefined ? {} : { from }),
      ...(to === undefined ? {} : { to }),
    });
  const first = await Promise.all(words.map(async (word) => ({ word, page: await pageOf(word, after) })));
  // The rarest word reaches furthest back with one page.
  const reach = ({ page }: (typeof first)[number]) => (page.next === undefined ? "" : (page.items.at(-1)?.sk ?? ""));
  const rarest = first.reduce((best, one) => (reach(one) < reach(best) ? one : best));
  const items: Teaser[] = [];
  let read = 0;
  for (let page = rarest.page; ; page = await pageOf(rarest.word, page.next)) {
    const rows = await table.getMany(page.items.map(({ sk }) => ({ pk: keys.listing("all", "", "").pk, sk })));
    for (const row of rows) {
      if (!row || !fits(row)) continue;
      if (items.length === limit) return { items, next: placeOf(items.at(-1)) ?? "" };
      items.push(Teaser.parse(row));
    }
    if (page.next === undefined) return { items };
    read += page.items.length;
    if (read >= SEARCH_ROWS) return { items, next: page.next };
  }
}

function placeOf(teaser: Teaser | undefined): string | undefined {
  return teaser && keys.listing("all", teaser.firstPublishedAt, teaser.id).sk;
}

function standsIn(item: Item, lists: string[]): boolean {
  const { column, unitId, tags } = item as Item & Pick<Teaser, "column" | "unitId" | "tags">;
  return lists.every((list) =>
    ["all", `column:${column}`, `unit:${unitId}`, ...tags.map((tag) => `tag:${tag}`)].includes(list),
  );
}

function textOf(item: Item): string {
  return folded(`${item["title"]}\n${item["summary"]}\n${String(item["tags"])}`);
}
