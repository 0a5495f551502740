import { afterAll, beforeAll, expect, it } from "vitest";
import { startWebhookSink, type WebhookSink } from "#tests/receivers/webhook-sink.ts";
import { openWorld, type TestWorld } from "#tests/world.ts";

let world: TestWorld;
let sink: WebhookSink;
let clock = Date.parse("2026-03-02T02:00:00Z"); // a Monday, 10:00 in Shanghai
const HOUR = 3_600_000;

beforeAll(async () => {
  sink = await startWebhookSink();
  world = await openWorld({ now: () => new Date(clock) });
  await world.admin.put("/units/center", { name: "某县互联网信息中心" });
  await world.admin.put("/columns/water", { name: "停水", kind: "notice", mayBreakQuietHours: false, approvals: 0 });
  await world.admin.put("/columns/alarms", { name: "预警", kind: "alert", mayBreakQuietHours: true, approvals: 0 });
});
afterAll(async () => {
  await world.close();
  await sink.close();
});

async function published(title: string, more: object = {}): Promise<string> {
  const text = { title, body: "正文", column: "water", unitId: "center", ...more };
  const { id, contentHash } = (await world.admin.post("/announcements", text)).body;
  expect((await world.admin.post(`/announcements/${id}/publish`, { contentHash })).status).toBe(202);
  return id;
}
const events = (path: string) =>
  sink.received.filter((one) => one.path === path).map(({ body }) => JSON.parse(body.toString()));

it("gathers a day's announcements into one signed event at eight, and shows on each what became of it", async () => {
  const wish = {
    endpoint: { channel: "webhook", address: sink.url("/daily") },
    topics: ["column:water", "column:alarms"],
    frequency: "daily",
    quietHours: { from: "22:00", to: "06:00", timeZone: "Asia/Urumqi" },
  };
  const asked = await world.anyone.post("/subscriptions", wish);
  const owner = world.as(asked.body.manageToken);
  const path = `/subscriptions/${asked.body.id}`;
  await world.until(async () => (await owner.get(path)).body.status === "confirmed");
  expect((await owner.get(path)).body).toMatchObject({ frequency: "daily", quietHours: wish.quietHours });
  const wrong = { ...wish, quietHours: { ...wish.quietHours, timeZone: "Xinjiang" } };
  expect((await world.anyone.post("/subscriptions", wrong)).body.errors[0]).toMatchObject({
    pointer: "/quietHours/timeZone",
    code: "TIME_ZONE",
  });

  const first = await published("第一条");
  clock += HOUR;
  const second = await published("第二条");
  const alarm = await published("台风预警", { column: "alarms", urgency: "urgent" });
  await sink.until(1, "/daily");
  expect(events("/daily").map(({ data }) => data.title)).toEqual(["台风预警"]);
  const ledgerOf = async (id: string) => (await world.admin.get(`/announcements/${id}/ledger`)).body;
  await world.until(async () => (await ledgerOf(first)).held === 1 && (await ledgerOf(second)).held === 1);
  const rowOf = async (id: string) => (await world.admin.get(`/deliveries?announcement=${id}`)).body.items[0];
  const waits = await rowOf(first);
  expect(waits).toMatchObject({ state: "held", dueAt: "2026-03-03T00:00:00.000Z", attempts: [] });
  expect(waits.digest).toBe(`digest_daily_2026-03-03.1.${waits.endpoint}`);
  expect(await ledgerOf(alarm)).toMatchObject({ delivered: 1, held: 0 });

  clock = Date.parse("2026-03-03T00:00:01Z");
  await sink.until(2, "/daily");
  const digest = events("/daily")[1];
  expect(digest).toMatchObject({
    id: waits.digest,
    type: "cn.gaoshi.digest.published",
    subject: "daily/2026-03-03T00:00:00.000Z",
    data: { frequency: "daily", more: 0, matched: [`${first}.1`, `${second}.1`].toSorted() },
  });
  expect(digest.data.items.map(({ title }: { title: string }) => title)).toEqual(["第二条", "第一条"]);
  clock += HOUR;
  await world.until(async () => (await ledgerOf(first)).closed && (await ledgerOf(second)).closed);
  expect(await rowOf(second)).toMatchObject({ state: "delivered", digest: waits.digest, attempts: [{ status: 204 }] });
  clock += 24 * HOUR;
  await new Promise((resolve) => setTimeout(resolve, 2500));
  expect(events("/daily").length).toBe(2);
}, 60_000);

it("has a second endpoint stand in for a first choice that is down", async () => {
  sink.answer("/phone", { status: 422 });
  const wish = (path: string, more: object = {}) => ({
    ...{ endpoint: { channel: "webhook", address: sink.url(path) }, topics: ["unit:center"] },
    ...more,
  });
  const first = (await world.anyone.post("/subscriptions", wish("/phone"))).body;
  const fallbackFor = { subscriptionId: first.id, manageToken: first.manageToken };
  const second = await world.anyone.post("/subscriptions", wish("/mail", { fallbackFor, afterMinutes: 30 }));
  expect(second.body.afterMinutes).toBe(30);
  expect(JSON.stringify(second.body.fallbackFor)).not.toContain(first.manageToken);
  for (const { id, manageToken } of [first, second.body])
    await world.until(
      async () => (await world.as(manageToken).get(`/subscriptions/${id}`)).body.status === "confirmed",
    );
  const id = await published("第三条");
  await sink.until(1, "/phone");
  const rows = async () => (await world.admin.get(`/deliveries?announcement=${id}`)).body.items;
  const row = async (path: string) =>
    (await rows()).find(({ address }: { address: string }) => address === sink.url(path));
  await world.until(async () => (await row("/mail"))?.state === "held");
  expect(events("/mail")).toEqual([]);
  clock += 31 * 60_000;
  // The first choice's own next attempt is due as well: while it runs, the fallback waits.
  await world.until(async () => {
    clock += 500;
    return events("/mail").length > 0;
  }, 20);
  await world.until(async () => (await row("/phone")).reason === "fallback took over");
  await world.until(async () => (await row("/mail")).state === "delivered");
}, 60_000);
