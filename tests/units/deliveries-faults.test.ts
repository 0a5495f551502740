import { expect, it } from "vitest";
import { balanced } from "./balanced.ts";
import { atEveryCall, faulty, lagging, MODES, type Mode, persistently } from "./faulty-ports.ts";
import { pushWorld } from "./push-world.ts";

/** One publication to webhooks and rooms, one of each unwilling at first, with one fault; then time passes. */
async function story(
  n: number,
  mode: Mode,
  { sweeps = true, minutes = 12, late = false }: { sweeps?: boolean; minutes?: number; late?: boolean } = {},
): Promise<boolean> {
  const fault = faulty(n, mode);
  const limits = { inFlight: 4, inFlightPerOrigin: 4, bytes: 20_000, seconds: { connect: 5, answer: 15, total: 20 } };
  const world = pushWorld({
    wrap: (ports) => fault.wrap(late ? lagging(ports) : ports),
    webhook: { limits: { ...limits, chunk: 10 } },
    wechaty: { limits: { ...limits, inFlight: 1, chunk: 4 } },
  });
  for (let i = 0; i < 24; i++) await world.subscribe(`https://example.org/${i}`, { topics: ["all", "column:notices"] });
  for (let i = 0; i < 6; i++) await world.subscribe(`room:${i}`, { channel: "wechaty" });
  const unwilling = new Set(["https://example.org/7", "room:3"]);
  for (const channel of Object.values(world.channels))
    channel.answer(({ target }) =>
      unwilling.delete(target.address) ? { kind: "retry", detail: "busy" } : { kind: "delivered", status: 200 },
    );
  const announcementId = "ann_00000000000000000000000001";
  const balances = () => balanced(world.platform.table, announcementId);
  const mortally = persistently(world, fault, { afterEach: balances });
  // The change feed tells again what was not taken.
  await mortally(() => world.publish());
  for (let minute = 0; minute < minutes; minute++) {
    await mortally(() => world.drain());
    world.pass(61);
    if (sweeps) await mortally(() => world.handlers().sweep());
    if ((await balances())?.closed) break;
  }
  expect(await balances()).toMatchObject({ closed: true, matched: 30, waiting: 0, held: 0 });
  const times = new Map<string, number>();
  for (const channel of Object.values(world.channels))
    for (const { target } of channel.seen) times.set(target.address, (times.get(target.address) ?? 0) + 1);
  for (let i = 0; i < 24; i++) {
    const address = `https://example.org/${i}`;
    const tries = (times.get(address) ?? 0) - (address === "https://example.org/7" ? 1 : 0);
    expect(tries, address).toBeGreaterThanOrEqual(1);
    expect(tries, address).toBeLessThanOrEqual(fault.hit() ? 2 : 1);
  }
  const sum = await balances();
  expect(sum?.channels["webhook"]).toMatchObject({ matched: 24, delivered: 24 });
  const rooms = sum?.channels["wechaty"];
  expect((rooms?.delivered ?? 0) + (rooms?.unknown ?? 0)).toBe(6);
  for (let i = 0; i < 6; i++) expect(times.get(`room:${i}`) ?? 0).toBeLessThanOrEqual(i === 3 ? 2 : 1);
  await world.platform.stop();
  return fault.hit();
}

for (const mode of MODES) {
  it(`loses nobody and keeps its balance whichever call ${mode} its effect`, { timeout: 120_000 }, async () => {
    expect(await atEveryCall((n) => story(n, mode))).toBeGreaterThan(40);
  });
}

it("notices what gets lost: without the sweep, something does", async () => {
  const ends = await Promise.allSettled(
    Array.from({ length: 80 }, (_, i) => story(i + 30, "dies after", { sweeps: false })),
  );
  expect(ends.some(({ status }) => status === "rejected")).toBe(true);
});

it("loses nobody and sends to nobody once more where the index shows every write late", {
  timeout: 120_000,
}, async () => {
  expect(await story(Number.POSITIVE_INFINITY, "fails before", { late: true, minutes: 24 })).toBe(false);
  expect(await atEveryCall((n) => story(n, "dies after", { late: true, minutes: 24 }))).toBeGreaterThan(40);
});
