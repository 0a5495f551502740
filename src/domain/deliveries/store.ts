import { z } from "zod";
import { Fallback } from "#src/domain/subscriptions/subscription.ts";
import { join, keys } from "#src/platform/keys.ts";
import type { Item, Table } from "#src/platform/table.ts";
import { schema } from "#src/schema.ts";

const counts = schema(() => z.record(z.string(), z.number()));

/** One per revision. It stands in the index of open fan-outs until everything about it is settled. */
export const Fanout = schema(() =>
  z.object({
    announcementId: z.string(),
    revision: z.number(),
    kind: z.enum(["published", "corrected", "withdrawn", "digest"]),
    topics: z.array(z.string()),
    /** Endpoint keys that are meant whatever they subscribe to. */
    endpoints: z.array(z.string()),
    plannedAt: z.string(),
    /** When its revision was published: from here on it is counted how fast the pushes were. */
    publishedAt: z.string().exactOptional(),
    /** For named people, not for the public: no public figure counts it. */
    internal: z.literal(true).exactOptional(),
    /** Its work goes before everything routine. */
    urgent: z.literal(true).exactOptional(),
    /** The newer revision that took over: what is still waiting here is suppressed. */
    supersededBy: z.number().exactOptional(),
    /** Of a digest: items (`itemName`) that a newer revision replaced after they were planned; nobody gets them any more. */
    dropped: z.array(z.string()).exactOptional(),
    closedAt: z.string().exactOptional(),
    /** Totals per channel, once closed. */
    totals: z.record(z.string(), counts()).exactOptional(),
    /** When the sweep looks at it next; none once it is closed. */
    checkAt: z.string().exactOptional(),
    sweeps: z.number(),
    version: z.number(),
  }),
);
export type Fanout = z.infer<ReturnType<typeof Fanout>>;

export function fanoutItem(fanout: Fanout, nextCheckAt: Date | undefined): Item {
  const { checkAt: _, ...kept } = fanout;
  const { announcementId, revision } = kept;
  const item = { ...keys.fanout(announcementId, revision), ...kept };
  if (!nextCheckAt) return item;
  const checkAt = nextCheckAt.toISOString();
  return { ...item, checkAt, index: keys.openFanout(checkAt, announcementId, revision) };
}

export async function findFanout(table: Table, id: string, revision: number): Promise<Fanout | undefined> {
  const item = await table.get(keys.fanout(id, revision));
  return item && Fanout().parse(item);
}

/**
 * A range of endpoint keys, (from, to), and how far it is planned. Only chunks that a window names count: one that a
 * worker left behind after losing its range is as if it were not there.
 */
export const Range = schema(() =>
  z.object({
    from: z.string(),
    to: z.string(),
    /** Everything up to this key is planned. */
    after: z.string(),
    done: z.boolean(),
    /** Windows in order: the key before the first member, and the number of chunks per channel. */
    windows: z.array(z.object({ after: z.string(), chunks: counts() })),
    /** Members planned, per channel. */
    planned: counts(),
    /** Totals per channel, once nothing in the range waits or is held any more. */
    settled: z.record(z.string(), counts()).exactOptional(),
    updatedAt: z.string(),
    version: z.number(),
  }),
);
export type Range = z.infer<ReturnType<typeof Range>>;

export function rangeItem(id: string, revision: number, range: Range): Item {
  return { ...keys.range(id, revision, range.from), ...range };
}

/** The whole hash space, as it is before the first window; its row is written with that window. */
export function wholeRange(plannedAt: string): Range {
  return { from: "", to: "~", after: "", done: false, windows: [], planned: {}, updatedAt: plannedAt, version: 0 };
}

export async function findRange(table: Table, id: string, revision: number, from: string): Promise<Range | undefined> {
  const item = await table.get(keys.range(id, revision, from));
  return item && Range().parse(item);
}

/** Every range of a fan-out, in order; a fan-out that nobody began yet has the whole one. */
export async function rangesOf(table: Table, fanout: Fanout, fresh = true): Promise<Range[]> {
  const { pk } = keys.fanout(fanout.announcementId, fanout.revision);
  const ranges: Range[] = [];
  for (let after: string | undefined; ; ) {
    const page = await table.query({ pk, prefix: "RANGE#", fresh, ...(after === undefined ? {} : { after }) });
    for (const item of page.items) ranges.push(Range().parse(item));
    if (page.next === undefined) break;
    after = page.next;
  }
  return ranges.length > 0 ? ranges : [wholeRange(fanout.plannedAt)];
}

