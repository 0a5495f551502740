import { describe, expect, it } from "vitest";
import { joinDigest } from "#src/domain/deliveries/join-digest.ts";
import { ledger } from "#src/domain/deliveries/ledger.ts";
import { deliveriesTo } from "#src/domain/deliveries/list.ts";
import { replay } from "#src/domain/deliveries/replay.ts";
import { retryAll } from "#src/domain/deliveries/retry-all.ts";
import { retryDelivery } from "#src/domain/deliveries/retry-delivery.ts";
import { serviceStatus } from "#src/domain/deliveries/service-status.ts";
import { settleDelivery } from "#src/domain/deliveries/settle-delivery.ts";
import { sweep } from "#src/domain/deliveries/sweep.ts";
import { endEndpoint } from "#src/domain/subscriptions/end-endpoint.ts";
import { endpointKey } from "#src/domain/subscriptions/endpoint.ts";
import type { Frequency } from "#src/domain/subscriptions/subscription.ts";
import type { Commit } from "#src/platform/table.ts";
import { pushWorld, type World } from "./push-world.ts";

const hook = (i: number | string) => `https://example.org/${i}`;
const ann = (n: number) => `ann_${String(n).padStart(26, "0")}`;
const sum = (world: World, n: number, revision = 1) => ledger(world.deps, ann(n), revision);
const digests = (world: World) => world.channels.webhook.seen.filter(({ items }) => items !== undefined);
const said = (world: World) => digests(world).map(({ target, items }) => [target.address.slice(20), items?.join(" ")]);

// The clock begins on Monday, 2 March 2026, 10:00 in Shanghai.
const UNTIL_EIGHT = 22 * 3600 + 180;
const DAY = 86_400;

async function reader(world: World, name: string, frequency: Frequency = "daily", more: object = {}) {
  return world.subscribe(hook(name), { frequency, ...more });
}

describe("the figures and replays of what a digest brought", () => {
  const status = async (world: World) => {
    const { channels, fanouts } = await serviceStatus({ ...world.deps, settings: async () => undefined });
    return { fanouts, webhook: channels.find(({ name }) => name === "webhook") };
  };

  it("count each revision once, and say nothing of its speed; internal texts count in no public figure", async () => {
    const world = pushWorld();
    await reader(world, "daily");
    await world.subscribe(hook("now"));
    await world.subscribe(hook("duty"), { topics: ["duty"] });
    for (const n of [1, 2]) await world.publish({ announcementId: ann(n) });
    await world.publish({ announcementId: ann(3), audience: { kind: "internal", topics: ["duty"], endpoints: [] } });
    await world.drain();
    expect((await status(world)).webhook).toMatchObject({ matched: 4, delivered: 2, held: 2, shareWithin10s: 1 });
    await world.live(UNTIL_EIGHT + 3600, 60);
    expect(digests(world)).toHaveLength(1);
    const { fanouts, webhook } = await status(world);
    expect(fanouts).toBe(2);
    expect(webhook).toMatchObject({ matched: 4, delivered: 4, held: 0, waiting: 0, inDigest: 2 });
    expect(webhook).toMatchObject({ shareWithin10s: 1, shareWithin60s: 1 });
  });

  it("are sent again one by one when a digest failed, not as the digest besides", async () => {
    const world = pushWorld();
    const { endpoint } = await reader(world, "a");
    world.channels.webhook.answer(() => ({ kind: "rejected", status: 422, detail: "no" }));
    const since = world.now();
    for (const n of [1, 2]) await world.publish({ announcementId: ann(n) });
    await world.drain();
    await world.live(UNTIL_EIGHT + 3600, 60);
    for (const n of [1, 2]) expect(await sum(world, n)).toMatchObject({ closed: true, failed: 1 });
    world.channels.webhook.answer(() => ({ kind: "delivered" }));
    world.channels.webhook.seen.length = 0;
    await replay({ ...world.deps, ...world.platform }, endpoint, since);
    await world.live(600, 10);
    expect(world.channels.webhook.seen.map(({ deliveryId }) => deliveryId.slice(0, 30)).toSorted()).toEqual([
      ann(1),
      ann(2),
    ]);
    for (const n of [1, 2]) expect(await sum(world, n)).toMatchObject({ closed: true, delivered: 1, failed: 0 });
  });

  it("hold what was missed for the next digest, also where nobody was there when it was published", async () => {
    const world = pushWorld();
    const since = world.now();
    await world.publish({ announcementId: ann(1) });
    await world.drain();
    const { endpoint } = await reader(world, "late");
    await replay({ ...world.deps, ...world.platform }, endpoint, since);
    await world.drain();
    expect(await sum(world, 1)).toMatchObject({ matched: 1, held: 1 });
    await world.live(UNTIL_EIGHT + 3600, 60);
    expect(said(world)).toEqual([["late", `${ann(1)}.1`]]);
    expect(await sum(world, 1)).toMatchObject({ closed: true, delivered: 1 });
  });
});

