import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type RobotVendorName, type RobotVendors, startRobotVendors } from "#tests/receivers/robot-vendors.ts";
import { startWebhookSink, type WebhookSink } from "#tests/receivers/webhook-sink.ts";
import { openWorld, type Person, type TestWorld } from "#tests/world.ts";

const DINGTALK_SECRET = `SEC${"5e6f7a8b".repeat(8)}`;
const FEISHU_SECRET = "Xy12abCDef34GHij56KLmn";
const HOUR = 3_600_000;

let vendors: RobotVendors;
let sink: WebhookSink;
let world: TestWorld;
let editor: Person;
let made = 0;
let late = 0;
const logged: string[] = [];
const keys: string[] = [];

beforeAll(async () => {
  vendors = await startRobotVendors();
  sink = await startWebhookSink();
  const log = (event: string, fields: object = {}) => void logged.push(JSON.stringify({ event, ...fields }));
  world = await openWorld({
    origins: vendors.origins,
    log: { info: log, warn: log, error: log },
    now: () => new Date(Date.now() + late),
  });
  await world.admin.put("/units/center", { name: "某县互联网信息中心" });
  editor = await world.member("editor", "center");
});
afterAll(async () => {
  await world.close();
  await vendors.close();
  await sink.close();
  // Whatever happened in these stories, no key and no secret was written down.
  const lines = logged.join("\n");
  for (const secret of [...keys, DINGTALK_SECRET, FEISHU_SECRET]) expect(lines).not.toContain(secret);
});

function newRobot(channel: RobotVendorName) {
  const digits = String(++made).padStart(4, "0");
  const key = channel === "dingtalk" ? `d1${digits}`.padEnd(64, "e") : `a1b2c3d4-1111-2222-3333-e5f6a7b8${digits}`;
  const start = {
    "wecom-robot": "https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=",
    dingtalk: "https://oapi.dingtalk.com/robot/send?access_token=",
    feishu: "https://open.feishu.cn/open-apis/bot/v2/hook/",
  }[channel];
  keys.push(key);
  return { key, channel, address: start + key, shown: `${start}${key.slice(0, 4)}…${key.slice(-4)}` };
}

const column = () => world.column();
const imported = (slug: string, endpoints: object[]) => world.imported(endpoints, { topics: [`column:${slug}`] });

async function published(slug: string, title = "停水通知"): Promise<string> {
  const text = { title, body: "周三停水。", column: slug, unitId: "center" };
  const { id, contentHash } = (await editor.post("/announcements", text)).body;
  expect((await editor.post(`/announcements/${id}/publish`, { contentHash })).status).toBe(202);
  return id;
}

const ledger = async (id: string) => (await editor.get(`/announcements/${id}/ledger`)).body;
const rows = async (id: string) => (await editor.get(`/deliveries?announcement=${id}`)).body.items;

it("an admin signs up the robots of three groups, and each group reads what was published, once", async () => {
  const slug = await column();
  const robots = {
    wecom: newRobot("wecom-robot"),
    dingtalk: newRobot("dingtalk"),
    feishu: newRobot("feishu"),
  };
  vendors.answer(robots.dingtalk.key, { secret: DINGTALK_SECRET });
  vendors.answer(robots.feishu.key, { secret: FEISHU_SECRET });
  const answer = await imported(slug, [
    { channel: "wecom-robot", address: robots.wecom.address.replace("qyapi", "QYAPI") },
    { channel: "dingtalk", address: robots.dingtalk.address, secret: DINGTALK_SECRET },
    { channel: "feishu", address: robots.feishu.address, secret: FEISHU_SECRET },
  ]);
  expect(answer).toEqual({ accepted: 3, rejected: 0, errors: [] });

  const id = await published(slug, "停水通知 @all");
  await world.until(async () => (await ledger(id)).closed);
  expect(await ledger(id)).toMatchObject({
    matched: 3,
    delivered: 3,
    channels: { "wecom-robot": { delivered: 1 }, dingtalk: { delivered: 1 }, feishu: { delivered: 1 } },
  });
  for (const { key } of Object.values(robots)) {
    const [message, ...more] = vendors.in(key);
    expect(more).toEqual([]);
    expect(message?.text).toContain("停水通知");
    expect(message?.text).toContain("某县互联网信息中心");
    expect(message?.mentions).toEqual([]);
    expect(message?.links).toContain(`${world.url}/announcements/${id}`);
  }

  const shown = Object.values(robots).map((robot) => robot.shown);
  const addresses = (await rows(id)).map((row: { address: string }) => row.address);
  expect(addresses.sort()).toEqual([...shown].sort());
  const list = await world.admin.get("/subscriptions?limit=100");
  const listed = list.body.items.map((one: { endpoint: { address: string } }) => one.endpoint.address);
  expect(listed).toEqual(expect.arrayContaining(shown));
  const found = await editor.get(
    `/deliveries?announcement=${id}&endpoint=${encodeURIComponent(robots.feishu.address)}`,
  );
  expect(found.body.items).toMatchObject([{ state: "delivered", address: robots.feishu.shown }]);
  for (const secret of [...Object.values(robots).map(({ key }) => key), DINGTALK_SECRET, FEISHU_SECRET])
    expect(JSON.stringify([answer, await rows(id), list.body, found.body])).not.toContain(secret);
});

