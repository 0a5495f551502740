import { performance as clock } from "node:perf_hooks";
import { makeWaitingRoom, type Waiter as WaiterAt } from "./gate-waiting.ts";
import { append, emptyList, type LinkedList, remove } from "./linked-list.ts";

/**
 * Lets through so many pushes at once, and of those so many towards one origin; groups (announcements) that wait take turns,
 * and in a group its origins, so that a text for few is not behind one for thousands. How many
 * one origin holds is learned from it: an origin that answers fast needs few, one that answers slowly gets more, unless it is
 * this process that has no time for its answers; one that has not answered yet or fell silent gets few, so that it cannot keep
 * the slots of the others until its time-outs ran.
 * Pushes that hang at an origin which answers the others are not counted against its others. Origins that have answered nothing
 * yet share so many slots that no number of dead ones holds up those that answer.
 */
export type Gate = {
  /** A slot when there is room now, and nobody waits for that origin. */
  enter(origin: string): Slot | undefined;
  /** `go` is called with a slot when its turn comes, once. */
  wait(origin: string, group: string, go: (slot: Slot) => void): Waiter;
  /** It waits no longer; answers whether it did. */
  cancel(waiter: Waiter): boolean;
  /** `answeredMs`: how long the origin took to give any answer; undefined: it gave none, or was not asked. */
  leave(slot: Slot, answeredMs: number | undefined): void;
  /** It hangs for long: it makes room for others, at once if no more than `aside` have done so. It still has to leave. */
  setAside(slot: Slot): void;
  /** Looks again at who hangs: sets aside who found no place before. Answers whether somebody finds none still. */
  isCrowded(): boolean;
  /** How many of this group wait. */
  waiting(group: string): number;
  /** How many more may be in flight. */
  room(): number;
  /** Whether a push to this origin that came now would not wait for long where the gate has room: fewer than `most` wait there. */
  isOpen(origin: string, most: number): boolean;
  /** Whether everybody hangs there at the moment, so that who waits for it may wait long. */
  isSilent(origin: string): boolean;
};

/** It stands in the list of its origin's fresh ones while it is one. */
export type Slot = {
  gate: Gate;
  origin: Origin;
  at: number;
  probe: number;
  isAside: boolean;
  /** Whether it counts among those running at its origin. */
  counts: boolean;
  /** When its push began (`steadyTime`). */
  begunAt: number;
  list: LinkedList<Slot> | undefined;
  before: Slot | undefined;
  next: Slot | undefined;
};

export type Waiter = WaiterAt<Origin, Slot>;

type Origin = {
  name: string;
  /** Without those who were set aside and no longer count against it. */
  running: number;
  /** How many slots of the gate it holds: whoever was set aside has none. */
  slots: number;
  aside: number;
  /** Of those running: who started lately, in order. */
  fresh: LinkedList<Slot>;
  /** How often it was probed, and how many of those running hung already when it was probed last. */
  probe: number;
  hanging: number;
  /** How many may run beside the hanging ones. */
  window: number;
  proven: boolean;
  /** How long it takes to answer, about. */
  usualMs: number;
  quietSince: number;
  answeredAt: number;
  waiting: number;
};

const FEW = 64;
// Enough to find out whether some of its addresses are well, too few to be missed by the other origins.
const PROBES = 8;
const PATIENCE_MS = 3000;
const SILENT_MS = 1000;
// Nobody is brought to wait where nothing was answered for so long.
const STUCK_MS = 100;
const SLOW_MS = 25;
const STEP = 8;
const LOOK_MS = 50;
// Who has answered within so long probably answers again; so many are remembered.
const KNOWN_MS = 10 * 60_000;
const MOST_KNOWN = 10_000;
// A push that takes so many times the usual time hangs.
const LATE = 10;
const LEAST_LATE_MS = 20;
// Who is so busy sends no sooner by waiting for more answers at once: each only waits longer, and costs more.
const BUSY = 0.8;
const BUSY_MS = 20;

/**
 * `aside`: so many more that hang (none, if not named), of one origin half of them at most. `doubtful`: so many of those in flight
 * at origins that have not answered (all, if not named).
 * `milliseconds` is a clock that only runs forward; `busy` tells which share of the time lately this process worked.
 */
