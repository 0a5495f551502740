import { describe, expect, it } from "vitest";
import type { Channel, Outcome } from "#src/domain/deliveries/channel.ts";
import { changeSetup, readSetup } from "#src/domain/deliveries/channel-settings.ts";
import { deliveryHandlers } from "#src/domain/deliveries/handlers.ts";
import { ledger } from "#src/domain/deliveries/ledger.ts";
import { deliveriesTo } from "#src/domain/deliveries/list.ts";
import { pausedCredentials } from "#src/domain/deliveries/paused.ts";
import { parseSetupWord, SETUP_FEED } from "#src/domain/deliveries/setup-feed.ts";
import { endpointKey } from "#src/domain/subscriptions/endpoint.ts";
import { atEveryCall, faulty, MODES, type Mode, persistently } from "./faulty-ports.ts";
import { pushWorld, type World } from "./push-world.ts";

const HOUR = 3600;
const WRONG: Outcome = { kind: "retry", detail: "40001", pause: { seconds: 600, because: "configuration" } };
const id = (n: number) => `ann_${String(n).padStart(26, "0")}`;

/** An app of one account, of which the vendor takes nothing before its secret is right. */
function app(world: World, name: "wecom-app" | "email" = "wecom-app") {
  let right = false;
  const { answer, seen } = world.channels[name];
  answer(() => (right ? { kind: "delivered", status: 200 } : WRONG));
  return {
    seen,
    /** What the change feed tells, as it does on both platforms. */
    correct: async (works = true) => {
      right = works;
      const channel: Channel = {
        ...world.channels[name],
        settings: [{ name: "secret", secret: true, required: true, label: { zh: "密钥", en: "secret" } }],
      };
      const { version } = await changeSetup(
        world.deps,
        channel,
        { settings: { secret: `s${Math.random()}` } },
        undefined,
      );
      return version;
    },
  };
}

const one = (more: Partial<Channel> = {}): Partial<Channel> => ({
  guarantee: "at-least-once",
  credential: () => "the account",
  ...more,
});

async function told(world: World): Promise<{ count: () => number }> {
  let count = 0;
  world.platform.feed(async (changes) => {
    for (const { item } of changes)
      if (item.feed === SETUP_FEED) {
        await world.handlers().wakeWaiting(parseSetupWord(item));
        count++;
      }
    return { failed: [] };
  });
  return { count: () => count };
}

const row = async (world: World, n: number, address: string, channel = "wecom-app") =>
  (await deliveriesTo(world.deps, id(n), 1, endpointKey(channel, address)))[0];

async function stopped(world: World, endpoints: number, announcements = 1, hours = 12): Promise<void> {
  for (let n = 0; n < endpoints; n++) await world.subscribe(`user:u${n}`, { channel: "wecom-app" });
  for (let n = 1; n <= announcements; n++) await world.publish({ announcementId: id(n) });
  await world.drain();
  // The vendor is tried ever more seldom, by now hours apart.
  await world.live(hours * HOUR, 60);
}

