import { topicsOf } from "#src/domain/announcements/announcement.ts";
import { readRevision } from "#src/domain/announcements/store.ts";
import { addDays, shanghaiDate } from "#src/domain/calendar/dates.ts";
import { subscriptionsOf } from "#src/domain/subscriptions/store.ts";
import { AppError } from "#src/errors.ts";
import type { Log } from "#src/log.ts";
import { keys } from "#src/platform/keys.ts";
import type { Queue, QueueName } from "#src/platform/queue.ts";
import type { Table, Write } from "#src/platform/table.ts";
import { amendWrites, isTaken, openedWrites, rowOf } from "./amend.ts";
import type { Channel, ChannelName } from "./channel.ts";
import { fanoutsOfDay } from "./day.ts";
import { findMember } from "./find-member.ts";
import type { ChunkMessage, ReplayMessage, RetryMessage } from "./message.ts";
import {
  type ChunkRef,
  chunkKey,
  type Fanout,
  findFanout,
  findResult,
  makeChunk,
  Range,
  rangeItem,
  resultKey,
  SWEEP_GRACE_MS,
} from "./store.ts";
import { grouped, queueOf } from "./work-queue.ts";

export type ReplayDeps = {
  table: Table;
  queue: (name: QueueName) => Queue;
  channels: Record<ChannelName, Channel>;
  now: () => Date;
  log: Log;
};

const MOST_DAYS = 30;
const FANOUTS_A_RUN = 50;
const BUSY_SECONDS = 5;

/**
 * An endpoint gets what it missed since a moment at most 30 days ago, in the background: what failed, what was left out
 * while it was switched off or ended, and what was published before it was there. Nothing that it has, or may have, is
 * sent again. Refused ("conflict") for an endpoint without a confirmed subscription.
 */
export async function replay(deps: ReplayDeps, endpoint: string, since: Date): Promise<void> {
  const now = deps.now();
  if (since > now || now.getTime() - since.getTime() > MOST_DAYS * 86_400_000)
    throw new AppError("invalid", "INVALID", OUTSIDE, {
      errors: [{ pointer: "/since", code: "SINCE", detail: OUTSIDE }],
    });
  if (!(await subscriptionsOf(deps.table, endpoint)).some(({ status }) => status === "confirmed"))
    throw new AppError("conflict", "STATE", {
      zh: "该接收端没有生效的订阅",
      en: "this endpoint has no confirmed subscription",
    });
  const body: ReplayMessage = { kind: "replay", endpoint, since: since.toISOString(), day: shanghaiDate(since) };
  await deps.queue("fanout").send([{ body }]);
}

const OUTSIDE = { zh: "起始时间须在最近30天内", en: "the moment must lie within the last 30 days" };

/** One step of it: some fan-outs of one day, then a message for the rest. May run twice: what waits or arrived is left alone. */
export async function replayDay(deps: ReplayDeps, message: ReplayMessage): Promise<void> {
  const { day, after, endpoint, since } = message;
  const page = await fanoutsOfDay(deps.table, day, { limit: FANOUTS_A_RUN, ...(after === undefined ? {} : { after }) });
  for (const { announcementId, revision, at } of page.items)
    if (at >= since && (await catchUp(deps, { announcementId, revision }, endpoint)) === "busy") {
      // Whoever has the chunk writes the outcome; then it is seen whether anything is left to do.
      return deps.queue("fanout").send([{ body: message, delaySeconds: BUSY_SECONDS }]);
    }
  const { after: _, ...rest } = message;
  if (page.next !== undefined) return deps.queue("fanout").send([{ body: { ...rest, after: page.next } }]);
  const next = addDays(day, 1);
  if (next <= shanghaiDate(deps.now())) await deps.queue("fanout").send([{ body: { ...rest, day: next } }]);
}

type Place = { announcementId: string; revision: number };

async function catchUp(deps: ReplayDeps, place: Place, endpoint: string): Promise<"busy" | "done"> {
  for (;;) {
    const fanout = await findFanout(deps.table, place.announcementId, place.revision);
    if (!fanout || fanout.supersededBy !== undefined || fanout.kind === "withdrawn") return "done";
    const found = await findMember(deps.table, fanout, endpoint);
    const step = found ? await tryAgain(deps, fanout, found, endpoint) : await addLate(deps, fanout, endpoint);
    if (step !== "again") return step;
  }
}

type Step = "busy" | "done" | "again";

