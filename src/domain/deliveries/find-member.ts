import { keys } from "#src/platform/keys.ts";
import type { Table } from "#src/platform/table.ts";
import { type Chunk, type ChunkRef, chunksOf, type Fanout, findChunk, findRange, membersOf, Range } from "./store.ts";

export type FoundMember = { ref: ChunkRef; chunk: Chunk; member: number; range: Range };

/** Where an endpoint stands in a fan-out: computed from its key, so that it costs two reads among millions. */
export async function findMember(table: Table, fanout: Fanout, endpoint: string): Promise<FoundMember | undefined> {
  const { announcementId, revision } = fanout;
  const { pk, sk } = keys.range(announcementId, revision, endpoint);
  const { items } = await table.query({ pk, prefix: "RANGE#", to: sk, reverse: true, limit: 1, fresh: true });
  const range = items[0] && Range().parse(items[0]);
  const window = range?.windows.findLast(({ after }) => after < endpoint);
  if (!range || !window) return undefined;
  for (const { ref, chunk } of await chunksOf(table, announcementId, revision, range.from, window.after)) {
    if (ref.n >= (window.chunks[ref.channel] ?? 0)) continue;
    const member = membersOf(chunk).indexOf(endpoint);
    if (member >= 0) return { ref, chunk, member, range };
  }
  return undefined;
}

/** The same for whoever knows the chunk: two rows are read, and not the window's chunks. */
export async function memberAt(table: Table, ref: ChunkRef, endpoint: string): Promise<FoundMember | undefined> {
  const { announcementId, revision } = ref;
  const [chunk, range] = await Promise.all([
    findChunk(table, ref),
    findRange(table, announcementId, revision, ref.range),
  ]);
  const window = range?.windows.find(({ after }) => after === ref.window);
  if (!chunk || !range || ref.n >= (window?.chunks[ref.channel] ?? 0)) return undefined;
  const member = membersOf(chunk).indexOf(endpoint);
  return member < 0 ? undefined : { ref, chunk, member, range };
}
