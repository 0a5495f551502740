import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Settings } from "#src/domain/deliveries/channel.ts";
import { revisionOf, testLinks } from "#tests/units/push-world.ts";
import { pushOf, wechatWorld } from "#tests/units/wechat-world.ts";

const APP: Settings = { corpId: "ww0123456789abcdef", secret: "s".repeat(43), agentId: "1000002" };
const SEND = "/cgi-bin/message/send";
const TOKEN = "/cgi-bin/gettoken";

let world: Awaited<ReturnType<typeof wechatWorld>>;
beforeEach(async () => {
  world = await wechatWorld("wecom-app", APP);
});
afterEach(() => world.close());

test.each<[unknown, string | undefined]>([
  [1_226_691_075_109_289_985n, "1226691075109289985"],
  [200_001, "200001"],
  ["xxx_-7", "xxx_-7"],
  ["", undefined],
  [null, undefined],
])("a message whose id is %s is delivered, and known by all its digits", async (msgid, receipt) => {
  world.api.next(SEND, { ok: { errcode: 0, msgid } });
  const outcome = await world.delivery("user:zhangsan").push();
  expect(outcome).toEqual({ kind: "delivered", status: 200, ...(receipt === undefined ? {} : { receipt }) });
});

test("a member gets one card, guarded against doubles for four hours", async () => {
  expect(await world.delivery("user:zhangsan").push()).toEqual({ kind: "delivered", status: 200, receipt: "m1" });
  expect(world.api.at(SEND)[0]?.json).toEqual({
    touser: "zhangsan",
    agentid: 1_000_002,
    msgtype: "textcard",
    textcard: {
      title: "停水通知",
      description: "某县互联网信息中心 2026-03-02 10:00\n周三停水。",
      url: "https://example.org/announcements/ann_00000000000000000000000001",
      btntxt: "查看",
    },
    enable_duplicate_check: 1,
    duplicate_check_interval: 14_400,
  });
  expect(world.api.at(TOKEN)[0]?.query.toString()).toBe(`corpid=${APP["corpId"]}&corpsecret=${APP["secret"]}`);
  await world.delivery("party:2").push();
  await world.delivery("tag:7").push();
  expect(
    world.api
      .at(SEND)
      .slice(1)
      .map(({ json }) => json.toparty ?? json.totag),
  ).toEqual(["2", "7"]);
  expect(world.api.at(TOKEN)).toHaveLength(1);
});

test.each([
  ["user:zhangsan", { invaliduser: "ZhangSan" }],
  ["user:zhangsan", { invaliduser: "lisi|zhangsan" }],
  ["user:zhangsan", { unlicenseduser: "zhangsan" }],
  ["party:2", { invalidparty: "2" }],
  ["tag:7", { invalidtag: "1|7" }],
])("%s is not reached although the answer is 0: %j", async (address, lists) => {
  world.api.next(SEND, { errcode: 0, ...lists });
  expect(await world.delivery(address).push()).toMatchObject({ kind: "rejected" });
});

test("another one in the list is not ours", async () => {
  world.api.next(SEND, { errcode: 0, invaliduser: "zhangsan2|lisi" });
  expect(await world.delivery("user:zhangsan").push()).toMatchObject({ kind: "delivered" });
});

test.each<[number, object]>([
  [81013, { kind: "rejected" }],
  [60020, { kind: "retry", pause: { because: "configuration" } }],
  [301002, { kind: "retry", pause: { because: "configuration" } }],
  [48002, { kind: "retry", pause: { because: "configuration" } }],
  [40056, { kind: "retry", pause: { because: "configuration" } }],
  [45009, { kind: "retry", pause: { because: "rate" } }],
  [45033, { kind: "retry", pause: { because: "rate" } }],
  [40058, { kind: "rejected" }],
  [44004, { kind: "rejected" }],
  [45002, { kind: "rejected" }],
  [-1, { kind: "retry" }],
  [12_345, { kind: "retry", detail: "errcode 12345" }],
])("errcode %i in an HTTP 200 is no success", async (errcode, outcome) => {
  world.api.next(SEND, { errcode });
  expect(await world.delivery("user:a").push()).toMatchObject(outcome);
});

test.each(["reset", "cut", "html", "empty", "hang", "gateway", "text", "huge"] as const)(
  "an answer that is lost (%s) leaves it unknown, to be tried again under the platform's own check",
  async (fault) => {
    const delivery = world.delivery("user:a");
    world.api.next(SEND, { fault });
    expect(await delivery.push()).toMatchObject({ kind: "unknown" });
    expect(world.channel.retriesUnknown).toBe(true);
    expect(await delivery.push()).toMatchObject({ kind: "delivered" });
    const [first, again] = world.api.at(SEND).map(({ json }) => json);
    expect(again).toEqual(first);
  },
);

test("an ended token is renewed once; a secret that is refused pauses the channel", async () => {
  await world.delivery("user:a").push();
  world.api.endToken();
  expect(await world.delivery("user:a").push()).toMatchObject({ kind: "delivered" });
  expect(world.api.at(TOKEN)).toHaveLength(2);
  world.set({ ...APP, secret: "t".repeat(43) });
  world.api.next(TOKEN, { errcode: 40001 });
  const outcome = await world.delivery("user:a").push();
  expect(outcome).toMatchObject({ kind: "retry", pause: { because: "configuration" } });
  expect(JSON.stringify(outcome)).not.toMatch(/token-\d|ttt|sss/);
});

