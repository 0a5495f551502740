import { combinedReach } from "#src/domain/subscriptions/reach.ts";
import type { Queue, QueueName } from "#src/platform/queue.ts";
import type { Table, Write } from "#src/platform/table.ts";
import type { Member, Members } from "./audience.ts";
import type { Channel, ChannelName } from "./channel.ts";
import { failingOf, makeChunks, type Planned, withoutRepeats } from "./chunks-of-window.ts";
import { queueChunks } from "./queue-chunks.ts";
import {
  type Chunk,
  type ChunkRef,
  chunkKey,
  chunksOf,
  type Fanout,
  findFanout,
  membersOf,
  type Range,
  rangeItem,
} from "./store.ts";

export type PlanDeps = {
  table: Table;
  queue: (name: QueueName) => Queue;
  channels: Record<ChannelName, Channel>;
  now: () => Date;
};

/** So many members are planned at a time. */
export const WINDOW = 1000;

/** Plans the next window of a range; "conflict" when somebody else plans it. */
export async function planWindow(
  deps: PlanDeps,
  fanout: Fanout,
  range: Range,
  members: Members,
): Promise<Range | "conflict"> {
  const { table } = deps;
  const { announcementId, revision } = fanout;
  const first = range.windows.length === 0;
  const [current, found] = await Promise.all([
    first ? fanout : findFanout(table, announcementId, revision),
    chunksOf(table, announcementId, revision, range.from, range.after),
  ]);
  const { existing, mended } = withoutRepeats(found);
  const cut = current?.supersededBy !== undefined && existing.length === 0;
  const window = cut ? { members: [], ended: true } : await takeWindow(members, existing, fanout);
  const fresh = await reachable(deps, window.members, new Set(existing.flatMap(({ chunk }) => membersOf(chunk))));
  const failing = await failingOf(deps, fresh);
  const chunks = makeChunks(deps, { fanout, range, existing }, fresh, failing);
  // Behind the first window others are being pushed to already, and nobody waits for this one.
  const wait = { patient: !first };
  const put = ({ ref, chunk }: Planned) =>
    table.write([{ put: { ...chunkKey(ref), ...chunk }, if: { absent: true } }], wait).then(({ ok }) => ok);
  // The first one is the claim of the window: of two workers only one goes on to the others.
  const [claim, ...others] = chunks;
  if (claim && !(await put(claim))) return "conflict";
  if ((await Promise.all(others.map(put))).includes(false)) return "conflict";
  const next = advanced(range, [...existing, ...chunks], window, deps.now());
  const progress: Write = {
    put: rangeItem(announcementId, revision, next),
    if: range.version === 0 ? { absent: true } : { version: range.version },
  };
  const mendings = mended.map(({ ref, chunk }): Write => ({ put: { ...chunkKey(ref), ...chunk } }));
  if (!(await table.write([progress, ...mendings], wait)).ok) return "conflict";
  await queueChunks(deps, fanout, chunks, existing);
  return next;
}

/** At least a window full, and in a second run at least as far as the first run's chunks reach. */
function takeWindow(
  members: Members,
  existing: { chunk: Chunk }[],
  fanout: Fanout,
): Promise<{ members: Member[]; ended: boolean }> {
  const least = lastMember(existing, "");
  return members.take(
    (taken) => taken.length < WINDOW || (taken.at(-1)?.endpoint ?? "") < least,
    // A withdrawal speaks only to those who saw what it takes back.
    ({ saw }) => fanout.kind !== "withdrawn" || saw,
  );
}

/** Leaves out who is planned already, and looks up who is known by name or by an earlier revision only. */
async function reachable(deps: PlanDeps, members: Member[], planned: Set<string>): Promise<Member[]> {
  const fresh = members.filter(({ endpoint }) => !planned.has(endpoint));
  const unknown = fresh.filter(({ reach }) => !reach);
  for (let from = 0; from < unknown.length; from += 50) {
    await Promise.all(
      unknown.slice(from, from + 50).map(async (member) => {
        const found = await combinedReach(deps.table, member.endpoint);
        if (found) Object.assign(member, { channel: found.channel, reach: found.reach });
      }),
    );
  }
  return fresh.filter(({ channel }) => channel in deps.channels);
}

function advanced(
  range: Range,
  chunks: { ref: ChunkRef; chunk: Chunk }[],
  window: { members: Member[]; ended: boolean },
  now: Date,
): Range {
  const planned = { ...range.planned };
  const counts: Record<string, number> = {};
  for (const { ref, chunk } of chunks) {
    counts[ref.channel] = (counts[ref.channel] ?? 0) + 1;
    planned[ref.channel] = (planned[ref.channel] ?? 0) + chunk.members.length / 16;
  }
  const last = window.members.at(-1)?.endpoint ?? range.after;
  return {
    ...range,
    after: window.ended ? lastMember(chunks, last) : last,
    done: window.ended,
    windows: chunks.length > 0 ? [...range.windows, { after: range.after, chunks: counts }] : range.windows,
    planned,
    updatedAt: now.toISOString(),
    version: range.version + 1,
  };
}

function lastMember(chunks: { chunk: Chunk }[], least: string): string {
  return [least, ...chunks.map(({ chunk }) => chunk.members.slice(-16))].sort().at(-1) ?? least;
}
