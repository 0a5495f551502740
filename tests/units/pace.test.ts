import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { shanghaiDate } from "#src/domain/calendar/dates.ts";
import type { Channel, Limits } from "#src/domain/deliveries/channel.ts";
import { settingsReader } from "#src/domain/deliveries/channel-settings.ts";
import { liftPause } from "#src/domain/deliveries/lift-pause.ts";
import { makePace, type Pace } from "#src/domain/deliveries/pace.ts";
import { marginMs, packRuns, pruned, type Run, unpackRuns } from "#src/domain/deliveries/pace-log.ts";
import { credentialHash } from "#src/domain/deliveries/paced-by.ts";
import { silentLog } from "#src/log.ts";
import { embeddedPlatform } from "#src/platform/embedded/platform.ts";
import { keys } from "#src/platform/keys.ts";
import type { Table } from "#src/platform/table.ts";
import { scriptedChannel } from "./push-world.ts";

const START = Date.parse("2026-03-02T02:00:00Z"); // a Monday, 10:00 in Shanghai
const ASK = { pushes: 1, urgent: false, ticket: false };
const WINDOW = { seconds: 60, count: 20 };

function house(limits: Partial<Limits>, options: { skew?: number[] } = {}) {
  let clock = START;
  const now = () => new Date(clock);
  const { table } = embeddedPlatform({ data: ":memory:", now, log: silentLog });
  const base = scriptedChannel("wecom-robot", now);
  const channel: Channel = { ...base, limits: { ...base.limits, ...limits }, credential: (address) => address };
  let seed = 7;
  const random = () => {
    seed = (seed * 1_103_515_245 + 12_345) % 2 ** 31;
    return seed / 2 ** 31;
  };
  const worker = (skew: number): Pace => {
    const own = () => new Date(clock + skew);
    return makePace({ table, now: own, settings: settingsReader({ table, now: own }), random }, channel) as Pace;
  };
  const workers = (options.skew ?? [0]).map(worker);
  return {
    table,
    channel,
    workers,
    pace: workers[0] as Pace,
    now: () => clock,
    pass: (milliseconds: number) => {
      clock += milliseconds;
    },
  };
}

/** The most pushes that any stretch of so many milliseconds holds, as a receiver counts them. */
function most(arrivals: number[], stretch: number): number {
  const sorted = arrivals.toSorted((a, b) => a - b);
  let from = 0;
  let found = 0;
  for (let to = 0; to < sorted.length; to++) {
    while ((sorted[to] ?? 0) - (sorted[from] ?? 0) >= stretch) from++;
    found = Math.max(found, to - from + 1);
  }
  return found;
}

/** Everybody who waits comes back at the promised moment, as the engine does. */
async function drain(
  world: ReturnType<typeof house>,
  arrivals: { after: number; worker: number; crash?: boolean; urgent?: boolean; mends?: boolean }[],
  latency: () => number = () => 0,
): Promise<{ pushed: number[]; promised: { said: number; came: number }[] }> {
  type Event = (typeof arrivals)[number] & { at: number; ticket: boolean; urgent: boolean; said?: number };
  const events: Event[] = [];
  let at = world.now();
  for (const one of arrivals) {
    at += one.after;
    events.push({ ...one, at, ticket: false, urgent: one.urgent ?? false });
  }
  const pushed: number[] = [];
  const promised: { said: number; came: number }[] = [];
  for (let steps = 0; events.length > 0; steps++) {
    if (steps > 50_000) throw new Error("does not drain");
    events.sort((a, b) => a.at - b.at);
    const event = events.shift() as Event;
    world.pass(Math.max(0, event.at - world.now()));
    const pace = world.workers[event.worker % world.workers.length] as Pace;
    const { urgent, ticket, mends } = event;
    const ask = { pushes: 1, urgent, ticket, ...(mends === undefined ? {} : { mends }) };
    const { granted, turns } = await pace.take("robot", ask);
    if (granted === 1) {
      if (!event.crash) pushed.push(world.now() + latency());
      if (event.said !== undefined) promised.push({ said: event.said, came: world.now() });
    } else {
      const until = turns[0] as number;
      events.push({ ...event, at: Math.max(world.now() + 50, until), ticket: true, said: event.said ?? until });
    }
  }
  return { pushed, promised };
}

