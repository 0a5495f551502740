/**
 * How many pushes one origin may hold. An origin that answers gets as many as it takes; one that has not answered yet
 * holds `few`, so that it cannot keep the slots of all the others until its time-outs have run. One that fell silent is
 * tried with `probes` more at a time while the rest wait: some of its addresses may hang and the others be well.
 */
export type Origins = {
  /** Resolves to true when a push may start; to false when the origin hangs and nothing may start now. */
  enter(origin: string): true | Promise<boolean>;
  /** Ends a push; `answered` when the origin gave any answer. */
  leave(origin: string, answered: boolean): void;
};

type Origin = {
  inFlight: number;
  /** How many it may hold while it is not proven. */
  most: number;
  proven: boolean;
  quietSince: number;
  waiting: ((may: boolean) => void)[];
};

/** `milliseconds` is a clock that only runs forward; `patience` the silence after which an origin counts as hanging. */
export function makeOrigins(milliseconds: () => number, few = 64, patience = 3000, probes = 8): Origins {
  const origins = new Map<string, Origin>();

  function hangs(origin: Origin): boolean {
    return milliseconds() - origin.quietSince > patience;
  }

  function refuseWaiting(origin: Origin) {
    if (origin.waiting.length === 0) return;
    if (hangs(origin)) for (const go of origin.waiting.splice(0)) go(false);
    else setTimeout(refuseWaiting, patience / 4, origin);
  }

  return {
    enter(name) {
      const origin = origins.get(name);
      if (origin === undefined) {
        origins.set(name, { inFlight: 1, most: few, proven: false, quietSince: milliseconds(), waiting: [] });
        return true;
      }
      if (origin.inFlight >= few && hangs(origin)) {
        origin.proven = false;
        origin.quietSince = milliseconds();
        origin.most = origin.inFlight + probes;
      }
      if (origin.proven || origin.inFlight < Math.max(few, origin.most)) {
        origin.inFlight++;
        return true;
      }
      return new Promise((go) => {
        origin.waiting.push(go);
        if (origin.waiting.length === 1) setTimeout(refuseWaiting, patience / 4, origin);
      });
    },
    leave(name, answered) {
      const origin = origins.get(name);
      if (origin === undefined) return;
      origin.inFlight--;
      if (answered) {
        origin.quietSince = milliseconds();
        origin.proven = true;
      }
      const next = answered
        ? origin.waiting.length
        : Math.min(origin.waiting.length, Math.max(0, origin.most - origin.inFlight));
      for (const go of origin.waiting.splice(0, next)) {
        origin.inFlight++;
        go(true);
      }
      if (origin.inFlight === 0) origins.delete(name);
    },
  };
}
