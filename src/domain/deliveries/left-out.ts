import { combinedReach } from "#src/domain/subscriptions/reach.ts";
import type { Table } from "#src/platform/table.ts";
import { resultsOf } from "./results.ts";
import { servedInstead } from "./served-instead.ts";
import { chunksOf, type Fanout, membersOf, type Range, rangesOf } from "./store.ts";

export const LEFT_OUT = ["ended", "servedInstead"] as const;
/** `ended`: nobody subscribes there any more, or it was switched off. `servedInstead`: a fallback got the text in its place. */
export type LeftOut = (typeof LEFT_OUT)[number];

/** Those whom a retry of many leaves out, and how many were looked at for that. */
export type LeftOutCounts = Record<LeftOut, number> & { looked: number };

// Whoever asked waits for the count: some tenths of a second.
const MOST_LOOKED_AT = 2000;
const AT_ONCE = 50;

/** Why a retry of many leaves an endpoint out; undefined: it does not. */
export async function leftOut(table: Table, fanout: Fanout, endpoint: string): Promise<LeftOut | undefined> {
  if (!(await combinedReach(table, endpoint))) return "ended";
  return (await servedInstead(table, fanout, endpoint)) ? "servedInstead" : undefined;
}

/** How many of a revision's failed (or unknown) a retry would leave out, among the first two thousand of them. */
export async function countLeftOut(
  table: Table,
  fanout: Fanout,
  { state, letter }: { state: "failed" | "unknown"; letter: string },
): Promise<LeftOutCounts> {
  const counts: LeftOutCounts = { ended: 0, servedInstead: 0, looked: 0 };
  let some: string[] = [];
  const look = async () => {
    const reasons = await Promise.all(some.map((endpoint) => leftOut(table, fanout, endpoint)));
    for (const reason of reasons) if (reason) counts[reason]++;
    counts.looked += some.length;
    some = [];
  };
  for await (const endpoint of endpointsWith(table, fanout, state, letter)) {
    some.push(endpoint);
    if (some.length === AT_ONCE) await look();
    if (counts.looked === MOST_LOOKED_AT) return counts;
  }
  await look();
  return counts;
}

async function* endpointsWith(
  table: Table,
  fanout: Fanout,
  state: "failed" | "unknown",
  letter: string,
): AsyncGenerator<string> {
  const { announcementId: id, revision } = fanout;
  for (const range of await rangesOf(table, fanout, false)) {
    if (hasNone(range, state)) continue;
    const results = await resultsOf(table, id, revision, range.from, { fresh: false });
    for (const window of range.windows) {
      const named = (channel: string, n: number) => results.get(`${window.after}#${channel}#${n}`)?.letters ?? "";
      const planned = Object.entries(window.chunks).flatMap(([channel, chunks]) =>
        Array.from({ length: chunks }, (_, n) => named(channel, n)),
      );
      if (!planned.some((letters) => letters.includes(letter))) continue;
      for (const { ref, chunk } of await chunksOf(table, id, revision, range.from, window.after)) {
        const letters = named(ref.channel, ref.n);
        for (const [member, endpoint] of membersOf(chunk).entries())
          if (letters.charAt(member) === letter) yield endpoint;
      }
    }
  }
}

/** Where nothing waits any more the sums are kept. */
function hasNone({ settled }: Range, state: "failed" | "unknown"): boolean {
  return settled !== undefined && Object.values(settled).every((counts) => (counts[state] ?? 0) === 0);
}