export function makeGate(
  limits: { inFlight: number; inFlightPerOrigin: number; aside?: number; doubtful?: number },
  milliseconds: () => number = () => performance.now(),
  busy: () => number = loopBusy(),
): Gate {
  const few = Math.min(FEW, limits.inFlightPerOrigin);
  const mostHanging = Math.floor(limits.inFlightPerOrigin / 2);
  const mostAside = limits.aside ?? 0;
  const mostDoubtful = limits.doubtful ?? limits.inFlight;
  const origins = new Map<string, Origin>();
  let running = 0;
  /** Of those: at origins that have answered nothing yet, or nothing any more. */
  let doubtful = 0;
  let aside = 0;
  /** Who hangs and found no place aside. */
  const turnedAway = new Set<Slot>();
  /** Who stands aside and counts against its origin all the same: everybody there seemed to be as slow. */
  const stillCount = new Set<Slot>();
  let looking = false;

  const hasToPark = (origin: Origin): boolean => !origin.proven && doubtful >= mostDoubtful;

  const hasRoom = (origin: Origin): boolean => {
    if (running >= limits.inFlight || hasToPark(origin)) return false;
    if (origin.running < origin.window) return true;
    const now = milliseconds();
    if (origin.running >= few && now - origin.quietSince > PATIENCE_MS) {
      setProven(origin, false);
      origin.quietSince = now;
      origin.probe++;
      origin.hanging = origin.running;
      origin.window = PROBES;
    }
    const beside = origin.proven ? Math.min(late(origin, now), mostHanging) : origin.hanging;
    return origin.running < Math.min(beside + origin.window, limits.inFlightPerOrigin);
  };

  const setProven = (origin: Origin, proven: boolean): void => {
    if (origin.proven === proven) return;
    origin.proven = proven;
    doubtful += proven ? -origin.slots : origin.slots;
    if (proven) room.unpark(origin);
  };

  const isIdle = (origin: Origin): boolean => origin.running + origin.aside + origin.waiting === 0;

  const start = (origin: Origin): Slot => {
    const at = milliseconds();
    if (origin.running + origin.aside === 0) origin.quietSince = at;
    take(origin, 1);
    origin.running++;
    const slot: Slot = {
      gate,
      origin,
      at,
      probe: origin.probe,
      isAside: false,
      counts: true,
      begunAt: Number.POSITIVE_INFINITY,
      list: undefined,
      before: undefined,
      next: undefined,
    };
    append(origin.fresh, slot);
    return slot;
  };

  /** Nobody leaves a silent origin for a while, so the clock has to look after who waits for it. */
  const lookAgain = () => {
    busy();
    room.letIn();
    looking = !room.isEmpty();
    if (looking) setTimeout(lookAgain, LOOK_MS);
  };

  const learn = (origin: Origin, answeredMs: number) => {
    origin.quietSince = milliseconds();
    origin.answeredAt = origin.quietSince;
    if (!origin.proven) origin.window = few;
    origin.usualMs = origin.proven ? 0.9 * origin.usualMs + 0.1 * answeredMs : answeredMs;
    setProven(origin, true);
    if (answeredMs > SLOW_MS && origin.waiting > 0 && busy() < BUSY)
      origin.window = Math.min(origin.window + STEP, limits.inFlightPerOrigin);
  };

  const take = (origin: Origin, slots: 1 | -1): void => {
    running += slots;
    origin.slots += slots;
    if (!origin.proven) doubtful += slots;
  };

  const isSilent = (origin: Origin): boolean =>
    origin.running + origin.aside > 0 &&
    milliseconds() - origin.quietSince > Math.max(SILENT_MS, LATE * origin.usualMs);

  const answers = (origin: Origin, now: number): boolean => origin.proven && now - origin.quietSince <= PATIENCE_MS;

  const noLongerCounts = (slot: Slot): void => {
    const { origin } = slot;
    if (slot.probe < origin.probe) origin.hanging--;
    remove(slot);
    origin.running--;
    slot.counts = false;
  };

  const originNamed = (name: string): Origin => {
    const known = origins.get(name);
    if (known) {
      if (isIdle(known) && milliseconds() - known.answeredAt > KNOWN_MS) setProven(known, false);
      return known;
    }
    const origin: Origin = {
      ...{ name, running: 0, slots: 0, aside: 0, fresh: emptyList<Slot>(), probe: 0, hanging: 0 },
      ...{ window: few, proven: false, usualMs: 0, quietSince: milliseconds(), answeredAt: 0, waiting: 0 },
    };
    origins.set(name, origin);
    return origin;
  };

  const forgetIdle = (origin: Origin): void => {
    if (!isIdle(origin)) return;
    if (!origin.proven || origins.size > MOST_KNOWN) origins.delete(origin.name);
    else origin.window = few;
  };

  const room = makeWaitingRoom<Origin, Slot>({
    isFull: () => running >= limits.inFlight,
    hasRoom,
    hasToPark,
    hasDoubtfulRoom: () => doubtful < mostDoubtful,
    isSilent,
    start,
  });

  const gate: Gate = {
    enter: (name) => {
      const origin = originNamed(name);
      return origin.waiting === 0 && hasRoom(origin) ? start(origin) : undefined;
    },
    wait: (name, group, go) => {
      const origin = originNamed(name);
      if (!looking) {
        busy(); // from here on it counts
        setTimeout(lookAgain, LOOK_MS);
      }
      looking = true;
      return room.wait(origin, group, go);
    },
    cancel: (waiter) => {
      if (!room.cancel(waiter)) return false;
      forgetIdle(waiter.origin);
      return true;
    },
    leave: (slot, answeredMs) => {
      const { origin } = slot;
      if (answeredMs !== undefined) learn(origin, answeredMs);
      if (slot.counts) noLongerCounts(slot);
      if (slot.isAside) {
        aside--;
        origin.aside--;
        stillCount.delete(slot);
      } else {
        take(origin, -1);
        turnedAway.delete(slot);
      }
      room.letIn();
      forgetIdle(origin);
    },
    setAside: (slot) => {
      const { origin } = slot;
      if (slot.isAside || mostAside === 0) return;
      const now = milliseconds();
      const isWell = answers(origin, now);
      if (aside >= mostAside || (isWell && origin.aside >= mostAside / 2)) {
        turnedAway.add(slot);
        return;
      }
      turnedAway.delete(slot);
      slot.isAside = true;
      aside++;
      origin.aside++;
      take(origin, -1);
      // Where everybody is served as slowly, or nobody at all, no more may be on their way than at any other origin.
      if (isWell ? now - slot.at > LATE * origin.usualMs : origin.aside < limits.inFlightPerOrigin - few)
        noLongerCounts(slot);
      else stillCount.add(slot);
      room.letIn();
    },
    isCrowded: () => {
      turnedAway.forEach(gate.setAside);
      const now = milliseconds();
      for (const slot of stillCount) {
        if (!answers(slot.origin, now) || now - slot.at <= LATE * slot.origin.usualMs) continue;
        stillCount.delete(slot);
        noLongerCounts(slot);
      }
      return turnedAway.size > 0;
    },
    waiting: room.waitingOf,
    room: () => limits.inFlight - running,
    isOpen: (name, most) => {
      if (most <= 0) return false;
      const origin = origins.get(name);
      if (!origin) return doubtful < mostDoubtful;
      if (hasToPark(origin) || origin.waiting >= most) return false;
      const lately = milliseconds() - Math.max(STUCK_MS, LATE * origin.usualMs);
      return origin.waiting === 0 || origin.quietSince >= lately;
    },
    isSilent: (name) => {
      const origin = origins.get(name);
      return origin !== undefined && isSilent(origin);
    },
  };
  return gate;
}

/** The event loop's share of time with something to do, over the last 20 ms or more. */
function loopBusy(): () => number {
  let before = clock.eventLoopUtilization();
  let at = performance.now();
  let share = 0;
  return () => {
    const now = performance.now();
    if (now - at < BUSY_MS) return share;
    const current = clock.eventLoopUtilization();
    share = clock.eventLoopUtilization(current, before).utilization;
    before = current;
    at = now;
    return share;
  };
}

/** How many of an origin's pushes hang; they leave its fresh ones. */
function late(origin: Origin, now: number): number {
  const since = now - Math.max(LEAST_LATE_MS, LATE * origin.usualMs);
  const { fresh } = origin;
  while (fresh.first && fresh.first.at <= since) remove(fresh.first);
  return origin.running - fresh.count;
}
