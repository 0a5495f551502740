import { createHmac } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { makeEgress } from "#src/channels/egress.ts";
import { makeWebsub, type RenderedFeed } from "#src/channels/websub.ts";
import type { Target } from "#src/domain/deliveries/channel.ts";
import { type Lease, leaseText, newestLease } from "#src/domain/deliveries/lease.ts";
import { silentLog } from "#src/log.ts";
import { type Behaviour, startWebhookSink, type WebhookSink } from "#tests/receivers/webhook-sink.ts";
import { revisionOf, testLinks } from "./push-world.ts";

let sink: WebhookSink;
beforeAll(async () => {
  sink = await startWebhookSink();
});
afterAll(() => sink.close());

let clock = Date.parse("2026-03-02T02:00:00Z");
const hub = makeWebsub({
  egress: makeEgress(["127.0.0.0/8"]),
  baseUrl: "https://g.example",
  now: () => new Date(clock),
  log: silentLog,
  seconds: { answer: 15, total: 1 },
});
afterAll(() => hub.close());

const lease = (more: Partial<Lease> = {}) =>
  leaseText({ requestedAt: clock - 1000, until: clock + 60_000, secret: "", ...more });

function targetOf(path: string, secrets: string[], feed = "/columns/notices/feed.atom"): Target {
  return { endpoint: "e", address: `${sink.url(path)} ${feed}`, language: "zh-CN", secrets, matched: [] };
}

const render = (body = "周三停水。") =>
  hub.render(revisionOf(new Date(clock), { content: { body } }), "zh-CN", testLinks) as RenderedFeed;

const push = (target: Target, rendered = render()) => hub.push(rendered, { deliveryId: "d", attempt: 1, target });

describe("a lease", () => {
  it("keeps whatever secret a subscriber chose", () => {
    for (const secret of ["", "a.b.c", "密钥 🌊", "\u0001"])
      expect(newestLease([lease({ secret })])).toEqual({ requestedAt: clock - 1000, until: clock + 60_000, secret });
    expect(newestLease(["whsec_x", "", "1.2"])).toBeUndefined();
  });

  it("is the one that was asked for last, not the one that lasts longest", async () => {
    const long = lease({ requestedAt: clock - 5000, until: clock + 9_000_000, secret: "old" });
    const short = lease({ requestedAt: clock - 2000, secret: "new" });
    expect(await push(targetOf("/renewed", [long, short]))).toMatchObject({ kind: "delivered" });
    const [content] = await sink.until(1, "/renewed");
    const expected = createHmac("sha256", "new")
      .update(content?.body ?? "")
      .digest("hex");
    expect(content?.headers["x-hub-signature"]).toBe(`sha256=${expected}`);
  });

  it("that ended between the plan and the push sends nothing", async () => {
    const target = targetOf("/late", [lease()]);
    clock += 60_000;
    expect(await push(target)).toEqual({ kind: "rejected", detail: "the lease is over" });
    expect(await hub.confirm(target, "challenge", "sub")).toBe("refused");
    expect(sink.received.filter(({ path }) => path.startsWith("/late"))).toEqual([]);
    clock -= 60_000;
  });
});

describe("what a callback's answer means", () => {
  it.each<[string, Behaviour, object]>([
    ["200 with anything", { status: 200, body: "<html>" }, { kind: "delivered", status: 200 }],
    ["410", { status: 410 }, { kind: "gone" }],
    ["404", { status: 404 }, { kind: "retry", status: 404 }],
    ["429", { status: 429, headers: { "retry-after": "9" } }, { kind: "retry", retryAfterSeconds: 9 }],
    ["302", { status: 302, headers: { location: "/x" } }, { kind: "retry", detail: "redirect, never followed" }],
    ["hang", { fault: "hang" }, { kind: "unknown", detail: "no answer in time" }],
    ["reset", { fault: "reset" }, { kind: "unknown", detail: "connection broken" }],
  ])("%s", async (name, behaviour, expected) => {
    const path = `/answer/${encodeURIComponent(name)}`;
    sink.answer(path, behaviour);
    expect(await push(targetOf(path, [lease()]))).toMatchObject(expected);
  });

  it("an echo that hangs, breaks off or never ends is a no", async () => {
    for (const fault of ["hang", "reset", "garbage", "drip"] as const) {
      sink.answer("*", { fault, status: 200 });
      expect([fault, await hub.confirm(targetOf("/no", [lease()]), "challenge", "sub")]).toEqual([fault, "refused"]);
    }
    sink.answer("*", { status: 200, body: "challenge" });
    expect(await hub.confirm(targetOf("/yes", [lease()]), "challenge", "sub")).toBe("confirmed");
    expect(await hub.leave?.(targetOf("/yes", [lease()]), "challenge")).toBe("confirmed");
    sink.answer("*", {});
  });
});

it("writes each document once for all its followers", async () => {
  const rendered = render();
  for (const path of ["/one", "/two"]) await push(targetOf(path, [lease()]), rendered);
  await push(targetOf("/three", [lease()], "/feed.rss"), rendered);
  expect([...rendered.documents.keys()]).toEqual(["/columns/notices/feed.atom", "/feed.rss"]);
});

it("leaves out a text that would be too large, and still names it", async () => {
  const rendered = render("&".repeat(100_000));
  expect(await push(targetOf("/large", [lease()]), rendered)).toMatchObject({ kind: "delivered" });
  const huge = render("![](a)".repeat(16_000));
  expect(await push(targetOf("/huge", [lease()]), huge)).toMatchObject({ kind: "delivered" });
  const [large] = await sink.until(1, "/large");
  const [tooLarge] = await sink.until(1, "/huge");
  expect(large?.body.length).toBeGreaterThan(500_000);
  expect(tooLarge?.body.length).toBeLessThan(5000);
  expect(tooLarge?.body.toString()).toContain("<title>停水通知</title>");
});

it("tells the writer before it leaves a text out", async () => {
  const shown = (body: string) => hub.preview(revisionOf(new Date(clock), { content: { body } }), "zh-CN", testLinks);
  const large = await shown("&".repeat(100_000));
  expect(large.faults).toEqual([]);
  expect(large.bytes).toBeGreaterThan(500_000);
  expect(large.bytes).toBeLessThanOrEqual(large.limit);
  const tooLarge = await shown("![](a)".repeat(16_000));
  expect(tooLarge.faults).toEqual([{ pointer: "/body", code: "CHANNEL_BODY_LONG", detail: expect.anything() }]);
  expect(tooLarge.bytes).toBeLessThanOrEqual(tooLarge.limit);
});

it("knows its addresses: a callback outside and a feed of this site", async () => {
  expect(await hub.address("http://127.0.0.1:80/cb#x /feed.atom")).toEqual({
    address: "http://127.0.0.1/cb /feed.atom",
  });
  for (const address of [
    "/feed.atom",
    "https://a.example/",
    "https://a.example/ /feed.xml",
    "https://a.example/ /columns/a/b/feed.rss",
  ])
    expect([address, "errors" in (await hub.address(address))]).toEqual([address, true]);
  expect(hub.shown?.("https://a.example/secret /feed.atom")).toBe("https://a.example/… /feed.atom");
  const preview = await hub.preview(revisionOf(new Date(clock), {}), "zh-CN", testLinks);
  expect(preview.text).toContain("停水通知");
});