/** Names one chunk. */
export const ChunkRef = schema(() =>
  z.strictObject({
    announcementId: z.string(),
    revision: z.number(),
    range: z.string(),
    window: z.string(),
    channel: z.string(),
    n: z.number(),
  }),
);
export type ChunkRef = z.infer<ReturnType<typeof ChunkRef>>;

export function chunkKey(ref: ChunkRef) {
  return keys.chunk(ref.announcementId, ref.revision, ref.range, ref.window, ref.channel, ref.n);
}

export function resultKey(ref: ChunkRef) {
  return keys.result(ref.announcementId, ref.revision, ref.range, ref.window, ref.channel, ref.n);
}

/** Who is in a chunk: 16 characters each, in order; which topics matched is said once per set of topics. */
export const Chunk = schema(() =>
  z.object({
    members: z.string(),
    sets: z.array(z.array(z.string())),
    /** Position in `sets` for each member, in base 36, two characters each; absent when all have the first set. */
    which: z.string().exactOptional(),
  }),
);
export type Chunk = z.infer<ReturnType<typeof Chunk>>;

export function makeChunk(members: { endpoint: string; matched: string[] }[]): Chunk {
  const sets = new Map<string, number>();
  const which = members.map(({ matched }) => {
    const text = matched.join("\n");
    const known = sets.get(text);
    if (known !== undefined) return known;
    sets.set(text, sets.size);
    return sets.size - 1;
  });
  const chunk: Chunk = {
    members: members.map(({ endpoint }) => endpoint).join(""),
    sets: [...sets.keys()].map((text) => (text === "" ? [] : text.split("\n"))),
  };
  if (chunk.sets.length > 1) chunk.which = which.map((set) => set.toString(36).padStart(2, "0")).join("");
  return chunk;
}

export function membersOf(chunk: Chunk): string[] {
  const members: string[] = [];
  for (let i = 0; i < chunk.members.length; i += 16) members.push(chunk.members.slice(i, i + 16));
  return members;
}

export function matchedOf(chunk: Chunk, member: number): string[] {
  const set = chunk.which === undefined ? 0 : Number.parseInt(chunk.which.slice(member * 2, member * 2 + 2), 36);
  return chunk.sets[set] ?? [];
}

export async function findChunk(table: Table, ref: ChunkRef): Promise<Chunk | undefined> {
  const item = await table.get(chunkKey(ref));
  return item && Chunk().parse(item);
}

/**
 * What came of a chunk. While `until` stands, one worker (`by`) has it and is the only one who writes; an `until` in the
 * past without an end means that the worker died, and what it had not written down is in doubt.
 */
export const Result = schema(() =>
  z.object({
    /** One letter per member (states.ts). */
    letters: z.string(),
    by: z.string().exactOptional(),
    /** Milliseconds since 1970. */
    until: z.number().exactOptional(),
    startedAt: z.number(),
    /** A worker lost it once: who was never written down may have been sent to by that one. */
    lost: z.literal(true).exactOptional(),
    /** The answer code that most got (200 when absent), and the others' by position in base 36. */
    usual: z.number().exactOptional(),
    codes: z.record(z.string(), z.number()).exactOptional(),
    /** First attempts, in base 36: milliseconds from one start to the next, and how long each took. */
    starts: z.string().exactOptional(),
    took: z.string().exactOptional(),
    /** The date of the digest that this chunk's members `g` or `k` wait for, by frequency. */
    digests: z.record(z.string(), z.string()).exactOptional(),
    /** Of a digest: members whose message went out without an item, and what that item came to for them (`omitted`). */
    without: z.record(z.string(), z.string()).exactOptional(),
    version: z.number(),
  }),
);
export type Result = z.infer<ReturnType<typeof Result>>;

export function resultItem(ref: ChunkRef, result: Result): Item {
  return { ...resultKey(ref), ...result };
}

export async function findResult(table: Table, ref: ChunkRef): Promise<Result | undefined> {
  const item = await table.get(resultKey(ref));
  return item && Result().parse(item);
}

