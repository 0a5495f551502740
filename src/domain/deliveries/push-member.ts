import { steadyTime } from "#src/platform/clock.ts";
import type { Channel, Outcome, Push } from "./channel.ts";
import type { Exposure } from "./exposure.ts";
import type { Gate, Slot } from "./gate.ts";
import type { Hanging } from "./hanging.ts";
import { keptBack } from "./kept-back.ts";
import type { MessageTarget } from "./message.ts";
import { outcomeNotes } from "./note-outcome.ts";
import { originOf } from "./origin-of.ts";
import type { Pace } from "./pace.ts";
import type { Turn, TurnAsk } from "./pace-turns.ts";
import { pushGates, type Room } from "./push-gates.ts";
import { FREE, pushTurns, type Wait } from "./push-turn.ts";
import type { RunDeps } from "./run-chunk.ts";
import { type Delivery, matchedOf } from "./store.ts";
import { contentsOf, deliveryId, type Job, OPEN_MS, type Work, whenOver } from "./work.ts";

export type PushDeps = RunDeps & {
  exposure: Exposure;
  hanging: Hanging;
  room: Room;
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
  const { exposure, hanging } = deps;
  // Elsewhere a slot stands for what the vendor allows, whether it hangs or not.
  const eachForItself = channel.guarantee === "at-least-once";
  const once = channel.guarantee === "at-most-once";
  const notes = outcomeNotes(deps, channel);
  const gates = pushGates(channel, deps.room, hanging);
  const mayNot = (work: Work, job: Job) => keptBack(deps, work, job);
  const turns = pushTurns(deps, channel, pace, { mayNot, mayStart, again });

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

  /** Goes on at once when there is room in this process, else when its turn at the gate comes or the chunk is over. */
  function enter(work: Work, job: Job, target: MessageTarget, ticket: boolean): void {
    const gate = gates.of(work, job);
    if (eachForItself && gates.isLate(gate)) work.apart.add(job.endpoint);
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
        const turn = pace || once ? await turns.take(work, job, target, ticket) : FREE;
        if (turn?.kind === "wait") wait = turn;
        else if (turn && (exposure.enter(work.urgent) || (await exposed(work, job)))) {
          begun = true;
          work.flying.set(job.endpoint, slot);
          const items = work.digest ? contentsOf(work, job.member) : matchedOf(work.batch.chunk, job.member);
          const known = work.digest ? undefined : work.rendered.get(target.language);
          const rendered = known ?? (await deps.render(work, target, items));
          slot.begunAt = steadyTime(deps);
          let outcome: Outcome;
          try {
            outcome = await channel.push(rendered, pushOf(work, job, target, items));
          } catch (error) {
            outcome = notExpected(error);
          }
          const ms = Math.max(0, steadyTime(deps) - slot.begunAt);
          // By the clock as it is now: what follows is reckoned from the answer.
          const startedAt = new Date(deps.now().getTime() - ms);
          if (pace) outcome = await notes.heed(work, pace, { target, endpoint: job.endpoint }, outcome, turn);
          const next = notes.note(work, job, { outcome, startedAt, ms, sent: items });
          if (next) again(work, job, next.row, next.inMs);
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
    if (wait) void enterInTurn(work, job, target, wait);
    else finish(work, broken);
  }

  function notExpected(error: unknown): Outcome {
    const detail = error instanceof Error ? error.message : "";
    deps.log.error("push-threw", { channel: channel.name, detail });
    return { kind: "unknown", detail };
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
  async function enterInTurn(work: Work, job: Job, target: MessageTarget, wait: Wait): Promise<void> {
    try {
      if (await turns.comes(work, job, wait)) enter(work, job, target, true);
      else finish(work);
    } catch (error) {
      finish(work, error);
    }
  }

  function mayStart(work: Work): boolean {
    const now = steadyTime(deps);
    return now < work.openUntil && now + channel.limits.seconds.total * 1000 < work.ledger.until();
  }

  /** Tried again here if others keep the chunk open until then; else by a message that is queued when it closes. */
  function again(work: Work, job: Job, row: Delivery, inMs: number): void {
    const at = steadyTime(deps) + inMs;
    const due: { at: number; timer?: NodeJS.Timeout } = { at };
    work.due.set(job.endpoint, due);
    if (at >= work.openUntil) return;
    due.timer = setTimeout(() => {
      if (work.running === 0) return;
      work.due.delete(job.endpoint);
      launch(work, withRow(job, row));
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

  return {
    ...{ launch, finish, setAside, dropQueued, giveUpHanging },
    gateFor: gates.first,
    isCrowded: gates.isCrowded,
  };
}

/** The row says all that was known before. */
function withRow({ lost: _, ...job }: Job, row: Delivery): Job {
  return { ...job, row };
}

function pushOf({ batch, patience }: Work, { endpoint, row }: Job, target: MessageTarget, matched: string[]): Push {
  const { address, language, secrets } = target;
  // One that a worker was lost in is made again, under its number: channels know by it what they may have sent.
  const attempt = (row?.attempts.filter(({ lost }) => !lost).length ?? 0) + 1;
  return {
    deliveryId: deliveryId(batch.ref, endpoint),
    attempt,
    signal: patience.signal,
    target: { endpoint, address, language, secrets, matched },
  };
}

function isSilent(outcome: Outcome): boolean {
  return outcome.kind === "unknown" || (outcome.kind === "retry" && outcome.status === undefined);
}
