import { AppError } from "#src/errors.ts";
import type { Queue, QueueName } from "#src/platform/queue.ts";
import type { Commit, Table, Write } from "#src/platform/table.ts";
import type { Channel, ChannelName } from "./channel.ts";
import { type FoundMember, findMember } from "./find-member.ts";
import { type DeliveryRow, memberRow } from "./list.ts";
import type { RetryMessage } from "./message.ts";
import {
  Delivery,
  deliveryItem,
  deliveryKey,
  type Fanout,
  fanoutItem,
  findFanout,
  findResult,
  type Result,
  rangeItem,
  resultItem,
} from "./store.ts";
import { grouped, queueOf } from "./work-queue.ts";

export type RetryDeps = {
  table: Table;
  queue: (name: QueueName) => Queue;
  channels: Record<ChannelName, Channel>;
  now: () => Date;
  commit?: Commit<DeliveryRow>;
};

const SWEEP_GRACE_MS = 60_000;

/**
 * A person has a delivery tried again now. Refused ("conflict") for what was delivered, suppressed or superseded, and
 * while its chunk is being sent. A delivery of unknown outcome may arrive twice then: that is the person's decision.
 */
export async function retryDelivery(deps: RetryDeps, id: string): Promise<DeliveryRow> {
  const { fanout, found } = await findDelivery(deps.table, id);
  const result = await findResult(deps.table, found.ref);
  const letter = result?.letters.charAt(found.member) ?? "w";
  const now = deps.now();
  if (result?.until !== undefined && result.until > now.getTime()) throw refused("IN_FLIGHT", BUSY);
  if (!result || !"furh".includes(letter)) throw refused("STATE", NOT_OPEN);
  if (fanout.supersededBy !== undefined) throw refused("SUPERSEDED", SUPERSEDED);
  const row: DeliveryRow = {
    ...(await memberRow(deps, found)),
    state: "waiting",
    dueAt: now.toISOString(),
  };
  const commit = deps.commit ?? ((writes) => deps.table.write(writes));
  const written = await commit(await reopened(deps, fanout, found, result), row);
  if (!written.ok) throw refused("IN_FLIGHT", BUSY);
  const body: RetryMessage = { kind: "retry", ref: found.ref, endpoints: [row.endpoint] };
  const queue = queueOf(deps.channels[found.ref.channel as ChannelName], fanout.urgent === true);
  await deps.queue(queue).send(grouped(found.ref.announcementId, [{ body }]));
  return row;
}

async function findDelivery(table: Table, id: string): Promise<{ fanout: Fanout; found: FoundMember }> {
  const [announcementId = "", revision = "", endpoint = "", ...more] = id.split(".");
  const number = /^[1-9]\d{0,5}$/.test(revision) && more.length === 0 ? Number(revision) : 0;
  const fanout = number > 0 ? await findFanout(table, announcementId, number) : undefined;
  const found = fanout && (await findMember(table, fanout, endpoint));
  if (!found) throw new AppError("not-found", "NOT_FOUND", { zh: "没有这条推送", en: "there is no such delivery" });
  return { fanout, found };
}

/** The delivery waits again, and so do its chunk, its range and its fan-out, all in one write. */
async function reopened(deps: RetryDeps, fanout: Fanout, found: FoundMember, result: Result): Promise<Write[]> {
  const { ref, member, range, chunk } = found;
  const now = deps.now();
  const lookAt = new Date(now.getTime() + SWEEP_GRACE_MS);
  const endpoint = chunk.members.slice(member * 16, member * 16 + 16);
  const item = await deps.table.get(deliveryKey(ref, endpoint));
  const known = item && Delivery.parse(item);
  const row: Delivery = {
    ref,
    endpoint,
    attempts: known?.attempts ?? [],
    state: "waiting",
    dueAt: now.toISOString(),
    byHand: true,
    version: (known?.version ?? 0) + 1,
  };
  const letters = `${result.letters.slice(0, member)}r${result.letters.slice(member + 1)}`;
  const writes: Write[] = [
    { put: resultItem(ref, { ...result, letters, version: result.version + 1 }), if: { version: result.version } },
    { put: deliveryItem(row, lookAt) },
  ];
  const { closedAt, totals: _t, ...open } = fanout;
  if (closedAt !== undefined) {
    const next = { ...open, sweeps: 0, version: fanout.version + 1 };
    writes.push({ put: fanoutItem(next, lookAt), if: { version: fanout.version } });
  }
  const { settled, ...unsettled } = range;
  if (settled !== undefined) {
    const next = { ...unsettled, version: range.version + 1 };
    writes.push({ put: rangeItem(ref.announcementId, ref.revision, next), if: { version: range.version } });
  }
  return writes;
}

const BUSY = { zh: "这一批正在推送，请稍后再试", en: "its chunk is being sent, try again in a moment" };
const NOT_OPEN = {
  zh: "只有失败、未知或等待中的推送可以重试",
  en: "only what failed, waits or is unknown can be retried",
};
const SUPERSEDED = { zh: "已有更新的版本", en: "a newer revision has taken over" };

function refused(code: string, detail: { zh: string; en: string }): AppError {
  return new AppError("conflict", code, detail);
}
