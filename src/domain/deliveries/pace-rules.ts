import type { Pause } from "./channel.ts";
import { type Counts, dropUnclaimed, promiseAnew, reckonAnew, type Waiter } from "./pace-anew.ts";
import {
  type Because,
  type Book,
  blockedBy,
  close,
  GRACE_MS,
  isTelling,
  open,
  type PaceRules,
  type PaceState,
} from "./pace-book.ts";
import { promise, sorted, takeTicket, turnBehind } from "./pace-lines.ts";
import { countOf, lengthMs, type Run, roomNow } from "./pace-log.ts";
import { counted, leftAt } from "./pace-quota.ts";
import { gapMs } from "./pace-spacing.ts";

/** `ticket`: whoever asks was promised this turn before. `mends`: its reader may have a text that is wrong now. */
export type Ask = { pushes: number; urgent: boolean; ticket: boolean; mends?: boolean };

/** `granted` may go now, each of the others at its turn. `probe`: one that shows whether a configuration works again. */
export type Decision = { granted: number; turns: number[]; because: Because; probe: boolean; next: PaceState };

const BURST_MS = 2000;
const PROBE_MS = 60_000;
const LONGEST_CONFIGURATION_SECONDS = 6 * 3600;

/** The one rule of who may push when; pure. `random` answers numbers of [0, 1). */
export function decide(state: PaceState, rules: PaceRules, ask: Ask, now: number, random: () => number): Decision {
  const book = open(state, rules, now);
  reckonAnew(book, rules, now, random);
  const turns: number[] = [];
  let granted = 0;
  let probe = false;
  let because: Because = "rate";
  for (let i = 0; i < ask.pushes; i++) {
    const blocked = blockedBy(book, rules, now);
    if (ask.ticket) takeTicket(book, rules, ask, now);
    if (!blocked && mayGo(book, rules, ask, now, random)) {
      probe = book.pause?.because === "configuration";
      grant(book, rules, now, random);
      granted++;
      continue;
    }
    because = blocked ?? "rate";
    turns.push(promise(book, rules, { ...ask, ticket: ask.ticket && (!blocked || blocked === "quota") }, now, random));
  }
  book.seenAt = now;
  return { granted, turns, because, probe, next: close(book, rules, state.version + 1, now) };
}

/**
 * The turns of those who wait, in the order in which they are to go, once other windows or quotas hold; undefined for whom the
 * turn that it has stands. Nobody may go by it before.
 */
export function tell(
  state: PaceState,
  rules: PaceRules,
  waiters: readonly Waiter[],
  now: number,
  random: () => number,
): { turns: (number | undefined)[]; next: PaceState } {
  const book = open(state, rules, now);
  reckonAnew(book, rules, now, random);
  const turns = waiters.map((waiter) => promiseAnew(book, rules, waiter, now, random));
  return { turns, next: close(book, rules, state.version + 1, now) };
}

/** Those who wait move up where turns are promised to nobody any more; undefined: there is none, or too few of them. */
export function moveUp(
  state: PaceState,
  rules: PaceRules,
  counted: { waiting: Counts; anyway: boolean },
  now: number,
  random: () => number,
): PaceState | undefined {
  const book = open(state, rules, now);
  reckonAnew(book, rules, now, random);
  const dropped = dropUnclaimed(book, rules, counted, now, random);
  return dropped ? close(book, rules, state.version + 1, now) : undefined;
}

/** The vendor's word: nothing more for a while. `first`: it is not one more of a row. */
export function paused(
  state: PaceState,
  rules: PaceRules,
  pause: Pause,
  now: number,
): { next: PaceState; first: boolean } {
  const { because } = pause;
  const known = state.pause?.because === because && state.pause.setup === rules.setup ? state.pause : undefined;
  // Pushes that were under way together say the same thing once.
  const together = known !== undefined && !known.probing && known.until > now;
  const times = (known?.times ?? 0) + (together ? 0 : 1);
  const seconds =
    because === "configuration"
      ? Math.max(pause.seconds, Math.min(LONGEST_CONFIGURATION_SECONDS, pause.seconds * 2 ** (times - 1)))
      : pause.seconds;
  // Of two pushes that were under way together the longer word counts.
  const until = Math.ceil(
    Math.max(now + seconds * 1000, Math.min(state.pause?.until ?? 0, now + (state.pause?.seconds ?? 0) * 1000)),
  );
  const next: PaceState = {
    ...state,
    pause: { until, seconds, because, since: known?.since ?? now, times, setup: rules.setup },
    ...(rules.slowStart ? { slowFrom: until } : {}),
    version: state.version + 1,
  };
  return { next, first: known === undefined };
}

export function isPaused(state: PaceState, rules: PaceRules, now: number): PaceState["pause"] {
  const { pause } = open(state, rules, now);
  return pause && pause.until > now ? pause : undefined;
}

/** Whoever holds a ticket needs room; whoever comes anew needs room behind all who wait, or a turn that nobody claimed. */
function mayGo(book: Book, rules: PaceRules, ask: Ask, now: number, random: () => number): boolean {
  const { windows, quotas } = rules;
  if ((book.notBefore ?? 0) > now) return false;
  // Turns of one burst lie a moment apart: nobody slips in between.
  const soon = now + Math.min(BURST_MS, ...windows.map((window) => lengthMs(window) / 4));
  const due = (runs: Run[]) => countOf(runs.filter(([at]) => at <= soon));
  const room = Math.min(roomNow(book.grants, windows, now), leftAt(quotas, now, book.used));
  if (ask.urgent) return room > (ask.ticket ? 0 : due(book.urgent));
  if (ask.mends) return room > due(book.urgent) + (ask.ticket ? 0 : due(book.mending));
  if (ask.ticket) return room > due(book.urgent) + due(book.mending);
  if (turnBehind(book, rules, [book.urgent, book.mending, book.line], now, random, true) <= now) return true;
  const unclaimed = roomNow(sorted(book.grants, book.urgent, book.mending), windows, now - GRACE_MS) > 0;
  const lastStop = Math.max(book.notBefore ?? 0, book.pause?.until ?? 0);
  return (
    unclaimed &&
    !isTelling(book, now) &&
    lastStop <= now - GRACE_MS &&
    leftAt(quotas, now, book.used, book.promised) > 0
  );
}

function grant(book: Book, rules: PaceRules, now: number, random: () => number): void {
  book.grants.push([now, 1]);
  book.lastAt = now;
  const gap = gapMs(rules, book, now, random);
  if (gap > 0) book.notBefore = now + gap;
  else delete book.notBefore;
  if (rules.quotas.length > 0) book.used = counted(book.used, rules.quotas, now, 1);
  if (book.pause?.because === "configuration")
    book.pause = { ...book.pause, until: now + PROBE_MS, seconds: PROBE_MS / 1000, probing: true };
}
