import { describe, expect, it } from "vitest";
import type { Outcome } from "#src/domain/deliveries/channel.ts";
import { ledger } from "#src/domain/deliveries/ledger.ts";
import { deliveriesTo } from "#src/domain/deliveries/list.ts";
import { replay } from "#src/domain/deliveries/replay.ts";
import { retryAll } from "#src/domain/deliveries/retry-all.ts";
import { retryDelivery } from "#src/domain/deliveries/retry-delivery.ts";
import { changeSubscription } from "#src/domain/subscriptions/change.ts";
import { confirm } from "#src/domain/subscriptions/confirm.ts";
import { endEndpoint } from "#src/domain/subscriptions/end-endpoint.ts";
import { endpointKey } from "#src/domain/subscriptions/endpoint.ts";
import { importSubscriptions } from "#src/domain/subscriptions/import.ts";
import {
  ImportedSubscription,
  NewSubscription,
  SubscriptionChange,
} from "#src/domain/subscriptions/new-subscription.ts";
import { findSubscription } from "#src/domain/subscriptions/store.ts";
import { subscribe } from "#src/domain/subscriptions/subscribe.ts";
import type { Subscription } from "#src/domain/subscriptions/subscription.ts";
import { readJson } from "#src/web/body.ts";
import { checked } from "#src/web/input.ts";
import { notingRetries, pushWorld, type Retried, type Seen, type World } from "./push-world.ts";

const ID = "ann_00000000000000000000000001";
const hook = (name: string) => `https://example.org/${name}`;
const key = (name: string) => endpointKey("webhook", hook(name));
const sum = (world: World, revision = 1) => ledger(world.deps, ID, revision);
const row = async (world: World, name: string, revision = 1) =>
  (await deliveriesTo(world.deps, ID, revision, key(name))).find((one) => one.revision === revision);
const got = (world: World) =>
  Object.values(world.channels)
    .flatMap(({ seen }) => seen)
    .sort((a, b) => a.at - b.at)
    .map(({ target, at }) => [target.address.replace(hook(""), ""), Math.round((at - BEGIN) / 60_000)]);
const BEGIN = Date.parse("2026-03-02T02:00:00Z");
const delivered: Outcome = { kind: "delivered", status: 200 };
const down: Outcome = { kind: "retry", status: 503, detail: "down" };

const standIn = (world: World, name: string, first: string, minutes = 10, more: Partial<Subscription> = {}) =>
  world.subscribe(hook(name), { after: { endpoint: key(first), minutes }, ...more });
const answers = (world: World, by: Record<string, Outcome | ((push: Seen) => Outcome)>) =>
  world.channels.webhook.answer((push) => {
    const answer = by[push.target.address.replace(hook(""), "")] ?? delivered;
    return typeof answer === "function" ? answer(push) : answer;
  });

