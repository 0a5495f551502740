import { createECDH, createPrivateKey, createPublicKey, randomBytes } from "node:crypto";
import { createRequire } from "node:module";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import webpush from "web-push";
import { makeEgress } from "#src/channels/egress.ts";
import { makeVapid } from "#src/channels/vapid.ts";
import { makeWebPush, type RenderedPush } from "#src/channels/web-push.ts";
import { encrypt, PLAIN_BYTES, readReceiver } from "#src/channels/web-push-encryption.ts";
import type { Target } from "#src/domain/deliveries/channel.ts";
import { keepPushKey } from "#src/domain/deliveries/keep-push-key.ts";
import { type PushKey, pushKeyOf } from "#src/domain/deliveries/push-key.ts";
import { silentLog } from "#src/log.ts";
import { embeddedPlatform } from "#src/platform/embedded/platform.ts";
import {
  claimsOf,
  decrypt,
  type PushBehaviour,
  type PushService,
  startPushService,
  type TestBrowser,
} from "#tests/receivers/push-service.ts";
import { type MoreRevision, revisionOf, testLinks } from "./push-world.ts";

const encryptedContent = createRequire(createRequire(import.meta.url).resolve("web-push"))("http_ece") as {
  decrypt(body: Buffer, how: object): Buffer;
};

/** RFC 8291, section 5 and appendix A. */
const EXAMPLE = {
  text: "When I grow up, I want to be a watermelon",
  senderPrivate: "yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw",
  senderPublic: "BP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A8",
  receiverPrivate: "q1dXpw3UpT5VOmu_cf_v6ih07Aems3njxI-JWgLcM94",
  receiver:
    "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4.BTBZMqHH6r4Tts7J_aSIgg",
  salt: "DGv6ra1nlYgDCS1FRnbzlw",
  body: "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A_yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN",
};

/** RFC 8292, section 2.4. */
const VAPID_EXAMPLE =
  "vapid t=eyJ0eXAiOiJKV1QiLCJhbGciOiJFUzI1NiJ9.eyJhdWQiOiJodHRwczovL3B1c2guZXhhbXBsZS5uZXQiLCJleHAiOjE0NTM1MjM3NjgsInN1YiI6Im1haWx0bzpwdXNoQGV4YW1wbGUuY29tIn0.i3CYb7t4xfxCDquptFOepC9GAu_HLGkMlMuCGSK2rpiUfnK9ojFwDXb1JrErtmysazNjjvW2L9OkSSHzvoD1oA, k=BA1Hxzyi1RUM1b5wjxsn7nGxAszw2u61m164i3MrAIxHF6YK5h4SDYic-dRuU_RCPCfA5aq9ojSwk5Y2EmClBPs";

const key: PushKey = pushKeyOf("q1dXpw3UpT5VOmu_cf_v6ih07Aems3njxI-JWgLcM94");

function receiverOf(secret: string) {
  const receiver = readReceiver(secret);
  if (!receiver) throw new Error("no receiver");
  return receiver;
}

