import type { Queue, QueueName } from "#src/platform/queue.ts";
import type { Table } from "#src/platform/table.ts";
import type { Channel, ChannelName } from "./channel.ts";
import type { RetryMessage } from "./message.ts";
import { recent } from "./recent.ts";
import { type Delivery, deliveryItem, findFanout, TURNS_TOGETHER_MS } from "./store.ts";
import { grouped, lateQueueOf, queueOf } from "./work-queue.ts";

export type QueueRowsDeps = {
  table: Table;
  queue: (name: QueueName) => Queue;
  channels: Record<ChannelName, Channel>;
  now: () => Date;
};

// A first choice counts as on its way while its chunk is open: at once, chunks of fallbacks would all wait for each other.
const FALLBACK_TURNS = 60;

/**
 * Queues deliveries for when they are due, a chunk's together, and has the sweep look at each again `lookMs` after that in case it
 * gets lost. Rows that changed since they were read are left alone. Answers how many were queued.
 */
export async function queueRows(deps: QueueRowsDeps, rows: Delivery[], lookMs: number): Promise<number> {
  const now = deps.now().getTime();
  const lookAt = ({ dueAt = "" }: Delivery) => new Date(Math.max(now, Date.parse(dueAt) || now) + lookMs);
  const mine: Delivery[] = [];
  await Promise.all(
    rows.map(async (row) => {
      // Its version counts what became of it; looking does not, or a second sweep could undo what a worker wrote.
      const put = await deps.table.write([{ put: deliveryItem(row, lookAt(row)), if: { version: row.version } }]);
      if (put.ok) mine.push(row);
    }),
  );
  const fanoutOf = recent(64, (key) => {
    const [id = "", revision] = key.split("#");
    return findFanout(deps.table, id, Number(revision));
  });
  const byChunk = Map.groupBy(mine, ({ ref, waitsFor, attempts }) =>
    JSON.stringify([ref, waitsFor !== undefined, attempts.length > 0]),
  );
  let fallbacks = 0;
  for (const together of [...byChunk.values()].flatMap(atTheirTurns).flatMap(apartFromFirst)) {
    const ref = together[0]?.ref;
    if (!ref) continue;
    const body: RetryMessage = { kind: "retry", ref, endpoints: together.map(({ endpoint }) => endpoint) };
    const dueAt = Math.min(...together.map(({ dueAt = "" }) => Date.parse(dueAt)));
    const seconds = Math.min(900, Math.max(0, Math.ceil((dueAt - deps.now().getTime()) / 1000))) || 0;
    const delaySeconds = Math.min(
      900,
      seconds + (together.some(({ after }) => after) ? fallbacks++ % FALLBACK_TURNS : 0),
    );
    const urgent = (await fanoutOf(`${ref.announcementId}#${ref.revision}`))?.urgent === true;
    const channel = deps.channels[ref.channel as ChannelName];
    const queue = together[0]?.attempts.length ? lateQueueOf(channel, urgent) : queueOf(channel, urgent);
    await deps.queue(queue).send(grouped(ref.announcementId, [{ body, delaySeconds }]));
  }
  return mine.length;
}

/** Turns lie seconds apart, and each wakes at its own; those of one burst wake together, or they would keep the chunk from each other. */
function atTheirTurns(rows: Delivery[]): Delivery[][] {
  if (rows[0]?.waitsFor === undefined) return [rows];
  const dueOf = ({ dueAt = "" }: Delivery) => Date.parse(dueAt);
  const groups: Delivery[][] = [];
  for (const row of rows.toSorted((a, b) => dueOf(a) - dueOf(b))) {
    const [first] = groups.at(-1) ?? [];
    if (first && dueOf(row) - dueOf(first) <= TURNS_TOGETHER_MS) groups.at(-1)?.push(row);
    else groups.push([row]);
  }
  return groups;
}

/** Whoever waits for another one of them is looked at alone, and before: while that one is looked at, too, it would count as on its way. */
function apartFromFirst(rows: Delivery[]): Delivery[][] {
  const endpoints = new Set(rows.map(({ endpoint }) => endpoint));
  const { alone = [], together = [] } = Object.groupBy(rows, ({ after }) =>
    after && endpoints.has(after.endpoint) ? "alone" : "together",
  );
  return [...alone.map((row) => [row]), ...(together.length > 0 ? [together] : [])];
}