describe("a fallback", () => {
  it("gets nothing when the first choice was reached", async () => {
    const world = pushWorld();
    await world.subscribe(hook("first"));
    await standIn(world, "second", "first");
    await world.publish();
    await world.drain();
    await world.live(1200, 30);
    expect(got(world)).toEqual([["first", 0]]);
    expect(await sum(world)).toMatchObject({ closed: true, matched: 2, delivered: 1, suppressed: 1 });
    expect(await row(world, "second")).toMatchObject({ state: "suppressed", reason: "first choice reached" });
  });

  it("takes over after its minutes, and the first choice is not tried again", async () => {
    const world = pushWorld();
    await world.subscribe(hook("first"));
    await standIn(world, "second", "first");
    answers(world, { first: down });
    await world.publish();
    await world.drain();
    expect(await row(world, "second")).toMatchObject({
      state: "held",
      heldFor: "first choice",
      dueAt: "2026-03-02T02:10:00.000Z",
    });
    expect(await sum(world)).toMatchObject({ closed: false, matched: 2, waiting: 1, held: 1 });
    await world.live(2 * 3600, 30);
    const second = got(world).filter(([name]) => name === "second");
    expect(second).toEqual([["second", expect.toSatisfy((minute: number) => minute >= 10 && minute <= 12)]]);
    const last = got(world)
      .filter(([name]) => name === "first")
      .at(-1)?.[1];
    expect(last).toBeLessThanOrEqual(10);
    expect(await row(world, "first")).toMatchObject({ state: "suppressed", reason: "fallback took over" });
    expect(await sum(world)).toMatchObject({ closed: true, matched: 2, delivered: 1, suppressed: 1 });
  });

  it("on another channel takes over what the first one's worker never began", async () => {
    const world = pushWorld();
    await world.subscribe("room:1", { channel: "wechaty" });
    await world.subscribe(hook("second"), { after: { endpoint: endpointKey("wechaty", "room:1"), minutes: 5 } });
    world.channels.wechaty.answer(() => ({ kind: "retry", detail: "no bot on this host", retryAfterSeconds: 3600 }));
    await world.publish();
    await world.drain();
    await world.live(7200, 60);
    expect(got(world).map(([name]) => name)).toEqual(["room:1", "second"]);
    expect(await sum(world)).toMatchObject({ closed: true, delivered: 1, suppressed: 1 });
  });

  it("of an urgent text is woken, retried and replayed among the urgent ones, not behind all others", async () => {
    const retried: Retried[] = [];
    const world = pushWorld({ wrap: notingRetries(retried) });
    await world.subscribe(hook("first"));
    await standIn(world, "second", "first");
    answers(world, { first: { kind: "rejected", detail: "no" }, second: { kind: "rejected", detail: "no" } });
    await world.publish({ content: { urgency: "urgent" } });
    await world.drain();
    await world.live(60, 5);
    expect(retried.map(({ queue }) => queue)).toEqual(["urgent"]);
    await retryAll(world.deps, ID, 1, "failed");
    await world.drain();
    await replay(world.deps, key("second"), new Date(BEGIN));
    await world.drain();
    expect(retried.length).toBeGreaterThan(2);
    expect(retried.filter(({ queue }) => queue !== "urgent")).toEqual([]);
  });

  it("goes at once when the first choice fails for good or has ended", async () => {
    const world = pushWorld();
    const gone = await world.subscribe(hook("gone"));
    await world.subscribe(hook("refuses"));
    await standIn(world, "for gone", "gone", 60);
    await standIn(world, "for refuses", "refuses", 60);
    answers(world, {
      gone: { kind: "gone", status: 410, detail: "410" },
      refuses: { kind: "rejected", status: 422, detail: "no" },
    });
    await world.publish();
    await world.drain();
    await world.live(60, 5);
    expect(got(world).toSorted()).toEqual([
      ["for gone", 0],
      ["for refuses", 0],
      ["gone", 0],
      ["refuses", 0],
    ]);
    expect(await sum(world)).toMatchObject({ closed: true, delivered: 2, failed: 2 });
    expect((await findSubscription(world.platform.table, gone.id))?.status).toBe("ended");
  });

  it("is woken together with the others of its chunk whose first choices failed", async () => {
    const retried: Retried[] = [];
    const world = pushWorld({ wrap: notingRetries(retried) });
    for (let i = 0; i < 40; i++) {
      await world.subscribe(hook(`first ${i}`));
      await standIn(world, `second ${i}`, `first ${i}`, 60);
    }
    world.channels.webhook.answer(({ target }) =>
      target.address.includes("first") ? { kind: "rejected", status: 422, detail: "no" } : delivered,
    );
    await world.publish();
    await world.drain();
    expect(await sum(world)).toMatchObject({ matched: 80, delivered: 40, failed: 40 });
    expect(retried).toHaveLength(1);
  });

  it("is an endpoint like any other for what its first choice does not want", async () => {
    const world = pushWorld();
    await world.subscribe(hook("first"), { topics: ["column:policy"] });
    await standIn(world, "second", "first", 60);
    await standIn(world, "of nobody", "never subscribed", 60);
    await world.publish();
    await world.drain();
    expect(got(world).toSorted()).toEqual([
      ["of nobody", 0],
      ["second", 0],
    ]);
    expect(await sum(world)).toMatchObject({ closed: true, delivered: 2 });
  });

  it("goes when nobody knows whether the first choice got it", async () => {
    const world = pushWorld();
    await world.subscribe("room:1", { channel: "wechaty" });
    await world.subscribe(hook("second"), { after: { endpoint: endpointKey("wechaty", "room:1"), minutes: 5 } });
    world.channels.wechaty.answer(() => ({ kind: "unknown", detail: "no id came back" }));
    await world.publish();
    await world.drain();
    await world.live(600, 30);
    expect(got(world)).toEqual([
      ["room:1", 0],
      ["second", expect.toSatisfy((minute: number) => minute >= 5)],
    ]);
    expect(await sum(world)).toMatchObject({ closed: true, unknown: 1, delivered: 1 });
  });

  it("waits for a receipt only where the channel gives receipts, and goes without one only where one always comes", async () => {
    for (const follows of ["always", "failures", undefined] as const) {
      const world = pushWorld({ email: { receipts: () => follows } });
      await world.subscribe("a@example.org", { channel: "email" });
      await world.subscribe(hook("second"), { after: { endpoint: endpointKey("email", "a@example.org"), minutes: 5 } });
      world.channels.email.answer(() => ({ kind: "accepted", status: 202 }));
      await world.publish();
      await world.drain();
      expect((await row(world, "second"))?.state).toBe("held");
      await world.live(600, 30);
      expect(got(world).length).toBe(follows === "always" ? 2 : 1);
      expect(await sum(world)).toMatchObject({ closed: true, held: 0, waiting: 0 });
    }
  });

  it("went out before the receipt came: the receipt is believed, nothing goes out again, and all is counted once", async () => {
    for (const outcome of ["delivered", "failed"] as const) {
      const world = pushWorld({ "official-account": { receipts: () => "always" } });
      const [channel, address] = ["official-account", "followers"] as const;
      await world.subscribe(address, { channel });
      await world.subscribe(hook("second"), { after: { endpoint: endpointKey(channel, address), minutes: 5 } });
      world.channels[channel].answer(() => ({ kind: "accepted", receipt: "mass:1" }));
      await world.publish();
      await world.drain();
      await world.live(600, 30);
      expect(got(world).length).toBe(2);
      for (let times = 0; times < 2; times++) {
        await world.handlers().receipt({ channel, receipt: "mass:1", outcome });
        await world.live(120, 30);
      }
      expect(got(world).length).toBe(2);
      const ends = outcome === "delivered" ? { delivered: 2, failed: 0 } : { delivered: 1, failed: 1 };
      expect(await sum(world)).toMatchObject({ closed: true, matched: 2, held: 0, waiting: 0, ...ends });
    }
  });

  it("goes as soon as a receipt says that the first choice got nothing", async () => {
    const world = pushWorld({ email: { receipts: () => "failures" } });
    await world.subscribe("a@example.org", { channel: "email" });
    await world.subscribe(hook("second"), { after: { endpoint: endpointKey("email", "a@example.org"), minutes: 60 } });
    world.channels.email.answer(() => ({ kind: "accepted", receipt: "mail-1" }));
    await world.publish();
    await world.drain();
    await world.handlers().receipt({ channel: "email", receipt: "mail-1", outcome: "failed" });
    await world.live(60, 5);
    expect(got(world)).toEqual([
      ["a@example.org", 0],
      ["second", 0],
    ]);
    expect(await sum(world)).toMatchObject({ closed: true, delivered: 1, failed: 1 });
  });

  it("waits for a push to the first choice that is on its way", async () => {
    const world = pushWorld();
    await world.subscribe("room:1", { channel: "wechaty" });
    await world.subscribe(hook("second"), { after: { endpoint: endpointKey("wechaty", "room:1"), minutes: 1 } });
    let answered: () => void = () => {};
    world.channels.wechaty.answer(
      () =>
        new Promise((resolve) => {
          answered = () => resolve({ kind: "delivered" });
        }),
    );
    await world.publish();
    const sending = world.drain();
    await expect.poll(() => world.channels.wechaty.seen.length).toBe(1);
    await expect.poll(async () => (await row(world, "second"))?.state).toBe("held");
    world.pass(50);
    world.pass(12);
    await world.handlers().sweep();
    const queue = world.platform.queue("deliver-webhook");
    const messages = await queue.receive({ max: 10, waitSeconds: 0, visibleAfterSeconds: 60 });
    await world.handlerOf("deliver-webhook")(messages);
    await queue.done(messages.map(({ receipt }) => receipt));
    expect(world.channels.webhook.seen).toEqual([]);
    answered();
    await sending;
    await world.live(300, 10);
    expect(world.channels.webhook.seen).toEqual([]);
    expect(await row(world, "second")).toMatchObject({ reason: "first choice reached" });
  });

  it("lets the first choice sleep: its minutes begin in the morning", async () => {
    const world = pushWorld();
    await world.subscribe(hook("first"), { quietHours: { from: "09:00", to: "12:00" } });
    await standIn(world, "second", "first", 10);
    await world.publish();
    await world.drain();
    await world.live(3 * 3600, 60);
    expect(got(world).map(([name]) => name)).toEqual(["first"]);
    expect(await row(world, "second")).toMatchObject({ reason: "first choice reached" });
  });

  it("waits for the digest of its first choice", async () => {
    const world = pushWorld();
    await world.subscribe(hook("first"), { frequency: "daily" });
    await standIn(world, "second", "first", 10);
    await world.publish();
    await world.drain();
    await world.live(23 * 3600, 120);
    expect(got(world).map(([name]) => name)).toEqual(["first"]);
    expect(await sum(world)).toMatchObject({ closed: true, delivered: 1, suppressed: 1 });
  });

  it("has a fallback of its own, in order", async () => {
    const world = pushWorld();
    await world.subscribe(hook("first"));
    await standIn(world, "second", "first", 10);
    await standIn(world, "third", "second", 10);
    answers(world, { first: down, second: down });
    await world.publish();
    await world.drain();
    await world.live(3600, 30);
    const when = Object.fromEntries(got(world).map(([name, minute]) => [name, minute]));
    expect(when["third"]).toBeGreaterThanOrEqual(20);
    expect(when["first"]).toBeLessThanOrEqual(when["second"] as number);
    expect(when["second"]).toBeLessThanOrEqual(when["third"] as number);
    expect(await sum(world)).toMatchObject({ closed: true, matched: 3, delivered: 1, suppressed: 2 });
    await world.publish({ announcementId: "ann_00000000000000000000000002" });
    answers(world, {});
    await world.live(3600, 60);
    expect(await ledger(world.deps, "ann_00000000000000000000000002", 1)).toMatchObject({
      closed: true,
      delivered: 1,
      suppressed: 2,
    });
  });

  it("and its first choice that stand in for each other do not wait for ever", async () => {
    const world = pushWorld();
    await standIn(world, "a", "b", 10);
    await standIn(world, "b", "a", 10);
    await world.publish();
    await world.drain();
    await world.live(3600, 30);
    expect(await sum(world)).toMatchObject({ closed: true, held: 0, waiting: 0 });
    expect(got(world).length).toBeGreaterThanOrEqual(1);
  });

  it("goes together with all the others of its chunk that are due, without their waiting for each other", async () => {
    const retried: Retried[] = [];
    const world = pushWorld({ wrap: notingRetries(retried) });
    const names = Array.from({ length: 150 }, (_, i) => i);
    for (const i of names) {
      await world.subscribe(hook(`first ${i}`));
      await standIn(world, `second ${i}`, `first ${i}`, 1);
    }
    world.channels.webhook.answer(({ target }) => (target.address.includes("first") ? down : delivered));
    await world.publish();
    await world.drain();
    await world.live(70);
    expect(await sum(world)).toMatchObject({ matched: 300, delivered: 150, suppressed: 150 });
    const seconds = new Set(names.map((i) => key(`second ${i}`)));
    const released = retried.filter(({ endpoints }) => endpoints.some((endpoint) => seconds.has(endpoint)));
    expect(released.flatMap(({ endpoints }) => endpoints).filter((endpoint) => seconds.has(endpoint)).length).toBe(150);
    expect(released.length).toBeLessThan(10);
  });

  it("hears of a correction at once when it was the one who saw the text", async () => {
    const world = pushWorld();
    await world.subscribe(hook("first"));
    await standIn(world, "second", "first", 10);
    answers(world, { first: { kind: "rejected", status: 400, detail: "no" } });
    await world.publish();
    await world.drain();
    await world.live(60, 10);
    await world.publish({ revision: 2, kind: "withdrawn", reason: "有误" });
    await world.live(60, 10);
    expect(
      world.channels.webhook.seen.filter(({ revision }) => revision === 2).map(({ target }) => target.address),
    ).toEqual([hook("second")]);
    expect(await sum(world, 2)).toMatchObject({ closed: true, matched: 1, delivered: 1 });
  });

  it("stands in for its first choice after that one has moved, from its confirmation on", async () => {
    const world = pushWorld();
    const first = await world.subscribe(hook("first"));
    await standIn(world, "second", "first", 10);
    const deps = { table: world.platform.table, channels: world.channels, now: world.now };
    for (const name of ["elsewhere", "moved"]) {
      const known = await findSubscription(deps.table, first.id);
      if (!known) throw new Error("no subscription");
      await changeSubscription(deps, known, known.version, { endpoint: { address: hook(name) } });
    }
    const pending = await findSubscription(deps.table, first.id);
    if (!pending) throw new Error("no subscription");
    expect(await confirm(deps, pending)).toBe(true);
    expect(await findSubscription(deps.table, first.id)).not.toHaveProperty("movedFrom");
    await world.publish();
    await world.drain();
    await world.live(1200, 30);
    expect(got(world)).toEqual([["moved", 0]]);
    expect(await row(world, "second")).toMatchObject({ reason: "first choice reached" });
    answers(world, { moved: { kind: "rejected", status: 400, detail: "no" } });
    const next = "ann_00000000000000000000000002";
    await world.publish({ announcementId: next });
    await world.drain();
    await world.live(20);
    expect(await ledger(world.deps, next, 1)).toMatchObject({ matched: 2, failed: 1, delivered: 1 });
  });

  it("stands in for nobody once its first choice has moved to its own address", async () => {
    const world = pushWorld();
    const first = await world.subscribe(hook("first"));
    await standIn(world, "second", "first", 10);
    const deps = { table: world.platform.table, channels: world.channels, now: world.now };
    await changeSubscription(deps, first, first.version, { endpoint: { address: hook("second") } });
    const pending = await findSubscription(deps.table, first.id);
    expect(pending && (await confirm(deps, pending))).toBe(true);
    await world.publish();
    await world.drain();
    expect(got(world)).toEqual([["second", 0]]);
    expect(await sum(world)).toMatchObject({ matched: 1, delivered: 1 });
  });

  it("that got the text in place of its first choice makes a retry of that one a question: only a clear word sends it twice", async () => {
    const world = pushWorld();
    for (const name of ["first", "alone"]) await world.subscribe(hook(name));
    await standIn(world, "second", "first", 10);
    const no: Outcome = { kind: "rejected", status: 400, detail: "no" };
    answers(world, { first: no, alone: no });
    await world.publish();
    await world.drain();
    await world.live(20);
    expect(await sum(world)).toMatchObject({ failed: 2, delivered: 1 });
    answers(world, {});
    const id = `${ID}.1.${key("first")}`;
    await expect(retryDelivery(world.deps, id)).rejects.toMatchObject({ kind: "conflict", code: "FALLBACK_SERVED" });
    // Everything at once leaves it out, and reaches whom nobody stood in for.
    expect(await retryAll(world.deps, ID, 1, "failed")).toMatchObject({
      ...{ deliveries: 1, leftOut: { ended: 0, servedInstead: 1 } },
    });
    await world.live(20);
    expect(await sum(world)).toMatchObject({ failed: 1, delivered: 2 });
    await retryDelivery(world.deps, id, { anyway: true });
    await world.drain();
    expect(got(world).filter(([name]) => name === "first")).toHaveLength(2);
    expect(await sum(world)).toMatchObject({ failed: 0, delivered: 3 });
  });

  it("that left meanwhile is not pushed to", async () => {
    const world = pushWorld();
    await world.subscribe(hook("first"));
    const second = await standIn(world, "second", "first", 10);
    answers(world, { first: down });
    await world.publish();
    await world.drain();
    await endEndpoint(world.deps, second.endpoint, "unsubscribed");
    await world.live(1200, 60);
    expect(got(world).some(([name]) => name === "second")).toBe(false);
  });
});