describe("a message", () => {
  test("is the published example, byte for byte", () => {
    const { senderPrivate: d, senderPublic, salt } = EXAMPLE;
    const publicKey = Buffer.from(senderPublic, "base64url");
    const jwk = {
      ...{ kty: "EC", crv: "P-256", d },
      x: publicKey.subarray(1, 33).toString("base64url"),
      y: publicKey.subarray(33).toString("base64url"),
    };
    const sender = {
      privateKey: createPrivateKey({ key: jwk, format: "jwk" }),
      publicKey,
      salt: Buffer.from(salt, "base64url"),
    };
    const body = encrypt(receiverOf(EXAMPLE.receiver), Buffer.from(EXAMPLE.text), sender, false);
    expect(body.toString("base64url")).toBe(EXAMPLE.body);
  });

  test("is read by the library's own decryption, and by ours of its messages", () => {
    const curve = createECDH("prime256v1");
    const p256dh = curve.generateKeys("base64url");
    const auth = randomBytes(16);
    const text = "公告 🌊".repeat(20);
    for (let i = 0; i < 20; i++) {
      const body = encrypt(receiverOf(`${p256dh}.${auth.toString("base64url")}`), Buffer.from(text));
      const plain = encryptedContent.decrypt(body, { version: "aes128gcm", privateKey: curve, authSecret: auth });
      expect(plain.toString()).toBe(text);
    }
    const endpoint = "https://push.example.net/x";
    const theirs = webpush.generateRequestDetails(
      { endpoint, keys: { p256dh, auth: auth.toString("base64url") } },
      text,
      { vapidDetails: { subject: "mailto:a@example.org", ...key }, TTL: 60 },
    );
    expect(decrypt(theirs.body as Buffer, curve, auth).text).toBe(text);
    expect(claimsOf(theirs.headers["Authorization"] ?? "", "https://push.example.net", new Date(), undefined)).toEqual({
      aud: "https://push.example.net",
      exp: expect.any(Number),
      sub: "mailto:a@example.org",
    });
  });

  test("has never the same key, salt or bytes twice, and hides how long it is", () => {
    const receiver = receiverOf(EXAMPLE.receiver);
    const bodies = ["a", "a", "b".repeat(500)].map((text) => encrypt(receiver, Buffer.from(text)));
    expect(new Set(bodies.map((body) => body.subarray(0, 16).toString("hex"))).size).toBe(3);
    expect(new Set(bodies.map((body) => body.subarray(21, 86).toString("hex"))).size).toBe(3);
    expect(new Set(bodies.map((body) => body.length)).size).toBe(1);
    expect(encrypt(receiver, Buffer.alloc(PLAIN_BYTES)).length).toBe(4096);
    expect(() => encrypt(receiver, Buffer.alloc(PLAIN_BYTES + 1))).toThrow(RangeError);
  });

  test("is never made for keys that are none", () => {
    const [point = "", auth = ""] = EXAMPLE.receiver.split(".");
    const bytes = Buffer.from(point, "base64url");
    const changed = (at: number, to: number) => {
      const copy = Buffer.from(bytes);
      copy[at] = to;
      return copy.toString("base64url");
    };
    expect(readReceiver(`${point}.${auth}`)).toBeDefined();
    const wrong = [
      "",
      point,
      `${point}.`,
      `${point}.${auth}A`,
      `${point.slice(1)}.${auth}`,
      `${changed(64, 0)}.${auth}`, // beside the curve
      `${changed(0, 6)}.${auth}`, // hybrid form
      `${Buffer.alloc(65, 4).toString("base64url")}.${auth}`,
      `${Buffer.concat([Buffer.from([4]), Buffer.alloc(64, 255)]).toString("base64url")}.${auth}`,
      `${point}.${auth} `,
      `${point}.${"é".repeat(22)}`,
    ];
    for (const secret of wrong) expect([secret, readReceiver(secret)]).toEqual([secret, undefined]);
  });
});

describe("a token for a push service", () => {
  let clock = Date.parse("2026-03-02T02:00:00Z");
  const now = () => new Date(clock);

  test("is checked here as the standard's own example is", () => {
    const at = new Date((1453523768 - 3600) * 1000);
    expect(claimsOf(VAPID_EXAMPLE, "https://push.example.net", at, undefined)).toMatchObject({
      sub: "mailto:push@example.com",
    });
    const forged = VAPID_EXAMPLE.replace("i3CYb7t4", "i3CYb7t5");
    expect(claimsOf(forged, "https://push.example.net", at, undefined)).toBe("signature");
  });

  test("is kept for its origin until shortly before its end", () => {
    const vapid = makeVapid(now);
    const first = vapid("https://push.example.net", key, "mailto:a@example.org");
    expect(claimsOf(first, "https://push.example.net", now(), key.publicKey)).toEqual({
      aud: "https://push.example.net",
      exp: clock / 1000 + 43_200,
      sub: "mailto:a@example.org",
    });
    clock += 10 * 3_600_000;
    expect(vapid("https://push.example.net", key, "mailto:a@example.org")).toBe(first);
    expect(vapid("https://other.example.net", key, "mailto:a@example.org")).not.toBe(first);
    expect(vapid("https://push.example.net", key, "mailto:b@example.org")).not.toBe(first);
    clock += 3_601_000;
    const second = vapid("https://push.example.net", key, "mailto:a@example.org");
    expect(second).not.toBe(first);
    clock -= 48 * 3_600_000; // a clock that was put back
    const third = vapid("https://push.example.net", key, "mailto:a@example.org");
    expect(claimsOf(third, "https://push.example.net", now(), undefined)).toMatchObject({ exp: clock / 1000 + 43_200 });
  });

  test("is forgotten when strangers name more origins than are kept", () => {
    const vapid = makeVapid(now, 2);
    const first = vapid("https://a.example", key, "https://g.example");
    vapid("https://b.example", key, "https://g.example");
    vapid("https://c.example", key, "https://g.example");
    expect(vapid("https://c.example", key, "https://g.example")).toBe(
      vapid("https://c.example", key, "https://g.example"),
    );
    expect(vapid("https://a.example", key, "https://g.example")).not.toBe(first);
  });
});

