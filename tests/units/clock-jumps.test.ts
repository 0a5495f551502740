import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { describe, expect, it } from "vitest";
import { claim } from "#src/domain/deliveries/claim.ts";
import { deliveryHandlers } from "#src/domain/deliveries/handlers.ts";
import { ledger } from "#src/domain/deliveries/ledger.ts";
import { type ChunkRef, findFanout } from "#src/domain/deliveries/store.ts";
import { silentLog } from "#src/log.ts";
import { embeddedPlatform } from "#src/platform/embedded/platform.ts";
import { QUEUES, type QueueName } from "#src/platform/queue.ts";
import { pushWorld, type World } from "./push-world.ts";

const HOUR = 3600;
const DAY = 24 * HOUR;
const ID = "ann_00000000000000000000000001";
const ALL = 250;
const all = Array.from({ length: ALL }, (_, i) => `https://example.org/${i}`);
const isBusy = (address: string) => address.endsWith("7");

const JUMPS: [string, number[]][] = [
  ["400 days ahead", [400 * DAY]],
  ["ten days back", [-10 * DAY]],
  ["two hours back", [-2 * HOUR]],
  ["eight hours ahead, and back", [8 * HOUR, -8 * HOUR]],
  ["ten minutes back", [-600]],
];
// Before the first push, in the middle of a chunk, at the end of one, and when most is done.
const MOMENTS = [0, 1, 37, 100, 240];

/** Pushes to 250 receivers, of whom each tenth asks once for five seconds; after so many pushes the clock is set. */
async function run(world: World, moment: number, jumps: number[], workers: 1 | 2) {
  const left = [...jumps];
  let pushes = 0;
  const jumpIf = (since: number) => {
    // One step at the moment, and the next a few pushes later.
    if (left.length > 0 && since >= (jumps.length - left.length) * 20) world.jump(left.shift() ?? 0);
  };
  const seenBy = new Map<string, number>();
  world.channels.webhook.answer(({ target }) => {
    pushes++;
    jumpIf(pushes - moment);
    const times = (seenBy.get(target.address) ?? 0) + 1;
    seenBy.set(target.address, times);
    if (isBusy(target.address) && times === 1) return { kind: "retry", status: 503, detail: "busy" };
    return { kind: "delivered", status: 200 };
  });
  await Promise.all(all.map((address) => world.subscribe(address)));
  await world.publish();
  if (moment === 0) jumpIf(0);
  const other = workers === 2 ? deliveryHandlers(world.handlerDeps()) : undefined;
  const drain = other ? () => drainWith(world, other) : world.drain;
  for (let second = 0; second < 10; second++) {
    world.pass(1);
    await world.handlers().sweep();
    await drain();
  }
  return seenBy;
}

/** Two processes take from the same queues at the same time. */
async function drainWith(world: World, other: ReturnType<typeof deliveryHandlers>): Promise<void> {
  const both = [world.handlers(), other];
  const round = async (handlers: typeof other): Promise<number> => {
    let taken = 0;
    for (const name of Object.keys(QUEUES) as QueueName[]) {
      if (name !== "fanout" && name !== "deliver-webhook" && name !== "deliver-late") continue;
      const source = world.platform.queue(name);
      const messages = await source.receive({ max: 2, waitSeconds: 0, visibleAfterSeconds: 30 });
      taken += messages.length;
      const handler =
        name === "fanout" ? handlers.fanout : name === "deliver-late" ? handlers.late : handlers.deliver("webhook");
      const { failed } = await handler(messages);
      await source.done(messages.filter(({ id }) => !failed.includes(id)).map(({ receipt }) => receipt));
    }
    return taken;
  };
  while ((await Promise.all(both.map(round))).some((taken) => taken > 0));
}

async function closes(world: World, seconds = 300, step = 5): Promise<void> {
  await world.live(seconds, step);
  const sums = await ledger(world.deps, ID, 1);
  expect(sums).toMatchObject({ closed: true, matched: ALL, delivered: ALL, waiting: 0 });
  expect((await findFanout(world.platform.table, ID, 1))?.closedAt).toBeDefined();
}

