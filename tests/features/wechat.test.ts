import { afterAll, beforeAll, expect, it } from "vitest";
import { startWechatApi, type WechatApi } from "#tests/receivers/wechat-api.ts";
import { wechatCaller } from "#tests/receivers/wechat-caller.ts";
import { openWorld, type TestWorld } from "#tests/world.ts";

const KEY = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG";
const APP = "wx0123456789abcdef";
const ACCOUNT = { appId: APP, appSecret: "0123456789abcdef0123456789abcdef", token: "callback", encodingAesKey: KEY };

let api: WechatApi;
let world: TestWorld;
let wechat: ReturnType<typeof wechatCaller>;
const real = () => new Date();
const lines: string[] = [];

beforeAll(async () => {
  api = await startWechatApi();
  const note = (event: string, fields?: unknown) => void lines.push(JSON.stringify([event, fields]));
  world = await openWorld({
    log: { info: note, warn: note, error: note },
    origins: { "official-account": api.origin, "wecom-app": api.origin },
  });
  const setup = { token: ACCOUNT.token, key: KEY, appId: APP, mode: "safe" as const };
  wechat = wechatCaller(`${world.url}/wechat/callback`, setup, real);
});
afterAll(async () => {
  await world.close();
  await api.close();
});

async function publish(title: string): Promise<string> {
  const unit = await world.admin.put("/units/library", { name: "某县图书馆" });
  expect([200, 201]).toContain(unit.status);
  await world.admin.put("/columns/quick", { name: "快讯", kind: "notice", mayBreakQuietHours: true, approvals: 0 });
  const draft = { title, body: "正文。", column: "quick", unitId: "library" };
  const made = await world.admin.post("/announcements", draft);
  const { id, contentHash } = made.body;
  expect((await world.admin.post(`/announcements/${id}/publish`, { contentHash })).status).toBe(202);
  return id;
}

const channelOf = async (id: string) =>
  (await world.admin.get(`/announcements/${id}/ledger`)).body?.channels?.["official-account"];

it("says what an admin has to do before the account is set up, at every door", async () => {
  const endpoint = { channel: "official-account", address: "followers" };
  const refused = await world.anyone.post("/subscriptions", { endpoint, topics: ["all"] });
  expect(refused.status).toBe(422);
  expect(refused.body.errors).toMatchObject([{ pointer: "/endpoint/channel", code: "CHANNEL_NOT_SET_UP" }]);
  expect((await wechat.check("1")).status).toBe(404);
});

it("takes the account's settings, shows no secret again, and names what it cannot use", async () => {
  const bad = await world.admin.put("/channels/official-account", {
    settings: { encodingAesKey: "short", followTopics: "x" },
  });
  expect(bad.status).toBe(422);
  expect(bad.body.errors.map(({ pointer }: { pointer: string }) => pointer)).toEqual([
    "/settings/encodingAesKey",
    "/settings/followTopics",
  ]);
  const set = await world.admin.put("/channels/official-account", { settings: ACCOUNT });
  expect(set).toMatchObject({ status: 200, body: { ready: true } });
  expect(set.body.limits.quotas).toEqual([{ per: "day", of: "credential", count: 1 }]);
  expect(JSON.stringify(set.body)).not.toContain(ACCOUNT.appSecret);
  // Known everywhere within ten seconds.
  await world.until(async () => (await wechat.check("4375120948345356249")).status === 200, 15);
}, 30_000);

it("proves to the platform that this is the right address", async () => {
  const answer = await wechat.check("4375120948345356249");
  expect(await answer.text()).toBe("4375120948345356249");
  expect((await wechat.check("1", { signature: "0".repeat(40) })).status).toBe(403);
  expect((await wechat.check("1", { timestamp: "1000000000" })).status).toBe(403);
});

it("greets a follower, sends what is published as a reply, and stops when the follower leaves", async () => {
  const openid = "oFollower0000000000000000001";
  const { reply } = await wechat.does(openid, "subscribe");
  expect(reply).toMatchObject({ ToUserName: openid, FromUserName: wechat.origin, MsgType: "text" });
  expect(reply?.["Content"]).toContain("已为您订阅");

  const first = await publish("停水通知");
  await world.until(async () => (await channelOf(first))?.delivered === 1, 20);
  const [sent] = api.at("/cgi-bin/message/custom/send");
  expect(sent?.json).toMatchObject({ touser: openid, news: { articles: [{ title: "停水通知" }] } });
  expect(sent?.json.news.articles[0].url).toBe(`${world.url}/announcements/${first}`);

  expect(await wechat.does(openid, "unsubscribe")).toMatchObject({ status: 200, text: "success" });
  const second = await publish("恢复供水");
  await world.until(async () => (await world.admin.get(`/announcements/${second}/ledger`)).body.closed, 20);
  expect(await channelOf(second)).toBeUndefined();
  expect(api.at("/cgi-bin/message/custom/send")).toHaveLength(1);
  // Who comes back is greeted and reached again.
  expect((await wechat.does(openid, "subscribe", { EventKey: "again" })).reply?.["Content"]).toContain("已为您订阅");
  const third = await publish("停气通知");
  await world.until(async () => (await channelOf(third))?.delivered === 1, 20);
  await wechat.does(openid, "unsubscribe", { EventKey: "again" });
}, 60_000);

