import type { DatabaseSync } from "node:sqlite";
import { AppError } from "#src/errors.ts";
import type { Item, Page, Query } from "#src/platform/table.ts";
import { type Listed, listing } from "./listing.ts";

// DynamoDB ends a page at 1 MB; a caller that overlooks `next` shall notice it here too.
const PAGE_BYTES = 1_000_000;

// Items read at once, of up to 400 KB each; small enough that a page of the largest is 20 MB before it is cut.
const AT_ONCE = 50;

// A blob sorts behind every text.
const END = new Uint8Array([255]);

/** SQLite and DynamoDB order by bytes of UTF-8, which is the order of code points, not of UTF-16. */
export function compareText(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}

/** The least text that is behind every text with this prefix; undefined when there is none. */
export function behindPrefix(prefix: string): string | undefined {
  const points = [...prefix];
  for (let last = points.pop(); last !== undefined; last = points.pop()) {
    const code = last.codePointAt(0) ?? 0;
    if (code < 0x10ffff) return points.join("") + String.fromCodePoint(code === 0xd7ff ? 0xe000 : code + 1);
  }
  return undefined;
}

const later = (a: string, b: string): string => (compareText(a, b) >= 0 ? a : b);
const earlier = (a: string | undefined, b: string | undefined): string | undefined =>
  a === undefined || b === undefined ? (a ?? b) : compareText(a, b) <= 0 ? a : b;

/** `upper` is a text, or the blob behind all of them. */
const sooner = (upper: string | Uint8Array, after: string | undefined): string | Uint8Array =>
  typeof upper === "string" ? (earlier(upper, after) ?? upper) : (after ?? upper);

/** Sort keys at or behind `lower` and before `upper`. */
function bounds({ prefix = "", from = "", to }: Query): { lower: string; upper: string | Uint8Array } {
  return { lower: later(prefix, from), upper: earlier(to, behindPrefix(prefix)) ?? END };
}

/** `cursor` of a page read before: the sort key and the row it ended with. */
function readCursor(text: string): [string, number] {
  try {
    const [sk, id] = JSON.parse(text) as unknown[];
    if (typeof sk === "string" && typeof id === "number") return [sk, id];
  } catch {}
  throw new AppError("malformed", "CURSOR", { zh: "翻页标记无效", en: "the cursor is not valid" });
}

/**
 * Reading in the order of the keys, of the table and of its sparse index. A bare parameter as LIMIT would let SQLite plan,
 * and so prepare, the statement anew each time it is bound, at ten times the cost of the read.
 */
export function pages(sql: DatabaseSync, now: () => Date) {
  const prepare = (pk: string, stretch: string, order: string) =>
    listing(
      sql,
      `SELECT body FROM items WHERE ${pk} = ?1 AND ${stretch}
       AND (expires IS NULL OR expires > ?4) ORDER BY ${order} LIMIT +?5`,
    );
  const table = {
    asc: prepare("pk", "sk >= ?2 AND sk < ?3", "sk ASC"),
    behind: prepare("pk", "sk > ?2 AND sk < ?3", "sk ASC"),
    desc: prepare("pk", "sk >= ?2 AND sk < ?3", "sk DESC"),
  };
  // One bound on either side: of two SQLite may begin at the farther one, and walk over all pages before.
  const index = {
    asc: prepare("ipk", "isk >= ?2 AND isk < ?3", "isk ASC, id ASC"),
    ascBehind: prepare("ipk", "(isk, id) > (?2, ?6) AND isk < ?3", "isk ASC, id ASC"),
    desc: prepare("ipk", "isk >= ?2 AND isk < ?3", "isk DESC, id DESC"),
    descBehind: prepare("ipk", "isk >= ?2 AND (isk, id) < (?3, ?6)", "isk DESC, id DESC"),
  };
  const idOf = sql.prepare("SELECT id FROM items WHERE pk = ? AND sk = ?");

  /** `read` answers so many items behind a cursor, `cursorOf` what the next read begins behind. */
  const page = (
    { limit = 1000, after }: Query,
    read: (after: string | undefined, count: number) => Listed,
    cursorOf: (item: Item) => string,
  ): Page => {
    const items: Item[] = [];
    let bytes = 0;
    let from = after;
    for (;;) {
      const count = Math.min(AT_ONCE, limit + 1 - items.length);
      const found = read(from, count);
      const isSmall = bytes + found.bytes < PAGE_BYTES;
      for (const item of found.items) {
        const last = items.at(-1);
        if (last && (items.length === limit || bytes >= PAGE_BYTES)) return { items, next: cursorOf(last) };
        items.push(item);
        if (!isSmall) bytes += Buffer.byteLength(JSON.stringify(item));
      }
      if (isSmall) bytes += found.bytes;
      const last = items.at(-1);
      if (last === undefined || found.items.length < count) return { items };
      from = cursorOf(last);
    }
  };

  return {
    query: (query: Query): Page => {
      const { pk, reverse } = query;
      const { lower, upper } = bounds(query);
      const at = now().getTime() / 1000;
      const read = (after: string | undefined, count: number): Listed => {
        if (reverse) return table.desc(pk, lower, sooner(upper, after), at, count);
        const isBehind = after !== undefined && later(lower, after) === after;
        return isBehind ? table.behind(pk, after, upper, at, count) : table.asc(pk, lower, upper, at, count);
      };
      return page(query, read, ({ sk }) => sk);
    },
    queryIndex: (query: Query): Page => {
      const { pk, reverse } = query;
      const { lower, upper } = bounds(query);
      const at = now().getTime() / 1000;
      const read = (after: string | undefined, count: number): Listed => {
        const [isk, id] = after === undefined ? [] : readCursor(after);
        if (isk !== undefined && id !== undefined) {
          if (reverse && isk !== upper && sooner(upper, isk) === isk)
            return index.descBehind(pk, lower, isk, at, count, id);
          if (!reverse && later(lower, isk) === isk) return index.ascBehind(pk, isk, upper, at, count, id);
        }
        return index[reverse ? "desc" : "asc"](pk, lower, upper, at, count);
      };
      return page(query, read, (item) => JSON.stringify([item.index?.sk, idOf.get(item.pk, item.sk)?.["id"]]));
    },
  };
}
