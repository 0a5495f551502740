import { AppError } from "#src/errors.ts";
import type { Queue, QueueName } from "#src/platform/queue.ts";
import type { Commit, Table } from "#src/platform/table.ts";
import { amendWrites, isTaken, rowOf } from "./amend.ts";
import type { Channel, ChannelName } from "./channel.ts";
import { digestNamed } from "./digest.ts";
import { findDelivery } from "./find-delivery.ts";
import { type DeliveryRow, memberRow } from "./list.ts";
import type { RetryMessage } from "./message.ts";
import { findResult } from "./store.ts";
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
  const { fanout, found, endpoint } = await findDelivery(deps.table, id);
  const { ref, member, range } = found;
  const result = await findResult(deps.table, ref);
  const now = deps.now();
  if (result && isTaken(result, now)) throw inFlight();
  if (!result || !"furh".includes(result.letters.charAt(member))) throw new AppError("conflict", "STATE", NOT_OPEN);
  // Its revisions have their outcome already, and are tried again as what they are.
  if (digestNamed(fanout.announcementId) && "fu".includes(result.letters.charAt(member)))
    throw new AppError("conflict", "DIGEST_OVER", DIGEST_OVER);
  if (fanout.supersededBy !== undefined) throw new AppError("conflict", "SUPERSEDED", SUPERSEDED);
  const known = await rowOf(deps.table, found, endpoint);
  const dueAt = now.toISOString();
  const row = { ...known, state: "waiting" as const, dueAt, byHand: true, version: known.version + 1 };
  const lookAt = new Date(now.getTime() + SWEEP_GRACE_MS);
  const shown: DeliveryRow = { ...(await memberRow(deps, found)), state: "waiting", dueAt };
  const commit = deps.commit ?? ((writes) => deps.table.write(writes));
  const writes = amendWrites(deps, { fanout, range, ref, result }, [{ member, letter: "r", row, lookAt }]);
  if (!(await commit(writes, shown)).ok) throw inFlight();
  const body: RetryMessage = { kind: "retry", ref, endpoints: [endpoint] };
  const queue = queueOf(deps.channels[ref.channel as ChannelName], fanout.urgent === true);
  await deps.queue(queue).send(grouped(ref.announcementId, [{ body }]));
  return shown;
}

const NOT_OPEN = {
  zh: "只有失败、未知或等待中的推送可以重试",
  en: "only what failed, waits or is unknown can be retried",
};
const DIGEST_OVER = {
  zh: "汇总已结束，请逐条重试其中的公告",
  en: "this digest is over; retry its announcements one by one",
};
const SUPERSEDED = { zh: "已有更新的版本", en: "a newer revision has taken over" };

export function inFlight(): AppError {
  const detail = { zh: "这一批正在推送，请稍后再试", en: "its chunk is being sent, try again in a moment" };
  return new AppError("conflict", "IN_FLIGHT", detail);
}
