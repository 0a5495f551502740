import { z } from "zod";
import { schema } from "#src/schema.ts";
import type { Limits, Pause, Quota, Window } from "./channel.ts";
import { countOf, lengthMs, packRuns, pruned, type Run, roomAt, roomNow, unpackRuns } from "./pace-log.ts";
import { counted, leftAt, periodStart, quotaAt } from "./pace-quota.ts";

/** What one credential is held to, by its channel and by how this instance is set up. */
export type PaceRules = {
  windows: readonly Window[];
  spacing: readonly [least: number, most: number] | undefined;
  quotas: readonly Quota[];
  slowStart: Limits["slowStart"];
  /** Version of the channel's settings: what was switched off for its configuration goes on when they change. */
  setup: number;
};

const used = schema(() => z.record(z.string(), z.number()));

/** The pace of one credential. Lists of moments are packed (pace-log.ts). */
export const PaceState = schema(() =>
  z.object({
    /** Who was let go, as far as a window looks back; and the last one. */
    grants: z.string(),
    lastAt: z.number().exactOptional(),
    /** Turns promised to those who wait; `ahead` of them so many that the list no longer holds; the first one's moment. */
    line: z.string().exactOptional(),
    ahead: z.number().exactOptional(),
    lineFrom: z.number().exactOptional(),
    /** Turns of urgent ones that wait: the others let them pass. */
    urgent: z.string().exactOptional(),
    /** Turns of those who may have a text that is wrong now: after the urgent ones and before the others. */
    mending: z.string().exactOptional(),
    notBefore: z.number().exactOptional(),
    used: used().exactOptional(),
    promised: used().exactOptional(),
    pause: z
      .object({
        until: z.number(),
        seconds: z.number(),
        because: z.enum(["rate", "quota", "configuration"]),
        /** When the first of a row of them came, and how many came. */
        since: z.number(),
        times: z.number(),
        setup: z.number(),
        /** One push is on its way to see whether a configuration works again. */
        probing: z.boolean().exactOptional(),
      })
      .exactOptional(),
    /** The slow start counts from here. */
    slowFrom: z.number().exactOptional(),
    version: z.number(),
  }),
);
export type PaceState = z.infer<ReturnType<typeof PaceState>>;
export type Because = Pause["because"];

/** `ticket`: whoever asks was promised this turn before. `mends`: its reader may have a text that is wrong now. */
export type Ask = { pushes: number; urgent: boolean; ticket: boolean; mends?: boolean };

/** `granted` may go now, each of the others at its turn. `probe`: one that shows whether a configuration works again. */
export type Decision = { granted: number; turns: number[]; because: Because; probe: boolean; next: PaceState };

/** An unclaimed turn is given to somebody else after so long; hundreds who wait do not wake at once. */
const GRACE_MS = 5000;
const SPREAD_MS = 50;
const LEAST_WAIT_MS = 250;
const PROBE_MS = 60_000;
const LONGEST_CONFIGURATION_SECONDS = 6 * 3600;
// So many who mend have a line of their own; a longer list would make every ask slow.
const MOST_MENDING = 2000;

type Book = Omit<PaceState, "grants" | "line" | "urgent" | "mending" | "version"> & {
  grants: Run[];
  line: Run[];
  ahead: number;
  urgent: Run[];
  mending: Run[];
};

export function blankPace(): PaceState {
  return { grants: "", version: 0 };
}

/** The one rule of who may push when; pure. `random` answers numbers of [0, 1). */
export function decide(state: PaceState, rules: PaceRules, ask: Ask, now: number, random: () => number): Decision {
  const book = open(state, rules, now);
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
    turns.push(promise(book, rules, { ...ask, ticket: ask.ticket && !blocked }, now, random));
  }
  return { granted, turns, because, probe, next: close(book, rules, state.version + 1, now) };
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