it("sends an article to all followers once, by an admin's entry with its basis", async () => {
  const line = {
    ...{ endpoint: { channel: "official-account", address: "followers" }, topics: ["column:quick"] },
    ...{ confirmed: true, basis: "本单位自有公众号" },
  };
  const taken = await world.admin.post("/subscriptions/import", JSON.stringify(line), "application/x-ndjson");
  expect(taken.body).toMatchObject({ accepted: 1 });
  api.next("/cgi-bin/draft/add", { fault: "html" });
  api.massLeft = 1;
  const id = await publish("群发的公告");
  await world.until(async () => (await channelOf(id))?.matched === 1, 20);
  // The first attempt met a page of HTML; the row says so, and nothing of it looks like success.
  await world.until(async () => {
    const rows = await world.admin.get(`/deliveries?announcement=${id}`);
    return rows.body.items[0]?.attempts?.[0]?.outcome === "retry";
  }, 20);
  const [row] = (await world.admin.get(`/deliveries?announcement=${id}`)).body.items;
  expect(api.massLeft).toBe(1);
  expect((await world.admin.post(`/deliveries/${row.id}/retry`)).status).toBeLessThan(300);
  await world.until(async () => (await channelOf(id))?.delivered === 1, 30);
  expect(api.massLeft).toBe(0);
  expect(api.at("/cgi-bin/message/mass/sendall")).toHaveLength(1);
  const mass = [...api.masses.values()][0] ?? "";
  const { text } = await wechat.does("oFollower0000000000000000001", "MASSSENDJOBFINISH", {
    ...{ MsgID: BigInt(mass), Status: "send success", TotalCount: 100, FilterCount: 80, SentCount: 75, ErrorCount: 5 },
  });
  expect(text).toBe("success");
  expect(lines.some((line) => line.includes("wechat-receipt") && line.includes(`mass:${mass}`))).toBe(true);
}, 60_000);

it("shows a notice as failed when the platform says so later, by the id that it gave", async () => {
  const notice = { templateId: "template-0001", templateFields: "thing1=title,thing2=unit,time3=time" };
  const settings = { ...ACCOUNT, kind: "service", ...notice };
  expect((await world.admin.put("/channels/official-account", { settings })).status).toBe(200);
  const openids = ["oNoticed000000000000000000001", "oNoticed000000000000000000002"];
  // Longer ago than a reply may follow.
  const CreateTime = Math.floor(Date.now() / 1000) - 200;
  for (const openid of openids) await wechat.does(openid, "subscribe", { CreateTime });
  const id = await publish("停电通知");
  const noticed = () => api.at("/cgi-bin/message/template/send").map(({ json }) => json.touser as string);
  await world.until(async () => noticed().length === openids.length, 20);
  const rowOf = async (openid: string) => {
    const { items } = (await world.admin.get(`/deliveries?announcement=${id}`)).body;
    return items.find(({ address }: { address: string }) => address.endsWith(openid.slice(-4)));
  };
  const [left = "", stayed = ""] = noticed();
  for (const openid of openids) await world.until(async () => (await rowOf(openid))?.state === "delivered", 20);
  const MsgID = BigInt(api.templates[0] ?? "");
  await wechat.does(left, "TEMPLATESENDJOBFINISH", { MsgID, Status: "failed:user block" });
  await world.until(async () => (await rowOf(left)).state === "failed", 20);
  expect((await rowOf(left)).attempts.at(-1).error).toContain("user block");
  // The notice with the next id is another one.
  expect((await rowOf(stayed)).state).toBe("delivered");
}, 90_000);

it("asks a WeCom member by a card, and pushes to a department that an admin entered", async () => {
  const app = { corpId: "ww0123456789abcdef", secret: "s".repeat(43), agentId: "1000002" };
  expect((await world.admin.put("/channels/wecom-app", { settings: app })).body.ready).toBe(true);
  const endpoint = { channel: "wecom-app", address: "user:ZhangSan" };
  await world.until(
    async () => (await world.anyone.post("/subscriptions", { endpoint, topics: ["all"] })).status === 202,
    15,
  );
  await world.until(async () => api.at("/cgi-bin/message/send").length > 0, 20);
  const card = api.at("/cgi-bin/message/send")[0]?.json;
  expect(card).toMatchObject({ touser: "zhangsan", msgtype: "textcard" });
  expect(card.textcard.url.startsWith(`${world.url}/confirm?s=sub_`)).toBe(true);
  const line = {
    ...{ endpoint: { channel: "wecom-app", address: "party:2" }, topics: ["column:quick"] },
    ...{ confirmed: true, basis: "本单位内部应用" },
  };
  await world.admin.post("/subscriptions/import", JSON.stringify(line), "application/x-ndjson");
  const id = await publish("内部通知");
  const ledger = async () => (await world.admin.get(`/announcements/${id}/ledger`)).body.channels["wecom-app"];
  await world.until(async () => (await ledger())?.delivered === 1, 20);
  expect(api.at("/cgi-bin/message/send").at(-1)?.json).toMatchObject({ toparty: "2", textcard: { title: "内部通知" } });
}, 60_000);

it("wrote no secret, token or openid into the log", () => {
  const log = lines.join("\n");
  expect(lines.length).toBeGreaterThan(0);
  for (const secret of [ACCOUNT.appSecret, KEY, "token-1-", "s".repeat(43), "oFollower"])
    expect(log).not.toContain(secret);
});