describe("the key of the instance", () => {
  test("is made once, whoever asks first, and is a key pair that the library takes", async () => {
    const now = () => new Date();
    const platform = embeddedPlatform({ data: ":memory:", now, log: silentLog });
    const deps = { table: platform.table, now };
    const all = await Promise.all(Array.from({ length: 20 }, () => keepPushKey(deps)));
    expect(new Set(all.map(({ privateKey }) => privateKey)).size).toBe(1);
    const [made] = all;
    if (!made) throw new Error("no key");
    expect(await keepPushKey(deps)).toEqual(made);
    expect(() => webpush.setVapidDetails("mailto:a@example.org", made.publicKey, made.privateKey)).not.toThrow();
    const point = Buffer.from(made.publicKey, "base64url");
    const jwk = {
      ...{ kty: "EC", crv: "P-256" },
      x: point.subarray(1, 33).toString("base64url"),
      y: point.subarray(33).toString("base64url"),
    };
    expect(() => createPublicKey({ key: jwk, format: "jwk" })).not.toThrow();
    await platform.stop();
  });
});

let service: PushService;
beforeAll(async () => {
  service = await startPushService();
});
afterAll(() => service.close());

const deps = {
  egress: makeEgress(["127.0.0.0/8"]),
  baseUrl: "https://g.example",
  settings: async () => undefined,
  pushKey: async () => key,
  now: () => new Date(),
  log: silentLog,
  seconds: { answer: 15, total: 1 },
};
const channel = makeWebPush(deps);
afterAll(() => channel.close());

const render = (more: MoreRevision = {}) =>
  channel.render(revisionOf(new Date(), more), "zh-CN", testLinks) as RenderedPush;

function targetOf(browser: TestBrowser): Target {
  return { endpoint: "e", address: browser.endpoint, language: "zh-CN", secrets: [browser.secret], matched: ["all"] };
}

async function pushed(browser: TestBrowser, more: MoreRevision = {}) {
  const outcome = await channel.push(render(more), { deliveryId: "d.1.e", attempt: 1, target: targetOf(browser) });
  return { outcome, message: browser.messages.at(-1) };
}