/** The state at `now`: what lies in the future can only be another clock's word, and is taken for now. */
function open(state: PaceState, rules: PaceRules, now: number): Book {
  const { grants, line, urgent, mending, ahead = 0, version: _, ...rest } = state;
  const notLongGone = ([at]: Run) => at > now - 2 * GRACE_MS;
  const book: Book = {
    ...rest,
    grants: pruned(
      unpackRuns(grants).map(([at, pushes]): Run => [Math.min(at, now), pushes]),
      rules.windows,
      now - GRACE_MS,
    ),
    line: unpackRuns(line),
    ahead,
    urgent: unpackRuns(urgent).filter(notLongGone),
    mending: unpackRuns(mending).filter(notLongGone),
  };
  const passed = book.line.findIndex(([at]) => at > now - GRACE_MS);
  if (book.line.length > 0 && passed !== 0) {
    book.line = passed < 0 ? [] : book.line.slice(passed);
    book.ahead = 0;
  }
  const { pause } = book;
  if (pause) {
    const until = Math.min(pause.until, now + pause.seconds * 1000);
    // A worker that still reads older settings ends no pause of the newer ones.
    const changed = pause.because === "configuration" && pause.setup < rules.setup;
    // Whoever was promised a turn behind the pause is woken, and asks anew.
    if (changed) Object.assign(book, { line: [], urgent: [], mending: [] });
    if (changed || (pause.because !== "configuration" && until <= now - GRACE_MS)) delete book.pause;
    else book.pause = { ...pause, until };
  }
  if (book.notBefore !== undefined) book.notBefore = Math.min(book.notBefore, now + mostGapMs(rules, book, now));
  if (nobodyComes(book, rules, now)) book.line = [];
  if (book.line.length === 0) {
    book.ahead = 0;
    delete book.promised;
    delete book.lineFrom;
  }
  return book;
}

/** Turns were promised, there was room, and nobody came for a whole window: those who waited are gone. */
function nobodyComes(book: Book, rules: PaceRules, now: number): boolean {
  if (rules.windows.length === 0 || blockedBy(book, rules, now)) return false;
  const since = Math.max(
    ...[Math.min(book.lastAt ?? 0, now), book.lineFrom ?? 0, book.pause?.until ?? 0],
    ...rules.quotas.map(({ per }) => periodStart(per, now)),
  );
  return now - since > Math.min(...rules.windows.map(lengthMs)) + 2 * GRACE_MS;
}

function close(book: Book, rules: PaceRules, version: number, now: number): PaceState {
  const { grants, line, ahead, urgent, mending, promised, used: spent, lineFrom, ...rest } = book;
  const kept = pruned(line, rules.windows, line.at(-1)?.[0] ?? now);
  const dropped = countOf(line) - countOf(kept);
  return {
    ...rest,
    grants: packRuns(pruned(grants, rules.windows, now - GRACE_MS)),
    ...(kept.length > 0 ? { line: packRuns(kept), lineFrom: lineFrom ?? kept[0]?.[0] ?? now } : {}),
    ...(kept.length > 0 && ahead + dropped > 0 ? { ahead: ahead + dropped } : {}),
    ...(urgent.length > 0 ? { urgent: packRuns(urgent) } : {}),
    ...(mending.length > 0 ? { mending: packRuns(mending) } : {}),
    ...(spent && Object.keys(spent).length > 0 ? { used: spent } : {}),
    ...(promised && Object.keys(promised).length > 0 ? { promised } : {}),
    version,
  };
}

/** What forbids every push of the credential now, whoever asks. */
function blockedBy(book: Book, rules: PaceRules, now: number): Because | undefined {
  if (book.pause && book.pause.until > now) return book.pause.because;
  return leftAt(rules.quotas, now, book.used) <= 0 ? "quota" : undefined;
}

