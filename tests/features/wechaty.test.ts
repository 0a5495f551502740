import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { hostQueue } from "#src/bot/host.ts";
import { type MockWechat, mockWechat } from "#src/bot/mock.ts";
import { type Bot, startBot } from "#src/bot/start.ts";
import { makeWechaty, type WechatyOptions } from "#src/channels/wechaty.ts";
import type { Revision } from "#src/domain/announcements/announcement.ts";
import { answerChat } from "#src/domain/conversations/answer-chat.ts";
import type { Channel, Outcome } from "#src/domain/deliveries/channel.ts";
import { endpointKey } from "#src/domain/subscriptions/endpoint.ts";
import { findSubscription } from "#src/domain/subscriptions/store.ts";
import { pendingItems } from "#src/domain/subscriptions/subscribe.ts";
import type { Subscription } from "#src/domain/subscriptions/subscription.ts";
import { sha256 } from "#src/ids.ts";
import { silentLog } from "#src/log.ts";
import { embeddedPlatform } from "#src/platform/embedded/platform.ts";
import { QUEUES } from "#src/platform/queue.ts";

const ROOM = "village@chatroom";
const OTHER = "other@chatroom";
const links = {
  confirm: (id: string, challenge: string) => `https://g.example/confirm?s=${id}&c=${challenge}`,
  announcement: (id: string) => `https://gs.example/announcements/${id}`,
  source: "https://gs.example",
};
const revision: Revision = {
  announcementId: "ann_01",
  revision: 1,
  kind: "published",
  content: {
    title: "停水通知",
    body: "明日8时至12时停水。",
    column: "notices",
    unitId: "unit_01",
    tags: [],
    urgency: "routine",
    language: "zh-CN",
  },
  contentHash: "a".repeat(64),
  unitName: "某县水务局",
  columnName: "通知",
  columnKind: "notice",
  mayBreakQuietHours: false,
  audience: { kind: "public" },
  publishedAt: "2026-04-01T00:00:00.000Z",
  firstPublishedAt: "2026-04-01T00:00:00.000Z",
};

let bots = 0;
const platform = embeddedPlatform({ data: ":memory:", now: () => new Date(), log: silentLog });
let wechat: MockWechat;
let bot: Bot;
let skew = 0;

beforeEach(async () => {
  skew = 0;
  wechat = await mockWechat();
  bot = await startBot({
    puppet: wechat.puppet,
    name: `test-${++bots}`,
    bucket: platform.bucket,
    table: platform.table,
    log: silentLog,
    now: () => new Date(Date.now() + skew),
    timing: { ownMessageMs: 50 },
    answer: (said) => answerChat({ ...platform, now: () => new Date(), baseUrl: "https://gs.example" }, said),
  });
  wechat.contact("zhang", "张三");
  wechat.room(ROOM, "某村", ["zhang"]);
  wechat.room(OTHER, "别的群", ["zhang"]);
  wechat.login();
  await expect.poll(() => bot.messenger() !== undefined).toBe(true);
});
afterEach(() => bot.stop());

const atOnce = { pace: { perMinute: 1000, seconds: [0, 0] as const } };

function channel(options: WechatyOptions = {}): Channel {
  return makeWechaty({
    now: () => new Date(),
    log: silentLog,
    messenger: () => bot.messenger(),
    ...atOnce,
    ...options,
  }) as Channel;
}

function push(through: Channel, address = `room:${ROOM}`, of: Revision = revision): Promise<Outcome> {
  const target = { endpoint: "e", address, language: "zh-CN" as const, secrets: [], matched: ["all"] };
  const rendered = through.render(of, "zh-CN", links);
  return through.push(rendered, { deliveryId: "ann_01.1.e", attempt: 1, target });
}

