import { describe, expect, it } from "vitest";
import { changeSetup } from "#src/domain/deliveries/channel-settings.ts";
import { ledger } from "#src/domain/deliveries/ledger.ts";
import { faulty, MODES, type Mode } from "./faulty-ports.ts";
import { type Ports, pushWorld, type World } from "./push-world.ts";

const id = (n: number) => `ann_${String(n).padStart(26, "0")}`;
const WINDOWS = [{ seconds: 20, count: 20 }];
/** With the margin, and what a wake in whole seconds is late. */
const WINDOW = 22;
const SWEPT = 16;
const LIMITS = {
  inFlight: 64,
  inFlightPerOrigin: 64,
  bytes: 4096,
  chunk: 100,
  seconds: { connect: 5, answer: 15, total: 20 },
  windows: WINDOWS,
};

/** A mail account that may send 20 in 20 seconds; `readers` of tag:one and of tag:two. */
async function house(readers: { one?: number; two?: number }, wrap?: (ports: Ports) => Ports) {
  const world = pushWorld({
    house: true,
    ...(wrap ? { wrap } : {}),
    email: { guarantee: "at-least-once", credential: () => "the account", limits: LIMITS },
  });
  for (const [tag, count = 0] of Object.entries(readers))
    for (let n = 0; n < count; n++)
      await world.subscribe(`${tag}-${n}@example.org`, { channel: "email", topics: [`tag:${tag}`] });
  const { seen } = world.channels.email;
  const of = (n: number, revision = 1) =>
    seen.filter((one) => one.deliveryId.startsWith(id(n)) && one.revision === revision).map(({ at }) => at);
  return { world, seen, of };
}

const mostIn = (seconds: number, times: number[]) =>
  Math.max(0, ...times.map((from) => times.filter((at) => at >= from && at < from + seconds * 1000).length));

/** A process that was killed starts again, and finds the messages that it had in hand. */
async function work({ platform, handlerOf }: World): Promise<void> {
  for (const name of ["fanout", "urgent", "deliver-email"] as const) {
    const queue = platform.queue(name);
    for (;;) {
      const messages = await queue.receive({ max: 10, waitSeconds: 0, visibleAfterSeconds: 1 });
      if (messages.length === 0) break;
      const { failed } = await handlerOf(name)(messages);
      await queue.done(messages.filter(({ id }) => !failed.includes(id)).map(({ receipt }) => receipt));
    }
  }
}

describe("turns of a process that died", () => {
  /** Of 40 with a routine text 20 have it, and of 60 with an urgent one after it nobody, when the process dies at its n-th call. */
  async function story(n: number, mode: Mode): Promise<{ hit: boolean; seconds: number; urgent: number }> {
    const fault = faulty(n, mode);
    let armed = false;
    const { world, of, seen } = await house({ one: 40, two: 60 }, (ports) => (armed ? fault.wrap(ports) : ports));
    await world.publish({ announcementId: id(1), content: { tags: ["one"] } });
    await world.drain();
    await world.publish({ announcementId: id(2), content: { urgency: "urgent", tags: ["two"] } });
    armed = true;
    world.restart();
    armed = false;
    const began = world.now().getTime();
    await Promise.race([work(world).catch(() => {}), fault.death()]);
    world.restart();
    for (let steps = 0; steps < 180; steps++) {
      world.pass(1);
      await work(world);
      await world.handlers().sweep();
      if (seen.length >= 100 && (await ledger(world.deps, id(2), 1))?.waiting === 0) break;
    }
    for (const [which, readers] of [
      [1, 40],
      [2, 60],
    ] as const)
      expect(await ledger(world.deps, id(which), 1)).toMatchObject({ delivered: readers, waiting: 0 });
    expect(seen).toHaveLength(100);
    const all = seen.map(({ at }) => at);
    expect(mostIn(20, all)).toBeLessThanOrEqual(20);
    await world.platform.stop();
    const took = (times: number[]) => (Math.max(...times) - began) / 1000;
    return { hit: fault.hit(), seconds: took(all), urgent: took(of(2)) };
  }

  it.each(MODES.filter((mode) => mode.startsWith("dies")))(
    "cost nobody anything, whichever call it %s its effect",
    { timeout: 120_000 },
    async (mode) => {
      let n = -6;
      let late = 0;
      for (let hit = true; hit; ) {
        n += 7;
        const end = await story(n, mode);
        hit = end.hit;
        // 80 more, the urgent ones first.
        const inTime = end.seconds <= 4 * WINDOW && end.urgent <= 3 * WINDOW;
        if (!inTime) late++;
        expect(end.seconds).toBeLessThanOrEqual(4 * WINDOW + SWEPT);
      }
      // The word that wakes them was not sent: the sweep finds them.
      expect(late).toBeLessThanOrEqual(1);
      expect(n).toBeGreaterThan(10);
    },
  );
});

