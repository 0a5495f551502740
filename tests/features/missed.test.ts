import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type RobotVendors, startRobotVendors } from "#tests/receivers/robot-vendors.ts";
import { startWebhookSink, type WebhookSink } from "#tests/receivers/webhook-sink.ts";
import { startWechatApi, type WechatApi } from "#tests/receivers/wechat-api.ts";
import { openWorld, type Person, type TestWorld } from "#tests/world.ts";

let vendors: RobotVendors;
let api: WechatApi;
let sink: WebhookSink;
let world: TestWorld;
let editor: Person;
let clerk: string;
let admin: string;

beforeAll(async () => {
  vendors = await startRobotVendors();
  sink = await startWebhookSink();
  api = await startWechatApi();
  world = await openWorld({ origins: { ...vendors.origins, "wecom-app": api.origin } });
  await world.admin.put("/units/center", { name: "某县互联网信息中心" });
  editor = await world.member("editor", "center");
  clerk = await world.enter(["editor"], "center");
  admin = await world.enter(["admin"]);
});
afterAll(async () => {
  await world.close();
  await vendors.close();
  await api.close();
  await sink.close();
});

async function published(slug: string, title = "停水通知"): Promise<string> {
  const text = { title, body: "周三停水。", column: slug, unitId: "center" };
  const { id, contentHash } = (await editor.post("/announcements", text)).body;
  expect((await editor.post(`/announcements/${id}/publish`, { contentHash })).status).toBe(202);
  await world.until(async () => (await editor.get(`/announcements/${id}/ledger`)).status === 200);
  return id;
}
const closed = (id: string) =>
  world.until(async () => (await editor.get(`/announcements/${id}/ledger`)).body.closed === true);

const plain = (text: string) => text.replaceAll(/<[^>]*>/g, " ").replaceAll(/\s+/g, " ");
const got = (path: string) => sink.received.filter((one) => one.path === path).length;
const day = (ago: number) => new Date(Date.now() + 8 * 3_600_000 - ago * 86_400_000).toISOString().slice(0, 10);

async function lookUp(id: string, endpoint: string, { cookie = admin, lang = "zh-CN" } = {}) {
  const query = new URLSearchParams({ endpoint, lang });
  const answer = await world.fetch(`/console/announcements/${id}?${query}`, {
    headers: { cookie, accept: "text/html" },
  });
  expect(answer.status).toBe(200);
  return answer.text();
}

async function post(path: string, fields: Record<string, string>, cookie = "") {
  const answer = await world.fetch(path, {
    method: "POST",
    headers: {
      ...{ cookie, origin: world.url, accept: "text/html" },
      "content-type": "application/x-www-form-urlencoded",
    },
    body: new URLSearchParams(fields).toString(),
  });
  return { status: answer.status, text: await answer.text() };
}

/** What the form of a page that asks for a day gives back with it. */
const hiddenIn = (text: string) => {
  const form = text.split("<form").find((part) => part.includes('value="catch-up"')) ?? "";
  return Object.fromEntries(
    [...form.matchAll(/type="hidden" name="([^"]+)" value="([^"]*)"/g)].map(([, name, value]) => [name, value]),
  );
};

