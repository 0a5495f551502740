import { type Book, isFree, LINES, type Line, ofEach, type PaceRules } from "./pace-book.ts";
import { LEAST_WAIT_MS, promise, SPREAD_MS, sorted, turnBehind } from "./pace-lines.ts";
import { countOf, lengthMs, type Run } from "./pace-log.ts";
import { counted, leftAt, nextPeriod, quotaAt } from "./pace-quota.ts";
import { gapMs } from "./pace-spacing.ts";

/** One who was promised a turn by settings of version `setup`, then (`promisedAt`, milliseconds), and has not used it. */
export type Waiter = { urgent: boolean; mends: boolean; setup: number; promisedAt?: number };

/** How many wait in each line; a line that was not counted is left as it is. */
export type Counts = Partial<Record<Line, number>>;

// Until the first of those who wait has been told; who comes anew stays behind the last of them nonetheless.
const HEAD_START_MS = 3000;
// A few turns that nobody has are not worth telling everybody.
const FEW = 0.05;
// Of a period that has just begun or is about to end, another clock may say otherwise.
const EDGE_MS = 10_000;

/**
 * Whether other windows or quotas hold than those that the turns of the book were reckoned by. Then as many turns as it has
 * promised are laid by the new ones, so that whoever comes next is behind all who wait; who waits is told by `promiseAnew`.
 */
export function reckonAnew(book: Book, rules: PaceRules, now: number, random: () => number): void {
  const { setup, by } = rules;
  // A worker that still reads older settings.
  if (setup < (book.setup ?? 0)) return;
  const known = book.by;
  Object.assign(book, { setup, by });
  if (known === undefined || known === by) return;
  layAnew(book, rules, inLine(book, now), now, random);
}

/**
 * Where not as many wait as turns are promised: the others were promised to a process that died before it could write that down, or
 * to a text that was withdrawn. Then, or `anyway`, turns are laid for those who wait, and `promiseAnew` tells them. Answers whether so.
 */
export function dropUnclaimed(
  book: Book,
  rules: PaceRules,
  { waiting: counts, anyway }: { waiting: Counts; anyway: boolean },
  now: number,
  random: () => number,
): boolean {
  if (isFree(rules)) return false;
  const promised = inLine(book, now);
  const waiting = { ...promised, ...counts };
  const isNear = (name: Line) => Math.abs(promised[name] - waiting[name]) <= FEW * waiting[name];
  if (!anyway && LINES.every(isNear)) return false;
  layAnew(book, rules, waiting, now, random);
  if (book.anew) book.anew.counted = true;
  return true;
}

/** Of the turns that have just passed, whoever has one is on its way with it. */
function inLine(book: Book, now: number): Record<Line, number> {
  const toCome = (runs: Run[]) => countOf(runs.filter(([at]) => at > now));
  return ofEach((name) => toCome(book[name]) + (name === "line" ? book.ahead : 0));
}

function layAnew(book: Book, rules: PaceRules, left: Record<Line, number>, now: number, random: () => number): void {
  book.anew = { at: now, setup: rules.setup, left, told: ofEach(() => []) };
  Object.assign(book, { urgent: [], mending: [], line: [], again: ofEach(() => []), ahead: 0 });
  delete book.promised;
  delete book.lineFrom;
  if (isFree(rules)) return;
  for (const name of LINES) layTurns(book, rules, name, name === "line" ? now + HEAD_START_MS : now, random);
}

/** Its turn by the settings that hold now; undefined: the one it has stands. Those who wait ask in the order in which they are to go. */
export function promiseAnew(
  book: Book,
  rules: PaceRules,
  { urgent, mends, setup, promisedAt }: Waiter,
  now: number,
  random: () => number,
): number | undefined {
  const { anew } = book;
  if (!anew || setup > anew.setup) return undefined;
  if (setup === anew.setup && !(anew.counted && promisedAt !== undefined && promisedAt < anew.at)) return undefined;
  const name = urgent ? "urgent" : mends ? "mending" : "line";
  // More wait than the book knew of.
  if (anew.left[name] === 0) return promise(book, rules, { pushes: 1, urgent, mends, ticket: false }, now, random);
  const before = linesBefore(book, name);
  const behind = { ...book, ...(anew.promised ? { promised: anew.promised } : {}) };
  if (!anew.promised) delete behind.promised;
  const turn = turnBehind(behind, rules, [...before, anew.told[name]], now, random, name === "line");
  const at = Math.max(now + LEAST_WAIT_MS, turn);
  anew.told[name] = sorted(anew.told[name], [[at, 1]]);
  anew.left[name]--;
  if (name === "line" && rules.quotas.length > 0) anew.promised = counted(anew.promised, rules.quotas, at, 1);
  return at;
}

function linesBefore(book: Book, name: Line): Run[][] {
  return LINES.slice(0, LINES.indexOf(name)).map((one) => book[one]);
}

/** The turns of a whole line, one behind the other: what `turnBehind` gives, in one step for each however many they are. */
function layTurns(book: Book, rules: PaceRules, name: Line, from: number, random: () => number): void {
  const count = book.anew?.left[name] ?? 0;
  if (count === 0) return;
  const all = sorted(book.grants, ...linesBefore(book, name));
  const first = all.length;
  const windows = rules.windows.map((window) => ({ window, at: 0, pushes: countOf(all) }));
  const allowance = allowanceOf(book, rules, name === "line");
  let last = all.at(-1)?.[0] ?? 0;
  for (let laid = 0; laid < count; laid++) {
    let at = Math.max(from, book.pause?.until ?? 0);
    for (const one of windows) {
      // Behind so many of them the window is full; `at` is the oldest one that it looks back to.
      while (one.pushes - (all[one.at]?.[1] ?? 0) >= one.window.count) one.pushes -= all[one.at++]?.[1] ?? 0;
      if (one.pushes >= one.window.count) at = Math.max(at, (all[one.at]?.[0] ?? 0) + lengthMs(one.window));
      one.pushes++;
    }
    if (last >= from) at = Math.max(at, last + Math.max(SPREAD_MS, gapMs(rules, book, last, random)));
    else at = Math.max(at, book.notBefore ?? 0);
    last = allowance.take(at);
    all.push([last, 1]);
  }
  allowance.note();
  book[name] = all.slice(first);
  if (name === "line") book.lineFrom = book.line[0]?.[0] ?? from;
}

/** What quotas leave to one turn after the other; they are looked up once for a day, and not for each turn. */
function allowanceOf(book: Book, { quotas }: PaceRules, isLine: boolean) {
  let [until, left, taken, lastAt] = [0, 0, 0, 0];
  const note = () => {
    if (taken > 0 && isLine) book.promised = counted(book.promised, quotas, lastAt, taken);
    taken = 0;
  };
  const take = (at: number): number => {
    if (quotas.length === 0) return at;
    if (left <= 0 || at >= until) {
      note();
      at = quotaAt(quotas, at, book.used, isLine ? book.promised : undefined);
      const ends = Math.min(...quotas.map(({ per }) => nextPeriod(per, at))) - EDGE_MS;
      left = ends > at ? leftAt(quotas, at, book.used, isLine ? book.promised : undefined) : 1;
      until = Math.max(ends, at + 1);
    }
    left--;
    taken++;
    lastAt = at;
    return at;
  };
  return { take, note };
}
