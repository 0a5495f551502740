import type { Queue, QueueName } from "#src/platform/queue.ts";
import type { Table } from "#src/platform/table.ts";
import { digestId } from "./digest.ts";
import { DigestRun, runItem } from "./digest-store.ts";
import { type Fanout, fanoutItem } from "./store.ts";

export type StartDeps = { table: Table; queue: (name: QueueName) => Queue; now: () => Date };

const FIRST_CHECK_SECONDS = 30;

/** Claims every digest whose hour has come, each once, and plans it as a fan-out of its own. */
export async function startDigests(deps: StartDeps): Promise<void> {
  const to = new Date(deps.now().getTime() + 1).toISOString();
  const { items } = await deps.table.queryIndex({ pk: "DUE-DIGESTS", to, limit: 100 });
  for (const item of items) await startDigest(deps, DigestRun().parse(item));
}

/** Claim and fan-out are one write: whoever dies after it leaves an open fan-out, which the sweep goes on with. */
async function startDigest(deps: StartDeps, run: DigestRun): Promise<void> {
  const now = deps.now();
  const fanout: Fanout = {
    announcementId: digestId(run),
    revision: 1,
    kind: "digest",
    topics: [],
    endpoints: [],
    plannedAt: now.toISOString(),
    sweeps: 0,
    version: 1,
  };
  const claimed = { ...run, claimedAt: now.toISOString(), version: run.version + 1 };
  const { ok } = await deps.table.write([
    { put: runItem(claimed), if: { version: run.version } },
    { put: fanoutItem(fanout, new Date(now.getTime() + FIRST_CHECK_SECONDS * 1000)), if: { absent: true } },
  ]);
  if (!ok) return;
  await deps.queue("fanout").send([{ body: { announcementId: fanout.announcementId, revision: 1, range: "" } }]);
}
