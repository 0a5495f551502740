import { performance as clock } from "node:perf_hooks";

/**
 * Lets through so many pushes at once, and of those so many towards one origin; groups (announcements) that wait take turns,
 * and in a group its origins, so that a text for few is not behind one for thousands. How many
 * one origin holds is learned from it: an origin that answers fast needs few, one that answers slowly gets more, unless it is
 * this process that has no time for its answers; one that has not answered yet or fell silent gets few, so that it cannot keep
 * the slots of the others until its time-outs ran.
 * Pushes that hang at an origin which answers the others are not counted against its others.
 */
export type Gate = {
  /** Answers a slot when there is room now; else `go` is called with one when its turn comes, once. */
  enter(origin: string, group: string, go: (slot: Slot) => void): Slot | undefined;
  /** `answeredMs`: how long the origin took to give any answer; undefined: it gave none, or was not asked. */
  leave(slot: Slot, answeredMs: number | undefined): void;
  /** It hangs for long: it makes room for others, if no more than `aside` have done so. It still has to leave. */
  setAside(slot: Slot): void;
};

/** `before` and `next`: its neighbours among the fresh ones. */
export type Slot = {
  gate: Gate;
  origin: Origin;
  at: number;
  probe: number;
  isAside: boolean;
  before: Slot | undefined;
  next: Slot | undefined;
};

type Origin = {
  name: string;
  /** Without those who were set aside. */
  running: number;
  aside: number;
  /** Of those running: who started lately, in order, and how many. */
  first: Slot | undefined;
  last: Slot | undefined;
  fresh: number;
  /** How often it was probed, and how many of those running hung already when it was probed last. */
  probe: number;
  hanging: number;
  /** How many may run beside the hanging ones. */
  window: number;
  proven: boolean;
  /** How long it takes to answer, about. */
  usualMs: number;
  quietSince: number;
  waiting: number;
};

/** Who waits in one group: its origins in turn, and the pushes to each. */
type Lane = { turns: string[]; pushes: Map<string, Line> };

/** First come, first served: thousands wait, and taking the first of a long array moves the others. */
type Line = { all: (((slot: Slot) => void) | undefined)[]; at: number };

const FEW = 64;
// Enough to find out whether some of its addresses are well, too few to be missed by the other origins.
const PROBES = 8;
const PATIENCE_MS = 3000;
const SLOW_MS = 25;
const STEP = 8;
const LOOK_MS = 50;
// A push that takes so many times the usual time hangs.
const LATE = 10;
const LEAST_LATE_MS = 20;
// Who is so busy sends no sooner by waiting for more answers at once: each only waits longer, and costs more.
const BUSY = 0.8;
const BUSY_MS = 20;

/**
 * `aside`: so many more that hang (none, if not named); of an origin that answers the others half of them, of another one a few.
 * `milliseconds` is a clock that only runs forward; `busy` tells which share of the time lately this process worked.
 */