it("a robot that was removed from its group ends its subscription", async () => {
  const slug = await column();
  const { key, channel, address } = newRobot("wecom-robot");
  vendors.answer(key, { code: 93000 });
  await imported(slug, [{ channel, address }]);
  const first = await published(slug);
  await world.until(async () => (await ledger(first)).failed === 1);
  const [row] = await rows(first);
  expect(row.attempts).toMatchObject([{ outcome: "gone", error: expect.stringContaining("code 93000") }]);
  expect(JSON.stringify(row)).not.toContain(key);
  const second = await published(slug);
  await world.until(async () => (await ledger(second)).closed);
  expect((await ledger(second)).matched).toBe(0);
});

it("an operator who corrects a robot's secret sees the notices that waited for it go within seconds", async () => {
  for (const vendor of ["dingtalk", "feishu"] as const) {
    const slug = await column();
    const { key, channel, address } = newRobot(vendor);
    const right = vendor === "dingtalk" ? DINGTALK_SECRET : FEISHU_SECRET;
    const wrong = vendor === "dingtalk" ? `SEC${"0".repeat(64)}` : "an-old-secret";
    vendors.answer(key, { secret: right });
    await imported(slug, [{ channel, address, secret: wrong }]);
    const notices = [await published(slug), await published(slug, "停电通知")];
    for (const id of notices) await world.until(async () => (await rows(id))[0]?.waitsFor === "configuration");
    expect(vendors.in(key)).toEqual([]);
    const { items } = (await world.admin.get("/subscriptions?limit=100")).body;
    const { id } = items.find((one: { topics: string[] }) => one.topics.includes(`column:${slug}`));
    const path = `/subscriptions/${id}`;
    const { etag } = await world.admin.get(path);
    const corrected = Date.now();
    const answer = await world.admin.patch(path, { endpoint: { secret: right } }, { "if-match": etag });
    expect(answer.status).toBe(200);
    for (const notice of notices) await world.until(async () => (await ledger(notice)).delivered === 1);
    expect(Date.now() - corrected).toBeLessThan(10_000);
    expect(vendors.in(key)).toHaveLength(2);
  }
});

it("a stranger who subscribes a group's robot without its secret holds up none of its notices", async () => {
  for (const vendor of ["dingtalk", "feishu"] as const) {
    const slug = await column();
    const { key, channel, address } = newRobot(vendor);
    const secret = vendor === "dingtalk" ? DINGTALK_SECRET : FEISHU_SECRET;
    vendors.answer(key, { secret });
    await imported(slug, [{ channel, address, secret }]);
    const asked = () => vendors.requests.filter(({ url }) => url.includes(key)).length;
    await world.anyone.post("/subscriptions", { endpoint: { channel, address }, topics: [`column:${slug}`] });
    await world.until(async () => asked() === 1);
    const id = await published(slug);
    await world.until(async () => (await ledger(id)).delivered === 1);
  }
});