/** Whoever holds a ticket needs room; whoever comes anew needs room behind all who wait, or a turn that nobody claimed. */
function mayGo(book: Book, rules: PaceRules, ask: Ask, now: number, random: () => number): boolean {
  const { windows, quotas } = rules;
  if ((book.notBefore ?? 0) > now) return false;
  const due = (runs: Run[]) => countOf(runs.filter(([at]) => at <= now));
  const room = roomNow(book.grants, windows, now);
  if (ask.urgent) return room > (ask.ticket ? 0 : due(book.urgent));
  if (ask.mends) return room > due(book.urgent) + (ask.ticket ? 0 : due(book.mending));
  if (ask.ticket) return room > due(book.urgent) + due(book.mending);
  if (turnBehind(book, rules, [book.urgent, book.mending, book.line], now, random, true) <= now) return true;
  const unclaimed = roomNow(sorted(book.grants, book.urgent, book.mending), windows, now - GRACE_MS) > 0;
  const lastStop = Math.max(book.notBefore ?? 0, book.pause?.until ?? 0);
  return unclaimed && lastStop <= now - GRACE_MS && leftAt(quotas, now, book.used, book.promised) > 0;
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

/** A turn for one who cannot go now. A ticket that lost its turn gets the next one there is; the others the end of the line. */
function promise(book: Book, rules: PaceRules, ask: Ask, now: number, random: () => number): number {
  const soon = now + LEAST_WAIT_MS;
  if (ask.urgent) {
    const at = Math.max(soon, turnBehind(book, rules, [book.urgent], now, random, false));
    book.urgent = sorted(book.urgent, [[at, 1]]);
    return at;
  }
  if (ask.mends && (ask.ticket || countOf(book.mending) < MOST_MENDING)) {
    const before = ask.ticket ? [book.urgent] : [book.urgent, book.mending];
    const at = Math.max(soon, turnBehind(book, rules, before, now, random, false));
    book.mending = sorted(book.mending, [[at, 1]]);
    return at;
  }
  if (ask.ticket) {
    const at = Math.max(soon, turnBehind(book, rules, [book.urgent, book.mending], now, random, false));
    if (book.line.length > 0 && at < (book.line[0]?.[0] ?? 0)) book.ahead++;
    else book.line = sorted(book.line, [[at, 1]]);
    book.promised = counted(book.promised, rules.quotas, at, 1);
    return at;
  }
  const at = Math.max(soon, turnBehind(book, rules, [book.urgent, book.mending, book.line], now, random, true));
  book.line = sorted(book.line, [[at, 1]]);
  book.lineFrom ??= at;
  book.promised = counted(book.promised, rules.quotas, at, 1);
  return at;
}

function takeTicket(book: Book, rules: PaceRules, { urgent, mends }: Ask, now: number): void {
  const isDue = ([first]: Run[]) => first !== undefined && first[0] <= now + SPREAD_MS * 20;
  if (urgent) book.urgent = withoutFirst(book.urgent);
  // One of those for whom there was no more room in a line of their own has its turn in the other.
  else if (mends && isDue(book.mending)) book.mending = withoutFirst(book.mending);
  else {
    if (book.ahead > 0) book.ahead--;
    else if (isDue(book.line)) book.line = withoutFirst(book.line);
    if (book.promised) book.promised = counted(book.promised, rules.quotas, now, -1);
  }
}

/** The first moment for one more behind those who were let go and those who wait in `lines`. */
function turnBehind(
  book: Book,
  rules: PaceRules,
  lines: Run[][],
  now: number,
  random: () => number,
  promised: boolean,
): number {
  const all = lines.every((line) => line.length === 0) ? book.grants : sorted(book.grants, ...lines);
  const last = all.at(-1)?.[0] ?? 0;
  let at = Math.max(now, book.pause?.until ?? 0, roomAt(all, rules.windows));
  if (last > now) at = Math.max(at, last + Math.max(SPREAD_MS, gapMs(rules, book, last, random)));
  else at = Math.max(at, book.notBefore ?? 0);
  return quotaAt(rules.quotas, at, book.used, promised ? book.promised : undefined);
}

/** Milliseconds until the next one after a push at `at`: the channel's spacing, or more of it while it starts slowly. */
function gapMs(rules: PaceRules, book: Book, at: number, random: () => number): number {
  const [least, most] = rules.spacing ?? [0, 0];
  return Math.ceil(
    1000 * Math.max(least + random() * (most - least), slowGap(rules, book, at) * (0.8 + 0.4 * random())),
  );
}

function mostGapMs(rules: PaceRules, book: Book, at: number): number {
  return Math.ceil(1000 * Math.max(rules.spacing?.[1] ?? 0, slowGap(rules, book, at) * 1.2));
}

/** Seconds between two pushes: from the slow rate up to the full one in a straight line. */
function slowGap({ slowStart, windows }: PaceRules, { slowFrom }: Book, at: number): number {
  if (!slowStart || slowFrom === undefined || at >= slowFrom + slowStart.seconds * 1000) return 0;
  const share = Math.max(0, (at - slowFrom) / (slowStart.seconds * 1000));
  const full = Math.min(...windows.map(({ seconds, count }) => (count * 60) / seconds), 600);
  return 60 / (slowStart.perMinute + Math.max(0, full - slowStart.perMinute) * share);
}

function sorted(...lists: readonly (readonly Run[])[]): Run[] {
  return lists.flat().sort(([a], [b]) => a - b);
}

function withoutFirst(runs: Run[]): Run[] {
  const [first, ...rest] = runs;
  return first && first[1] > 1 ? [[first[0], first[1] - 1], ...rest] : rest;
}