type Step = { after: number; urgent: boolean; mends: boolean; worker: number; crash: boolean; deaf: boolean };

/** As `drain`, with windows that change before the n-th one comes; `deaf`: who is not told of its new turn. Each push is held to the windows of its moment. */
async function drainChanged(
  world: ReturnType<typeof house>,
  steps: Step[],
  changes: { before: number; seconds: number; count: number }[],
): Promise<{ pushed: number; slowest: number }> {
  type Waiter = Step & { at: number; came: number; ticket: boolean; setup: number; n: number };
  let at = world.now();
  let waiting: Waiter[] = steps.map((one, n) => {
    at += one.after;
    return { ...one, n, at, came: at, ticket: false, setup: 0 };
  });
  let window = { seconds: 10, count: 3 };
  let version = 0;
  const times: number[] = [];
  let slowest = 0;
  const changed = async (next: typeof window) => {
    window = { seconds: next.seconds, count: next.count };
    version++;
    const setting = { settings: {}, windows: [window], updatedAt: "2026-03-02", version };
    await world.table.write([{ put: { ...keys.setting("channel:wecom-robot"), ...setting } }]);
    const rank = ({ urgent, mends }: Waiter) => (urgent ? 0 : mends ? 1 : 2);
    const told = waiting.filter(({ ticket, deaf }) => ticket && !deaf).sort((a, b) => rank(a) - rank(b) || a.at - b.at);
    const { turns, setup } = await world.pace.tell("robot", told, version);
    for (const [i, one] of told.entries()) Object.assign(one, turns[i] === undefined ? {} : { at: turns[i], setup });
  };
  for (let done = 0; waiting.length > 0; done++) {
    if (done > 20_000) throw new Error("does not drain");
    waiting.sort((a, b) => a.at - b.at);
    const [one] = waiting as [Waiter];
    world.pass(Math.max(0, one.at - world.now()));
    for (const change of changes.filter(({ before }) => !one.ticket && before === one.n)) await changed(change);
    if (waiting.some(({ at }) => at < one.at)) continue;
    const { urgent, ticket, mends, worker } = one;
    const ask = { pushes: 1, urgent, ticket, mends: mends && !urgent };
    const { granted, turns, setup } = await (world.workers[worker] as Pace).take("robot", ask);
    if (granted === 0) {
      Object.assign(one, { at: Math.max(world.now() + 50, turns[0] ?? 0), ticket: true, setup });
      continue;
    }
    waiting = waiting.filter((other) => other !== one);
    slowest = Math.max(slowest, world.now() - one.came);
    if (one.crash) continue;
    times.push(world.now());
    expect(times.filter((time) => time > world.now() - window.seconds * 1000).length).toBeLessThanOrEqual(window.count);
  }
  return { pushed: times.length, slowest };
}

const paceItem = async (world: ReturnType<typeof house>) =>
  world.table.get(keys.pace("wecom-robot", credentialHash(world.channel, "robot")));

