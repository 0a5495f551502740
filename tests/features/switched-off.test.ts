import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, it } from "vitest";
import { startWebhookSink, type WebhookSink } from "#tests/receivers/webhook-sink.ts";
import { openWorld, type TestWorld } from "#tests/world.ts";

let world: TestWorld;
let sink: WebhookSink;
let clock = Date.parse("2026-03-02T02:00:00Z");
const HOUR = 3_600_000;

beforeAll(async () => {
  sink = await startWebhookSink();
  world = await openWorld({ now: () => new Date(clock) });
  await world.admin.put("/units/center", { name: "某县互联网信息中心" });
  await world.admin.put("/columns/alerts", { name: "提醒", kind: "alert", mayBreakQuietHours: true, approvals: 0 });
});
afterAll(async () => {
  await world.close();
  await sink.close();
});

it("tells the people on duty when an endpoint was switched off after five days, by its host and without its path", async () => {
  const lines = [
    { endpoint: { channel: "webhook", address: sink.url("/secret-path") }, topics: ["column:alerts"] },
    { endpoint: { channel: "webhook", address: sink.url("/secret-path") }, topics: ["unit:center"] },
    { endpoint: { channel: "webhook", address: sink.url("/duty") }, topics: ["duty"] },
  ].map((line) => JSON.stringify({ ...line, confirmed: true, basis: "登记表" }));
  await world.admin.post("/subscriptions/import", lines.join("\n"), "application/x-ndjson");
  sink.answer("/secret-path", { status: 500 });
  const text = { title: "停水通知", body: "周三停水。", column: "alerts", unitId: "center" };
  const { id, contentHash } = (await world.admin.post("/announcements", text)).body;
  await world.admin.post(`/announcements/${id}/publish`, { contentHash });

  const mine = async () => (await world.admin.get(`/deliveries?announcement=${id}`)).body.items[0];
  for (const [attempts, hours] of [
    [1, 0.01],
    [2, 13],
    [3, 110],
    [4, 0],
  ] as const) {
    await world.until(async () => (await mine())?.attempts.length === attempts);
    const [duty] = sink.received.filter(({ path }) => path === "/duty");
    expect(duty === undefined || attempts === 4).toBe(true);
    // How the endpoint fares is stored right after the attempt; hours never pass in between.
    await sleep(300);
    clock += hours * HOUR;
  }

  const [told] = await sink.until(1, "/duty");
  const event = JSON.parse(told?.body.toString() ?? "");
  const { endpoint } = await mine();
  expect(event.data.title).toBe(`接收端已停用 webhook ${new URL(sink.origin).host}`);
  expect(event.data.summary).toContain(endpoint);
  expect(told?.body.toString()).not.toContain("secret-path");
  expect((await world.anyone.get(`/announcements/${event.subject}`)).status).toBe(404);
  expect(event.data.url).toBe(`${world.url}/console`);
  const subscriptions = (await world.admin.get("/subscriptions")).body.items;
  const off = subscriptions.filter((one: { status: string }) => one.status === "switched-off");
  expect([subscriptions.length, off.length]).toEqual([3, 2]);

  sink.answer("/secret-path", {});
  const path = `/subscriptions/${off[0].id}`;
  const { etag, body } = await world.admin.get(path);
  expect(body).toMatchObject({ status: "switched-off", endedBecause: "failing" });
  await world.admin.patch(path, {}, { "if-match": etag });
  await world.until(async () => (await world.admin.get(path)).body.status === "confirmed");
  expect(sink.confirmations.length).toBe(1);
  expect(sink.received.filter(({ path }) => path === "/duty").length).toBe(1);
}, 60_000);