describe("turns by a raised pace that were being told when the process died", () => {
  it.each(MODES.filter((mode) => mode.startsWith("dies")))(
    "cost nobody anything, whichever call it %s its effect",
    { timeout: 120_000 },
    async (mode) => {
      let n = -28;
      for (let hit = true; hit; ) {
        n += 29;
        const fault = faulty(n, mode);
        let armed = false;
        const { world, seen } = await house({ one: 120 }, (ports) => (armed ? fault.wrap(ports) : ports));
        await world.publish({ announcementId: id(1), content: { tags: ["one"] } });
        await world.drain();
        world.pass(2);
        const windows = [{ seconds: 20, count: 50 }];
        const { version } = await changeSetup(world.deps, world.channels.email, { windows }, undefined);
        const word = { channel: "email", setup: version, paced: true } as const;
        armed = true;
        world.restart();
        armed = false;
        const began = world.now().getTime();
        const telling = async () => {
          await world.handlers().wakeWaiting(word);
          await work(world);
        };
        await Promise.race([telling().catch(() => {}), fault.death()]);
        hit = fault.hit();
        world.restart();
        // The change feed tells what it is not sure to have told.
        if (hit) {
          await world.handlers().wakeWaiting(word);
          world.pass(0.5);
          await work(world);
        }
        for (let steps = 0; steps < 180 && seen.length < 120; steps++) {
          world.pass(1);
          await work(world);
          await world.handlers().sweep();
        }
        const all = seen.map(({ at }) => at);
        expect(mostIn(20, all)).toBeLessThanOrEqual(50);
        // 30 at once, 50 a window later and 20 in the next; or a window more where somebody lost a second.
        expect([n, (Math.max(...all) - began) / 1000 <= 3 * WINDOW + SWEPT]).toEqual([n, true]);
        expect(await ledger(world.deps, id(1), 1)).toMatchObject({ delivered: 120, waiting: 0 });
        await world.platform.stop();
      }
      expect(n).toBeGreaterThan(50);
    },
  );
});

describe("turns of a text that was withdrawn", () => {
  it("are free for the one that was published after it", async () => {
    const { world, of, seen } = await house({ one: 400 });
    await world.publish({ announcementId: id(1), content: { tags: ["one"] } });
    await world.drain();
    expect(of(1)).toHaveLength(20);
    await world.publish({ announcementId: id(1), revision: 2, kind: "withdrawn", content: { tags: ["one"] } });
    await world.handlers().sweep();
    await world.live(2);
    await world.publish({ announcementId: id(2), content: { tags: ["one"] } });
    const published = world.now().getTime();
    await world.live(24 * WINDOW);
    expect(of(1)).toHaveLength(20);
    expect(of(1, 2)).toHaveLength(20);
    expect(of(2)).toHaveLength(400);
    expect(
      mostIn(
        4,
        seen.map(({ at }) => at),
      ),
    ).toBeLessThanOrEqual(20);
    // Twenty who had the text learn first that it is withdrawn.
    expect((Math.max(...of(2)) - published) / 1000).toBeLessThanOrEqual(21 * WINDOW + 10);
  });

  it("keep nobody who comes later from going at once", async () => {
    const { world, of } = await house({ one: 400, two: 20 });
    await world.publish({ announcementId: id(1), content: { tags: ["one"] } });
    await world.drain();
    await world.publish({ announcementId: id(1), revision: 2, kind: "withdrawn", content: { tags: ["one"] } });
    await world.live(80);
    await world.publish({ announcementId: id(2), content: { tags: ["two"] } });
    const published = world.now().getTime();
    await world.live(10);
    expect(of(2)).toHaveLength(20);
    expect(Math.max(...of(2)) - published).toBeLessThanOrEqual(1000);
  });
});
