import { beforeEach, describe, expect, it } from "vitest";
import { publishDirect, publishInternal } from "#src/domain/announcements/publish-direct.ts";
import { answerChat } from "#src/domain/conversations/answer-chat.ts";
import { readCommand } from "#src/domain/conversations/command.ts";
import { heard } from "#src/domain/conversations/heard.ts";
import type { Said } from "#src/domain/conversations/said.ts";
import { endpointKey } from "#src/domain/subscriptions/endpoint.ts";
import { subscriptionItem, subscriptionsOf } from "#src/domain/subscriptions/store.ts";
import { pendingItems } from "#src/domain/subscriptions/subscribe.ts";
import type { Subscription } from "#src/domain/subscriptions/subscription.ts";
import { putUnit } from "#src/domain/units/put-unit.ts";
import { sha256 } from "#src/ids.ts";
import { silentLog } from "#src/log.ts";
import { embeddedPlatform } from "#src/platform/embedded/platform.ts";
import { keys } from "#src/platform/keys.ts";
import { testClock } from "#tests/app.ts";

const ROOM = "room:village@chatroom";
const DIRECT = "contact:zhang";

let clock: ReturnType<typeof testClock>;
let platform: ReturnType<typeof embeddedPlatform>;
let deps: Parameters<typeof answerChat>[0];

beforeEach(async () => {
  clock = testClock();
  platform = embeddedPlatform({ data: ":memory:", now: clock.now, log: silentLog });
  deps = { table: platform.table, bucket: platform.bucket, now: clock.now, baseUrl: "https://gs.example" };
  await putUnit(deps, "water", { name: "某县水务局" });
});

const say = (text: string, more: Partial<Said> = {}) =>
  answerChat(deps, { channel: "wechaty", address: DIRECT, text, mayManage: undefined, ...more });
const inRoom = (text: string, more: Partial<Said> = {}) =>
  say(text, { address: ROOM, mayManage: true, speaker: "li", ...more });
const wishes = async (address = DIRECT) =>
  (await subscriptionsOf(deps.table, endpointKey("wechaty", address))).map(({ status, topics }) => ({
    status,
    topics,
  }));

async function announce(title: string, column = "notices", at = clock.now()) {
  const content = {
    title,
    body: "明日8时至12时停水。",
    column,
    unitId: "water",
    tags: [],
    urgency: "routine" as const,
    language: "zh-CN" as const,
  };
  const { result } = await publishDirect(
    { table: deps.table, now: () => at },
    { content, audience: { kind: "public" }, idSeed: ["test", title, column] },
  );
  return result.id;
}

describe("what people type", () => {
  it.each([
    ["订阅 通知公告", "subscribe", "通知公告"],
    ["　订阅　通知公告　", "subscribe", "通知公告"],
    ["订阅：「通知公告」。", "subscribe", "通知公告"],
    ["告示，订阅 <通知公告>！", "subscribe", "通知公告"],
    ["告示订阅通知公告", "subscribe", "通知公告"],
    ["訂閱 notices", "subscribe", "notices"],
    ["@告示\u2005退订", "unsubscribe", ""],
    ["@Gaoshi help", "help", ""],
    ["GAOSHI: Subscribe Notices", "subscribe", "Notices"],
    ["ＳＵＢＳＣＲＩＢＥ　ｎｏｔｉｃｅｓ", "subscribe", "notices"],
    ["？", "help", ""],
    ["帮助！", "help", ""],
    ["搜索停水", "search", "停水"],
    ["最新", "latest", ""],
    ["取消订阅 防电诈", "unsubscribe", "防电诈"],
    ["進度 1 2", "progress", "1 2"],
  ])("%s", (text, name, rest) => {
    expect(readCommand(heard(text).words)).toMatchObject({ name, rest });
  });

  it.each(["你好", "subscribers are many", "helpful", "停止供水的通知", "地址在哪里", "", "@", "reporting"])(
    "%s is no command",
    (text) => expect(readCommand(heard(text).words)).toBeUndefined(),
  );

  it("calls us by name or mention, not by a word that begins alike", () => {
    for (const text of ["告示 最新", "gaoshi latest", "@告示 最新", "最新 @告示", "＠告示\u2005最新"])
      expect(heard(text).addressed, text).toBe(true);
    for (const text of ["最新", "@张三 最新", "gaoshian latest", "大家看告示"])
      expect(heard(text).addressed, text).toBe(false);
    expect(heard("@小 助手\u2005最新", true)).toEqual({ addressed: true, words: "最新" });
  });
});

