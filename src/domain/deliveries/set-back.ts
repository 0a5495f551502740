import { type Clock, heldFor, isAhead, steadyTime } from "#src/platform/clock.ts";
import { type Delivery, TURNS_TOGETHER_MS } from "./store.ts";

/** What one process knows of its clock: both times at its last look, and when (`steadyTime`) it looks ahead in any case. */
export type StepsBack = { last?: { wall: number; steady: number }; next?: number };

const STEP_MS = 1000;
// What was reckoned before the step is stored by then: an open chunk and one push more.
const AGAIN_MS = 75_000;
// Functions know no clock but the wall's, and of a step back only if a look came before and one after.
const EVERY_MS = 3_600_000;
const DAY_MS = 86_400_000;
/** The longest that a delivery ever waits by what it waits for: a month's quota; a digest and a fallback's minutes; a step of a schedule, or a day that a receiver named. */
const LONGEST_MS = { quota: 32 * DAY_MS, held: 9 * DAY_MS, waiting: 1.25 * DAY_MS };

/**
 * Whether to look at what lies in time to come: the clock was set back since the last look or, where there is only one process
 * (`onlyHost`), perhaps before it began; then once more, for what was on its way; and every hour.
 */
export function hasToLook(deps: Clock & { onlyHost?: string }, { last, next = 0 }: StepsBack): boolean {
  if (!last) return deps.onlyHost !== undefined;
  const steady = steadyTime(deps);
  return steady >= next || deps.now().getTime() < last.wall + Math.max(0, steady - last.steady) - STEP_MS;
}

/** Keeps what the next look goes by, once everything was looked at. */
export function looked(deps: Clock, steps: StepsBack, ahead: boolean): void {
  const steady = steadyTime(deps);
  const planned = steps.next !== undefined && steady >= steps.next;
  steps.last = { wall: deps.now().getTime(), steady };
  if (planned) steps.next = steady + EVERY_MS;
  else if (ahead) steps.next = steady + AGAIN_MS;
  // By another clock it may lie anywhere.
  else steps.next = Math.min(steps.next ?? Number.POSITIVE_INFINITY, steady + EVERY_MS);
}

/** Whether the time of a delivery was reckoned by a clock that was ahead of this one: it is for now. */
export function isOfLaterClock({ state, attempts, waitsFor, promisedAt, dueAt }: Delivery, now: number): boolean {
  if (promisedAt !== undefined && isAhead(Date.parse(promisedAt), now)) return true;
  const last = attempts.at(-1);
  if (last && isAhead(Date.parse(last.at) + last.ms, now)) return true;
  if (dueAt === undefined) return false;
  const longest = waitsFor === "quota" ? LONGEST_MS.quota : LONGEST_MS[state === "held" ? "held" : "waiting"];
  const at = Date.parse(dueAt);
  return at > now && heldFor(at, now, longest) === 0;
}

/** Whether a delivery's time has come, to the second; a turn of its credential, so nearly that those of one message go together. */
export function isDue(row: Delivery, now: number): boolean {
  if (row.dueAt === undefined) return false;
  const soon = now + (row.waitsFor === undefined ? 1000 : TURNS_TOGETHER_MS);
  return Date.parse(row.dueAt) <= soon || isOfLaterClock(row, now);
}
