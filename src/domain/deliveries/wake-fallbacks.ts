import type { Queue, QueueName } from "#src/platform/queue.ts";
import type { Table } from "#src/platform/table.ts";
import type { Channel, ChannelName } from "./channel.ts";
import { findMember } from "./find-member.ts";
import type { RetryMessage } from "./message.ts";
import { fallbacksOf } from "./served-instead.ts";
import { Delivery, deliveryItem, deliveryKey, type Fanout, findFanout, SWEEP_GRACE_MS } from "./store.ts";
import { grouped, queueOf } from "./work-queue.ts";

export type WakeDeps = {
  table: Table;
  queue: (name: QueueName) => Queue;
  now: () => Date;
  channels: Record<ChannelName, Channel>;
};

const AT_ONCE = 25;

/**
 * First choices have failed for good: who stands in for them goes at once, those of a chunk together. If this gets lost, they
 * go when they are due.
 */
export async function wakeFallbacks(
  deps: WakeDeps,
  { announcementId, revision }: { announcementId: string; revision: number },
  endpoints: string[],
): Promise<void> {
  const pairs: { first: string; fallback: string }[] = [];
  for (let from = 0; from < endpoints.length; from += AT_ONCE)
    await Promise.all(
      endpoints.slice(from, from + AT_ONCE).map(async (first) => {
        for (const fallback of await fallbacksOf(deps.table, first)) pairs.push({ first, fallback });
      }),
    );
  const fanout = pairs.length > 0 ? await findFanout(deps.table, announcementId, revision) : undefined;
  if (!fanout) return;
  const woken: Delivery[] = [];
  for (let from = 0; from < pairs.length; from += AT_ONCE)
    await Promise.all(
      pairs.slice(from, from + AT_ONCE).map(async (pair) => {
        const row = await release(deps, fanout, pair);
        if (row) woken.push(row);
      }),
    );
  const byQueue = new Map<QueueName, { body: RetryMessage }[]>();
  for (const rows of Map.groupBy(woken, ({ ref }) => JSON.stringify(ref)).values()) {
    const ref = rows[0]?.ref;
    if (!ref) continue;
    const body: RetryMessage = { kind: "retry", ref, endpoints: rows.map(({ endpoint }) => endpoint) };
    const queue = queueOf(deps.channels[ref.channel as ChannelName], fanout.urgent === true);
    byQueue.set(queue, [...(byQueue.get(queue) ?? []), { body }]);
  }
  for (const [queue, messages] of byQueue) await deps.queue(queue).send(grouped(announcementId, messages));
}

/** Makes one due now; undefined where it does not wait for that first choice. */
async function release(
  deps: WakeDeps,
  fanout: Fanout,
  { first, fallback }: { first: string; fallback: string },
): Promise<Delivery | undefined> {
  const found = await findMember(deps.table, fanout, fallback);
  const item = found && (await deps.table.get(deliveryKey(found.ref, fallback)));
  const row = item && Delivery().parse(item);
  if (row?.state !== "held" || row.after?.endpoint !== first) return undefined;
  const now = deps.now();
  const due = { ...row, dueAt: now.toISOString() };
  const put = deliveryItem(due, new Date(now.getTime() + SWEEP_GRACE_MS));
  return (await deps.table.write([{ put, if: { version: row.version } }])).ok ? due : undefined;
}