describe("a daily digest", () => {
  it("is one message with everything of the day, the newest first, at eight in the morning", async () => {
    const world = pushWorld();
    await reader(world, "a");
    for (const n of [1, 2, 3]) {
      await world.publish({ announcementId: ann(n) });
      await world.drain();
      world.pass(60);
    }
    expect(await sum(world, 1)).toMatchObject({ closed: false, matched: 1, held: 1 });
    await world.live(UNTIL_EIGHT, 60);
    expect(said(world)).toEqual([["a", `${ann(3)}.1 ${ann(2)}.1 ${ann(1)}.1`]]);
    const [push] = digests(world);
    expect(push?.deliveryId).toBe(`digest_daily_2026-03-03.1.${endpointKey("webhook", hook("a"))}`);
    expect(push?.target.matched).toEqual([`${ann(1)}.1`, `${ann(2)}.1`, `${ann(3)}.1`]);
    expect(new Date(push?.at ?? 0).toISOString()).toMatch(/^2026-03-03T00:0[0-2]/);
    for (const n of [1, 2, 3])
      expect(await sum(world, n)).toMatchObject({ closed: true, matched: 1, delivered: 1, held: 0 });
    expect(await ledger(world.deps, "digest_daily_2026-03-03", 1)).toMatchObject({ closed: true, delivered: 1 });
    await world.live(3 * DAY, 600);
    expect(world.channels.webhook.seen.length).toBe(1);
  });

  it("holds for each reader what that reader asked for, and nothing for one who asked for nothing of it", async () => {
    const world = pushWorld();
    await reader(world, "water", "daily", { topics: ["tag:停水", "all"] });
    await reader(world, "power", "daily", { topics: ["tag:停电"] });
    await reader(world, "policy", "daily", { topics: ["column:policy"] });
    await world.publish({ announcementId: ann(1), content: { tags: ["停水"] } });
    await world.publish({ announcementId: ann(2), content: { tags: ["停电"] } });
    await world.live(UNTIL_EIGHT, 60);
    expect(said(world).toSorted()).toEqual([
      ["power", `${ann(2)}.1`],
      ["water", `${ann(1)}.1 ${ann(2)}.1`],
    ]);
  });

  it("is not sent on a day that has nothing for anybody", async () => {
    const world = pushWorld();
    const leaving = await reader(world, "leaving");
    await reader(world, "other", "daily", { topics: ["column:policy"] });
    await world.publish({ announcementId: ann(1) });
    await world.drain();
    await world.publish({ announcementId: ann(1), revision: 2, kind: "withdrawn", reason: "有误" });
    await world.live(UNTIL_EIGHT, 60);
    expect(world.channels.webhook.seen).toEqual([]);
    expect(await sum(world, 1)).toMatchObject({ closed: true, matched: 1, suppressed: 1 });
    expect(await sum(world, 1, 2)).toMatchObject({ closed: true, matched: 0 });
    expect(await ledger(world.deps, "digest_daily_2026-03-03", 1)).toMatchObject({ closed: true, matched: 0 });
    await world.publish({ announcementId: ann(3) });
    await world.drain();
    await endEndpoint(world.deps, leaving.endpoint, "gone");
    await world.live(DAY, 60);
    expect(world.channels.webhook.seen).toEqual([]);
    expect(await sum(world, 3)).toMatchObject({ closed: true, matched: 1, suppressed: 1 });
  });

  it("costs no row and no message for a member who waits", async () => {
    const world = pushWorld();
    await Promise.all(Array.from({ length: 300 }, (_, i) => reader(world, String(i))));
    await world.publish({ announcementId: ann(1) });
    await world.drain();
    const rows = await world.platform.table.query({ pk: `CHUNKS#${ann(1)}#000001#`, prefix: "DELIVERY#" });
    expect(rows.items).toEqual([]);
    await world.live(UNTIL_EIGHT, 60);
    expect(new Set(digests(world).map(({ target }) => target.address)).size).toBe(300);
    expect(digests(world).length).toBe(300);
    expect(await sum(world, 1)).toMatchObject({ closed: true, delivered: 300 });
  });

  it("does not keep an urgent text of a column that may wake people", async () => {
    const world = pushWorld();
    await reader(world, "a");
    await world.publish({ announcementId: ann(1), mayBreakQuietHours: true, content: { urgency: "urgent" } });
    await world.publish({ announcementId: ann(2), mayBreakQuietHours: true });
    await world.publish({ announcementId: ann(3), content: { urgency: "urgent" } });
    await world.drain();
    expect(world.channels.webhook.seen.map(({ deliveryId }) => deliveryId.slice(0, 30))).toEqual([ann(1)]);
    await world.live(UNTIL_EIGHT, 60);
    expect(said(world)).toEqual([["a", `${ann(2)}.1 ${ann(3)}.1`]]);
  });

  it("waits for the end of a reader's quiet hours, and is tried again like any push", async () => {
    const world = pushWorld();
    await reader(world, "sleeps", "daily", { quietHours: { from: "22:00", to: "09:30" } });
    await reader(world, "down");
    let tries = 0;
    world.channels.webhook.answer(({ target }) =>
      target.address === hook("down") && ++tries < 3
        ? { kind: "retry", status: 503, detail: "down" }
        : { kind: "delivered", status: 200 },
    );
    await world.publish({ announcementId: ann(1) });
    await world.live(UNTIL_EIGHT, 60);
    expect(digests(world).map(({ target }) => target.address)).not.toContain(hook("sleeps"));
    await world.live(2 * 3600, 30);
    const awake = digests(world).find(({ target }) => target.address === hook("sleeps"));
    expect(new Date(awake?.at ?? 0).toISOString()).toMatch(/^2026-03-03T01:3/);
    const down = digests(world).filter(({ target }) => target.address === hook("down"));
    expect(down.map(({ attempt, deliveryId }) => [attempt, deliveryId.slice(0, 25)])).toEqual([
      [1, "digest_daily_2026-03-03.1"],
      [2, "digest_daily_2026-03-03.1"],
      [3, "digest_daily_2026-03-03.1"],
    ]);
    await world.live(DAY, 300);
    expect(await sum(world, 1)).toMatchObject({ closed: true, matched: 2, delivered: 2 });
  });

  it("shows with each announcement that it waits, and then its own attempts", async () => {
    const world = pushWorld();
    const { endpoint } = await reader(world, "a");
    await world.publish({ announcementId: ann(1) });
    await world.drain();
    const row = async () => (await deliveriesTo(world.deps, ann(1), 1, endpoint))[0];
    const digest = `digest_daily_2026-03-03.1.${endpoint}`;
    const id = `${ann(1)}.1.${endpoint}`;
    expect(await row()).toMatchObject({
      ...{ id, digest, state: "held", dueAt: "2026-03-03T00:00:00.000Z" },
      ...{ matched: ["column:notices"], attempts: [] },
    });
    await world.live(UNTIL_EIGHT, 60);
    expect(await row()).toMatchObject({ id, digest, state: "delivered", attempts: [{ status: 200, trigger: "plan" }] });
    expect((await row())?.dueAt).toBeUndefined();
  });

  it("that failed can be made up for one announcement at a time", async () => {
    const world = pushWorld();
    const { endpoint } = await reader(world, "a");
    world.channels.webhook.answer(() => ({ kind: "rejected", status: 422, detail: "no" }));
    await world.publish({ announcementId: ann(1) });
    await world.live(UNTIL_EIGHT, 60);
    expect(await sum(world, 1)).toMatchObject({ closed: true, failed: 1 });
    world.channels.webhook.answer(() => ({ kind: "delivered", status: 200 }));
    // Not as the digest, which would say the same a second time.
    const whole = retryDelivery(world.deps, `digest_daily_2026-03-03.1.${endpoint}`);
    await expect(whole).rejects.toMatchObject({ code: "DIGEST_OVER" });
    const all = retryAll(world.deps, "digest_daily_2026-03-03", 1, "failed");
    await expect(all).rejects.toMatchObject({ code: "DIGEST_OVER" });
    await retryDelivery(world.deps, `${ann(1)}.1.${endpoint}`);
    await world.drain();
    expect(await sum(world, 1)).toMatchObject({ closed: true, delivered: 1 });
    expect(world.channels.webhook.seen.map(({ items }) => items?.length)).toEqual([1, undefined]);
  });

  it("is claimed once by two ticks at once", async () => {
    const world = pushWorld();
    await reader(world, "a");
    await world.publish({ announcementId: ann(1) });
    await world.drain();
    world.pass(UNTIL_EIGHT);
    await Promise.all([sweep(world.deps), sweep(world.deps), sweep(world.deps)]);
    await world.drain();
    expect(said(world)).toEqual([["a", `${ann(1)}.1`]]);
  });

  it("reaches thirteen thousand readers through several planners, each once", { timeout: 60_000 }, async () => {
    const world = pushWorld();
    for (let i = 0; i < 13_000; i += 500)
      await Promise.all(Array.from({ length: 500 }, (_, k) => reader(world, String(i + k))));
    for (const n of [1, 2]) await world.publish({ announcementId: ann(n) });
    await world.drain();
    world.pass(UNTIL_EIGHT);
    await world.handlers().sweep();
    await world.drain();
    expect(digests(world).length).toBe(13_000);
    expect(new Set(digests(world).map(({ target }) => target.address)).size).toBe(13_000);
    await world.live(180, 60);
    for (const n of [1, 2]) expect(await sum(world, n)).toMatchObject({ closed: true, delivered: 13_000 });
  });

  it("fits into its items although every reader wants other announcements", async () => {
    const world = pushWorld();
    const tag = (i: number) => `tag-${i % 40}`;
    const twenty = Array.from({ length: 20 }, (_, k) => k);
    for (let i = 0; i < 60; i++)
      await reader(world, String(i), "daily", { topics: twenty.map((k) => `tag:${tag(i + 3 * k)}`) });
    for (let n = 0; n < 120; n++)
      await world.publish({ announcementId: ann(n + 1), content: { tags: [tag(n), tag(n * 3), tag(n * 7 + 1)] } });
    await world.drain();
    await world.live(UNTIL_EIGHT, 600);
    const chunks = await world.platform.table.query({ pk: "CHUNKS#digest_daily_2026-03-03#000001#", prefix: "CHUNK#" });
    expect(chunks.items.length).toBeGreaterThan(1);
    expect(new Set(digests(world).map(({ target }) => target.address)).size).toBe(60);
  });
});

