import { describe, expect, it } from "vitest";
import type { Channel } from "#src/domain/deliveries/channel.ts";
import { changeSetup } from "#src/domain/deliveries/channel-settings.ts";
import { deliveryHandlers } from "#src/domain/deliveries/handlers.ts";
import { ledger } from "#src/domain/deliveries/ledger.ts";
import { deliveriesTo } from "#src/domain/deliveries/list.ts";
import { parseSetupWord, SETUP_FEED } from "#src/domain/deliveries/setup-feed.ts";
import { endpointKey } from "#src/domain/subscriptions/endpoint.ts";
import { atEveryCall, faulty, MODES, type Mode, persistently } from "./faulty-ports.ts";
import { type Ports, pushWorld, type World } from "./push-world.ts";

const LIMITS = {
  inFlight: 64,
  inFlightPerOrigin: 64,
  bytes: 4096,
  chunk: 100,
  seconds: { connect: 5, answer: 15, total: 20 },
};
const SLOW = [{ seconds: 10, count: 3 }];
const FAST = [{ seconds: 10, count: 30 }];
const id = (n: number) => `ann_${String(n).padStart(26, "0")}`;
const reader = (n: number) => `reader-${n}@example.org`;

const DAY: Channel["settings"] = [{ name: "day", secret: false, required: false, label: { zh: "每日", en: "a day" } }];

/** Of so many readers three have a text, and the others wait for their turns; the channel's pace is about to be raised. */
async function raised({ readers, wrap }: { readers: number; wrap?: (ports: Ports) => Ports }) {
  const limits = { ...LIMITS, windows: SLOW };
  const world = pushWorld({
    ...(wrap ? { wrap } : {}),
    email: { guarantee: "at-least-once", credential: () => "the account", limits },
  });
  for (let n = 0; n < readers; n++) await world.subscribe(reader(n), { channel: "email" });
  await world.publish({ announcementId: id(1) });
  await world.drain();
  return { world, seen: world.channels.email.seen };
}

type Windows = { seconds: number; count: number }[];

/** A mail account with its own pace, and what the change feed tells of it. */
async function house(options: { readers: number; windows?: Windows; channel?: Partial<Channel> }) {
  const world = pushWorld({
    email: {
      guarantee: "at-least-once",
      credential: () => "the account",
      limits: { ...LIMITS, windows: options.windows ?? SLOW },
      ...options.channel,
    },
  });
  for (let n = 0; n < options.readers; n++) await world.subscribe(reader(n), { channel: "email" });
  const told: Promise<void>[] = [];
  world.platform.feed(async (changes) => {
    for (const { item } of changes)
      if (item.feed === SETUP_FEED) told.push(world.handlers().wakeWaiting(parseSetupWord(item)));
    return { failed: [] };
  });
  let changes = 0;
  const change = async (change: { windows?: Windows; settings?: Record<string, string> }) => {
    await changeSetup(world.deps, world.channels.email, change, undefined);
    changes++;
    await expect.poll(() => told.length).toBe(changes);
    await Promise.all(told);
  };
  const { seen } = world.channels.email;
  const of = (n: number, revision = 1) =>
    seen.filter((one) => one.deliveryId.startsWith(id(n)) && one.revision === revision);
  const publish = async (n: number, more: Parameters<World["publish"]>[0] = {}) => {
    await world.publish({ announcementId: id(n), ...more });
    await world.drain();
  };
  return { world, change, seen, of, publish };
}

function mostIn(seconds: number, times: number[]): number {
  return Math.max(0, ...times.map((from) => times.filter((at) => at >= from && at < from + seconds * 1000).length));
}

const at = ({ at }: { at: number }) => at;
const last = (times: { at: number }[]) => Math.max(...times.map(at));
const first = (times: { at: number }[]) => Math.min(...times.map(at));
const addressOfWaiting = (seen: { target: { address: string } }[], readers: number) =>
  Array.from({ length: readers }, (_, n) => reader(n)).find(
    (one) => !seen.some(({ target }) => target.address === one),
  ) ?? "";
const row = async (world: World, n: number, address: string) =>
  (await deliveriesTo(world.deps, id(n), 1, endpointKey("email", address)))[0];