describe("what a browser gets", () => {
  test("says what is new, who says it and where to read it", async () => {
    const browser = service.browser(key.publicKey);
    const { outcome, message } = await pushed(browser, { content: { summary: "周三 8 时停水", urgency: "urgent" } });
    expect(outcome).toEqual({ kind: "accepted", status: 201 });
    expect(message?.json).toEqual({
      type: "announcement",
      id: "ann_00000000000000000000000001",
      revision: 1,
      kind: "published",
      title: "停水通知",
      body: "某县互联网信息中心：周三 8 时停水",
      url: "https://example.org/announcements/ann_00000000000000000000000001",
      unit: "center",
      unitName: "某县互联网信息中心",
      column: "通知公告",
      urgency: "urgent",
      lang: "zh-CN",
      deliveryId: "d.1.e",
    });
    expect(message?.headers).toMatchObject({ ttl: "604800", urgency: "high", "content-encoding": "aes128gcm" });
    expect(message?.claims).toMatchObject({ aud: service.origin, sub: "https://g.example" });
    expect(service.refused).toEqual([]);
  });

  test("is replaced by a correction that still waits with it, and by nothing else", async () => {
    const browser = service.browser();
    const other = service.browser();
    const topic = async (to: TestBrowser, more: MoreRevision) => (await pushed(to, more)).message?.headers["topic"];
    const first = await topic(browser, {});
    expect(first).toMatch(/^[\w-]{32}$/);
    expect(await topic(browser, { revision: 2, kind: "corrected", reason: "时间有误" })).toBe(first);
    expect(browser.messages[1]?.json).toMatchObject({
      title: "【更正】停水通知",
      body: "某县互联网信息中心：时间有误",
    });
    expect(await topic(browser, { announcementId: "ann_00000000000000000000000002" })).not.toBe(first);
    expect(await topic(other, {})).not.toBe(first);
  });

  test("fits into 4,096 bytes, whatever the words", async () => {
    const browser = service.browser();
    for (const sign of ["字", "\\", '"', "🌊", "👨‍👩‍👧‍👦", "é"]) {
      const fill = (count: number) => sign.repeat(count).slice(0, count);
      const { outcome, message } = await pushed(browser, {
        unitName: fill(100),
        reason: sign.repeat(1500),
        kind: "corrected",
        content: { title: fill(200), summary: fill(500) },
      });
      expect([sign, outcome.kind]).toEqual([sign, "accepted"]);
      expect(message?.bytes).toBeLessThanOrEqual(4096);
      expect(message?.json.title.length).toBeGreaterThan(190);
      expect(message?.json.body.isWellFormed()).toBe(true);
    }
    const preview = await channel.preview(revisionOf(new Date(), { reason: '"'.repeat(200) }), "zh-CN", testLinks);
    expect(preview).toMatchObject({ limit: 4096, faults: [] });
    expect(preview.bytes).toBeLessThanOrEqual(4096);
    const body = "周三停水。".repeat(100);
    expect(await channel.preview(revisionOf(new Date(), { content: { body } }), "zh-CN", testLinks)).toMatchObject({
      summaryCharacters: 200,
      faults: [],
    });
    const family = "👨‍👩‍👧‍👦".repeat(300);
    expect((await channel.preview(revisionOf(new Date(), { reason: family }), "en", testLinks)).faults).toMatchObject([
      { pointer: "/summary", code: "CHANNEL_SUMMARY_LONG" },
    ]);
  });

  test("is one message for a digest, with the newest titles", async () => {
    const browser = service.browser();
    const revisions = Array.from({ length: 8 }, (_, i) =>
      revisionOf(new Date(), { announcementId: `ann_${i}`, content: { title: `${'"'.repeat(180)}${i}` } }),
    );
    const digest = { frequency: "daily" as const, at: "2026-03-02T00:00:00.000Z", revisions };
    const rendered = channel.renderDigest(digest, "zh-CN", testLinks) as RenderedPush;
    await channel.push(rendered, { deliveryId: "d", attempt: 1, target: targetOf(browser) });
    const [message] = browser.messages;
    expect(message?.json).toMatchObject({ type: "digest", title: "告示：每日汇总，共8条", kind: "published" });
    expect(message?.json.body).toMatch(/^· .*\n.*另有3条$/s);
    expect(message?.headers["urgency"]).toBe("low");
  });
});

