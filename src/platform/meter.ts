import { keyOf } from "#src/platform/limits.ts";
import type { MessageHandler, Outgoing, Queue } from "#src/platform/queue.ts";
import type { ChangeHandler, Item, Key, Query, Table, Write } from "#src/platform/table.ts";

/** What a flow would be billed on AWS; `invocations` are those of handlers, HTTP not included. */
export type Counts = { writeUnits: number; readUnits: number; queueRequests: number; invocations: number };

/** One item that was written or read: the units it was billed, in the partition where they count; `index` for the index's copy. */
export type Use = { pk: string; sk: string; writeUnits: number; readUnits: number; bytes: number; index?: true };

const KB = 1_024;
const steps = (bytes: number, step: number): number => Math.max(1, Math.ceil(bytes / step));
const sum = (numbers: number[]): number => numbers.reduce((total, number) => total + number, 0);
const json = (value: unknown): number => Buffer.byteLength(JSON.stringify(value));

/** Bytes as DynamoDB counts them: names and texts in UTF-8, two digits a byte, 3 for a list or map and 1 for each entry. */
export function storedBytes(value: unknown): number {
  if (value === undefined) return 0;
  if (typeof value === "string") return Buffer.byteLength(value);
  if (typeof value === "number")
    return Math.ceil(String(Math.abs(value)).replace(/\D/g, "").length / 2) + (value < 0 ? 2 : 1);
  if (typeof value !== "object" || value === null) return 1;
  if (Array.isArray(value)) return 3 + sum(value.map((entry) => 1 + storedBytes(entry)));
  return 3 + sum(Object.entries(value).map(([name, entry]) => 1 + Buffer.byteLength(name) + storedBytes(entry)));
}

/** The map around an item is not counted, its index key stands beside it once more. */
function itemBytes(item: Item | undefined): number {
  if (item === undefined) return 0;
  const attributes = Object.entries(item);
  const index = item.index ? storedBytes(item.index.pk) + storedBytes(item.index.sk) + 6 : 0;
  return index + sum(attributes.map(([name, value]) => Buffer.byteLength(name) + storedBytes(value)));
}

/** Writes to the index copy: one to put or to remove it, two when its key changes. */
function indexUnits(before: Item | undefined, after: Item | undefined): number {
  const put = after?.index ? steps(itemBytes(after), KB) : 0;
  const moved = before?.index && (before.index.pk !== after?.index?.pk || before.index.sk !== after?.index?.sk);
  return put + (moved ? steps(itemBytes(before), KB) : 0);
}

function after(write: Write, before: Item | undefined): Item | undefined {
  if ("put" in write) return write.put;
  if ("remove" in write) return undefined;
  return "check" in write ? before : { ...before, ...write.add, ...write.numbers };
}

/**
 * Wraps the ports and counts what AWS would bill: write units of 1 KB (the larger of old and new item, twice in a
 * transaction, index copies added), read units of 4 KB (half when not fresh), queue requests of 64 KB in batches of
 * 10 and 256 KB. Reads the old item to know its size, so it is for tests and benchmarks. `tell` hears of every item, to find
 * partitions that get too much; what a query read is told of its last item's partition, once.
 */
