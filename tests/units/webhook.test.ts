import { randomBytes } from "node:crypto";
import { HTTP } from "cloudevents";
import { Webhook } from "standardwebhooks";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { makeEgress } from "#src/channels/egress.ts";
import { retryAfterSeconds } from "#src/channels/retry-after.ts";
import { cut, cutBytes, oneLine, summaryOf } from "#src/channels/summary.ts";
import { makeWebhook, type RenderedEvent } from "#src/channels/webhook.ts";
import type { Revision } from "#src/domain/announcements/announcement.ts";
import type { Target } from "#src/domain/deliveries/channel.ts";
import { silentLog } from "#src/log.ts";
import { type Behaviour, startWebhookSink, type WebhookSink } from "#tests/receivers/webhook-sink.ts";

const secret = randomBytes(32).toString("base64");
const links = {
  confirm: (id: string, challenge: string) => `https://g.example/confirm?s=${id}&c=${challenge}`,
  announcement: (id: string) => `https://gs.example/announcements/${id}`,
  source: "https://gs.example",
};
const revision: Revision = {
  announcementId: "ann_01",
  revision: 3,
  kind: "corrected",
  content: {
    title: "关于“清明”放假的通知 \u2028 🌊",
    body: "## 正文\n\n请看[原文](https://gs.example/x)，**务必**遵守。",
    column: "notices",
    unitId: "unit_01",
    tags: ["放假"],
    urgency: "urgent",
    language: "zh-CN",
  },
  contentHash: "a".repeat(64),
  unitName: "某县图书馆",
  columnName: "通知",
  columnKind: "notice",
  mayBreakQuietHours: false,
  audience: { kind: "public" },
  reason: "日期有误",
  publishedAt: "2026-04-01T01:02:03.000Z",
  firstPublishedAt: "2026-03-31T00:00:00.000Z",
};

let sink: WebhookSink;
beforeAll(async () => {
  sink = await startWebhookSink();
});
afterAll(() => sink.close());

const egress = makeEgress(["127.0.0.0/8"]);
const seconds = { answer: 15, total: 1 };
const webhook = makeWebhook({ egress, baseUrl: links.source, now: () => new Date(), log: silentLog, seconds });
const rendered = webhook.render(revision, "zh-CN", links) as RenderedEvent;
afterAll(() => webhook.close());

function target(address: string, more: Partial<Target> = {}): Target {
  return { endpoint: "e", address, language: "zh-CN", secrets: [secret], matched: ["all", "tag:放假"], ...more };
}

function push(address: string, more: Partial<Target> = {}, event = rendered) {
  return webhook.push(event, { deliveryId: "ann_01.3.e", attempt: 1, target: target(address, more) });
}

async function scripted(path: string, behaviour: Behaviour) {
  sink.answer(path, behaviour);
  const outcome = await push(sink.url(path));
  return outcome;
}

describe("what a receiver gets", () => {
  test("is a CloudEvent that the SDK reads, signed so that the library verifies it", async () => {
    expect(await scripted("/event?key=1", { status: 202 })).toEqual({ kind: "delivered", status: 202 });
    const [event] = await sink.until(1, "/event?key=1");
    if (event === undefined) throw new Error("nothing came");
    const headers = event.headers as Record<string, string>;
    new Webhook(secret).verify(event.body, headers);
    expect(headers["content-type"]).toBe("application/cloudevents+json");
    expect(headers["webhook-id"]).toBe("ann_01.3.e");
    const parsed = HTTP.toEvent({ headers, body: event.body.toString() });
    expect(JSON.parse(JSON.stringify(parsed))).toEqual({
      specversion: "1.0",
      id: "ann_01.3.e",
      source: "https://gs.example",
      type: "cn.gaoshi.announcement.corrected",
      subject: "ann_01",
      time: "2026-04-01T01:02:03.000Z",
      datacontenttype: "application/json",
      data: {
        id: "ann_01",
        revision: 3,
        title: "关于“清明”放假的通知 \u2028 🌊",
        summary: "正文 请看原文，务必遵守。",
        url: "https://gs.example/announcements/ann_01",
        column: "notices",
        columnName: "通知",
        unit: "unit_01",
        unitName: "某县图书馆",
        publishedAt: "2026-04-01T01:02:03.000Z",
        urgency: "urgent",
        language: "zh-CN",
        contentHash: "a".repeat(64),
        reason: "日期有误",
        matched: ["all", "tag:放假"],
      },
    });
  });

  test("stays under 20 KB for the longest texts an announcement may have", async () => {
    const content = { ...revision.content, title: "\u0001".repeat(200), summary: "🌊".repeat(250) };
    const big = webhook.render({ ...revision, content }, "zh-CN", links) as RenderedEvent;
    const matched = Array.from({ length: 20 }, (_, i) => `tag:${"字".repeat(48)}${i}`);
    expect(await push(sink.url("/big"), { matched }, big)).toMatchObject({ kind: "delivered" });
    expect((await sink.until(1, "/big"))[0]?.body.length).toBeLessThan(20_000);
    expect(await push(sink.url("/big"), { matched: ["x".repeat(20_000)] }, big)).toMatchObject({ kind: "rejected" });
  });

  test("comes over kept connections", async () => {
    await push(sink.url("/kept"));
    const before = sink.connections();
    for (let i = 0; i < 20; i++) await push(sink.url("/kept"));
    expect(sink.connections()).toBe(before);
  });
});

