import { afterEach, beforeEach, describe, expect, it, test } from "vitest";
import type { Receipt } from "#src/domain/deliveries/receipts.ts";
import { keys } from "#src/platform/keys.ts";
import type { Said } from "#src/web/app.ts";
import { testApp, testClock } from "#tests/app.ts";
import { type CallerSetup, wechatCaller } from "#tests/receivers/wechat-caller.ts";

const KEY = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG";
const OLD_KEY = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
const APP = "wx0123456789abcdef";
const OPENID = "oFollower0000000000000000001";

let world: ReturnType<typeof testApp>;
let said: Said[];
let receipts: Receipt[];
let answer: (said: Said) => Promise<string | undefined>;

beforeEach(async () => {
  said = [];
  receipts = [];
  answer = async ({ text }) => `您说：${text}`;
  world = testApp({
    clock: testClock("2026-03-02T02:00:00.000Z"),
    answer: async (one) => {
      said.push(one);
      return answer(one);
    },
    receipt: async (one) => void receipts.push(one),
  });
  await set({ encodingAesKey: KEY });
});
afterEach(() => world.platform.stop());

async function set(more: Record<string, string>) {
  const settings = { appId: APP, appSecret: "s".repeat(32), token: "callback", ...more };
  const put = { ...keys.setting("channel:official-account"), settings, updatedAt: "", version: 1 };
  await world.platform.table.putAll([put]);
  world.clock.pass(11);
}

function caller(more: Partial<CallerSetup> = {}) {
  const setup = { token: "callback", key: KEY, appId: APP, mode: "safe" as const, ...more };
  const place = "http://127.0.0.1:8787/wechat/callback";
  return wechatCaller(place, setup, world.clock.now, (async (url: string, init?: RequestInit) =>
    world.app.fetch(new Request(url, init))) as typeof fetch);
}

describe("a follower's message", () => {
  test.each<[string, Partial<CallerSetup>]>([
    ["safe mode", {}],
    ["compatible mode", { mode: "compatible" }],
    ["safe mode as JSON", { json: true }],
  ])("is answered in %s, packed as it came", async (_, more) => {
    const { reply } = await caller(more).says(OPENID, " 最新公告 ");
    expect(reply).toMatchObject({ ToUserName: OPENID, MsgType: "text", Content: "您说：最新公告" });
    expect(said).toEqual([
      { channel: "official-account", address: `openid:${OPENID}`, text: "最新公告", mayManage: true },
    ]);
  });

  test.each([false, true])("is answered in plain mode, where no key is set up (JSON: %s)", async (json) => {
    await set({});
    const { reply } = await caller({ mode: "plain", json }).says(OPENID, "a]]>b");
    expect(reply?.["Content"]).toBe("您说：a]]>b");
  });

  test("is opened with the key from before while it is being changed, and answered with that one", async () => {
    await set({ encodingAesKey: KEY, previousAesKey: OLD_KEY });
    expect((await caller({ key: OLD_KEY }).says(OPENID, "旧")).reply?.["Content"]).toBe("您说：旧");
    expect((await caller().says(OPENID, "新")).reply?.["Content"]).toBe("您说：新");
  });

  test.each<[string, Partial<CallerSetup>]>([
    ["XML", {}],
    ["JSON", { json: true }],
  ])("has its own answer, whatever else is written in the same moment (%s)", async (_, more) => {
    answer = async ({ address, text }) => `${text}给 ${address}`;
    const wechat = caller(more);
    for (const name of ["oAnna", "oBert", "oCarl"])
      for (const text of ["一", "二", "三"])
        expect((await wechat.says(name, text)).reply).toMatchObject({
          ToUserName: name,
          Content: `${text}给 openid:${name}`,
        });
    expect(said).toHaveLength(9);
  });

  test("is the follower's own even where another's has the same id", async () => {
    answer = async ({ address }) => `给 ${address}`;
    const wechat = caller();
    for (const name of ["oAnna", "oBert"]) {
      const message = { ...wechat.text(name, "地址"), MsgId: 24_000_000_000_000_001n };
      expect((await wechat.send(wechat.packed(message))).reply?.["Content"]).toBe(`给 openid:${name}`);
    }
  });

  test("gets the help where there is no text, and nothing is asked", async () => {
    const wechat = caller();
    const image = { ...wechat.text(OPENID, ""), MsgType: "image", PicUrl: "https://x" };
    const { reply } = await wechat.send(wechat.packed(image));
    expect(reply?.["Content"]).toContain("取消关注");
    expect(said).toEqual([]);
  });

  test("a menu's key is a word like any other; a long answer is cut to what the platform takes", async () => {
    answer = async () => "答".repeat(5000);
    const { reply } = await caller().does(OPENID, "CLICK", { EventKey: "最新公告" });
    expect(said[0]?.text).toBe("最新公告");
    expect(Buffer.byteLength(reply?.["Content"] ?? "")).toBeLessThanOrEqual(2000);
  });

  test("is answered within five seconds, whatever the answer takes", async () => {
    answer = () => new Promise(() => {});
    const start = performance.now();
    const { reply } = await caller().says(OPENID, "慢");
    expect(performance.now() - start).toBeLessThan(5000);
    expect(reply?.["Content"]).toContain("稍后再发");
  }, 10_000);
});

