import type { Window } from "./channel.ts";

/** So many pushes at one moment (milliseconds since 1970). */
export type Run = readonly [at: number, pushes: number];

/**
 * What a window is longer than the vendor says, in milliseconds: two workers' clocks may differ, and a push may be faster on
 * its way than the one before. 2 % of the window, a quarter of a second at least, two seconds at most.
 */
export function marginMs({ seconds }: Window): number {
  return Math.min(2000, Math.max(250, seconds * 20));
}

export function lengthMs(window: Window): number {
  return Math.ceil(window.seconds * 1000 + marginMs(window));
}

/** Moments in base 36: the first whole, then the steps; `.n` where a moment has more than one push. */
export function packRuns(runs: readonly Run[]): string {
  let before = 0;
  return runs
    .map(([at, pushes]) => {
      const step = (at - before).toString(36);
      before = at;
      return pushes === 1 ? step : `${step}.${pushes.toString(36)}`;
    })
    .join();
}

export function unpackRuns(packed: string | undefined): Run[] {
  if (!packed) return [];
  let before = 0;
  return packed.split(",").map((text) => {
    const [step = "0", pushes = "1"] = text.split(".");
    before += Number.parseInt(step, 36);
    return [before, Number.parseInt(pushes, 36)];
  });
}

export function countOf(runs: readonly Run[]): number {
  return runs.reduce((sum, [, pushes]) => sum + pushes, 0);
}

/** When the last but `nth - 1` was: of 20 a minute the 20th last one decides. Undefined: there were not so many. */
export function nthLast(runs: readonly Run[], nth: number): number | undefined {
  let left = nth;
  for (let i = runs.length - 1; i >= 0; i--) {
    const [at = 0, pushes = 0] = runs[i] ?? [];
    left -= pushes;
    if (left <= 0) return at;
  }
  return undefined;
}

/** The first moment at which the windows have room for one more behind all of `runs`. */
export function roomAt(runs: readonly Run[], windows: readonly Window[]): number {
  let at = 0;
  for (const window of windows) {
    const first = nthLast(runs, window.count);
    if (first !== undefined) at = Math.max(at, first + lengthMs(window));
  }
  return at;
}

/** How many more the windows take at a moment. */
export function roomNow(runs: readonly Run[], windows: readonly Window[], now: number): number {
  let room = Number.POSITIVE_INFINITY;
  for (const window of windows) {
    let used = 0;
    for (let i = runs.length - 1; i >= 0 && (runs[i]?.[0] ?? 0) > now - lengthMs(window); i--)
      used += runs[i]?.[1] ?? 0;
    room = Math.min(room, window.count - used);
  }
  return Math.max(0, room);
}

// Up to so many are kept one by one; of a larger window a hundredth and a bit counts as one moment, its last.
const EXACT = 256;
const SLICES = 128;
// Without windows a list only serves to spread those who wait.
const LEAST_MS = 10_000;
const COARSE_MS = 1000;

/** What was let go counts in windows that hold from tomorrow on, too, as far as they look back: an hour, ever more roughly. */
export const HISTORY_MS = 3_600_000;
const PARTS_OF_AN_AGE = 4;

/**
 * Leaves out what no window looks back to, but for `historyMs`. Where only large windows still look, neighbours become one, at the
 * later moment: that may cost a little of the rate, and never passes the limit.
 */
export function pruned(runs: readonly Run[], windows: readonly Window[], now: number, historyMs = 0): Run[] {
  const longest = Math.max(LEAST_MS, historyMs, ...windows.map(lengthMs));
  const kept: [number, number][] = [];
  let width = 0;
  for (const [at, pushes] of runs) {
    if (at <= now - longest) continue;
    const last = kept.at(-1);
    if (last) width = sliceMs(windows, now - last[0]);
    if (last && (last[0] === at || (width > 0 && Math.floor(last[0] / width) === Math.floor(at / width)))) {
      last[0] = at;
      last[1] += pushes;
    } else kept.push([at, pushes]);
  }
  return kept;
}

// So many turns that come next are known one by one.
const NEXT = 500;

/** Of a line however long: who comes next, what its last window holds, and those between as one run at their last moment. */
export function thinned(runs: readonly Run[], windows: readonly Window[]): Run[] {
  if (runs.length <= 2 * NEXT) return [...runs];
  const next = runs.slice(0, NEXT);
  const rest = runs.slice(NEXT);
  const tail = pruned(rest, windows, rest.at(-1)?.[0] ?? 0);
  const between = countOf(rest) - countOf(tail);
  const until = rest.findLast(([at]) => at < (tail[0]?.[0] ?? 0))?.[0] ?? tail[0]?.[0] ?? 0;
  return between > 0 ? [...next, [until, between], ...tail] : [...next, ...tail];
}

/** The same again one by one as they come nearer: evenly since the one before, or since `now`. */
export function unfolded(runs: readonly Run[], now: number): Run[] {
  const first = runs.findIndex(([, pushes]) => pushes > 1);
  const [until = 0, pushes = 0] = runs[first] ?? [];
  if (first < 0 || first >= NEXT / 2) return [...runs];
  const from = runs[first - 1]?.[0] ?? Math.min(now, until);
  const some = Array.from(
    { length: Math.min(NEXT, pushes) },
    (_, i): Run => [Math.floor(from + ((until - from) * (i + 1)) / pushes), 1],
  );
  const left = pushes - some.length;
  return [...runs.slice(0, first), ...some, ...(left > 0 ? [[until, left] as const] : []), ...runs.slice(first + 1)];
}

function sliceMs(windows: readonly Window[], age: number): number {
  if (windows.length === 0) return Math.max(COARSE_MS, roughly(age));
  let width = Number.POSITIVE_INFINITY;
  for (const window of windows) {
    if (lengthMs(window) <= age) continue;
    width = Math.min(width, window.count <= EXACT ? 0 : lengthMs(window) / SLICES);
  }
  return width === Number.POSITIVE_INFINITY ? roughly(age) : width;
}

/** A power of two, so that what is in one slice once stays together. */
function roughly(age: number): number {
  return 2 ** Math.floor(Math.log2(Math.max(1, age / PARTS_OF_AN_AGE)));
}
