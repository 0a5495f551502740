import { endEndpoint } from "#src/domain/subscriptions/end-endpoint.ts";
import { clearFailure, noteFailure } from "#src/domain/subscriptions/failing.ts";
import type { Channel, Outcome } from "./channel.ts";
import type { MessageTarget } from "./message.ts";
import type { Pace } from "./pace.ts";
import type { Turn } from "./pace-turns.ts";
import type { RunDeps } from "./run-chunk.ts";
import { type Settled, settle } from "./settle.ts";
import { stopCredential } from "./stop-credential.ts";
import { type Delivery, matchedOf, SWEEP_GRACE_MS } from "./store.ts";
import { type Job, knownOf, LONGEST_DELAY_SECONDS, perhapsSeen, triggerOf, type Work } from "./work.ts";

/** One attempt and what it came to; `sent`: what of the member's matches was in it. */
export type Attempted = { outcome: Outcome; startedAt: Date; ms: number; sent: string[] };

// The settings that were read to tell are the ones that the next push goes by.
const AT_ONCE_SECONDS = 1;

/** A further attempt that is due soon, in so many milliseconds. */
export type Again = { row: Delivery; inMs: number };

/** Writes down what attempts came to: in the ledger, and for the endpoints themselves once the ledger is stored. */
export function outcomeNotes(deps: RunDeps, channel: Channel) {
  function note(work: Work, job: Job, { outcome, startedAt, ms, sent }: Attempted): Again | undefined {
    const { ref } = work.batch;
    const { member, endpoint, row } = job;
    const before = job.lost ? knownOf(work, job) : row;
    const settled = settle(channel, { ref, endpoint, row: before, startedAt, ms, trigger: triggerOf(row) }, outcome);
    const timing = { start: startedAt.getTime() - work.ledger.startedAt(), took: ms };
    if (work.digest) noteOmitted(work, job, sent);
    // Nearly all of them: nothing but a letter and its timing is to be written.
    if (outcome.kind === "delivered" && !settled.row) {
      const { status } = outcome;
      work.ledger.note(member, settled.letter, status === undefined ? { timing } : { timing, code: status });
      if (work.marks.size > 0) careForEndpoint(work, endpoint, outcome, 1, startedAt);
      return undefined;
    }
    const again = dueSoon(settled);
    const dueAt = settled.row?.dueAt;
    const grace = again ? SWEEP_GRACE_MS : 0;
    work.ledger.note(member, settled.letter, {
      ...(settled.row ? { row: settled.row } : {}),
      ...(dueAt === undefined ? {} : { lookAt: new Date(Date.parse(dueAt) + grace) }),
      ...(row && !"da".includes(settled.letter) ? {} : { timing }),
      ...("receipt" in outcome && outcome.receipt !== undefined && outcome.kind !== "delivered"
        ? { receipt: outcome.receipt }
        : {}),
      ...("status" in outcome && outcome.status !== undefined ? { code: outcome.status } : {}),
    });
    if (settled.letter === "f") work.unreached.push(endpoint);
    const attempts = settled.row?.attempts.filter(({ lost }) => !lost).length ?? 1;
    careForEndpoint(work, endpoint, outcome, attempts, startedAt);
    return again;
  }

  function dueSoon({ row, inSeconds }: Settled): Again | undefined {
    if (row?.dueAt === undefined || inSeconds === undefined || inSeconds > LONGEST_DELAY_SECONDS) return undefined;
    return { row, inMs: inSeconds * 1000 };
  }

  function noteOmitted(work: Work, job: Job, sent: string[]): void {
    const omitted = matchedOf(work.batch.chunk, job.member).filter((item) => !sent.includes(item));
    work.ledger.omit(job.member, omitted, perhapsSeen(job) ? "u" : "x");
  }

  function careForEndpoint(work: Work, endpoint: string, outcome: Outcome, attempts: number, startedAt: Date): void {
    const mark = work.marks.get(endpoint);
    const failing = mark?.state === "failing" ? mark : undefined;
    const failed = outcome.kind === "retry" || (outcome.kind === "unknown" && channel.retriesUnknown);
    // The credential is at fault, not the one endpoint.
    if (outcome.kind === "retry" && outcome.pause) return;
    if (outcome.kind === "gone") work.after.push(() => endEndpoint(deps, endpoint, outcome.because ?? "gone"));
    else if (failed && (attempts > 1 || failing))
      work.after.push(async () => {
        if (await noteFailure(deps, endpoint, failing, startedAt))
          deps.log.warn("endpoint-switched-off", { channel: channel.name, endpoint, since: failing?.since });
      });
    else if (failing && (outcome.kind === "delivered" || outcome.kind === "accepted"))
      work.after.push(() => clearFailure(deps, endpoint));
  }

  /**
   * What the outcome says of the whole credential counts for every worker before anything else is done about it. Answers the
   * outcome as it is to be noted: what was refused under settings that have changed since is tried again at once.
   */
  async function heed(
    work: Work,
    pace: Pace,
    { target, endpoint }: { target: MessageTarget; endpoint: string },
    outcome: Outcome,
    turn: Extract<Turn, { kind: "go" }>,
  ): Promise<Outcome> {
    const { address } = target;
    try {
      const unspent = outcome.kind === "retry" || ("spentBefore" in outcome && outcome.spentBefore);
      if (unspent) await pace.giveBack(address, turn.at, endpoint);
      if (turn.probe && (outcome.kind === "delivered" || outcome.kind === "accepted"))
        await pace.well(address, turn.setup);
      if (outcome.kind !== "retry" || !outcome.pause) return outcome;
      const { pause } = outcome;
      const { because, seconds } = pause;
      const stopped = await stopCredential(deps, channel, pace, { target, endpoint, pause, setup: turn.setup });
      if (stopped === "older") {
        deps.log.warn("refused-by-older-settings", { channel: channel.name, detail: outcome.detail });
        return { ...outcome, retryAfterSeconds: AT_ONCE_SECONDS };
      }
      const { first, since } = stopped;
      deps.log.warn("channel-paused", { channel: channel.name, because, seconds, first, detail: outcome.detail });
      if (because !== "configuration") return outcome;
      // Told again after a crash, the same words make the same one alarm.
      work.after.push(async () => {
        const { alarmPaused } = await import("./alarm-paused.ts");
        await alarmPaused(deps, channel, { address, since, detail: outcome.detail });
      });
    } catch (error) {
      deps.log.error("pause-not-kept", { channel: channel.name, detail: String(error).slice(0, 200) });
    }
    return outcome;
  }

  return { note, heed };
}