export function makeGate(
  limits: { inFlight: number; inFlightPerOrigin: number; aside?: number },
  milliseconds: () => number = () => performance.now(),
  busy: () => number = loopBusy(),
): Gate {
  const few = Math.min(FEW, limits.inFlightPerOrigin);
  const mostHanging = Math.floor(limits.inFlightPerOrigin / 2);
  const mostAside = limits.aside ?? 0;
  const origins = new Map<string, Origin>();
  let running = 0;
  let aside = 0;
  const lanes = new Map<string, Lane>();
  let looking = false;

  const hasRoom = (origin: Origin): boolean => {
    if (running >= limits.inFlight) return false;
    if (origin.running < origin.window) return true;
    const now = milliseconds();
    if (origin.running >= few && now - origin.quietSince > PATIENCE_MS) {
      origin.proven = false;
      origin.quietSince = now;
      origin.probe++;
      origin.hanging = origin.running;
      origin.window = PROBES;
    }
    const beside = origin.proven ? Math.min(late(origin, now), mostHanging) : origin.hanging;
    return origin.running < Math.min(beside + origin.window, limits.inFlightPerOrigin);
  };

  const start = (origin: Origin): Slot => {
    running++;
    origin.running++;
    const slot: Slot = {
      gate,
      origin,
      at: milliseconds(),
      probe: origin.probe,
      isAside: false,
      before: origin.last,
      next: undefined,
    };
    if (origin.last) origin.last.next = slot;
    else origin.first = slot;
    origin.last = slot;
    origin.fresh++;
    return slot;
  };

  /** Lets the next push of a group through whose origin has room. */
  const letOne = (lane: Lane): boolean => {
    const passed: string[] = [];
    let found = false;
    while (!found) {
      const name = lane.turns.shift();
      if (name === undefined) break;
      const origin = origins.get(name);
      const line = lane.pushes.get(name);
      if (!origin || !line) continue;
      if (!hasRoom(origin)) {
        passed.push(name);
        continue;
      }
      found = true;
      origin.waiting--;
      const go = line.all[line.at];
      line.all[line.at++] = undefined;
      if (line.at < line.all.length) lane.turns.push(name);
      else lane.pushes.delete(name);
      go?.(start(origin));
    }
    if (passed.length > 0) lane.turns = [...passed, ...lane.turns];
    return found;
  };

  let pumping = false;

  /** Who is let through may leave before it returns (a newer text has come): this loop sees that, deeper ones would fill the stack. */
  const pump = () => {
    if (pumping) return;
    pumping = true;
    try {
      letIn();
    } finally {
      pumping = false;
    }
  };

  const letIn = () => {
    for (let without = 0; running < limits.inFlight && without < lanes.size; ) {
      const first = lanes.entries().next().value;
      if (!first) break;
      const [group, lane] = first;
      without = letOne(lane) ? 0 : without + 1;
      if (lanes.size === 1 && lane.turns.length > 0) continue;
      lanes.delete(group);
      if (lane.turns.length > 0) lanes.set(group, lane);
    }
  };

  /** Nobody leaves a silent origin for a while, so the clock has to look after who waits for it. */
  const lookAgain = () => {
    busy();
    pump();
    looking = lanes.size > 0;
    if (looking) setTimeout(lookAgain, LOOK_MS);
  };

  const learn = (origin: Origin, answeredMs: number) => {
    origin.quietSince = milliseconds();
    if (!origin.proven) origin.window = few;
    origin.usualMs = origin.proven ? 0.9 * origin.usualMs + 0.1 * answeredMs : answeredMs;
    origin.proven = true;
    if (answeredMs > SLOW_MS && origin.waiting > 0 && busy() < BUSY)
      origin.window = Math.min(origin.window + STEP, limits.inFlightPerOrigin);
  };

  const free = (slot: Slot): void => {
    const { origin } = slot;
    if (slot.probe < origin.probe) origin.hanging--;
    noLongerFresh(slot);
    running--;
    origin.running--;
    if (lanes.size > 0) pump();
  };

  const mayStandAside = (origin: Origin): boolean => {
    const answers = origin.proven && milliseconds() - origin.quietSince <= PATIENCE_MS;
    return aside < mostAside && origin.aside < (answers ? mostAside / 2 : PROBES);
  };

  const gate: Gate = {
    enter: (name, group, go) => {
      let origin = origins.get(name);
      if (!origin) {
        origin = {
          ...{ name, running: 0, aside: 0, first: undefined, last: undefined, fresh: 0, probe: 0, hanging: 0 },
          ...{ window: few, proven: false, usualMs: 0, quietSince: milliseconds(), waiting: 0 },
        };
        origins.set(name, origin);
      }
      if (origin.waiting === 0 && hasRoom(origin)) return start(origin);
      origin.waiting++;
      let lane = lanes.get(group);
      if (!lane) {
        lane = { turns: [], pushes: new Map() };
        lanes.set(group, lane);
      }
      const line = lane.pushes.get(name);
      if (line) line.all.push(go);
      else {
        lane.pushes.set(name, { all: [go], at: 0 });
        lane.turns.push(name);
      }
      if (!looking) {
        busy(); // from here on it counts
        setTimeout(lookAgain, LOOK_MS);
      }
      looking = true;
      return undefined;
    },
    leave: (slot, answeredMs) => {
      const { origin } = slot;
      if (answeredMs !== undefined) learn(origin, answeredMs);
      if (slot.isAside) {
        aside--;
        origin.aside--;
      } else free(slot);
      if (origin.running + origin.aside + origin.waiting === 0) origins.delete(origin.name);
    },
    setAside: (slot) => {
      if (slot.isAside || !mayStandAside(slot.origin)) return;
      slot.isAside = true;
      aside++;
      slot.origin.aside++;
      free(slot);
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
  while (origin.first && origin.first.at <= since) noLongerFresh(origin.first);
  return origin.running - origin.fresh;
}

/**
 * A list of its own instead of a Set: a Set that thousands pass through makes a new table again and again, each old one refers
 * to the next, and what stood in them outlives its use until the whole heap is collected.
 */
function noLongerFresh(slot: Slot): void {
  const { origin, before, next } = slot;
  if (!before && origin.first !== slot) return;
  if (before) before.next = next;
  else origin.first = next;
  if (next) next.before = before;
  else origin.last = before;
  slot.before = undefined;
  slot.next = undefined;
  origin.fresh--;
}

/** The origin of a URL; every other address of a channel shares that channel's account. */
export function originOf(address: string): string {
  const end = address.indexOf("/", 8);
  return address.startsWith("http") ? (end < 0 ? address : address.slice(0, end)) : "";
}
