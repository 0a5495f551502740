import type { Table } from "#src/platform/table.ts";
import { canaryTimes } from "./canary.ts";
import { CHANNELS, type Channel, type ChannelName } from "./channel.ts";
import { isSetUp, type SettingsReader } from "./channel-settings.ts";
import { dayOf, itemsInDays, lastDays } from "./day.ts";
import { addCanary, countsIn, sumOfDays, withoutOpen } from "./day-sums.ts";
import { digestNamed } from "./digest.ts";
import { tallyAll } from "./ledger.ts";
import { type PausedCredentials, pausedCredentials } from "./paused.ts";
import { addCounts, type Counts } from "./states.ts";
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
  /** The operator's own endpoint: of so many announcements (none yet: 0), how many it had within 10 and 60 seconds. */
  canary?: { announcements: number; within10s: number; within60s: number; lastMs: number | null };
};

export type ServiceStatus = { at: string; days: number; fanouts: number; open: number; channels: ChannelStatus[] };

const DAYS = 30;
const MOST_OPEN = 200;
/** A canary without the text by then is late, whatever comes of it. */
const LATE_MS = 60_000;
const NOTHING_MEASURED = { announcements: 0, within10s: 0, within60s: 0, lastMs: null };

/**
 * Summed from the ledgers of public announcements themselves, digests' own not beside their revisions': what is closed from the sums
 * of its days, what is open by counting it now.
 */
export async function serviceStatus(deps: {
  table: Table;
  now: () => Date;
  channels: Record<ChannelName, Channel>;
  settings: SettingsReader;
}): Promise<ServiceStatus> {
  const { table } = deps;
  const days = lastDays(deps.now(), DAYS);
  const sum = await sumOfDays(deps, days);
  const open = await openFanouts(table);
  // What was opened again stands in the sum as it was closed.
  const summed = open.filter((one) => days.includes(dayOf(one)));
  withoutOpen(sum, await itemsInDays(table, summed));
  const oldest = new Map<string, string>();
  for (const fanout of open) {
    const isLate = deps.now().getTime() - Date.parse(fanout.publishedAt ?? fanout.plannedAt) > LATE_MS;
    for (const [channel, ms] of Object.entries(await canaryTimes(deps, fanout)))
      if (ms !== null || isLate) addCanary(sum, channel, ms);
    for (const [channel, counts] of Object.entries((await tallyAll(table, fanout)).channels)) {
      addCounts(countsIn(sum, channel), counts);
      const known = oldest.get(channel);
      if (counts.waiting > 0 && (known === undefined || fanout.plannedAt < known))
        oldest.set(channel, fanout.plannedAt);
    }
  }
  const off = await switchedOff(table);
  const channels = await Promise.all(
    CHANNELS.map(async (name): Promise<ChannelStatus> => {
      const counts = countsIn(sum, name);
      const measured = sum.canaries[name];
      const oldestWaitingAt = oldest.get(name);
      const setup = await deps.settings(name);
      const atOnce = counts.delivered - counts.inDigest;
      const canary = measured && measured.announcements > 0 ? measured : setup?.canary && NOTHING_MEASURED;
      return {
        name,
        ready: isSetUp(deps.channels[name], setup?.settings),
        ...counts,
        shareWithin10s: share(counts.within10s, atOnce),
        shareWithin60s: share(counts.within60s, atOnce),
        ...(oldestWaitingAt === undefined ? {} : { oldestWaitingAt }),
        switchedOff: off.get(name) ?? 0,
        paused: await pausedCredentials(deps, deps.channels[name], setup),
        ...(canary ? { canary } : {}),
      };
    }),
  );
  return {
    at: deps.now().toISOString(),
    days: DAYS,
    fanouts: sum.fanouts + summed.length,
    open: open.length,
    channels,
  };
}

function share(part: number, whole: number): number | null {
  return whole === 0 ? null : part / whole;
}

async function openFanouts(table: Table): Promise<Fanout[]> {
  const { items } = await table.queryIndex({ pk: "OPEN-FANOUTS", limit: MOST_OPEN });
  const now = await table.getMany(items.map(({ pk, sk }) => ({ pk, sk })));
  return now
    .flatMap((item) => (item ? [Fanout().parse(item)] : []))
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
