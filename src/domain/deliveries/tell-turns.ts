import { combinedReach } from "#src/domain/subscriptions/reach.ts";
import type { Item, Table } from "#src/platform/table.ts";
import type { Channel, ChannelName } from "./channel.ts";
import { readSetup } from "./channel-settings.ts";
import type { TurnsMessage } from "./message.ts";
import { makePace, type Pace, type PaceDeps } from "./pace.ts";
import { accountHash, credentialHash } from "./paced-by.ts";
import { type QueueRowsDeps, queueRows } from "./queue-rows.ts";
import { recent } from "./recent.ts";
import { Delivery, DUE_PARTITIONS, deliveryItem, duePartition, findFanout, SWEEP_GRACE_MS } from "./store.ts";
import { LONGEST_DELAY_SECONDS } from "./work.ts";

type Deps = QueueRowsDeps & PaceDeps;
/** One who waits: where, and before whom. */
type Waiting = { row: Delivery; address: string; urgent: boolean };

const LOOKED_AT_ONCE = 100;
const LOOKS_A_RUN = 10;
// Who was promised a turn by then has stored that, and the index shows it: an open chunk and one push more.
const AGAIN_SECONDS = 75;
// Higher than every key of the index that begins so, and lower than the next one.
const BEHIND = "!";

/**
 * Other windows or quotas hold for a channel: tells those who wait for a turn their new ones, in the order of the old. Some at a
 * time, and the rest by a message of its own. Nobody is pushed to sooner for it than its credential's pace, a vendor's pause or
 * its own hour allow. May run twice: whose turn was given by the settings as they are keeps it.
 */
export async function tellTurns(deps: Deps, message: TurnsMessage): Promise<void> {
  const channel = deps.channels[message.channel as ChannelName];
  const pace = makePace(deps, channel);
  const setup = await readSetup(deps.table, channel.name);
  // What changed again has a word of its own on the way.
  if (!pace || (setup?.paced ?? 0) > message.setup) return;
  let { from } = message;
  for (let looks = 0; looks < LOOKS_A_RUN; looks++) {
    const { items, next } = await nextOnes(deps.table, from);
    const now = deps.now().getTime();
    const rows = items.map((item) => Delivery().parse(item)).filter((row) => isMeant(row, message, now));
    await tellThese(deps, channel, pace, await known(deps, rows), message.setup);
    if (next === undefined) return message.again ? undefined : sendAgain(deps, message);
    from = next;
  }
  await deps.queue("fanout").send([{ body: { ...message, from } }]);
}

async function sendAgain(deps: Deps, { channel, setup }: TurnsMessage): Promise<void> {
  const body: TurnsMessage = { kind: "turns", channel, setup, again: true };
  await deps.queue("fanout").send([{ body, delaySeconds: AGAIN_SECONDS }]);
}

/** The next ones of all partitions together, in the order of the index; `next`: from where on it goes on. */
async function nextOnes(table: Table, from: string | undefined): Promise<{ items: Item[]; next: string | undefined }> {
  const query = { limit: LOOKED_AT_ONCE, ...(from === undefined ? {} : { from }) };
  const pages = await Promise.all(
    Array.from({ length: DUE_PARTITIONS }, (_, i) => table.queryIndex({ ...query, pk: duePartition(i) })),
  );
  const placeOf = (item: Item | undefined) => item?.index?.sk ?? "";
  const ends = pages.flatMap(({ items, next }) => (next === undefined ? [] : [placeOf(items.at(-1))])).sort();
  const [end] = ends;
  const items = pages.flatMap((page) => page.items.filter((item) => end === undefined || placeOf(item) <= end));
  return { items, next: end === undefined ? undefined : `${end}${BEHIND}` };
}

/** Held ones wait for an hour, and whom the vendor refused itself for what that said. */
function isMeant(row: Delivery, { channel, setup }: TurnsMessage, now: number): boolean {
  const { ref, state, waitsFor, dueAt = "", attempts } = row;
  const waits = ref.channel === channel && state === "waiting" && (waitsFor === "rate" || waitsFor === "quota");
  return waits && Date.parse(dueAt) > now && (row.setup ?? 0) < setup && attempts.at(-1)?.pause === undefined;
}

/** In the order in which they are to go. */
async function known(deps: Deps, rows: Delivery[]): Promise<Waiting[]> {
  const reachOf = recent(rows.length + 1, (endpoint) => combinedReach(deps.table, endpoint));
  const fanoutOf = recent(rows.length + 1, (key) => {
    const [id = "", revision] = key.split("#");
    return findFanout(deps.table, id, Number(revision));
  });
  const found = await Promise.all(
    rows.map(async (row): Promise<Waiting[]> => {
      const [reached, fanout] = await Promise.all([
        reachOf(row.endpoint),
        fanoutOf(`${row.ref.announcementId}#${row.ref.revision}`),
      ]);
      if (reached?.channel !== row.ref.channel) return [];
      return [{ row, address: reached.reach.address, urgent: fanout?.urgent === true }];
    }),
  );
  return found.flat().sort((a, b) => rank(a) - rank(b) || (dueOf(a) < dueOf(b) ? -1 : 1));
}

function rank({ urgent, row: { mends } }: Waiting): number {
  return urgent ? 0 : mends ? 1 : 2;
}

function dueOf({ row: { dueAt = "" } }: Waiting): string {
  return dueAt;
}

async function tellThese(deps: Deps, channel: Channel, pace: Pace, waiting: Waiting[], setup: number): Promise<void> {
  const told: Delivery[] = [];
  // The messages of one app's day wait there, whoever they are for.
  const { account } = pace;
  const isOfAccount = ({ row }: Waiting) => account !== undefined && row.waitsFor === "quota";
  const groups = Map.groupBy(waiting, (one) => (isOfAccount(one) ? accountHash : credentialHash)(channel, one.address));
  for (const group of groups.values()) {
    const [first] = group;
    if (!first) continue;
    const waiters = group.map(({ row, urgent }) => ({ urgent, mends: row.mends === true, setup: row.setup ?? 0 }));
    const its = account && isOfAccount(first) ? account : pace;
    const { turns, setup: by } = await its.tell(first.address, waiters, setup);
    for (const [i, { row }] of group.entries()) {
      const turn = turns[i];
      if (turn !== undefined) told.push({ ...row, dueAt: new Date(turn).toISOString(), setup: by });
    }
  }
  await store(deps, told);
}

/** Who is due soon gets a message, and the sweep looks after it; it finds the others. */
async function store(deps: Deps, told: Delivery[]): Promise<void> {
  const now = deps.now().getTime();
  const turnOf = ({ dueAt = "" }: Delivery) => Date.parse(dueAt);
  const { soon = [], later = [] } = Object.groupBy(told, (row) =>
    turnOf(row) - now <= LONGEST_DELAY_SECONDS * 1000 ? "soon" : "later",
  );
  const last = Math.max(now, ...soon.map(turnOf));
  await queueRows(deps, soon, last - now + SWEEP_GRACE_MS);
  await Promise.all(
    later.map((row) => {
      const put = deliveryItem(row, new Date(turnOf(row) - SWEEP_GRACE_MS));
      return deps.table.write([{ put, if: { version: row.version } }]);
    }),
  );
}
