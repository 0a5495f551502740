import { AppError } from "#src/errors.ts";
import type { Queue, QueueName } from "#src/platform/queue.ts";
import type { Table } from "#src/platform/table.ts";
import { type Amendment, amendWrites, isTaken, rowOf } from "./amend.ts";
import type { Channel, ChannelName } from "./channel.ts";
import { digestNamed } from "./digest.ts";
import { ledger } from "./ledger.ts";
import { countLeftOut, type LeftOut, leftOut } from "./left-out.ts";
import type { RetryAllMessage, RetryMessage } from "./message.ts";
import { respectsQuietHours } from "./quiet-now.ts";
import { resultsOf } from "./results.ts";
import { digestOver } from "./retry-delivery.ts";
import {
  chunksOf,
  type Delivery,
  type Fanout,
  findFanout,
  findRange,
  findResult,
  membersOf,
  rangesOf,
  SWEEP_GRACE_MS,
} from "./store.ts";
import { grouped, lateQueueOf } from "./work-queue.ts";

export type RetryAllDeps = {
  table: Table;
  queue: (name: QueueName) => Queue;
  channels: Record<ChannelName, Channel>;
  now: () => Date;
};

export type RetryAllAsked = {
  announcement: string;
  revision: number;
  state: "failed" | "unknown";
  /** How many are tried again. */
  deliveries: number;
  /** How many of those that failed are not, and why. */
  leftOut: Record<LeftOut, number>;
  /** Of `deliveries`, where they are thousands: so many were not looked at yet, and are left out when their turn comes if they have to be. */
  unchecked: number;
  /** Readers who have quiet hours get theirs when those end. */
  quietHoursHold: boolean;
};

const NOBODY = { ended: 0, servedInstead: 0, looked: 0 };
const LETTER = { failed: "f", unknown: "u" } as const;
const WINDOWS_A_RUN = 20;
// One transaction holds 100 writes: the result, the range, the fan-out, and the rows.
const ROWS_A_WRITE = 90;
const BUSY_SECONDS = 5;

/**
 * Everything of one revision that failed (or whose outcome is unknown) is tried again, in the background. Answers how
 * many; those whose subscription has ended stay as they are, and those in whose place a fallback got it. Refused ("conflict") when a newer revision has taken over, and for a digest. Asked twice, each is tried once more.
 */
export async function retryAll(
  deps: RetryAllDeps,
  announcementId: string,
  revision: number,
  state: "failed" | "unknown",
): Promise<RetryAllAsked> {
  if (digestNamed(announcementId)) throw digestOver();
  const fanout = await findFanout(deps.table, announcementId, revision);
  if (fanout?.supersededBy !== undefined)
    throw new AppError("conflict", "SUPERSEDED", { zh: "已有更新的版本", en: "a newer revision has taken over" });
  const [counts, quietHoursHold] = await Promise.all([
    ledger(deps, announcementId, revision),
    respectsQuietHours(deps, { announcementId, revision }),
  ]);
  const all = counts?.[state] ?? 0;
  const out = fanout && all > 0 ? await countLeftOut(deps.table, fanout, { state, letter: LETTER[state] }) : NOBODY;
  const { looked, ...left } = out;
  const asked: RetryAllAsked = {
    ...{ announcement: announcementId, revision, state, quietHoursHold },
    deliveries: Math.max(0, all - left.ended - left.servedInstead),
    leftOut: left,
    unchecked: Math.max(0, all - looked),
  };
  const body: RetryAllMessage = { kind: "retry-all", announcementId, revision, state, range: "", after: "" };
  if (asked.deliveries > 0) await deps.queue("fanout").send([{ body }]);
  return asked;
}

/** One step of it: some windows, then a message for the rest. May run twice: what waits already is left alone. */
export async function retryWindows(deps: RetryAllDeps, message: RetryAllMessage): Promise<void> {
  const { announcementId, revision } = message;
  const fanout = await findFanout(deps.table, announcementId, revision);
  if (!fanout || fanout.supersededBy !== undefined) return;
  let windows = 0;
  for (const range of await rangesOf(deps.table, fanout)) {
    if (range.from < message.range) continue;
    for (const window of range.windows) {
      if (range.from === message.range && window.after < message.after) continue;
      const at = { ...message, range: range.from, after: window.after };
      if (windows++ === WINDOWS_A_RUN) return deps.queue("fanout").send([{ body: at }]);
      const busy = await retryWindow(deps, at);
      if (busy) return deps.queue("fanout").send([{ body: at, delaySeconds: BUSY_SECONDS }]);
    }
  }
}

/** Answers whether a chunk was being sent, so that the window has to be looked at again. */
async function retryWindow(deps: RetryAllDeps, at: RetryAllMessage): Promise<boolean> {
  const { announcementId, revision, range, after } = at;
  const letter = LETTER[at.state];
  const results = await resultsOf(deps.table, announcementId, revision, range, { window: after, fresh: true });
  if (![...results.values()].some(({ letters }) => letters.includes(letter))) return false;
  let busy = false;
  for (const { ref, chunk } of await chunksOf(deps.table, announcementId, revision, range, after)) {
    const endpoints = membersOf(chunk);
    while (results.get(`${ref.channel}#${ref.n}`)?.letters.includes(letter)) {
      const result = await findResult(deps.table, ref);
      if (!result?.letters.includes(letter)) break;
      const [now, current] = [deps.now(), await findRange(deps.table, announcementId, revision, range)];
      const open = await findFanout(deps.table, announcementId, revision);
      if (!current || !open || isTaken(deps, result)) {
        busy = true;
        break;
      }
      const failed = await retryable(deps.table, open, result.letters, letter, endpoints);
      if (failed.length === 0) break;
      const amendments = await Promise.all(
        failed.slice(0, ROWS_A_WRITE).map(async (member): Promise<Amendment & { row: Delivery }> => {
          const known = await rowOf(deps.table, { ref }, endpoints[member] ?? "");
          const due = { state: "waiting", dueAt: now.toISOString(), byHand: true } as const;
          const row = { ...known, ...due, version: known.version + 1 };
          return { member, letter: "r", row, lookAt: new Date(now.getTime() + SWEEP_GRACE_MS) };
        }),
      );
      const writes = amendWrites(deps, { fanout: open, range: current, ref, result }, amendments);
      if (!(await deps.table.write(writes)).ok) continue;
      const body: RetryMessage = { kind: "retry", ref, endpoints: amendments.map(({ row }) => row.endpoint) };
      const queue = lateQueueOf(deps.channels[ref.channel as ChannelName], open.urgent === true);
      await deps.queue(queue).send(grouped(ref.announcementId, [{ body }]));
    }
  }
  return busy;
}

/** Those of them to whom it can be sent, and for whom nobody else has got it. */
async function retryable(table: Table, fanout: Fanout, letters: string, letter: string, endpoints: string[]) {
  const failed = [...letters].flatMap((one, member) => (one === letter ? [member] : []));
  const out = await Promise.all(failed.map((member) => leftOut(table, fanout, endpoints[member] ?? "")));
  return failed.filter((_, i) => !out[i]);
}
