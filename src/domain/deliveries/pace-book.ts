import { z } from "zod";
import { schema } from "#src/schema.ts";
import type { Limits, Pause, Quota, Window } from "./channel.ts";
import {
  countOf,
  HISTORY_MS,
  lengthMs,
  packRuns,
  pruned,
  type Run,
  thinned,
  unfolded,
  unpackRuns,
} from "./pace-log.ts";
import { leftAt, periodStart } from "./pace-quota.ts";
import { mostGapMs } from "./pace-spacing.ts";

/** What one credential is held to, by its channel and by how this instance is set up. */
export type PaceRules = {
  windows: readonly Window[];
  spacing: readonly [least: number, most: number] | undefined;
  quotas: readonly Quota[];
  slowStart: Limits["slowStart"];
  /** Version of the channel's settings: what was switched off for its configuration goes on when they change. */
  setup: number;
  /** Windows, spacing and quotas in one word: turns that were reckoned by another one are reckoned anew. */
  by: string;
};

const used = schema(() => z.record(z.string(), z.number()));
const ofLines = schema(() => z.object({ urgent: z.number(), mending: z.number(), line: z.number() }));
const linesPacked = schema(() => z.object({ urgent: z.string(), mending: z.string(), line: z.string() }));

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
    /** Turns of those of each line who held one and lost it: no two of them get the same. */
    again: linesPacked().exactOptional(),
    /** When somebody asked last; and first after a time in which turns of urgent or mending ones passed and nobody came. */
    seenAt: z.number().exactOptional(),
    resumedAt: z.number().exactOptional(),
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
    /** What the turns were reckoned by, and the version of the settings that said so. */
    by: z.string().exactOptional(),
    setup: z.number().exactOptional(),
    /** That changed then (`at`, `setup`): so many of each line are still to be told their new turns; those that the others were told. */
    anew: z
      .object({
        at: z.number(),
        setup: z.number(),
        /** Nothing changed but the count of those who wait: who was promised a turn before then is told. */
        counted: z.boolean().exactOptional(),
        left: ofLines(),
        ...linesPacked().shape,
        promised: used().exactOptional(),
      })
      .exactOptional(),
    version: z.number(),
  }),
);
export type PaceState = z.infer<ReturnType<typeof PaceState>>;
export type Because = Pause["because"];

const TELLING_MS = 30_000;
/** An unclaimed turn is given to somebody else after so long. */
export const GRACE_MS = 5000;

/** Who waits, in the order in which they go. */
export const LINES = ["urgent", "mending", "line"] as const;
export type Line = (typeof LINES)[number];

export function ofEach<Value>(make: (name: Line) => Value): Record<Line, Value> {
  return { urgent: make("urgent"), mending: make("mending"), line: make("line") };
}

export type Anew = Omit<NonNullable<PaceState["anew"]>, Line> & { told: Record<Line, Run[]> };

export type Book = Omit<PaceState, "grants" | Line | "again" | "anew" | "version"> & {
  grants: Run[];
  line: Run[];
  ahead: number;
  urgent: Run[];
  mending: Run[];
  again: Record<Line, Run[]>;
  anew?: Anew;
};

/** Until then nobody takes a turn for unclaimed only because its owner has not been told of it. */
export function isTelling({ anew }: Pick<Book, "anew">, now: number): boolean {
  return anew !== undefined && Math.abs(now - anew.at) < TELLING_MS;
}

/** Only the vendor may hold such a credential. */
export function isFree({ windows, spacing, quotas, slowStart }: PaceRules): boolean {
  return windows.length === 0 && !spacing && quotas.length === 0 && !slowStart;
}

export function blankPace(): PaceState {
  return { grants: "", version: 0 };
}

