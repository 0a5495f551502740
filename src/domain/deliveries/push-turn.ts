import { steadyTime } from "#src/platform/clock.ts";
import type { Channel } from "./channel.ts";
import type { MessageTarget } from "./message.ts";
import { olderTurns } from "./older-turns.ts";
import type { Pace } from "./pace.ts";
import type { Turn, TurnAsk } from "./pace-turns.ts";
import type { RunDeps } from "./run-chunk.ts";
import { type Delivery, SWEEP_GRACE_MS, TURN_GRACE_MS } from "./store.ts";
import { type Job, knownOf, LONGEST_DELAY_SECONDS, OPEN_MS, type Work, whenOver } from "./work.ts";

export type Go = Extract<Turn, { kind: "go" }>;
export type Wait = Extract<Turn, { kind: "wait" }> & { mends?: boolean };

/** What the turn of a push needs to know of its chunk. */
export type Chunk = {
  /** Whether something forbids the push now, which is noted then. */
  mayNot(work: Work, job: Job): boolean;
  /** Whether there is time enough for one more push. */
  mayStart(work: Work): boolean;
  /** Tried again in so many milliseconds. */
  again(work: Work, job: Job, row: Delivery, inMs: number): void;
};

// Longer only where a channel has one account: elsewhere who waits holds a worker from other credentials.
const PATIENCE_MS = 2000;
// A grant is for a push that starts at once: windows are a quarter of a second longer than the vendor says, not more.
const STALE_MS = 200;

/** For channels without a pace. */
export const FREE: Go = { kind: "go", at: 0, probe: false, setup: 0 };

/** The turns of a channel's pushes with their credential; `pace`: absent where a channel has none. */
export function pushTurns(
  deps: RunDeps,
  channel: Channel,
  pace: (Pace & { turn(ask: TurnAsk): Promise<Turn> }) | undefined,
  { mayNot, mayStart, again }: Chunk,
) {
  const patienceMs = deps.patienceMs ?? (channel.limits.spacing ? OPEN_MS : PATIENCE_MS);
  const once = channel.guarantee === "at-most-once";
  const standingOf = olderTurns(deps, channel);

  /** The credential's turn, and the intent where a push must not be repeated; undefined: it may not be sent any more. */
  async function take(work: Work, job: Job, target: MessageTarget, ticket: boolean): Promise<Go | Wait | undefined> {
    const older = pace && (await standingOf(work, job));
    const mends = older?.mends === true;
    const at = deps.now().getTime();
    if (older?.wait && older.wait.until > at) return { kind: "wait", at, ...older.wait, mends };
    const ask = { address: target.address, endpoint: job.endpoint, urgent: work.urgent, mends };
    let turn = await pace?.turn({ ...ask, ticket: ticket || older?.ticket === true });
    if (turn?.kind === "wait") return { ...turn, mends };
    const before = work.ledger.letter(job.member);
    if (once && !(await noteIntent(work, job))) return undefined;
    // What took long in between would reach the vendor nearer to the next one than was reckoned.
    if (turn && deps.now().getTime() - turn.at > STALE_MS) {
      await pace?.giveBack(target.address, turn.at, job.endpoint);
      turn = await pace?.turn({ ...ask, ticket: true });
    }
    if (turn?.kind !== "wait") return turn ?? FREE;
    work.ledger.note(job.member, before);
    return { ...turn, mends };
  }

  /** Answers whether it may still be sent: the store may have taken long to write that down. */
  async function noteIntent(work: Work, job: Job): Promise<boolean> {
    const { ledger } = work;
    const { member } = job;
    const before = ledger.letter(member);
    ledger.note(member, "i");
    await ledger.save().catch((error) => {
      ledger.note(member, before);
      throw error;
    });
    if (mayStart(work) && !mayNot(work, job)) return true;
    if (ledger.letter(member) === "i") ledger.note(member, before);
    return false;
  }

  /** Waits for a turn that is near, and answers whether it has come; all else is noted: a turn that is far, or why nothing is sent. */
  async function comes(work: Work, job: Job, turn: Wait): Promise<boolean> {
    const ms = turn.until - deps.now().getTime();
    if (ms <= Math.min(work.openUntil - steadyTime(deps), patienceMs)) {
      await new Promise<void>((resolve) => {
        setTimeout(resolve, Math.max(1, ms));
        whenOver(work, resolve);
      });
      if (mayNot(work, job)) return false;
      if (mayStart(work)) return true;
    }
    noteTurn(work, job, turn);
    return false;
  }

  /** Its turn is too far away to keep the chunk open for: a row of its own waits, nothing was attempted. */
  function noteTurn(work: Work, job: Job, { until, because, setup, mends }: Wait): void {
    const now = deps.now();
    const ms = until - now.getTime();
    const known = knownOf(work, job);
    const row: Delivery = {
      ...known,
      state: "waiting",
      dueAt: new Date(until).toISOString(),
      waitsFor: because,
      setup,
      promisedAt: now.toISOString(),
      ...(mends ? { mends } : {}),
      version: known.version + 1,
    };
    const soon = ms <= LONGEST_DELAY_SECONDS * 1000;
    // The sweep looks a minute ahead, so that a turn is not missed for its sake.
    const lookAt = new Date(until + (soon ? TURN_GRACE_MS : -SWEEP_GRACE_MS));
    work.ledger.note(job.member, "r", { row, lookAt });
    if (soon) again(work, job, row, ms);
  }

  return { take, comes };
}