describe("the pace of a credential", () => {
  it("never lets more through than the limit in any window, whoever asks, whatever clock they have, wherever they crash", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.record({
          count: fc.integer({ min: 1, max: 6 }),
          seconds: fc.constantFrom(1, 5, 60),
          share: fc.tuple(fc.integer({ min: -50, max: 50 }), fc.integer({ min: -50, max: 50 })),
          jitter: fc.integer({ min: 0, max: 40 }),
          seeds: fc.array(fc.integer({ min: 0, max: 99 }), { minLength: 1, maxLength: 20 }),
          arrivals: fc.array(
            fc.record({
              after: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 3000 }), fc.integer({ min: 0, max: 40_000 })),
              worker: fc.integer({ min: 0, max: 1 }),
              crash: fc.boolean(),
              urgent: fc.boolean(),
              mends: fc.boolean(),
            }),
            { minLength: 1, maxLength: 40 },
          ),
        }),
        async ({ count, seconds, share, jitter, seeds, arrivals }) => {
          const window = { seconds, count };
          const margin = marginMs(window);
          // Both clocks and the way of two pushes together stay within the margin.
          const skew = share.map((percent) => Math.floor((percent / 100) * margin * 0.5));
          const world = house({ windows: [window] }, { skew });
          let i = 0;
          const latency = () => Math.floor(((seeds[i++ % seeds.length] ?? 0) / 99) * (jitter / 100) * margin);
          const { pushed } = await drain(world, arrivals, latency);
          expect(pushed.length).toBe(arrivals.filter(({ crash }) => !crash).length);
          expect(most(pushed, seconds * 1000 + 1)).toBeLessThanOrEqual(count);
        },
      ),
      { numRuns: 60 },
    );
  }, 60_000);

  it("keeps to it whatever it is changed to while some wait, told of that or not, and nobody starves", async () => {
    const step = fc.record({
      after: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 2000 }), fc.integer({ min: 0, max: 20_000 })),
      urgent: fc.boolean(),
      mends: fc.boolean(),
      worker: fc.integer({ min: 0, max: 1 }),
      crash: fc.boolean(),
      deaf: fc.boolean(),
    });
    const change = fc.record({
      before: fc.integer({ min: 0, max: 40 }),
      seconds: fc.constantFrom(1, 5, 60),
      count: fc.integer({ min: 1, max: 8 }),
    });
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { minLength: 1, maxLength: 40 }),
        fc.array(change, { minLength: 1, maxLength: 3 }),
        async (steps, changes) => {
          const world = house({ windows: [{ seconds: 10, count: 3 }] }, { skew: [0, 0] });
          const { pushed, slowest } = await drainChanged(world, steps, changes);
          expect(pushed).toBe(steps.filter(({ crash }) => !crash).length);
          // Each of at most 40 has a whole window to itself at the worst, after what it waited for before a change.
          expect(slowest).toBeLessThanOrEqual(45 * 63_000);
        },
      ),
      { numRuns: 100 },
    );
  }, 60_000);

  it("would be caught letting one too many through", () => {
    const tooMany = Array.from({ length: 21 }, (_, i) => i * 3000);
    expect(most(tooMany, 60_001)).toBe(21);
    expect(most(tooMany, 59_000)).toBe(20);
  });

  it("uses at least nine tenths of a limit of 20 a minute, and promises each of 500 its moment within a tenth", async () => {
    const world = house({ windows: [WINDOW] });
    const { pushed, promised } = await drain(
      world,
      Array.from({ length: 500 }, (_, i) => ({ after: i === 0 ? 0 : 120, worker: 0 })),
    );
    expect(pushed.length).toBe(500);
    expect(most(pushed, 60_000)).toBeLessThanOrEqual(20);
    const possible = (500 / 20 - 1) * 60_000;
    const took = Math.max(...pushed) - Math.min(...pushed);
    expect(took).toBeLessThanOrEqual(possible / 0.9);
    for (const { said, came } of promised)
      expect(Math.abs(came - said)).toBeLessThanOrEqual(0.1 * Math.max(10_000, came - START));
  });

  it("grants many members of one app in one write", async () => {
    const world = house({ windows: [{ seconds: 60, count: 300 }] });
    let writes = 0;
    const table: Table = { ...world.table, write: (all) => world.table.write(all).finally(() => writes++) };
    const now = () => new Date(world.now());
    const pace = makePace({ table, now, settings: settingsReader({ table, now }) }, world.channel);
    const taken = await pace?.take("app", { ...ASK, pushes: 400 });
    expect([taken?.granted, taken?.turns.length, writes]).toEqual([300, 100, 1]);
    expect(new Set(taken?.turns).size).toBe(100);
  });

  it("keeps the distance between two pushes, drawn anew each time", async () => {
    const world = house({ spacing: [3, 5], windows: [{ seconds: 60, count: 30 }] });
    const { pushed } = await drain(
      world,
      Array.from({ length: 40 }, () => ({ after: 0, worker: 0 })),
    );
    const gaps = pushed.slice(1).map((at, i) => at - (pushed[i] ?? 0));
    expect(Math.min(...gaps)).toBeGreaterThanOrEqual(3000);
    expect(gaps.reduce((sum, gap) => sum + gap, 0) / gaps.length).toBeLessThanOrEqual(5000);
    expect(new Set(gaps).size).toBeGreaterThan(10);
  });

  it("counts a day of Shanghai, and goes on with the next", async () => {
    const world = house({ quotas: [{ per: "day", of: "credential", count: 3 }] });
    const first = await world.pace.take("oa", { ...ASK, pushes: 5 });
    expect([first.granted, first.because]).toEqual([3, "quota"]);
    for (const turn of first.turns) expect(shanghaiDate(new Date(turn))).toBe("2026-03-03");
    world.pass((first.turns[0] ?? 0) - world.now() - 10);
    expect((await world.pace.take("oa", { ...ASK, ticket: true })).granted).toBe(0);
    world.pass(1000);
    expect((await world.pace.take("oa", { ...ASK, ticket: true, pushes: 2 })).granted).toBe(2);
    // The one that lost its place a moment ago is promised still.
    const late = await world.pace.take("oa", { ...ASK, pushes: 3 });
    expect(late.granted).toBeLessThanOrEqual(1);
  });

  it("keeps what a day leaves for the urgent ones, whoever comes first when it begins", async () => {
    const world = house({ quotas: [{ per: "day", of: "credential", count: 1 }] });
    await world.pace.take("oa", ASK);
    await world.pace.take("oa", { ...ASK, pushes: 3 });
    const urgent = await world.pace.take("oa", { ...ASK, urgent: true });
    expect(shanghaiDate(new Date(urgent.turns[0] ?? 0))).toBe("2026-03-03");
    // Everybody is late: the process was down at midnight.
    for (const late of [0, 600_000]) {
      world.pass((urgent.turns[0] ?? 0) - world.now() + late);
      const routine = await world.pace.take("oa", { ...ASK, ticket: true });
      expect(routine.granted).toBe(0);
      expect((routine.turns[0] ?? 0) - world.now()).toBeLessThanOrEqual(10_000);
    }
    expect((await world.pace.take("oa", { ...ASK, urgent: true, ticket: true })).granted).toBe(1);
    const next = await world.pace.take("oa", { ...ASK, ticket: true });
    expect([next.granted, next.because]).toEqual([0, "quota"]);
    // It gave its day away, and is next; those behind it have no worse days for it than before.
    expect(shanghaiDate(new Date(next.turns[0] ?? 0))).toBe("2026-03-04");
  });

  it("gives each follower its own share of a month", async () => {
    const world = house({ quotas: [{ per: "month", of: "endpoint", count: 2 }] });
    for (const endpoint of ["anna", "anna", "bert"])
      expect((await world.pace.take("oa", ASK, endpoint)).granted).toBe(1);
    const { granted, turns, because } = await world.pace.take("oa", ASK, "anna");
    expect([granted, because]).toEqual([0, "quota"]);
    expect(shanghaiDate(new Date(turns[0] ?? 0))).toBe("2026-04-01");
    expect((await world.pace.take("oa", ASK, "bert")).granted).toBe(1);
  });

  it("stops a credential at the vendor's word for every worker, and no other credential", async () => {
    const world = house({ windows: [WINDOW] }, { skew: [0, 0] });
    const [one, two] = world.workers as [Pace, Pace];
    await two.take("robot", ASK);
    await one.pause("robot", { seconds: 600, because: "rate" }, 0);
    const { granted, turns } = await two.take("robot", { ...ASK, pushes: 40 });
    expect(granted).toBe(0);
    expect(Math.min(...turns)).toBe(START + 600_000);
    expect(new Set(turns).size).toBe(40);
    // After the pause they come at the robot's own pace, not all at once.
    expect(Math.max(...turns)).toBeGreaterThanOrEqual(START + 660_000);
    expect((await two.take("other", ASK)).granted).toBe(1);
    world.pass(600_000);
    expect((await two.take("robot", { ...ASK, ticket: true })).granted).toBe(1);
  });

  it("tries a wrong configuration again ever more seldom, one push at a time, until the settings change", async () => {
    const world = house({ windows: [WINDOW] });
    const wrong = { seconds: 300, because: "configuration" as const };
    expect(await world.pace.pause("app", wrong, 0)).toEqual({ since: START, first: true });
    expect((await world.pace.take("app", ASK)).because).toBe("configuration");
    world.pass(300_000);
    const probe = await world.pace.take("app", { ...ASK, pushes: 5, ticket: true });
    expect([probe.granted, probe.probe]).toEqual([1, true]);
    expect(await world.pace.pause("app", wrong, 0)).toEqual({ first: false, since: START });
    world.pass(300_000);
    expect((await world.pace.take("app", ASK)).granted).toBe(0);
    world.pass(300_000);
    expect((await world.pace.take("app", { ...ASK, ticket: true })).granted).toBe(1);
    await world.pace.well("app", 0);
    expect((await world.pace.take("app", { ...ASK, ticket: true, pushes: 3 })).granted).toBe(3);
    await world.pace.pause("app", wrong, 0);
    const setting = { ...keys.setting("channel:wecom-robot"), settings: {}, updatedAt: "2026-03-02", version: 1 };
    await world.table.write([{ put: setting }]);
    world.pass(20_000);
    expect((await world.pace.take("app", { ...ASK, ticket: true })).granted).toBe(1);
  });

  it("is not stopped, and not freed, by word of a push that went by older settings, nor freed by a worker that still reads them", async () => {
    const world = house({ windows: [WINDOW] }, { skew: [0, 0] });
    const [one, two] = world.workers as [Pace, Pace];
    const wrong = { seconds: 300, because: "configuration" as const };
    const { setup: old } = await one.take("app", ASK);
    await two.take("app", ASK);
    const setting = { ...keys.setting("channel:wecom-robot"), settings: {}, updatedAt: "2026-03-02", version: 1 };
    await world.table.write([{ put: setting }]);
    expect(await one.pause("app", wrong, old)).toBe("older");
    const { granted, setup } = await one.take("app", ASK);
    expect([granted, setup]).toEqual([1, 1]);
    expect(await one.pause("app", wrong, setup)).toMatchObject({ first: true });
    await two.well("app", old);
    expect((await two.take("app", ASK)).granted).toBe(0);
    expect((await one.take("app", ASK)).granted).toBe(0);
    await two.well("app", setup);
    expect((await one.take("app", { ...ASK, ticket: true })).granted).toBe(1);
  });

  it("follows the instance's own windows from the next push on", async () => {
    const world = house({ windows: [WINDOW] });
    expect((await world.pace.take("robot", { ...ASK, pushes: 25 })).granted).toBe(20);
    const windows = [{ seconds: 60, count: 40 }];
    const setting = {
      ...keys.setting("channel:wecom-robot"),
      settings: {},
      windows,
      updatedAt: "2026-03-02",
      version: 1,
    };
    await world.table.write([{ put: setting }]);
    world.pass(20_000);
    expect((await world.pace.take("robot", { ...ASK, ticket: true, pushes: 25 })).granted).toBe(20);
  });

  it("lets urgent ones that wait go first", async () => {
    const world = house({ windows: [WINDOW] });
    const routine = await world.pace.take("robot", { ...ASK, pushes: 30 });
    expect(routine.granted).toBe(20);
    const urgent = await world.pace.take("robot", { pushes: 3, urgent: true, ticket: false });
    expect(urgent.granted).toBe(0);
    expect(Math.max(...urgent.turns)).toBeLessThanOrEqual(Math.min(...routine.turns) + 200);
    world.pass(Math.max(...urgent.turns) - world.now());
    expect((await world.pace.take("robot", { ...ASK, ticket: true, pushes: 20 })).granted).toBe(17);
    expect((await world.pace.take("robot", { pushes: 3, urgent: true, ticket: true })).granted).toBe(3);
  });

  it.each(["urgent", "mends"] as const)("lets no routine one slip in between the %s ones of a burst", async (kind) => {
    const world = house({ windows: [{ seconds: 10, count: 3 }] });
    await world.pace.take("robot", { ...ASK, pushes: 3 });
    const routine = await world.pace.take("robot", { ...ASK, pushes: 3 });
    const before = { pushes: 3, ticket: false, urgent: kind === "urgent", mends: kind === "mends" };
    const { turns } = await world.pace.take("robot", before);
    expect(Math.max(...turns)).toBeLessThan(Math.max(...routine.turns) + 100);
    world.pass((turns[0] ?? 0) - world.now());
    expect((await world.pace.take("robot", { ...before, pushes: 1, ticket: true })).granted).toBe(1);
    expect((await world.pace.take("robot", { ...ASK, ticket: true })).granted).toBe(0);
    world.pass((turns[2] ?? 0) - world.now());
    expect((await world.pace.take("robot", { ...before, pushes: 2, ticket: true })).granted).toBe(2);
  });

  it("lets every one of thousands of urgent ones go before a routine one, and keeps its item small", async () => {
    const world = house({ windows: [{ seconds: 10, count: 100 }] });
    await world.pace.take("robot", { ...ASK, pushes: 100 });
    const going = world.now();
    const { turns } = await world.pace.take("robot", { pushes: 3000, urgent: true, ticket: false });
    const routine = await world.pace.take("robot", { ...ASK, pushes: 40 });
    expect(JSON.stringify(await paceItem(world)).length).toBeLessThan(8000);
    expect(Math.min(...routine.turns)).toBeGreaterThan(Math.max(...turns) - 10_300);
    const came: { at: number; urgent: boolean }[] = [];
    const asking = [
      ...turns.map((at) => ({ at, urgent: true })),
      ...routine.turns.map((at) => ({ at, urgent: false })),
    ];
    for (let steps = 0; asking.length > 0 && steps < 20_000; steps++) {
      asking.sort((a, b) => a.at - b.at);
      const one = asking.shift() as (typeof asking)[number];
      world.pass(Math.max(0, one.at - world.now()));
      const { granted, turns } = await world.pace.take("robot", { pushes: 1, urgent: one.urgent, ticket: true });
      if (granted === 1) came.push({ at: world.now(), urgent: one.urgent });
      else asking.push({ ...one, at: Math.max(turns[0] ?? 0, world.now() + 50) });
    }
    expect(came).toHaveLength(3040);
    expect(
      most(
        came.map(({ at }) => at),
        10_001,
      ),
    ).toBeLessThanOrEqual(100);
    const lastUrgent = came.findLastIndex(({ urgent }) => urgent);
    expect(came.slice(0, lastUrgent).filter(({ urgent }) => !urgent)).toHaveLength(0);
    expect((Math.max(...came.map(({ at }) => at)) - going) / 1000).toBeLessThanOrEqual(10.25 * 32);
  }, 60_000);

  it.each([{ urgent: false }, { urgent: false, mends: true }, { urgent: true }])(
    "gives each of thousands who lose their turn one of its own, the next there is: %o",
    async (kind) => {
      const world = house({ windows: [{ seconds: 10, count: 20 }] });
      await world.pace.take("robot", { ...ASK, pushes: 20 });
      await world.pace.take("robot", { ...ASK, ...kind, pushes: 400 });
      // They all come at once, as after a night on which nothing ran.
      world.pass(3 * 10_250);
      const { granted, turns } = await world.pace.take("robot", { ...ASK, ...kind, ticket: true, pushes: 400 });
      expect([granted, turns.length, new Set(turns).size]).toEqual([20, 380, 380]);
      expect(Math.min(...turns) - world.now()).toBeLessThanOrEqual(10_250);
      expect((Math.max(...turns) - world.now()) / 1000).toBeLessThanOrEqual(10.25 * 20);
      const asked = turns.toSorted((a, b) => a - b);
      let asks = 0;
      let left = 380;
      for (let at = asked.shift(); at !== undefined && asks < 5000; at = asked.shift()) {
        world.pass(Math.max(0, at - world.now()));
        const again = await world.pace.take("robot", { ...ASK, ...kind, ticket: true });
        asks++;
        left -= again.granted;
        asked.push(...again.turns);
        asked.sort((a, b) => a - b);
      }
      expect([left, asks]).toEqual([0, 380]);
    },
  );

  it("leaves no turn behind of one that comes a little before it", async () => {
    const world = house({ windows: [{ seconds: 10, count: 3 }] });
    await world.pace.take("robot", { ...ASK, pushes: 2 });
    world.pass(4000);
    await world.pace.take("robot", ASK);
    const { turns } = await world.pace.take("robot", { ...ASK, pushes: 3 });
    // Turns of one chunk that lie within two seconds are asked for together.
    world.pass((turns[2] ?? 0) - world.now() - 2000);
    const early = await world.pace.take("robot", { ...ASK, ticket: true, pushes: 3 });
    expect(early.granted).toBe(2);
    const free = world.now() + 10_250;
    const { turns: behind } = await world.pace.take("robot", { ...ASK, pushes: 2 });
    for (const turn of behind) expect(turn - free).toBeLessThanOrEqual(100);
  });

  it("drops turns that are being told anew, too, when a stopped robot's secret is corrected", async () => {
    const world = house({ windows: [{ seconds: 10, count: 3 }] });
    await world.pace.take("robot", { ...ASK, pushes: 30 });
    const setting = { settings: {}, windows: [WINDOW], updatedAt: "2026-03-02", version: 1 };
    await world.table.write([{ put: { ...keys.setting("channel:wecom-robot"), ...setting } }]);
    await world.pace.tell("robot", [{ urgent: false, mends: false, setup: 0 }], 1);
    await world.pace.pause("robot", { seconds: 300, because: "configuration" }, 1);
    const deps = { table: world.table, now: () => new Date(world.now()) };
    expect(await liftPause(deps, world.channel, "robot")).toBe(true);
    for (const gone of ["anew", "line", "again", "ahead", "pause"])
      expect(await paceItem(world)).not.toHaveProperty(gone);
    world.pass(10_250);
    expect((await world.pace.take("robot", { ...ASK, pushes: 17 })).granted).toBe(17);
  });

  it("gives a turn to others when those who had it are gone", async () => {
    const world = house({ windows: [WINDOW] });
    const { turns } = await world.pace.take("robot", { ...ASK, pushes: 200 });
    world.pass((turns[0] ?? 0) - world.now());
    expect((await world.pace.take("robot", ASK)).granted).toBe(0);
    world.pass(6000);
    expect((await world.pace.take("robot", ASK)).granted).toBe(1);
    world.pass(300_000);
    expect((await world.pace.take("robot", { ...ASK, pushes: 20 })).granted).toBe(20);
  });

  it("starts slowly after a fresh login and after a pause, and is at full speed an hour later", async () => {
    const limits = { windows: [{ seconds: 60, count: 30 }], slowStart: { perMinute: 3, seconds: 3600 } };
    const world = house(limits);
    await world.pace.restart("account");
    let sent = 0;
    const until = async (minutes: number) => {
      const end = START + minutes * 60_000;
      while (world.now() < end) {
        sent += (await world.pace.take("account", { ...ASK, ticket: true })).granted;
        world.pass(500);
      }
      const since = sent;
      sent = 0;
      return since;
    };
    expect(await until(5)).toBeLessThanOrEqual(5 * 6);
    expect(await until(6)).toBeGreaterThanOrEqual(3);
    await until(59);
    expect(await until(60)).toBeGreaterThanOrEqual(20);
    await until(62);
    expect(await until(63)).toBeGreaterThanOrEqual(29);
    await world.pace.pause("account", { seconds: 1800, because: "rate" }, 0);
    await until(63 + 30);
    expect(await until(63 + 31)).toBeLessThanOrEqual(5);
  });

  it.each([400 * 86_400_000, -10 * 86_400_000])("stands a clock that jumps %d ms and comes back", async (jump) => {
    const world = house({ windows: [WINDOW], spacing: [1, 2] });
    await world.pace.take("robot", { ...ASK, pushes: 3 });
    world.pass(jump);
    await world.pace.take("robot", { ...ASK, pushes: 3 });
    world.pass(-jump);
    await world.pace.take("robot", { ...ASK, pushes: 3 });
    world.pass(70_000);
    expect((await world.pace.take("robot", ASK)).granted).toBe(1);
  });

  it("writes nothing for a credential that only the vendor may stop, and stops it then", async () => {
    const world = house({});
    let calls = 0;
    const table: Table = {
      ...world.table,
      write: (all) => world.table.write(all).finally(() => calls++),
      get: (key) => world.table.get(key).finally(() => calls++),
    };
    const now = () => new Date(world.now());
    const settings = settingsReader({ table: world.table, now });
    const pace = makePace({ table, now, settings }, world.channel) as Pace;
    for (let i = 0; i < 100; i++) expect((await pace.take("mail", ASK)).granted).toBe(1);
    expect(calls).toBe(1);
    await pace.pause("mail", { seconds: 60, because: "rate" }, 0);
    const { granted, turns } = await pace.take("mail", { ...ASK, pushes: 3 });
    expect([granted, new Set(turns).size]).toEqual([0, 3]);
  });
});

describe("the list of grants", () => {
  const runs = fc
    .array(fc.tuple(fc.integer({ min: 0, max: 100_000 }), fc.integer({ min: 1, max: 50 })), { maxLength: 60 })
    .map((steps) => {
      let at = START;
      return steps.map(([step, pushes]): Run => {
        at += step;
        return [at, pushes];
      });
    });

  it("is read as it was written", () => {
    fc.assert(
      fc.property(runs, (list) => {
        expect(unpackRuns(packRuns(list))).toEqual(list);
      }),
    );
  });

  it("stays small in a large window, and only ever counts too late", () => {
    const windows = [{ seconds: 3600, count: 10_000 }];
    const list = Array.from({ length: 10_000 }, (_, i): Run => [START + i * 360, 1]);
    const now = START + 3_600_000;
    const kept = pruned(list, windows, now);
    expect(packRuns(kept).length).toBeLessThan(2000);
    for (let at = now - 3_600_000; at < now; at += 97_000) {
      const behind = (all: readonly Run[]) => all.reduce((sum, [moment, n]) => sum + (moment > at ? n : 0), 0);
      expect(behind(kept)).toBeGreaterThanOrEqual(behind(list));
    }
  });
});
