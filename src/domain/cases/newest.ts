import { CASE_SHARDS, keys } from "#src/platform/keys.ts";
import type { Item, Table } from "#src/platform/table.ts";

type Shard = { pk: string; rows: Item[]; next: string | undefined };

/** What a shard has more than its part: then a second look is seldom needed. */
const SPARE_ROWS = 3;

/** Cases of all shards, the newest first; `after` is the number behind which the page before ended. Sees every case that was taken in. */
export async function newestCases(
  table: Table,
  { limit, after }: { limit: number; after?: string },
): Promise<{ items: Item[]; next?: string }> {
  const size = Math.ceil(limit / CASE_SHARDS) + SPARE_ROWS;

  async function read(pk: string, behind: string | undefined): Promise<Shard> {
    const from = behind === undefined ? {} : { after: behind };
    const { items, next } = await table.query({ pk, reverse: true, fresh: true, limit: size, ...from });
    return { pk, rows: items, next };
  }

  const shards = await Promise.all(Array.from({ length: CASE_SHARDS }, (_, n) => read(keys.caseShard(n), after)));
  const items: Item[] = [];
  for (;;) {
    for (const shard of shards)
      while (shard.rows.length === 0 && shard.next !== undefined)
        Object.assign(shard, await read(shard.pk, shard.next));
    const newest = shards.reduce((best, shard) => (headOf(shard) > headOf(best) ? shard : best));
    const row = newest.rows.shift();
    if (!row) return { items };
    const last = items.at(-1);
    if (items.length === limit && last) return { items, next: last.sk };
    items.push(row);
  }
}

function headOf({ rows }: Shard): string {
  return rows[0]?.sk ?? "";
}
