import { describe, expect, test } from "vitest";
import type { Word } from "#src/domain/deliveries/channel.ts";
import { ledger } from "#src/domain/deliveries/ledger.ts";
import { deliveriesTo } from "#src/domain/deliveries/list.ts";
import { retryDelivery } from "#src/domain/deliveries/retry-delivery.ts";
import { settleDelivery } from "#src/domain/deliveries/settle-delivery.ts";
import { endpointKey } from "#src/domain/subscriptions/endpoint.ts";
import { pushWorld } from "./push-world.ts";

const ID = "ann_00000000000000000000000001";
const MINUTE = 60;
const DAY = 86_400;

type Answers = (receipt: string, asked: number) => Word | Promise<Word>;

/** A channel whose provider can be asked; what it is asked is counted with the seconds since the push. */
function askWorld(answers: Answers, options: { outcome?: "accepted" | "unknown" } = {}) {
  const asked: { receipt: string; at: number }[] = [];
  let began = 0;
  const world = pushWorld({
    "official-account": {
      canAsk: (receipt) => !receipt.startsWith("template:"),
      ask: async (receipt) => {
        asked.push({ receipt, at: (world.now().getTime() - began) / 1000 });
        return answers(receipt, asked.length);
      },
    },
  });
  const { outcome = "accepted" } = options;
  world.channels["official-account"].answer(({ target }) => {
    const receipt = `${target.address.startsWith("openid:") ? "template" : "mass"}:${target.address}`;
    return outcome === "accepted"
      ? { kind: "accepted", status: 200, receipt }
      : { kind: "unknown", detail: "no answer", receipt };
  });
  return {
    ...world,
    asked,
    publishTo: async (...addresses: string[]) => {
      for (const address of addresses) await world.subscribe(address, { channel: "official-account" });
      began = world.now().getTime();
      await world.publish();
      await world.drain();
    },
    state: async (address = "followers") => {
      const [row] = await deliveriesTo(world.deps, ID, 1, endpointKey("official-account", address));
      return row;
    },
    sums: () => ledger(world.deps, ID, 1),
    waiting: async () => (await world.platform.table.queryIndex({ pk: "RECEIPTS-TO-ASK" })).items.length,
    event: (outcome: "delivered" | "failed", address = "followers") =>
      world.handlers().receipt({ channel: "official-account", receipt: `mass:${address}`, outcome }),
  };
}

describe("a provider whose word does not come", () => {
  test("is asked some minutes after the push, and the delivery is settled", async () => {
    const world = askWorld(() => ({ kind: "delivered" }));
    await world.publishTo("followers");
    expect(await world.waiting()).toBe(1);
    await world.live(4 * MINUTE, 30);
    expect(world.asked).toEqual([]);
    await world.live(3 * MINUTE, 30);
    expect(world.asked).toMatchObject([{ receipt: "mass:followers" }]);
    expect((await world.state())?.attempts).toMatchObject([
      { outcome: "accepted" },
      { outcome: "delivered", trigger: "receipt" },
    ]);
    expect(await world.waiting()).toBe(0);
    await world.live(DAY, 900);
    expect(world.asked).toHaveLength(1);
    expect(await world.sums()).toMatchObject({ closed: true, delivered: 1, matched: 1 });
  });

  test("says that it failed: so does the ledger, which is opened, balances and closes again", async () => {
    const world = askWorld(() => ({ kind: "failed", detail: "the platform's review refused it" }));
    await world.publishTo("followers", "tag:1");
    await world.live(8 * MINUTE, 30);
    expect(await world.state()).toMatchObject({ state: "failed" });
    expect((await world.state())?.attempts.at(-1)).toMatchObject({ error: "the platform's review refused it" });
    await world.live(10 * MINUTE, 60);
    expect(await world.sums()).toMatchObject({ closed: true, failed: 2, delivered: 0, matched: 2 });
  });

  test("settles a push whose outcome nobody knew", async () => {
    const world = askWorld(() => ({ kind: "delivered" }), { outcome: "unknown" });
    await world.publishTo("followers");
    expect(await world.sums()).toMatchObject({ unknown: 1 });
    await world.live(8 * MINUTE, 30);
    expect(await world.sums()).toMatchObject({ unknown: 0, delivered: 1 });
  });

  test("is asked ever more seldom while it is still at it, and no more after a day", async () => {
    const world = askWorld((_, n) => (n % 2 ? { kind: "pending" } : { kind: "unknown" }));
    await world.publishTo("followers");
    await world.live(3 * DAY, 300);
    expect(world.asked.length).toBeGreaterThanOrEqual(8);
    expect(world.asked.length).toBeLessThanOrEqual(10);
    const gaps = world.asked.map(({ at }, i) => at - (world.asked[i - 1]?.at ?? 0));
    for (const [i, gap] of gaps.entries()) expect(gap).toBeGreaterThanOrEqual((gaps[i - 1] ?? 300) - 300);
    expect(world.asked.at(-1)?.at).toBeLessThanOrEqual(DAY);
    expect(await world.waiting()).toBe(0);
    expect(await world.state()).toMatchObject({ state: "delivered" });
  });

  test("is down, and asked again when it is back", async () => {
    const world = askWorld((_, n) => {
      if (n <= 2) throw new Error("down");
      return { kind: "delivered" };
    });
    await world.publishTo("followers");
    await world.live(2 * 3600, 60);
    expect(world.asked).toHaveLength(3);
    expect((await world.state())?.attempts.at(-1)).toMatchObject({ trigger: "receipt", outcome: "delivered" });
    expect(await world.waiting()).toBe(0);
  });
});