async function tryAgain(
  deps: ReplayDeps,
  fanout: Fanout,
  { ref, member, range }: NonNullable<Awaited<ReturnType<typeof findMember>>>,
  endpoint: string,
): Promise<Step> {
  const now = deps.now();
  const result = await findResult(deps.table, ref);
  if (!result || !"fe".includes(result.letters.charAt(member))) return "done";
  if (isTaken(deps, result)) return "busy";
  const known = await rowOf(deps.table, { ref }, endpoint);
  const dueAt = now.toISOString();
  const row = { ...known, state: "waiting" as const, dueAt, byHand: true, version: known.version + 1 };
  const lookAt = new Date(now.getTime() + SWEEP_GRACE_MS);
  const writes = amendWrites(deps, { fanout, range, ref, result }, [{ member, letter: "r", row, lookAt }]);
  if (!(await deps.table.write(writes)).ok) return "again";
  const body: RetryMessage = { kind: "retry", ref, endpoints: [endpoint] };
  const queue = queueOf(deps.channels[ref.channel as ChannelName], fanout.urgent === true);
  await deps.queue(queue).send(grouped(ref.announcementId, [{ body }]));
  return "done";
}

/** An endpoint that was not there at the planning becomes a chunk of its own in the window where its key belongs. */
async function addLate(deps: ReplayDeps, fanout: Fanout, endpoint: string): Promise<Step> {
  const { announcementId, revision } = fanout;
  const wanted = await wantedBy(deps, fanout, endpoint);
  const range = wanted && (await rangeAt(deps.table, fanout, endpoint));
  // What is not planned yet meets it by itself.
  if (!wanted || !range || (!range.done && range.after < endpoint)) return "done";
  // It may have been planned since it was looked for; from here on the range's version guards.
  if (await findMember(deps.table, fanout, endpoint)) return "again";
  const at = range.windows.findLastIndex(({ after }) => after < endpoint);
  const window = range.windows[at] ?? { after: range.from, chunks: {} };
  const n = window.chunks[wanted.channel] ?? 0;
  const ref: ChunkRef = {
    announcementId,
    revision,
    range: range.from,
    window: window.after,
    channel: wanted.channel,
    n,
  };
  const longer = { ...window, chunks: { ...window.chunks, [wanted.channel]: n + 1 } };
  const { settled: _, ...open } = range;
  const next: Range = {
    ...open,
    windows: at < 0 ? [longer, ...range.windows] : range.windows.with(at, longer),
    planned: { ...range.planned, [wanted.channel]: (range.planned[wanted.channel] ?? 0) + 1 },
    version: range.version + 1,
  };
  const writes: Write[] = [
    // A worker that lost its range may have left a chunk here that nobody counts; one that was begun stays as it is.
    { put: { ...chunkKey(ref), ...makeChunk([{ endpoint, matched: wanted.matched }]) } },
    { check: resultKey(ref), if: { absent: true } },
    { put: rangeItem(announcementId, revision, next), if: { version: range.version } },
    ...openedWrites(deps, fanout, open),
  ];
  if (!(await deps.table.write(writes)).ok) {
    if (await findResult(deps.table, ref)) return "done";
    return "again";
  }
  const body: ChunkMessage = { kind: "chunk", ref };
  const queue = queueOf(deps.channels[wanted.channel as ChannelName], fanout.urgent === true);
  await deps.queue(queue).send(grouped(ref.announcementId, [{ body }]));
  return "done";
}

/** The range of a fan-out where an endpoint's key belongs. */
export async function rangeAt(
  table: Table,
  { announcementId, revision }: Fanout,
  endpoint: string,
): Promise<Range | undefined> {
  const { pk, sk } = keys.range(announcementId, revision, endpoint);
  const { items } = await table.query({ pk, prefix: "RANGE#", to: sk, reverse: true, limit: 1, fresh: true });
  return items[0] && Range().parse(items[0]);
}

/** The channel and the topics on which the endpoint's confirmed subscriptions want this text. */
export async function wantedBy(
  deps: Pick<ReplayDeps, "table" | "channels">,
  { announcementId, revision }: Fanout,
  endpoint: string,
): Promise<{ channel: string; matched: string[] } | undefined> {
  const text = await readRevision(deps, announcementId, revision);
  if (text?.audience.kind !== "public") return undefined;
  const spoken = new Set(topicsOf(text));
  const matched = new Set<string>();
  let channel = "";
  for (const subscription of await subscriptionsOf(deps.table, endpoint)) {
    if (subscription.status !== "confirmed") continue;
    channel = subscription.channel;
    for (const topic of subscription.topics) {
      const all = typeof topic === "string" ? [topic] : topic.all;
      if (all.every((one) => spoken.has(one))) for (const one of all) matched.add(one);
    }
  }
  return matched.size > 0 && channel in deps.channels ? { channel, matched: [...matched] } : undefined;
}
