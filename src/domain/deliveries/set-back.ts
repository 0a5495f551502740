import { type Clock, heldFor, isAhead, steadyTime } from "#src/platform/clock.ts";
import type { Delivery } from "./store.ts";

/** What one process knows of its clock: both times of its last look, and until when it looks once more. */
export type StepsBack = { last?: { wall: number; steady: number }; again?: number };

const STEP_MS = 1000;
// What was reckoned before the step is stored by then: an open chunk and one push more.
const AGAIN_MS = 75_000;
const DAY_MS = 86_400_000;
/** The longest that a delivery ever waits by what it waits for: a month's quota; a digest and a fallback's minutes; a step of a schedule, or a day that a receiver named. */
const LONGEST_MS = { quota: 32 * DAY_MS, held: 9 * DAY_MS, waiting: 1.25 * DAY_MS };

/**
 * Whether to look at what lies in time to come: the clock was set back since the last look or, where there is only one process
 * (`onlyHost`), perhaps before it began. Then once more, for what was on its way.
 */
export function hasToLook(deps: Clock & { onlyHost?: string }, { last, again }: StepsBack): boolean {
  if (!last) return deps.onlyHost !== undefined;
  const passed = Math.max(0, steadyTime(deps) - last.steady);
  return deps.now().getTime() < last.wall + passed - STEP_MS || (again !== undefined && steadyTime(deps) >= again);
}

/** Keeps what the next look goes by, once everything was looked at. */
export function looked(deps: Clock, steps: StepsBack, ahead: boolean): void {
  const steady = steadyTime(deps);
  const wasAgain = steps.again !== undefined && steady >= steps.again;
  steps.last = { wall: deps.now().getTime(), steady };
  if (wasAgain) delete steps.again;
  else if (ahead) steps.again = steady + AGAIN_MS;
}

/** Whether the time of a delivery was reckoned by a clock that was ahead of this one: it is for now. */
export function isOfLaterClock({ state, attempts, waitsFor, dueAt }: Delivery, now: number): boolean {
  const last = attempts.at(-1);
  if (last && isAhead(Date.parse(last.at), now)) return true;
  if (dueAt === undefined) return false;
  const longest = waitsFor === "quota" ? LONGEST_MS.quota : LONGEST_MS[state === "held" ? "held" : "waiting"];
  const at = Date.parse(dueAt);
  return at > now && heldFor(at, now, longest) === 0;
}

/** Whether a delivery's time has come, to the second. */
export function isDue(row: Delivery, now: number): boolean {
  return row.dueAt !== undefined && (Date.parse(row.dueAt) <= now + 1000 || isOfLaterClock(row, now));
}