describe("a chat of two", () => {
  it("subscribes a column, another, and ends one or all, in both languages", async () => {
    expect(await say("订阅 通知公告")).toContain("已订阅通知公告");
    expect(await say("subscribe Against fraud")).toContain("Against fraud: subscribed");
    expect(await wishes()).toEqual([{ status: "confirmed", topics: ["column:notices", "column:anti-fraud"] }]);
    expect(await say("订阅 通知公告")).toContain("已经订阅");
    expect(await say("栏目")).toContain("✓ 通知公告 notices");
    expect(await say("columns")).toContain("✓ Notices notices");
    expect(await say("退订 通知")).toContain("已退订通知公告");
    expect(await say("退订 通知公告")).toContain("没有订阅通知公告");
    expect(await wishes()).toEqual([{ status: "confirmed", topics: ["column:anti-fraud"] }]);
    expect(await say("unsubscribe anti-fraud")).toContain("Nothing more will be sent here");
    expect(await wishes()).toEqual([]);
    expect((await deps.table.get(keys.ended(endpointKey("wechaty", DIRECT))))?.["state"]).toBe("ended");
    expect(await say("stop")).toBe("Nothing is subscribed here.");
  });

  it("takes everything, and says that one column cannot be left out of it", async () => {
    await say("订阅 通知公告、防电诈");
    expect(await say("订阅 全部")).toContain("已订阅全部栏目");
    expect(await wishes()).toEqual([{ status: "confirmed", topics: ["all"] }]);
    expect(await say("退订 通知公告")).toContain("订阅的是全部栏目");
    expect(await say("停止")).toBe("已退订，不再推送。");
    expect(await say("订阅 节气")).toContain("已订阅节气");
    expect(await wishes()).toEqual([{ status: "confirmed", topics: ["column:solar-terms"] }]);
    expect(await deps.table.get(keys.ended(endpointKey("wechaty", DIRECT)))).toBeUndefined();
  });

  it("extends what was subscribed another way instead of making a second subscription", async () => {
    const known = imported(["column:faq"]);
    await deps.table.putAll([subscriptionItem(known), ...pendingItems(known, clock.now()).slice(1)]);
    await say("订阅 通知公告");
    expect(await wishes()).toEqual([{ status: "confirmed", topics: ["column:faq", "column:notices"] }]);
  });

  it("keeps both of two columns that were wanted at the same moment", async () => {
    await say("订阅 节气");
    await Promise.all([say("订阅 通知公告"), say("订阅 禁毒")]);
    const [only, ...others] = await wishes();
    expect(others).toEqual([]);
    expect(only?.topics.toSorted()).toEqual(["column:anti-drugs", "column:notices", "column:solar-terms"]);
  });

  it("says which words name no column, and subscribes the others", async () => {
    const answer = await say("订阅 通知公告、不存在@all");
    expect(answer).toContain("已订阅通知公告");
    expect(answer).toContain("没有栏目“不存在＠all”");
    expect(await say("订阅 公开信")).toContain("没有栏目");
    expect(await say("订阅")).toContain("请写上栏目");
    expect(await say("subscribe")).toContain("Name a column");
  });

  it("gives the short help to unknown words, at most once an hour", async () => {
    expect(await say("你好")).toContain("您可以对我说");
    expect(await say("谢谢")).toBeUndefined();
    clock.pass(3601);
    expect(await say("hello")).toContain("You can say");
    expect(await say("help")).toContain("You can say");
  });

  it("is not answered any more when it talks too fast, and is told so once", async () => {
    for (let i = 0; i < 20; i++) expect(await say("地址")).toBe(DIRECT);
    expect(await say("地址")).toContain("太快了");
    expect(await say("地址")).toBeUndefined();
    expect(await say("地址", { address: "contact:li" })).toBe("contact:li");
    clock.pass(60);
    expect(await say("address")).toBe(DIRECT);
  });
});

describe("announcements asked for", () => {
  it("are the newest public ones, of a column or of all", async () => {
    const id = await announce("停水通知");
    await announce("反诈提醒", "anti-fraud", new Date(clock.now().getTime() + 60_000));
    const latest = await say("最新 通知公告");
    expect(latest).toBe(
      `通知公告，最新1条\n1. 停水通知（某县水务局，2026年3月2日）\nhttps://gs.example/announcements/${id}`,
    );
    expect(await say("latest")).toMatch(/^All columns, the latest 2\n1\. 反诈提醒/);
    expect(await say("最新 节气")).toContain("还没有公告");
    expect(await say("搜索 停水")).toContain("停水通知");
    expect(await say("search 没有的")).toContain("Nothing was found");
    expect(await say("搜索")).toContain("请写上要找的词");
  });

  it("call nobody, break no line and fit, whatever their titles say", async () => {
    for (const [i, title] of [
      "@所有人 <script>alert(1)</script>",
      `${"长".repeat(190)}`,
      "\u202e倒过来\u2066 @all",
      "🌊".repeat(90),
      "👨‍👩‍👧‍👦".repeat(18),
      "a\u0301".repeat(90),
    ].entries())
      await announce(title, "notices", new Date(clock.now().getTime() + i * 1000));
    const answer = (await say("最新")) ?? "";
    expect(answer).not.toMatch(/@|\u202e|\u2066/);
    expect(answer.split("\n")).toHaveLength(11);
    expect(answer.isWellFormed()).toBe(true);
    expect(Buffer.byteLength(answer)).toBeLessThanOrEqual(2000);
    expect(await say(`搜索 @all ${"x".repeat(300)}`)).not.toContain("@");
  });

  it("are never internal ones", async () => {
    const content = {
      title: "内部值班",
      body: "x",
      column: "notices",
      unitId: "water",
      tags: [],
      urgency: "routine" as const,
      language: "zh-CN" as const,
    };
    await publishInternal(deps, { content, idSeed: ["test"], topics: ["duty"], endpoints: [] });
    expect(await say("最新")).toContain("还没有公告");
    expect(await say("搜索 内部")).toContain("没有找到");
  });
});

