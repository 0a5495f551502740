import { CloudEvent, HTTP } from "cloudevents";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openWorld, type Person, type TestWorld } from "#tests/world.ts";

let world: TestWorld;
let publisher: Person;

beforeAll(async () => {
  world = await openWorld();
  await world.admin.put("/units/centre", { name: "县互联网信息中心" });
  await world.admin.put("/units/weather", { name: "县气象局" });
  publisher = await world.member("publisher", "centre");
});
afterAll(() => world.close());

const data = (more: object = {}) => ({ title: "高速封闭", body: "因雪封闭。", column: "notices", ...more });
let ids = 0;
const event = (more: object = {}) => ({
  specversion: "1.0",
  type: "cn.gaoshi.announcement.published",
  source: "https://roads.example/news",
  id: `e${++ids}`,
  time: "2026-03-02T08:00:00+08:00",
  data: data(),
  ...more,
});
const STRUCTURED = "application/cloudevents+json";
const BATCH = "application/cloudevents-batch+json";
const send = (one: object, person = publisher) => person.post("/events", JSON.stringify(one), STRUCTURED);
const sendAll = (all: object[]) => publisher.post("/events", JSON.stringify(all), BATCH);

describe("a publication event", () => {
  it("becomes an announcement of the publisher's unit, at once", async () => {
    const answer = await send(event());
    expect(answer.status).toBe(202);
    expect(answer.body).toMatchObject({ accepted: 1, rejected: 0, results: [{ status: "accepted", revision: 1 }] });
    const { announcementId } = answer.body.results[0];
    const seen = await world.anyone.get(`/announcements/${announcementId}`);
    expect(seen.body).toMatchObject({ title: "高速封闭", unitId: "centre", unitName: "县互联网信息中心" });
  });

  it("is understood as the CloudEvents SDK writes it, in both single modes", async () => {
    for (const write of [HTTP.structured, HTTP.binary]) {
      const made = new CloudEvent({ ...event(), data: data({ title: "来自SDK" }), subject: "roads/7", extra: 7 });
      const { headers, body } = write(made);
      const answer = await publisher.post("/events", String(body), headers as Record<string, string>);
      expect(answer.body, JSON.stringify(headers)).toMatchObject({ accepted: 1 });
    }
  });

  it("is read from percent-encoded headers", async () => {
    const { data: body, ...attributes } = event({ subject: "%E9%AB%98%E9%80%9F", id: "%E4%B8%80" });
    const headers = Object.entries(attributes).map(([name, value]) => [`ce-${name}`, String(value)]);
    const answer = await publisher.post("/events", JSON.stringify(body), {
      "content-type": "application/json; charset=utf-8",
      ...Object.fromEntries(headers),
    });
    expect(answer.body.results).toMatchObject([{ id: "一", status: "accepted" }]);
  });

  it("reads data in Base64 and attributes that are null", async () => {
    const { data: _, ...rest } = event({ subject: null });
    const data_base64 = Buffer.from(JSON.stringify(data({ title: "编码" }))).toString("base64");
    expect((await send({ ...rest, data_base64 })).body).toMatchObject({ accepted: 1 });
    const both = await send({ ...event(), data_base64 });
    expect(both.status).toBe(422);
  });

  it("makes one announcement however often and at once it is told", async () => {
    const same = event();
    const answers = await Promise.all(Array.from({ length: 10 }, () => send(same)));
    const results = answers.map(({ body }) => body.results[0]);
    expect(new Set(results.map(({ announcementId }) => announcementId)).size).toBe(1);
    expect(results.filter(({ repeated }) => !repeated)).toHaveLength(1);
    const other = await send({ ...same, data: data({ title: "别的内容" }) });
    expect([other.status, other.body.code]).toEqual([409, "EVENT_REUSED"]);
    const elsewhere = await send({ ...same, source: "https://other.example", data: data({ title: "别的内容" }) });
    expect(elsewhere.status).toBe(202);
  });

  it.each<[string, object, string, string]>([
    ["another version", { specversion: "0.3" }, "/specversion", "SPECVERSION"],
    ["another type", { type: "com.example.other" }, "/type", "EVENT_TYPE"],
    ["no source", { source: undefined }, "/source", "ATTRIBUTE"],
    ["a source that is no URI", { source: "not a uri" }, "/source", "ATTRIBUTE"],
    ["an empty id", { id: "" }, "/id", "ATTRIBUTE"],
    ["an empty subject", { subject: "" }, "/subject", "ATTRIBUTE"],
    ["a time without offset", { time: "2026-03-02T08:00:00" }, "/time", "ATTRIBUTE"],
    ["data of another type", { datacontenttype: "text/xml" }, "/datacontenttype", "DATA_CONTENT_TYPE"],
    ["an attribute name in capitals", { traceParent: "x" }, "", "ATTRIBUTE_NAME"],
    ["a field nobody knows", { data: { ...data(), status: "x" } }, "/data/status", "UNKNOWN_KEY"],
    ["no title", { data: data({ title: undefined }) }, "/data/title", "REQUIRED"],
    ["no data", { data: undefined }, "/data", "REQUIRED"],
    ["a column that does not exist", { data: data({ column: "nowhere" }) }, "/data/column", "COLUMN_UNKNOWN"],
  ])("is refused with %s", async (_, more, pointer, code) => {
    const answer = await send(event(more));
    expect(answer.status).toBe(422);
    expect(answer.body.errors).toMatchObject([{ pointer, code }]);
  });

  it("speaks only for the publisher's own unit, and only with the role", async () => {
    expect((await send(event({ data: data({ unitId: "weather" }) }))).status).toBe(404);
    const free = await world.member("publisher");
    expect((await send(event({ data: data({ unitId: "weather" }) }), free)).status).toBe(202);
    expect((await send(event(), free)).body.errors).toMatchObject([{ pointer: "/data/unitId", code: "REQUIRED" }]);
    expect((await send(event(), await world.member("editor", "centre"))).status).toBe(403);
    expect((await send(event(), world.anyone)).status).toBe(401);
    expect((await publisher.post("/events", event())).status).toBe(415);
  });
});

