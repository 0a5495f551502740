import type { Log } from "#src/log.ts";
import type { Queue, QueueName } from "#src/platform/queue.ts";
import type { Table } from "#src/platform/table.ts";
import type { Channel, ChannelName } from "./channel.ts";
import { leaseLeft } from "./claim.ts";
import { type DigestName, digestNamed } from "./digest.ts";
import { itemsOf } from "./digest-store.ts";
import { isSettled, tallyAll } from "./ledger.ts";
import type { ChunkMessage, RetryMessage } from "./message.ts";
import { resultsOf } from "./results.ts";
import { settleHeld } from "./settle-digests.ts";
import { startDigests } from "./start-digests.ts";
import {
  type ChunkRef,
  Delivery,
  deliveryItem,
  Fanout,
  fanoutItem,
  findFanout,
  type Range,
  rangeItem,
} from "./store.ts";

export type SweepDeps = {
  table: Table;
  queue: (name: QueueName) => Queue;
  channels: Record<ChannelName, Channel>;
  now: () => Date;
  onlyHost?: string;
  log: Log;
};

/** A message that was sent should have been worked on after so long; if not, it is sent again. */
const PATIENCE_MS = 30_000;
const CHECKS_SECONDS = [60, 60, 120, 300, 900, 3600];
const DUE_PARTITIONS = 8;
const RETRY_LOOK_MS = 300_000;

/** Finds what was stored and then not followed up, and closes what balances. Runs every minute, twice at once is harmless. */
export async function sweep(deps: SweepDeps): Promise<void> {
  await startDigests(deps);
  await sweepDue(deps);
  await sweepFanouts(deps);
}

async function sweepFanouts(deps: SweepDeps): Promise<void> {
  const { table } = deps;
  const to = new Date(deps.now().getTime() + 1).toISOString();
  for (let after: string | undefined; ; ) {
    const page = await table.queryIndex({
      pk: "OPEN-FANOUTS",
      to,
      limit: 100,
      ...(after === undefined ? {} : { after }),
    });
    for (const item of page.items) await checkFanout(deps, Fanout.parse(item));
    if (page.next === undefined) return;
    after = page.next;
  }
}

async function checkFanout(deps: SweepDeps, fanout: Fanout): Promise<void> {
  if (fanout.closedAt !== undefined) return;
  const { table } = deps;
  const now = deps.now();
  const digest = digestNamed(fanout.announcementId);
  if (digest) await checkItems(deps, digest);
  let tallied = await tallyAll(table, fanout);
  const held = Object.values(tallied.channels).some((counts) => counts.held > 0);
  if (!digest && held && (await settleHeld(deps, fanout))) tallied = await tallyAll(table, fanout);
  const { channels, ranges } = tallied;
  for (const { range, totals } of ranges) {
    if (range.settled) continue;
    if (range.done && isSettled(totals)) await settleRange(deps, fanout, { ...range, settled: totals });
    else await remind(deps, fanout, range);
  }
  const closed = ranges.every(({ range }) => range.done) && isSettled(channels);
  const seconds = CHECKS_SECONDS[Math.min(fanout.sweeps, CHECKS_SECONDS.length - 1)] ?? 60;
  const next: Fanout = { ...fanout, sweeps: fanout.sweeps + 1, version: fanout.version + 1 };
  const item = closed
    ? fanoutItem({ ...next, closedAt: now.toISOString(), totals: channels }, undefined)
    : fanoutItem(next, new Date(now.getTime() + seconds * 1000));
  await table.write([{ put: item, if: { version: fanout.version } }]);
}

/** The revisions of a digest learn what it came to, before it closes and while it runs. */
async function checkItems(deps: SweepDeps, digest: DigestName): Promise<void> {
  for (const { announcementId, revision } of await itemsOf(deps.table, digest)) {
    const fanout = await findFanout(deps.table, announcementId, revision);
    if (fanout) await checkFanout(deps, fanout);
  }
}

/** Many ranges keep their totals, so that a later look need not count their chunks again; a single one needs no second copy. */
async function settleRange(deps: SweepDeps, fanout: Fanout, range: Range): Promise<void> {
  if (range.version === 0 || (range.from === "" && range.to === "~")) return;
  const { announcementId, revision } = fanout;
  await deps.table.write([
    {
      put: rangeItem(announcementId, revision, { ...range, version: range.version + 1 }),
      if: { version: range.version },
    },
  ]);
}

/** Sends again what this range's planning or chunks seem to have lost. */
async function remind(deps: SweepDeps, fanout: Fanout, range: Range): Promise<void> {
  const { announcementId, revision } = fanout;
  const now = deps.now().getTime();
  if (now - Date.parse(range.updatedAt) < PATIENCE_MS) return;
  if (!range.done) await deps.queue("fanout").send([{ body: { announcementId, revision, range: range.from } }]);
  const results = await resultsOf(deps.table, announcementId, revision, range.from, { fresh: false });
  const lost = chunkRefs(fanout, range).filter(({ window, channel, n }) => {
    const result = results.get(`${window}#${channel}#${n}`);
    if (!result) return true;
    if (result.until !== undefined) return leaseLeft(deps, result) === 0;
    return result.letters.includes("w");
  });
  for (const [name, refs] of Map.groupBy(lost, ({ channel }) => channel)) {
    const channel = deps.channels[name as ChannelName];
    deps.log.warn("chunks-sent-again", { announcement: announcementId, revision, channel: name, chunks: refs.length });
    await deps.queue(channel.queue).send(refs.map((ref) => ({ body: { kind: "chunk", ref } satisfies ChunkMessage })));
  }
}

function chunkRefs({ announcementId, revision }: Fanout, range: Range): ChunkRef[] {
  return range.windows.flatMap(({ after, chunks }) =>
    Object.entries(chunks).flatMap(([channel, count]) =>
      Array.from({ length: count }, (_, n) => ({
        announcementId,
        revision,
        range: range.from,
        window: after,
        channel,
        n,
      })),
    ),
  );
}

/** Queues deliveries whose time has come, a chunk's together, and looks at them again later in case that gets lost. */
async function sweepDue(deps: SweepDeps): Promise<void> {
  const now = deps.now();
  const to = new Date(now.getTime() + 1).toISOString();
  for (let partition = 0; partition < DUE_PARTITIONS; partition++) {
    for (let after: string | undefined; ; ) {
      const page = await deps.table.queryIndex({
        pk: `DUE#${partition}`,
        to,
        limit: 500,
        ...(after === undefined ? {} : { after }),
      });
      await queueRows(
        deps,
        page.items.map((item) => Delivery.parse(item)),
      );
      if (page.next === undefined) break;
      after = page.next;
    }
  }
}

async function queueRows(deps: SweepDeps, rows: Delivery[]): Promise<void> {
  const lookAt = new Date(deps.now().getTime() + RETRY_LOOK_MS);
  const mine: Delivery[] = [];
  await Promise.all(
    rows.map(async (row) => {
      const later = { ...row, version: row.version + 1 };
      const put = await deps.table.write([{ put: deliveryItem(later, lookAt), if: { version: row.version } }]);
      if (put.ok) mine.push(row);
    }),
  );
  const byChunk = Map.groupBy(mine, ({ ref }) => JSON.stringify(ref));
  for (const together of byChunk.values()) {
    const ref = together[0]?.ref;
    if (!ref) continue;
    const body: RetryMessage = { kind: "retry", ref, endpoints: together.map(({ endpoint }) => endpoint) };
    await deps.queue(deps.channels[ref.channel as ChannelName].queue).send([{ body }]);
  }
}