describe("a weekly digest", () => {
  it("comes on Monday, beside the daily one of others", async () => {
    const world = pushWorld();
    await reader(world, "weekly", "weekly");
    await reader(world, "daily");
    for (let day = 1; day <= 8; day++) {
      await world.publish({ announcementId: ann(day) });
      await world.live(DAY, 300);
    }
    const weekly = digests(world).filter(({ target }) => target.address === hook("weekly"));
    expect(weekly.map(({ items }) => items?.length)).toEqual([7]);
    expect(new Date(weekly[0]?.at ?? 0).toISOString()).toMatch(/^2026-03-09T00:0/);
    expect(digests(world).filter(({ target }) => target.address === hook("daily")).length).toBe(8);
    expect(await sum(world, 7)).toMatchObject({ closed: true, matched: 2, delivered: 2 });
    expect(await sum(world, 8)).toMatchObject({ closed: false, matched: 2, delivered: 1, held: 1 });
  });
});

describe("a correction", () => {
  it("takes the place of the older text in the digest that is still to come", async () => {
    const world = pushWorld();
    await reader(world, "a");
    for (const n of [1, 2]) await world.publish({ announcementId: ann(n) });
    await world.drain();
    world.pass(3600);
    await world.publish({ announcementId: ann(1), revision: 2, kind: "corrected" });
    await world.live(UNTIL_EIGHT, 60);
    expect(said(world)).toEqual([["a", `${ann(1)}.2 ${ann(2)}.1`]]);
    expect(await sum(world, 1)).toMatchObject({ closed: true, suppressed: 1 });
    expect(await sum(world, 1, 2)).toMatchObject({ closed: true, delivered: 1 });
  });

  it("comes in the next digest to who read the older text in the last one, though that is not settled yet", async () => {
    const world = pushWorld();
    await reader(world, "a");
    await reader(world, "down");
    world.channels.webhook.answer(({ target }) =>
      target.address === hook("down") ? { kind: "retry", status: 503, detail: "" } : { kind: "delivered", status: 200 },
    );
    await world.publish({ announcementId: ann(1) });
    await world.drain();
    world.pass(UNTIL_EIGHT);
    await world.handlers().sweep();
    await world.drain();
    expect(await sum(world, 1)).toMatchObject({ held: 2 });
    await world.publish({ announcementId: ann(1), revision: 2, kind: "withdrawn", reason: "有误" });
    await world.live(DAY, 120);
    const read = digests(world).filter(({ target }) => target.address === hook("a"));
    expect(read.map(({ items }) => items)).toEqual([[`${ann(1)}.1`], [`${ann(1)}.2`]]);
    const down = digests(world).filter(({ target }) => target.address === hook("down"));
    expect(down.every(({ items, at }) => items?.[0] === `${ann(1)}.1` && at < Date.parse("2026-03-03T00:06:00Z"))).toBe(
      true,
    );
    expect(await sum(world, 1)).toMatchObject({ closed: true, matched: 2, delivered: 1, suppressed: 1 });
    expect(await sum(world, 1, 2)).toMatchObject({ closed: true, matched: 1, delivered: 1 });
  });

  it("takes the older text out of a digest that waits for another attempt, and the ledgers say so", async () => {
    const world = pushWorld();
    await reader(world, "down");
    let up = false;
    world.channels.webhook.answer(() =>
      up ? { kind: "delivered", status: 200 } : { kind: "retry", status: 503, detail: "" },
    );
    for (const n of [1, 2]) await world.publish({ announcementId: ann(n) });
    await world.live(UNTIL_EIGHT, 60);
    await world.publish({ announcementId: ann(1), revision: 2, kind: "corrected" });
    await world.drain();
    up = true;
    await world.live(3600, 60);
    const last = digests(world).at(-1);
    expect(last?.items).toEqual([`${ann(2)}.1`]);
    expect(await sum(world, 1)).toMatchObject({ closed: true, suppressed: 1, delivered: 0 });
    expect(await sum(world, 2)).toMatchObject({ closed: true, delivered: 1 });
    await world.live(DAY, 300);
    expect(digests(world).at(-1)?.items).toEqual([`${ann(1)}.2`]);
  });

  it("that may wake people waits for a digest with the older text that is being sent", async () => {
    const world = pushWorld();
    await reader(world, "a");
    let answered: () => void = () => {};
    world.channels.webhook.answer(({ items }) =>
      items === undefined
        ? { kind: "delivered", status: 200 }
        : new Promise((resolve) => {
            answered = () => resolve({ kind: "delivered", status: 200 });
          }),
    );
    await world.publish({ announcementId: ann(1), mayBreakQuietHours: true });
    await world.drain();
    world.pass(UNTIL_EIGHT);
    await world.handlers().sweep();
    const sending = world.drain();
    await expect.poll(() => digests(world).length).toBe(1);
    const urgent = { mayBreakQuietHours: true, content: { urgency: "urgent" } } as const;
    await world.publish({ announcementId: ann(1), revision: 2, kind: "corrected", ...urgent });
    const [plan] = await world.platform.queue("urgent").receive({ max: 1, waitSeconds: 0, visibleAfterSeconds: 60 });
    if (!plan) throw new Error("no plan");
    await world.handlerOf("urgent")([plan]);
    await world.platform.queue("urgent").done([plan.receipt]);
    expect(world.channels.webhook.seen.length).toBe(1);
    answered();
    await sending;
    await world.live(3);
    expect(world.channels.webhook.seen.map(({ items, revision }) => items?.[0] ?? revision)).toEqual([
      `${ann(1)}.1`,
      2,
    ]);
  });
});

