import { steadyTime } from "#src/platform/clock.ts";
import type { Channel, Outcome, Push } from "./channel.ts";
import type { Exposure } from "./exposure.ts";
import { type Gate, makeGate, originOf, type Slot } from "./gate.ts";
import type { Hanging } from "./hanging.ts";
import { keptBack } from "./kept-back.ts";
import type { MessageTarget } from "./message.ts";
import { outcomeNotes } from "./note-outcome.ts";
import { olderTurns } from "./older-turns.ts";
import type { Pace } from "./pace.ts";
import type { Turn, TurnAsk } from "./pace-turns.ts";
import type { RunDeps } from "./run-chunk.ts";
import { type Delivery, matchedOf, SWEEP_GRACE_MS, TURN_GRACE_MS } from "./store.ts";
import { contentsOf, deliveryId, type Job, knownOf, LONGEST_DELAY_SECONDS, OPEN_MS, type Work } from "./work.ts";

type Go = Extract<Turn, { kind: "go" }>;
type Wait = Extract<Turn, { kind: "wait" }> & { mends?: boolean };

// Longer only where a channel has one account: elsewhere who waits holds a worker from other credentials.
const PATIENCE_MS = 2000;
// A grant is for a push that starts at once.
const STALE_MS = 400;
const URGENT_ROOM = 128;
const HANGS: ReadonlySet<string> = new Set(["retry", "unknown"]);

export type PushDeps = RunDeps & {
  exposure: Exposure;
  hanging: Hanging;
  room: { inFlight: number; aside: number };
  /** Somebody of this announcement has waited at the gate. */
  moved: (announcementId: string) => void;
  /** The text for one member, rendered; `items` of a digest. */
  render: (work: Work, target: MessageTarget, items: string[]) => Promise<unknown>;
};

/**
 * Pushes to one member after the other as the gate lets them through: `launch` takes a member of an open chunk, and the chunk is
 * over (`Work.ended`) when the last one that was launched has ended. A push costs as few promises as can be: tens of thousands
 * wait at the gate.
 */
