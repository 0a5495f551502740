import { combinedReach } from "#src/domain/subscriptions/reach.ts";
import type { Log } from "#src/log.ts";
import type { Clock } from "#src/platform/clock.ts";
import type { Queue, QueueName } from "#src/platform/queue.ts";
import type { Table, Write } from "#src/platform/table.ts";
import { audience, type Member, type Members, membersIn, namedSource, type Source, topicSource } from "./audience.ts";
import type { Channel, ChannelName } from "./channel.ts";
import { failingOf, makeChunks, type Planned, type Standing, withoutRepeats } from "./chunks-of-window.ts";
import { digestId, digestNamed } from "./digest.ts";
import { digestSources } from "./digest-sources.ts";
import { digestsOf } from "./digest-store.ts";
import { behind, border, place } from "./hash-space.ts";
import { runningLeases } from "./leases.ts";
import type { ChunkMessage, MessageTarget, RangeMessage } from "./message.ts";
import { seenSource } from "./seen.ts";
import {
  type Chunk,
  type ChunkRef,
  chunkKey,
  chunksOf,
  type Fanout,
  findFanout,
  findRange,
  membersOf,
  type Range,
  rangeItem,
  resultKey,
  wholeRange,
} from "./store.ts";
import { grouped, lateQueueOf, planningQueue, queueOf } from "./work-queue.ts";

export type FanOutDeps = Clock & {
  table: Table;
  queue: (name: QueueName) => Queue;
  channels: Record<ChannelName, Channel>;
  /** See `LeaseDeps`. */
  onlyHost?: string;
  log: Log;
};

const WINDOW = 1000;
const WINDOWS_A_RUN = 5;
const ENDPOINTS_A_RANGE = 5000;
// One transaction holds the parent and its children.
const MOST_CHILDREN = 90;

/**
 * Plans the next windows of a range: chunks first, then the range's progress, then the messages. `again`: the message was
 * delivered before, so the worker who had it may have died between the last two.
 */
export async function fanOut(deps: FanOutDeps, message: RangeMessage, again = false): Promise<void> {
  const { table } = deps;
  const { announcementId, revision } = message;
  const fanout = await findFanout(table, announcementId, revision);
  if (!fanout || fanout.closedAt !== undefined) return;
  const queue = planningQueue(fanout.urgent === true);
  let range: Range | undefined = await findRange(table, announcementId, revision, message.range);
  if (!range && message.range === "") range = wholeRange(fanout.plannedAt);
  if (range && again) await queueLastWindow(deps, fanout, range);
  if (!range || range.done) return;
  if (range.version === 0 && (await waitsForEarlier(deps, fanout))) {
    await deps.queue(queue).send(grouped(announcementId, [{ body: message, delaySeconds: 1 }]));
    return;
  }
  const members = membersIn(audience(await sources(deps, fanout, range), fanout.topics));
  const begun = range.after;
  for (let planned = 0; planned < WINDOWS_A_RUN; planned++) {
    const step: Step = await planWindow(deps, fanout, range, members);
    if (step === "conflict") {
      // Somebody else plans this range; should that worker die, this message finds out.
      await deps.queue(queue).send(grouped(announcementId, [{ body: message, delaySeconds: 5 }]));
      return;
    }
    range = step;
    if (range.done) return;
  }
  await goOn(deps, fanout, range, begun);
}

/** An older revision never arrives after a newer one: its pushes in flight end first. */
async function waitsForEarlier(deps: FanOutDeps, fanout: Fanout): Promise<boolean> {
  for (let revision = fanout.revision - 1; revision >= 1; revision--) {
    const earlier = await findFanout(deps.table, fanout.announcementId, revision);
    if (!earlier || earlier.closedAt !== undefined) continue;
    if ((await runningLeases(deps, earlier)) || (await inDigestsOnTheWay(deps, fanout, earlier))) return true;
  }
  return false;
}

// Longer than a chunk stays open, and one push more.
const UNAWARE_MS = 120_000;