describe("a pace that is raised", () => {
  it("helps those who wait already: they go at the new rate, and a newer text stays behind them", async () => {
    const { world, change, seen, of, publish } = await house({ readers: 90 });
    await publish(1);
    await world.live(4);
    expect(of(1)).toHaveLength(3);
    const raised = world.now().getTime();
    await change({ windows: FAST });
    await publish(2);
    await world.live(60);
    expect(of(1)).toHaveLength(90);
    // 87 more of them at 30 in 10 s: the third window, and the seconds until they are told.
    expect((last(of(1)) - raised) / 1000).toBeLessThanOrEqual(30);
    const behind = of(2).filter((one) => one.at < last(of(1)));
    expect(behind).toHaveLength(0);
    await world.live(30);
    expect(of(2)).toHaveLength(90);
    expect(mostIn(10, seen.map(at))).toBeLessThanOrEqual(30);
    for (const n of [1, 2])
      expect(await ledger(world.deps, id(n), 1)).toMatchObject({ matched: 90, delivered: 90, waiting: 0 });
  });

  it("lets them go in their order: the urgent ones, then who has a text that is wrong now, then the others as they came", async () => {
    const { world, change, seen, of, publish } = await house({ readers: 30 });
    await publish(1);
    await world.live(4);
    await publish(2);
    await publish(1, { revision: 2, kind: "corrected" });
    await publish(3, { content: { urgency: "urgent" } });
    await publish(4);
    const raised = seen.length;
    await change({ windows: FAST });
    await world.live(60);
    const since = seen.slice(raised);
    const texts = since.map(({ deliveryId }) => Number(deliveryId.slice(4, 30)));
    expect(texts.slice(0, 27)).toEqual(Array(27).fill(3));
    const wrong = seen.slice(0, 3).map(({ target }) => target.address);
    const corrected = since.filter((one) => one.revision === 2).map(({ target }) => target.address);
    expect(corrected.slice(0, 3).toSorted()).toEqual(wrong.toSorted());
    expect(last(of(3))).toBeLessThanOrEqual(first(of(1, 2)));
    // What was published in between stays behind the correction, which has the turns of its text.
    expect(last(of(1, 2))).toBeLessThanOrEqual(first(of(2)));
    expect(last(of(2))).toBeLessThanOrEqual(first(of(4)));
    await world.live(20);
    for (const n of [2, 3, 4]) expect(of(n)).toHaveLength(30);
    expect(of(1)).toHaveLength(3);
    expect(of(1, 2)).toHaveLength(30);
    expect(mostIn(10, seen.map(at))).toBeLessThanOrEqual(30);
  });

  it("does so for a day's allowance, too", async () => {
    const { world, change, seen, of, publish } = await house({
      readers: 50,
      windows: [],
      channel: { quotas: ({ day = "10" }) => [{ per: "day", of: "credential", count: Number(day) }], settings: DAY },
    });
    await publish(1);
    await world.live(120);
    expect(seen).toHaveLength(10);
    expect(await row(world, 1, addressOfWaiting(seen, 50))).toMatchObject({ waitsFor: "quota" });
    await change({ settings: { day: "45" } });
    await world.live(60);
    expect(of(1)).toHaveLength(45);
    await world.live(20 * 3600, 60);
    expect(of(1)).toHaveLength(50);
    expect(await ledger(world.deps, id(1), 1)).toMatchObject({ delivered: 50, waiting: 0 });
  });

  it("changes nothing for another setting", async () => {
    const { world, change, publish } = await house({ readers: 30, channel: { settings: DAY } });
    await publish(1);
    await world.live(4);
    const before = await Promise.all(Array.from({ length: 30 }, (_, n) => row(world, 1, reader(n))));
    await change({ settings: { day: "1" } });
    await world.live(2);
    expect(await Promise.all(Array.from({ length: 30 }, (_, n) => row(world, 1, reader(n))))).toEqual(before);
  });

  it("lifts no pause of the vendor, and wakes nobody who waits for an hour of its own", async () => {
    const { world, change, seen, of, publish } = await house({ readers: 20 });
    await world.subscribe("asleep@example.org", { channel: "email", quietHours: { from: "09:00", to: "12:00" } });
    await publish(1);
    await world.live(2);
    world.channels.email.answer(() => ({
      kind: "retry",
      detail: "too fast",
      pause: { seconds: 600, because: "rate" },
    }));
    await world.live(10);
    const paused = world.now().getTime();
    const before = seen.length;
    world.channels.email.answer(() => ({ kind: "delivered" }));
    await change({ windows: FAST });
    await world.live(570);
    expect(seen).toHaveLength(before);
    expect(await row(world, 1, "asleep@example.org")).toMatchObject({ state: "held" });
    await world.live(300);
    expect(new Set(of(1).map(({ target }) => target.address)).size).toBe(20);
    expect(first(seen.slice(before)) - paused).toBeGreaterThanOrEqual(580_000);
    expect(await row(world, 1, "asleep@example.org")).toMatchObject({ state: "held" });
    expect(mostIn(10, seen.map(at))).toBeLessThanOrEqual(30);
  });

  it("may be raised and lowered again before anybody was told of it", async () => {
    const { world, change, seen, of, publish } = await house({ readers: 60 });
    await publish(1);
    await world.live(4);
    await change({ windows: FAST });
    await change({ windows: [{ seconds: 10, count: 6 }] });
    await world.live(130);
    expect(of(1)).toHaveLength(60);
    expect(mostIn(10, seen.map(at))).toBeLessThanOrEqual(6);
    expect((last(of(1)) - first(of(1))) / 1000).toBeLessThanOrEqual((60 / 6) * 12);
  });

  it("may be taken away altogether", async () => {
    const { world, change, of, publish } = await house({ readers: 40 });
    await publish(1);
    await world.live(4);
    await change({ windows: [] });
    await world.live(3);
    expect(of(1)).toHaveLength(40);
  });
});