describe("a repeat", () => {
  test("of a message gets the same answer, and is worked on once", async () => {
    const wechat = caller();
    const message = wechat.text(OPENID, "一");
    const first = await wechat.send(wechat.packed(message));
    // The platform repeats it as it was, or signed and packed anew.
    const packed = wechat.packed(message);
    const again = [await wechat.send(packed), await wechat.send(packed)];
    for (const one of again) expect(one.reply?.["Content"]).toBe(first.reply?.["Content"]);
    expect(said).toHaveLength(1);
  });

  test("of an event is known by who, when and what", async () => {
    const wechat = caller();
    const event = wechat.event(OPENID, "CLICK", { EventKey: "k" });
    await Promise.all([1, 2, 3].map(() => wechat.send(wechat.packed(event))));
    expect(said).toHaveLength(1);
    world.clock.pass(1);
    await wechat.does(OPENID, "CLICK", { EventKey: "k" });
    expect(said).toHaveLength(2);
  });

  test("is not what tells of something else in the same second", async () => {
    const wechat = caller();
    for (const publish_id of ["2247483650000000001", "2247483650000000002"])
      for (let times = 0; times < 2; times++)
        await wechat.does(OPENID, "PUBLISHJOBFINISH", { PublishEventInfo: { publish_id, publish_status: 0 } });
    expect(receipts.map(({ receipt }) => receipt)).toEqual([
      "publish:2247483650000000001",
      "publish:2247483650000000002",
    ]);
  });

  test("while the first is being worked on waits for its answer", async () => {
    answer = () => new Promise((resolve) => setTimeout(resolve, 600, "好了"));
    const wechat = caller();
    const message = wechat.text(OPENID, "一");
    const [first, second] = await Promise.all([1, 2].map(() => wechat.send(wechat.packed(message))));
    expect([first?.reply?.["Content"], second?.reply?.["Content"]]).toEqual(["好了", "好了"]);
    expect(said).toHaveLength(1);
  });

  test("of a message over which we failed is worked on anew", async () => {
    answer = () => Promise.reject(new Error("the store is away"));
    const wechat = caller();
    const message = wechat.text(OPENID, "一");
    expect((await wechat.send(wechat.packed(message))).status).toBe(500);
    answer = async () => "好了";
    expect((await wechat.send(wechat.packed(message))).reply?.["Content"]).toBe("好了");
  });

  test("of a signature under another body is forged", async () => {
    await set({});
    const wechat = caller({ mode: "plain" });
    const { url, body } = wechat.packed(wechat.text(OPENID, "真的"));
    expect((await wechat.send({ url, body })).status).toBe(200);
    expect(
      (await wechat.send({ url, body: body.replace("真的", "假的").replace(/<MsgId>.*MsgId>/, "<MsgId>9</MsgId>") }))
        .status,
    ).toBe(403);
    expect(said).toHaveLength(1);
  });
});