describe("a report", () => {
  const talk = async (...texts: string[]) => {
    const answers: (string | undefined)[] = [];
    for (const text of texts) answers.push(await say(text));
    return answers;
  };

  it("is a talk that ends in a receipt, with which it is followed", async () => {
    const answers = await talk(
      "举报",
      "1",
      "假冒医保网站",
      "短信里的网址 https://evil.example/a?b=1，冒充医保局骗取银行卡号。",
      "确认",
    );
    expect(answers[0]).toContain("1 诈骗网站");
    expect(answers[3]).toContain("网址：1个");
    const [, number = "", secret = ""] = /进度 (\S+) (\S+)/.exec(answers[4] ?? "") ?? [];
    const stored = await deps.table.get(keys.case(number));
    expect(stored).toMatchObject({ type: "scam_site", title: "假冒医保网站", urls: ["hxxps://evil[.]example/a?b=1"] });
    expect(JSON.stringify(stored)).not.toContain("zhang");
    expect(await say(`进度 ${number} ${secret}`)).toContain("已收到，等待研判");
    expect(await say(`progress ${number.toLowerCase()} ${secret.slice(0, 13)} ${secret.slice(13)}`)).toContain(
      "received, waiting",
    );
    expect(await say("确认")).toBe(`已经提交过了，回执编号：${number}`);
    const wrong = await say(`进度 ${number} ${secret.replace(/.$/, (last) => (last === "0" ? "1" : "0"))}`);
    expect(wrong).toBe(await say(`进度 20260101-0000000000 ${secret}`));
    expect(wrong).toBe("回执编号或查询密钥不正确");
  });

  it("is the same in English, says what to put right, and can be cancelled", async () => {
    const answers = await talk(
      "report",
      "rumour",
      "no",
      "A rumour about water",
      "short",
      "It is said that the water is poisoned.",
    );
    expect(answers[0]).toContain("3 rumour");
    expect(answers[2]).toContain("the title must have 4 to 80 characters");
    expect(answers[4]).toContain("the description must have 10 to 4000 characters");
    expect(answers[5]).toContain("Say “confirm”");
    expect(await say("cancel")).toContain("nothing was sent in");
    expect(await say("confirm")).not.toContain("Receipt");
  });

  it("that is confirmed twice at once is one case", async () => {
    await talk("举报", "3", "网传停水三天", "朋友圈流传停水三天的消息，请核实。");
    const answers = await Promise.all([say("确认"), say("确认"), say("确认")]);
    expect(answers.filter((answer) => answer?.includes("查询密钥"))).toHaveLength(1);
  });

  it("is forgotten after half an hour", async () => {
    await talk("举报", "3", "网传停水三天");
    clock.pass(1801);
    expect(await say("朋友圈流传停水三天的消息，请核实。")).toContain("您可以对我说");
  });

  it("does not take a receipt's secret for a part of it, and helps while it is open", async () => {
    await talk("举报", "3");
    expect(await say("进度 20260101-0000000000 ABCDEFGH")).toBe("回执编号或查询密钥不正确");
    expect(await say("帮助")).toContain("您可以对我说");
    expect(await say("网传停水三天")).toContain("请在一条消息里");
  });

  it("is never taken in a room, nor is a receipt looked up there", async () => {
    for (const text of ["告示 举报", "告示 反映 有人造谣", "告示 进度 20260101-0000000000 ABC", "gaoshi report"]) {
      const answer = await inRoom(text);
      expect(answer).toMatch(/私聊|directly/);
      expect(answer).not.toContain("ABC");
    }
    expect(await inRoom("1")).toBeUndefined();
  });

  it("tries of receipts are counted", async () => {
    for (let i = 0; i < 10; i++) expect(await say("进度 1 2")).toBe("回执编号或查询密钥不正确");
    expect(await say("进度 1 2")).toContain("请一分钟后再试");
  });
});

