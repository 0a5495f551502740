import { AppError } from "#src/errors.ts";
import type { Queue, QueueName } from "#src/platform/queue.ts";
import type { Commit, Table, Write } from "#src/platform/table.ts";
import { amendWrites, isTaken, rowOf } from "./amend.ts";
import type { Channel, ChannelName } from "./channel.ts";
import { DIGEST_FREQUENCIES, DIGEST_LETTER, digestNamed } from "./digest.ts";
import { findRun, runItem } from "./digest-store.ts";
import { findDelivery } from "./find-delivery.ts";
import { UNCLAIMED } from "./join-digest.ts";
import { type DeliveryRow, memberRow } from "./list.ts";
import type { RetryMessage } from "./message.ts";
import { quietNow } from "./quiet-now.ts";
import { servedInstead } from "./served-instead.ts";
import { findResult, type Result, SWEEP_GRACE_MS } from "./store.ts";
import { grouped, queueOf } from "./work-queue.ts";

export type RetryDeps = {
  table: Table;
  queue: (name: QueueName) => Queue;
  channels: Record<ChannelName, Channel>;
  now: () => Date;
  commit?: Commit<DeliveryRow>;
};

const OPEN = `furh${Object.values(DIGEST_LETTER).join("")}`;

/**
 * A person has a delivery tried again now, or sent now instead of in the digest that it waits for. The reader's quiet
 * hours stand: `heldUntil` says when they end. Refused ("conflict") for what was delivered, suppressed or superseded, while its chunk is being sent, for what goes out in its digest
 * at this moment, and, unless `anyway`, for what a fallback got in its place. A delivery of unknown outcome may arrive twice
 * then: that is the person's decision.
 */
export async function retryDelivery(
  deps: RetryDeps,
  id: string,
  { anyway = false }: { anyway?: boolean } = {},
): Promise<DeliveryRow> {
  const { fanout, found, endpoint } = await findDelivery(deps.table, id);
  const { ref, member, range } = found;
  const result = await findResult(deps.table, ref);
  const now = deps.now();
  if (result && isTaken(deps, result)) throw inFlight();
  const letter = result?.letters.charAt(member) ?? "w";
  if (!result || !OPEN.includes(letter)) throw new AppError("conflict", "STATE", NOT_OPEN);
  // Its revisions have their outcome already, and are tried again as what they are.
  if (digestNamed(fanout.announcementId) && "fu".includes(letter))
    throw new AppError("conflict", "DIGEST_OVER", DIGEST_OVER);
  if (fanout.supersededBy !== undefined) throw new AppError("conflict", "SUPERSEDED", SUPERSEDED);
  if ("fu".includes(letter) && !anyway && (await servedInstead(deps.table, fanout, endpoint)))
    throw new AppError("conflict", "FALLBACK_SERVED", FALLBACK_SERVED);
  const left = await leaveDigest(deps.table, letter, result);
  const known = await rowOf(deps.table, found, endpoint);
  const dueAt = now.toISOString();
  const row = { ...known, state: "waiting" as const, dueAt, byHand: true, version: known.version + 1 };
  const lookAt = new Date(now.getTime() + SWEEP_GRACE_MS);
  const until = (await quietNow(deps, fanout, endpoint))?.toISOString();
  const waiting = { state: "waiting" as const, dueAt, ...(until === undefined ? {} : { heldUntil: until }) };
  const shown: DeliveryRow = { ...(await memberRow(deps, found)), ...waiting };
  const commit = deps.commit ?? ((writes) => deps.table.write(writes));
  const writes = amendWrites(deps, { fanout, range, ref, result }, [{ member, letter: "r", row, lookAt }]);
  if (!(await commit([...writes, ...left], shown)).ok) throw inFlight();
  const body: RetryMessage = { kind: "retry", ref, endpoints: [endpoint] };
  const queue = queueOf(deps.channels[ref.channel as ChannelName], fanout.urgent === true);
  await deps.queue(queue).send(grouped(ref.announcementId, [{ body }]));
  return shown;
}

/** Whoever is planned into a digest would get the text twice: it may leave only as long as nobody has claimed that one. */
async function leaveDigest(table: Table, letter: string, { digests }: Result): Promise<Write[]> {
  const frequency = DIGEST_FREQUENCIES.find((one) => DIGEST_LETTER[one] === letter);
  const date = frequency && digests?.[frequency];
  if (!frequency || date === undefined) return [];
  const run = await findRun(table, { frequency, date });
  if (!run || run.claimedAt !== undefined) throw new AppError("conflict", "DIGEST_GOING", digestGoing(date));
  const { pk, sk } = runItem(run);
  return [{ check: { pk, sk }, if: { version: UNCLAIMED } }];
}

const NOT_OPEN = {
  zh: "只有失败、未知、暂缓或等待中的推送可以重试",
  en: "only what failed, is held, waits or is unknown can be retried",
};
const DIGEST_OVER = {
  zh: "汇总已结束，请逐条重试其中的公告",
  en: "this digest is over; retry its announcements one by one",
};
const SUPERSEDED = { zh: "已有更新的版本", en: "a newer revision has taken over" };
const FALLBACK_SERVED = {
  zh: "备用接收端已代为接收这条公告，再推送会收到两次。仍要推送请确认（anyway=true）",
  en: "a fallback got this text in its place, so it would be read twice; say that you want it anyway (anyway=true)",
};

function digestGoing(date: string) {
  return {
    zh: `它已编入${date}的汇总，正在发出，不必单独推送`,
    en: `it is in the digest of ${date}, which is going out now`,
  };
}

export function inFlight(): AppError {
  const detail = { zh: "这一批正在推送，请稍后再试", en: "its chunk is being sent, try again in a moment" };
  return new AppError("conflict", "IN_FLIGHT", detail);
}