export function meter(tell: (use: Use) => void = () => {}) {
  const counts: Counts = { writeUnits: 0, readUnits: 0, queueRequests: 0, invocations: 0 };

  const table = (inner: Table): Table => {
    const countWrites = async (writes: Write[], factor: number): Promise<void> => {
      const stored = await inner.getMany(writes.map(keyOf));
      for (const [position, write] of writes.entries()) {
        const before = stored[position];
        const next = after(write, before);
        const bytes = Math.max(itemBytes(before), itemBytes(next));
        const own = factor * steps(bytes, KB);
        const copied = "check" in write ? 0 : indexUnits(before, next);
        counts.writeUnits += own + copied;
        const { pk, sk } = keyOf(write);
        tell({ pk, sk, writeUnits: own, readUnits: 0, bytes });
        const index = next?.index ?? before?.index;
        if (copied > 0 && index) tell({ ...index, writeUnits: copied, readUnits: 0, bytes, index: true });
      }
    };
    const countRead = (items: (Item | undefined)[], fresh: boolean, at: Key, index?: true): void => {
      const bytes = sum(items.map(itemBytes));
      const readUnits = steps(bytes, 4 * KB) * (fresh ? 1 : 0.5);
      counts.readUnits += readUnits;
      tell({ pk: at.pk, sk: at.sk, writeUnits: 0, readUnits, bytes, ...(index ? { index } : {}) });
    };
    const paged =
      (read: Table["query"], isFresh: (query: Query) => boolean, index?: true): Table["query"] =>
      async (query) => {
        const page = await read(query);
        countRead(page.items, isFresh(query), { pk: query.pk, sk: page.items.at(-1)?.sk ?? query.prefix ?? "" }, index);
        return page;
      };
    return {
      get: async (key) => {
        const item = await inner.get(key);
        countRead([item], true, key);
        return item;
      },
      getMany: async (keys) => {
        const items = await inner.getMany(keys);
        const distinct = new Map(keys.map(({ pk, sk }: Key, position) => [JSON.stringify([pk, sk]), items[position]]));
        for (const [key, item] of distinct) {
          const [pk, sk] = JSON.parse(key) as [string, string];
          countRead([item], true, { pk, sk });
        }
        return items;
      },
      query: paged(inner.query, ({ fresh }) => fresh === true),
      queryIndex: paged(inner.queryIndex, () => false, true),
      write: async (writes, options) => {
        await countWrites(writes, writes.length > 1 ? 2 : 1);
        return inner.write(writes, options);
      },
      putAll: async (items, options) => {
        await countWrites(
          items.map((put) => ({ put })),
          1,
        );
        await inner.putAll(items, options);
      },
    };
  };

  const queue = (inner: Queue): Queue => ({
    send: async (messages) => {
      counts.queueRequests += sum(batches(messages).map((bytes) => steps(bytes, 64 * KB)));
      await inner.send(messages);
    },
    receive: async (options) => {
      const messages = await inner.receive(options);
      counts.queueRequests += steps(sum(messages.map(({ body }) => json(body))), 64 * KB) * Math.ceil(options.max / 10);
      return messages;
    },
    done: async (receipts) => {
      counts.queueRequests += Math.ceil(receipts.length / 10);
      await inner.done(receipts);
    },
    postpone: async (receipt, seconds) => {
      counts.queueRequests += 1;
      await inner.postpone(receipt, seconds);
    },
  });

  /** A queue's handler as an event source mapping calls it: one invocation, one receive, one delete. */
  const messages =
    (inner: MessageHandler): MessageHandler =>
    async (batch) => {
      counts.invocations += 1;
      counts.queueRequests += steps(sum(batch.map(({ body }) => json(body))), 64 * KB);
      const answer = await inner(batch);
      counts.queueRequests += answer.failed.length < batch.length ? 1 : 0;
      return answer;
    };

  /** The feed's handler; reading the stream costs a function nothing. */
  const changes =
    (inner: ChangeHandler): ChangeHandler =>
    async (batch) => {
      counts.invocations += 1;
      return inner(batch);
    };

  const reset = (): void => {
    Object.assign(counts, { writeUnits: 0, readUnits: 0, queueRequests: 0, invocations: 0 });
  };
  return { counts, table, queue, messages, changes, reset };
}

/** Bytes of each request that sends these messages. */
function batches(messages: Outgoing[]): number[] {
  const found: { count: number; bytes: number }[] = [];
  for (const { body } of messages) {
    const bytes = json(body);
    const last = found.at(-1);
    if (last && last.count < 10 && last.bytes + bytes <= 256 * KB) {
      last.count += 1;
      last.bytes += bytes;
    } else found.push({ count: 1, bytes });
  }
  return found.map(({ bytes }) => bytes);
}
