import { type LeaseDeps, leaseLeft } from "./claim.ts";
import { resultsOf } from "./results.ts";
import { type Fanout, rangesOf } from "./store.ts";

/** Whether a worker may still be pushing for this fan-out. */
export async function runningLeases(deps: LeaseDeps, fanout: Fanout): Promise<boolean> {
  for (const range of await rangesOf(deps.table, fanout)) {
    if (range.settled) continue;
    const results = await resultsOf(deps.table, fanout.announcementId, fanout.revision, range.from, { fresh: true });
    for (const result of results.values()) if (leaseLeft(deps, result) > 0) return true;
  }
  return false;
}
