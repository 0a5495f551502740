import type { DatabaseSync } from "node:sqlite";
import type { Group } from "./group.ts";

const BATCH = 200;

/**
 * Deletes items that expired, a few at a time, so that nobody waits for it. What has expired only because the clock was set ahead
 * stays: it may be set back.
 */
export async function sweepExpired(deps: {
  sql: DatabaseSync;
  group: Group;
  now: () => Date;
  steady: () => number;
}): Promise<void> {
  const { sql, group, now, steady } = deps;
  const remove = sql.prepare(
    "DELETE FROM items WHERE id IN (SELECT id FROM items WHERE expires <= ? ORDER BY expires LIMIT +?)",
  );
  for (;;) {
    const { changes } = await group(() => remove.run(Math.min(now().getTime(), steady()) / 1000, BATCH));
    if (Number(changes) < BATCH) return;
  }
}
