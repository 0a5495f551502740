import { expect, it } from "vitest";
import { balanced } from "./balanced.ts";
import { atEveryCall, faulty, MODES, type Mode, persistently } from "./faulty-ports.ts";
import { pushWorld } from "./push-world.ts";

const ann = (n: number) => `ann_${String(n).padStart(26, "0")}`;
const READERS = 4;
const ROOMS = 2;

/** Two announcements of one day for readers who want them next morning, with one fault anywhere; then days pass. */
async function story(n: number, mode: Mode, sweeps = true): Promise<boolean> {
  const fault = faulty(n, mode);
  const limits = { inFlight: 4, inFlightPerOrigin: 4, bytes: 20_000, seconds: { connect: 5, answer: 15, total: 20 } };
  const world = pushWorld({
    wrap: fault.wrap,
    webhook: { limits: { ...limits, chunk: 3 } },
    wechaty: { limits: { ...limits, inFlight: 1, chunk: 2 } },
  });
  for (let i = 0; i < READERS; i++) await world.subscribe(`https://example.org/${i}`, { frequency: "daily" });
  for (let i = 0; i < ROOMS; i++) await world.subscribe(`room:${i}`, { channel: "wechaty", frequency: "daily" });
  await world.subscribe("https://example.org/now");
  const both = () => Promise.all([ann(1), ann(2)].map((id) => balanced(world.platform.table, id)));
  const mortally = persistently(world, fault, { afterEach: both });
  const minutes = async (count: number, seconds = 61) => {
    for (let minute = 0; minute < count; minute++) {
      await mortally(() => world.drain());
      world.pass(seconds);
      if (sweeps) await mortally(() => world.handlers().sweep());
      if ((await both()).every((sum) => sum?.closed)) return;
    }
  };
  for (const id of [ann(1), ann(2)]) await mortally(() => world.publish({ announcementId: id }));
  await minutes(3);
  world.pass(Date.parse("2026-03-02T23:59:30Z") / 1000 - world.now().getTime() / 1000);
  await minutes(12);
  // Whom the first digest missed is in the second one.
  await minutes(26, 3660);
  for (const id of [ann(1), ann(2)])
    expect(await balanced(world.platform.table, id)).toMatchObject({
      closed: true,
      matched: READERS + ROOMS + 1,
      waiting: 0,
      held: 0,
    });
  const digests = Object.values(world.channels)
    .flatMap(({ seen }) => seen)
    .filter(({ items }) => items !== undefined);
  const times = Map.groupBy(digests, ({ target, items }) => `${target.address} ${items?.length}`);
  const crashes = fault.hit() ? 1 : 0;
  for (let i = 0; i < READERS; i++) {
    const mine = digests.filter(({ target }) => target.address === `https://example.org/${i}`);
    expect(mine.flatMap(({ items }) => items).includes(`${ann(1)}.1`), `${i}`).toBe(true);
    expect(new Set(mine.map(({ deliveryId, items }) => `${deliveryId} ${items?.join()}`)).size, `${i}`).toBe(1);
    expect(mine.length).toBeLessThanOrEqual(1 + crashes);
    expect(mine[0]?.items?.toSorted()).toEqual([`${ann(1)}.1`, `${ann(2)}.1`]);
  }
  for (let i = 0; i < ROOMS; i++) expect(times.get(`room:${i} 2`)?.length ?? 0).toBeLessThanOrEqual(1);
  const sum = await balanced(world.platform.table, ann(1));
  expect(sum?.channels["webhook"]).toMatchObject({ matched: READERS + 1, delivered: READERS + 1 });
  const rooms = sum?.channels["wechaty"];
  expect((rooms?.delivered ?? 0) + (rooms?.unknown ?? 0)).toBe(ROOMS);
  await world.platform.stop();
  return fault.hit();
}

for (const mode of MODES) {
  it(`sends one digest to each reader whichever call ${mode} its effect`, { timeout: 240_000 }, async () => {
    expect(await atEveryCall((n) => story(n, mode))).toBeGreaterThan(60);
  });
}

it("notices what gets lost: without the sweep no digest goes out", async () => {
  await expect(story(100_000, "fails before", false)).rejects.toThrow();
});
