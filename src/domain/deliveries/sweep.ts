import type { Log } from "#src/log.ts";
import { type Clock, heldFor } from "#src/platform/clock.ts";
import type { Queue, QueueName } from "#src/platform/queue.ts";
import type { Item, Table } from "#src/platform/table.ts";
import { sweepReceipts } from "./ask-provider.ts";
import { canaryTimes } from "./canary.ts";
import type { Channel, ChannelName } from "./channel.ts";
import type { SettingsReader } from "./channel-settings.ts";
import { leaseLeft } from "./claim.ts";
import { dayItem, dayOf } from "./day.ts";
import { noteDayChange } from "./day-sums.ts";
import { type DigestName, digestNamed } from "./digest.ts";
import { itemsOf } from "./digest-store.ts";
import { isSettled, tallyAll } from "./ledger.ts";
import type { ChunkMessage, TurnsMessage } from "./message.ts";
import { queueRows } from "./queue-rows.ts";
import { resultsOf } from "./results.ts";
import { hasToLook, isOfLaterClock, looked, type StepsBack } from "./set-back.ts";
import { settleHeld } from "./settle-digests.ts";
import { settleSuperseded } from "./settle-superseded.ts";
import { startDigests } from "./start-digests.ts";
import {
  type ChunkRef,
  Delivery,
  DUE_PARTITIONS,
  duePartition,
  Fanout,
  fanoutItem,
  findFanout,
  type Range,
  rangeItem,
} from "./store.ts";
import { grouped, planningQueue, queueOf } from "./work-queue.ts";

export type SweepDeps = Clock & {
  table: Table;
  queue: (name: QueueName) => Queue;
  channels: Record<ChannelName, Channel>;
  onlyHost?: string;
  settings?: SettingsReader;
  log: Log;
};

/** A message that was sent should have been worked on after so long; if not, it is sent again. */
const PAGES_AHEAD = 100;
const PATIENCE_MS = 30_000;
const RETRY_LOOK_MS = 300_000;
const DUE_AT_ONCE = 100;
const WOKEN_AT_ONCE = 800;
// Who asked in the meantime has stored its turn by then.
const FREED_SECONDS = 8;
const CHECKS_SECONDS = [60, 60, 120, 300, 900, 3600];

/**
 * Finds what was stored and then not followed up, and closes what balances. Runs every minute, twice at once is harmless.
 * `stepsBack`: of this process, for as long as it runs.
 */
export async function sweep(deps: SweepDeps, stepsBack: StepsBack = {}): Promise<void> {
  const ahead = hasToLook(deps, stepsBack);
  await startDigests(deps);
  await sweepDue(deps);
  await sweepFanouts(deps);
  await sweepReceipts(deps);
  if (ahead) await sweepAhead(deps);
  looked(deps, stepsBack, ahead);
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
    for (const item of page.items) await checkFanout(deps, Fanout().parse(item));
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
  const superseded = !digest && fanout.supersededBy !== undefined && !isSettled(tallied.channels);
  if (superseded) {
    const { changed, freed } = await settleSuperseded(deps, fanout);
    if (changed) tallied = await tallyAll(table, fanout);
    await tellFreed(deps, freed);
  }
  const { channels, ranges } = tallied;
  for (const { range, totals } of ranges) {
    if (range.settled) continue;
    if (range.done && isSettled(totals)) await settleRange(deps, fanout, { ...range, settled: totals });
    else await remind(deps, fanout, range);
  }
  const closed = ranges.every(({ range }) => range.done) && isSettled(channels);
  const seconds = secondsTo(superseded ? 0 : fanout.sweeps);
  const next: Fanout = { ...fanout, sweeps: fanout.sweeps + 1, version: fanout.version + 1 };
  if (closed) return closeFanout(deps, { ...next, closedAt: now.toISOString(), totals: channels });
  const item = fanoutItem(next, new Date(now.getTime() + seconds * 1000));
  await table.write([{ put: item, if: { version: fanout.version } }]);
}

/** Their turns are nobody's now: who waits behind them moves up, and who has been promised one by then with them. */
async function tellFreed({ queue }: SweepDeps, freed: Map<ChannelName, string[]>): Promise<void> {
  const bodies = [...freed].map(
    ([channel, endpoints]): TurnsMessage => ({
      ...{ kind: "turns", channel, setup: 0 },
      freed: endpoints,
    }),
  );
  if (bodies.length > 0) await queue("fanout").send(bodies.map((body) => ({ body, delaySeconds: FREED_SECONDS })));
}

