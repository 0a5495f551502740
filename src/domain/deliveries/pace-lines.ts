import type { Book, PaceRules } from "./pace-book.ts";
import { type Run, roomAt } from "./pace-log.ts";
import { counted, quotaAt } from "./pace-quota.ts";
import type { Ask } from "./pace-rules.ts";
import { gapMs } from "./pace-spacing.ts";

/** Hundreds who wait do not wake at once. */
export const SPREAD_MS = 50;
export const LEAST_WAIT_MS = 250;

/** A turn for one who cannot go now. A ticket that lost its turn gets the next one there is; the others the end of the line. */
export function promise(book: Book, rules: PaceRules, ask: Ask, now: number, random: () => number): number {
  const soon = now + LEAST_WAIT_MS;
  if (ask.urgent) {
    const at = Math.max(soon, turnBehind(book, rules, [book.urgent], now, random, false));
    book.urgent = sorted(book.urgent, [[at, 1]]);
    return at;
  }
  if (ask.mends) {
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

export function takeTicket(book: Book, rules: PaceRules, { urgent, mends }: Ask, now: number): void {
  const isDue = ([first]: Run[]) => first !== undefined && first[0] <= now + SPREAD_MS * 20;
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