describe("what nobody signed, or signed long ago", () => {
  const refused = async (
    change: (packed: { url: string; body: string }) => { url: string; body: string },
    more = {},
  ) => {
    const wechat = caller(more);
    const { status } = await wechat.send(change(wechat.packed(wechat.text(OPENID, "一"))));
    expect(said).toEqual([]);
    return status;
  };
  const without = (url: string, name: string, value = "") => {
    const changed = new URL(url);
    changed.searchParams.set(name, value);
    return changed.href;
  };

  test.each(["msg_signature", "nonce", "timestamp"])("is refused with another %s", async (name) => {
    expect(await refused(({ url, body }) => ({ url: without(url, name, "1772416800"), body }))).toBe(403);
  });

  test("is refused with the query's signature alone where a key is set up", async () => {
    expect(await refused((packed) => packed, { mode: "plain" })).toBe(403);
  });

  test("is refused for another account, another token, another key, a cut ciphertext", async () => {
    expect(await refused((packed) => packed, { appId: `${APP}0` })).toBe(403);
    expect(await refused((packed) => packed, { token: "other" })).toBe(403);
    expect(await refused((packed) => packed, { key: OLD_KEY })).toBe(403);
    expect(
      await refused(({ url, body }) => ({ url, body: body.replace(/.{24}\]\]><\/Encrypt>/, "]]></Encrypt>") })),
    ).toBe(403);
  });

  test("is refused with a time of more than five minutes ago or ahead", async () => {
    const wechat = caller();
    for (const minutes of [-6, 6]) {
      const at = new Date(world.clock.now().getTime() + minutes * 60_000);
      expect((await wechat.send(wechat.packed(wechat.text(OPENID, "一"), { at }))).status).toBe(403);
    }
    const at = new Date(world.clock.now().getTime() - 4 * 60_000);
    expect((await wechat.send(wechat.packed(wechat.text(OPENID, "一"), { at }))).status).toBe(200);
  });

  test("is refused for an account of another origin where one is set up", async () => {
    await set({ encodingAesKey: KEY, originId: "gh_ffffffffffff" });
    expect(await refused((packed) => packed)).toBe(403);
    await set({ encodingAesKey: KEY, originId: "gh_0123456789ab" });
    expect((await caller().says(OPENID, "一")).status).toBe(200);
  });

  test("is refused as XML that does more than carry fields, and when it is large", async () => {
    await set({});
    const wechat = caller({ mode: "plain" });
    const send = (body: string) => wechat.send({ url: wechat.packed(wechat.text(OPENID, "一")).url, body });
    const bomb = '<!DOCTYPE lolz [<!ENTITY a "lol"><!ENTITY b "&a;&a;&a;&a;">]><xml><Content>&b;</Content></xml>';
    for (const body of [bomb, "<xml>".repeat(5000), "", "{}", "[1]", '{"a":1,"a":2}', "\u0000"])
      expect((await send(body)).status, body.slice(0, 20)).toBe(403);
    expect((await send(`<xml><Content>${"字".repeat(30_000)}</Content></xml>`)).status).toBe(413);
    const latin = await world.app.fetch(
      new Request(wechat.packed(wechat.text(OPENID, "一")).url, {
        method: "POST",
        body: Buffer.from([0x3c, 0xff, 0xfe]),
      }),
    );
    expect(latin.status).toBe(400);
  });

  test("is refused with 429 when it keeps coming, while what is signed still gets in", async () => {
    const wechat = caller();
    const statuses: number[] = [];
    for (let i = 0; i < 80; i++) statuses.push((await wechat.check("1", { signature: "0".repeat(40) })).status);
    expect(statuses).toContain(403);
    expect(statuses.at(-1)).toBe(429);
    expect((await wechat.says(OPENID, "一")).status).toBe(200);
    expect((await wechat.check("2")).status).toBe(200);
  });

  test("no other method, and nothing beside the place", async () => {
    expect((await world.ask("PUT", "/wechat/callback")).status).toBe(405);
    expect((await world.ask("GET", "/wechat/other")).status).toBe(404);
  });
});