describe("somebody who did not get an announcement", () => {
  it("is given what they missed by an admin who looked them up, is told how many, and gets none twice", async () => {
    const slug = await world.column();
    const late = sink.url(`/${slug}/late`);
    const first = await published(slug);
    await published(slug, "停电通知");
    await closed(first);
    await world.imported([late], { topics: [`column:${slug}`] });
    const page = await lookUp(first, late);
    expect(plain(page)).toContain("发布之后才确认订阅");
    expect(plain(page)).toContain("已收到或可能已收到的不再发");
    expect(page).toMatch(/<input type="date"[^>]* min="\d{4}-\d\d-\d\d" max="\d{4}-\d\d-\d\d"/);
    const press = (since: string, lang = "zh-CN") =>
      post(`/console/announcements/${first}?lang=${lang}`, { ...hiddenIn(page), act: "catch-up", since }, admin);
    const asked = await press(day(1));
    expect([asked.status, plain(asked.text)]).toEqual([200, expect.stringMatching(/正在补发.*错过的2条公告/)]);
    await world.until(async () => got(`/${slug}/late`) === 2);
    await closed(first);
    expect(plain((await press(day(1))).text)).toMatch(/没有错过的公告/);
    expect(plain((await press(day(1), "en")).text)).toMatch(/Nothing was missed/);
    expect(got(`/${slug}/late`)).toBe(2);
  });

  it("cannot be given what is older than 30 days, nor anything by an impossible day, and the page says so", async () => {
    const slug = await world.column();
    const place = sink.url(`/${slug}/place`);
    const id = await published(slug);
    await world.imported([place], { topics: [`column:${slug}`] });
    const hidden = hiddenIn(await lookUp(id, place));
    for (const since of [day(31), day(-2), "2026-02-30", ""]) {
      const refused = await post(`/console/announcements/${id}`, { ...hidden, act: "catch-up", since }, admin);
      expect([refused.status, plain(refused.text)], since).toEqual([422, expect.stringMatching(/请选择.*之间的日期/)]);
    }
    expect(
      (await post(`/console/announcements/${id}`, { ...hidden, act: "catch-up", since: day(29) }, admin)).status,
    ).toBe(200);
  });

  it("is not offered it once they left, and an editor reads who can do it", async () => {
    const slug = await world.column();
    const [gone, here] = [sink.url(`/${slug}/gone`), sink.url(`/${slug}/here`)];
    sink.answer(`/${slug}/gone`, { status: 410 });
    await world.imported([gone, here], { topics: [`column:${slug}`] });
    const id = await published(slug);
    await closed(id);
    await world.until(async () => !(await lookUp(id, gone)).includes('value="catch-up"'));
    const hidden = hiddenIn(await lookUp(id, here));
    const page = await lookUp(id, here, { cookie: clerk });
    expect(page).not.toContain('value="catch-up"');
    expect(plain(page)).toContain("请管理员");
    const forged = { ...hidden, act: "catch-up", since: day(1) };
    expect((await post(`/console/announcements/${id}`, forged, clerk)).status).toBe(403);
    // It left while the page was open.
    const row = (await editor.get(`/deliveries?announcement=${id}&endpoint=${encodeURIComponent(gone)}`)).body.items[0];
    const refused = await post(`/console/announcements/${id}`, { ...forged, to: row.endpoint }, admin);
    expect([refused.status, plain(refused.text)]).toEqual([409, expect.stringContaining("没有生效的订阅")]);
  });

  it("asks for it themselves, on the page where they manage their subscription", async () => {
    const slug = await world.column();
    const path = `/${slug}/mine`;
    await closed(await published(slug));
    const asked = await world.anyone.post("/subscriptions", {
      endpoint: { channel: "webhook", address: sink.url(path) },
      topics: [`column:${slug}`],
    });
    const { id, manageToken: token } = asked.body;
    const show = () => post("/manage", { id, token, act: "show" });
    await world.until(async () => hiddenIn((await show()).text)["token"] === token);
    const page = await show();
    expect(plain(page.text)).toContain("补发错过的公告");
    const far = await post("/manage", { id, token, act: "catch-up", since: day(40) });
    expect([far.status, plain(far.text)]).toEqual([422, expect.stringMatching(/请选择.*之间的日期/)]);
    const sent = await post("/manage?lang=en", { id, token, act: "catch-up", since: day(3) });
    expect([sent.status, plain(sent.text)]).toEqual([200, expect.stringContaining("1 announcement")]);
    await world.until(async () => got(path) === 1);
    expect((await post("/manage", { id, token: `${token}x`, act: "catch-up", since: day(3) })).status).toBe(404);
  });
});

