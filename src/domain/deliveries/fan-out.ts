import type { Clock } from "#src/platform/clock.ts";
import { audience, membersIn, namedSource, type Source, topicSource } from "./audience.ts";
import { digestId, digestNamed } from "./digest.ts";
import { digestSources } from "./digest-sources.ts";
import { digestsOf } from "./digest-store.ts";
import { runningLeases } from "./leases.ts";
import type { RangeMessage } from "./message.ts";
import { type PlanDeps, planWindow, WINDOW } from "./plan-window.ts";
import { queueLastWindow } from "./queue-chunks.ts";
import { seenSource } from "./seen.ts";
import { splitRange } from "./split-range.ts";
import { type Fanout, findFanout, findRange, type Range, wholeRange } from "./store.ts";
import { grouped, planningQueue } from "./work-queue.ts";

export type FanOutDeps = Clock &
  PlanDeps & {
    /** See `LeaseDeps`. */
    onlyHost?: string;
  };

const WINDOWS_A_RUN = 5;

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
    const step: Range | "conflict" = await planWindow(deps, fanout, range, members);
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

/** In a message of its own, or in one for each part of what is left. `begun`: where the run began. */
async function goOn(deps: FanOutDeps, fanout: Fanout, range: Range, begun: string): Promise<void> {
  const { announcementId, revision } = fanout;
  const parts = await splitRange(deps, fanout, range, { begun, met: WINDOWS_A_RUN * WINDOW });
  if (parts.length === 0) return;
  // Grandchildren of many ranges lie next to each other: one after the other, they do not all read the same shard.
  const messages = parts.map((from, i): { body: RangeMessage; delaySeconds: number } => ({
    body: { announcementId, revision, range: from },
    delaySeconds: range.from === "" ? 0 : i,
  }));
  await deps.queue(planningQueue(fanout.urgent === true)).send(grouped(announcementId, messages));
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
