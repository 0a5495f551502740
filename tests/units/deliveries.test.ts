import { describe, expect, it } from "vitest";
import { ledger } from "#src/domain/deliveries/ledger.ts";
import { deliveriesTo, listDeliveries } from "#src/domain/deliveries/list.ts";
import { retryDelivery } from "#src/domain/deliveries/retry-delivery.ts";
import { findFanout } from "#src/domain/deliveries/store.ts";
import { endEndpoint } from "#src/domain/subscriptions/end-endpoint.ts";
import { endpointKey } from "#src/domain/subscriptions/endpoint.ts";
import { findSubscription } from "#src/domain/subscriptions/store.ts";
import { unsubscribe } from "#src/domain/subscriptions/unsubscribe.ts";
import { pushWorld, type World } from "./push-world.ts";

const ID = "ann_00000000000000000000000001";
const START = Date.parse("2026-03-02T02:00:00Z");
const hook = (i: number | string) => `https://example.org/${i}`;

async function subscribers(world: World, count: number): Promise<void> {
  await Promise.all(Array.from({ length: count }, (_, i) => world.subscribe(hook(i))));
}

const sum = (world: World, revision = 1) => ledger(world.deps, ID, revision);

describe("a publication", () => {
  it("reaches everyone who asked for its column, once, and the ledger balances", async () => {
    const world = pushWorld();
    await subscribers(world, 250);
    await world.subscribe(hook("other"), { topics: ["column:news"] });
    await world.subscribe("room:1", { channel: "wechaty" });
    await world.publish();
    await world.drain();
    const ids = world.channels.webhook.seen.map(({ deliveryId }) => deliveryId);
    expect(ids.length).toBe(250);
    expect(new Set(ids).size).toBe(250);
    expect(ids).toContain(`${ID}.1.${endpointKey("webhook", hook(7))}`);
    expect(await sum(world)).toMatchObject({
      closed: true,
      matched: 251,
      delivered: 251,
      channels: { webhook: { matched: 250, delivered: 250 }, wechaty: { matched: 1, delivered: 1 } },
    });
  });

  it("comes once to an endpoint that several topics match, with every reason named", async () => {
    const world = pushWorld();
    await world.subscribe(hook("a"), { topics: ["all", "tag:停水", { all: ["column:notices", "urgency:urgent"] }] });
    await world.subscribe(hook("a"), { topics: ["unit:center", { all: ["column:notices", "tag:停水"] }] });
    await world.subscribe(hook("b"), { topics: [{ all: ["column:notices", "urgency:urgent"] }] });
    await world.publish({ content: { tags: ["停水"] } });
    await world.drain();
    expect(world.channels.webhook.seen.map(({ target }) => target.address)).toEqual([hook("a")]);
    expect(world.channels.webhook.seen[0]?.target.matched.toSorted()).toEqual([
      "all",
      "column:notices",
      "tag:停水",
      "unit:center",
    ]);
  });

  it("that nobody asked for closes empty", async () => {
    const world = pushWorld();
    await world.publish();
    await world.drain();
    expect(await sum(world)).toMatchObject({ closed: true, matched: 0, channels: {} });
  });

  it("is planned by several workers when the audience is large, and still comes once to each", async () => {
    const world = pushWorld();
    for (let i = 0; i < 13_000; i += 500)
      await Promise.all(Array.from({ length: 500 }, (_, k) => world.subscribe(hook(i + k))));
    await world.publish();
    await world.drain();
    const reached = world.channels.webhook.seen.map(({ target }) => target.address);
    expect(reached.length).toBe(13_000);
    expect(new Set(reached).size).toBe(13_000);
    const ranges = await world.platform.table.query({ pk: `FANOUT#${ID}#000001`, prefix: "RANGE#" });
    expect(ranges.items.length).toBeGreaterThan(2);
    expect(await sum(world)).toMatchObject({ closed: true, matched: 13_000, delivered: 13_000 });
    world.pass(70);
    await world.handlers().sweep();
    expect((await findFanout(world.platform.table, ID, 1))?.closedAt).toBeDefined();
    expect(await sum(world)).toMatchObject({ closed: true, matched: 13_000, delivered: 13_000 });
  });

  it("comes once although every message comes twice and in the wrong order", async () => {
    const world = pushWorld();
    await subscribers(world, 250);
    await world.publish();
    for (let round = 0; round < 8; round++) {
      for (const name of ["fanout", "deliver-webhook"] as const) {
        const messages = await world.platform.queue(name).receive({ max: 10, waitSeconds: 0, visibleAfterSeconds: 60 });
        const twice = [...messages, ...messages].reverse();
        expect((await world.handlerOf(name)(twice)).failed).toEqual([]);
        await world.platform.queue(name).done(messages.map(({ receipt }) => receipt));
      }
      world.pass(6);
    }
    expect(world.channels.webhook.seen.length).toBe(250);
    expect(await sum(world)).toMatchObject({ closed: true, matched: 250, delivered: 250 });
  });

  it("names a message it cannot read as failed, and works on the others", async () => {
    const world = pushWorld();
    await subscribers(world, 1);
    await world.publish();
    const [message] = await world.platform.queue("fanout").receive({ max: 1, waitSeconds: 0, visibleAfterSeconds: 60 });
    const poison = { id: "poison", receipt: "x", body: { nonsense: true }, receives: 1 };
    if (!message) throw new Error("no message");
    expect((await world.handlerOf("fanout")([poison, message])).failed).toEqual(["poison"]);
    await world.drain();
    expect(world.channels.webhook.seen.length).toBe(1);
  });
});