describe("an announcement in a room", () => {
  test("is a link card that names the unit", async () => {
    expect(await push(channel())).toEqual({ kind: "delivered", receipt: "mock-1" });
    expect(wechat.sent).toMatchObject([
      {
        to: ROOM,
        kind: "link",
        title: "停水通知",
        description: "某县水务局：明日8时至12时停水。",
        url: "https://gs.example/announcements/ann_01",
      },
    ]);
  });

  test("is text where the puppet has no cards, and only once", async () => {
    wechat.links(false);
    const through = channel();
    expect((await push(through)).kind).toBe("delivered");
    expect((await push(through)).kind).toBe("delivered");
    const text = "停水通知\n某县水务局：明日8时至12时停水。\nhttps://gs.example/announcements/ann_01";
    expect(wechat.sent).toMatchObject([
      { kind: "text", text },
      { kind: "text", text },
    ]);
  });

  test("goes to a contact as well", async () => {
    expect((await push(channel(), "contact:zhang")).kind).toBe("delivered");
    expect(wechat.sent[0]?.to).toBe("zhang");
  });

  test("says that it corrects or withdraws, and why", async () => {
    await push(channel(), `room:${ROOM}`, { ...revision, kind: "corrected", reason: "时间有误" });
    await push(channel(), `room:${ROOM}`, { ...revision, kind: "withdrawn", reason: "误发" });
    expect(wechat.sent).toMatchObject([
      { title: "【更正】停水通知", description: "某县水务局：时间有误" },
      { title: "【撤回】停水通知", description: "某县水务局：误发" },
    ]);
  });

  test("calls nobody and stays within its limits, whatever its title says", async () => {
    wechat.links(false);
    const title = `@all @所有人 <at user_id="all"> \n> 引用 [x](y) ${"长".repeat(300)}`;
    await push(channel(), `room:${ROOM}`, {
      ...revision,
      content: { ...revision.content, title, summary: "🌊".repeat(250) },
    });
    const [message] = wechat.sent;
    const text = message?.kind === "text" ? message.text : "";
    expect(text).not.toMatch(/@/);
    expect(text).toContain('＠all ＠所有人 <at user_id="all"> > 引用');
    expect(text.split("\n")).toHaveLength(3);
    expect(text).toMatch(/\nhttps:\/\/gs\.example\/announcements\/ann_01$/);
    expect(Buffer.byteLength(text)).toBeLessThanOrEqual(2000);
    expect(text.isWellFormed()).toBe(true);
  });
});

describe("what an editor is told before", () => {
  const preview = (content: Partial<Revision["content"]>, more: Partial<Revision> = {}) =>
    channel().preview({ ...revision, ...more, content: { ...revision.content, ...content } }, "zh-CN", links);

  test("nothing of a text that goes out whole", async () => {
    expect((await preview({ title: "题".repeat(64), summary: "摘".repeat(150) })).faults).toEqual([]);
  });

  test("that a long text is sent as a summary and a link, which loses nothing that was meant to be shown", async () => {
    expect(await preview({ body: "字".repeat(2000) })).toMatchObject({ summaryCharacters: 160, faults: [] });
    expect(await preview({ body: "**字**" })).not.toHaveProperty("summaryCharacters");
  });

  test("that a title or a summary will be cut", async () => {
    const { faults, text } = await preview({ title: "题".repeat(65), summary: "摘".repeat(161) });
    expect(faults.map(({ pointer, code }) => [pointer, code])).toEqual([
      ["/title", "CHANNEL_TITLE_LONG"],
      ["/summary", "CHANNEL_SUMMARY_LONG"],
    ]);
    expect(text).toContain(`${"题".repeat(63)}…`);
    // 512 bytes are fewer than 160 characters of four bytes each.
    expect((await preview({ summary: "🌊".repeat(140) })).faults).toMatchObject([{ code: "CHANNEL_SUMMARY_LONG" }]);
  });

  test("that the mark of a correction makes a title too long, or that its reason is", async () => {
    const marked = { title: "题".repeat(62) };
    expect((await preview(marked, { kind: "corrected", reason: "日期有误" })).faults).toMatchObject([
      { pointer: "/title" },
    ]);
    expect((await preview({}, { kind: "withdrawn", reason: "误".repeat(200) })).faults).toMatchObject([
      { pointer: "/reason", code: "CHANNEL_SUMMARY_LONG" },
    ]);
  });
});

