import { describe, expect, it } from "vitest";
import { moveCanary } from "#src/domain/deliveries/canary.ts";
import { changeSetup, readSetup } from "#src/domain/deliveries/channel-settings.ts";
import { deliveryHandlers } from "#src/domain/deliveries/handlers.ts";
import { ledger } from "#src/domain/deliveries/ledger.ts";
import { applyReceipt } from "#src/domain/deliveries/receipts.ts";
import { retryDelivery } from "#src/domain/deliveries/retry-delivery.ts";
import { serviceStatus } from "#src/domain/deliveries/service-status.ts";
import { addCounts, type Counts, noCounts } from "#src/domain/deliveries/states.ts";
import type { Table } from "#src/platform/table.ts";
import { atEveryCall, faulty, MODES, type Mode } from "./faulty-ports.ts";
import { pushWorld, type World } from "./push-world.ts";

const DAY = 86_400;
const id = (n: number) => `ann_${String(n).padStart(26, "0")}`;
const hook = (name: string) => `https://example.org/${name}`;

const statusOf = (world: World, table: Table = world.platform.table) =>
  serviceStatus({ ...world.deps, table, settings: (name) => readSetup(world.platform.table, name) });

async function webhook(world: World): Promise<Counts & { fanouts: number }> {
  const { channels, fanouts } = await statusOf(world);
  const found = channels.find(({ name }) => name === "webhook");
  if (!found) throw new Error("no webhook");
  const counts = Object.fromEntries(
    Object.keys(noCounts()).map((name) => [name, found[name as keyof Counts]]),
  ) as unknown as Counts;
  return { ...counts, fanouts };
}

/** The same, counted from the ledgers one by one. */
async function byLedgers(world: World, announcements: number): Promise<Counts & { fanouts: number }> {
  const sum = noCounts();
  for (let n = 1; n <= announcements; n++) {
    const one = await ledger(world.deps, id(n), 1);
    if (one?.channels["webhook"]) addCounts(sum, one.channels["webhook"] as Counts);
  }
  return { ...sum, fanouts: announcements };
}

/** Days on which announcements came out and closed. */
async function days(world: World, count: number, aDay: number): Promise<number> {
  let n = 0;
  for (let day = 0; day < count; day++) {
    for (let i = 0; i < aDay; i++) await world.publish({ announcementId: id(++n) });
    await world.drain();
    await world.live(DAY, 600);
  }
  return n;
}