describe("an endpoint that leaves", () => {
  it("gets nothing after it unsubscribed, though its chunk was planned before", async () => {
    const world = pushWorld();
    await subscribers(world, 30);
    const leaving = await world.subscribe(hook("leaving"));
    await world.publish();
    const [message] = await world.platform.queue("fanout").receive({ max: 1, waitSeconds: 0, visibleAfterSeconds: 60 });
    if (message) await world.handlerOf("fanout")([message]);
    await unsubscribe(world.deps, leaving);
    await world.drain();
    expect(world.channels.webhook.seen.map(({ target }) => target.address)).not.toContain(leaving.address);
    expect(await sum(world)).toMatchObject({ matched: 31, delivered: 30, suppressed: 1 });
    await world.publish({ announcementId: "ann_00000000000000000000000002" });
    await world.drain();
    expect(world.channels.webhook.seen.length).toBe(60);
  });

  it("ends when it answers that it is gone", async () => {
    const world = pushWorld();
    const subscription = await world.subscribe(hook("gone"));
    world.channels.webhook.answer(() => ({ kind: "gone", status: 410, detail: "gone" }));
    await world.publish();
    await world.drain();
    expect(await sum(world)).toMatchObject({ closed: true, matched: 1, failed: 1 });
    expect(await findSubscription(world.platform.table, subscription.id)).toMatchObject({
      status: "ended",
      endedBecause: "gone",
    });
    await world.publish({ announcementId: "ann_00000000000000000000000002" });
    await world.drain();
    expect(world.channels.webhook.seen.length).toBe(1);
  });

  it("is switched off after five days of failing, and not before", async () => {
    const world = pushWorld();
    const subscription = await world.subscribe(hook("sick"));
    world.channels.webhook.answer(() => ({ kind: "retry", status: 500, detail: "down" }));
    for (let day = 1; day <= 6; day++) {
      await world.publish({ announcementId: `ann_0000000000000000000000000${day}` });
      await world.live(86_400, 120);
      const status = (await findSubscription(world.platform.table, subscription.id))?.status;
      expect([day, status]).toEqual([day, day < 6 ? "confirmed" : "switched-off"]);
    }
  });

  it("stays on when a good answer came in between", async () => {
    const world = pushWorld();
    const subscription = await world.subscribe(hook("moody"));
    for (let day = 1; day <= 8; day++) {
      world.channels.webhook.answer(() =>
        day === 4 ? { kind: "delivered", status: 200 } : { kind: "retry", status: 500, detail: "down" },
      );
      await world.publish({ announcementId: `ann_0000000000000000000000000${day}` });
      await world.live(86_400, 120);
    }
    expect((await findSubscription(world.platform.table, subscription.id))?.status).toBe("confirmed");
  });
});