describe("telling those who wait, cut off anywhere,", () => {
  // Who waited, and was pushed to together by a process that died before it had written that down.
  const DROPPED = 9;

  /** `twice`: two processes are told of it at the same time, and each message comes twice. */
  async function story(n: number, mode: Mode, twice = false): Promise<boolean> {
    let armed = false;
    const fault = faulty(n, mode);
    const { world, seen } = await raised({ readers: 12, wrap: (ports) => (armed ? fault.wrap(ports) : ports) });
    const { version } = await changeSetup(world.deps, world.channels.email, { windows: FAST }, undefined);
    const word = { channel: "email", setup: version, paced: true } as const;
    armed = true;
    world.restart();
    const mortally = persistently(world, fault);
    await mortally(() => world.handlers().wakeWaiting(word));
    if (twice) await mortally(() => world.handlers().wakeWaiting(word));
    for (let steps = 0; steps < 24; steps++) {
      world.pass(6);
      await mortally(() => world.drain());
      if (steps % 8 === 7) await mortally(() => world.handlers().sweep());
      if ((await ledger({ table: world.platform.table }, id(1), 1))?.waiting === 0) break;
    }
    const end = await ledger({ table: world.platform.table }, id(1), 1);
    expect(end).toMatchObject({ matched: 12, waiting: 0 });
    // Of a process that died while it pushed, what it had not written down goes out again.
    expect(seen.length).toBeLessThanOrEqual(12 + DROPPED);
    expect(new Set(seen.map(({ deliveryId }) => deliveryId)).size).toBe(12);
    expect(mostIn(10, seen.map(at))).toBeLessThanOrEqual(30);
    if (!fault.hit()) expect(seen).toHaveLength(12);
    await world.platform.stop();
    return fault.hit();
  }

  for (const mode of MODES)
    it(`reaches everybody within minutes whichever call ${mode} its effect`, { timeout: 120_000 }, async () => {
      expect(await atEveryCall((n) => story(n, mode))).toBeGreaterThan(20);
    });

  it("tells nobody anything wrong when it is told twice", async () => {
    expect(await story(1_000_000, "fails before", true)).toBe(false);
  });

  it("is done by two processes at once as by one", async () => {
    const { world, seen } = await raised({ readers: 60 });
    const { version } = await changeSetup(world.deps, world.channels.email, { windows: FAST }, undefined);
    const two = [deliveryHandlers(world.handlerDeps()), deliveryHandlers(world.handlerDeps())];
    const turns = { kind: "turns", channel: "email", setup: version };
    const message = (n: number) => ({ id: `m${n}`, receipt: `r${n}`, body: turns, receives: 1 });
    await Promise.all(two.map((one, n) => one.fanout([message(n)])));
    for (let second = 0; second < 60; second++) {
      world.pass(1);
      for (let some = 1; some > 0; ) {
        const queue = world.platform.queue("deliver-email");
        const taken = await Promise.all(
          two.map(async (one) => {
            const messages = await queue.receive({ max: 1, waitSeconds: 0, visibleAfterSeconds: 30 });
            if (messages.length > 0) await one.deliver("email")(messages);
            await queue.done(messages.map(({ receipt }) => receipt));
            return messages.length;
          }),
        );
        some = Math.max(...taken);
      }
    }
    expect(seen).toHaveLength(60);
    expect(new Set(seen.map(({ deliveryId }) => deliveryId)).size).toBe(60);
    expect(mostIn(10, seen.map(at))).toBeLessThanOrEqual(30);
    expect(await ledger(world.deps, id(1), 1)).toMatchObject({ delivered: 60, waiting: 0 });
  });

  it("costs a few calls for each of those who wait, however many they are", async () => {
    const cost = async (readers: number) => {
      let calls = 0;
      const counted =
        <Input extends unknown[], Value>(work: (...input: Input) => Value) =>
        (...input: Input) => {
          calls++;
          return work(...input);
        };
      const { world } = await raised({ readers });
      const { version } = await changeSetup(world.deps, world.channels.email, { windows: FAST }, undefined);
      const { table, ...deps } = world.handlerDeps();
      const counting = Object.fromEntries(Object.entries(table).map(([name, work]) => [name, counted(work as never)]));
      const process = deliveryHandlers({ ...deps, table: counting as typeof table });
      const body = { kind: "turns", channel: "email", setup: version };
      await process.fanout([{ id: "m", receipt: "r", body, receives: 1 }]);
      return calls / readers;
    };
    const [few, many] = [await cost(200), await cost(1600)];
    expect(many).toBeLessThanOrEqual(few * 1.2);
    expect(many).toBeLessThanOrEqual(4);
  }, 60_000);
});