/** The state at `now`: what lies in the future can only be another clock's word, and is taken for now. */
export function open(state: PaceState, rules: PaceRules, now: number): Book {
  const { grants, line, urgent, mending, again, ahead = 0, anew, version: _, ...rest } = state;
  const since = resumed(state, now);
  const { resumedAt = 0 } = since;
  // Whose turn passed while nothing ran comes now, and others still let it pass.
  const notLongGone = ([at]: Run) => Math.max(at, resumedAt) > now - 2 * GRACE_MS;
  const book: Book = {
    ...rest,
    ...since,
    grants: pruned(
      unpackRuns(grants).map(([at, pushes]): Run => [Math.min(at, now), pushes]),
      rules.windows,
      now - GRACE_MS,
      HISTORY_MS,
    ),
    line: unpackRuns(line),
    ahead,
    urgent: unfolded(unpackRuns(urgent).filter(notLongGone), now),
    mending: unfolded(unpackRuns(mending).filter(notLongGone), now),
    again: ofEach((name) => unpackRuns(again?.[name]).filter(([at]) => at > now)),
    ...(anew ? { anew: openAnew(anew) } : {}),
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
    if (changed) {
      Object.assign(book, { line: [], urgent: [], mending: [], again: ofEach(() => []) });
      delete book.anew;
    }
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

function resumed(
  { urgent, mending, seenAt, resumedAt }: PaceState,
  now: number,
): Pick<PaceState, "seenAt" | "resumedAt"> {
  const known = { ...(seenAt === undefined ? {} : { seenAt }), ...(resumedAt === undefined ? {} : { resumedAt }) };
  if (seenAt === undefined || seenAt > now - 2 * GRACE_MS) return known;
  const passed = [...unpackRuns(urgent), ...unpackRuns(mending)].some(([at]) => at > seenAt - GRACE_MS && at <= now);
  return passed ? { ...known, resumedAt: now } : known;
}

/** Turns were promised, there was room, and nobody came for a whole window: those who waited are gone. */
function nobodyComes(book: Book, rules: PaceRules, now: number): boolean {
  if (rules.windows.length === 0 || blockedBy(book, rules, now) || isTelling(book, now)) return false;
  const since = Math.max(
    ...[Math.min(book.lastAt ?? 0, now), book.lineFrom ?? 0, book.pause?.until ?? 0],
    ...rules.quotas.map(({ per }) => periodStart(per, now)),
  );
  return now - since > Math.min(...rules.windows.map(lengthMs)) + 2 * GRACE_MS;
}

export function close(book: Book, rules: PaceRules, version: number, now: number): PaceState {
  const { grants, line, ahead, urgent, mending, again, ...others } = book;
  const { promised, used: spent, lineFrom, anew, ...rest } = others;
  const lastOf = (runs: Run[]) => pruned(runs, rules.windows, runs.at(-1)?.[0] ?? now);
  const kept = lastOf(line);
  const dropped = countOf(line) - countOf(kept);
  return {
    ...rest,
    grants: packRuns(pruned(grants, rules.windows, now - GRACE_MS, HISTORY_MS)),
    ...(kept.length > 0 ? { line: packRuns(kept), lineFrom: lineFrom ?? kept[0]?.[0] ?? now } : {}),
    ...(kept.length > 0 && ahead + dropped > 0 ? { ahead: ahead + dropped } : {}),
    ...(urgent.length > 0 ? { urgent: packRuns(thinned(urgent, rules.windows)) } : {}),
    ...(mending.length > 0 ? { mending: packRuns(thinned(mending, rules.windows)) } : {}),
    ...(LINES.some((name) => again[name].length > 0) ? { again: ofEach((name) => packRuns(lastOf(again[name]))) } : {}),
    ...(spent && Object.keys(spent).length > 0 ? { used: spent } : {}),
    ...(promised && Object.keys(promised).length > 0 ? { promised } : {}),
    ...(anew ? { anew: closeAnew(anew, rules) } : {}),
    version,
  };
}

function openAnew({ urgent, mending, line, ...rest }: NonNullable<PaceState["anew"]>): Anew {
  return { ...rest, told: { urgent: unpackRuns(urgent), mending: unpackRuns(mending), line: unpackRuns(line) } };
}

/** As of a line, only what its last window holds decides where the next turn is. */
function closeAnew({ told, ...rest }: Anew, { windows }: PaceRules): NonNullable<PaceState["anew"]> {
  const pack = (runs: Run[]) => packRuns(pruned(runs, windows, runs.at(-1)?.[0] ?? 0));
  return { ...rest, urgent: pack(told.urgent), mending: pack(told.mending), line: pack(told.line) };
}

/** What forbids every push of the credential now, whoever asks. */
export function blockedBy(book: Book, rules: PaceRules, now: number): Because | undefined {
  if (book.pause && book.pause.until > now) return book.pause.because;
  return leftAt(rules.quotas, now, book.used) <= 0 ? "quota" : undefined;
}
