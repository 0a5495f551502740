import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { AppError } from "#src/errors.ts";
import { join, keys } from "#src/platform/keys.ts";
import type { Condition, Item, Page, Query, Table, Write } from "#src/platform/table.ts";

export type OpenTable = () => Promise<{
  table: Table;
  close(): Promise<void>;
  /** How long the sparse index may lag behind, in milliseconds. */
  indexLagMs?: number;
}>;

let counter = 0;
/** A partition of this test alone. */
const partition = (): string => join("TEST", process.pid, Date.now(), counter++);
const past = (): number => Math.floor(Date.now() / 1000) - 60;
const future = (): number => Math.floor(Date.now() / 1000) + 3_600;
const text = (bytes: number): string => "x".repeat(bytes);
const sks = (page: Page): string[] => page.items.map(({ sk }) => sk);

async function refusal(work: Promise<unknown>): Promise<[string, string]> {
  try {
    await work;
  } catch (error) {
    return [(error as AppError).kind, (error as AppError).code];
  }
  return ["none", "none"];
}

/** What every table must do, whatever it stands on. */
export function tableContract(name: string, open: OpenTable): void {
  describe(`${name}: the table`, () => {
    let table: Table;
    let close: () => Promise<void>;
    let lag = 0;

    beforeAll(async () => {
      const opened = await open();
      ({ table, close } = opened);
      lag = opened.indexLagMs ?? 0;
    });
    afterAll(() => close());

    const write = (...writes: Write[]) => table.write(writes);
    const put = async (...items: Item[]): Promise<void> => {
      for (let from = 0; from < items.length; from += 100) {
        expect(await table.write(items.slice(from, from + 100).map((item) => ({ put: item })))).toEqual({ ok: true });
      }
    };
    const everything = async (read: (query: Query) => Promise<Page>, query: Query): Promise<string[]> => {
      const found: string[] = [];
      let after: string | undefined;
      do {
        const page = await read(after === undefined ? query : { ...query, after });
        expect(page.items.length).toBeLessThanOrEqual(query.limit ?? 1_000);
        found.push(...sks(page));
        after = page.next;
      } while (after !== undefined);
      return found;
    };
    const indexed = async (query: Query, enough: (page: Page) => boolean): Promise<Page> => {
      const end = Date.now() + lag;
      for (;;) {
        const page = await table.queryIndex(query);
        if (enough(page) || Date.now() > end) return page;
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    };

    describe("one item", () => {
      it("comes back exactly as it was put", async () => {
        const item: Item = {
          pk: partition(),
          sk: "ITEM",
          version: 3,
          title: "告示 😀 “quoted” \\ \u0000 \u2028 é",
          empty: "",
          zero: 0,
          negative: -1.5,
          large: 1_795_464_516_960,
          yes: true,
          no: false,
          nothing: null,
          list: [1, "two", { three: [3] }, [], null],
          nested: { a: { b: { c: "d" } }, empty: {} },
          expiresAt: future(),
        };
        await put(item);
        expect(await table.get(item)).toEqual(item);
        expect((await table.query({ pk: item.pk, fresh: true })).items).toEqual([item]);
      });

      it("is absent before it is put and after it is removed", async () => {
        const key = { pk: partition(), sk: "ITEM" };
        expect(await table.get(key)).toBeUndefined();
        await put({ ...key, a: 1 });
        expect(await write({ remove: key })).toEqual({ ok: true });
        expect(await table.get(key)).toBeUndefined();
        expect(await write({ remove: key })).toEqual({ ok: true });
      });

      it("is replaced whole by the next put", async () => {
        const key = { pk: partition(), sk: "ITEM" };
        await put({ ...key, version: 1, a: 1, b: 2, expiresAt: future() });
        await put({ ...key, c: 3 });
        expect(await table.get(key)).toEqual({ ...key, c: 3 });
      });

      it("takes an item just under 400 KB and refuses one over it, storing nothing", async () => {
        const key = { pk: partition(), sk: "ITEM" };
        await put({ ...key, body: text(390_000) });
        const over = write({ put: { ...key, body: text(400_001) } }, { put: { ...key, sk: "OTHER" } });
        expect(await refusal(over)).toEqual(["too-large", "ITEM_SIZE"]);
        expect(await refusal(write({ put: { ...key, body: "告".repeat(140_000) } }))).toEqual([
          "too-large",
          "ITEM_SIZE",
        ]);
        expect(await refusal(table.putAll([{ ...key, body: text(400_001) }]))).toEqual(["too-large", "ITEM_SIZE"]);
        expect((await table.get(key))?.["body"]).toHaveLength(390_000);
        expect(await table.get({ ...key, sk: "OTHER" })).toBeUndefined();
      });
    });

    describe("conditions", () => {
      const cases: { when: string; stored?: Partial<Item>; condition: Condition; holds: boolean }[] = [
        { when: "absent, and nothing is there", condition: { absent: true }, holds: true },
        { when: "absent, but something is there", stored: {}, condition: { absent: true }, holds: false },
        {
          when: "absent, and what was there has expired",
          stored: { expiresAt: past() },
          condition: { absent: true },
          holds: true,
        },
        {
          when: "absent, but what is there expires later",
          stored: { expiresAt: future() },
          condition: { absent: true },
          holds: false,
        },
        { when: "present, and something is there", stored: {}, condition: { present: true }, holds: true },
        { when: "present, but nothing is there", condition: { present: true }, holds: false },
        {
          when: "present, but what was there has expired",
          stored: { expiresAt: past() },
          condition: { present: true },
          holds: false,
        },
        { when: "version 2, and it is 2", stored: { version: 2 }, condition: { version: 2 }, holds: true },
        { when: "version 2, but it is 3", stored: { version: 3 }, condition: { version: 2 }, holds: false },
        { when: "version 2, but there is none", stored: {}, condition: { version: 2 }, holds: false },
        { when: "version 2, but nothing is there", condition: { version: 2 }, holds: false },
        {
          when: "version 2, but it has expired",
          stored: { version: 2, expiresAt: past() },
          condition: { version: 2 },
          holds: false,
        },
      ];
      for (const { when, stored, condition, holds } of cases) {
        const outcome = holds ? { ok: true } : { ok: false, failed: [0] };
        it(`${when}: put, remove and check ${holds ? "go through" : "are refused"}`, async () => {
          const prepare = async (): Promise<{ pk: string; sk: string }> => {
            const key = { pk: partition(), sk: "ITEM" };
            if (stored) await put({ ...key, ...stored, old: true });
            return key;
          };
          const forPut = await prepare();
          expect(await write({ put: { ...forPut, fresh: true }, if: condition })).toEqual(outcome);
          const after = await table.get(forPut);
          if (holds) expect(after).toEqual({ ...forPut, fresh: true });
          else expect(after?.["fresh"]).toBeUndefined();

          const forRemove = await prepare();
          const before = await table.get(forRemove);
          expect(await write({ remove: forRemove, if: condition })).toEqual(outcome);
          expect(await table.get(forRemove)).toEqual(holds ? undefined : before);

          const forCheck = await prepare();
          const beside = { put: { pk: forCheck.pk, sk: "BESIDE" } };
          expect(await write({ check: forCheck, if: condition }, beside)).toEqual(outcome);
          expect((await table.get({ pk: forCheck.pk, sk: "BESIDE" })) !== undefined).toBe(holds);
        });
      }
    });

    describe("several writes together", () => {
      it("are all stored, or none, and the failing positions are named", async () => {
        const pk = partition();
        await put({ pk, sk: "a", version: 1 }, { pk, sk: "gone" }, { pk, sk: "counter", n: 5 });
        const result = await write(
          { put: { pk, sk: "new" }, if: { absent: true } },
          { put: { pk, sk: "a", version: 3 }, if: { version: 2 } },
          { remove: { pk, sk: "gone" } },
          { check: { pk, sk: "nowhere" }, if: { present: true } },
          { add: { pk, sk: "counter" }, numbers: { n: 1 } },
          { put: { pk, sk: "plain" } },
        );
        expect(result).toEqual({ ok: false, failed: [1, 3] });
        expect(await everything(table.query, { pk, fresh: true })).toEqual(["a", "counter", "gone"]);
        expect(await table.get({ pk, sk: "a" })).toEqual({ pk, sk: "a", version: 1 });
        expect(await table.get({ pk, sk: "counter" })).toEqual({ pk, sk: "counter", n: 5 });
        expect(
          await write(
            { put: { pk, sk: "new" }, if: { absent: true } },
            { put: { pk, sk: "a", version: 2 }, if: { version: 1 } },
            { remove: { pk, sk: "gone" } },
            { check: { pk, sk: "nowhere" }, if: { absent: true } },
            { add: { pk, sk: "counter" }, numbers: { n: 1 } },
          ),
        ).toEqual({ ok: true });
        expect(await everything(table.query, { pk, fresh: true })).toEqual(["a", "counter", "new"]);
        expect(await table.get({ pk, sk: "counter" })).toEqual({ pk, sk: "counter", n: 6 });
      });

      it("undo nothing of others when one condition among unconditional writes fails", async () => {
        const pk = partition();
        const refused = write(
          { put: { pk, sk: "1" } },
          { put: { pk, sk: "2" }, if: { present: true } },
          { put: { pk, sk: "3" } },
        );
        const accepted = write({ put: { pk, sk: "4" } });
        expect(await refused).toEqual({ ok: false, failed: [1] });
        expect(await accepted).toEqual({ ok: true });
        expect(await everything(table.query, { pk, fresh: true })).toEqual(["4"]);
      });

      it("may be 100, not 101 and not none", async () => {
        const pk = partition();
        const many = (count: number): Write[] =>
          Array.from({ length: count }, (_, i) => ({ put: { pk, sk: `item ${i}` }, if: { absent: true } }));
        expect(await table.write(many(100))).toEqual({ ok: true });
        expect(await refusal(table.write(many(101)))).toEqual(["invalid", "WRITE_COUNT"]);
        expect(await refusal(table.write([]))).toEqual(["invalid", "WRITE_COUNT"]);
      });

      it("are refused when they meet one key twice or are over 4 MB together", async () => {
        const pk = partition();
        const twice = write({ put: { pk, sk: "a" } }, { remove: { pk, sk: "a" } });
        expect(await refusal(twice)).toEqual(["invalid", "WRITE_TWICE"]);
        const heavy = Array.from({ length: 11 }, (_, i) => ({ put: { pk, sk: `${i}`, body: text(390_000) } }));
        expect(await refusal(table.write(heavy))).toEqual(["too-large", "WRITE_SIZE"]);
        expect((await table.query({ pk, fresh: true })).items).toEqual([]);
      });

      it("let one of 200 parallel writers win each version", async () => {
        const key = { pk: partition(), sk: "ITEM" };
        const first = await Promise.all(
          Array.from({ length: 200 }, (_, by) => write({ put: { ...key, version: 1, by }, if: { absent: true } })),
        );
        expect(first.filter(({ ok }) => ok)).toHaveLength(1);
        for (const version of [1, 2]) {
          const round = await Promise.all(
            Array.from({ length: 200 }, (_, by) =>
              write(
                { put: { ...key, version: version + 1, by }, if: { version } },
                { add: { ...key, sk: "WINS" }, numbers: { n: 1 } },
              ),
            ),
          );
          expect(round.filter(({ ok }) => ok)).toHaveLength(1);
          const winner = round.findIndex(({ ok }) => ok);
          expect(await table.get(key)).toEqual({ ...key, version: version + 1, by: winner });
        }
        expect(await table.get({ ...key, sk: "WINS" })).toMatchObject({ n: 2 });
      }, 60_000);
    });

    describe("adding to numbers", () => {
      it("makes the item, counts up and down, and leaves the rest alone", async () => {
        const key = { pk: partition(), sk: "COUNTER" };
        expect(await write({ add: key, numbers: { a: 1, b: 0.5 }, expiresAt: future() })).toEqual({ ok: true });
        expect(await table.get(key)).toMatchObject({ ...key, a: 1, b: 0.5 });
        await write({ add: key, numbers: { a: -3, c: 7 } });
        const stored = await table.get(key);
        expect(stored).toMatchObject({ a: -2, b: 0.5, c: 7 });
        expect(stored?.expiresAt).toBeGreaterThan(past());
        const named = { pk: key.pk, sk: "NAMED" };
        await put({ ...named, version: 4, name: "单位", a: 1 });
        await write({ add: named, numbers: { a: 1 } });
        expect(await table.get(named)).toEqual({ ...named, version: 4, name: "单位", a: 2 });
      });

      it("loses nothing under 100 at once", async () => {
        const key = { pk: partition(), sk: "COUNTER" };
        await Promise.all(Array.from({ length: 100 }, () => write({ add: key, numbers: { n: 1 } })));
        expect(await table.get(key)).toEqual({ ...key, n: 100 });
      });

      it("starts from nothing when the counter has expired", async () => {
        const key = { pk: partition(), sk: "COUNTER" };
        await put({ ...key, n: 41, old: true, expiresAt: past() });
        await write({ add: key, numbers: { n: 1 }, expiresAt: future() });
        const stored = await table.get(key);
        expect(stored?.["n"]).toBe(1);
        expect(stored?.["old"]).toBeUndefined();
      });
    });

    describe("expiry", () => {
      it("hides the item from every way of reading while its row is still there", async () => {
        const pk = partition();
        const index = { pk: `${pk}#INDEX`, sk: "1" };
        await put({ pk, sk: "dead", index, expiresAt: past() }, { pk, sk: "living", index, expiresAt: future() });
        expect(await table.get({ pk, sk: "dead" })).toBeUndefined();
        expect(
          await table.getMany([
            { pk, sk: "dead" },
            { pk, sk: "living" },
          ]),
        ).toMatchObject([undefined, { sk: "living" }]);
        expect(await everything(table.query, { pk, fresh: true })).toEqual(["living"]);
        expect(sks(await indexed({ pk: index.pk }, ({ items }) => items.length > 0))).toEqual(["living"]);
      });

      it("does not cut a list short when whole pages have expired", async () => {
        const pk = partition();
        const items = Array.from({ length: 60 }, (_, i): Item => {
          const item: Item = { pk, sk: String(i).padStart(3, "0") };
          return i < 40 ? { ...item, expiresAt: past() } : item;
        });
        await put(...items);
        expect(await everything(table.query, { pk, limit: 10, fresh: true })).toEqual(
          items.slice(40).map(({ sk }) => sk),
        );
      });
    });

    describe("queries", () => {
      // In the order of bytes of UTF-8; U+FFFD stands before an emoji there, behind it in UTF-16.
      const ORDER = [
        "0",
        "A",
        "B",
        "B#1",
        "B#10",
        "B#2",
        "B$",
        "C",
        "a",
        "é",
        "告",
        "告示",
        "\ufffd",
        "😀",
        "😀1",
        "\u{10ffff}",
      ];
      const pk = partition();
      const pages = async (query: Omit<Query, "pk">): Promise<string[]> =>
        everything(table.query, { pk, fresh: true, ...query });
      beforeAll(async () => {
        await put(...ORDER.toReversed().map((sk) => ({ pk, sk, body: sk })));
        await put({ pk: `${pk}#other`, sk: "B" });
      });

      it("read in the order of the keys, forwards and backwards, whatever the size of a page", async () => {
        for (const limit of [1, 2, 3, 7, 1_000]) {
          expect(await pages({ limit })).toEqual(ORDER);
          expect(await pages({ limit, reverse: true })).toEqual(ORDER.toReversed());
        }
      });

      it("keep to a prefix, a lower and an upper bound", async () => {
        expect(await pages({ prefix: "B" })).toEqual(["B", "B#1", "B#10", "B#2", "B$"]);
        expect(await pages({ prefix: "B#" })).toEqual(["B#1", "B#10", "B#2"]);
        expect(await pages({ prefix: "B#", reverse: true, limit: 1 })).toEqual(["B#2", "B#10", "B#1"]);
        expect(await pages({ prefix: "告" })).toEqual(["告", "告示"]);
        expect(await pages({ prefix: "😀" })).toEqual(["😀", "😀1"]);
        expect(await pages({ prefix: "\u{10ffff}" })).toEqual(["\u{10ffff}"]);
        expect(await pages({ prefix: "nothing" })).toEqual([]);
        expect(await pages({ from: "B#10" })).toEqual(ORDER.slice(4));
        expect(await pages({ to: "B#10" })).toEqual(ORDER.slice(0, 4));
        expect(await pages({ from: "B", to: "C" })).toEqual(["B", "B#1", "B#10", "B#2", "B$"]);
        expect(await pages({ from: "C", to: "B" })).toEqual([]);
        expect(await pages({ from: "B#", to: "B#2", prefix: "B" })).toEqual(["B#1", "B#10"]);
        expect(await pages({ prefix: "B", from: "A", to: "Z", limit: 2 })).toEqual(["B", "B#1", "B#10", "B#2", "B$"]);
      });

      it("go on behind a sort key that the caller names, in both directions, within the bounds", async () => {
        expect(await pages({ after: "B#1" })).toEqual(ORDER.slice(4));
        expect(await pages({ after: "B#1", reverse: true })).toEqual(["B", "A", "0"]);
        expect(await pages({ after: "AA", limit: 2 })).toEqual(ORDER.slice(2));
        expect(await pages({ after: "0", prefix: "B#" })).toEqual(["B#1", "B#10", "B#2"]);
        expect(await pages({ after: "B#1", prefix: "B#" })).toEqual(["B#10", "B#2"]);
        expect(await pages({ after: "a", prefix: "B#" })).toEqual([]);
        expect(await pages({ after: "B#2", prefix: "B#", reverse: true })).toEqual(["B#10", "B#1"]);
        expect(await pages({ after: "a", prefix: "B#", reverse: true })).toEqual(["B#2", "B#10", "B#1"]);
        expect(await pages({ after: "B", from: "A", to: "B#2" })).toEqual(["B#1", "B#10"]);
        expect(await pages({ after: "\u{10ffff}" })).toEqual([]);
      });

      it("end a page at about 1 MB, and go on from there", async () => {
        const heavy = partition();
        const items = Array.from({ length: 10 }, (_, i) => ({ pk: heavy, sk: `${i}`, body: text(300_000) }));
        await table.putAll(items);
        const first = await table.query({ pk: heavy, fresh: true });
        expect(first.items.length).toBeGreaterThanOrEqual(3);
        expect(first.items.length).toBeLessThanOrEqual(4);
        expect(first.next).toBeDefined();
        for (const reverse of [false, true]) {
          const found = await everything(table.query, { pk: heavy, fresh: true, reverse });
          expect(found.toSorted()).toEqual(items.map(({ sk }) => sk));
        }
      });

      it("read long lists from both ends, from any place, and from the sparse index, in order", async () => {
        const pk = partition();
        const list = `${pk}#LIST`;
        const items = Array.from({ length: 230 }, (_, n): Item => {
          const sk = String(n).padStart(3, "0");
          return { pk, sk, title: `防电诈提醒 “${n}” 😀`, index: { pk: list, sk } };
        });
        await table.putAll(items);
        await indexed({ pk: list }, (page) => page.items.length === 230);
        const all = items.map(({ sk }) => sk);
        expect((await table.query({ pk, fresh: true })).items).toEqual(items);
        for (const limit of [49, 50, 51, 100, 229, 230]) {
          expect(await everything(table.query, { pk, fresh: true, limit })).toEqual(all);
          expect(await everything(table.query, { pk, fresh: true, limit, reverse: true })).toEqual(all.toReversed());
          expect(await everything(table.queryIndex, { pk: list, limit })).toEqual(all);
          expect(await everything(table.queryIndex, { pk: list, limit, reverse: true })).toEqual(all.toReversed());
        }
        const within = { from: "020", to: "200" };
        expect(await everything(table.queryIndex, { pk: list, limit: 60, ...within })).toEqual(all.slice(20, 200));
        expect(await everything(table.query, { pk, fresh: true, after: "100", ...within })).toEqual(
          all.slice(101, 200),
        );
        const mixed = ["007", "none", "229", "007", ...all.slice(0, 100)].map((sk) => ({ pk, sk }));
        expect(await table.getMany(mixed)).toEqual(mixed.map(({ sk }) => items[all.indexOf(sk)]));
      }, 60_000);

      it("agree with plain sorting for any bounds", async () => {
        const bound = fc.option(fc.constantFrom(...ORDER, "B#", "D", "AA"), { nil: undefined });
        const query = fc.record({
          prefix: bound,
          from: bound,
          to: bound,
          after: bound,
          reverse: fc.boolean(),
          limit: fc.integer({ min: 1, max: 9 }),
        });
        await fc.assert(
          fc.asyncProperty(query, async ({ prefix, from, to, after, reverse, limit }) => {
            const place = (sk: string): Buffer => Buffer.from(sk);
            const expected = ORDER.filter(
              (sk) =>
                (prefix === undefined || sk.startsWith(prefix)) &&
                (from === undefined || Buffer.compare(place(sk), place(from)) >= 0) &&
                (to === undefined || Buffer.compare(place(sk), place(to)) < 0) &&
                (after === undefined || Buffer.compare(place(sk), place(after)) * (reverse ? -1 : 1) > 0),
            );
            const given = Object.fromEntries(
              Object.entries({ prefix, from, to, after }).filter(([, value]) => value !== undefined),
            );
            expect(await pages({ ...given, reverse, limit })).toEqual(reverse ? expected.toReversed() : expected);
          }),
          { numRuns: 150 },
        );
      });
    });

    describe("many items", () => {
      it("250 keys at once come back in their order, doubles and absent ones included", async () => {
        const pk = partition();
        await table.putAll(Array.from({ length: 200 }, (_, n) => ({ pk, sk: `item ${n}`, n })));
        const wanted = Array.from({ length: 250 }, (_, i) => (i * 7) % 230);
        wanted[249] = wanted[0] ?? 0;
        const found = await table.getMany(wanted.map((n) => ({ pk, sk: `item ${n}` })));
        expect(found.map((item) => item?.["n"])).toEqual(wanted.map((n) => (n < 200 ? n : undefined)));
        expect(await table.getMany([])).toEqual([]);
      });

      it("1,000 are put, replaced by a second time, and nothing is lost", async () => {
        const pk = partition();
        const items = (round: number): Item[] =>
          Array.from({ length: 1_000 }, (_, n) => ({ pk, sk: String(n).padStart(4, "0"), round, body: text(200) }));
        await table.putAll([]);
        await table.putAll(items(1));
        await table.putAll(items(2));
        const found = await everything(table.query, { pk, fresh: true });
        expect(found).toEqual(items(2).map(({ sk }) => sk));
        expect((await table.get({ pk, sk: "0999" }))?.["round"]).toBe(2);
      }, 60_000);
    });

    describe("the sparse index", () => {
      it("holds only items that ask for it, whole, in the order of their index keys", async () => {
        const pk = partition();
        const list = `${pk}#LIST`;
        const at = (sk: string, order: string): Item => ({
          pk,
          sk,
          index: { pk: list, sk: order },
          note: `note ${sk}`,
        });
        await put(at("x", "3"), at("y", "1"), at("z", "2"), { pk, sk: "apart", note: "not in it" });
        const page = await indexed({ pk: list }, ({ items }) => items.length === 3);
        expect(page.items).toEqual([at("y", "1"), at("z", "2"), at("x", "3")]);
        expect(sks(await table.queryIndex({ pk: list, reverse: true }))).toEqual(["x", "z", "y"]);
        expect(sks(await table.queryIndex({ pk: list, from: "2" }))).toEqual(["z", "x"]);
        expect(sks(await table.queryIndex({ pk: list, to: "2" }))).toEqual(["y"]);
        expect(sks(await table.queryIndex({ pk: list, prefix: "2" }))).toEqual(["z"]);
        expect(sks(await table.queryIndex({ pk }))).toEqual([]);
      });

      it("follows its item: moved, left, removed, replaced", async () => {
        const pk = partition();
        const [one, two] = [`${pk}#ONE`, `${pk}#TWO`];
        const key = { pk, sk: "ITEM" };
        await put({ ...key, index: { pk: one, sk: "1" }, n: 1 });
        expect(sks(await indexed({ pk: one }, ({ items }) => items.length === 1))).toEqual(["ITEM"]);
        await put({ ...key, index: { pk: two, sk: "1" }, n: 2 });
        expect((await indexed({ pk: two }, ({ items }) => items.length === 1)).items).toMatchObject([{ n: 2 }]);
        expect(sks(await indexed({ pk: one }, ({ items }) => items.length === 0))).toEqual([]);
        await write({ add: key, numbers: { n: 5 } });
        expect((await indexed({ pk: two }, ({ items }) => items[0]?.["n"] === 7)).items).toMatchObject([{ n: 7 }]);
        await put({ ...key, n: 8 });
        expect(sks(await indexed({ pk: two }, ({ items }) => items.length === 0))).toEqual([]);
        await put({ ...key, index: { pk: two, sk: "1" } });
        expect(sks(await indexed({ pk: two }, ({ items }) => items.length === 1))).toEqual(["ITEM"]);
        await write({ remove: key });
        expect(sks(await indexed({ pk: two }, ({ items }) => items.length === 0))).toEqual([]);
      });

      it("pages through items that share one index key, losing and doubling none", async () => {
        const pk = partition();
        const list = `${pk}#LIST`;
        const items = Array.from(
          { length: 25 },
          (_, i): Item => ({ pk, sk: `item ${i}`, index: { pk: list, sk: `${i % 3}` } }),
        );
        await put(...items);
        await indexed({ pk: list }, (page) => page.items.length === 25);
        for (const reverse of [false, true]) {
          for (const limit of [1, 4, 25]) {
            const found = await everything(table.queryIndex, { pk: list, limit, reverse });
            expect(found.toSorted()).toEqual(items.map(({ sk }) => sk).toSorted());
            const order = found.map((sk) => Number(sk.slice(5)) % 3);
            expect(order).toEqual(order.toSorted((a, b) => (reverse ? b - a : a - b)));
          }
        }
        expect(await everything(table.queryIndex, { pk: list, limit: 2, prefix: "1" })).toHaveLength(8);
      });
    });

    describe("keys", () => {
      it("made of separators, emoji and escapes never reach another item", async () => {
        const test = partition();
        const ids = [
          "a",
          "a#b",
          "a|b",
          "a/b",
          "a%b",
          "a%23b",
          "😀",
          "😀#",
          "\ud83d",
          "\ude00",
          "a\u0000b",
          "",
          "#",
          "##",
        ];
        const items = ids.flatMap((one) =>
          ["CURRENT", "x#y", "告#示"].map(
            (two): Item => ({ pk: join(test, one), sk: join("PART", two), says: [one.length, ids.indexOf(one), two] }),
          ),
        );
        await put(...items);
        expect(await table.getMany(items)).toEqual(items);
        for (const item of items) expect((await table.query({ pk: item.pk, fresh: true })).items).toHaveLength(3);
        expect(keys.unit("a#UNIT").pk).not.toBe(keys.unit("a").pk);
      });

      it("of the full length are told apart by their last character; longer and empty ones are refused", async () => {
        const pk = partition();
        const sk = "k".repeat(1_023);
        await put({ pk, sk: `${sk}a`, n: 1 }, { pk, sk: `${sk}b`, n: 2 });
        expect(await table.get({ pk, sk: `${sk}a` })).toMatchObject({ n: 1 });
        expect(await table.get({ pk, sk: `${sk}b` })).toMatchObject({ n: 2 });
        const long = [
          { pk, sk: `${sk}aa` },
          { pk, sk: "告".repeat(342) },
          { pk: "p".repeat(2_049), sk: "1" },
          { pk, sk: "" },
          { pk: "", sk: "1" },
        ];
        for (const key of long) {
          expect(await refusal(write({ put: key }))).toEqual(["invalid", "KEY_LENGTH"]);
          expect(await refusal(table.putAll([key]))).toEqual(["invalid", "KEY_LENGTH"]);
          expect(await refusal(write({ put: { pk, sk: "1", index: key } }))).toEqual(["invalid", "KEY_LENGTH"]);
        }
      });
    });
  });
}
