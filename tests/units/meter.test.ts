import { beforeEach, describe, expect, it } from "vitest";
import { silentLog } from "#src/log.ts";
import { embeddedPlatform } from "#src/platform/embedded/platform.ts";
import { meter, storedBytes } from "#src/platform/meter.ts";
import type { Queue } from "#src/platform/queue.ts";
import type { Table } from "#src/platform/table.ts";

describe("the meter", () => {
  const { counts, reset, ...wrap } = meter();
  let table: Table;
  let queue: Queue;
  beforeEach(() => {
    const platform = embeddedPlatform({ data: ":memory:", now: () => new Date(), log: silentLog });
    table = wrap.table(platform.table);
    queue = wrap.queue(platform.queue("fanout"));
    reset();
  });
  const cost = async (work: () => Promise<unknown>): Promise<Partial<typeof counts>> => {
    reset();
    await work();
    return Object.fromEntries(Object.entries(counts).filter(([, count]) => count > 0));
  };
  const body = (bytes: number): string => "x".repeat(bytes);
  const index = { pk: "I", sk: "1" };

  it("weighs names and values as DynamoDB does", () => {
    expect(storedBytes("告示")).toBe(6);
    expect(storedBytes(12_345)).toBe(4);
    expect(storedBytes(-12)).toBe(3);
    expect(storedBytes([true, null])).toBe(7);
    expect(storedBytes({ ab: "cd" })).toBe(8);
  });

  it("counts a write by the kilobyte, twice in a transaction, by the larger of old and new", async () => {
    expect(await cost(() => table.write([{ put: { pk: "A", sk: "1" } }]))).toEqual({ writeUnits: 1 });
    expect(await cost(() => table.write([{ put: { pk: "A", sk: "1", body: body(2_048) } }]))).toEqual({
      writeUnits: 3,
    });
    expect(await cost(() => table.write([{ put: { pk: "A", sk: "1" } }]))).toEqual({ writeUnits: 3 });
    const two = () =>
      table.write([{ put: { pk: "A", sk: "1" } }, { check: { pk: "A", sk: "2" }, if: { absent: true } }]);
    expect(await cost(two)).toEqual({ writeUnits: 4 });
    expect(await cost(() => table.write([{ put: { pk: "A", sk: "1" }, if: { absent: true } }]))).toEqual({
      writeUnits: 1,
    });
    expect(await cost(() => table.write([{ remove: { pk: "A", sk: "nothing" } }]))).toEqual({ writeUnits: 1 });
    expect(await cost(() => table.write([{ add: { pk: "A", sk: "n" }, numbers: { n: 1 } }]))).toEqual({
      writeUnits: 1,
    });
    const many = Array.from({ length: 30 }, (_, i) => ({ pk: "M", sk: `${i}` }));
    expect(await cost(() => table.putAll(many))).toEqual({ writeUnits: 30 });
  });

  it("adds the copy in the index: put, kept, moved, removed", async () => {
    expect(await cost(() => table.write([{ put: { pk: "A", sk: "1", index } }]))).toEqual({ writeUnits: 2 });
    expect(await cost(() => table.write([{ put: { pk: "A", sk: "1", index, n: 1 } }]))).toEqual({ writeUnits: 2 });
    const moved = { pk: "A", sk: "1", index: { pk: "I", sk: "2" } };
    expect(await cost(() => table.write([{ put: moved }]))).toEqual({ writeUnits: 3 });
    expect(await cost(() => table.write([{ remove: moved }]))).toEqual({ writeUnits: 2 });
  });

  it("counts reads by four kilobytes, half when they need not be fresh", async () => {
    await table.putAll(
      [1, 2, 3].map((n) => ({ pk: "A", sk: `${n}`, index: { pk: "I", sk: `${n}` }, body: body(3_000) })),
    );
    expect(await cost(() => table.get({ pk: "A", sk: "1" }))).toEqual({ readUnits: 1 });
    expect(await cost(() => table.get({ pk: "A", sk: "nothing" }))).toEqual({ readUnits: 1 });
    const keys = ["1", "2", "2", "9"].map((sk) => ({ pk: "A", sk }));
    expect(await cost(() => table.getMany(keys))).toEqual({ readUnits: 3 });
    expect(await cost(() => table.query({ pk: "A", fresh: true }))).toEqual({ readUnits: 3 });
    expect(await cost(() => table.query({ pk: "A" }))).toEqual({ readUnits: 1.5 });
    expect(await cost(() => table.query({ pk: "none" }))).toEqual({ readUnits: 0.5 });
    expect(await cost(() => table.queryIndex({ pk: "I" }))).toEqual({ readUnits: 1.5 });
  });

  it("counts queue requests in batches of ten and steps of 64 KB", async () => {
    const messages = (count: number, bytes: number) => Array.from({ length: count }, () => ({ body: body(bytes) }));
    expect(await cost(() => queue.send(messages(10, 100)))).toEqual({ queueRequests: 1 });
    expect(await cost(() => queue.send(messages(11, 100)))).toEqual({ queueRequests: 2 });
    expect(await cost(() => queue.send(messages(1, 130_000)))).toEqual({ queueRequests: 2 });
    expect(await cost(() => queue.send(messages(3, 100_000)))).toEqual({ queueRequests: 4 + 2 });
    expect(await cost(() => queue.done(["1.1", "2.1"]))).toEqual({ queueRequests: 1 });
  });

  it("counts the calls of handlers, and what an event source mapping asks of a queue for them", async () => {
    const message = { id: "1", receipt: "1.1", body: {}, receives: 1 };
    const handler = wrap.messages(async () => ({ failed: [] }));
    expect(await cost(() => handler([message, { ...message, id: "2" }]))).toEqual({ invocations: 1, queueRequests: 2 });
    const failing = wrap.messages(async () => ({ failed: ["1"] }));
    expect(await cost(() => failing([message]))).toEqual({ invocations: 1, queueRequests: 1 });
    expect(await cost(() => wrap.changes(async () => ({ failed: [] }))([]))).toEqual({ invocations: 1 });
  });
});
