import type { Table } from "#src/platform/table.ts";
import { canaryTimes } from "./canary.ts";
import { CHANNELS, type Channel, type ChannelName } from "./channel.ts";
import { isSetUp, type SettingsReader } from "./channel-settings.ts";
import { type FanoutOfDay, fanoutsOfDay, lastDays } from "./day.ts";
import { digestNamed } from "./digest.ts";
import { tallyAll } from "./ledger.ts";
import { type PausedCredentials, pausedCredentials } from "./paused.ts";
import { addCounts, type Counts, noCounts } from "./states.ts";
import { Fanout } from "./store.ts";

/** How a channel did in the last days. Shares are of those delivered at once; `null` before anything was. */
export type ChannelStatus = Counts & {
  name: ChannelName;
  ready: boolean;
  shareWithin10s: number | null;
  shareWithin60s: number | null;
  oldestWaitingAt?: string;
  switchedOff: number;
  /** What the vendor has stopped for now. */
  paused: PausedCredentials[];
  /** The operator's own endpoint: of so many announcements, how many it had within 10 and 60 seconds. */
  canary?: { announcements: number; within10s: number; within60s: number; lastMs: number | null };
};

export type ServiceStatus = { at: string; days: number; fanouts: number; open: number; channels: ChannelStatus[] };

const DAYS = 30;
const MOST_OPEN = 200;

/** Summed from the ledgers of public announcements themselves, digests' own not beside their revisions': what is closed from its totals, what is open by counting it now. */
export async function serviceStatus(deps: {
  table: Table;
  now: () => Date;
  channels: Record<ChannelName, Channel>;
  settings: SettingsReader;
}): Promise<ServiceStatus> {
  const { table } = deps;
  const open = await openFanouts(table);
  const counted = new Set(open.map(({ announcementId, revision }) => `${announcementId}#${revision}`));
  const sums = new Map<string, Counts>();
  const oldest = new Map<string, string>();
  const canaries = new Map<string, (number | null)[]>();
  const sumOf = (channel: string): Counts => {
    const sum = sums.get(channel) ?? noCounts();
    sums.set(channel, sum);
    return sum;
  };
  let fanouts = 0;
  for (const day of lastDays(deps.now(), DAYS))
    for await (const one of everyFanout(table, day)) {
      if (one.internal) continue;
      fanouts++;
      if (counted.has(`${one.announcementId}#${one.revision}`)) continue;
      for (const [channel, totals] of Object.entries(one.totals ?? {}))
        addCounts(sumOf(channel), { ...noCounts(), ...totals });
      for (const [channel, ms] of Object.entries(one.canaries ?? {}))
        canaries.set(channel, [...(canaries.get(channel) ?? []), ms]);
    }
  for (const fanout of open) {
    // Not there yet is no verdict while the pushes run.
    for (const [channel, ms] of Object.entries(await canaryTimes(deps, fanout)))
      if (ms !== null) canaries.set(channel, [...(canaries.get(channel) ?? []), ms]);
    for (const [channel, counts] of Object.entries((await tallyAll(table, fanout)).channels)) {
      addCounts(sumOf(channel), counts);
      const known = oldest.get(channel);
      if (counts.waiting > 0 && (known === undefined || fanout.plannedAt < known))
        oldest.set(channel, fanout.plannedAt);
    }
  }
  const off = await switchedOff(table);
  const channels = await Promise.all(
    CHANNELS.map(async (name): Promise<ChannelStatus> => {
      const counts = sums.get(name) ?? noCounts();
      const times = canaries.get(name);
      const oldestWaitingAt = oldest.get(name);
      const setup = await deps.settings(name);
      const atOnce = counts.delivered - counts.inDigest;
      return {
        name,
        ready: isSetUp(deps.channels[name], setup?.settings),
        ...counts,
        shareWithin10s: share(counts.within10s, atOnce),
        shareWithin60s: share(counts.within60s, atOnce),
        ...(oldestWaitingAt === undefined ? {} : { oldestWaitingAt }),
        switchedOff: off.get(name) ?? 0,
        paused: await pausedCredentials(deps, deps.channels[name], setup),
        ...(times ? { canary: canaryOf(times) } : {}),
      };
    }),
  );
  return { at: deps.now().toISOString(), days: DAYS, fanouts, open: open.length, channels };
}

function share(part: number, whole: number): number | null {
  return whole === 0 ? null : part / whole;
}

function canaryOf(times: (number | null)[]): NonNullable<ChannelStatus["canary"]> {
  const within = (most: number) => times.filter((ms) => ms !== null && ms <= most).length;
  return {
    announcements: times.length,
    within10s: within(10_000),
    within60s: within(60_000),
    lastMs: times.at(-1) ?? null,
  };
}

async function* everyFanout(table: Table, day: string): AsyncGenerator<FanoutOfDay> {
  for (let after: string | undefined; ; ) {
    const page = await fanoutsOfDay(table, day, after === undefined ? {} : { after });
    yield* page.items;
    if (page.next === undefined) return;
    after = page.next;
  }
}

async function openFanouts(table: Table): Promise<Fanout[]> {
  const { items } = await table.queryIndex({ pk: "OPEN-FANOUTS", limit: MOST_OPEN });
  return items
    .map((item) => Fanout().parse(item))
    .filter((one) => !one.closedAt && !one.internal && !digestNamed(one.announcementId));
}

async function switchedOff(table: Table): Promise<Map<string, number>> {
  const endpoints = new Map<string, string>();
  for (let after: string | undefined; ; ) {
    const page = await table.query({ pk: "SWITCHED-OFF", ...(after === undefined ? {} : { after }) });
    for (const { sk, channel } of page.items) endpoints.set(sk.slice(0, 16), String(channel));
    if (page.next === undefined) break;
    after = page.next;
  }
  const counts = new Map<string, number>();
  for (const channel of endpoints.values()) counts.set(channel, (counts.get(channel) ?? 0) + 1);
  return counts;
}