describe("what an answer means", () => {
  const soon = new Date(Date.now() + 120_000).toUTCString();
  test.each<[string, Behaviour, object]>([
    ["200", { status: 200, body: "ok" }, { kind: "delivered", status: 200 }],
    ["204", { status: 204 }, { kind: "delivered", status: 204 }],
    ["299", { status: 299 }, { kind: "delivered", status: 299 }],
    ["410", { status: 410 }, { kind: "gone", status: 410 }],
    ["400", { status: 400 }, { kind: "retry", status: 400 }],
    ["401", { status: 401 }, { kind: "retry", status: 401 }],
    ["404", { status: 404 }, { kind: "retry", status: 404 }],
    ["500", { status: 500 }, { kind: "retry", status: 500 }],
    ["429 plain", { status: 429 }, { kind: "retry", status: 429 }],
    ["429 later", { status: 429, headers: { "retry-after": "7" } }, { kind: "retry", retryAfterSeconds: 7 }],
    ["502 later", { status: 502, headers: { "retry-after": "8" } }, { kind: "retry", retryAfterSeconds: 8 }],
    ["503 far", { status: 503, headers: { "retry-after": "999999" } }, { kind: "retry", retryAfterSeconds: 86_400 }],
    ["504 date", { status: 504, headers: { "retry-after": soon } }, { retryAfterSeconds: expect.closeTo(120, -1) }],
    ["reset", { fault: "reset" }, { kind: "unknown", detail: "connection broken" }],
    ["empty", { fault: "empty" }, { kind: "unknown", detail: "connection broken" }],
    ["garbage", { fault: "garbage" }, { kind: "unknown", detail: "connection broken" }],
    ["hang", { fault: "hang" }, { kind: "unknown", detail: "no answer in time" }],
    ["drip", { fault: "drip", status: 200 }, { kind: "delivered", status: 200 }],
    ["50 MB", { status: 200, body: Buffer.alloc(50_000_000) }, { kind: "delivered", status: 200 }],
    ["50 MB of fault", { status: 500, body: Buffer.alloc(50_000_000) }, { kind: "retry", status: 500 }],
    ["long head", { status: 200, headers: { "x-long": "x".repeat(60_000) } }, { kind: "unknown" }],
  ])("%s", async (name, behaviour, outcome) => {
    expect(await scripted(`/outcome/${encodeURIComponent(name)}`, behaviour)).toMatchObject(outcome);
  });

  test("who has hung for long is given up when asked to, and nobody else", async () => {
    const patient = makeWebhook({
      ...{ egress, baseUrl: links.source, now: () => new Date(), log: silentLog },
      seconds: { answer: 15, total: 20 },
    });
    for (const name of ["old", "new"]) sink.answer(`/hangs/${name}`, { fault: "hang" });
    const ended: string[] = [];
    const pushTo = (name: string) =>
      patient
        .push(rendered, { deliveryId: "d", attempt: 1, target: target(sink.url(`/hangs/${name}`)) })
        .then((outcome) => {
          ended.push(name);
          return outcome;
        });
    const old = pushTo("old");
    await new Promise((later) => setTimeout(later, 1600));
    const young = pushTo("new");
    patient.giveUp?.(1000);
    expect(await old).toEqual({ kind: "unknown", detail: "no answer in time" });
    expect(ended).toEqual(["old"]);
    await patient.close();
    await young;
    expect(ended).toEqual(["old", "new"]);
  });

  test("404 and 500 do not let a receiver choose the time", async () => {
    const outcome = await scripted("/chooses", { status: 500, headers: { "retry-after": "7" } });
    expect(outcome).toEqual({ kind: "retry", status: 500, detail: "500" });
  });

  test.each([301, 302, 303, 307, 308])("a redirect (%i) is a failure and is never followed", async (status) => {
    const elsewhere = [sink.url("/elsewhere"), "http://169.254.169.254/", "//127.0.0.1/x", "file:///etc/passwd"];
    for (const location of elsewhere) {
      const outcome = await scripted(`/moved/${status}`, { status, headers: { location } });
      expect(outcome).toEqual({ kind: "retry", status, detail: "redirect, never followed" });
    }
    expect(sink.received.filter((event) => event.path === "/elsewhere")).toEqual([]);
  });

  test("an address inside is refused in words of its own, which do not name it", async () => {
    const strict = makeWebhook({
      egress: makeEgress([]),
      baseUrl: links.source,
      now: () => new Date(),
      log: silentLog,
    });
    const attempt = (channel: typeof strict, address: string) =>
      channel.push(rendered, { deliveryId: "d", attempt: 1, target: target(address) });
    const before = sink.connections();
    const outcomes = [
      await attempt(strict, sink.url("/refused")),
      await attempt(strict, "https://metadata.google.internal/"),
      await attempt(webhook, "http://127.0.0.1:1/closed"),
    ];
    await strict.close();
    expect(outcomes).toEqual([
      { kind: "retry", detail: "address not allowed" },
      { kind: "retry", detail: "address not allowed" },
      { kind: "retry", detail: "unreachable" },
    ]);
    expect(sink.connections()).toBe(before);
  });

  test("a drip and a flood are cut, after the time or the 64 KB they may have", async () => {
    const flood: Behaviour = { body: Buffer.alloc(50_000_000), status: 200 };
    await Promise.all(Array.from({ length: 5 }, () => scripted("/flood", flood)));
    await expect.poll(() => sink.cutOff.filter((path) => path === "/flood").length, { timeout: 900 }).toBe(5);
    await scripted("/drip", { fault: "drip", status: 200 });
    await expect.poll(() => sink.cutOff.includes("/drip"), { timeout: 5000 }).toBe(true);
  });
});

