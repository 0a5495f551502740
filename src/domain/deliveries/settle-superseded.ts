import type { Table } from "#src/platform/table.ts";
import type { Channel, ChannelName } from "./channel.ts";
import { resultsOf } from "./results.ts";
import { lostAttempt, mayHaveArrived } from "./settle.ts";
import {
  type ChunkRef,
  Delivery,
  deliveryItem,
  deliveryKey,
  type Fanout,
  findChunk,
  membersOf,
  type Result,
  rangesOf,
  resultItem,
} from "./store.ts";
import { triggerOf } from "./work.ts";

type Deps = { table: Table; channels: Record<ChannelName, Channel>; now: () => Date };
type Open = { ref: ChunkRef; result: Result };

type Settled = { changed: boolean; freed: Map<ChannelName, string[]> };

// Their credentials, of which most channels have one for all.
const MOST_FREED = 50;
// One transaction holds 100 writes: the result and the rows.
const ROWS_A_WRITE = 90;
const AT_ONCE = 25;
const CHUNKS_A_LOOK = 1000;

/**
 * A newer revision has taken over: who is held for an hour of this one, or waits for a further attempt, gets it no more, and what
 * may have arrived is unknown, as a worker would note it when that hour came. Some chunks a look; those that a worker has are
 * left to it. Answers whether anything changed, and on which channel an endpoint of each chunk (some of them) had a turn.
 */
export async function settleSuperseded(deps: Deps, fanout: Fanout): Promise<Settled> {
  const open = await openChunks(deps.table, fanout);
  const freed = new Map<ChannelName, string[]>();
  let changed = false;
  for (let from = 0; from < open.length; from += AT_ONCE) {
    const done = await Promise.all(open.slice(from, from + AT_ONCE).map((one) => settleChunk(deps, one)));
    for (const { of, freed: endpoint } of done) {
      const known = freed.get(of) ?? [];
      if (endpoint !== undefined && known.length < MOST_FREED) freed.set(of, [...known, endpoint]);
    }
    changed ||= done.some(({ changed }) => changed);
  }
  return { changed, freed };
}

async function openChunks(table: Table, fanout: Fanout): Promise<Open[]> {
  const { announcementId, revision } = fanout;
  const open: Open[] = [];
  for (const range of await rangesOf(table, fanout)) {
    if (range.settled) continue;
    const results = await resultsOf(table, announcementId, revision, range.from, { fresh: true });
    for (const { after, chunks } of range.windows)
      for (const [channel, count] of Object.entries(chunks))
        for (let n = 0; n < count; n++) {
          const result = results.get(`${after}#${channel}#${n}`);
          if (!result || result.until !== undefined || !/[rh]/.test(result.letters)) continue;
          open.push({ ref: { announcementId, revision, range: range.from, window: after, channel, n }, result });
          if (open.length === CHUNKS_A_LOOK) return open;
        }
  }
  return open;
}

async function settleChunk(
  deps: Deps,
  { ref, result }: Open,
): Promise<{ of: ChannelName; changed: boolean; freed?: string }> {
  const of = ref.channel as ChannelName;
  const chunk = await findChunk(deps.table, ref);
  if (!chunk) return { of, changed: false };
  const endpoints = membersOf(chunk);
  const waiting = [...result.letters].flatMap((letter, member) => ("rh".includes(letter) ? [member] : []));
  // Of a worker that died nobody knows whom it tried again, unless it wrote down whom it was about to.
  const doubt = result.lost === true && deps.channels[of].guarantee !== "at-most-once";
  let known = result;
  let freed: { freed?: string } = {};
  for (let from = 0; from < waiting.length; from += ROWS_A_WRITE) {
    const members = waiting.slice(from, from + ROWS_A_WRITE);
    const items = await deps.table.getMany(members.map((member) => deliveryKey(ref, endpoints[member] ?? "")));
    const letters = [...known.letters];
    const rows = members.flatMap((member, i) => {
      const item = items[i];
      if (!item) return [];
      const waited = Delivery().parse(item);
      if (waited.waitsFor === "rate" || waited.waitsFor === "quota") freed = { freed: waited.endpoint };
      const row = settled(waited, doubt, deps.now());
      letters[member] = row.state === "unknown" ? "u" : "x";
      return [row];
    });
    const { by: _, ...kept } = known;
    const next: Result = { ...kept, letters: letters.join(""), version: known.version + 1 };
    const put = { put: resultItem(ref, next), if: { version: known.version } };
    const { ok } = await deps.table.write([put, ...rows.map((row) => ({ put: deliveryItem(row, undefined) }))]);
    if (!ok) return { of, changed: from > 0, ...freed };
    known = next;
  }
  return { of, changed: true, ...freed };
}

function settled({ dueAt: _, ...row }: Delivery, doubt: boolean, now: Date): Delivery {
  const attempts = doubt ? [...row.attempts, lostAttempt(now, triggerOf(row))] : row.attempts;
  const state = doubt || mayHaveArrived(row) ? "unknown" : "suppressed";
  return { ...row, attempts, state, version: row.version + 1 };
}