describe("the platform's later word on what it took", () => {
  test.each<[string, object, Partial<Receipt> | undefined]>([
    ["TEMPLATESENDJOBFINISH", { MsgID: 200, Status: "success" }, { receipt: "template:200", outcome: "delivered" }],
    [
      "TEMPLATESENDJOBFINISH",
      { MsgID: 201, Status: "failed:user block" },
      { receipt: "template:201", outcome: "failed", detail: "failed:user block" },
    ],
    [
      "MASSSENDJOBFINISH",
      { MsgID: 300, Status: "send success", TotalCount: 9, SentCount: 8 },
      { receipt: "mass:300", outcome: "delivered" },
    ],
    [
      "MASSSENDJOBFINISH",
      { MsgID: 302, Status: "sendsuccess", TotalCount: 100, SentCount: 75 },
      { receipt: "mass:302", outcome: "delivered" },
    ],
    [
      "MASSSENDJOBFINISH",
      { MsgID: 301, Status: "err(10001)", TotalCount: 9, SentCount: 0 },
      { receipt: "mass:301", outcome: "failed", detail: "err(10001), 0 of 9" },
    ],
    [
      "PUBLISHJOBFINISH",
      { PublishEventInfo: { publish_id: "400", publish_status: 0, article_id: "a" } },
      { receipt: "publish:400", outcome: "delivered" },
    ],
    [
      "PUBLISHJOBFINISH",
      { PublishEventInfo: { publish_id: "401", publish_status: 4 } },
      { receipt: "publish:401", outcome: "failed" },
    ],
    ["PUBLISHJOBFINISH", { PublishEventInfo: { publish_id: "402", publish_status: 1 } }, undefined],
    ["PUBLISHJOBFINISH", {}, undefined],
    ["TEMPLATESENDJOBFINISH", { Status: "success" }, undefined],
    ["VIEW", { EventKey: "https://x" }, undefined],
  ])("%s %j", async (name, more, receipt) => {
    const told = await caller().does(OPENID, name, more as Record<string, string>);
    expect(told).toMatchObject({ status: 200, text: "success" });
    expect(receipts).toEqual(receipt ? [expect.objectContaining({ channel: "official-account", ...receipt })] : []);
  });
});

it("subscribes nobody by a follow when the operator wants it so, and says the operator's own greeting", async () => {
  await set({ encodingAesKey: KEY, followTopics: "none", greeting: "欢迎" });
  expect((await caller().does(OPENID, "subscribe")).reply?.["Content"]).toBe("欢迎");
  expect((await world.platform.table.query({ pk: "TOPIC-SHARDS#all" })).items).toEqual([]);
  await set({ encodingAesKey: KEY, followTopics: "column:notices,urgency:urgent" });
  await caller().does(OPENID, "subscribe");
  expect((await world.platform.table.query({ pk: "TOPIC-SHARDS#urgency:urgent" })).items).toHaveLength(1);
});

describe("words of the platform that come out of order", () => {
  const second = (ahead = 0) => Math.floor(world.clock.now().getTime() / 1000) + ahead;
  const isOn = async () => {
    const shards = (await world.platform.table.query({ pk: "TOPIC-SHARDS#all" })).items;
    const entries = await Promise.all(shards.map(({ sk }) => world.platform.table.query({ pk: `TOPIC#all#${sk}` })));
    return entries.flatMap(({ items }) => items).length === 1;
  };

  test("a follow that was heard of after the farewell brings nobody back, and greets nobody", async () => {
    const followedAt = second();
    world.clock.pass(30);
    await caller().does(OPENID, "unsubscribe", { CreateTime: second() });
    const late = await caller().does(OPENID, "subscribe", { CreateTime: followedAt });
    expect(late).toMatchObject({ status: 200, text: "success" });
    expect(await isOn()).toBe(false);
    // Who really comes back is on again.
    world.clock.pass(30);
    expect((await caller().does(OPENID, "subscribe", { CreateTime: second() })).reply?.["Content"]).toContain(
      "已为您订阅",
    );
    expect(await isOn()).toBe(true);
  });

  test("a farewell from before the last follow ends nothing", async () => {
    await caller().does(OPENID, "subscribe", { CreateTime: second() });
    const leftAt = second(10);
    world.clock.pass(30);
    await caller().does(OPENID, "subscribe", { CreateTime: second(), EventKey: "again" });
    expect(await caller().does(OPENID, "unsubscribe", { CreateTime: leftAt })).toMatchObject({ status: 200 });
    expect(await isOn()).toBe(true);
  });

  test("a follow that is told again brings nobody back where our clock is behind the platform's", async () => {
    const followedAt = second(20);
    await caller().does(OPENID, "unsubscribe", { CreateTime: second(30) });
    world.clock.pass(25);
    await caller().does(OPENID, "subscribe", { CreateTime: followedAt });
    expect(await isOn()).toBe(false);
  });

  test("of one second the one that comes last counts", async () => {
    const at = second();
    await caller().does(OPENID, "subscribe", { CreateTime: at });
    await caller().does(OPENID, "unsubscribe", { CreateTime: at });
    expect(await isOn()).toBe(false);
    await caller().does(OPENID, "subscribe", { CreateTime: at, EventKey: "again" });
    expect(await isOn()).toBe(true);
  });
});