describe.each(JUMPS)("a clock that is set %s", (_, jumps) => {
  it.each(MOMENTS)("after %s pushes holds nobody up in a house, and nobody gets it twice", async (moment) => {
    const world = pushWorld({ house: true });
    const seen = await run(world, moment, jumps, 1);
    for (const address of all) expect([address, seen.get(address)]).toEqual([address, isBusy(address) ? 2 : 1]);
    await closes(world);
    await world.platform.stop(0);
  });

  it.each(MOMENTS)("after %s pushes loses nobody where two functions work", async (moment) => {
    const world = pushWorld();
    const seen = await run(world, moment, jumps, 2);
    for (const address of all) expect([address, (seen.get(address) ?? 0) > 0]).toEqual([address, true]);
    // Functions know no clock but the wall's: they look ahead every hour.
    await closes(world, 2 * HOUR, 60);
    await world.platform.stop(0);
  });

  it("holds up no later text", async () => {
    const world = pushWorld({ house: true });
    await run(world, 37, jumps, 1);
    world.channels.webhook.seen.length = 0;
    await world.publish({ announcementId: "ann_00000000000000000000000002" });
    await world.drain();
    expect(world.channels.webhook.seen).toHaveLength(ALL);
    await world.platform.stop(0);
  });

  it("in the middle of a run, after which the process dies, costs no more than a power cut", async () => {
    const world = pushWorld({ house: true });
    let pushes = 0;
    world.channels.webhook.answer(() => {
      if (++pushes === 150) for (const seconds of jumps) world.jump(seconds);
      // From then on nothing comes back: the process is gone.
      return pushes >= 150 && pushes < 200 ? new Promise<never>(() => {}) : { kind: "delivered", status: 200 };
    });
    await Promise.all(all.map((address) => world.subscribe(address)));
    await world.publish();
    void world.drain();
    await expect.poll(() => pushes).toBeGreaterThan(160);
    pushes = 1000;
    world.restart();
    for (let second = 0; second < 60; second++) {
      world.pass(1);
      await world.handlers().sweep();
      await world.drain();
    }
    const reached = new Set(world.channels.webhook.seen.map(({ target }) => target.address));
    expect(reached.size).toBe(ALL);
    await closes(world);
    await world.platform.stop(0);
  });
});

describe("who waits for a turn of an account that may send ten a minute", () => {
  it.each([-7200, -10 * DAY, 400 * DAY])("does so within minutes when the clock is set by %s s", async (seconds) => {
    const limits = { inFlight: 1, inFlightPerOrigin: 1, bytes: 20_000, chunk: 20 };
    const world = pushWorld({
      house: true,
      dingtalk: {
        credential: () => "robot",
        limits: { ...limits, windows: [{ seconds: 60, count: 10 }], seconds: { connect: 5, answer: 15, total: 20 } },
      },
    });
    const { seen } = world.channels.dingtalk;
    await Promise.all(all.slice(0, 40).map((address) => world.subscribe(address, { channel: "dingtalk" })));
    await world.publish();
    await world.live(20);
    expect(seen).toHaveLength(10);
    world.jump(seconds);
    // What was let go before counts as let go now, so that the vendor never gets more than it allows.
    await world.live(150);
    expect(seen.length).toBeGreaterThanOrEqual(20);
    await world.live(240);
    expect(new Set(seen.map(({ target }) => target.address)).size).toBe(40);
    expect(seen).toHaveLength(40);
    await world.platform.stop(0);
  });
});