describe("whoever names a first choice", () => {
  const wish = (name: string, more: object = {}) =>
    NewSubscription.parse({ endpoint: { channel: "webhook", address: hook(name) }, topics: ["all"], ...more });

  it("shows that it is theirs", async () => {
    const world = pushWorld();
    const first = await subscribe(world.deps, wish("first"));
    const fallbackFor = { subscriptionId: first.subscription.id, manageToken: first.manageToken };
    const second = await subscribe(world.deps, wish("second", { fallbackFor, afterMinutes: 30 }));
    expect(second.subscription.after).toEqual({ endpoint: key("first"), minutes: 30 });
    for (const wrong of [
      { ...fallbackFor, manageToken: `gsm_${"x".repeat(43)}` },
      { ...fallbackFor, subscriptionId: "sub_00000000000000000000000000" },
    ])
      await expect(
        subscribe(world.deps, wish("third", { fallbackFor: wrong, afterMinutes: 30 })),
      ).rejects.toMatchObject({ errors: [{ pointer: "/fallbackFor", code: "FALLBACK_UNKNOWN" }] });
    await expect(subscribe(world.deps, wish("first", { fallbackFor, afterMinutes: 30 }))).rejects.toMatchObject({
      errors: [{ code: "FALLBACK_SELF" }],
    });
    await expect(
      changeSubscription(world.deps, second.subscription, 1, SubscriptionChange.parse({ frequency: "daily" })),
    ).rejects.toMatchObject({ errors: [{ code: "FALLBACK_FREQUENCY" }] });
  });

  it("is told what is wrong with it", () => {
    const fallbackFor = { subscriptionId: "sub_1", manageToken: "gsm_1" };
    const base = { endpoint: { channel: "webhook", address: hook("x") }, topics: ["all"] };
    const path = (more: object) => NewSubscription.safeParse({ ...base, ...more }).error?.issues[0]?.path.join("/");
    expect(path({ fallbackFor })).toBe("afterMinutes");
    expect(path({ afterMinutes: 10 })).toBe("afterMinutes");
    expect(path({ fallbackFor, afterMinutes: 0 })).toBe("afterMinutes");
    expect(path({ fallbackFor, afterMinutes: 1441 })).toBe("afterMinutes");
    expect(path({ fallbackFor, afterMinutes: 10, frequency: "daily" })).toBe("frequency");
    expect(path({ fallbackFor, afterMinutes: 10 })).toBeUndefined();
  });

  it("may be an admin who imports both", async () => {
    const world = pushWorld();
    const line = (name: string, more: object = {}) =>
      JSON.stringify({
        endpoint: { channel: "webhook", address: hook(name) },
        ...{ topics: ["column:notices"], confirmed: true, basis: "登记表", ...more },
      });
    const text = [
      line("first"),
      line("second", { fallbackFor: { channel: "webhook", address: hook("first") }, afterMinutes: 10 }),
      line("bad", { fallbackFor: { channel: "webhook", address: hook("bad") }, afterMinutes: 10 }),
    ].join("\n");
    const readLine = (one: string) => checked(ImportedSubscription, readJson(one));
    const result = await importSubscriptions({ ...world.deps, readLine }, text, "admin");
    expect(result).toMatchObject({ accepted: 2, rejected: 1, errors: [{ line: 3, code: "FALLBACK_SELF" }] });
    answers(world, { first: { kind: "rejected", status: 400, detail: "no" } });
    await world.publish();
    await world.drain();
    await world.live(30, 5);
    expect(got(world)).toEqual([
      ["first", 0],
      ["second", 0],
    ]);
  });
});
