import type { Queue, QueueName } from "#src/platform/queue.ts";
import type { Table } from "#src/platform/table.ts";
import type { Channel, ChannelName } from "./channel.ts";
import { findMember } from "./find-member.ts";
import type { RetryMessage } from "./message.ts";
import { fallbacksOf } from "./served-instead.ts";
import { Delivery, deliveryItem, deliveryKey, findFanout, SWEEP_GRACE_MS } from "./store.ts";
import { grouped, queueOf } from "./work-queue.ts";

export type WakeDeps = {
  table: Table;
  queue: (name: QueueName) => Queue;
  now: () => Date;
  channels: Record<ChannelName, Channel>;
};

/** A first choice has failed for good: who stands in for it goes at once. If this gets lost, it goes when it is due. */
export async function wakeFallbacks(
  deps: WakeDeps,
  { announcementId, revision }: { announcementId: string; revision: number },
  endpoint: string,
): Promise<void> {
  const fallbacks = await fallbacksOf(deps.table, endpoint);
  if (fallbacks.length === 0) return;
  const fanout = await findFanout(deps.table, announcementId, revision);
  for (const fallback of fanout ? fallbacks : []) {
    const found = fanout && (await findMember(deps.table, fanout, fallback));
    const item = found && (await deps.table.get(deliveryKey(found.ref, fallback)));
    const row = item && Delivery().parse(item);
    if (!found || row?.state !== "held" || row.after?.endpoint !== endpoint) continue;
    const now = deps.now();
    const put = deliveryItem({ ...row, dueAt: now.toISOString() }, new Date(now.getTime() + SWEEP_GRACE_MS));
    if (!(await deps.table.write([{ put, if: { version: row.version } }])).ok) continue;
    const body: RetryMessage = { kind: "retry", ref: found.ref, endpoints: [fallback] };
    const queue = queueOf(deps.channels[found.ref.channel as ChannelName], fanout.urgent === true);
    await deps.queue(queue).send(grouped(announcementId, [{ body }]));
  }
}
