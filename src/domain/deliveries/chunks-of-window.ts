import { marksBetween } from "#src/domain/subscriptions/store.ts";
import type { Table } from "#src/platform/table.ts";
import type { Member } from "./audience.ts";
import type { Channel, ChannelName } from "./channel.ts";
import { type Chunk, type ChunkRef, type Fanout, makeChunk, matchedOf, membersOf, type Range } from "./store.ts";

type Channels = { channels: Record<ChannelName, Channel> };

const SETS_BYTES = 100_000;

/** A chunk that stands under a window already. */
export type Standing = { ref: ChunkRef; chunk: Chunk };

/**
 * A planner that was taken for dead may have gone on beside the next one, with members who have changed in between: who stands
 * in two chunks stays in the first. The others are put anew together with the range, after which nobody else plans this window.
 */
export function withoutRepeats(found: Standing[]): { existing: Standing[]; mended: Standing[] } {
  const met = new Set<string>();
  const mended: Standing[] = [];
  const existing = found.map((standing) => {
    const { ref, chunk } = standing;
    const members = membersOf(chunk).map((endpoint, i) => ({ endpoint, matched: matchedOf(chunk, i) }));
    const own = members.filter(({ endpoint }) => !met.has(endpoint));
    for (const { endpoint } of own) met.add(endpoint);
    if (own.length === members.length) return standing;
    const smaller = { ref, chunk: makeChunk(own) };
    mended.push(smaller);
    return smaller;
  });
  return { existing, mended };
}

/** `late`: its members keep failing. */
export type Planned = { ref: ChunkRef; chunk: Chunk; members: Member[]; late?: boolean };

/** Shares the members of a window out to chunks of their channels, beside those that exist. */
export function makeChunks(
  deps: Channels,
  at: { fanout: Fanout; range: Range; existing: { ref: ChunkRef }[] },
  members: Member[],
  failing: ReadonlySet<string>,
): Planned[] {
  const byChannel = Map.groupBy(members, ({ channel }) => channel as ChannelName);
  const planned: Planned[] = [];
  const { announcementId, revision } = at.fanout;
  for (const channel of [...new Set([...byChannel.keys(), ...at.existing.map(({ ref }) => ref.channel)])].sort()) {
    const taken = new Set(at.existing.filter(({ ref }) => ref.channel === channel).map(({ ref }) => ref.n));
    const highest = Math.max(-1, ...taken);
    const own = byChannel.get(channel as ChannelName) ?? [];
    const rest = own.filter(({ endpoint }) => !failing.has(endpoint));
    const apart = own.filter(({ endpoint }) => failing.has(endpoint));
    const size = Math.min(100, deps.channels[channel as ChannelName].limits.chunk);
    // Numbers have no gaps, or a range could not say by a count which chunks it planned: a gap that nobody fills is put empty.
    for (let n = 0; rest.length > 0 || apart.length > 0 || n < highest; n++) {
      if (taken.has(n)) continue;
      const late = rest.length === 0 && apart.length > 0;
      const from = late ? apart : rest;
      const part = from.splice(0, fitting(from, size));
      const ref = { announcementId, revision, range: at.range.from, window: at.range.after, channel, n };
      planned.push({ ref, chunk: makeChunk(part), members: part, ...(late ? { late } : {}) });
    }
  }
  return planned;
}

/** How many of these make one chunk: their lists of topics or items must fit into an item and a message, too. */
function fitting(members: Member[], most: number): number {
  const sets = new Set<string>();
  let bytes = 0;
  for (const [i, { matched }] of members.slice(0, most).entries()) {
    const text = matched.join("\n");
    if (!sets.has(text)) bytes += Buffer.byteLength(text);
    sets.add(text);
    if (i > 0 && bytes > SETS_BYTES) return i;
  }
  return most;
}

/** Endpoints that keep failing, where they have a queue of their own: whoever shares a call with one waits for its silence. */
export async function failingOf(
  { table, channels }: Channels & { table: Table },
  members: Member[],
): Promise<ReadonlySet<string>> {
  const apart = members.filter(({ channel }) => channels[channel as ChannelName].lateQueue !== undefined);
  const [first, last] = [apart[0], apart.at(-1)];
  if (!first || !last) return new Set();
  const marks = await marksBetween(table, first.endpoint, last.endpoint);
  return new Set([...marks].flatMap(([endpoint, { state }]) => (state === "failing" ? [endpoint] : [])));
}
