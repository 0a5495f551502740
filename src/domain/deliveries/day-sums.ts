import { z } from "zod";
import { keys } from "#src/platform/keys.ts";
import type { Table } from "#src/platform/table.ts";
import { everyFanoutOfDay, type FanoutOfDay } from "./day.ts";
import { addCounts, type Counts, noCounts } from "./states.ts";

const CanarySum = z.object({
  announcements: z.number(),
  within10s: z.number(),
  within60s: z.number(),
  lastMs: z.number().nullable(),
});

const DaySum = z.object({
  fanouts: z.number(),
  channels: z.record(z.string(), z.record(z.string(), z.number())),
  canaries: z.record(z.string(), CanarySum),
});
type Kept = z.infer<typeof DaySum>;

/** What closed public fan-outs came to together; of canaries, how many announcements they had how fast. */
export type DaySum = Kept & { channels: Record<string, Counts> };

const KEPT_SECONDS = 60 * 86_400;

/** Tells that an item of this day's list has changed; after it was written, or a sum could miss it for ever. */
export async function noteDayChange(deps: { table: Table; now: () => Date }, day: string): Promise<void> {
  await deps.table.write([{ add: keys.dayChanges(day), numbers: { changes: 1 }, expiresAt: expiryOf(deps) }]);
}

/**
 * What came to an end on each of these days. A day is read one by one when its list has changed since it was summed; the
 * sum stands under the count of changes that was read before. Two that sum at once write the same, or what is found out of date.
 */
export async function sumOfDays(deps: { table: Table; now: () => Date }, days: readonly string[]): Promise<DaySum> {
  const { table } = deps;
  const items = await table.getMany(days.flatMap((day) => [keys.dayChanges(day), keys.daySum(day)]));
  const sum = noSum();
  for (const [i, day] of days.entries()) {
    const changes = Number(items[2 * i]?.["changes"] ?? 0);
    const kept = items[2 * i + 1];
    if (kept?.["changes"] === changes) addTo(sum, DaySum.parse(kept), 1);
    else {
      const read = await summed(table, day);
      addTo(sum, read, 1);
      await table.putAll([{ ...keys.daySum(day), ...read, changes, expiresAt: expiryOf(deps) }]);
    }
  }
  return sum;
}

/** Takes what is being pushed again, and counted where it stands, out of a sum: by its items in the lists of their days. */
export function withoutOpen(sum: DaySum, items: FanoutOfDay[]): void {
  for (const item of items) addTo(sum, sumOfItem(item), -1);
}

export function addCanary(sum: DaySum, channel: string, ms: number | null): void {
  addTo(sum, { fanouts: 0, channels: {}, canaries: { [channel]: canaryOf(ms) } }, 1);
}

export function countsIn(sum: DaySum, channel: string): Counts {
  sum.channels[channel] ??= noCounts();
  return sum.channels[channel];
}

async function summed(table: Table, day: string): Promise<Kept> {
  const sum = noSum();
  for await (const item of everyFanoutOfDay(table, day)) addTo(sum, sumOfItem(item), 1);
  return sum;
}

function sumOfItem({ internal, totals, canaries }: FanoutOfDay): Kept {
  if (internal || !totals) return noSum();
  const times = Object.entries(canaries ?? {}).map(([channel, ms]) => [channel, canaryOf(ms)] as const);
  return { fanouts: 1, channels: totals, canaries: Object.fromEntries(times) };
}

function canaryOf(ms: number | null): z.infer<typeof CanarySum> {
  const within = (most: number) => (ms !== null && ms <= most ? 1 : 0);
  return { announcements: 1, within10s: within(10_000), within60s: within(60_000), lastMs: ms };
}

function addTo(sum: DaySum, more: Kept, sign: 1 | -1): void {
  sum.fanouts += sign * more.fanouts;
  for (const [channel, counts] of Object.entries(more.channels)) {
    const signed = Object.fromEntries(Object.entries(counts).map(([name, count]) => [name, sign * count]));
    addCounts(countsIn(sum, channel), { ...noCounts(), ...signed });
  }
  for (const [channel, canary] of Object.entries(more.canaries)) {
    const known = sum.canaries[channel] ?? { announcements: 0, within10s: 0, within60s: 0, lastMs: null };
    sum.canaries[channel] = {
      announcements: known.announcements + sign * canary.announcements,
      within10s: known.within10s + sign * canary.within10s,
      within60s: known.within60s + sign * canary.within60s,
      lastMs: sign > 0 ? canary.lastMs : known.lastMs,
    };
  }
}

function noSum(): DaySum {
  return { fanouts: 0, channels: {}, canaries: {} };
}

function expiryOf({ now }: { now: () => Date }): number {
  return Math.floor(now().getTime() / 1000) + KEPT_SECONDS;
}
