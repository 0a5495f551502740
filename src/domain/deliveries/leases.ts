import type { Table } from "#src/platform/table.ts";
import { resultsOf } from "./seen.ts";
import { type Fanout, rangesOf } from "./store.ts";

/** Whether a worker may still be pushing for this fan-out. */
export async function runningLeases(deps: { table: Table; now: () => Date }, fanout: Fanout): Promise<boolean> {
  const now = deps.now().getTime();
  for (const range of await rangesOf(deps.table, fanout)) {
    if (range.settled) continue;
    const results = await resultsOf(deps.table, fanout.announcementId, fanout.revision, range.from, { fresh: true });
    for (const { until } of results.values()) if (until !== undefined && until > now) return true;
  }
  return false;
}
