import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { openWorld, type Person, type TestWorld } from "#tests/world.ts";

const UNIT = "water";

let world: TestWorld;
let editor: Person;
let people = 0;
let rooms = 0;
let heard = 0;

beforeAll(async () => {
  world = await openWorld({ bot: true });
  await world.admin.put(`/units/${UNIT}`, { name: "某县水务局" });
  await world.admin.put("/columns/notices", {
    name: "通知公告",
    kind: "notice",
    mayBreakQuietHours: false,
    approvals: 0,
  });
  editor = await world.member("editor", UNIT);
});
afterAll(() => world.close());
beforeEach(() => {
  heard = world.wechat.sent.length;
});

function person(): string {
  const id = `p${++people}`;
  world.wechat.contact(id, `某人${people}`);
  return id;
}
function room(members: string[], owner?: string): string {
  const id = `room${++rooms}@chatroom`;
  world.wechat.room(id, `群${rooms}`, members, owner);
  return id;
}

/** What the bot answers to one message, wherever it does. */
async function answer(from: string, text: string, into?: string): Promise<{ to: string; text: string }> {
  const before = world.wechat.sent.length;
  world.wechat.says(from, text, into);
  await world.until(async () => world.wechat.sent.length > before);
  heard = world.wechat.sent.length;
  const last = world.wechat.sent[before];
  return { to: last?.to ?? "", text: last?.kind === "text" ? last.text : "" };
}

async function publish(title: string): Promise<string> {
  const draft = await editor.post("/announcements", {
    title,
    body: "明日8时至12时停水。",
    column: "notices",
    unitId: UNIT,
  });
  const { id, contentHash } = draft.body;
  expect((await editor.post(`/announcements/${id}/publish`, { contentHash })).status).toBe(202);
  return id;
}
const closed = (id: string) =>
  world.until(async () => (await world.admin.get(`/announcements/${id}/ledger`)).body?.closed === true);

describe("a room's owner", () => {
  it("subscribes by a word and gets what is published from then on; another room and a member do not", async () => {
    const [owner, member] = [person(), person()];
    const [mine, other] = [room([owner, member], owner), room([owner, member], owner)];
    expect((await answer(member, "告示 订阅 通知公告", mine)).text).toContain("只有群主或管理员");
    expect(await answer(owner, "@告示\u2005订阅　通知公告", mine)).toMatchObject({
      to: mine,
      text: expect.stringContaining("已订阅通知公告"),
    });
    const id = await publish("城东停水");
    await closed(id);
    const got = world.wechat.sent.slice(heard).filter(({ kind }) => kind === "link");
    expect(got.map(({ to }) => to)).toEqual([mine]);
    expect(got[0]).toMatchObject({ title: "城东停水" });
    expect((await answer(member, "告示 停止", mine)).text).toContain("只有群主或管理员");
    expect((await answer(owner, "gaoshi unsubscribe notices", mine)).text).toContain("Nothing more will be sent here");
    const later = await publish("城西停水");
    await closed(later);
    expect(world.wechat.sent.slice(heard)).toEqual([]);
    expect((await answer(owner, "告示 停止", other)).text).toBe("这里没有订阅。");
  });
});

describe("somebody who writes to the bot", () => {
  it("sends in a case by talking and follows it, here and on the site", async () => {
    const from = person();
    await answer(from, "举报");
    await answer(from, "1");
    await answer(from, "假冒医保网站");
    await answer(from, "网址 https://evil.example/a 冒充医保局骗取银行卡号。");
    const receipt = await answer(from, "确认");
    expect(receipt.to).toBe(from);
    const [, number = "", secret = ""] = /进度 (\S+) (\S+)/.exec(receipt.text) ?? [];
    const status = await world.anyone.post("/cases/status", { number, secret });
    expect(status.body).toMatchObject({ title: "假冒医保网站", type: "scam_site", state: "received" });
    expect((await answer(from, `进度 ${number} ${secret}`)).text).toContain("已收到");
    expect((await answer(from, `progress ${number} WRONG`)).text).toBe("no case has this number and secret");
    const group = room([from]);
    const inGroup = await answer(from, `告示 进度 ${number} ${secret}`, group);
    expect(inGroup.text).toContain("私聊");
    expect(inGroup.text).not.toContain(secret);
    for (const sent of world.wechat.sent) if (sent.to.includes("@")) expect(JSON.stringify(sent)).not.toContain(secret);
  });

  it("reads columns, the latest and a search in either language", async () => {
    const id = await publish("@所有人 \u202e停水<b>通知</b>");
    const from = person();
    for (const [zh, en, shows] of [
      ["栏目", "columns", "notices"],
      ["最新 通知公告", "latest notices", `/announcements/${id}`],
      ["搜索 停水", "search 停水", `/announcements/${id}`],
      ["地址", "address", `contact:${from}`],
      ["停止", "stop", ""],
      ["帮助", "help", ""],
    ] as const)
      for (const text of [zh, en]) {
        const said = await answer(from, text);
        expect(said.text, text).toContain(shows);
        expect(said.text, text).not.toMatch(/@|\u202e/);
      }
  });

  it("is not disturbed by the bot in a room that does not call it", async () => {
    const from = person();
    const group = room([from]);
    for (const text of ["最新", "大家好", "1", "确认", "举报", "告示牌倒了"]) world.wechat.says(from, text, group);
    await answer(from, "地址");
    expect(world.wechat.sent.filter(({ to }) => to === group)).toEqual([]);
  });
});
