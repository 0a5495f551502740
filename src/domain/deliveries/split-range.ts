import type { Table, Write } from "#src/platform/table.ts";
import { behind, border, place } from "./hash-space.ts";
import { type Fanout, type Range, rangeItem, wholeRange } from "./store.ts";

const ENDPOINTS_A_RANGE = 5000;
// One transaction holds the parent and its children.
const MOST_CHILDREN = 90;

/** A run of planning: it met so many members, reachable or not, from this place on. */
export type Run = { begun: string; met: number };

/**
 * Shares out what is left of a range when it is much, by the density that this run met (reachable or not: both take time, and a
 * row for every window). Answers where the ranges begin that are to be planned next: the range itself when it is little, none
 * when somebody else planned on meanwhile.
 */
export async function splitRange(
  deps: { table: Table; now: () => Date },
  { announcementId, revision }: Pick<Fanout, "announcementId" | "revision">,
  range: Range,
  run: Run,
): Promise<string[]> {
  const borders = bordersIn(range, run);
  if (borders.length < 2) return [range.from];
  const ranges = borders.map((after, i) => ({
    ...wholeRange(deps.now().toISOString()),
    from: after,
    after,
    to: borders[i + 1] ?? range.to,
    version: 1,
  }));
  const parent = { ...range, to: range.after, done: true, version: range.version + 1 };
  const writes: Write[] = ranges.map((child) => ({
    put: rangeItem(announcementId, revision, child),
    if: { absent: true },
  }));
  writes.push({ put: rangeItem(announcementId, revision, parent), if: { version: range.version } });
  return (await deps.table.write(writes)).ok ? borders : [];
}

/** Where the parts of what is left begin; one, when it is little. */
function bordersIn(range: Range, { begun, met }: Run): string[] {
  const from = place(range.after);
  const to = place(range.to);
  const left = (met / Math.max(from - place(begun), 1e-9)) * (to - from);
  const children = Math.min(MOST_CHILDREN, Math.ceil(left / ENDPOINTS_A_RANGE));
  const borders = [range.after];
  for (let i = 1; i < children; i++) {
    const at = border(from + ((to - from) * i) / children);
    if (at > behind(borders.at(-1) ?? "") && at < range.to) borders.push(at);
  }
  return borders;
}
