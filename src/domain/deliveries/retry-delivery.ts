import { AppError } from "#src/errors.ts";
import type { Log } from "#src/log.ts";
import type { Queue, QueueName } from "#src/platform/queue.ts";
import type { Commit, Table, Write } from "#src/platform/table.ts";
import { amendWrites, isTaken, rowOf } from "./amend.ts";
import type { Channel, ChannelName } from "./channel.ts";
import { DIGEST_FREQUENCIES, DIGEST_LETTER, digestNamed } from "./digest.ts";
import { findRun, runItem } from "./digest-store.ts";
import { type FoundDelivery, findDelivery } from "./find-delivery.ts";
import { UNCLAIMED } from "./join-digest.ts";
import { type DeliveryRow, memberRow } from "./list.ts";
import type { RetryMessage, RetryOneMessage } from "./message.ts";
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
  log?: Log;
};

const OPEN = `furh${Object.values(DIGEST_LETTER).join("")}`;

/** While others of the chunk are on their way it is looked at again after so long. */
const BUSY_SECONDS = 2;
/** Most pushes are answered by then. */
const FLIGHT_SECONDS = 5;

/**
 * A person has a delivery tried again now, or sent now instead of in the digest that it waits for. The reader's quiet
 * hours stand: `heldUntil` says when they end. So does a stop of its credential: `waitsFor` and `dueAt` say what for, and until when. While others of its chunk are being sent it follows them (`afterChunk`). Refused
 * ("conflict") for what was delivered, suppressed or superseded, while it is being sent itself, for what goes out in its digest
 * at this moment, and, unless `anyway`, for what a fallback got in its place. A delivery of unknown outcome may arrive twice
 * then: that is the person's decision. `attempts`: how many it had when that was uttered, if not now.
 */
export async function retryDelivery(
  deps: RetryDeps,
  id: string,
  { anyway = false, attempts }: { anyway?: boolean; attempts?: number } = {},
): Promise<DeliveryRow> {
  const at = await findRetry(deps, id);
  if (!at) throw new AppError("conflict", "STATE", NOT_OPEN);
  const { fanout, found, endpoint, result, letter } = at;
  // Its revisions have their outcome already, and are tried again as what they are.
  if (digestNamed(fanout.announcementId) && "fu".includes(letter)) throw digestOver();
  if (fanout.supersededBy !== undefined) throw new AppError("conflict", "SUPERSEDED", SUPERSEDED);
  if ("fu".includes(letter) && !anyway && (await servedInstead(deps.table, fanout, endpoint)))
    throw new AppError("conflict", "FALLBACK_SERVED", FALLBACK_SERVED);
  if (isTaken(deps, result)) return afterChunk(deps, at, { id, anyway, attempts });
  const left = await leaveDigest(deps.table, letter, result);
  const { writes, dueAt } = await retryWrites(deps, at);
  const until = (await quietNow(deps, fanout, endpoint))?.toISOString();
  const shown: DeliveryRow = {
    ...asTried(await memberRow(deps, found), dueAt),
    ...(until === undefined ? {} : { heldUntil: until }),
  };
  const commit = deps.commit ?? ((writes) => deps.table.write(writes));
  // Somebody took the chunk a moment ago.
  if (!(await commit([...writes, ...left], shown)).ok) return afterChunk(deps, at, { id, anyway, attempts });
  await queueRetry(deps, at);
  return shown;
}

/** What a stop of its credential holds waits on, unless the stop turns out to be over: until when is answered as it was. */
function asTried({ waitsFor, dueAt = "", ...row }: DeliveryRow, now: string): DeliveryRow {
  const isHeld = waitsFor !== undefined && dueAt > now;
  return { ...row, state: "waiting", ...(isHeld ? { waitsFor, dueAt } : { dueAt: now }) };
}

type Retry = FoundDelivery & { result: Result; letter: string; now: Date };

/** What is to be tried again; undefined for what has ended well, or was never begun. */
async function findRetry(deps: RetryDeps, id: string): Promise<Retry | undefined> {
  const at = await findDelivery(deps.table, id);
  const result = await findResult(deps.table, at.found.ref);
  const now = deps.now();
  const letter = result?.letters.charAt(at.found.member) ?? "w";
  if (result && OPEN.includes(letter)) return { ...at, result, letter, now };
  if (result && "wi".includes(letter) && isTaken(deps, result)) throw inFlight();
  return undefined;
}

async function retryWrites(deps: RetryDeps, { fanout, found, endpoint, result, now }: Retry) {
  const { ref, member, range } = found;
  const known = await rowOf(deps.table, found, endpoint);
  const dueAt = now.toISOString();
  const row = { ...known, state: "waiting" as const, dueAt, byHand: true, version: known.version + 1 };
  const lookAt = new Date(now.getTime() + SWEEP_GRACE_MS);
  return { dueAt, writes: amendWrites(deps, { fanout, range, ref, result }, [{ member, letter: "r", row, lookAt }]) };
}

async function queueRetry(deps: RetryDeps, { fanout, found: { ref }, endpoint }: Retry): Promise<void> {
  const body: RetryMessage = { kind: "retry", ref, endpoints: [endpoint] };
  const queue = queueOf(deps.channels[ref.channel as ChannelName], fanout.urgent === true);
  await deps.queue(queue).send(grouped(ref.announcementId, [{ body }]));
}

/** Only who has the chunk writes to it: the wish waits until nobody has. */
async function afterChunk(
  deps: RetryDeps,
  { found, letter, result }: Retry,
  { id, anyway, attempts }: { id: string; anyway: boolean; attempts: number | undefined },
): Promise<DeliveryRow> {
  await leaveDigest(deps.table, letter, result);
  const shown: DeliveryRow = { ...(await memberRow(deps, found)), afterChunk: true };
  await queueLater(deps, { kind: "retry-one", delivery: id, attempts: attempts ?? shown.attempts.length, anyway });
  return shown;
}

async function queueLater(deps: RetryDeps, body: RetryOneMessage): Promise<void> {
  await deps.queue("fanout").send([{ body, delaySeconds: BUSY_SECONDS }]);
}

/** A wish that had to wait for its chunk. May run twice: what was attempted since it was uttered, or ended, is left alone. */
export async function retryOne(deps: RetryDeps, message: RetryOneMessage): Promise<void> {
  const { delivery: id, attempts, anyway } = message;
  const busy = () => queueLater(deps, message);
  try {
    const at = await findRetry(deps, id);
    if (!at) return;
    if (isTaken(deps, at.result)) return await busy();
    if ((await memberRow(deps, at.found)).attempts.length !== attempts) return;
    await retryDelivery(deps, id, { anyway, attempts });
  } catch (error) {
    if (!(error instanceof AppError) || error.kind !== "conflict") throw error;
    if (error.code === "IN_FLIGHT") await busy();
    else deps.log?.info("retry-not-needed", { id, code: error.code });
  }
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

function inFlight(): AppError {
  const detail = { zh: "它正在推送，请几秒后再试", en: "it is being sent at this moment; try again in a few seconds" };
  return new AppError("conflict", "IN_FLIGHT", detail, { retryAfterSeconds: FLIGHT_SECONDS });
}

/** The revisions in a digest have outcomes of their own, and are tried again as what they are. */
export function digestOver(): AppError {
  const detail = {
    zh: "汇总已结束，请逐条重试其中的公告",
    en: "this digest is over; retry its announcements one by one",
  };
  return new AppError("conflict", "DIGEST_OVER", detail);
}