describe("a worker that hung over eight o'clock", () => {
  it("finds the digest claimed and enters its members into the next one", async () => {
    const world = pushWorld();
    await reader(world, "a");
    await reader(world, "b", "daily", { topics: ["column:policy"] });
    await world.publish({ announcementId: ann(2), content: { column: "policy" } });
    await world.publish({ announcementId: ann(1) });
    const queue = world.platform.queue("deliver-webhook");
    for (let i = 0; i < 2; i++) {
      const messages = await world.platform
        .queue("fanout")
        .receive({ max: 5, waitSeconds: 0, visibleAfterSeconds: 60 });
      await world.handlerOf("fanout")(messages);
      await world.platform.queue("fanout").done(messages.map(({ receipt }) => receipt));
    }
    const chunks = await queue.receive({ max: 10, waitSeconds: 0, visibleAfterSeconds: 40_000 * 3 });
    const late = chunks.filter(({ body }) => JSON.stringify(body).includes(ann(1)));
    await world.handlerOf("deliver-webhook")(chunks.filter((one) => !late.includes(one)));
    world.pass(UNTIL_EIGHT);
    await world.handlers().sweep();
    for (const name of ["fanout"] as const) {
      const messages = await world.platform.queue(name).receive({ max: 5, waitSeconds: 0, visibleAfterSeconds: 60 });
      await world.handlerOf(name)(messages);
      await world.platform.queue(name).done(messages.map(({ receipt }) => receipt));
    }
    await world.handlerOf("deliver-webhook")(late);
    await world.live(300, 30);
    expect(said(world)).toEqual([["b", `${ann(2)}.1`]]);
    expect(await sum(world, 1)).toMatchObject({ held: 1 });
    await world.live(DAY, 300);
    expect(said(world)).toEqual([
      ["b", `${ann(2)}.1`],
      ["a", `${ann(1)}.1`],
    ]);
    expect(await sum(world, 1)).toMatchObject({ closed: true, delivered: 1 });
  });

  it("and had asked before, loses nobody either: the ledger notices whom the digest left out", async () => {
    const world = pushWorld();
    await reader(world, "a");
    await world.publish({ announcementId: ann(1) });
    const { table } = world.platform;
    const item = { announcementId: ann(1), revision: 1 };
    await joinDigest(world.deps, item, "daily", world.now());
    // Its own letters are stored only after the digest was planned without them.
    const queue = world.platform.queue("fanout");
    const messages = await queue.receive({ max: 5, waitSeconds: 0, visibleAfterSeconds: 60 });
    await world.handlerOf("fanout")(messages);
    await queue.done(messages.map(({ receipt }) => receipt));
    const frozen = new Date(world.now());
    world.pass(UNTIL_EIGHT);
    await sweep({ ...world.deps });
    const plans = await queue.receive({ max: 5, waitSeconds: 0, visibleAfterSeconds: 60 });
    await world.handlerOf("fanout")(plans);
    await queue.done(plans.map(({ receipt }) => receipt));
    const [range] = (await table.query({ pk: `CHUNKS#${ann(1)}#000001#`, prefix: "CHUNK#" })).items;
    if (!range) throw new Error("no chunk");
    await table.write([
      {
        put: {
          pk: range.pk,
          sk: range.sk.replace("CHUNK", "RESULT"),
          ...{ letters: "g", startedAt: frozen.getTime(), digests: { daily: "2026-03-03" }, version: 1 },
        },
      },
    ]);
    await world.live(2 * DAY, 300);
    expect(said(world)).toEqual([["a", `${ann(1)}.1`]]);
    expect(new Date(digests(world)[0]?.at ?? 0).toISOString()).toMatch(/^2026-03-04T00:0/);
    expect(await sum(world, 1)).toMatchObject({ closed: true, delivered: 1 });
  });
});