export const Attempt = schema(() =>
  z.object({
    at: z.string(),
    outcome: z.enum(["delivered", "accepted", "gone", "rejected", "retry", "unknown"]),
    status: z.number().exactOptional(),
    ms: z.number(),
    error: z.string().exactOptional(),
    trigger: z.enum(["plan", "schedule", "release", "person", "receipt"]),
    /** The vendor stopped the whole credential: that says nothing of this delivery, and costs it no try. */
    pause: z.enum(["rate", "quota", "configuration"]).exactOptional(),
    /** The receiver named a time before the schedule's own: the attempt after this one is one more, and costs no try. */
    sooner: z.literal(true).exactOptional(),
    /** Nobody knows whether it was made: its worker died. */
    lost: z.literal(true).exactOptional(),
    /** What a person gave as the reason, and who that was. */
    note: z.string().exactOptional(),
    by: z.string().exactOptional(),
    byName: z.string().exactOptional(),
  }),
);
export type Attempt = z.infer<ReturnType<typeof Attempt>>;

/** A delivery with a row of its own, because it is more than one good answer. */
export const Delivery = schema(() =>
  z.object({
    ref: ChunkRef(),
    endpoint: z.string(),
    state: z.enum(["waiting", "held", "delivered", "failed", "unknown", "suppressed"]),
    attempts: z.array(Attempt()),
    /** When it is tried again or released. */
    dueAt: z.string().exactOptional(),
    /** What it waits for where the pace of its credential gave it a turn (`dueAt`), or where the vendor stopped that while it was pushed. */
    waitsFor: z.enum(["rate", "quota", "configuration"]).exactOptional(),
    /** Version of the channel's settings by which its turn was given. */
    setup: z.number().exactOptional(),
    /** When it was given that turn, where no attempt tells. */
    promisedAt: z.string().exactOptional(),
    /** Its turn is one of those who may have a text that is wrong now. */
    mends: z.literal(true).exactOptional(),
    /** The first choice that it stands in for and waits for. */
    after: Fallback().exactOptional(),
    /** The endpoint that went out in its place. */
    takenBy: z.string().exactOptional(),
    /** Whether the next attempt was asked for by a person. */
    byHand: z.boolean().exactOptional(),
    version: z.number(),
  }),
);
export type Delivery = z.infer<ReturnType<typeof Delivery>>;

/** So much later than a message the sweep looks after what the message should have done. */
export const SWEEP_GRACE_MS = 60_000;

/** The same for a turn of a credential: nothing goes out in its place. */
export const TURN_GRACE_MS = 10_000;

/** Turns of one chunk that lie within so long are asked for together: who comes early is let go or waits for its own. */
export const TURNS_TOGETHER_MS = 2000;

/** The index of deliveries that are due. */
export const DUE_PARTITIONS = 8;

export function duePartition(partition: number): string {
  return `DUE#${partition}`;
}

export function deliveryKey(ref: ChunkRef, endpoint: string) {
  return keys.delivery(ref.announcementId, ref.revision, ref.range, endpoint);
}

/** `lookAt`: when the sweep looks at it, if nobody did before. */
export function deliveryItem(delivery: Delivery, lookAt: Date | undefined): Item {
  const { ref, endpoint } = delivery;
  return {
    ...deliveryKey(ref, endpoint),
    ...delivery,
    ...(lookAt ? { index: keys.due(lookAt.toISOString(), ref.announcementId, ref.revision, endpoint) } : {}),
  };
}

/** Every chunk that stands under a window, by channel and number, counted by its range or not. */
export async function chunksOf(
  table: Table,
  id: string,
  revision: number,
  range: string,
  window: string,
): Promise<{ ref: ChunkRef; chunk: Chunk }[]> {
  const prefix = `${join("CHUNK", window)}#`;
  const found: { ref: ChunkRef; chunk: Chunk }[] = [];
  for (let after: string | undefined; ; ) {
    const page = await table.query({
      pk: keys.chunkPartition(id, revision, range),
      prefix,
      fresh: true,
      ...(after === undefined ? {} : { after }),
    });
    for (const item of page.items) {
      const [channel = "", n = "0"] = item.sk.slice(prefix.length).split("#");
      found.push({
        ref: { announcementId: id, revision, range, window, channel, n: Number(n) },
        chunk: Chunk().parse(item),
      });
    }
    if (page.next === undefined) return found;
    after = page.next;
  }
}
