import type { Table } from "#src/platform/table.ts";
import { resultsOf } from "./results.ts";
import { addCounts, type Counts, countsOf, noCounts, type Speed } from "./states.ts";
import { type Fanout, findFanout, type Range, type Result, rangesOf } from "./store.ts";
import { unpackTimings } from "./timing.ts";

export type Ledger = Counts & { revision: number; closed: boolean; channels: Record<string, Counts> };

export type PerChannel = Record<string, Counts>;

// Ten million endpoints are two thousand ranges of fifty results each: not all of them in memory, nor asked for in one second.
const TALLIED_AT_ONCE = 32;

/** How many of a chunk's good answers came within 10 and 60 seconds of publication. */
function speedOf(fanout: Fanout, result: Result): Speed {
  const since = Date.parse(fanout.publishedAt ?? fanout.plannedAt);
  const speed = { within10s: 0, within60s: 0, inDigest: 0 };
  for (const [member, timing] of unpackTimings(result, result.letters.length).entries()) {
    if (!"da".includes(result.letters.charAt(member))) continue;
    if (!timing) {
      if (result.digests) speed.inDigest++;
      continue;
    }
    const ms = result.startedAt + timing.start + timing.took - since;
    if (ms <= 10_000) speed.within10s++;
    if (ms <= 60_000) speed.within60s++;
  }
  return speed;
}

/** What became of a range's members. Whatever is planned and has no other outcome yet, waits. */
export async function tally(table: Table, fanout: Fanout, range: Range): Promise<PerChannel> {
  if (range.settled) return range.settled as PerChannel;
  const totals: PerChannel = {};
  const { announcementId, revision } = fanout;
  const results = await resultsOf(table, announcementId, revision, range.from, { fresh: false });
  for (const window of range.windows) {
    for (const [channel, chunks] of Object.entries(window.chunks)) {
      totals[channel] ??= noCounts();
      for (let n = 0; n < chunks; n++) {
        const result = results.get(`${window.after}#${channel}#${n}`);
        if (result) addCounts(totals[channel], { ...countsOf(result.letters), ...speedOf(fanout, result) });
      }
    }
  }
  for (const [channel, planned] of Object.entries(range.planned)) {
    const counts = totals[channel] ?? noCounts();
    counts.waiting += planned - counts.matched;
    counts.matched = planned;
    totals[channel] = counts;
  }
  return totals;
}

export async function tallyAll(
  table: Table,
  fanout: Fanout,
): Promise<{ channels: PerChannel; ranges: { range: Range; totals: PerChannel }[] }> {
  const found = await rangesOf(table, fanout, false);
  const ranges: { range: Range; totals: PerChannel }[] = [];
  for (let from = 0; from < found.length; from += TALLIED_AT_ONCE)
    ranges.push(
      ...(await Promise.all(
        found
          .slice(from, from + TALLIED_AT_ONCE)
          .map(async (range) => ({ range, totals: await tally(table, fanout, range) })),
      )),
    );
  const channels: PerChannel = {};
  for (const { totals } of ranges) {
    for (const [channel, counts] of Object.entries(totals)) {
      channels[channel] ??= noCounts();
      addCounts(channels[channel], counts);
    }
  }
  return { channels, ranges };
}

export function isSettled(channels: PerChannel): boolean {
  return Object.values(channels).every(({ waiting, held }) => waiting === 0 && held === 0);
}

/**
 * The balance of a revision's pushes (the newest one's if none is named): matched = delivered + suppressed + failed +
 * unknown + held + waiting, per channel, at every moment. Undefined while the revision is not fanned out.
 */
export async function ledger(
  deps: { table: Table },
  announcementId: string,
  revision: number,
): Promise<Ledger | undefined> {
  const fanout = await findFanout(deps.table, announcementId, revision);
  if (!fanout) return undefined;
  if (fanout.totals) return summed(revision, true, fanout.totals as PerChannel);
  const { channels, ranges } = await tallyAll(deps.table, fanout);
  return summed(revision, ranges.every(({ range }) => range.done) && isSettled(channels), channels);
}

function summed(revision: number, closed: boolean, channels: PerChannel): Ledger {
  const sum = noCounts();
  for (const counts of Object.values(channels)) addCounts(sum, counts);
  return { revision, closed, ...sum, channels };
}
