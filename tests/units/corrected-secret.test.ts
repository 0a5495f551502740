import { afterEach, describe, expect, it } from "vitest";
import type { Channel, Outcome } from "#src/domain/deliveries/channel.ts";
import { ledger } from "#src/domain/deliveries/ledger.ts";
import { deliveriesTo } from "#src/domain/deliveries/list.ts";
import { pausedCredentials } from "#src/domain/deliveries/paused.ts";
import { changeSubscription } from "#src/domain/subscriptions/change.ts";
import { confirmByChallenge } from "#src/domain/subscriptions/confirm-by-challenge.ts";
import { endpointKey } from "#src/domain/subscriptions/endpoint.ts";
import { SUBSCRIPTION_FEED } from "#src/domain/subscriptions/feed.ts";
import { parseSecretWord, SECRET_FEED } from "#src/domain/subscriptions/secret-feed.ts";
import { findSubscription } from "#src/domain/subscriptions/store.ts";
import { subscribe } from "#src/domain/subscriptions/subscribe.ts";
import type { Subscription } from "#src/domain/subscriptions/subscription.ts";
import { atEveryCall, faulty, MODES, type Mode, persistently } from "./faulty-ports.ts";
import { pushWorld, type World } from "./push-world.ts";

const HOUR = 3600;
const RIGHT = "right";
const ROBOT = "https://robots.example/a";
const OTHER = "https://robots.example/b";
const id = (n: number) => `ann_${String(n).padStart(26, "0")}`;
const WRONG: Outcome = { kind: "retry", detail: "310000", pause: { seconds: 600, because: "configuration" } };

const robot = (more: Partial<Channel> = {}): Partial<Channel> => ({
  limits: {
    ...{ inFlight: 64, inFlightPerOrigin: 64, bytes: 20_000, chunk: 20 },
    seconds: { connect: 5, answer: 15, total: 20 },
    windows: [{ seconds: 60, count: 20 }],
  },
  credential: (address) => address,
  secret: (text) => ({ secrets: text === undefined ? [] : [text] }),
  confirms: "link",
  ...more,
});

const worlds: World[] = [];
afterEach(async () => {
  for (const world of worlds.splice(0)) await world.platform.stop();
});

/** Robots that take nothing signed with another secret than the right one; what the feed tells is followed as on both platforms. */
async function robots(options: Parameters<typeof pushWorld>[0] = {}, follows = true) {
  const world = pushWorld({ dingtalk: robot(), ...options });
  worlds.push(world);
  const { seen, answer } = world.channels.dingtalk;
  answer(({ target }) => (target.secrets.includes(RIGHT) ? { kind: "delivered", status: 200 } : WRONG));
  let told = 0;
  if (follows)
    world.platform.feed(async (changes) => {
      for (const { item } of changes) {
        if (item.feed === SUBSCRIPTION_FEED) await world.handlers().askSubscription(item);
        if (item.feed !== SECRET_FEED) continue;
        expect(JSON.stringify(item)).not.toMatch(/right|robots\.example/);
        await world.handlers().secretCorrected(parseSecretWord(item));
        told++;
      }
      return { failed: [] };
    });
  const signUp = (address: string, more: Partial<Subscription> = {}) =>
    world.subscribe(address, { channel: "dingtalk", secrets: ["wrong"], ...more });
  /** An operator's PATCH; settles once the feed has told of it. */
  const correct = async ({ id }: Subscription, secret: string) => {
    const known = await findSubscription(world.platform.table, id);
    if (!known) throw new Error("no such subscription");
    const before = told;
    const deps = { table: world.platform.table, channels: world.channels, now: world.now };
    const changed = await changeSubscription(deps, known, known.version, { endpoint: { secret } });
    if (follows && changed.status === "confirmed") await expect.poll(() => told).toBe(before + 1);
    return changed;
  };
  return { world, seen, signUp, correct };
}

const row = async (world: World, n: number, address: string) =>
  (await deliveriesTo(world.deps, id(n), 1, endpointKey("dingtalk", address)))[0];
const balance = (world: World, n: number) => ledger(world.deps, id(n), 1);
const stops = (world: World) => pausedCredentials(world.deps, world.channels.dingtalk, undefined);