describe("what an answer means", () => {
  const later = new Date(Date.now() + 120_000).toUTCString();
  test.each<[string, PushBehaviour, object]>([
    ["201", {}, { kind: "accepted", status: 201 }],
    ["202", { status: 202 }, { kind: "accepted", status: 202 }],
    ["200 without a page", { status: 200 }, { kind: "accepted", status: 200 }],
    ["200 with a page", { status: 200, headers: { "content-type": "text/html" }, body: "<html>" }, { kind: "retry" }],
    ["404", { status: 404 }, { kind: "gone", status: 404 }],
    ["410", { status: 410 }, { kind: "gone", status: 410 }],
    ["400", { status: 400 }, { kind: "rejected", status: 400 }],
    ["401", { status: 401 }, { kind: "retry", status: 401, detail: "401: our key was not accepted" }],
    ["403", { status: 403 }, { kind: "retry", status: 403, detail: "403: our key was not accepted" }],
    ["429 later", { status: 429, headers: { "retry-after": "30" } }, { kind: "retry", retryAfterSeconds: 30 }],
    ["429 plain", { status: 429 }, { kind: "retry", status: 429, detail: "429" }],
    ["500", { status: 500 }, { kind: "retry", status: 500 }],
    ["503 date", { status: 503, headers: { "retry-after": later } }, { retryAfterSeconds: expect.closeTo(120, -1) }],
    [
      "302",
      { status: 302, headers: { location: "/elsewhere" } },
      { kind: "retry", detail: "redirect, never followed" },
    ],
    ["hang", { fault: "hang" }, { kind: "unknown", detail: "no answer in time" }],
    ["reset", { fault: "reset" }, { kind: "unknown", detail: "connection broken" }],
    ["garbage", { fault: "garbage" }, { kind: "unknown", detail: "connection broken" }],
  ])("%s", async (_, behaviour, expected) => {
    const browser = service.browser();
    service.answer(browser, behaviour);
    expect((await pushed(browser)).outcome).toMatchObject(expected);
    expect(browser.messages).toHaveLength(1);
  });

  test("413: the title alone is sent, and only when that is too much as well it is refused for good", async () => {
    const narrow = service.browser();
    service.answer(narrow, { status: [413, 201] });
    const { outcome, message } = await pushed(narrow, { content: { title: "题".repeat(200) } });
    expect(outcome).toEqual({ kind: "accepted", status: 201 });
    expect(message?.json).toMatchObject({ title: `${"题".repeat(59)}…`, body: "", url: expect.any(String) });
    const closed = service.browser();
    service.answer(closed, { status: 413 });
    expect((await pushed(closed)).outcome).toMatchObject({ kind: "rejected", status: 413 });
    expect(closed.messages).toHaveLength(2);
  });

  test("another server's key is refused by the push service, and its token is not ours to fake", async () => {
    const elsewhere = service.browser(pushKeyOf(EXAMPLE.senderPrivate).publicKey);
    expect((await pushed(elsewhere)).outcome).toMatchObject({ kind: "retry", status: 403 });
    expect(service.refused).toEqual(["another key"]);
  });

  test("an address inside is told to the editor, without where it leads", async () => {
    const strict = makeWebPush({ ...deps, egress: makeEgress([]) });
    const target = targetOf(service.browser());
    const outcome = await strict.push(render(), { deliveryId: "d", attempt: 1, target });
    await strict.close();
    expect(outcome).toEqual({ kind: "retry", detail: "address not allowed" });
  });

  test("keys that cannot be used are refused before anything is sent", async () => {
    const browser = service.browser();
    const before = service.requests;
    const target = { ...targetOf(browser), secrets: ["broken"] };
    const outcome = await channel.push(render(), { deliveryId: "d", attempt: 1, target });
    expect([outcome.kind, service.requests - before]).toEqual(["rejected", 0]);
  });
});

test("an operator's own contact and key are used, and a key that is none keeps everything waiting", async () => {
  let settings: Record<string, string> = { subject: "mailto:duty@example.org", privateKey: EXAMPLE.senderPrivate };
  const mine = makeWebPush({
    ...deps,
    settings: async () => ({ settings, updatedAt: "", version: 1 }),
    pushKey: () => Promise.reject(new Error("must not be made")),
  });
  const browser = service.browser(pushKeyOf(EXAMPLE.senderPrivate).publicKey);
  const push = () => mine.push(render(), { deliveryId: "d", attempt: 1, target: targetOf(browser) });
  expect(await push()).toMatchObject({ kind: "accepted" });
  expect(browser.messages[0]?.claims.sub).toBe("mailto:duty@example.org");
  settings = { privateKey: "_".repeat(43) };
  expect(await push()).toMatchObject({ kind: "retry", pause: { because: "configuration" } });
  expect(browser.messages).toHaveLength(1);
  await mine.close();
});

test("the question is pushed too, and waits for the browser's answer", async () => {
  const browser = service.browser(key.publicKey);
  expect(await channel.confirm(targetOf(browser), "challenge-1", "sub_1")).toBe("sent");
  expect(browser.messages[0]?.json).toMatchObject({
    type: "confirm",
    subscriptionId: "sub_1",
    challenge: "challenge-1",
    title: "告示：浏览器通知已开启",
  });
  service.answer(browser, { status: 410 });
  expect(await channel.confirm(targetOf(browser), "challenge-2", "sub_1")).toBe("refused");
});

test("an address is checked like any other, and shown without what makes it a key", async () => {
  expect(await channel.address("https://10.0.0.1/push")).toMatchObject({ errors: [{ code: "ADDRESS_HOST" }] });
  expect(channel.shown?.("https://fcm.example.com/fcm/send/abcdefghijklmnop")).toBe("https://fcm.example.com/…klmnop");
  expect(channel.secret?.(undefined)).toMatchObject({ errors: [{ pointer: "/endpoint/secret", code: "PUSH_KEYS" }] });
});
