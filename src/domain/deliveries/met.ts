import type { Table } from "#src/platform/table.ts";
import type { Mention } from "./audience.ts";
import { behind } from "./hash-space.ts";
import { resultsOf } from "./results.ts";
import {
  type Chunk,
  type ChunkRef,
  chunksOf,
  type Fanout,
  membersOf,
  type Range,
  type Result,
  rangesOf,
} from "./store.ts";

/** A member of a chunk whose window counts. */
export type Met = { ref: ChunkRef; chunk: Chunk; result: Result | undefined; member: number; endpoint: string };

/** Goes through the members of a fan-out in the order of their keys. */
export async function* metIn(
  table: Table,
  fanout: Fanout,
  after: string,
  to: string,
  mention: (met: Met) => Promise<Mention | undefined>,
): AsyncGenerator<Mention[], undefined> {
  for (const range of await rangesOf(table, fanout)) {
    if (range.to <= after || range.from >= to) continue;
    for (const [i, window] of range.windows.entries()) {
      const last = endOfWindow(range, i);
      if (last <= after || window.after >= to) continue;
      const found: Mention[] = [];
      for (const met of await membersOfWindow(table, fanout, range, window)) {
        if (met.endpoint <= behind(after) || met.endpoint >= to) continue;
        const one = await mention(met);
        if (one) found.push(one);
      }
      yield found.sort((a, b) => (a.endpoint < b.endpoint ? -1 : 1));
    }
  }
}

/** Up to which key its members lie. Whoever joined late stands in the last one, maybe behind all that the planning met. */
export function endOfWindow({ windows, after, to, done }: Range, i: number): string {
  return windows[i + 1]?.after ?? (done ? to : after);
}

/** Chunks that no window counts are as if they were not there. */
export async function membersOfWindow(
  table: Table,
  { announcementId, revision }: Pick<Fanout, "announcementId" | "revision">,
  range: Range,
  window: Range["windows"][number],
): Promise<Met[]> {
  const [chunks, results] = await Promise.all([
    chunksOf(table, announcementId, revision, range.from, window.after),
    resultsOf(table, announcementId, revision, range.from, { window: window.after, fresh: true }),
  ]);
  return chunks
    .filter(({ ref }) => ref.n < (window.chunks[ref.channel] ?? 0))
    .flatMap(({ ref, chunk }) => {
      const result = results.get(`${ref.channel}#${ref.n}`);
      return membersOf(chunk).map((endpoint, member) => ({ ref, chunk, result, member, endpoint }));
    });
}