it("what a robot may have said stays unknown until a person decides, and is never said twice by itself", async () => {
  const slug = await column();
  const { key, channel, address } = newRobot("feishu");
  vendors.answer(key, { body: "<html>维护中</html>" });
  await imported(slug, [{ channel, address }]);
  const id = await published(slug);
  await world.until(async () => (await ledger(id)).unknown === 1);
  expect(await ledger(id)).toMatchObject({ closed: true, delivered: 0 });
  const [row] = await rows(id);
  expect(row.attempts).toMatchObject([{ outcome: "unknown", error: "200, html" }]);
  const asked = () => vendors.requests.filter(({ url }) => url.includes(key)).length;
  expect(asked()).toBe(1);

  // The group did read it, which no robot can ask about; the person looks, and decides.
  expect(vendors.in(key)).toHaveLength(1);
  vendors.answer(key, {});
  const again = await editor.post(`/deliveries/${row.id}/retry`);
  expect([again.status, JSON.stringify(again.body).includes(key)]).toEqual([202, false]);
  await world.until(async () => (await ledger(id)).delivered === 1);
  expect([asked(), vendors.in(key).length]).toEqual([2, 2]);
});

it("a refused message is tried again on the schedule", async () => {
  const slug = await column();
  const { key, channel, address } = newRobot("dingtalk");
  vendors.answer(key, { code: -1 });
  await imported(slug, [{ channel, address }]);
  const id = await published(slug);
  await world.until(async () => (await rows(id))[0]?.attempts.length === 1);
  expect(await ledger(id)).toMatchObject({ waiting: 1, closed: false });
  expect(Date.parse((await rows(id))[0].dueAt) - Date.now() - late).toBeLessThan(13_000);
});

