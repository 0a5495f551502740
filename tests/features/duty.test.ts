import { Webhook } from "standardwebhooks";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Received, startWebhookSink, type WebhookSink } from "#tests/receivers/webhook-sink.ts";
import { openWorld, type TestWorld } from "#tests/world.ts";

const SECRET = `whsec_${Buffer.alloc(32, 5).toString("base64")}`;
let clock = Date.now();
let world: TestWorld;
let sink: WebhookSink;

beforeAll(async () => {
  sink = await startWebhookSink();
  world = await openWorld({ now: () => new Date(clock) });
  await world.admin.put("/units/water", { name: "县水务局" });
  const wishes = [
    ["/duty", ["duty"]],
    ["/duty-of-water", ["duty:water"]],
    ["/public", ["all"]],
  ] as const;
  const lines = wishes.map(([path, topics]) =>
    JSON.stringify({
      endpoint: { channel: "webhook", address: sink.url(path), secret: SECRET },
      topics,
      confirmed: true,
      basis: "值班表",
    }),
  );
  const signedUp = await world.admin.post("/subscriptions/import", lines.join("\n"), "application/x-ndjson");
  expect(signedUp.body).toMatchObject({ accepted: 3, rejected: 0 });
});
afterAll(async () => {
  await world.close();
  await sink.close();
});

const concern = (more: object = {}) => ({
  type: "service_complaint",
  title: "自来水有异味",
  description: "城关镇今天早上的自来水有明显异味。",
  ...more,
});
const send = (more: object = {}) => world.admin.post("/cases", concern(more));
const eventOf = (push: Received | undefined) => JSON.parse(push?.body.toString() ?? "null");
const at = (path: string) => sink.received.filter((push) => push.path === path);

describe("the people on duty", () => {
  it("are told of a new case by a signed push that carries nothing of what was written in it", async () => {
    const { body } = await world.anyone.post("/cases", concern({ unitId: "water" }));
    const [push] = await sink.until(1, "/duty");
    await sink.until(1, "/duty-of-water");
    const text = push?.body.toString() ?? "";
    expect(() => new Webhook(SECRET).verify(text, push?.headers as Record<string, string>)).not.toThrow();
    expect(eventOf(push)).toMatchObject({
      type: "cn.gaoshi.announcement.published",
      data: { title: `新事项 服务投诉 ${body.receipt.number}`, urgency: "urgent", matched: ["duty"] },
    });
    expect(text).not.toContain("异味");
    expect(text).not.toContain(body.receipt.secret);
    expect(eventOf(at("/duty-of-water")[0]).data.matched).toEqual(["duty:water"]);
    expect(at("/public")).toEqual([]);
  });

  it("get one alarm for all the rest of a flood, and the next ten minutes start anew", async () => {
    clock += 20 * 60_000;
    const before = at("/duty").length;
    for (let n = 0; n < 24; n++) expect((await send()).status).toBe(201);
    const titles = () => at("/duty").map((push) => eventOf(push).data.title as string);
    await sink.until(before + 21, "/duty");
    await new Promise((resolve) => setTimeout(resolve, 500));
    expect(titles().slice(before)).toHaveLength(21);
    expect(titles().filter((title) => title.endsWith("超过20件"))).toHaveLength(1);
    const ofWater = at("/duty-of-water").length;
    for (let n = 0; n < 3; n++) await send({ unitId: "water" });
    await sink.until(ofWater + 1, "/duty-of-water");
    await new Promise((resolve) => setTimeout(resolve, 500));
    const told = at("/duty-of-water")
      .slice(ofWater)
      .map((push) => eventOf(push).data);
    expect(told).toMatchObject([{ title: titles().at(-1), matched: ["duty:water"] }]);
    expect(titles().slice(before)).toHaveLength(21);
    clock += 20 * 60_000;
    const { body } = await send();
    await sink.until(before + 22, "/duty");
    expect(titles().at(-1)).toContain(body.receipt.number);
  });

  it("leave a ledger that an admin can read and try again from, and nobody else", async () => {
    sink.answer("/duty", { status: 400 });
    const before = at("/duty").length;
    await send();
    const pushes = await sink.until(before + 1, "/duty");
    const { subject } = eventOf(pushes.at(-1));
    const path = `/announcements/${subject}/ledger`;
    await world.until(async () => (await world.admin.get(path)).body.matched === 1);
    const { status, body } = await world.admin.get(`/deliveries?announcement=${subject}`);
    expect([status, body.items.length]).toEqual([200, 1]);
    expect((await world.member("editor", "water").then((editor) => editor.get(path))).status).toBe(404);
    expect((await world.anyone.get(path)).status).toBe(401);
    for (const call of ["review", "publish", "withdraw", "rehearsal"] as const) {
      const tried = call === "rehearsal" ? world.admin.get : world.admin.post;
      expect((await tried(`/announcements/${subject}/${call}`)).status, call).not.toBe(200);
    }
    sink.answer("/duty", { status: 200 });
  });

  it("are nobody whom a stranger can join", async () => {
    for (const topics of [["duty"], ["duty:water"], [{ all: ["duty"] }]]) {
      const endpoint = { channel: "webhook", address: sink.url("/spy") };
      const refused = await world.anyone.post("/subscriptions", { endpoint, topics });
      expect([refused.status, refused.body.errors[0].code], JSON.stringify(topics)).toEqual([422, "TOPIC"]);
    }
  });
});