describe("the figures of thirty days", () => {
  it("are read from a row a day, and are those of all ledgers", async () => {
    const world = pushWorld();
    for (const name of ["a", "b", "bad"]) await world.subscribe(hook(name));
    world.channels.webhook.answer(({ target }) =>
      target.address.endsWith("bad") ? { kind: "rejected", status: 400, detail: "400" } : { kind: "delivered" },
    );
    const published = await days(world, 12, 20);
    await world.publish({
      announcementId: id(published + 1),
      audience: { kind: "internal", topics: ["duty"], endpoints: [] },
    });
    await world.drain();
    const reads: Record<string, number> = {};
    const { table } = world.platform;
    const counted: Table = {
      ...table,
      query: async (query) => {
        const page = await table.query(query);
        const [kind = ""] = query.pk.split("#");
        reads[kind] = (reads[kind] ?? 0) + page.items.length;
        return page;
      },
    };
    expect((await statusOf(world, counted)).fanouts).toBe(published);
    expect(reads["FANOUTS"]).toBe(published + 1);
    reads["FANOUTS"] = 0;
    // Where nothing changed nothing is read again; of a day that changed that day.
    expect((await statusOf(world, counted)).fanouts).toBe(published);
    expect(reads["FANOUTS"]).toBe(0);
    await world.publish({ announcementId: id(published + 2) });
    await world.drain();
    await world.live(200, 10);
    expect((await statusOf(world, counted)).fanouts).toBe(published + 1);
    expect(reads["FANOUTS"]).toBe(2);
    const all = await byLedgers(world, published + 2);
    expect(await webhook(world)).toEqual({ ...all, fanouts: published + 1 });
    await world.live(30 * DAY, 6 * 3600);
    expect(await webhook(world)).toEqual({ ...noCounts(), fanouts: 0 });
  });

  it("follow what is opened again: a retry, a receipt that denies, and closed once more", async () => {
    const world = pushWorld();
    const bad = await world.subscribe(hook("bad"));
    await world.subscribe(hook("good"));
    let answers = 0;
    world.channels.webhook.answer(({ target }) =>
      target.address.endsWith("good")
        ? { kind: "accepted", receipt: `r${++answers}` }
        : { kind: "rejected", detail: "no" },
    );
    const published = await days(world, 3, 2);
    expect(await webhook(world)).toMatchObject({ matched: 12, delivered: 6, failed: 6, waiting: 0 });
    world.channels.webhook.answer(() => ({ kind: "delivered" }));
    await retryDelivery(world.deps, `${id(published)}.1.${bad.endpoint}`);
    await applyReceipt(world.deps, { channel: "webhook", receipt: "r4", outcome: "failed", detail: "bounced" });
    expect(await webhook(world)).toEqual(await byLedgers(world, published));
    await world.live(7200, 60);
    expect(await webhook(world)).toMatchObject({ matched: 12, delivered: 6, failed: 6 });
    expect(await webhook(world)).toEqual(await byLedgers(world, published));
    expect((await ledger(world.deps, id(published), 1))?.closed).toBe(true);
  });

  it("count what two processes close in the same moment once", async () => {
    const world = pushWorld();
    await world.subscribe(hook("a"));
    let published = await days(world, 2, 1);
    for (let i = 0; i < 30; i++) await world.publish({ announcementId: id(++published) });
    await world.drain();
    world.pass(70);
    const other = deliveryHandlers(world.handlerDeps());
    await Promise.all([world.handlers().sweep(), other.sweep(), world.handlers().sweep()]);
    expect((await ledger(world.deps, id(published), 1))?.closed).toBe(true);
    expect(await webhook(world)).toEqual(await byLedgers(world, published));
  });

  it("know how fast the canary was, once for each announcement, however often that is opened again", async () => {
    const world = pushWorld();
    const address = hook("canary");
    await changeSetup(world.deps, world.channels.webhook, { canary: address }, undefined);
    await moveCanary(world.deps, world.channels.webhook, { from: undefined, to: address, by: "tok_1" });
    const bad = await world.subscribe(hook("bad"));
    const settings = (name: "webhook") => readSetup(world.platform.table, name);
    world.deps.settings = settings as never;
    world.restart();
    world.channels.webhook.answer(({ target }) => {
      if (target.address.endsWith("canary")) world.pass(20);
      return target.address.endsWith("bad") ? { kind: "rejected", detail: "no" } : { kind: "delivered" };
    });
    const published = await days(world, 3, 1);
    const canary = async () => (await statusOf(world)).channels.find(({ name }) => name === "webhook")?.canary;
    expect(await canary()).toMatchObject({ announcements: 3, within10s: 0, within60s: 3 });
    const before = await canary();
    await retryDelivery(world.deps, `${id(published)}.1.${bad.endpoint}`);
    expect(await canary()).toEqual(before);
    await world.live(3600, 60);
    expect(await canary()).toEqual(before);
  });
});

describe("closing and opening, cut off anywhere,", () => {
  async function story(n: number, mode: Mode): Promise<boolean> {
    let armed = false;
    const fault = faulty(n, mode);
    const world = pushWorld({ wrap: (ports) => (armed ? fault.wrap(ports) : ports) });
    const bad = await world.subscribe(hook("bad"));
    await world.subscribe(hook("good"));
    world.channels.webhook.answer(({ target }) =>
      target.address.endsWith("bad") ? { kind: "rejected", detail: "no" } : { kind: "delivered" },
    );
    const published = await days(world, 2, 1);
    await world.publish({ announcementId: id(published + 1) });
    await world.drain();
    armed = true;
    world.restart();
    const mortally = async (work: () => Promise<unknown>): Promise<void> => {
      const end = await Promise.race([work().catch(() => "failed"), fault.death()]);
      if (end === "died") world.restart();
    };
    world.pass(70);
    await mortally(() => world.handlers().sweep());
    await mortally(() => webhook({ ...world, platform: { ...world.platform, table: world.handlerDeps().table } }));
    await mortally(() => retryDelivery(world.handlerDeps(), `${id(published + 1)}.1.${bad.endpoint}`));
    for (let i = 0; i < 5; i++) {
      world.pass(130);
      await mortally(() => world.drain());
      await mortally(() => world.handlers().sweep());
    }
    const plain = { ...world, deps: { ...world.deps, table: world.platform.table } };
    expect(await webhook(plain)).toEqual(await byLedgers(plain, published + 1));
    expect(await webhook(plain)).toEqual(await byLedgers(plain, published + 1));
    expect((await ledger(plain.deps, id(published + 1), 1))?.closed).toBe(true);
    await world.platform.stop();
    return fault.hit();
  }

  for (const mode of MODES)
    it(`is counted exactly once whichever call ${mode} its effect`, { timeout: 120_000 }, async () => {
      expect(await atEveryCall((n) => story(n, mode))).toBeGreaterThan(16);
    });
});