describe("a correction", () => {
  it("takes over a fan-out that is half done: last everyone holds the newest text", async () => {
    const world = pushWorld();
    await subscribers(world, 250);
    await world.publish();
    const [plan] = await world.platform.queue("fanout").receive({ max: 1, waitSeconds: 0, visibleAfterSeconds: 60 });
    if (plan) await world.handlerOf("fanout")([plan]);
    const queue = world.platform.queue("deliver-webhook");
    const [first] = await queue.receive({ max: 1, waitSeconds: 0, visibleAfterSeconds: 60 });
    if (!first) throw new Error("no chunk");
    await world.handlerOf("deliver-webhook")([first]);
    await queue.done([first.receipt]);
    await world.publish({ revision: 2, kind: "corrected" });
    await world.live(5);
    const order = new Map<string, number[]>();
    for (const { target, revision } of world.channels.webhook.seen)
      order.set(target.address, [...(order.get(target.address) ?? []), revision]);
    expect(order.size).toBe(250);
    const texts = [...order.values()].map((revisions) => revisions.join());
    expect(texts.filter((revisions) => revisions === "1,2").length).toBe(100);
    expect(texts.filter((revisions) => revisions === "2").length).toBe(150);
    expect(await sum(world, 1)).toMatchObject({ closed: true, matched: 250, delivered: 100, suppressed: 150 });
    expect(await sum(world, 2)).toMatchObject({ closed: true, matched: 250, delivered: 250 });
  });

  it("closes the older text's ledger within minutes, whoever slept or was to be tried again", async () => {
    const world = pushWorld({ webhook: { retriesUnknown: true } });
    const quietHours = { from: "09:00", to: "23:00" };
    for (let i = 0; i < 120; i++) await world.subscribe(hook(i), { quietHours });
    for (const name of ["down", "silent", "well"]) await world.subscribe(hook(name));
    world.channels.webhook.answer(({ target: { address } }) => {
      if (address === hook("down")) return { kind: "retry", status: 503, detail: "down", retryAfterSeconds: 36_000 };
      if (address === hook("silent")) return { kind: "unknown", detail: "silent" };
      return { kind: "delivered", status: 200 };
    });
    await world.publish();
    await world.drain();
    await world.live(3600, 60);
    expect(await sum(world, 1)).toMatchObject({ closed: false, held: 120, waiting: 2, delivered: 1 });
    await world.publish({ revision: 2, kind: "withdrawn" });
    await world.live(130, 5);
    const settled = { matched: 123, delivered: 1, unknown: 1, suppressed: 121, held: 0, waiting: 0 };
    expect(await sum(world, 1)).toMatchObject({ closed: true, ...settled });
    const [slept] = await deliveriesTo(world.deps, ID, 1, endpointKey("webhook", hook(7)));
    expect(slept).toMatchObject({ state: "suppressed", reason: "superseded" });
    expect(slept).not.toHaveProperty("dueAt");
    // Its withdrawal goes to who saw it, or may have.
    expect(await sum(world, 2)).toMatchObject({ matched: 2 });
    await world.live(86_400, 600);
    const older = world.channels.webhook.seen.filter(({ revision, at }) => revision === 1 && at > START + 3_600_000);
    expect(older).toEqual([]);
  });

  it("waits for pushes of the older text that are in flight", async () => {
    const world = pushWorld();
    await subscribers(world, 1);
    let answered: () => void = () => {};
    world.channels.webhook.answer(({ revision }) =>
      revision > 1
        ? { kind: "delivered", status: 200 }
        : new Promise((resolve) => {
            answered = () => resolve({ kind: "delivered", status: 200 });
          }),
    );
    await world.publish();
    const sending = world.drain();
    await expect.poll(() => world.channels.webhook.seen.length).toBe(1);
    await world.publish({ revision: 2, kind: "corrected" });
    const [plan] = await world.platform.queue("fanout").receive({ max: 1, waitSeconds: 0, visibleAfterSeconds: 60 });
    if (!plan) throw new Error("no plan");
    await world.handlerOf("fanout")([plan]);
    await world.platform.queue("fanout").done([plan.receipt]);
    // Nothing of it is even planned, which another process could take.
    expect(await sum(world, 2)).toMatchObject({ closed: false, matched: 0 });
    const queue = world.platform.queue("deliver-webhook");
    expect(await queue.receive({ max: 1, waitSeconds: 0, visibleAfterSeconds: 60 })).toEqual([]);
    answered();
    await sending;
    await world.live(3);
    expect(world.channels.webhook.seen.map(({ revision }) => revision)).toEqual([1, 2]);
  });

  it("comes also to who saw the older text and wants other columns by now", async () => {
    const world = pushWorld();
    await world.subscribe(hook("a"));
    await world.publish();
    await world.drain();
    await world.subscribe(hook("new"), { topics: ["column:policy"] });
    await world.publish({ revision: 2, kind: "corrected", content: { column: "policy" } });
    await world.drain();
    const second = world.channels.webhook.seen.filter(({ revision }) => revision === 2);
    expect(second.map(({ target }) => target.address).toSorted()).toEqual([hook("a"), hook("new")]);
  });

  it("starts even when the change feed tells of it first, and the older one then never goes out", async () => {
    const world = pushWorld();
    await subscribers(world, 3);
    const second = await world.publish({ revision: 2, kind: "corrected" });
    await world.publish({ revision: 1 });
    await world.drain();
    expect(second.revision).toBe(2);
    expect(world.channels.webhook.seen.map(({ revision }) => revision)).toEqual([2, 2, 2]);
    expect(await sum(world, 1)).toMatchObject({ closed: true, matched: 0 });
  });
});