/** A digest's worker learns of the newer revision within one opening of its chunk; it may go on with other items then. */
async function inDigestsOnTheWay(deps: FanOutDeps, newer: Fanout, earlier: Fanout): Promise<boolean> {
  if (deps.now().getTime() - Date.parse(newer.plannedAt) > UNAWARE_MS) return false;
  for (const name of await digestsOf(deps.table, earlier)) {
    const digest = await findFanout(deps.table, digestId(name), 1);
    if (digest && digest.closedAt === undefined && (await runningLeases(deps, digest))) return true;
  }
  return false;
}

async function sources(deps: FanOutDeps, fanout: Fanout, range: Range): Promise<Source[]> {
  const { table } = deps;
  const { after, to } = range;
  const digest = digestNamed(fanout.announcementId);
  if (digest) return digestSources(table, digest, after, to);
  const all: Source[] = fanout.topics.map((topic) => topicSource(table, topic, after, to));
  if (fanout.endpoints.length > 0) all.push(namedSource(fanout.endpoints, after, to));
  for (let revision = fanout.revision - 1; revision >= 1; revision--) {
    const earlier = await findFanout(table, fanout.announcementId, revision);
    if (earlier) all.push(seenSource(deps, earlier, after, to));
  }
  return all;
}

type Step = Range | "conflict";

async function planWindow(deps: FanOutDeps, fanout: Fanout, range: Range, members: Members): Promise<Step> {
  const { table } = deps;
  const { announcementId, revision } = fanout;
  const first = range.windows.length === 0;
  const [current, found] = await Promise.all([
    first ? fanout : findFanout(table, announcementId, revision),
    chunksOf(table, announcementId, revision, range.from, range.after),
  ]);
  const { existing, mended } = withoutRepeats(found);
  const cut = current?.supersededBy !== undefined && existing.length === 0;
  const window = cut ? { members: [], ended: true } : await takeWindow(members, existing, fanout);
  const fresh = await reachable(deps, window.members, new Set(existing.flatMap(({ chunk }) => membersOf(chunk))));
  const failing = await failingOf(deps, fresh);
  const chunks = makeChunks(deps, { fanout, range, existing }, fresh, failing);
  const put = ({ ref, chunk }: Planned) =>
    table.write([{ put: { ...chunkKey(ref), ...chunk }, if: { absent: true } }]).then(({ ok }) => ok);
  // The first one is the claim of the window: of two workers only one goes on to the others.
  const [claim, ...others] = chunks;
  if (claim && !(await put(claim))) return "conflict";
  if ((await Promise.all(others.map(put))).includes(false)) return "conflict";
  const next = advanced(range, [...existing, ...chunks], window, deps.now());
  if (!(await saveRange(table, fanout, range, next, mended))) return "conflict";
  await queueChunks(deps, fanout, chunks, existing);
  return next;
}

function saveRange(
  table: Table,
  { announcementId, revision }: Fanout,
  before: Range,
  next: Range,
  mended: Standing[],
): Promise<boolean> {
  const writes: Write[] = mended.map(({ ref, chunk }) => ({ put: { ...chunkKey(ref), ...chunk } }));
  const condition = before.version === 0 ? ({ absent: true } as const) : { version: before.version };
  return table
    .write([{ put: rangeItem(announcementId, revision, next), if: condition }, ...writes])
    .then(({ ok }) => ok);
}

/** At least a window full, and in a second run at least as far as the first run's chunks reach. */
function takeWindow(
  members: Members,
  existing: { chunk: Chunk }[],
  fanout: Fanout,
): Promise<{ members: Member[]; ended: boolean }> {
  const least = lastMember(existing, "");
  return members.take(
    (taken) => taken.length < WINDOW || (taken.at(-1)?.endpoint ?? "") < least,
    // A withdrawal speaks only to those who saw what it takes back.
    ({ saw }) => fanout.kind !== "withdrawn" || saw,
  );
}

