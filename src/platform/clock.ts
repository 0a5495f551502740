/**
 * The machine's clock may be set while we run, and what was stored may bear the stamps of another one. Hence two rules: what one
 * process waits for and measures goes by a clock that nobody sets, and a stamp further ahead than the longest promise of its kind
 * can only be another clock's word, and is taken for now.
 */
export type Clock = {
  now: () => Date;
  /** See `steadyClock`; without one, `now` serves for both. */
  steady?: () => number;
};

/** So much may the clocks of two machines differ (milliseconds). */
const SKEW_MS = 5000;

/**
 * Milliseconds since 1970 as the machine had it when this was called, and from then on by a clock that runs forward evenly whatever
 * becomes of the machine's. To be compared with itself only: with stored times of other processes it may have nothing in common.
 */
export function steadyClock(): () => number {
  const began = Date.now() - performance.now();
  return () => Math.round(began + performance.now());
}

/** The time for leases and waits, in milliseconds since 1970. */
export function steadyTime({ now, steady }: Clock): number {
  return steady ? steady() : now().getTime();
}

/** Milliseconds for which a promise made until `until` still holds at `now`; 0 when it is over, or further ahead than `longest`. */
export function heldFor(until: number, now: number, longest: number): number {
  const left = until - now;
  return left > 0 && left <= longest + SKEW_MS ? left : 0;
}

/** Whether something that is said to have happened at `at` lies ahead: the clock was set back since. */
export function isAhead(at: number, now: number): boolean {
  return at - now > SKEW_MS;
}