describe("a withdrawal", () => {
  it("goes to those who saw the text, and to nobody else", async () => {
    const world = pushWorld();
    await world.subscribe(hook("saw"));
    await world.subscribe(hook("refuses"));
    world.channels.webhook.answer(({ target }) =>
      target.address === hook("refuses")
        ? { kind: "rejected", status: 400, detail: "no" }
        : { kind: "delivered", status: 200 },
    );
    await world.publish();
    await world.drain();
    await world.subscribe(hook("late"));
    await world.publish({ revision: 2, kind: "withdrawn", reason: "有误" });
    await world.drain();
    const second = world.channels.webhook.seen.filter(({ revision }) => revision === 2);
    expect(second.map(({ target }) => target.address)).toEqual([hook("saw")]);
    expect(await sum(world, 2)).toMatchObject({ closed: true, matched: 1, delivered: 1 });
  });

  it("does not go to who saw the text and has left since", async () => {
    const world = pushWorld();
    const left = await world.subscribe(hook("left"));
    await world.publish();
    await world.drain();
    await endEndpoint(world.deps, left.endpoint, "gone");
    await world.publish({ revision: 2, kind: "withdrawn", reason: "有误" });
    await world.drain();
    expect(world.channels.webhook.seen.length).toBe(1);
    expect(await sum(world, 2)).toMatchObject({ closed: true, matched: 1, suppressed: 1 });
  });
});