/** Until the next look at a fan-out, after so many. */
function secondsTo(looks: number): number {
  return CHECKS_SECONDS[Math.min(Math.max(0, looks), CHECKS_SECONDS.length - 1)] ?? 60;
}

/** The list of its day learns first what came of it: a crash in between is made good by the next look. */
async function closeFanout(deps: SweepDeps, closed: Fanout): Promise<void> {
  // What a digest came to stands in the ledgers of its revisions, and a replay goes by those.
  if (!digestNamed(closed.announcementId)) {
    await deps.table.putAll([dayItem(closed, await canaryTimes(deps, closed))]);
    if (!closed.internal) await noteDayChange(deps, dayOf(closed));
  }
  await deps.table.write([{ put: fanoutItem(closed, undefined), if: { version: closed.version - 1 } }]);
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
  if (heldFor(Date.parse(range.updatedAt) + PATIENCE_MS, now, PATIENCE_MS) > 0) return;
  const urgent = fanout.urgent === true;
  if (!range.done) {
    const body = { announcementId, revision, range: range.from };
    await deps.queue(planningQueue(urgent)).send(grouped(announcementId, [{ body }]));
  }
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
    const messages = refs.map((ref) => ({ body: { kind: "chunk", ref } satisfies ChunkMessage }));
    await deps.queue(queueOf(channel, urgent)).send(grouped(announcementId, messages));
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

/** Deliveries whose time has come. A chunk's lie in several partitions, and are tried together. */
async function sweepDue(deps: SweepDeps): Promise<void> {
  const to = new Date(deps.now().getTime() + 1).toISOString();
  let open: { pk: string; after?: string }[] = Array.from({ length: DUE_PARTITIONS }, (_, i) => ({
    pk: duePartition(i),
  }));
  while (open.length > 0) {
    const pages = await Promise.all(open.map((one) => deps.table.queryIndex({ ...one, to, limit: DUE_AT_ONCE })));
    const rows = pages.flatMap(({ items }) => items.map((item) => Delivery().parse(item)));
    await queueRows(deps, rows, RETRY_LOOK_MS);
    open = open.flatMap(({ pk }, i) => {
      const after = pages[i]?.next;
      return after === undefined ? [] : [{ pk, after }];
    });
  }
}

/**
 * The clock was set back: what a clock that was ahead put off, deliveries and looks, is for now. Everything is read before anything
 * is written, or what is put off anew would be met again.
 */
async function sweepAhead(deps: SweepDeps): Promise<void> {
  const now = deps.now();
  const rows: Delivery[] = [];
  for (let partition = 0; partition < DUE_PARTITIONS; partition++)
    for await (const item of toCome(deps, duePartition(partition))) {
      const row = Delivery().parse(item);
      if (isOfLaterClock(row, now.getTime())) rows.push({ ...row, dueAt: now.toISOString() });
    }
  const fanouts: Fanout[] = [];
  for await (const item of toCome(deps, "OPEN-FANOUTS")) {
    const fanout = Fanout().parse(item);
    const longest = secondsTo(fanout.sweeps - 1) * 1000;
    if (heldFor(Date.parse(fanout.checkAt ?? ""), now.getTime(), longest) === 0) fanouts.push(fanout);
  }
  if (rows.length + fanouts.length > 0)
    deps.log.warn("clock-was-ahead", { deliveries: rows.length, announcements: fanouts.length });
  for (let from = 0; from < rows.length; from += WOKEN_AT_ONCE)
    await queueRows(deps, rows.slice(from, from + WOKEN_AT_ONCE), RETRY_LOOK_MS);
  for (const fanout of fanouts) await checkFanout(deps, fanout);
}

/** What stands in a partition of the index from now on; of millions the first ones, or one look would take longer than a call may. */
async function* toCome(deps: SweepDeps, pk: string): AsyncGenerator<Item> {
  const from = deps.now().toISOString();
  let after: string | undefined;
  for (let page = 0; page < PAGES_AHEAD; page++) {
    const { items, next } = await deps.table.queryIndex({
      pk,
      from,
      limit: 1000,
      ...(after === undefined ? {} : { after }),
    });
    yield* items;
    if (next === undefined) return;
    after = next;
  }
}
