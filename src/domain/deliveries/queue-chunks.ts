import type { Queue, QueueName } from "#src/platform/queue.ts";
import type { Table } from "#src/platform/table.ts";
import type { Member } from "./audience.ts";
import type { Channel, ChannelName } from "./channel.ts";
import type { Planned } from "./chunks-of-window.ts";
import type { ChunkMessage, MessageTarget } from "./message.ts";
import { type ChunkRef, type Fanout, type Range, resultKey } from "./store.ts";
import { grouped, lateQueueOf, queueOf } from "./work-queue.ts";

type Deps = { queue: (name: QueueName) => Queue; channels: Record<ChannelName, Channel> };

/** Queues the chunks of a window, each on its channel's queue: `fresh` with whom they are for, `existing` by name. */
export async function queueChunks(
  deps: Deps,
  { announcementId, urgent }: Fanout,
  fresh: Planned[],
  existing: { ref: ChunkRef }[],
): Promise<void> {
  const messages = new Map<QueueName, ChunkMessage[]>();
  const add = (message: ChunkMessage, late = false) => {
    const channel = deps.channels[message.ref.channel as ChannelName];
    const queue = late ? lateQueueOf(channel, urgent === true) : queueOf(channel, urgent === true);
    messages.set(queue, [...(messages.get(queue) ?? []), message]);
  };
  for (const { ref, chunk, members, late } of fresh)
    add({ kind: "chunk", ref, chunk, targets: members.map(targetOf) }, late);
  for (const { ref } of existing) add({ kind: "chunk", ref });
  for (const [queue, list] of messages) {
    await deps.queue(queue).send(
      grouped(
        announcementId,
        list.map((body) => ({ body })),
      ),
    );
  }
}

/** Chunks of the newest window that nobody has begun; a chunk that is queued twice is sent once. */
export async function queueLastWindow(deps: Deps & { table: Table }, fanout: Fanout, range: Range): Promise<void> {
  const { announcementId, revision } = fanout;
  const window = range.windows.at(-1);
  if (!window) return;
  const refs = Object.entries(window.chunks).flatMap(([channel, count]) =>
    Array.from({ length: count }, (_, n) => ({
      ...{ announcementId, revision, range: range.from, window: window.after, channel, n },
    })),
  );
  const results = await deps.table.getMany(refs.map(resultKey));
  const unbegun = refs.filter((_, i) => results[i] === undefined);
  await queueChunks(
    deps,
    fanout,
    [],
    unbegun.map((ref) => ({ ref })),
  );
}

const GONE: MessageTarget = { address: "", language: "zh-CN", secrets: [] };

function targetOf({ reach }: Member): MessageTarget {
  if (!reach) return GONE;
  const { address, language, secrets, frequency, quietHours, after } = reach;
  return {
    address,
    language,
    secrets,
    ...(frequency === "now" ? {} : { frequency }),
    ...(quietHours ? { quietHours } : {}),
    ...(after ? { after } : {}),
  };
}
