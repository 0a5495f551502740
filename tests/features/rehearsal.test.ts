import { afterAll, beforeAll, expect, it } from "vitest";
import { startWebhookSink, type WebhookSink } from "#tests/receivers/webhook-sink.ts";
import { openWorld, type Person, type TestWorld } from "#tests/world.ts";

let world: TestWorld;
let sink: WebhookSink;
let editor: Person;
let id: string;

beforeAll(async () => {
  sink = await startWebhookSink();
  world = await openWorld();
  await world.admin.put("/units/center", { name: "某县互联网信息中心" });
  await world.admin.put("/columns/water", { name: "停水", kind: "notice", mayBreakQuietHours: false, approvals: 0 });
  editor = await world.member("editor", "center");
  const draft = { title: "停水通知", body: "周三停水。", column: "water", unitId: "center" };
  id = (await editor.post("/announcements", draft)).body.id;
  expect((await world.admin.put("/channels/webhook", { canary: sink.url("/canary") })).status).toBe(200);
});
afterAll(async () => {
  await world.close();
  await sink.close();
});

const rehearsal = async () => (await editor.get(`/announcements/${id}/rehearsal`)).body;

async function page(language: string): Promise<string> {
  const signIn = await world.fetch(await world.signInPath(["editor"], "center"), {
    method: "POST",
    headers: { origin: world.url },
  });
  const cookie = signIn.headers.get("set-cookie")?.split(";")[0] ?? "";
  return (await world.fetch(`/console/announcements/${id}?lang=${language}`, { headers: { cookie } })).text();
}

it("does not count the operator's own test endpoints among the readers, and says that they get it as well", async () => {
  expect(await rehearsal()).toMatchObject({
    ...{ audience: 0, canaries: 1 },
    channels: { webhook: { endpoints: 0, canaries: 1 } },
  });
  const none = await page("zh-CN");
  expect(none).toContain("现在没有人订阅这些内容");
  expect(none).toContain("另有1个测试接收端也会收到");
  const lines = ["/a", "/b"].map((path) =>
    JSON.stringify({
      ...{ endpoint: { channel: "webhook", address: sink.url(path) }, topics: ["column:water"] },
      ...{ confirmed: true, basis: "登记表" },
    }),
  );
  await world.admin.post("/subscriptions/import", lines.join("\n"), "application/x-ndjson");
  expect(await rehearsal()).toMatchObject({
    ...{ audience: 2, canaries: 1 },
    channels: { webhook: { endpoints: 2, canaries: 1, held: 0 } },
  });
  const both = await page("en");
  expect(both).toContain("2 receivers");
  expect(both).toContain("one test endpoint gets it, too");
});

it("counts a second choice as sent at once only where its first choice does not get the text", async () => {
  await world.admin.put("/columns/power", { name: "停电", kind: "notice", mayBreakQuietHours: false, approvals: 0 });
  const subscribed = async (path: string, topic: string, more = {}) => {
    const wish = { endpoint: { channel: "webhook", address: sink.url(path) }, topics: [topic], ...more };
    const { body } = await world.anyone.post("/subscriptions", wish);
    const me = world.as(body.manageToken);
    await world.until(async () => (await me.get(`/subscriptions/${body.id}`)).body.status === "confirmed");
    return { afterMinutes: 10, fallbackFor: { subscriptionId: body.id, manageToken: body.manageToken } };
  };
  const first = await subscribed("/first", "column:power");
  const elsewhere = await subscribed("/elsewhere", "column:notices");
  await subscribed("/second", "column:power", first);
  await subscribed("/alone", "column:power", elsewhere);
  const draft = { title: "停电通知", body: "周四停电。", column: "power", unitId: "center" };
  id = (await editor.post("/announcements", draft)).body.id;
  expect((await rehearsal()).channels.webhook).toMatchObject({ endpoints: 3, held: 0, fallbacks: 1 });
  const shown = (await page("zh-CN")).replaceAll(/<[^>]*>/g, " ").replaceAll(/\s+/g, " ");
  expect(shown).toMatch(/立即推送 2 稍后 0 备用 1 首选接收端未及时收到时才推送/);
  expect(await page("en")).toContain("only where the first choice does not get it in time");
});
