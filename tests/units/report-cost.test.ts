import { expect, it } from "vitest";
import { readConfig } from "#src/config.ts";
import { silentLog } from "#src/log.ts";
import { embeddedPlatform } from "#src/platform/embedded/platform.ts";
import { meter } from "#src/platform/meter.ts";
import type { Change } from "#src/platform/table.ts";
import { makeWorld } from "#src/wiring.ts";
import { ADMIN, askOf } from "#tests/app.ts";

const REPORTS = 100;

it("takes no more AWS calls for an accepted report of 2 KB than promised, counted at the ports", async () => {
  const platform = embeddedPlatform({ data: ":memory:", now: () => new Date(), log: silentLog });
  const { counts, reset, ...wrap } = meter();
  const config = readConfig({ GAOSHI_ADMIN_TOKEN: ADMIN, GAOSHI_DATA: ":memory:" });
  let objects = 0;
  const bucket = {
    ...platform.bucket,
    put: (...args: Parameters<typeof platform.bucket.put>) => {
      objects++;
      return platform.bucket.put(...args);
    },
  };
  const table = wrap.table(platform.table);
  const queue = (name: Parameters<typeof platform.queue>[0]) => wrap.queue(platform.queue(name));
  const world = await makeWorld({ ...platform, table, bucket, queue }, { config, log: silentLog });
  // The stream hands over what came together.
  const told: Change[] = [];
  platform.feed(async (changes) => {
    told.push(...changes);
    return { failed: [] };
  });
  const ask = askOf(world.app);
  const submit = (n: number) => {
    const body = { type: "suggestion", title: `测试事项 ${n}`, description: "请核实。".repeat(160), publish: false };
    return ask("POST", "/api/v1/cases", { token: ADMIN, body });
  };
  expect((await submit(0)).status).toBe(201); // reads the settings of the house for all that follow
  await expect.poll(() => told.length).toBe(1);
  expect(await world.handlers.dispatch(told.splice(0))).toEqual({ failed: [] });
  reset();
  for (let n = 1; n <= REPORTS; n++) expect((await submit(n)).status).toBe(201);
  await expect.poll(() => told.length).toBe(REPORTS);
  const accepted = { ...counts };
  expect(await world.handlers.dispatch(told.splice(0))).toEqual({ failed: [] });
  expect(accepted).toMatchObject({ readUnits: 0, queueRequests: 0 });
  expect(accepted.writeUnits / REPORTS).toBeLessThanOrEqual(3);
  expect(counts.queueRequests / REPORTS).toBeLessThanOrEqual(0.1);
  expect(objects).toBe(0);
  // Afterwards: a row each in the desk's list, and the alarms, of which a flood raises no more than twenty.
  expect(counts.writeUnits - accepted.writeUnits).toBeLessThanOrEqual(REPORTS + 20 * 8);
  await world.close();
  await platform.stop();
});