describe("what waits because a channel's settings are wrong", () => {
  it("goes out within half a minute of their being corrected, and not hours later", async () => {
    const world = pushWorld({ "wecom-app": one() });
    const feed = await told(world);
    const { seen, correct } = app(world);
    await stopped(world, 300);
    expect(await row(world, 1, "user:u7")).toMatchObject({ state: "waiting", waitsFor: "configuration" });
    const before = seen.length;
    await correct();
    await expect.poll(feed.count).toBe(1);
    await world.live(30);
    expect(await ledger(world.deps, id(1), 1)).toMatchObject({ delivered: 300, waiting: 0 });
    expect(seen.length).toBe(before + 300);
    expect(await row(world, 1, "user:u7")).not.toHaveProperty("waitsFor");
    await world.platform.stop();
  });

  it("keeps to the limits while it is made up for, and says when the rest will come", async () => {
    const world = pushWorld({
      "wecom-app": one({ limits: { ...LIMITS, windows: [{ seconds: 60, count: 20 }] } }),
    });
    const { seen, correct } = app(world);
    await stopped(world, 1, 100);
    const version = await correct();
    const before = seen.length;
    await world.handlers().wakeWaiting({ channel: "wecom-app", setup: version });
    await world.live(40);
    const waiting = await Promise.all(Array.from({ length: 100 }, (_, n) => row(world, n + 1, "user:u0")));
    const dues = waiting.flatMap((one) => (one?.state === "waiting" ? [Date.parse(one.dueAt ?? "")] : []));
    expect(dues.length).toBeGreaterThan(50);
    expect(Math.max(...dues)).toBeLessThan(world.now().getTime() + 7 * 60_000);
    await world.live(7 * 60);
    const times = seen.slice(before).map(({ at }) => at);
    expect(times).toHaveLength(100);
    for (const at of times)
      expect(times.filter((one) => one >= at && one < at + 60_000).length).toBeLessThanOrEqual(20);
  });

  it("is alone in being woken: another channel and whoever waits for a rate or a quota keep their turns", async () => {
    const world = pushWorld({
      "wecom-app": one({ limits: { ...LIMITS, quotas: [{ per: "day", of: "credential", count: 1 }] } }),
      email: one(),
    });
    const mail = app(world, "email");
    await world.subscribe("a@example.org", { channel: "email" });
    for (const name of ["a", "b"]) await world.subscribe(`user:${name}`, { channel: "wecom-app" });
    await world.publish({ announcementId: id(1) });
    await world.drain();
    await world.live(3 * HOUR, 60);
    const before = await Promise.all(["a", "b"].map((name) => row(world, 1, `user:${name}`)));
    expect(before.map((one) => one?.waitsFor)).toContain("quota");
    const mails = mail.seen.length;
    await world.handlers().wakeWaiting({ channel: "wecom-app", setup: 1 });
    await world.live(200);
    expect(await Promise.all(["a", "b"].map((name) => row(world, 1, `user:${name}`)))).toEqual(before);
    expect(mail.seen.length - mails).toBeLessThanOrEqual(1);
    await world.handlers().wakeWaiting({ channel: "email", setup: await mail.correct() });
    await world.live(30);
    expect((await row(world, 1, "a@example.org", "email"))?.state).toBe("delivered");
  });

  it("waits on when the correction was none, and the vendor hears little of it", async () => {
    const world = pushWorld({ "wecom-app": one() });
    const { seen, correct } = app(world);
    await stopped(world, 200);
    const before = seen.length;
    await world.handlers().wakeWaiting({ channel: "wecom-app", setup: await correct(false) });
    await world.live(300);
    expect(seen.length - before).toBeLessThanOrEqual(64);
    expect(await ledger(world.deps, id(1), 1)).toMatchObject({ waiting: 200, failed: 0 });
    await world.handlers().wakeWaiting({ channel: "wecom-app", setup: await correct() });
    await world.live(30);
    expect(await ledger(world.deps, id(1), 1)).toMatchObject({ delivered: 200 });
  });

  it("is not stopped anew by the refusal of a push that began before the correction: that one goes out at once, too", async () => {
    const world = pushWorld({ "wecom-app": one() });
    const { seen, correct } = app(world);
    for (const name of ["a", "b"]) await world.subscribe(`user:${name}`, { channel: "wecom-app" });
    // The vendor looks long at what it was told with the old secret; the new one is good.
    let corrected: Promise<number> | undefined;
    world.channels["wecom-app"].answer(async () => {
      if (seen.length > 2) return { kind: "delivered" };
      corrected ??= correct();
      await corrected;
      return WRONG;
    });
    await world.publish({ announcementId: id(1) });
    await world.drain();
    const setup = await readSetup(world.platform.table, "wecom-app");
    expect(await pausedCredentials(world.deps, world.channels["wecom-app"], setup)).toEqual([]);
    await world.live(5);
    expect(await ledger(world.deps, id(1), 1)).toMatchObject({ delivered: 2, waiting: 0 });
    expect((await row(world, 1, "user:b"))?.attempts.map(({ outcome }) => outcome)).toEqual(["retry", "delivered"]);
  });

  it("is found although a worker that still went by the old ones stored it after the others were woken", async () => {
    const world = pushWorld({ "wecom-app": one() });
    const { seen, correct } = app(world);
    await world.subscribe("user:a", { channel: "wecom-app" });
    const setup = await correct(false);
    await world.handlers().wakeWaiting({ channel: "wecom-app", setup });
    await world.live(20);
    const late = deliveryHandlers({ ...world.handlerDeps(), settings: async () => undefined });
    await world.publish({ announcementId: id(1) });
    for (const [name, handle] of [
      ["fanout", late.fanout],
      ["deliver-wecom-app", late.deliver("wecom-app")],
    ] as const)
      await handle(await world.platform.queue(name).receive({ max: 10, waitSeconds: 0, visibleAfterSeconds: 600 }));
    expect(seen).toHaveLength(1);
    expect((await row(world, 1, "user:a"))?.waitsFor).toBe("configuration");
    world.channels["wecom-app"].answer(() => ({ kind: "delivered" }));
    await world.live(80);
    expect((await row(world, 1, "user:a"))?.state).toBe("delivered");
  });
});

const LIMITS = {
  inFlight: 16,
  inFlightPerOrigin: 16,
  bytes: 4096,
  chunk: 20,
  seconds: { connect: 5, answer: 15, total: 20 },
};

describe("waking, cut off anywhere,", () => {
  async function story(n: number, mode: Mode): Promise<boolean> {
    let armed = false;
    const fault = faulty(n, mode);
    const world = pushWorld({
      "wecom-app": one(),
      wrap: (ports) => (armed ? fault.wrap(ports) : ports),
    });
    const { seen, correct } = app(world);
    await stopped(world, 6, 1, 0.3);
    armed = true;
    world.restart();
    const before = seen.length;
    const setup = await correct();
    const mortally = persistently(world, fault);
    // The feed tells it again until it was taken.
    await mortally(() => world.handlers().wakeWaiting({ channel: "wecom-app", setup }));
    for (let steps = 0; steps < 30; steps++) {
      world.pass(12);
      await mortally(() => world.drain());
      if (steps % 5 === 4) await mortally(() => world.handlers().sweep());
      if ((await ledger({ table: world.platform.table }, id(1), 1))?.waiting === 0) break;
    }
    expect(await ledger({ table: world.platform.table }, id(1), 1)).toMatchObject({
      delivered: 6,
      waiting: 0,
      revision: 1,
    });
    expect(seen.length - before).toBeGreaterThanOrEqual(6);
    if (!fault.hit()) expect(seen.length - before).toBe(6);
    await world.platform.stop();
    return fault.hit();
  }

  for (const mode of MODES)
    it(`reaches everybody within minutes whichever call ${mode} its effect`, { timeout: 120_000 }, async () => {
      expect(await atEveryCall((n) => story(n, mode))).toBeGreaterThan(20);
    });
});
