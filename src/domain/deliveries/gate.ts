/**
 * Lets through so many pushes at once, and of those so many towards one origin; origins that wait take turns. How many
 * one origin holds is learned from it: an origin that answers fast needs few, one that answers slowly gets more, one that
 * has not answered yet or fell silent gets few, so that it cannot keep the slots of the others until its time-outs ran.
 */
export type Gate = {
  /** Undefined when there is room now (nothing to wait for). */
  enter(origin: string): Promise<void> | undefined;
  /** `answeredMs`: how long the origin took to give any answer; undefined: it gave none. */
  leave(origin: string, answeredMs: number | undefined): void;
};

type Origin = {
  running: number;
  /** Of those running: how many hung already when it was probed last. */
  hanging: number;
  /** How many may run beside the hanging ones. */
  window: number;
  proven: boolean;
  quietSince: number;
  queue: (() => void)[];
};

const FEW = 64;
// Enough to find out whether some of its addresses are well, too few to be missed by the other origins.
const PROBES = 8;
const PATIENCE_MS = 3000;
const SLOW_MS = 25;
const STEP = 8;

/** `milliseconds` is a clock that only runs forward. */
export function makeGate(
  limits: { inFlight: number; inFlightPerOrigin: number },
  milliseconds: () => number = () => performance.now(),
): Gate {
  const few = Math.min(FEW, limits.inFlightPerOrigin);
  const origins = new Map<string, Origin>();
  let running = 0;
  let turns: string[] = [];
  let looking = false;

  const hasRoom = (origin: Origin): boolean => {
    if (running >= limits.inFlight) return false;
    if (origin.running >= few && milliseconds() - origin.quietSince > PATIENCE_MS) {
      origin.proven = false;
      origin.quietSince = milliseconds();
      origin.hanging = origin.running;
      origin.window = PROBES;
    }
    return origin.running < Math.min(origin.hanging + origin.window, limits.inFlightPerOrigin);
  };

  const start = (origin: Origin) => {
    running++;
    origin.running++;
  };

  const pump = () => {
    const passed: string[] = [];
    while (running < limits.inFlight) {
      const name = turns.shift();
      if (name === undefined) break;
      const origin = origins.get(name);
      if (!origin || origin.queue.length === 0) continue;
      if (!hasRoom(origin)) {
        passed.push(name);
        continue;
      }
      start(origin);
      origin.queue.shift()?.();
      if (origin.queue.length > 0) turns.push(name);
    }
    if (passed.length > 0) turns = [...passed, ...turns];
  };

  /** Nobody leaves a silent origin for a while, so the clock has to look after who waits for it. */
  const lookAgain = () => {
    pump();
    looking = turns.length > 0;
    if (looking) setTimeout(lookAgain, PATIENCE_MS);
  };

  const learn = (origin: Origin, answeredMs: number) => {
    origin.quietSince = milliseconds();
    if (!origin.proven) origin.window = few;
    origin.proven = true;
    if (answeredMs > SLOW_MS && origin.queue.length > 0)
      origin.window = Math.min(origin.window + STEP, limits.inFlightPerOrigin);
  };

  return {
    enter: (name) => {
      let origin = origins.get(name);
      if (!origin) {
        origin = { running: 0, hanging: 0, window: few, proven: false, quietSince: milliseconds(), queue: [] };
        origins.set(name, origin);
      }
      if (origin.queue.length === 0 && hasRoom(origin)) {
        start(origin);
        return undefined;
      }
      const { queue } = origin;
      if (!looking) setTimeout(lookAgain, PATIENCE_MS);
      looking = true;
      return new Promise<void>((go) => {
        if (queue.push(go) === 1) turns.push(name);
      });
    },
    leave: (name, answeredMs) => {
      const origin = origins.get(name);
      if (!origin) return;
      if (answeredMs !== undefined) learn(origin, answeredMs);
      else origin.hanging = Math.max(0, origin.hanging - 1);
      running--;
      origin.running--;
      if (turns.length > 0) pump();
      if (origin.running === 0 && origin.queue.length === 0) origins.delete(name);
    },
  };
}

/** The origin of a URL; every other address of a channel shares that channel's account. */
export function originOf(address: string): string {
  const end = address.indexOf("/", 8);
  return address.startsWith("http") ? (end < 0 ? address : address.slice(0, end)) : "";
}