describe("somebody who subscribes the robot of a group", () => {
  it("is answered without its key; the group is asked by a link, and nothing is said before it agreed", async () => {
    const slug = await column();
    for (const channel of ["wecom-robot", "dingtalk", "feishu"] as const) {
      const robot = newRobot(channel);
      const answer = await world.anyone.post("/subscriptions", {
        endpoint: { channel, address: robot.address },
        topics: [`column:${slug}`, "tag:请点击这里领奖"],
      });
      expect(answer.status).toBe(202);
      expect(answer.body).toMatchObject({ status: "pending", endpoint: { channel, address: robot.shown } });
      expect(answer.body).not.toHaveProperty("secret");
      await world.until(async () => vendors.in(robot.key).length === 1);
      const [question] = vendors.in(robot.key);
      const link = new URL(question?.links[0] ?? "");
      expect(link.origin + link.pathname).toBe(`${world.url}/confirm`);
      expect(link.searchParams.get("s")).toBe(answer.body.id);
      expect((link.searchParams.get("c") ?? "").length).toBeGreaterThanOrEqual(32);
      expect(question?.text).not.toContain("领奖");
      const owner = world.as(answer.body.manageToken);
      expect((await owner.get(`/subscriptions/${answer.body.id}`)).body).toMatchObject({
        status: "pending",
        endpoint: { channel, address: robot.shown },
      });
      // What an owner read cannot be written back by mistake.
      const read = await owner.get(`/subscriptions/${answer.body.id}`);
      const back = await owner.patch(
        `/subscriptions/${answer.body.id}`,
        { endpoint: read.body.endpoint },
        { "if-match": read.etag },
      );
      expect(back.body.errors).toMatchObject([{ pointer: "/endpoint/address", code: "ADDRESS_ROBOT" }]);
    }
    const id = await published(slug);
    await world.until(async () => (await ledger(id)).closed);
    expect((await ledger(id)).matched).toBe(0);
  });

  it("is told all that is wrong with address and secret, and what would be right", async () => {
    const ask = (endpoint: object) => world.anyone.post("/subscriptions", { endpoint, topics: ["all"] });
    const { address } = newRobot("dingtalk");
    const both = await ask({ channel: "dingtalk", address: `${address}&x=1`, secret: "short" });
    expect(both.status).toBe(422);
    expect(both.body.errors).toMatchObject([
      { pointer: "/endpoint/address", code: "ADDRESS_ROBOT", detail: expect.stringContaining("oapi.dingtalk.com") },
      { pointer: "/endpoint/secret", code: "SECRET", detail: expect.stringContaining("SEC") },
    ]);
    const needless = await ask({ ...newRobot("wecom-robot"), key: undefined, shown: undefined, secret: "anything" });
    expect(needless.body.errors).toMatchObject([{ pointer: "/endpoint/secret", code: "SECRET_NOT_USED" }]);
    const free = await ask({ channel: "feishu", address: sink.url("/open-apis/bot/v2/hook/x") });
    expect(free.body.errors).toMatchObject([{ pointer: "/endpoint/address", code: "ADDRESS_SCHEME" }]);
    expect(await imported(await column(), [{ channel: "dingtalk", address, secret: "short" }])).toMatchObject({
      accepted: 0,
      errors: [{ line: 1, code: "SECRET" }],
    });
  });

  it("changes its secret at once, takes none along to another robot, and needs one to move to a webhook", async () => {
    const slug = await column();
    const { key, channel, address } = newRobot("dingtalk");
    const asked = await world.anyone.post("/subscriptions", {
      endpoint: { channel, address, secret: DINGTALK_SECRET },
      topics: [`column:${slug}`],
    });
    const owner = world.as(asked.body.manageToken);
    const path = `/subscriptions/${asked.body.id}`;
    const change = async (endpoint: object) =>
      owner.patch(path, { endpoint }, { "if-match": (await owner.get(path)).etag });
    await world.until(async () => vendors.in(key).length === 1);
    const signedWith = () => vendors.requests.filter(({ url }) => url.includes("sign=")).length;
    expect(signedWith()).toBeGreaterThan(0);
    expect((await change({ secret: "short" })).body.errors).toMatchObject([{ pointer: "/endpoint/secret" }]);
    expect((await change({ secret: `SEC${"0".repeat(64)}` })).status).toBe(200);

    const other = newRobot("dingtalk");
    expect((await change({ address: other.address })).body.endpoint).toEqual({ channel, address: other.shown });
    await world.until(async () => vendors.in(other.key).length === 1);
    expect(vendors.requests.find(({ url }) => url.includes(other.key))?.url).not.toContain("sign=");

    const hook = { channel: "webhook", address: sink.url("/moved") };
    expect((await change(hook)).body.errors).toMatchObject([{ pointer: "/endpoint/secret", code: "SECRET_REQUIRED" }]);
    const secret = `whsec_${Buffer.alloc(32, 3).toString("base64")}`;
    expect((await change({ ...hook, secret })).status).toBe(200);
    await world.until(async () => (await owner.get(path)).body.status === "confirmed");
    const robot = newRobot("wecom-robot");
    expect((await change({ channel: "wecom-robot", address: robot.address })).status).toBe(200);
    await world.until(async () => vendors.in(robot.key).length === 1);
  });

  it("may do it on the page, which does not show the key again", async () => {
    const { key, address, shown } = newRobot("feishu");
    const post = (form: Record<string, string>) =>
      world.fetch("/subscribe", {
        method: "POST",
        headers: { "content-type": "application/x-www-form-urlencoded", origin: world.url },
        body: new URLSearchParams(form).toString(),
      });
    const form = { channel: "feishu", address, topics: "all", frequency: "now" };
    const wrong = await post({ ...form, secret: "?" });
    expect(wrong.status).toBe(422);
    expect(await wrong.text()).toContain("签名校验");
    const done = await post({ ...form, secret: "" });
    expect(done.status).toBe(200);
    const page = await done.text();
    expect(page).toContain(shown);
    expect(page).toContain("确认链接");
    expect(page).not.toContain(key);
    expect(page).not.toContain("whsec_");
  });
});