describe("a digest's letter that comes back after it was taken", () => {
  const MAIL = "reader@example.org";
  /** Two announcements in one letter that the provider took; both ledgers closed. */
  async function taken(more: Parameters<typeof pushWorld>[0] = {}) {
    const world = pushWorld({ email: { receipts: () => "failures" }, ...more });
    const { endpoint } = await world.subscribe(MAIL, { channel: "email", frequency: "daily" });
    world.channels.email.answer(() => ({ kind: "accepted", status: 250, receipt: "<letter@gs>" }));
    for (const n of [1, 2]) await world.publish({ announcementId: ann(n) });
    await world.drain();
    await world.live(UNTIL_EIGHT + 3600, 60);
    for (const n of [1, 2]) expect(await sum(world, n)).toMatchObject({ closed: true, delivered: 1, failed: 0 });
    const bounced = () =>
      world
        .handlers()
        .receipt({ channel: "email", receipt: "<letter@gs>", outcome: "failed", detail: "550 no such user" });
    return { world, endpoint, bounced };
  }

  it("is failed in the ledger of each announcement in it, with the bounce among its attempts", async () => {
    const { world, endpoint, bounced } = await taken();
    await bounced();
    await world.drain();
    for (const n of [1, 2]) {
      expect(await sum(world, n)).toMatchObject({ matched: 1, delivered: 0, failed: 1 });
      const [row] = await deliveriesTo(world.deps, ann(n), 1, endpoint);
      expect(row).toMatchObject({ state: "failed", digest: expect.stringContaining("digest_daily_") });
      expect(row?.attempts.at(-1)).toMatchObject({ trigger: "receipt", error: "550 no such user" });
    }
    await world.live(300, 60);
    for (const n of [1, 2]) expect(await sum(world, n)).toMatchObject({ closed: true, failed: 1 });
    const { webhook: _, ...rest } = world.channels;
    expect(rest.email.seen).toHaveLength(1);
    const status = await serviceStatus({ ...world.deps, settings: async () => undefined });
    expect(status.channels.find(({ name }) => name === "email")).toMatchObject({ failed: 2, delivered: 0 });
  });

  it("is so although whoever wrote the bounce down died right after, and when it is told twice", async () => {
    let lost = false;
    const { world, bounced } = await taken({
      wrap: ({ table, queue, channels }) => ({
        ...{ table, channels },
        queue: (name) => {
          const inner = queue(name);
          return {
            ...inner,
            send: async (messages) => {
              if (
                lost &&
                messages.some(({ body, delaySeconds }) => /"outcome"/.test(JSON.stringify(body)) && !delaySeconds)
              )
                throw new Error("the process died");
              return inner.send(messages);
            },
          };
        },
      }),
    });
    lost = true;
    await expect(bounced()).rejects.toThrow();
    lost = false;
    for (const n of [1, 2]) expect(await sum(world, n)).toMatchObject({ delivered: 1 });
    await world.live(70, 10);
    for (const n of [1, 2]) expect(await sum(world, n)).toMatchObject({ delivered: 0, failed: 1 });
    await bounced();
    await world.live(70, 10);
    for (const n of [1, 2]) expect(await sum(world, n)).toMatchObject({ matched: 1, failed: 1 });
  });

  it("leaves alone what was sent again by itself since", async () => {
    const { world, endpoint, bounced } = await taken();
    await bounced();
    await world.drain();
    world.channels.email.answer(() => ({ kind: "delivered", status: 250 }));
    await retryDelivery(world.deps, `${ann(1)}.1.${endpoint}`);
    await world.drain();
    await bounced();
    await world.live(70, 10);
    expect(await sum(world, 1)).toMatchObject({ delivered: 1, failed: 0 });
    expect(await sum(world, 2)).toMatchObject({ delivered: 0, failed: 1 });
  });

  it("is settled by a person for all its announcements, when nobody else can tell", async () => {
    const world = pushWorld();
    const { endpoint } = await reader(world, "a");
    world.channels.webhook.answer(() => ({ kind: "unknown", detail: "no answer" }));
    for (const n of [1, 2]) await world.publish({ announcementId: ann(n) });
    await world.drain();
    await world.live(UNTIL_EIGHT + 3600, 60);
    for (const n of [1, 2]) expect(await sum(world, n)).toMatchObject({ unknown: 1 });
    const [row] = await deliveriesTo(world.deps, ann(1), 1, endpoint);
    await settleDelivery(world.deps, row?.digest ?? "", { state: "delivered", reason: "asked by phone", by: "clerk" });
    await world.drain();
    for (const n of [1, 2]) expect(await sum(world, n)).toMatchObject({ unknown: 0, delivered: 1 });
  });

  it("is made up for by who stands in for its reader, at once and not when that one's time is over", async () => {
    const world = pushWorld({ email: { receipts: () => "failures" } });
    const { endpoint } = await world.subscribe(MAIL, { channel: "email", frequency: "daily" });
    await world.subscribe(hook("second"), { after: { endpoint, minutes: 600 } });
    world.channels.email.answer(() => ({ kind: "accepted", status: 250, receipt: "<letter@gs>" }));
    await world.publish({ announcementId: ann(1) });
    await world.drain();
    await world.live(UNTIL_EIGHT + 3600, 60);
    expect(await sum(world, 1)).toMatchObject({ delivered: 1, held: 1 });
    await world.handlers().receipt({ channel: "email", receipt: "<letter@gs>", outcome: "failed" });
    await world.drain();
    await world.live(20);
    expect(world.channels.webhook.seen).toHaveLength(1);
    expect(await sum(world, 1)).toMatchObject({ delivered: 1, failed: 1, held: 0 });
  });
});

