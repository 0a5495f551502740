import { combinedReach } from "#src/domain/subscriptions/reach.ts";
import type { Item, Table } from "#src/platform/table.ts";
import type { Channel } from "./channel.ts";
import type { Pace } from "./pace.ts";
import type { Line } from "./pace-book.ts";
import { accountHash, credentialHash } from "./paced-by.ts";
import { recent } from "./recent.ts";
import { type Delivery, DUE_PARTITIONS, duePartition, findFanout } from "./store.ts";

/** One who waits for a turn: where, and before whom. `over`: a newer revision has taken over, so it will not use its turn. */
export type Waiting = { row: Delivery; address: string; urgent: boolean; over: boolean };

// Higher than every key of the index that begins so, and lower than the next one.
const BEHIND = "!";
const ORDER: readonly Line[] = ["urgent", "mending", "line"];

/** What is due next, of all partitions together, in the order of the index; `next`: from where on it goes on. */
export async function nextDue(
  table: Table,
  from: string | undefined,
  limit: number,
): Promise<{ items: Item[]; next: string | undefined }> {
  const query = { limit, ...(from === undefined ? {} : { from }) };
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
export function waitsForTurn({ ref, state, waitsFor, dueAt = "", attempts }: Delivery, channel: string, now: number) {
  const waits = ref.channel === channel && state === "waiting" && (waitsFor === "rate" || waitsFor === "quota");
  return waits && Date.parse(dueAt) > now && attempts.at(-1)?.pause === undefined;
}

/** In the order in which they are to go. */
export async function inOrder(table: Table, rows: Delivery[]): Promise<Waiting[]> {
  const reachOf = recent(rows.length + 1, (endpoint) => combinedReach(table, endpoint));
  const fanoutOf = recent(rows.length + 1, (key) => {
    const [id = "", revision] = key.split("#");
    return findFanout(table, id, Number(revision));
  });
  const found = await Promise.all(
    rows.map(async (row): Promise<Waiting[]> => {
      const [reached, fanout] = await Promise.all([
        reachOf(row.endpoint),
        fanoutOf(`${row.ref.announcementId}#${row.ref.revision}`),
      ]);
      if (reached?.channel !== row.ref.channel) return [];
      const over = fanout?.supersededBy !== undefined;
      return [{ row, address: reached.reach.address, urgent: fanout?.urgent === true, over }];
    }),
  );
  const rank = (one: Waiting) => ORDER.indexOf(lineOf(one));
  return found.flat().sort((a, b) => rank(a) - rank(b) || (dueOf(a) < dueOf(b) ? -1 : 1));
}

export function lineOf({ urgent, row: { mends } }: Waiting): Line {
  return urgent ? "urgent" : mends ? "mending" : "line";
}

function dueOf({ row: { dueAt = "" } }: Waiting): string {
  return dueAt;
}

/** Those who wait for the same turns, with the pace that gives them. */
export function byPace(channel: Channel, pace: Pace, waiting: Waiting[]): Map<string, { its: Pace; group: Waiting[] }> {
  // The messages of one app's day wait there, whoever they are for.
  const { account } = pace;
  const isOfAccount = ({ row }: Waiting) => account !== undefined && row.waitsFor === "quota";
  const hashOf = (one: Waiting) => (isOfAccount(one) ? accountHash : credentialHash)(channel, one.address);
  const groups = Map.groupBy(waiting, hashOf);
  return new Map(
    [...groups].map(([hash, group]) => [hash, { its: (group[0] && isOfAccount(group[0]) && account) || pace, group }]),
  );
}