describe("a robot's secret that is corrected", () => {
  it("lets what waited for it go within seconds, with the new secret and within the vendor's limit", async () => {
    const { world, seen, signUp, correct } = await robots();
    const subscription = await signUp(ROBOT);
    for (let n = 1; n <= 25; n++) await world.publish({ announcementId: id(n) });
    await world.drain();
    // The vendor is tried ever more seldom, by now hours apart.
    await world.live(12 * HOUR, 60);
    expect(await row(world, 1, ROBOT)).toMatchObject({ state: "waiting", waitsFor: "configuration" });
    expect(await stops(world)).toHaveLength(1);
    const before = seen.length;
    await correct(subscription, RIGHT);
    expect(await stops(world)).toEqual([]);
    await world.live(5);
    const soon = seen.slice(before);
    expect(soon).toHaveLength(20);
    expect(soon.every(({ target }) => target.secrets[0] === RIGHT)).toBe(true);
    await world.live(65);
    for (let n = 1; n <= 25; n++) expect(await balance(world, n)).toMatchObject({ delivered: 1, waiting: 0 });
    expect(seen.length).toBe(before + 25);
    expect(await row(world, 1, ROBOT)).not.toHaveProperty("waitsFor");
  });

  it("is nobody else's: another group's robot stays stopped, and its notices keep their turns", async () => {
    const { world, seen, signUp, correct } = await robots();
    const mine = await signUp(ROBOT);
    await signUp(OTHER);
    await world.publish({ announcementId: id(1) });
    await world.drain();
    await world.live(3 * HOUR, 60);
    const theirs = await row(world, 1, OTHER);
    expect(theirs).toMatchObject({ state: "waiting", waitsFor: "configuration" });
    const before = seen.length;
    await correct(mine, RIGHT);
    await world.live(5);
    expect(seen.slice(before).map(({ target }) => target.address)).toEqual([ROBOT]);
    expect(await row(world, 1, OTHER)).toEqual(theirs);
    expect(await stops(world)).toHaveLength(1);
  });

  it("counts for who was planned with the old one: it is refused once, and goes with the new one a second later", async () => {
    const { world, seen, signUp, correct } = await robots();
    const subscription = await signUp(ROBOT);
    await world.publish({ announcementId: id(1) });
    // Planned and queued with its target, and not sent yet.
    const fanout = world.platform.queue("fanout");
    const messages = await fanout.receive({ max: 10, waitSeconds: 0, visibleAfterSeconds: 30 });
    await world.handlerOf("fanout")(messages);
    await fanout.done(messages.map(({ receipt }) => receipt));
    await correct(subscription, RIGHT);
    await world.drain();
    await world.live(5);
    expect(seen.map(({ target }) => target.secrets)).toEqual([["wrong"], [RIGHT]]);
    expect(await balance(world, 1)).toMatchObject({ delivered: 1 });
    expect(await stops(world)).toEqual([]);
  });

  it("is not stopped anew by a refusal of the old one that was on its way", async () => {
    const { world, seen, signUp, correct } = await robots();
    const subscription = await signUp(ROBOT);
    let corrected: Promise<unknown> | undefined;
    world.channels.dingtalk.answer(async ({ target }) => {
      corrected ??= correct(subscription, RIGHT);
      await corrected;
      return target.secrets.includes(RIGHT) ? { kind: "delivered", status: 200 } : WRONG;
    });
    await world.publish({ announcementId: id(1) });
    await world.drain();
    expect(await stops(world)).toEqual([]);
    await world.live(5);
    expect(seen).toHaveLength(2);
    expect((await row(world, 1, ROBOT))?.attempts.map(({ outcome }) => outcome)).toEqual(["retry", "delivered"]);
  });

  it("that is wrong again stops the robot again, and the vendor hears little of it", async () => {
    const { world, seen, signUp, correct } = await robots();
    const subscription = await signUp(ROBOT);
    for (let n = 1; n <= 10; n++) await world.publish({ announcementId: id(n) });
    await world.drain();
    await world.live(3 * HOUR, 60);
    const before = seen.length;
    await correct(subscription, "wrong too");
    await world.live(120);
    expect(seen.slice(before).every(({ target }) => target.secrets[0] === "wrong too")).toBe(true);
    expect(seen.length - before).toBeLessThanOrEqual(10);
    expect(await stops(world)).toMatchObject([{ because: "configuration", credentials: 1 }]);
    await correct(subscription, RIGHT);
    await world.live(5);
    for (let n = 1; n <= 10; n++) expect(await balance(world, n)).toMatchObject({ delivered: 1 });
  });

  it("has a group that was asked in vain asked again at once", async () => {
    const asked: string[][] = [];
    const { world, correct } = await robots({
      dingtalk: robot({
        confirm: async ({ secrets }) => {
          asked.push(secrets);
          return secrets.includes(RIGHT) ? "sent" : { paused: { seconds: 600, because: "configuration" } };
        },
      }),
    });
    const { subscription } = await subscribe(
      { table: world.platform.table, channels: world.channels, now: world.now, newId: world.deps.newId },
      {
        endpoint: { channel: "dingtalk", address: ROBOT, secret: "wrong" },
        ...{ topics: ["column:notices"], frequency: "now", language: "zh-CN" },
      },
    );
    await expect.poll(() => world.drain().then(() => asked.length)).toBe(1);
    expect(await stops(world)).toHaveLength(1);
    await world.live(10);
    expect(asked).toEqual([["wrong"]]);
    await correct(subscription, RIGHT);
    await expect.poll(() => world.drain().then(() => asked.length)).toBe(2);
    expect(asked).toEqual([["wrong"], [RIGHT]]);
  });

  it("is not stopped by a question with the old one that was on its way", async () => {
    let corrected: Promise<unknown> | undefined;
    let mine: Subscription | undefined;
    const asked: string[][] = [];
    const { world, correct } = await robots({
      dingtalk: robot({
        confirm: async ({ secrets }) => {
          asked.push(secrets);
          if (secrets.includes(RIGHT)) return "sent";
          if (mine) corrected ??= correct(mine, RIGHT);
          await corrected;
          return { paused: { seconds: 600, because: "configuration" } };
        },
      }),
    });
    const signedUp = await subscribe(
      { table: world.platform.table, channels: world.channels, now: world.now, newId: world.deps.newId },
      {
        endpoint: { channel: "dingtalk", address: ROBOT, secret: "wrong" },
        ...{ topics: ["column:notices"], frequency: "now", language: "zh-CN" },
      },
    );
    mine = signedUp.subscription;
    await expect.poll(() => world.drain().then(() => asked.length)).toBeGreaterThanOrEqual(1);
    expect(await stops(world)).toEqual([]);
    await world.live(15);
    expect(asked.at(-1)).toEqual([RIGHT]);
  });

  it("is not tried because of a stranger who signs the group up with any secret, until the group agreed", async () => {
    const asked: string[][] = [];
    let challenge = "";
    const { world, seen, signUp } = await robots({
      dingtalk: robot({
        confirm: async ({ secrets }, said) => {
          asked.push(secrets);
          challenge = said;
          return "sent";
        },
      }),
    });
    await signUp(ROBOT);
    await world.publish({ announcementId: id(1) });
    await world.drain();
    const before = seen.length;
    const deps = { table: world.platform.table, channels: world.channels, now: world.now };
    const { subscription } = await subscribe(
      { ...deps, newId: world.deps.newId },
      {
        endpoint: { channel: "dingtalk", address: ROBOT, secret: RIGHT },
        ...{ topics: ["column:notices"], frequency: "now", language: "zh-CN" },
      },
    );
    await expect.poll(() => world.drain().then(() => asked.length)).toBe(1);
    await world.live(5);
    expect([await stops(world), seen.length]).toMatchObject([[{ because: "configuration" }], before]);
    await confirmByChallenge(deps, { subscriptionId: subscription.id, challenge });
    await expect.poll(() => stops(world)).toEqual([]);
    await world.live(5);
    expect(await balance(world, 1)).toMatchObject({ delivered: 1 });
  });

  it("lets a second one who signs the group up with the right secret ask through the stop", async () => {
    const asked: string[][] = [];
    const { world, signUp } = await robots({
      dingtalk: robot({
        confirm: async ({ secrets }) => {
          asked.push(secrets);
          return "sent";
        },
      }),
    });
    await signUp(ROBOT);
    await world.publish({ announcementId: id(1) });
    await world.drain();
    expect(await stops(world)).toHaveLength(1);
    await subscribe(
      { table: world.platform.table, channels: world.channels, now: world.now, newId: world.deps.newId },
      {
        endpoint: { channel: "dingtalk", address: ROBOT, secret: RIGHT },
        ...{ topics: ["column:notices"], frequency: "now", language: "zh-CN" },
      },
    );
    await expect.poll(() => world.drain().then(() => asked.length)).toBe(1);
    expect(asked).toEqual([[RIGHT]]);
  });
});

