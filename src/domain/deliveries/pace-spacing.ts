import type { Book, PaceRules } from "./pace-book.ts";

/** Milliseconds until the next one after a push at `at`: the channel's spacing, or more of it while it starts slowly. */
export function gapMs(rules: PaceRules, book: Book, at: number, random: () => number): number {
  const [least, most] = rules.spacing ?? [0, 0];
  return Math.ceil(
    1000 * Math.max(least + random() * (most - least), slowGap(rules, book, at) * (0.8 + 0.4 * random())),
  );
}

export function mostGapMs(rules: PaceRules, book: Book, at: number): number {
  return Math.ceil(1000 * Math.max(rules.spacing?.[1] ?? 0, slowGap(rules, book, at) * 1.2));
}

/** Seconds between two pushes: from the slow rate up to the full one in a straight line. */
function slowGap({ slowStart, windows }: PaceRules, { slowFrom }: Book, at: number): number {
  if (!slowStart || slowFrom === undefined || at >= slowFrom + slowStart.seconds * 1000) return 0;
  const share = Math.max(0, (at - slowFrom) / (slowStart.seconds * 1000));
  const full = Math.min(...windows.map(({ seconds, count }) => (count * 60) / seconds), 600);
  return 60 / (slowStart.perMinute + Math.max(0, full - slowStart.perMinute) * share);
}