export function makePusher(
  deps: PushDeps,
  channel: Channel,
  pace: (Pace & { turn(ask: TurnAsk): Promise<Turn> }) | undefined,
) {
  const { spacing } = channel.limits;
  const { exposure, hanging, room } = deps;
  const inFlight = Math.min(channel.limits.inFlight, room.inFlight);
  const inFlightPerOrigin = Math.min(channel.limits.inFlightPerOrigin, inFlight);
  // Elsewhere a slot stands for what the vendor allows, whether it hangs or not.
  const eachForItself = channel.guarantee === "at-least-once";
  const aside = eachForItself ? room.aside : 0;
  // Half of a gate's room is for those who are known to answer.
  const half = (slots: number) => (eachForItself ? { doubtful: Math.ceil(slots / 2) } : {});
  const routineGate = makeGate({ inFlight, inFlightPerOrigin, aside, ...half(inFlight) });
  const fewer = Math.ceil(inFlight / 4);
  // An account that takes one push at a time takes one.
  const apart = (slots: number, more: { aside: number; doubtful?: number }): Gate =>
    inFlight === 1
      ? routineGate
      : makeGate({ inFlight: slots, inFlightPerOrigin: Math.min(slots, inFlightPerOrigin), ...more });
  // Room of their own, so that no number of hanging routine pushes holds the urgent ones.
  const urgentRoom = Math.min(URGENT_ROOM, fewer);
  const urgentGate = apart(urgentRoom, { aside: aside / 2, ...half(urgentRoom) });
  const lateGate = apart(fewer, { aside: aside / 4 });
  const lateUrgentGate = apart(urgentRoom, { aside: aside / 4 });
  const patienceMs = deps.patienceMs ?? (spacing ? OPEN_MS : PATIENCE_MS);
  const once = channel.guarantee === "at-most-once";
  const notes = outcomeNotes(deps, channel);
  const standingOf = olderTurns(deps, channel);
  const mayNot = (work: Work, job: Job) => keptBack(deps, work, job);

  function launch(work: Work, job: Job): void {
    work.running++;
    try {
      if (mayNot(work, job) || !job.target) finish(work);
      else enter(work, job, job.target, job.row?.waitsFor !== undefined);
    } catch (error) {
      finish(work, error);
    }
  }

  /** The chunk is open as long as something of it runs. */
  function finish(work: Work, broken?: unknown): void {
    work.broken ??= broken;
    if (--work.running === 0) work.ended();
    else restIfAlone(work);
  }

  /** Where nobody is left but those who hang, the chunk only waits. */
  function restIfAlone(work: Work): void {
    if (work.apart.size > 0 && work.running === work.apart.size) work.waits();
  }

  /** Who did not answer the last time may hang again, and keeps no slot from those who do answer. */
  function gateOf(work: Work, job: Job): Gate {
    const last = job.row?.attempts.at(-1);
    const hung = last !== undefined && last.status === undefined && HANGS.has(last.outcome);
    const isLate = hung || hanging.has(job.endpoint) || isFailing(work, job.endpoint);
    if (work.urgent) return isLate ? lateUrgentGate : urgentGate;
    return isLate ? lateGate : routineGate;
  }

  /** Goes on at once when there is room in this process, else when its turn at the gate comes or the chunk is over. */
  function enter(work: Work, job: Job, target: MessageTarget, ticket: boolean): void {
    const gate = gateOf(work, job);
    if (eachForItself && (gate === lateGate || gate === lateUrgentGate)) work.apart.add(job.endpoint);
    const origin = originOf(target.address);
    const slot = gate.enter(origin);
    if (slot) return void inSlot(work, job, target, ticket, gate, slot, false);
    const waiter = gate.wait(origin, work.batch.ref.announcementId, (slot) => {
      work.queued.delete(job.endpoint);
      void inSlot(work, job, target, ticket, gate, slot, true);
      deps.moved(work.batch.ref.announcementId);
    });
    work.queued.set(job.endpoint, { job, gate, waiter });
    whenOver(work, () => {
      if (!gate.cancel(waiter)) return;
      work.queued.delete(job.endpoint);
      work.apart.delete(job.endpoint);
      finish(work);
    });
  }

  async function inSlot(
    work: Work,
    job: Job,
    target: MessageTarget,
    ticket: boolean,
    gate: Gate,
    slot: Slot,
    waited: boolean,
  ): Promise<void> {
    let answeredMs: number | undefined;
    let wait: Wait | undefined;
    let broken: unknown;
    let begun = false;
    try {
      if (!(waited && mayNot(work, job)) && mayStart(work)) {
        const turn = pace || once ? await inTurn(work, job, target, ticket) : FREE;
        if (turn?.kind === "wait") wait = turn;
        else if (turn && (exposure.enter(work.urgent) || (await exposed(work, job)))) {
          begun = true;
          work.flying.set(job.endpoint, slot);
          const items = work.digest ? contentsOf(work, job.member) : matchedOf(work.batch.chunk, job.member);
          const known = work.digest ? undefined : work.rendered.get(target.language);
          const rendered = known ?? (await deps.render(work, target, items));
          slot.begunAt = steadyTime(deps);
          let outcome = await channel.push(rendered, pushOf(work, job, target, items)).catch(notExpected);
          const ms = Math.max(0, steadyTime(deps) - slot.begunAt);
          // By the clock as it is now: what follows is reckoned from the answer.
          const startedAt = new Date(deps.now().getTime() - ms);
          if (pace) outcome = await notes.heed(work, pace, { target, endpoint: job.endpoint }, outcome, turn);
          const next = notes.note(work, job, { outcome, startedAt, ms, sent: items });
          if (next) again(work, withRow(job, next.row), next.inMs);
          if (isSilent(outcome)) hanging.note(job.endpoint);
          else {
            hanging.answered(job.endpoint);
            answeredMs = ms;
          }
        }
      }
    } catch (error) {
      broken = error;
    }
    // Who hung for long no longer counts.
    if (begun && work.flying.delete(job.endpoint)) {
      work.unstored++;
      exposure.relieve();
    }
    if (work.apart.size > 0) work.apart.delete(job.endpoint);
    gate.leave(slot, answeredMs);
    if (wait) awaitInPlace(work, job, target, wait).catch((error: unknown) => finish(work, error));
    else finish(work, broken);
  }

  function notExpected(error: unknown): Outcome {
    const detail = error instanceof Error ? error.message : "";
    deps.log.error("push-threw", { channel: channel.name, detail });
    return { kind: "unknown", detail };
  }

  /** The credential's turn, and the intent where a push must not be repeated; undefined: it may not be sent any more. */
  async function inTurn(work: Work, job: Job, target: MessageTarget, ticket: boolean): Promise<Go | Wait | undefined> {
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

  /** Waits until a power cut would not repeat too much; answers whether it may still be sent then. */
  async function exposed(work: Work, job: Job): Promise<boolean> {
    const room = await new Promise<boolean>((resolve) => {
      let waits = true;
      exposure.wait(() => {
        if (waits) resolve(true);
        else exposure.leave(1);
        waits = false;
      });
      whenOver(work, () => {
        if (waits) resolve(false);
        waits = false;
      });
    });
    if (!room) return false;
    if (!mayNot(work, job) && mayStart(work)) return true;
    exposure.leave(1);
    return false;
  }

  /** A turn that is near is waited for here, without a slot. */
  async function awaitInPlace(work: Work, job: Job, target: MessageTarget, turn: Wait): Promise<void> {
    const ms = turn.until - deps.now().getTime();
    if (ms > Math.min(work.openUntil - steadyTime(deps), patienceMs)) return awaitTurn(work, job, turn);
    await new Promise<void>((resolve) => {
      setTimeout(resolve, Math.max(1, ms));
      whenOver(work, resolve);
    });
    if (mayNot(work, job)) return finish(work);
    if (!mayStart(work)) return awaitTurn(work, job, turn);
    enter(work, job, target, true);
  }

  /** Its turn is too far away to keep the chunk open for: a row of its own waits, nothing was attempted. */
  function awaitTurn(work: Work, job: Job, { until, because, setup, mends }: Wait): void {
    const { member } = job;
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
    work.ledger.note(member, "r", { row, lookAt: new Date(until + (soon ? TURN_GRACE_MS : -SWEEP_GRACE_MS)) });
    if (soon) again(work, withRow(job, row), ms);
    finish(work);
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

  function mayStart(work: Work): boolean {
    const now = steadyTime(deps);
    return now < work.openUntil && now + channel.limits.seconds.total * 1000 < work.ledger.until();
  }

  /** Tried again here if others keep the chunk open until then; else by a message that is queued when it closes. */
  function again(work: Work, job: Job, inMs: number): void {
    const at = steadyTime(deps) + inMs;
    const due: { at: number; timer?: NodeJS.Timeout } = { at };
    work.due.set(job.endpoint, due);
    if (at >= work.openUntil) return;
    due.timer = setTimeout(() => {
      if (work.running === 0) return;
      work.due.delete(job.endpoint);
      launch(work, job);
    }, inMs);
  }

  /** Whoever is on its way since then hangs: it makes room for others where it may, and no longer counts as exposed. */
  function setAside(work: Work, since: number): void {
    let found = 0;
    for (const [endpoint, slot] of work.flying) {
      if (slot.begunAt > since && !(slot.begunAt < Infinity && slot.gate.isSilent(slot.origin.name))) continue;
      found++;
      work.flying.delete(endpoint);
      hanging.note(endpoint);
      if (!eachForItself) continue;
      work.apart.add(endpoint);
      slot.gate.setAside(slot);
    }
    if (found > 0) exposure.leave(found);
    // Who waits for a turn where everybody hangs waits as long as they do.
    if (eachForItself && work.openUntil - OPEN_MS <= since)
      for (const [endpoint, { gate, waiter }] of work.queued)
        if (gate.isSilent(waiter.origin.name)) work.apart.add(endpoint);
    restIfAlone(work);
  }

  /** Whether first attempts find no place aside: who has had one before waits where it keeps nobody waiting. */
  function isCrowded(): boolean {
    const [routine, urgent] = [routineGate, urgentGate, lateGate, lateUrgentGate].map((gate) => gate.isCrowded());
    return routine === true || urgent === true;
  }

  /** A newer revision has taken over: whoever waits at a gate is kept back now, and not when its turn comes. */
  function dropQueued(work: Work): void {
    for (const [endpoint, { job, gate, waiter }] of work.queued) {
      if (!gate.cancel(waiter)) continue;
      work.queued.delete(endpoint);
      work.apart.delete(endpoint);
      launch(work, job);
      finish(work);
    }
  }

  /** Of a text that a newer one has replaced: who has hung for long keeps the newer one from nobody. */
  function giveUpHanging(work: Work): void {
    dropQueued(work);
    if (eachForItself && work.flying.size === 0 && work.running > 0) work.patience.abort();
  }

  /** Where first attempts wait. */
  const gateFor = (urgent: boolean): Gate => (urgent ? urgentGate : routineGate);

  return { launch, finish, gateFor, setAside, isCrowded, dropQueued, giveUpHanging };
}

/** The row says all that was known before. */
function withRow({ lost: _, ...job }: Job, row: Delivery): Job {
  return { ...job, row };
}

function pushOf(
  { batch, patience }: Work,
  { endpoint, row, lost }: Job,
  target: MessageTarget,
  matched: string[],
): Push {
  const { address, language, secrets } = target;
  const attempt = (row?.attempts.length ?? 0) + (lost ? 2 : 1);
  return {
    deliveryId: deliveryId(batch.ref, endpoint),
    attempt,
    signal: patience.signal,
    target: { endpoint, address, language, secrets, matched },
  };
}

function isFailing({ marks }: Work, endpoint: string): boolean {
  return marks.size > 0 && marks.get(endpoint)?.state === "failing";
}

function isSilent(outcome: Outcome): boolean {
  return outcome.kind === "unknown" || (outcome.kind === "retry" && outcome.status === undefined);
}

/** `leave` is called once the chunk is over. */
function whenOver(work: Work, leave: () => void): void {
  if (work.isOver) leave();
  else work.waiting.push(leave);
}

/** For channels without a pace. */
const FREE: Go = { kind: "go", at: 0, probe: false, setup: 0 };