describe("an endpoint agrees", () => {
  const confirm = async (path: string, behaviour: Behaviour) => {
    sink.answer(path, behaviour);
    return webhook.confirm(target(sink.url(path)), "challenge-0123456789", "nobody");
  };
  test.each<[string, Behaviour, string]>([
    ["by echo", { confirm: "echo" }, "confirmed"],
    ["as JSON", { confirm: "json" }, "confirmed"],
    ["by the OPTIONS handshake of CloudEvents", { confirm: "options" }, "confirmed"],
    ["not by a 200 of its own", { confirm: "no" }, "refused"],
  ])("%s", async (name, behaviour, outcome) => {
    const path = `/confirm/${encodeURIComponent(name)}`;
    expect(await confirm(path, behaviour)).toBe(outcome);
    const asked = sink.confirmations.find((event) => event.path === path);
    if (asked === undefined) throw new Error("no confirmation came");
    const body = new Webhook(secret).verify(asked.body, asked.headers as Record<string, string>);
    expect(body).toEqual({ type: "cn.gaoshi.endpoint.confirm", challenge: "challenge-0123456789" });
    expect(sink.received.filter((event) => event.path === path)).toEqual([]);
  });

  test("not when nobody listens there", async () => {
    expect(await webhook.confirm(target("http://127.0.0.1:1/"), "challenge", "nobody")).toBe("refused");
  });
});

test("an address is normalised, or refused with a pointer", async () => {
  expect(await webhook.address("http://127.0.0.1:80/a#b")).toEqual({ address: "http://127.0.0.1/a" });
  expect(await webhook.address("https://10.0.0.1/")).toMatchObject({
    errors: [{ pointer: "/endpoint/address", code: "ADDRESS_HOST", detail: { zh: expect.any(String) } }],
  });
});

test("the retry schedule is the published one", () => {
  expect(webhook.retrySeconds).toEqual([5, 300, 1800, 7200, 18_000, 36_000, 36_000]);
});

test("Retry-After is read as seconds or as a date, and anything else is no time", () => {
  const now = new Date("2026-04-01T00:00:00Z");
  const read = (value: string | string[] | undefined) => retryAfterSeconds(value, now);
  expect(read("120")).toBe(120);
  expect(read(" 120 ")).toBe(120);
  expect(read(["5", "9"])).toBe(5);
  expect(read("Wed, 01 Apr 2026 00:01:00 GMT")).toBe(60);
  expect(read("Wednesday, 01-Apr-26 00:01:00 GMT")).toBe(60);
  expect(read("Wed, 01 Apr 2036 00:00:00 GMT")).toBe(86_400);
  for (const nothing of [undefined, "", "0", "-5", "1.5", "1e9", "soon", "Tue, 31 Mar 2026 00:00:00 GMT", "2026-04-02"])
    expect(read(nothing)).toBeUndefined();
});

describe("summaries", () => {
  test("are the author's, else the beginning of the text without its marks", () => {
    const of = (body: string, summary?: string) =>
      summaryOf({ ...revision.content, body, ...(summary === undefined ? {} : { summary }) }, 20);
    expect(of("正文", "摘要")).toBe("摘要");
    expect(of("# 标题\n- 一\n- ![图](a.png)二\n```\ncode\n```\n<b>三</b>")).toBe("标题 一 二 三");
    expect(of("字".repeat(50))).toBe(`${"字".repeat(19)}…`);
  });

  test("are cut between characters, never inside one", () => {
    expect(cut("👨‍👩‍👧‍👦".repeat(3), 2)).toBe("👨‍👩‍👧‍👦…");
    expect(cutBytes("公告公告", 10)).toBe("公告…");
    expect(cutBytes("👨‍👩‍👧‍👦".repeat(3), 30)).toBe("👨‍👩‍👧‍👦…");
    expect(Buffer.byteLength(cutBytes("字".repeat(1000), 512))).toBeLessThanOrEqual(512);
  });

  test("are one line without invisible tricks", () => {
    expect(oneLine("a\n> b\u2028c\u202Ed\u0000e\uD800")).toBe("a > b cd e\uFFFD");
  });
});