/** Leaves out who is planned already, and looks up who is known by name or by an earlier revision only. */
async function reachable(deps: FanOutDeps, members: Member[], planned: Set<string>): Promise<Member[]> {
  const fresh = members.filter(({ endpoint }) => !planned.has(endpoint));
  const unknown = fresh.filter(({ reach }) => !reach);
  for (let from = 0; from < unknown.length; from += 50) {
    await Promise.all(
      unknown.slice(from, from + 50).map(async (member) => {
        const found = await combinedReach(deps.table, member.endpoint);
        if (found) Object.assign(member, { channel: found.channel, reach: found.reach });
      }),
    );
  }
  return fresh.filter(({ channel }) => channel in deps.channels);
}

function advanced(
  range: Range,
  chunks: { ref: ChunkRef; chunk: Chunk }[],
  window: { members: Member[]; ended: boolean },
  now: Date,
): Range {
  const planned = { ...range.planned };
  const counts: Record<string, number> = {};
  for (const { ref, chunk } of chunks) {
    counts[ref.channel] = (counts[ref.channel] ?? 0) + 1;
    planned[ref.channel] = (planned[ref.channel] ?? 0) + chunk.members.length / 16;
  }
  const last = window.members.at(-1)?.endpoint ?? range.after;
  return {
    ...range,
    after: window.ended ? lastMember(chunks, last) : last,
    done: window.ended,
    windows: chunks.length > 0 ? [...range.windows, { after: range.after, chunks: counts }] : range.windows,
    planned,
    updatedAt: now.toISOString(),
    version: range.version + 1,
  };
}

function lastMember(chunks: { chunk: Chunk }[], least: string): string {
  return [least, ...chunks.map(({ chunk }) => chunk.members.slice(-16))].sort().at(-1) ?? least;
}

async function queueChunks(
  deps: FanOutDeps,
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
async function queueLastWindow(deps: FanOutDeps, fanout: Fanout, range: Range): Promise<void> {
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

/**
 * Shares out what is left when it is much, by the density that this run met (reachable or not: both take time, and a row
 * for every window); else goes on in a message of its own. `begun`: where the run began.
 */
async function goOn(deps: FanOutDeps, fanout: Fanout, range: Range, begun: string): Promise<void> {
  const { announcementId, revision } = fanout;
  const from = place(range.after);
  const to = place(range.to);
  const met = WINDOWS_A_RUN * WINDOW;
  const left = (met / Math.max(from - place(begun), 1e-9)) * (to - from);
  const children = Math.min(MOST_CHILDREN, Math.ceil(left / ENDPOINTS_A_RANGE));
  const bodies: RangeMessage[] = [{ announcementId, revision, range: range.from }];
  if (children >= 2) {
    const borders = [range.after];
    for (let i = 1; i < children; i++) {
      const at = border(from + ((to - from) * i) / children);
      if (at > behind(borders.at(-1) ?? "") && at < range.to) borders.push(at);
    }
    const ranges = borders.map((after, i) => ({
      ...wholeRange(deps.now().toISOString()),
      from: after,
      after,
      to: borders[i + 1] ?? range.to,
      version: 1,
    }));
    const parent = { ...range, to: range.after, done: true, version: range.version + 1 };
    const writes: Write[] = ranges.map((child) => ({
      put: rangeItem(announcementId, revision, child),
      if: { absent: true },
    }));
    writes.push({ put: rangeItem(announcementId, revision, parent), if: { version: range.version } });
    if (!(await deps.table.write(writes)).ok) return;
    bodies.splice(0, 1, ...ranges.map(({ from }) => ({ announcementId, revision, range: from })));
  }
  // Grandchildren of many ranges lie next to each other: one after the other, they do not all read the same shard.
  const messages = bodies.map((body, i) => ({ body, delaySeconds: range.from === "" ? 0 : i }));
  await deps.queue(planningQueue(fanout.urgent === true)).send(grouped(announcementId, messages));
}