describe("a room", () => {
  it("is answered only when it calls us, and only about commands", async () => {
    for (const text of [
      "最新",
      "订阅 通知公告",
      "大家好",
      "告示栏坏了",
      "告示 你好",
      "告示退订了吗",
      "告示订阅了吗",
      "@张三 最新",
      "帮助",
    ])
      expect(await inRoom(text), text).toBeUndefined();
    expect(await inRoom("告示 最新")).toContain("还没有公告");
    expect(await inRoom("最新", { mentioned: true })).toContain("还没有公告");
    expect(await inRoom("gaoshi")).toContain("In a room begin with");
    expect(await inRoom("告示 帮助")).toContain("在群里请先写");
    expect(await wishes(ROOM)).toEqual([]);
  });

  it("is subscribed and unsubscribed by its owner or an admin only, and no other room with it", async () => {
    expect(await inRoom("告示 订阅 通知公告", { mayManage: false })).toContain("只有群主或管理员");
    expect(await inRoom("gaoshi subscribe notices", { mayManage: false })).toContain("Only the owner");
    expect(await wishes(ROOM)).toEqual([]);
    expect(await inRoom("告示 订阅 通知公告")).toContain("已订阅");
    for (const text of ["告示 退订 通知公告", "告示 停止", "gaoshi stop"])
      expect(await inRoom(text, { mayManage: false })).toMatch(/只有群主|Only the owner/);
    expect(await inRoom("告示 停止", { address: "room:other@chatroom" })).toBe("这里没有订阅。");
    expect(await wishes(ROOM)).toEqual([{ status: "confirmed", topics: ["column:notices"] }]);
    expect(await inRoom("告示 停止")).toBe("已退订，不再推送。");
    expect(await wishes(ROOM)).toEqual([]);
  });

  it("is told only words that work there: each command with our name before it", async () => {
    const told = async (text: string) => (await inRoom(text)) ?? "";
    expect(await told("告示 订阅 通知公告")).toContain("不想再收可发：告示 退订 栏目名，或：告示 停止");
    expect(await told("gaoshi subscribe policies")).toContain("say: gaoshi unsubscribe <column>, or: gaoshi stop");
    expect(await told("告示 订阅")).toContain(
      "例如：告示 订阅 通知公告。发“告示 栏目”看有哪些，全部都要可发：告示 订阅 全部",
    );
    expect(await told("告示 最新 没有的")).toContain("发“告示 栏目”");
    expect(await told("gaoshi search")).toContain("such as: gaoshi search water");
    expect(await told("告示 订阅 全部")).toContain("已订阅全部栏目");
    expect(await told("告示 退订 节气")).toContain("可先发“告示 停止”");
    expect(await say("订阅 通知公告")).toContain("不想再收可发：退订 栏目名，或：停止");
  });

  it("whose owner nobody can tell is managed by who answered the code there", async () => {
    const unsure = { mayManage: undefined };
    expect(await inRoom("告示 订阅 节气", unsure)).toContain("回复确认码");
    const asked = {
      ...imported(["column:notices"], ROOM),
      status: "pending" as const,
      challengeHash: sha256("7K3M9PXW"),
    };
    await deps.table.putAll(pendingItems(asked, clock.now()));
    expect(await inRoom("7k3m9pxw", unsure)).toContain("已确认");
    expect(await inRoom("告示 订阅 节气", { ...unsure, speaker: "wang" })).toContain("只有群主或管理员");
    expect(await inRoom("告示 订阅 节气", unsure)).toContain("已订阅节气");
    expect(await inRoom("告示 停止", { ...unsure, speaker: "wang" })).toContain("只有群主或管理员");
    expect(await inRoom("告示 订阅 节气", { ...unsure, address: "room:other@chatroom" })).toContain("回复确认码");
    const { items } = await deps.table.query({
      pk: keys.chatManager(endpointKey("wechaty", ROOM), "").pk,
      prefix: "MANAGER#",
    });
    expect(items).toHaveLength(1);
    expect(JSON.stringify(items)).not.toContain('li"');
  });

  it("whose owner nobody can tell can always be left alone", async () => {
    await inRoom("告示 订阅 节气");
    expect(await inRoom("告示 停止", { mayManage: undefined, speaker: "anybody" })).toBe("已退订，不再推送。");
  });
});

function imported(topics: string[], address = DIRECT): Subscription {
  return {
    id: "sub_imported",
    channel: "wechaty",
    address,
    endpoint: endpointKey("wechaty", address),
    topics,
    frequency: "now",
    language: "zh-CN",
    status: "confirmed",
    secrets: ["c2VjcmV0"],
    requestedAt: clock.now().toISOString(),
    version: 1,
  };
}