describe("somebody whose group's robot demands signatures from now on", () => {
  const form = async (path: string, fields: Record<string, string>, language = "zh-CN") => {
    const answer = await world.fetch(`${path}?lang=${language}`, {
      method: "POST",
      headers: { "content-type": "application/x-www-form-urlencoded", origin: world.url },
      body: new URLSearchParams(fields).toString(),
    });
    return { status: answer.status, text: await answer.text() };
  };

  it.each(["dingtalk", "feishu"] as const)(
    "enters the secret on the page (%s), and what waited goes out",
    async (vendor) => {
      const slug = await column();
      const { key, channel, address } = newRobot(vendor);
      const secret = vendor === "dingtalk" ? DINGTALK_SECRET : FEISHU_SECRET;
      const asked = await world.anyone.post("/subscriptions", {
        ...{ endpoint: { channel, address }, topics: [`column:${slug}`] },
      });
      await world.until(async () => vendors.in(key).length === 1);
      const link = new URL(vendors.in(key)[0]?.links[0] ?? "");
      expect((await form("/confirm", Object.fromEntries(link.searchParams))).status).toBe(200);
      vendors.answer(key, { secret });
      const id = await published(slug);
      await world.until(async () => (await rows(id))[0]?.waitsFor === "configuration");

      const held = { id: asked.body.id, token: asked.body.manageToken };
      const page = await form("/manage", { ...held, act: "show" });
      expect(page.text).toContain("现在没有密钥，推送不加签");
      expect((await form("/manage", { ...held, act: "show" }, "en")).text).toContain("nothing is signed");
      const version = /name="version" value="(\d+)"/.exec(page.text)?.[1] ?? "";
      const wishes = { topics: `column:${slug}`, frequency: "now", language: "zh-CN" };
      const change = { ...held, act: "change", subscription: held.id, version, ...wishes };
      const wrong = await form("/manage", { ...change, secret: "?" });
      expect([wrong.status, wrong.text.includes('id="secret-wrong"')]).toEqual([422, true]);
      const saved = await form("/manage", { ...change, secret });
      expect([saved.status, saved.text.includes("已保存")]).toEqual([200, true]);
      expect(saved.text).toContain("已有密钥，不显示；不填则不变");
      await world.until(async () => (await ledger(id)).delivered === 1);

      // Left empty, it stays.
      const again = /name="version" value="(\d+)"/.exec(saved.text)?.[1] ?? "";
      expect((await form("/manage", { ...change, version: again, secret: "", frequency: "now" })).status).toBe(200);
      const second = await published(slug, "又一则");
      await world.until(async () => (await ledger(second)).delivered === 1);
      for (const { text } of [page, wrong, saved]) expect(text).not.toContain(secret);
    },
  );

  it("is not asked for one where nothing is signed so", async () => {
    const answer = await world.anyone.post("/subscriptions", {
      endpoint: { channel: "webhook", address: sink.url("/plain") },
      topics: [`column:${await column()}`],
    });
    const held = { id: answer.body.id, token: answer.body.manageToken };
    expect((await form("/manage", { ...held, act: "show" })).text).not.toContain('name="secret"');
  });
});

it("tells the people on duty which robot was switched off, without its key", async () => {
  const slug = await column();
  const { key, channel, address, shown } = newRobot("wecom-robot");
  vendors.answer(key, { code: -1 });
  await imported(slug, [{ channel, address }]);
  await world.imported([sink.url("/duty")], { topics: ["duty"] });
  const id = await published(slug);
  for (const [attempts, hours] of [
    [1, 0.01],
    [2, 13],
    [3, 110],
    [4, 0],
  ] as const) {
    await world.until(async () => (await rows(id))[0]?.attempts.length === attempts);
    // How the endpoint fares is stored right after the attempt; hours never pass in between.
    await sleep(300);
    late += hours * HOUR;
  }
  // Five days on, the week's look has its own word for the same people.
  const told = () => sink.received.filter(({ path }) => path === "/duty").map(({ body }) => body.toString());
  const off = () => told().filter((text) => text.includes("接收端已停用 wecom-robot"));
  await world.until(async () => off().length > 0);
  const { data } = JSON.parse(off()[0] ?? "");
  expect(data.title).toBe("接收端已停用 wecom-robot qyapi.weixin.qq.com");
  expect(data.summary).toContain(shown);
  expect(told().join("\n")).not.toContain(key);
});
