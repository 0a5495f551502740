import { afterEach, expect, it } from "vitest";
import { readConfig } from "#src/config.ts";
import { silentLog } from "#src/log.ts";
import { embeddedPlatform } from "#src/platform/embedded/platform.ts";
import { meter } from "#src/platform/meter.ts";
import type { Change } from "#src/platform/table.ts";
import { makeWorld } from "#src/wiring.ts";
import { ADMIN, askOf } from "#tests/app.ts";

const REPORTS = 100;
/** Ten minutes with more cases than these get one alarm for all the rest. */
const FLOOD = 22;

let close = async () => {};
afterEach(() => close());

/** A whole house over ports that count what AWS would bill, within ten minutes; the feed is handed over when it is asked for. */
async function county() {
  let clock = Date.parse("2026-03-02T02:00:00.000Z");
  const now = () => new Date(clock);
  const platform = embeddedPlatform({ data: ":memory:", now, log: silentLog });
  const { counts, reset, ...wrap } = meter();
  const config = readConfig({ GAOSHI_ADMIN_TOKEN: ADMIN, GAOSHI_DATA: ":memory:" });
  const spent = { ...counts, objects: 0 };
  const bucket = {
    ...platform.bucket,
    put: (...args: Parameters<typeof platform.bucket.put>) => {
      spent.objects++;
      return platform.bucket.put(...args);
    },
  };
  const table = wrap.table(platform.table);
  const queue = (name: Parameters<typeof platform.queue>[0]) => wrap.queue(platform.queue(name));
  const world = await makeWorld({ ...platform, table, bucket, queue }, { config, log: silentLog, now });
  const told: Change[] = [];
  platform.feed(async (changes) => {
    told.push(...changes.filter(({ item }) => item.feed === "case"));
    return { failed: [] };
  });
  close = async () => {
    await world.close();
    await platform.stop();
  };
  const ask = askOf(world.app);

  async function submit(count: number, more: object = {}): Promise<void> {
    const description = "请核实。".repeat(160);
    const body = { type: "suggestion", title: "测试事项", description, publish: false, ...more };
    for (let n = 0; n < count; n++, clock++)
      expect((await ask("POST", "/api/v1/cases", { token: ADMIN, body })).status).toBe(201);
    await expect.poll(() => told.length).toBe(count);
  }
  const follow = async () => expect(await world.handlers.dispatch(told.splice(0))).toEqual({ failed: [] });
  const count = () => Object.assign(spent, counts);
  const fresh = () => {
    reset();
    spent.objects = 0;
  };
  return { ask, submit, follow, count, fresh };
}

it("takes three write units for an accepted report of 2 KB and nothing else, all that follows from it counted", async () => {
  const { submit, follow, count, fresh } = await county();
  await submit(FLOOD); // reads the settings of the house for all that follow
  await follow(); // the alarms of these ten minutes
  fresh();
  await submit(REPORTS);
  await follow();
  expect(count()).toEqual({
    ...{ writeUnits: 3 * REPORTS, readUnits: 0, queueRequests: 0, objects: 0 },
    invocations: 0, // of handlers that count themselves: here the feed is handed over by hand
  });
});

it("raises no more alarms in a flood of reports than twenty-one, and they cost little", async () => {
  const { submit, follow, count, fresh } = await county();
  await submit(1);
  fresh();
  await submit(REPORTS);
  await follow();
  expect(count().writeUnits).toBeGreaterThan(3 * REPORTS);
  expect(count().writeUnits).toBeLessThanOrEqual(3 * REPORTS + FLOOD * 8);
  expect(count().queueRequests / REPORTS).toBeLessThanOrEqual(0.1);
});

it("takes one write unit more for a report that names a unit: its row in the unit's list", async () => {
  const { ask, submit, follow, count, fresh } = await county();
  const named = await ask("PUT", "/api/v1/units/water", { token: ADMIN, body: { name: "某县水务局" } });
  expect(named.status).toBe(201);
  await submit(FLOOD, { unitId: "water" });
  await follow();
  fresh();
  await submit(REPORTS, { unitId: "water" });
  await follow();
  expect(count().writeUnits).toBe(4 * REPORTS);
});

it("shows a page of the list of all cases for a read unit a row and few more, however many there are", async () => {
  const { ask, submit, follow, count, fresh } = await county();
  const page = () => ask("GET", "/api/v1/cases?limit=30", { token: ADMIN });
  const spent: number[] = [];
  for (const more of [60, 300]) {
    await submit(more);
    await follow();
    await page();
    fresh();
    expect(((await page()).json() as { items: object[] }).items).toHaveLength(30);
    spent.push(count().readUnits);
  }
  expect(Math.max(...spent)).toBeLessThanOrEqual(60);
});