describe("a clerk who looks up whom nothing was sent to", () => {
  it("reads why the subscription ended", async () => {
    const slug = await world.column();
    const [gone, left] = [sink.url(`/${slug}/gone`), sink.url(`/${slug}/left`)];
    sink.answer(`/${slug}/gone`, { status: 410 });
    await world.imported([gone], { topics: [`column:${slug}`] });
    const asked = await world.anyone.post("/subscriptions", {
      endpoint: { channel: "webhook", address: left },
      topics: [`column:${slug}`],
    });
    await world.as(asked.body.manageToken).delete(`/subscriptions/${asked.body.id}`);
    const first = await published(slug);
    await closed(first);
    // Its end is noted after the push is.
    await world.until(async () => !(await lookUp(first, gone)).includes('value="catch-up"'));
    const second = await published(slug, "再次停水");
    await closed(second);
    const read = async (endpoint: string, lang: string) =>
      plain(await lookUp(second, endpoint, { cookie: clerk, lang }));
    expect(await read(gone, "zh-CN")).toContain("订阅已结束（地址已失效）。");
    expect(await read(gone, "en")).toContain("Its subscription has ended (the address is gone).");
    expect(await read(left, "zh-CN")).toContain("订阅已结束（自行退订）。");
    expect(await read(left, "en")).toContain("Its subscription has ended (its reader unsubscribed).");
  });
});

describe("a push that a robot's guard holds", () => {
  it("says what waits, where to correct it, and offers no button that could do nothing", async () => {
    const slug = await world.column();
    const key = "d1".padEnd(64, "e");
    vendors.answer(key, { secret: `SEC${"5e6f7a8b".repeat(8)}` });
    const address = `https://oapi.dingtalk.com/robot/send?access_token=${key}`;
    await world.imported([{ channel: "dingtalk", address, secret: `SEC${"0".repeat(64)}` }], {
      topics: [`column:${slug}`],
    });
    const id = await published(slug);
    const row = async () => (await editor.get(`/deliveries?announcement=${id}`)).body.items[0];
    await world.until(async () => (await row())?.waitsFor === "configuration");
    const page = await lookUp(id, address, { cookie: clerk });
    expect(plain(page)).toMatch(/等待设置：群机器人拒绝了推送.*加签密钥.*管理订阅.*下次：/);
    expect(page).toMatch(/<a href="\/manage[^"]*">/);
    expect(page).not.toContain("重新推送");
    expect(plain(await lookUp(id, address, { cookie: clerk, lang: "en" }))).toMatch(
      /robot refuses the push.*signing secret.*Your subscriptions/,
    );
    // A page that was open before the stop still has the button; what it answers is true.
    const waiting = await row();
    const pressed = await post(
      `/console/announcements/${id}`,
      { act: "retry", delivery: waiting.id, revision: "1" },
      clerk,
    );
    expect(plain(pressed.text)).not.toContain("已重新推送");
    expect(plain(pressed.text)).toMatch(/仍在等待.*设置/);
    await world.until(async () => Date.parse((await row()).dueAt) > Date.now() + 60_000);
    const asked = await editor.post(`/deliveries/${waiting.id}/retry`);
    expect([asked.status, asked.body.waitsFor]).toEqual([202, "configuration"]);
    expect(Date.parse(asked.body.dueAt)).toBeGreaterThan(Date.now());
  });

  it("leads who may to the settings of a channel whose secret is refused, and tells others whom to ask", async () => {
    const slug = await world.column();
    const settings = { corpId: "ww0123456789abcdef", secret: "a-secret-that-was-changed", agentId: "1000002" };
    expect((await world.admin.put("/channels/wecom-app", { settings })).status).toBe(200);
    api.always("/cgi-bin/gettoken", { errcode: 40001 });
    await world.imported([{ channel: "wecom-app", address: "user:zhangsan" }], { topics: [`column:${slug}`] });
    const id = await published(slug);
    const row = async () => (await editor.get(`/deliveries?announcement=${id}`)).body.items[0];
    await world.until(async () => (await row())?.waitsFor === "configuration");
    const { endpoint } = await row();
    expect(await lookUp(id, endpoint)).toMatch(/<a href="\/console\/channels\/wecom-app[^"]*">/);
    const page = await lookUp(id, endpoint, { cookie: clerk });
    expect(page).not.toContain("/console/channels/wecom-app");
    expect(plain(page)).toMatch(/请管理员.*渠道设置/);
  });
});

it("one word stands for the hours in which a reader is left alone", async () => {
  const page = await (await world.fetch("/subscribe", { headers: { accept: "text/html" } })).text();
  expect(page).toContain("免打扰时段");
  expect(page).not.toContain("静默时段");
});