describe("a receiver that asks for five seconds", () => {
  it("while a function's clock is ahead is tried again after the longest delay of a message at the latest", async () => {
    const world = pushWorld();
    let pushes = 0;
    world.channels.webhook.answer(async () => {
      const mine = ++pushes;
      if (mine === 1) world.jump(8 * HOUR);
      // The last one answers when what the others came to is noted.
      for (let turn = 0; mine === 3 && turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
      if (mine === 3) world.jump(-8 * HOUR);
      return mine === 2 ? { kind: "retry", status: 503, detail: "busy" } : { kind: "delivered", status: 200 };
    });
    await Promise.all(all.slice(0, 3).map((address) => world.subscribe(address)));
    await world.publish();
    await world.drain();
    await world.live(960, 10);
    expect(await ledger(world.deps, ID, 1)).toMatchObject({ matched: 3, delivered: 3 });
    await world.platform.stop(0);
  });
});

describe("a reader's quiet hours", () => {
  it("that a clock 400 days ahead set a time for end by the right clock", async () => {
    const world = pushWorld({ house: true });
    await world.subscribe(all[0] ?? "", { quietHours: { from: "09:55", to: "10:06" } });
    await world.handlers().sweep();
    world.jump(400 * DAY);
    await world.publish();
    await world.drain();
    await world.handlers().sweep();
    world.jump(-400 * DAY);
    await world.live(240);
    expect(world.channels.webhook.seen).toHaveLength(0);
    await world.live(200);
    expect(world.channels.webhook.seen).toHaveLength(1);
    await world.platform.stop(0);
  });
});

describe("a lease", () => {
  const ref: ChunkRef = { announcementId: ID, revision: 1, range: "", window: "", channel: "webhook", n: 0 };
  const take = (deps: Parameters<typeof claim>[0]) =>
    claim(deps, ref, { members: 3, leaseMs: 80_000, wanted: () => true });

  it("excludes others for all of its length, also where their clocks differ by a second", async () => {
    const { deps, pass, jump, platform } = pushWorld();
    expect((await take(deps)).kind).toBe("mine");
    jump(-1);
    expect((await take(deps)).kind).toBe("taken");
    pass(80);
    expect((await take(deps)).kind).toBe("taken");
    pass(1);
    expect((await take(deps)).kind).toBe("mine");
    await platform.stop(0);
  });

  it("excludes others in its own process whatever becomes of the clock", async () => {
    const { deps, pass, jump, platform } = pushWorld({ house: true });
    expect((await take(deps)).kind).toBe("mine");
    for (const seconds of [400 * DAY, -410 * DAY, 10 * DAY]) {
      jump(seconds);
      expect((await take(deps)).kind).toBe("taken");
    }
    pass(80);
    expect((await take(deps)).kind).toBe("mine");
    await platform.stop(0);
  });

  it("that ends in days is another clock's word, and excludes nobody", async () => {
    const { deps, jump, platform } = pushWorld();
    expect((await take(deps)).kind).toBe("mine");
    jump(-HOUR);
    expect((await take(deps)).kind).toBe("mine");
    await platform.stop(0);
  });
});

describe("the queue of a folder", () => {
  it.each([-600, -8 * HOUR, -10 * DAY, 8 * HOUR, 400 * DAY])(
    "that is opened again by a clock that differs by %s s gives what was sent at once, and keeps delays short",
    async (seconds) => {
      const data = mkdtempSync(join(tmpdir(), "gaoshi-clock-"));
      const begun = Date.parse("2026-03-02T02:00:00Z");
      let clock = begun;
      const now = () => new Date(clock);
      const receive = (platform: ReturnType<typeof embeddedPlatform>) =>
        platform.queue("fanout").receive({ max: 10, waitSeconds: 0, visibleAfterSeconds: 180 });
      try {
        const before = embeddedPlatform({ data, now, log: silentLog });
        await before.queue("fanout").send([{ body: "taken" }]);
        expect(await receive(before)).toHaveLength(1);
        await before.queue("fanout").send([{ body: "waiting" }, { body: "delayed", delaySeconds: 900 }]);
        await before.stop(0);
        clock = begun + seconds * 1000;
        const after = embeddedPlatform({ data, now, log: silentLog });
        const bodies = async () => (await receive(after)).map(({ body }) => body).sort();
        expect(await bodies()).toEqual(seconds > 900 ? ["delayed", "taken", "waiting"] : ["taken", "waiting"]);
        clock += 901_000;
        if (seconds < 0) expect(await bodies()).toContain("delayed");
        await after.stop(0);
      } finally {
        rmSync(data, { recursive: true, force: true });
      }
    },
  );

  it("gives a message whose number tells nothing after the longest delay there is", async () => {
    const data = mkdtempSync(join(tmpdir(), "gaoshi-clock-"));
    const now = () => new Date("2026-03-02T02:00:00Z");
    const far = now().getTime() + 901_000;
    try {
      const before = embeddedPlatform({ data, now, log: silentLog });
      await before.queue("fanout").send([{ body: "numbered by an older release", delaySeconds: 900 }]);
      await before.stop(0);
      const sql = new DatabaseSync(join(data, "gaoshi.db"));
      sql.prepare("UPDATE messages SET id = 7, visible = ?").run(far);
      sql.close();
      const after = embeddedPlatform({ data, now, log: silentLog });
      const messages = await after.queue("fanout").receive({ max: 10, waitSeconds: 0, visibleAfterSeconds: 180 });
      expect(messages).toHaveLength(1);
      await after.stop(0);
    } finally {
      rmSync(data, { recursive: true, force: true });
    }
  });
});