describe("what a send comes to", () => {
  test("rejected before it left: again later, nothing was sent", async () => {
    wechat.next({ error: "network down" });
    expect(await push(channel())).toEqual({ kind: "retry", detail: "network down" });
    expect(wechat.sent).toEqual([]);
  });

  test("no id came back: unknown, and never sent again by itself", async () => {
    wechat.next("no-id");
    const through = channel();
    expect(await push(through)).toEqual({ kind: "unknown", detail: "sent, no id came back" });
    expect(through.retriesUnknown).toBe(false);
    expect(through.guarantee).toBe("at-most-once");
    expect(wechat.sent).toHaveLength(1);
  });

  test("the bot hangs: unknown after a while, because it may have left", async () => {
    wechat.next("hang");
    expect(await push(channel({ patienceMs: 50 }))).toEqual({
      kind: "unknown",
      detail: "the bot did not answer in time",
    });
  });

  test("no id, but the bot saw its own message: delivered", async () => {
    wechat.next("own");
    expect(await push(channel())).toEqual({ kind: "delivered", receipt: "mock-1" });
  });

  test("too often: nothing was sent, and the whole account is to pause", async () => {
    wechat.next({ error: "操作过于频繁，请稍后再试。" });
    expect(await push(channel())).toEqual({
      kind: "retry",
      detail: "account sends too often",
      pause: { seconds: 1800, because: "rate" },
    });
    expect(wechat.sent).toEqual([]);
  });

  test.each([
    "timeout of 60000ms exceeded",
    "4 DEADLINE_EXCEEDED: Deadline exceeded after 60s",
    "14 UNAVAILABLE: Connection dropped",
    "read ECONNRESET",
    "socket hang up",
    "请求超时",
  ])("a puppet that lost the answer (%s): unknown, because it may have left", async (error) => {
    wechat.next({ error });
    expect(await push(channel())).toEqual({ kind: "unknown", detail: "sent, no id came back" });
  });

  test.each([
    "connect ECONNREFUSED 127.0.0.1:8788",
    "connect ETIMEDOUT 192.0.2.1:443",
    "getaddrinfo ENOTFOUND gateway.example",
    "14 UNAVAILABLE: No connection established",
  ])("a puppet that reached nobody (%s): again later, nothing was sent", async (error) => {
    wechat.next({ error });
    expect(await push(channel())).toMatchObject({ kind: "retry" });
  });

  test("a puppet that lost the answer, but the bot saw its own message: delivered", async () => {
    wechat.next("own-but-lost");
    expect(await push(channel())).toEqual({ kind: "delivered", receipt: "mock-1" });
    expect(wechat.sent).toHaveLength(1);
  });

  test("not logged in, or a host without a bot: again later", async () => {
    wechat.logout();
    await expect.poll(() => bot.messenger()).toBeUndefined();
    expect(await push(channel())).toMatchObject({ kind: "retry", detail: "no bot on this host" });
    const without = makeWechaty({ now: () => new Date(), log: silentLog });
    expect(await push(without as Channel)).toMatchObject({ kind: "retry", detail: "no bot on this host" });
  });

  test("a room that does not exist: again later, nothing was sent", async () => {
    expect((await push(channel(), "room:nowhere@chatroom")).kind).toBe("retry");
    expect(wechat.sent).toEqual([]);
  });
});

describe("a confirmation", () => {
  const ask = (through: Channel) =>
    through.confirm(
      { endpoint: "e", address: `room:${ROOM}`, language: "zh-CN", secrets: [], matched: [] },
      "7K3M9PXW",
      "somebody <script>",
    );

  test("is asked for with a code and nothing that the requester wrote", async () => {
    expect(await ask(channel())).toBe("sent");
    expect(wechat.sent).toHaveLength(1);
    expect(wechat.sent[0]).toMatchObject({ to: ROOM, kind: "text" });
    expect(JSON.stringify(wechat.sent)).toContain("7K3M9PXW");
    expect(JSON.stringify(wechat.sent)).not.toContain("script");
  });

  const pending = async (): Promise<Subscription> => {
    const subscription: Subscription = {
      id: `sub_${bots}`,
      channel: "wechaty",
      address: `room:${ROOM}`,
      endpoint: endpointKey("wechaty", `room:${ROOM}`),
      topics: ["all"],
      frequency: "now",
      language: "zh-CN",
      status: "pending",
      secrets: ["c2VjcmV0"],
      challengeHash: sha256("7K3M9PXW"),
      requestedAt: new Date().toISOString(),
      version: 1,
    };
    await platform.table.putAll(pendingItems(subscription, new Date()));
    return subscription;
  };
  const status = async ({ id }: Subscription) => (await findSubscription(platform.table, id))?.status;

  test("counts when the code comes back from that room, in any case and after a mention", async () => {
    const asked = await pending();
    wechat.says("zhang", "@告示\u20057k3m9pxw", ROOM);
    await expect.poll(() => wechat.sent.length).toBe(1);
    expect(await status(asked)).toBe("confirmed");
    expect(wechat.sent[0]).toMatchObject({ to: ROOM, text: expect.stringContaining("已确认") });
  });

  test("does not count from another room or from a contact", async () => {
    const asked = await pending();
    wechat.says("zhang", "7K3M9PXW", OTHER);
    wechat.says("zhang", "7K3M9PXW");
    await expect.poll(() => wechat.sent.length).toBe(1); // the contact gets the short help
    expect(wechat.sent[0]).toMatchObject({ to: "zhang", text: expect.stringContaining("您可以对我说") });
    expect(await status(asked)).toBe("pending");
  });

  test("is refused when nothing could be sent", async () => {
    wechat.next({ error: "network down" });
    expect(await ask(channel())).toBe("refused");
  });
});

