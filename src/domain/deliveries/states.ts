export const DELIVERY_STATES = ["waiting", "held", "delivered", "failed", "unknown", "suppressed"] as const;
export type DeliveryState = (typeof DELIVERY_STATES)[number];

/**
 * One letter per member of a chunk:
 * w not attempted yet, i about to be sent (channels that must not send twice), r waits for a further attempt,
 * h held (quiet hours), g held for the daily digest, k for the weekly one, d delivered, a accepted, f failed, u unknown,
 * x suppressed by a newer revision, e because the endpoint ended, n because the first choice was reached,
 * t because a fallback took over.
 */
export type Letter = "w" | "i" | "r" | "h" | "g" | "k" | "d" | "a" | "f" | "u" | "x" | "e" | "n" | "t";

const STATE: Record<Letter, DeliveryState> = {
  w: "waiting",
  i: "waiting",
  r: "waiting",
  h: "held",
  g: "held",
  k: "held",
  d: "delivered",
  a: "delivered",
  f: "failed",
  u: "unknown",
  x: "suppressed",
  e: "suppressed",
  n: "suppressed",
  t: "suppressed",
};

export const REASONS = ["superseded", "ended", "first choice reached", "fallback took over"] as const;
export const REASON = {
  x: "superseded",
  e: "ended",
  n: "first choice reached",
  t: "fallback took over",
} as const satisfies Partial<Record<Letter, (typeof REASONS)[number]>>;

export function stateOf(letter: string): DeliveryState {
  return STATE[letter as Letter] ?? "waiting";
}

/** Letters of members who need a row of their own. */
export const ROW_LETTERS = "rhfu";

/**
 * `matched` is always the sum of the states. Of the delivered: how many were handed over 10 and 60 s after publication, and
 * how many by a digest, for whom that says nothing.
 */
export type Counts = { matched: number } & Record<DeliveryState, number> & Speed;
export type Speed = { within10s: number; within60s: number; inDigest: number };

export function noCounts(): Counts {
  return { matched: 0, delivered: 0, suppressed: 0, failed: 0, unknown: 0, held: 0, waiting: 0, ...NO_SPEED };
}

const NO_SPEED: Speed = { within10s: 0, within60s: 0, inDigest: 0 };

/** Counts of a chunk; without a result everything waits. */
export function countsOf(letters: string): Counts {
  const counts = noCounts();
  for (const letter of letters) counts[stateOf(letter)]++;
  counts.matched = letters.length;
  return counts;
}

export function addCounts(sum: Counts, counts: Counts): void {
  sum.matched += counts.matched;
  for (const state of DELIVERY_STATES) sum[state] += counts[state];
  sum.within10s += counts.within10s;
  sum.within60s += counts.within60s;
  sum.inDigest += counts.inDigest;
}