test("nothing is sent, and nobody can subscribe, before it is set up", async () => {
  world.set({ corpId: "ww0123456789abcdef" });
  expect(await world.delivery("user:a").push()).toMatchObject({ kind: "retry", pause: { because: "configuration" } });
  expect(await world.channel.address("user:a")).toMatchObject({ errors: [{ code: "CHANNEL_NOT_SET_UP" }] });
  expect(world.api.calls).toEqual([]);
});

describe("addresses", () => {
  test.each([
    ["user:ZhangSan", "user:zhangsan"],
    ["user:zhang.san@corp", "user:zhang.san@corp"],
    ["party:01", "party:1"],
    ["tag:7", "tag:7"],
  ])("%s", async (address, normal) => {
    expect(await world.channel.address(address)).toEqual({ address: normal });
  });
  test.each(["@all", "user:@all", "user:a|b", "user:", "user:张三", "party:0", "party:1|2", "tag:x", "zhangsan"])(
    "%s is none: one receiver each, and nobody reaches everybody by mistake",
    async (address) => {
      expect(await world.channel.address(address)).toMatchObject({ errors: [{ code: "ADDRESS_MALFORMED" }] });
    },
  );
});

test("a member is asked with a card that leads to the page; a whole department is not", async () => {
  const target = { endpoint: "e", address: "user:a", language: "en" as const, secrets: [], matched: [] };
  expect(await world.channel.confirm(target, "secret", "sub_1")).toBe("sent");
  expect(world.api.at(SEND)[0]?.json.textcard.url).toBe("https://example.org/confirm?s=sub_1&c=secret");
  expect(await world.channel.confirm({ ...target, address: "party:1" }, "secret", "sub_1")).toBe("refused");
  world.api.next(SEND, { errcode: 81013 });
  expect(await world.channel.confirm(target, "secret", "sub_1")).toBe("refused");
});

test("the longest texts stay within the platform's bytes, and markup in them is text", async () => {
  const content = { title: `<b>${"字".repeat(190)}`, summary: "🌊".repeat(250) };
  await world.delivery("user:a", { content, unitName: "单位".repeat(60) }).push();
  const { textcard } = world.api.at(SEND)[0]?.json ?? {};
  expect(Buffer.byteLength(textcard.title)).toBeLessThanOrEqual(128);
  expect(Buffer.byteLength(textcard.description)).toBeLessThanOrEqual(512);
  expect(JSON.stringify(textcard)).not.toContain("<");
  const revisions = Array.from({ length: 80 }, (_, i) =>
    revisionOf(world.now(), { content: { title: `第${i}号[公告](x)` } }),
  );
  const digest = world.channel.renderDigest(
    { frequency: "weekly", at: world.now().toISOString(), revisions },
    "zh-CN",
    testLinks,
  );
  await world.channel.push(digest, pushOf("wecom-app", "user:a", "d", 1));
  const { markdown } = world.api.at(SEND)[1]?.json ?? {};
  expect(Buffer.byteLength(markdown.content)).toBeLessThanOrEqual(2048);
  expect(markdown.content).toMatch(/\[另有\d+条\]/);
});

test("an editor is told before that a card has a summary of a long text, and is told nothing of a short one", async () => {
  const told = async (body: string) =>
    (await world.channel.preview(revisionOf(world.now(), { content: { body } }), "zh-CN", testLinks)).summaryCharacters;
  expect(await told("# 停水\n\n周三**停水**。")).toBeUndefined();
  // Of 160 characters so many find room in 512 bytes beside unit and time.
  expect(await told("周三停水。".repeat(100))).toBe(155);
  // What a link leads to stands on the site alone.
  expect(await told("见[附件](https://example.org/a.pdf)。")).toBe(4);
});

test("an editor is told before that a title or a summary will be cut, by the platform's bytes", async () => {
  const codes = async (more: Parameters<typeof revisionOf>[1]) => {
    const { faults } = await world.channel.preview(revisionOf(world.now(), more), "zh-CN", testLinks);
    return faults.map(({ pointer, code }) => `${pointer} ${code}`);
  };
  expect(await codes({ content: { title: "题".repeat(42), summary: "摘".repeat(140) } })).toEqual([]);
  expect(await codes({ content: { title: "题".repeat(43) } })).toEqual(["/title CHANNEL_TITLE_LONG"]);
  expect(await codes({ content: { title: "题".repeat(41) }, kind: "corrected", reason: "日期有误" })).toEqual([
    "/title CHANNEL_TITLE_LONG",
  ]);
  expect(await codes({ content: { summary: "摘".repeat(161) } })).toEqual(["/summary CHANNEL_SUMMARY_LONG"]);
  expect(await codes({ content: { summary: "🌊".repeat(150) } })).toEqual(["/summary CHANNEL_SUMMARY_LONG"]);
  expect(await codes({ kind: "withdrawn", reason: "误".repeat(200) })).toEqual(["/reason CHANNEL_SUMMARY_LONG"]);
  // The beginning of a body is no author's summary: nothing of what was approved is lost.
  expect(await codes({ content: { body: "字".repeat(3000) } })).toEqual([]);
});

test("each member has its own pace", () => {
  expect(world.channel.credential?.("user:a")).not.toBe(world.channel.credential?.("user:b"));
  expect(world.channel.limits.windows).toContainEqual({ seconds: 60, count: 30 });
});