describe("a text that waits for a digest", () => {
  it("is sent alone when a clerk says so, for whoever calls cannot wait until tomorrow, and the digest brings the others", async () => {
    const world = pushWorld();
    const { endpoint } = await reader(world, "a");
    await reader(world, "b");
    for (const n of [1, 2]) await world.publish({ announcementId: ann(n) });
    await world.drain();
    expect(await retryDelivery(world.deps, `${ann(1)}.1.${endpoint}`)).toMatchObject({ state: "waiting" });
    await world.drain();
    expect(world.channels.webhook.seen.map(({ target, items }) => [target.address, items])).toEqual([
      [hook("a"), undefined],
    ]);
    expect(await sum(world, 1)).toMatchObject({ delivered: 1, held: 1 });
    await world.live(UNTIL_EIGHT + 3600, 60);
    expect(said(world).toSorted()).toEqual([
      ["a", `${ann(2)}.1`],
      ["b", `${ann(1)}.1 ${ann(2)}.1`],
    ]);
    for (const n of [1, 2]) expect(await sum(world, n)).toMatchObject({ closed: true, delivered: 2, held: 0 });
  });

  it("is not sent twice for that: while its digest goes out the clerk is told so, with its day", async () => {
    const world = pushWorld();
    const { endpoint } = await reader(world, "a");
    await world.publish({ announcementId: ann(1) });
    await world.drain();
    world.pass(UNTIL_EIGHT);
    await world.handlers().sweep();
    const refused = retryDelivery(world.deps, `${ann(1)}.1.${endpoint}`);
    await expect(refused).rejects.toMatchObject({
      ...{ kind: "conflict", code: "DIGEST_GOING" },
      detail: { zh: expect.stringContaining("2026-03-03"), en: expect.stringContaining("2026-03-03") },
    });
    await world.drain();
    await world.live(3600, 60);
    expect(said(world)).toEqual([["a", `${ann(1)}.1`]]);
  });

  it("goes once though the digest is claimed in the very moment in which the clerk says so", async () => {
    const world = pushWorld();
    const { endpoint } = await reader(world, "a");
    await world.publish({ announcementId: ann(1) });
    await world.drain();
    world.pass(UNTIL_EIGHT);
    const commit: Commit<unknown> = async (writes) => {
      await world.handlers().sweep();
      return world.platform.table.write(writes);
    };
    await expect(retryDelivery({ ...world.deps, commit }, `${ann(1)}.1.${endpoint}`)).rejects.toMatchObject({
      kind: "conflict",
    });
    await world.drain();
    await world.live(3600, 60);
    expect(world.channels.webhook.seen).toHaveLength(1);
    expect(await sum(world, 1)).toMatchObject({ closed: true, delivered: 1 });
  });
});
