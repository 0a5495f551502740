import { type Book, LINES, type PaceRules } from "./pace-book.ts";
import { countOf, lengthMs, type Run, roomAt, roomNow } from "./pace-log.ts";
import { counted, quotaAt } from "./pace-quota.ts";
import type { Ask } from "./pace-rules.ts";
import { gapMs } from "./pace-spacing.ts";
import { TURNS_TOGETHER_MS } from "./store.ts";

/** Hundreds who wait do not wake at once. */
export const SPREAD_MS = 50;
export const LEAST_WAIT_MS = 250;
const EARLY_MS = 1000;

/**
 * A turn for one who cannot go now: at the end of its line. A ticket that lost its turn gets the next one there is that no other
 * such ticket has: of thousands who lose theirs, no two come for the same.
 */
export function promise(book: Book, rules: PaceRules, ask: Ask, now: number, random: () => number): number {
  const name = ask.urgent ? "urgent" : ask.mends ? "mending" : "line";
  const before = LINES.slice(0, LINES.indexOf(name)).map((one) => book[one]);
  const isNew = name === "line" && !ask.ticket;
  const turn = ask.ticket
    ? nextAgain(book, rules, before, book.again[name], now, random)
    : turnBehind(book, rules, [...before, book[name]], now, random, isNew);
  const at = Math.max(now + LEAST_WAIT_MS, turn);
  if (ask.ticket) book.again[name] = sorted(book.again[name], [[at, 1]]);
  if (name === "line" && ask.ticket && at < (book.line[0]?.[0] ?? 0)) book.ahead++;
  else book[name] = sorted(book[name], [[at, 1]]);
  if (name !== "line") return at;
  if (isNew) book.lineFrom ??= at;
  book.promised = counted(book.promised, rules.quotas, at, 1);
  return at;
}

/**
 * The next turn there is, unless as many others who lost theirs have one around then as may go: then behind all of these. Around,
 * because a push comes some tenths after its turn, and those behind it a little later each time.
 */
function nextAgain(
  book: Book,
  rules: PaceRules,
  before: Run[][],
  others: Run[],
  now: number,
  random: () => number,
): number {
  const next = turnBehind(book, rules, before, now, random, false);
  const { windows, spacing } = rules;
  const around = (spacing ? spacing[0] * 1000 : Math.min(10_000, ...windows.map(lengthMs))) / 2;
  const near = countOf(others.filter(([at]) => Math.abs(at - next) < around));
  const room = spacing ? 1 : roomNow(sorted(book.grants, ...before), windows, next);
  return near < room ? next + near * SPREAD_MS : turnBehind(book, rules, [...before, others], now, random, false);
}

export function takeTicket(book: Book, rules: PaceRules, { urgent, mends }: Ask, now: number): void {
  // Those who wake together come up to so much before their turn.
  const isDue = ([first]: Run[]) => first !== undefined && first[0] <= now + TURNS_TOGETHER_MS + EARLY_MS;
  if (urgent) book.urgent = withoutFirst(book.urgent);
  else if (mends) book.mending = withoutFirst(book.mending);
  else {
    if (book.ahead > 0) book.ahead--;
    else if (isDue(book.line)) book.line = withoutFirst(book.line);
    if (book.promised) book.promised = counted(book.promised, rules.quotas, now, -1);
  }
}

/** The first moment for one more behind those who were let go and those who wait in `lines`. */
export function turnBehind(
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

export function sorted(...lists: readonly (readonly Run[])[]): Run[] {
  return lists.flat().sort(([a], [b]) => a - b);
}

function withoutFirst(runs: Run[]): Run[] {
  const [first, ...rest] = runs;
  return first && first[1] > 1 ? [[first[0], first[1] - 1], ...rest] : rest;
}