describe("a receiver that fails", () => {
  it("is tried again on the published schedule, then the delivery has failed", async () => {
    const world = pushWorld();
    await world.subscribe(hook("down"));
    world.channels.webhook.answer(() => ({ kind: "retry", status: 500, detail: "down" }));
    const start = world.now().getTime();
    await world.publish();
    await world.drain();
    await world.live(20);
    await world.live(110_000, 60);
    const at = world.channels.webhook.seen.map((push) => (push.at - start) / 1000);
    expect(at.length).toBe(8);
    const gaps = at.slice(1).map((time, i) => time - (at[i] ?? 0));
    for (const [i, due] of [5, 300, 1800, 7200, 18_000, 36_000, 36_000].entries()) {
      expect(gaps[i]).toBeGreaterThanOrEqual(due * 0.8 - 1);
      expect(gaps[i]).toBeLessThanOrEqual(due * 1.2 + 121); // the tick looks once a minute
    }
    expect(world.channels.webhook.seen.map(({ attempt }) => attempt)).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
    expect(new Set(world.channels.webhook.seen.map(({ deliveryId }) => deliveryId)).size).toBe(1);
    expect(await sum(world)).toMatchObject({ closed: true, matched: 1, failed: 1 });
    const [row] = await deliveriesTo(world.deps, ID, 1, endpointKey("webhook", hook("down")));
    expect(row?.attempts.map(({ status, trigger }) => [status, trigger])).toEqual([
      [500, "plan"],
      ...Array.from({ length: 7 }, () => [500, "schedule"]),
    ]);
  });

  it("is left alone as long as it asks for", async () => {
    const world = pushWorld();
    await world.subscribe(hook("busy"));
    let tries = 0;
    world.channels.webhook.answer(() =>
      ++tries === 1
        ? { kind: "retry", status: 429, detail: "slow down", retryAfterSeconds: 600 }
        : { kind: "delivered", status: 200 },
    );
    await world.publish();
    await world.drain();
    await world.live(590, 10);
    expect(tries).toBe(1);
    await world.live(130, 10);
    expect(tries).toBe(2);
    expect(await sum(world)).toMatchObject({ closed: true, delivered: 1 });
  });

  it("is left alone for a day at most, whatever it asks for", async () => {
    const world = pushWorld();
    await subscribers(world, 20);
    world.channels.webhook.answer(() => ({ kind: "retry", status: 503, detail: "503", retryAfterSeconds: 86_400 }));
    await world.publish();
    await world.drain();
    const rows = await Promise.all(
      world.channels.webhook.seen.map(({ target }) => deliveriesTo(world.deps, ID, 1, target.endpoint)),
    );
    const waits = rows.map(([row]) => Date.parse(row?.dueAt ?? "") - world.now().getTime());
    expect(waits).toEqual(Array.from({ length: 20 }, () => 86_400_000));
  });

  it("is not joined by a thousand others in the same second", async () => {
    const world = pushWorld();
    await subscribers(world, 300);
    let down = true;
    world.channels.webhook.answer(() =>
      down ? { kind: "retry", status: 503, detail: "down" } : { kind: "delivered", status: 200 },
    );
    await world.publish();
    await world.drain();
    await world.live(10);
    const second = world.channels.webhook.seen.filter(({ attempt }) => attempt === 2);
    expect(second.length).toBe(300);
    expect(new Set(second.map(({ at }) => at)).size).toBeGreaterThan(1);
    down = false;
    await world.live(400, 5);
    const third = world.channels.webhook.seen.filter(({ attempt }) => attempt === 3);
    expect(third.length).toBe(300);
    expect(new Set(third.map(({ at }) => at)).size).toBeGreaterThan(10);
    expect(await sum(world)).toMatchObject({ closed: true, delivered: 300 });
  });

  it("does not keep back what goes to the others", async () => {
    const world = pushWorld();
    await subscribers(world, 99);
    await world.subscribe(hook("hangs"));
    const never = new Promise<never>(() => {});
    world.channels.webhook.answer(({ target }) =>
      target.address === hook("hangs") ? never : { kind: "delivered", status: 200 },
    );
    await world.publish();
    void world.drain();
    await expect.poll(() => world.channels.webhook.seen.length, { timeout: 5000 }).toBe(100);
    // What came back is written down although the chunk is still open.
    await expect.poll(async () => (await sum(world))?.delivered, { timeout: 5000 }).toBe(99);
    expect(await sum(world)).toMatchObject({ closed: false, matched: 100, waiting: 1 });
  });
});

describe("a channel that must not send twice", () => {
  it("leaves an unknown outcome to a person, who may send again", async () => {
    const world = pushWorld();
    const room = await world.subscribe("room:1", { channel: "wechaty" });
    world.channels.wechaty.answer(() => ({ kind: "unknown", detail: "no id came back" }));
    await world.publish();
    await world.live(7200, 60);
    expect(world.channels.wechaty.seen.length).toBe(1);
    expect(await sum(world)).toMatchObject({ closed: true, unknown: 1 });
    world.channels.wechaty.answer(() => ({ kind: "delivered" }));
    const row = await retryDelivery(world.deps, `${ID}.1.${room.endpoint}`);
    expect(row).toMatchObject({ state: "waiting", channel: "wechaty" });
    expect(await sum(world)).toMatchObject({ closed: false, waiting: 1, unknown: 0 });
    await world.drain();
    expect(await sum(world)).toMatchObject({ closed: true, delivered: 1 });
    await expect(retryDelivery(world.deps, row.id)).rejects.toMatchObject({ code: "STATE" });
    const [after] = await deliveriesTo(world.deps, ID, 1, room.endpoint);
    expect(after?.attempts.map(({ outcome, trigger }) => [outcome, trigger])).toEqual([
      ["unknown", "plan"],
      ["delivered", "person"],
    ]);
  });
});

