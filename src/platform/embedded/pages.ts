import type { DatabaseSync } from "node:sqlite";
import { AppError } from "#src/errors.ts";
import type { Item, Page, Query } from "#src/platform/table.ts";

// DynamoDB ends a page at 1 MB; a caller that overlooks `next` shall notice it here too.
const PAGE_CHARACTERS = 1_000_000;

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
  const prepare = (pk: string, sk: string, behind: string, direction: "ASC" | "DESC") => {
    const order = sk === "isk" ? `isk ${direction}, id ${direction}` : `sk ${direction}`;
    const statement = sql.prepare(
      `SELECT ${sk}, id, body FROM items WHERE ${pk} = ?1 AND ${sk} >= ?2 AND ${sk} < ?3 ${behind}
       AND (expires IS NULL OR expires > ?4) ORDER BY ${order} LIMIT +?5`,
    );
    statement.setReturnArrays(true);
    return statement;
  };
  const table = { asc: prepare("pk", "sk", "", "ASC"), desc: prepare("pk", "sk", "", "DESC") };
  const behind = prepare("pk", "sk", "AND sk > ?6", "ASC");
  const index = { asc: prepare("ipk", "isk", "", "ASC"), desc: prepare("ipk", "isk", "", "DESC") };
  const indexBehind = {
    asc: prepare("ipk", "isk", "AND (isk, id) > (?6, ?7)", "ASC"),
    desc: prepare("ipk", "isk", "AND (isk, id) < (?6, ?7)", "DESC"),
  };

  type Row = [string, number, string];
  const page = (found: Iterable<unknown>, limit: number, cursor: (row: Row) => string): Page => {
    const items: Item[] = [];
    let characters = 0;
    let last: Row | undefined;
    for (const row of found as Iterable<Row>) {
      if (last && (items.length === limit || characters >= PAGE_CHARACTERS)) return { items, next: cursor(last) };
      items.push(JSON.parse(row[2]) as Item);
      characters += row[2].length;
      last = row;
    }
    return { items };
  };

  return {
    query: (query: Query): Page => {
      const { lower, upper } = bounds(query);
      const limit = query.limit ?? 1000;
      const at = now().getTime() / 1000;
      const { pk, after } = query;
      if (after === undefined) {
        const found = (query.reverse ? table.desc : table.asc).iterate(pk, lower, upper, at, limit + 1);
        return page(found, limit, ([sk]) => sk);
      }
      const found = query.reverse
        ? table.desc.iterate(
            pk,
            lower,
            typeof upper === "string" ? (earlier(upper, after) ?? after) : after,
            at,
            limit + 1,
          )
        : behind.iterate(pk, lower, upper, at, limit + 1, after);
      return page(found, limit, ([sk]) => sk);
    },
    queryIndex: (query: Query): Page => {
      const { lower, upper } = bounds(query);
      const limit = query.limit ?? 1000;
      const at = now().getTime() / 1000;
      const direction = query.reverse ? "desc" : "asc";
      const found =
        query.after === undefined
          ? index[direction].iterate(query.pk, lower, upper, at, limit + 1)
          : indexBehind[direction].iterate(query.pk, lower, upper, at, limit + 1, ...readCursor(query.after));
      return page(found, limit, ([isk, id]) => JSON.stringify([isk, id]));
    },
  };
}
