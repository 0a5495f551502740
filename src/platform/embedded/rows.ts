import type { DatabaseSync, SQLInputValue } from "node:sqlite";
import type { Condition, Item, Key } from "#src/platform/table.ts";
import { listing } from "./listing.ts";

const COLUMNS = "version = ?3, expires = ?4, ipk = ?5, isk = ?6, change = ?7, body = ?8";
const LIVE = "(expires IS NULL OR expires > ?)";

/** Of one partition, read by one statement: with fewer it is not worth it; with more they could be too large together. */
const TOGETHER = { least: 4, most: 50 };

/** The statements behind the table: one row an item, its body the whole item as JSON (a copy without the key would cost more CPU than it saves bytes). */
export function rows(sql: DatabaseSync) {
  const insert =
    "INSERT INTO items (pk, sk, version, expires, ipk, isk, change, body) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
  const upsert = sql.prepare(`${insert} ON CONFLICT (pk, sk) DO UPDATE SET ${COLUMNS}`);
  const insertAbsent = sql.prepare(`${insert} ON CONFLICT (pk, sk) DO UPDATE SET ${COLUMNS} WHERE items.expires <= ?9`);
  const update = `UPDATE items SET ${COLUMNS} WHERE pk = ?1 AND sk = ?2 AND (expires IS NULL OR expires > ?9)`;
  const updatePresent = sql.prepare(update);
  const updateVersion = sql.prepare(`${update} AND version = ?10`);
  const remove = sql.prepare("DELETE FROM items WHERE pk = ? AND sk = ?");
  const select = sql.prepare(`SELECT body FROM items WHERE pk = ? AND sk = ? AND ${LIVE}`);
  const state = sql.prepare(`SELECT version FROM items WHERE pk = ? AND sk = ? AND ${LIVE}`);
  const record = sql.prepare("INSERT INTO changes (id, tries, pk, sk, body) VALUES (?, 0, ?, ?, ?)");
  for (const statement of [select, state]) statement.setReturnArrays(true);
  const selectMany = listing<Item | null>(
    sql,
    `SELECT body FROM json_each(?1) AS wanted LEFT JOIN items
     ON pk = ?2 AND sk = wanted.value AND (expires IS NULL OR expires > ?3)`,
  );

  const get = ({ pk, sk }: Key, at: number): Item | undefined => {
    const row = select.get(pk, sk, at) as unknown as [string] | undefined;
    return row && (JSON.parse(row[0]) as Item);
  };

  const getMany = (keys: Key[], at: number): (Item | undefined)[] => {
    const pk = keys[0]?.pk ?? "";
    if (keys.length < TOGETHER.least || keys.some((key) => key.pk !== pk)) return keys.map((key) => get(key, at));
    const found: (Item | undefined)[] = [];
    for (let from = 0; from < keys.length; from += TOGETHER.most) {
      const wanted = keys.slice(from, from + TOGETHER.most).map(({ sk }) => sk);
      for (const item of selectMany(JSON.stringify(wanted), pk, at).items) found.push(item ?? undefined);
    }
    return found;
  };

  const check = ({ pk, sk }: Key, condition: Condition | undefined, at: number): boolean => {
    if (condition === undefined) return true;
    const row = state.get(pk, sk, at) as unknown as [number | null] | undefined;
    if ("absent" in condition) return row === undefined;
    return row !== undefined && ("present" in condition || row[0] === condition.version);
  };

  /** `change` is the number under which the feed tells of this put; it says so by the item's own row. */
  const put = (item: Item, text: string, condition: Condition | undefined, at: number, change?: number): boolean => {
    const done = write(item, text, condition, at, change ?? null);
    if (done && change !== undefined) record.run(change, item.pk, item.sk, null);
    return done;
  };

  const write = (
    item: Item,
    text: string,
    condition: Condition | undefined,
    at: number,
    change: number | null,
  ): boolean => {
    const { index } = item;
    const version = item.version ?? null;
    const expires = item.expiresAt ?? null;
    const ipk = index?.pk ?? null;
    const isk = index?.sk ?? null;
    if (condition === undefined) {
      upsert.run(item.pk, item.sk, version, expires, ipk, isk, change, text);
      return true;
    }
    const values = [item.pk, item.sk, version, expires, ipk, isk, change, text, at] as const satisfies SQLInputValue[];
    if ("absent" in condition) return insertAbsent.run(...values).changes === 1;
    if ("present" in condition) return updatePresent.run(...values).changes === 1;
    return updateVersion.run(...values, condition.version).changes === 1;
  };

  return {
    get,
    getMany,
    check,
    put,
    /** Records a change whose item has gone on since: `text` is its state then. */
    restore: (id: number, text: string): void => {
      const { pk, sk } = JSON.parse(text) as Item;
      record.run(id, pk, sk, text);
    },
    remove: (key: Key, condition: Condition | undefined, at: number): boolean => {
      if (!check(key, condition, at)) return false;
      remove.run(key.pk, key.sk);
      return true;
    },
    add: (key: Key, numbers: Record<string, number>, expiresAt: number | undefined, at: number): boolean => {
      const item: Item = get(key, at) ?? { ...key };
      for (const [name, number] of Object.entries(numbers)) item[name] = ((item[name] as number) ?? 0) + number;
      if (expiresAt !== undefined) item.expiresAt = expiresAt;
      return put(item, JSON.stringify(item), undefined, at);
    },
  };
}

/**
 * Numbers that rise over restarts and are never given twice, although the rows that bear them are deleted: microseconds since 1970,
 * of the start or (`timed`) of the moment, as long as that makes them rise.
 */
export function risingIds(
  sql: DatabaseSync,
  table: "changes" | "messages",
  milliseconds: () => number,
  timed = false,
): () => number {
  const row = sql.prepare(`SELECT coalesce(max(id), 0) AS last FROM ${table}`).get();
  let last = Math.max(Number(row?.["last"]), milliseconds() * 1000);
  if (!timed) return () => ++last;
  return () => {
    last = Math.max(last + 1, milliseconds() * 1000);
    return last;
  };
}