describe("somebody who wants it later", () => {
  it("gets it at eight in the morning", async () => {
    const world = pushWorld();
    await world.subscribe(hook("daily"), { frequency: "daily" });
    await world.subscribe(hook("weekly"), { frequency: "weekly" });
    await world.publish();
    await world.drain();
    expect(await sum(world)).toMatchObject({ closed: false, matched: 2, held: 2 });
    await world.live(22 * 3600 + 300, 60);
    expect(world.channels.webhook.seen.map(({ target }) => target.address)).toEqual([hook("daily")]);
    expect(new Date(world.channels.webhook.seen[0]?.at ?? 0).toISOString()).toMatch(/^2026-03-03T00:0[0-2]/);
    await world.live(6 * 86_400, 300);
    expect(new Date(world.channels.webhook.seen[1]?.at ?? 0).toISOString()).toMatch(/^2026-03-09T00:0/);
    expect(await sum(world)).toMatchObject({ closed: true, delivered: 2 });
  });

  it("is not woken in quiet hours, except by an urgent text of a column that may", async () => {
    const world = pushWorld();
    await world.subscribe(hook("sleeps"), { quietHours: { from: "09:00", to: "11:30" } });
    await world.publish();
    await world.publish({
      announcementId: "ann_00000000000000000000000002",
      mayBreakQuietHours: true,
      content: { urgency: "urgent" },
    });
    await world.drain();
    expect(world.channels.webhook.seen.map(({ deliveryId }) => deliveryId.slice(0, 30))).toEqual([
      "ann_00000000000000000000000002",
    ]);
    await world.live(5700, 60);
    expect(world.channels.webhook.seen.length).toBe(2);
    expect(new Date(world.channels.webhook.seen[1]?.at ?? 0).toISOString()).toMatch(/^2026-03-02T03:3/);
  });

  it("gets no older text when a correction came before its hour", async () => {
    const world = pushWorld();
    await world.subscribe(hook("daily"), { frequency: "daily" });
    await world.publish();
    await world.drain();
    await world.publish({ revision: 2, kind: "corrected" });
    await world.live(86_400, 120);
    expect(world.channels.webhook.seen.map(({ items }) => items)).toEqual([[`${ID}.2`]]);
    expect(await sum(world, 1)).toMatchObject({ closed: true, matched: 1, suppressed: 1 });
  });
});

it("lists the deliveries of a publication page by page, those that failed among them", async () => {
  const world = pushWorld();
  await subscribers(world, 130);
  world.channels.webhook.answer(({ target }) =>
    target.address === hook(42) ? { kind: "rejected", status: 422, detail: "no" } : { kind: "delivered", status: 202 },
  );
  await world.publish();
  await world.drain();
  const fanout = await findFanout(world.platform.table, ID, 1);
  if (!fanout) throw new Error("no fan-out");
  const failed = await listDeliveries(world.deps, fanout, { limit: 20, state: "failed" });
  expect(failed.items.map(({ address, attempts }) => [address, attempts[0]?.status])).toEqual([[hook(42), 422]]);
  const seen: string[] = [];
  for (let after: string | undefined; ; ) {
    const page = await listDeliveries(world.deps, fanout, { limit: 50, ...(after ? { after } : {}) });
    seen.push(...page.items.map(({ id }) => id));
    if (page.next === undefined) break;
    after = page.next;
  }
  expect(seen.length).toBe(130);
  expect(new Set(seen).size).toBe(130);
  const [one] = await deliveriesTo(world.deps, ID, 1, endpointKey("webhook", hook(3)));
  expect(one).toMatchObject({
    state: "delivered",
    matched: ["column:notices"],
    attempts: [{ status: 202, outcome: "delivered", at: "2026-03-02T02:00:00.000Z" }],
  });
});