describe("a pace that is lowered", () => {
  it("holds from the next push on, and those who wait are told when they go now", async () => {
    const { world, change, seen, of, publish } = await house({ readers: 120, windows: FAST });
    await publish(1);
    await world.live(4);
    expect(of(1)).toHaveLength(30);
    const lowered = world.now().getTime();
    await change({ windows: [{ seconds: 10, count: 6 }] });
    await world.live(2);
    const dues = await Promise.all(Array.from({ length: 120 }, (_, n) => row(world, 1, reader(n))));
    const furthest = Math.max(...dues.flatMap((one) => (one?.dueAt ? [Date.parse(one.dueAt)] : [])));
    expect((furthest - lowered) / 1000).toBeGreaterThan(130);
    await world.live(200);
    expect(of(1)).toHaveLength(120);
    const since = seen.map(at).filter((one) => one > lowered);
    expect(mostIn(10, since)).toBeLessThanOrEqual(6);
    expect((last(of(1)) - lowered) / 1000).toBeLessThanOrEqual((90 / 6 + 2) * 12);
  });

  it("holds for a worker that still reads the old settings", async () => {
    const { world, change, seen, publish } = await house({ readers: 60, windows: FAST });
    const old = await world.deps.settings("email");
    await publish(1);
    await world.live(1);
    await change({ windows: SLOW });
    await publish(2);
    let fresh = false;
    const settings = async (_: unknown, freshMs?: number) => {
      fresh ||= freshMs === 0;
      return fresh ? world.deps.settings("email") : old;
    };
    const behind = deliveryHandlers({ ...world.handlerDeps(), settings });
    const lowered = world.now().getTime();
    for (let second = 0; second < 30; second++) {
      world.pass(1);
      const queue = world.platform.queue("deliver-email");
      const messages = await queue.receive({ max: 10, waitSeconds: 0, visibleAfterSeconds: 30 });
      if (messages.length > 0) await behind.deliver("email")(messages);
      await queue.done(messages.map(({ receipt }) => receipt));
    }
    expect(
      mostIn(
        10,
        seen.map(at).filter((one) => one > lowered),
      ),
    ).toBeLessThanOrEqual(3);
  });
});