describe("people talk", () => {
  test("in a room, and the bot answers only who calls it", async () => {
    for (const text of ["大家好", "明天停水吗？", "最新", "@张三 最新", "7K3M9PXW 是什么", "x".repeat(5000)])
      wechat.says("zhang", text, ROOM);
    wechat.says("zhang", "告示 地址", ROOM);
    await expect.poll(() => wechat.sent.length).toBe(1);
    expect(wechat.sent[0]).toMatchObject({ to: ROOM, text: `room:${ROOM}` });
    wechat.says("zhang", "@小 助手\u2005地址", ROOM, true);
    await expect.poll(() => wechat.sent.length).toBe(2);
  });

  test("and the bot answers in order, each message once, and not what waited too long", async () => {
    for (const text of ["地址", "address", "栏目"]) wechat.says("zhang", text);
    await expect.poll(() => wechat.sent.length).toBe(3);
    expect(wechat.sent.map((one) => (one.kind === "text" ? one.text.slice(0, 13) : ""))).toEqual([
      "contact:zhang",
      "contact:zhang",
      expect.stringContaining("全部栏目"),
    ]);
  });

  test("and an answer that was not sent is sent again", async () => {
    wechat.next({ error: "network down" });
    wechat.says("zhang", "地址");
    await expect.poll(() => wechat.sent.length, { timeout: 8000 }).toBe(1);
  });
});

describe("the address of a chat", () => {
  test.each([
    ["room:1234@chatroom", "room:1234@chatroom"],
    [" contact:wxid_AbC ", "contact:wxid_AbC"],
    ["room：1234@chatroom", "room:1234@chatroom"],
  ])("%s is %s", async (address, normalised) => {
    expect(await channel().address(address)).toEqual({ address: normalised });
  });

  test.each([
    "",
    "room:",
    "group:1",
    "room:a b",
    "room:a\u0000b",
    "room:a\u2028b",
    `room:${"x".repeat(200)}`,
    "https://x.example/",
  ])("%j is refused", async (address) => {
    expect(await channel().address(address)).toMatchObject({
      errors: [{ pointer: "/endpoint/address", code: "ADDRESS_MALFORMED" }],
    });
  });
});

test("the bot's host takes messages, hands back what failed, and stops when told", async () => {
  const queue = platform.queue("deliver-wechaty");
  const seen: unknown[] = [];
  const host = hostQueue({
    queue,
    spec: { ...QUEUES["deliver-wechaty"], visibilitySeconds: 1 },
    log: silentLog,
    waitSeconds: 1,
    handler: async (messages) => {
      for (const { body } of messages) seen.push(body);
      if (seen.length === 1) throw new Error("first time");
      return { failed: seen.length === 2 ? messages.map(({ id }) => id) : [] };
    },
  });
  await queue.send([{ body: "one" }]);
  await expect.poll(() => seen.length, { timeout: 8000 }).toBe(3);
  await host.stop();
  expect(seen).toEqual(["one", "one", "one"]);
  expect(await queue.receive({ max: 1, waitSeconds: 1, visibleAfterSeconds: 1 })).toEqual([]);
});