describe("a correction, cut off anywhere,", () => {
  async function story(n: number, mode: Mode): Promise<boolean> {
    let armed = false;
    const fault = faulty(n, mode);
    const { world, seen, signUp, correct } = await robots(
      { wrap: (ports) => (armed ? fault.wrap(ports) : ports) },
      false,
    );
    const subscription = await signUp(ROBOT);
    for (let one = 1; one <= 3; one++) await world.publish({ announcementId: id(one) });
    await world.drain();
    await world.live(HOUR / 4, 60);
    const before = seen.length;
    const changed = await correct(subscription, RIGHT);
    armed = true;
    world.restart();
    const mortally = persistently(world, fault);
    // The feed tells it again until it was taken.
    await mortally(() => world.handlers().secretCorrected(changed));
    for (let steps = 0; steps < 40; steps++) {
      world.pass(5);
      await mortally(() => world.drain());
      if (steps % 12 === 11) await mortally(() => world.handlers().sweep());
    }
    for (let one = 1; one <= 3; one++) {
      const { delivered, unknown } = (await ledger({ table: world.platform.table }, id(one), 1)) ?? {};
      // Of a worker that died with a message in its hands nobody knows whether it was said.
      expect([delivered, unknown], `${mode} ${n}`).toEqual(fault.hit() && unknown === 1 ? [0, 1] : [1, 0]);
    }
    for (let one = 1; one <= 3; one++)
      expect(seen.slice(before).filter(({ deliveryId }) => deliveryId.startsWith(id(one))).length).toBeLessThanOrEqual(
        1,
      );
    return fault.hit();
  }

  for (const mode of MODES)
    it(`reaches the group within minutes whichever call ${mode} its effect`, { timeout: 120_000 }, async () => {
      expect(await atEveryCall((n) => story(n, mode))).toBeGreaterThan(20);
    });
});
