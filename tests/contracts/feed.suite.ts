import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Change, ChangeHandler, Item, Table } from "#src/platform/table.ts";

export type OpenFeed = () => Promise<{
  table: Table;
  /** Starts the feed's one consumer; called once. */
  feed(handler: ChangeHandler): void | Promise<void>;
  close(): Promise<void>;
}>;

const WAIT = { timeout: 20_000, interval: 10 };
const n = (change: Change): number => Number(change.item["n"]);
const ok = { failed: [] };

/** What every change feed must do. Each test opens one of its own. */
export function feedContract(name: string, open: OpenFeed): void {
  describe(`${name}: the change feed`, () => {
    let opened: Awaited<ReturnType<OpenFeed>>;
    let pk = "";
    let counter = 0;
    beforeEach(async () => {
      opened = await open();
      pk = `FEED#${process.pid}#${Date.now()}#${counter++}`;
    });
    afterEach(() => opened.close());

    /** The changes of this test, in the order in which they were told. */
    const listen = async (answer: (changes: Change[]) => string[] = () => []): Promise<Change[]> => {
      const told: Change[] = [];
      await opened.feed(async (changes) => {
        const own = changes.filter(({ item }) => item.pk === pk);
        told.push(...own);
        return { failed: answer(own) };
      });
      return told;
    };
    const put = (sk: string, number: number, more: Partial<Item> = {}) =>
      opened.table.write([{ put: { pk, sk, n: number, feed: "test", ...more } }]);

    it("tells every put that asks for it, with the item as it was right then", async () => {
      const told = await listen();
      await put("a", 1, { list: ["甲"] });
      await put("a", 2);
      await opened.table.write([{ put: { pk, sk: "silent" } }, { put: { pk, sk: "b", n: 3, feed: "other" } }]);
      await opened.table.write([{ remove: { pk, sk: "a" } }]);
      await opened.table.putAll([{ pk, sk: "c", n: 4, feed: "test" }]);
      await expect.poll(() => told.length, WAIT).toBeGreaterThanOrEqual(4);
      expect(told.map(n).toSorted()).toEqual([1, 2, 3, 4]);
      expect(told.find((change) => n(change) === 1)?.item).toEqual({ pk, sk: "a", n: 1, feed: "test", list: ["甲"] });
      expect(told.find((change) => n(change) === 3)?.item).toEqual({ pk, sk: "b", n: 3, feed: "other" });
      expect(new Set(told.map(({ id }) => id)).size).toBe(4);
    });

    it("tells nothing of a write whose condition failed", async () => {
      const told = await listen();
      await put("a", 1);
      const refused = await opened.table.write([
        { put: { pk, sk: "x", n: 2, feed: "test" } },
        { put: { pk, sk: "a", n: 3, feed: "test" }, if: { absent: true } },
      ]);
      expect(refused).toEqual({ ok: false, failed: [1] });
      const both = await opened.table.write([
        { put: { pk, sk: "y", n: 4, feed: "test" }, if: { absent: true } },
        { put: { pk, sk: "a", n: 5, feed: "test" }, if: { absent: true } },
      ]);
      expect(both).toEqual({ ok: false, failed: [1] });
      await put("b", 6);
      await expect.poll(() => told.map(n), WAIT).toContain(6);
      expect(told.map(n)).toEqual([1, 6]);
    });

    it("keeps the order of each item over hundreds of changes, in batches of at most 100", async () => {
      let largest = 0;
      const told = await listen((changes) => {
        largest = Math.max(largest, changes.length);
        return [];
      });
      for (let round = 0; round < 40; round++) {
        await Promise.all(Array.from({ length: 8 }, (_, item) => put(`item ${item}`, round)));
      }
      await expect.poll(() => told.length, WAIT).toBe(320);
      for (let item = 0; item < 8; item++) {
        const own = told.filter(({ item: { sk } }) => sk === `item ${item}`).map(n);
        expect(own).toEqual(Array.from({ length: 40 }, (_, round) => round));
      }
      expect(largest).toBeLessThanOrEqual(100);
    });

    it("tells a failed change again until it succeeds, and no later one of its item is done with before", async () => {
      const done: number[] = [];
      let refusals = 0;
      const told = await listen((changes) => {
        const poison = changes.find((change) => n(change) === 1);
        const failed = poison !== undefined && ++refusals <= 2 ? [poison.id] : [];
        done.push(...changes.filter(({ id }) => !failed.includes(id)).map(n));
        return failed;
      });
      await opened.table.write([
        { put: { pk, sk: "a", n: 1, feed: "test" } },
        { put: { pk, sk: "b", n: 10, feed: "test" } },
      ]);
      await put("a", 2);
      await put("b", 11);
      await expect.poll(() => [1, 2, 10, 11].every((number) => done.includes(number)), WAIT).toBe(true);
      expect(refusals).toBe(3);
      expect(told.filter((change) => n(change) === 1).length).toBe(3);
      expect(done.lastIndexOf(2)).toBeGreaterThan(done.indexOf(1));
      expect(done.lastIndexOf(11)).toBeGreaterThan(done.indexOf(10));
    });

    it("tells all of a batch again whose handler broke, and loses none", async () => {
      let broken = 2;
      const done: number[] = [];
      await opened.feed(async (changes) => {
        const own = changes.filter(({ item }) => item.pk === pk);
        if (own.length > 0 && broken-- > 0) throw new Error("planned");
        done.push(...own.map(n));
        return ok;
      });
      await Promise.all(Array.from({ length: 20 }, (_, i) => put(`item ${i}`, i)));
      await expect.poll(() => new Set(done).size, WAIT).toBe(20);
    });
  });
}
