import { keys } from "#src/platform/keys.ts";
import type { Queue, QueueName } from "#src/platform/queue.ts";
import type { Table } from "#src/platform/table.ts";
import type { Channel, ChannelName, Word } from "./channel.ts";
import type { AskMessage } from "./message.ts";
import { Look, lookItem, stopLooking } from "./receipt-look.ts";
import { applyReceipt, type ReceiptDeps, standingOf } from "./receipts.ts";

type SweepDeps = {
  table: Table;
  queue: (name: QueueName) => Queue;
  channels: Record<ChannelName, Channel>;
  now: () => Date;
};

/** Questions queued by one sweep; the rest waits for the next one. */
const MOST_A_SWEEP = 20;

/** Queues a question about every receipt whose time has come. The next look is stored first, so two sweeps queue one. */
export async function sweepReceipts(deps: SweepDeps): Promise<void> {
  const now = deps.now();
  const to = new Date(now.getTime() + 1).toISOString();
  const { items } = await deps.table.queryIndex({ pk: "RECEIPTS-TO-ASK", to, limit: MOST_A_SWEEP });
  for (const item of items) {
    const look = Look().parse(item);
    const put = lookItem({ ...look, looks: look.looks + 1, version: look.version + 1 }, now);
    if (!(await deps.table.write([{ put, if: { version: look.version } }])).ok) continue;
    const body: AskMessage = { kind: "ask", receipt: look.receipt };
    await deps.queue(deps.channels[look.ref.channel as ChannelName].queue).send([{ body }]);
  }
}

/**
 * Asks the provider about a delivery that still waits for its receipt, and applies an answer as if the receipt had come.
 * Without one the next look stands in the index already; after the last the delivery stays as it is.
 */
export async function askProvider(deps: ReceiptDeps, channel: Channel, receipt: string): Promise<void> {
  const key = keys.receipt(channel.name, receipt);
  const item = await deps.table.get(key);
  const look = Look().safeParse(item).data;
  if (!look) return;
  const standing = await standingOf(deps, look);
  if (standing?.busy) return;
  if (!channel.ask || !standing || !"au".includes(standing.letter)) return stopLooking(deps, key);
  const word = await channel.ask(receipt).catch((error: unknown): Word => {
    deps.log.error("ask-threw", { channel: channel.name, detail: error instanceof Error ? error.message : "" });
    return { kind: "unknown" };
  });
  if (word.kind === "delivered") await applyReceipt(deps, { channel: channel.name, receipt, outcome: "delivered" });
  else if (word.kind === "failed")
    await applyReceipt(deps, { channel: channel.name, receipt, outcome: "failed", detail: word.detail });
  else if (!item?.index)
    deps.log.warn("receipt-missing", { channel: channel.name, announcement: look.ref.announcementId, word: word.kind });
}