describe("a provider's word that comes", () => {
  test("before the first question makes it needless", async () => {
    const world = askWorld(() => ({ kind: "delivered" }));
    await world.publishTo("followers");
    await world.event("failed");
    expect(await world.waiting()).toBe(0);
    await world.live(DAY, 900);
    expect(world.asked).toEqual([]);
    expect(await world.state()).toMatchObject({ state: "failed" });
  });

  test("late, after questions without an answer, settles it and ends the questions", async () => {
    const world = askWorld(() => ({ kind: "pending" }));
    await world.publishTo("followers");
    await world.live(20 * MINUTE, 60);
    const before = world.asked.length;
    expect(before).toBeGreaterThan(0);
    await world.event("delivered");
    await world.live(DAY, 900);
    expect(world.asked).toHaveLength(before);
    expect((await world.state())?.attempts).toHaveLength(2);
  });

  test("while it is asked: the first word stands, and is noted once", async () => {
    const world = askWorld(async () => {
      await world.event("failed");
      return { kind: "delivered" };
    });
    await world.publishTo("followers");
    await world.live(8 * MINUTE, 30);
    expect((await world.state())?.attempts).toMatchObject([{ outcome: "accepted" }, { outcome: "rejected" }]);
    expect(await world.waiting()).toBe(0);
    await world.live(10 * MINUTE, 60);
    expect(await world.sums()).toMatchObject({ closed: true, failed: 1, matched: 1 });
  });

  test("again after the answer changes nothing", async () => {
    const world = askWorld(() => ({ kind: "delivered" }));
    await world.publishTo("followers");
    await world.live(8 * MINUTE, 30);
    await world.event("delivered");
    await world.event("failed");
    expect((await world.state())?.attempts).toHaveLength(2);
    expect(await world.state()).toMatchObject({ state: "delivered" });
  });
});

describe("questions", () => {
  test("are queued once by two sweeps at once, and a lost one comes again", async () => {
    const world = askWorld(() => ({ kind: "delivered" }));
    await world.publishTo("followers");
    world.pass(301);
    await Promise.all([world.handlers().sweep(), world.handlers().sweep()]);
    const queue = world.platform.queue("deliver-official-account");
    const taken = await queue.receive({ max: 10, waitSeconds: 0, visibleAfterSeconds: 30 });
    expect(taken.map(({ body }) => body)).toEqual([{ kind: "ask", receipt: "mass:followers" }]);
    await queue.done(taken.map(({ receipt }) => receipt));
    expect(world.asked).toEqual([]);
    await world.live(11 * MINUTE, 30);
    expect(world.asked).toHaveLength(1);
    expect(await world.waiting()).toBe(0);
  });

  test("that the queue delivers twice are asked twice at most, and change nothing", async () => {
    const world = askWorld(() => ({ kind: "delivered" }));
    await world.publishTo("followers");
    const message = { id: "1", receipt: "1", body: { kind: "ask", receipt: "mass:followers" }, receives: 1 };
    await Promise.all([1, 2].map(() => world.handlerOf("deliver-official-account")([message])));
    await world.handlerOf("deliver-official-account")([message]);
    expect(world.asked.length).toBeLessThanOrEqual(2);
    expect((await world.state())?.attempts).toHaveLength(2);
  });

  test("are not put about what a person has settled", async () => {
    const world = askWorld(() => ({ kind: "delivered" }), { outcome: "unknown" });
    await world.publishTo("followers");
    const id = `${ID}.1.${endpointKey("official-account", "followers")}`;
    await settleDelivery(world.deps, id, { state: "failed", reason: "后台没有", by: "tok_1" });
    await world.live(DAY, 900);
    expect(world.asked).toEqual([]);
    expect(await world.waiting()).toBe(0);
    expect(await world.state()).toMatchObject({ state: "failed" });
  });

  test("begin again when a delivery that failed is tried again, and stands behind the same message", async () => {
    const world = askWorld(() => ({ kind: "failed", detail: "refused" }));
    await world.publishTo("followers");
    await world.event("failed");
    const id = `${ID}.1.${endpointKey("official-account", "followers")}`;
    await retryDelivery(world.deps, id);
    await world.drain();
    expect(await world.state()).toMatchObject({ state: "delivered" });
    expect(await world.waiting()).toBe(1);
    await world.live(8 * MINUTE, 30);
    expect(world.asked).toHaveLength(1);
    expect(await world.state()).toMatchObject({ state: "failed" });
  });

  test("are few in one sweep, and every one has its turn", async () => {
    const world = askWorld(() => ({ kind: "delivered" }));
    await world.publishTo(...Array.from({ length: 45 }, (_, i) => `tag:${i}`));
    world.pass(301);
    for (const most of [20, 40, 45]) {
      await world.handlers().sweep();
      await world.drain();
      expect(world.asked).toHaveLength(most);
    }
    expect(await world.waiting()).toBe(0);
  });

  test("are not noted for receipts that cannot be asked about, nor for other channels", async () => {
    const world = askWorld(() => ({ kind: "delivered" }));
    await world.subscribe("a@example.org", { channel: "email" });
    world.channels.email.answer(() => ({ kind: "accepted", receipt: "<1@gs>" }));
    await world.publishTo("openid:oTestOpenid0000000000000001");
    expect(await world.waiting()).toBe(0);
    await world.live(DAY, 900);
    expect(world.asked).toEqual([]);
  });
});