describe("a batch", () => {
  it("takes each event on its own, and says what became of it", async () => {
    const good = event();
    const answer = await sendAll([
      good,
      event({ type: "x" }),
      { id: 7 },
      good,
      { ...good, data: data({ title: "改了" }) },
    ]);
    expect(answer.status).toBe(202);
    expect(answer.body).toMatchObject({ accepted: 2, rejected: 3 });
    const kinds = answer.body.results.map(({ id, status, code }: Record<string, string>) => [id, status, code]);
    expect(kinds.slice(0, 4)).toEqual([
      [good.id, "accepted", undefined],
      [expect.any(String), "rejected", "EVENT_TYPE"],
      [null, "rejected", "SPECVERSION"],
      [good.id, "accepted", undefined],
    ]);
    expect(kinds[4]).toEqual([good.id, "rejected", "EVENT_REUSED"]);
  });

  it("has at most a hundred events and a megabyte, and may be empty", async () => {
    expect((await sendAll([])).body).toEqual({ accepted: 0, rejected: 0, results: [] });
    const hundred = await sendAll(Array.from({ length: 100 }, () => event()));
    expect(hundred.body).toMatchObject({ accepted: 100, rejected: 0 });
    const more = await sendAll(Array.from({ length: 101 }, () => event()));
    expect([more.status, more.body.code]).toEqual([422, "BATCH_LIMIT"]);
    const big = await sendAll(Array.from({ length: 12 }, () => event({ data: data({ body: "长".repeat(30_000) }) })));
    expect(big.status).toBe(413);
    expect((await publisher.post("/events", JSON.stringify(event()), BATCH)).status).toBe(400);
  });
});
