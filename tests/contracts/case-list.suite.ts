import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { NewCase } from "#src/domain/cases/case.ts";
import { listCases } from "#src/domain/cases/desk.ts";
import { unitListItems } from "#src/domain/cases/listing.ts";
import { submit } from "#src/domain/cases/submit.ts";
import type { Caller } from "#src/domain/members/member.ts";
import type { Bucket } from "#src/platform/bucket.ts";
import { keys } from "#src/platform/keys.ts";
import type { Item, Table } from "#src/platform/table.ts";

/** An empty house. */
export type OpenHouse = () => Promise<{ table: Table; bucket: Bucket; close(): Promise<void> }>;

const CASE = NewCase.parse({ type: "suggestion", title: "路灯不亮", description: "东门口的路灯已经三天不亮。" });
const duty = { id: "duty", name: "值班", roles: ["duty-officer"] } as unknown as Caller;
const of = (unitId: string): Caller => ({ ...duty, unitId });

/** What a list of cases must do, whatever the table is made of. */
export function caseListContract(name: string, open: OpenHouse): void {
  describe(`${name}: the list of cases`, () => {
    let house: Awaited<ReturnType<OpenHouse>>;
    let at = Date.parse("2026-12-31T15:59:59.950Z"); // 50 ms before a day, a month and a year of Shanghai end
    beforeEach(async () => {
      house = await open();
    });
    afterEach(() => house.close());

    /** Sends in as many cases as there are steps, each so many milliseconds after the one before; the newest first. */
    async function sendIn(steps: number[], unitId?: string): Promise<string[]> {
      const numbers: string[] = [];
      for (const step of steps) {
        at += step;
        const input = unitId === undefined ? CASE : { ...CASE, unitId };
        const deps = { ...house, now: () => new Date(at) };
        numbers.unshift((await submit(deps, input)).receipt.number);
      }
      return numbers;
    }
    /** All pages that follow, and what happens before each further one. */
    async function pages(caller: Caller, limit: number, between = async () => {}): Promise<string[][]> {
      const found: string[][] = [];
      let after: string | undefined;
      do {
        if (found.length > 0) await between();
        const page = await listCases(house, caller, { limit, ...(after === undefined ? {} : { after }) });
        found.push(page.items.map(({ number }) => number));
        after = page.next;
      } while (after !== undefined && found.length < 100);
      return found;
    }

    it("is empty where nobody sent in anything", async () => {
      expect(await pages(duty, 30)).toEqual([[]]);
      expect(await pages(of("water"), 30)).toEqual([[]]);
    });

    it("stands in the order of receipt to the millisecond, over days, months and years", async () => {
      const day = 86_400_000;
      const all = await sendIn([...Array(100).fill(1), day, 40 * day, 3, 400 * day, ...Array(30).fill(7)]);
      expect(new Set(all.map((number) => keys.case(number).pk)).size).toBeGreaterThan(4);
      expect(new Set(all.map((number) => number.slice(0, 4)))).toEqual(new Set(["2026", "2027", "2028"]));
      expect(await pages(duty, 100)).toEqual([all.slice(0, 100), all.slice(100)]);
      expect((await pages(duty, 7)).flat()).toEqual(all);
      expect(await pages(duty, all.length)).toEqual([all]);
      expect((await listCases(house, duty, { limit: 1 })).items[0]).toMatchObject({ ...CASE, number: all[0] });
    });

    it("shows each of many that came in one millisecond once, page by page", async () => {
      const all = await sendIn([5, ...Array(22).fill(0)]);
      const shown = await pages(duty, 5);
      expect(shown.map(({ length }) => length)).toEqual([5, 5, 5, 5, 3]);
      expect(shown.flat()).toEqual(all.toSorted().reverse());
    });

    it("repeats nobody and skips nobody while new ones arrive", async () => {
      const all = await sendIn(Array(60).fill(11));
      const shown = await pages(duty, 8, async () => {
        await sendIn([0, 1, 30]);
      });
      expect(shown.flat()).toEqual(all);
      expect((await pages(duty, 100)).flat()).toHaveLength(60 + 7 * 3);
    });

    it("gives a unit those that name it, and who acts for all every one", async () => {
      const put = (unit: string) => ({ put: { ...keys.unit(unit), id: unit, name: unit, version: 1 } });
      await house.table.write([put("water"), put("roads")]);
      const [first, mine, others, last] = [
        await sendIn([1]),
        await sendIn(Array(5).fill(2), "water"),
        await sendIn([1, 1], "roads"),
        await sendIn([1]),
      ];
      const all = [...last, ...others, ...mine, ...first];
      const stored = await house.table.getMany(all.map((number) => keys.case(number)));
      await house.table.putAll(unitListItems(stored as Item[]));
      expect((await pages(duty, 100)).flat()).toEqual(all);
      expect(await pages(of("water"), 2)).toEqual([mine.slice(0, 2), mine.slice(2, 4), mine.slice(4)]);
      expect((await pages(of("roads"), 10)).flat()).toEqual(others);
      expect(await pages(of("schools"), 10)).toEqual([[]]);
    });
  });
}
