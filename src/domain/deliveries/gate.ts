/** Lets through so many at once, and of those so many towards one origin; origins that wait take turns. */
export type Gate = {
  /** Undefined when there is room now (nothing to wait for). */
  enter(origin: string): Promise<void> | undefined;
  leave(origin: string): void;
};

type Waiting = { running: number; queue: (() => void)[] };

export function makeGate(limits: { inFlight: number; inFlightPerOrigin: number }): Gate {
  const origins = new Map<string, Waiting>();
  let running = 0;
  let turns: string[] = [];

  const start = (origin: Waiting) => {
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
      if (origin.running >= limits.inFlightPerOrigin) {
        passed.push(name);
        continue;
      }
      start(origin);
      origin.queue.shift()?.();
      if (origin.queue.length > 0) turns.push(name);
    }
    if (passed.length > 0) turns = [...passed, ...turns];
  };

  return {
    enter: (name) => {
      const origin = origins.get(name) ?? { running: 0, queue: [] };
      origins.set(name, origin);
      if (running < limits.inFlight && origin.running < limits.inFlightPerOrigin && origin.queue.length === 0) {
        start(origin);
        return undefined;
      }
      const { queue } = origin;
      return new Promise<void>((go) => {
        if (queue.push(go) === 1) turns.push(name);
      });
    },
    leave: (name) => {
      const origin = origins.get(name);
      if (!origin) return;
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
