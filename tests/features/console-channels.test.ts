import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startSmtpSink } from "#tests/receivers/smtp-sink.ts";
import { startWebhookSink, type WebhookSink } from "#tests/receivers/webhook-sink.ts";
import { openWorld, type TestWorld } from "#tests/world.ts";

let world: TestWorld;
let sink: WebhookSink;
let admin: string;

beforeAll(async () => {
  world = await openWorld();
  sink = await startWebhookSink();
  admin = await world.enter(["admin"]);
});
afterAll(async () => {
  await world?.close();
  await sink?.close();
});

async function read(path: string, cookie = admin) {
  const answer = await world.fetch(path, { headers: { cookie, accept: "text/html" } });
  return { status: answer.status, text: await answer.text(), headers: answer.headers };
}

async function post(path: string, fields: Record<string, string>, headers: Record<string, string> = {}) {
  const answer = await world.fetch(path, {
    method: "POST",
    redirect: "manual",
    headers: {
      cookie: admin,
      origin: world.url,
      accept: "text/html",
      "content-type": "application/x-www-form-urlencoded",
      ...headers,
    },
    body: new URLSearchParams(fields).toString(),
  });
  return { status: answer.status, text: await answer.text(), location: answer.headers.get("location") };
}

const versionOf = async (name: string) => String((await world.admin.get(`/channels/${name}`)).body.version);
const APP = { "set-corpId": "ww0123456789", "set-agentId": "1000002" };
const SECRET = "S3cretOfTheApp-0123456789";

it("lists all ten channels with their promise, limits and state, to admins only", async () => {
  expect((await read("/console")).text).toContain('href="/console/channels"');
  const { status, text, headers } = await read("/console/channels");
  expect(status).toBe(200);
  expect(headers.get("cache-control")).toBe("no-store");
  expect(text.match(/href="\/console\/channels\/[a-z-]+"/g)).toHaveLength(10);
  for (const words of ["至少一次", "每分钟20条", "20,000字节", "未设置", "就绪", "测试接收端：未设"])
    expect(text).toContain(words);
  const english = await read("/console/channels?lang=en");
  expect(english.text).toContain("Largest message: ");
  expect(english.text.replace(/<a [^>]*lang="zh-CN"[^>]*>中文<\/a>/, "").match(/[\u4e00-\u9fff]+/g) ?? []).toEqual([]);
  const editor = await world.enter(["editor"]);
  const ofOneUnit = await world.enter(["admin"], "center");
  for (const cookie of ["", editor, ofOneUnit])
    for (const path of ["/console/channels", "/console/channels/email"])
      expect((await read(path, cookie)).status).toBe(cookie === "" ? 401 : 403);
  for (const cookie of ["", editor, ofOneUnit]) {
    const status = cookie === "" ? 401 : 403;
    expect((await post("/console/channels/wecom-app", { version: "0", ...APP }, { cookie })).status).toBe(status);
    expect((await post("/console/channels/wecom-app/test", {}, { cookie })).status).toBe(status);
  }
  expect((await read("/console/channels/telegram")).status).toBe(404);
  expect((await post("/console/channels/constructor", { version: "0" })).status).toBe(404);
  expect(await versionOf("wecom-app")).toBe("0");
});

describe("setting a channel up on its page", () => {
  it("is refused when the form came from another site", async () => {
    const foreign = { origin: "https://evil.example" };
    const form = { version: "0", ...APP, "set-secret": SECRET };
    expect((await post("/console/channels/wecom-app", form, foreign)).status).toBe(403);
    expect((await post("/console/channels/wecom-app/test", {}, foreign)).status).toBe(403);
    expect(await versionOf("wecom-app")).toBe("0");
  });

  it("says at the field what is missing or wrong, and gives no secret back", async () => {
    const half = await post("/console/channels/wecom-app", { version: "0", ...APP });
    expect(half.status).toBe(422);
    expect(half.text).toMatch(/id="set-secret"[^>]*aria-describedby="[^"]*set-secret-wrong"[^>]*aria-invalid="true"/);
    expect(half.text).toContain('value="ww0123456789"');
    const wrong = await post("/console/channels/wecom-app", {
      version: "0",
      ...{ ...APP, "set-agentId": "?", "set-secret": SECRET },
    });
    expect(wrong.status).toBe(422);
    expect(wrong.text).toContain("格式不正确：应用的 AgentId");
    expect(wrong.text).not.toContain(SECRET);
    const pace = await post("/console/channels/wecom-robot", { version: "0", "window-0-count": "10" });
    expect(pace.status).toBe(422);
    expect(pace.text).toContain('id="window-0-seconds-wrong"');
  });

  it("keeps secrets to itself: shown as set, kept when left empty, replaced and cleared when asked to", async () => {
    const done = await post("/console/channels/wecom-app", { version: "0", ...APP, "set-secret": SECRET });
    expect([done.status, done.location]).toEqual([303, "/console/channels/wecom-app?done=saved"]);
    const page = await read(done.location ?? "");
    expect(page.text).toContain("已保存");
    expect(page.text).toContain("就绪");
    expect(page.text).toContain("已设置，不再显示");
    expect(page.text).not.toContain(SECRET);
    expect((await read("/console/channels")).text).not.toContain(SECRET);

    await post("/console/channels/wecom-app", {
      version: await versionOf("wecom-app"),
      ...APP,
      "set-agentId": "1000003",
    });
    const kept = (await world.admin.get("/channels/wecom-app")).body;
    const settings = [{}, { name: "secret", set: true }, { value: "1000003" }, { name: "accounts", set: false }];
    expect(kept).toMatchObject({ ready: true, settings });

    const clear = { version: await versionOf("wecom-app"), "clear-set-secret": "yes" };
    expect((await post("/console/channels/wecom-app", { ...clear, ...APP })).status).toBe(422);
    expect((await post("/console/channels/wecom-app", clear)).status).toBe(303);
    expect((await world.admin.get("/channels/wecom-app")).body.ready).toBe(false);
  });

  it("does not overwrite what somebody else saved meanwhile, and a second click changes nothing", async () => {
    const form = { version: await versionOf("dingtalk"), "window-0-count": "10", "window-0-seconds": "60" };
    expect((await post("/console/channels/dingtalk", form)).status).toBe(303);
    expect((await post("/console/channels/dingtalk", form)).status).toBe(303);
    expect((await world.admin.get("/channels/dingtalk")).body).toMatchObject({
      version: 1,
      limits: { windows: [{ count: 10, seconds: 60 }] },
    });
    expect((await read("/console/channels")).text).toContain("每分钟10条（已调整）");
    const stale = await post("/console/channels/dingtalk", { ...form, "window-0-count": "5" });
    expect(stale.status).toBe(412);
    expect(stale.text).toContain("设置刚被他人改过");
    expect(stale.text).toMatch(/id="window-0-count"[^>]*value="10"/);
    const back = { version: await versionOf("dingtalk"), "window-0-count": "", "window-0-seconds": "" };
    expect((await post("/console/channels/dingtalk", back)).status).toBe(303);
    expect((await world.admin.get("/channels/dingtalk")).body.limits.windows).toEqual([{ count: 20, seconds: 60 }]);
  });

  it("lets people choose where there are few values", async () => {
    const page = "/console/channels/official-account";
    const empty = await read(page);
    expect(empty.text).toMatch(/<label for="set-kind">账号类型<\/label><select id="set-kind" name="set-kind">/);
    expect(empty.text).toContain('<option value="" selected>默认（公众号（订阅号））</option>');
    const account = { "set-appId": "wx0123456789abcdef", "set-appSecret": "a".repeat(32) };
    const wrong = await post(`${page}?lang=en`, { version: "0", ...account, "set-kind": "person" });
    expect(wrong.status).toBe(422);
    expect(wrong.text).toMatch(/<select id="set-kind"[^>]*aria-describedby="set-kind-wrong" aria-invalid="true">/);
    expect(wrong.text).toContain("must be one of: subscription, service");
    expect((await post(page, { version: "0", ...account, "set-kind": "service" })).status).toBe(303);
    expect((await read(page)).text).toContain('<option value="service" selected>服务号</option>');
    const version = await versionOf("official-account");
    expect((await post(page, { version, "clear-set-appSecret": "yes" })).status).toBe(303);
    expect((await world.admin.get("/channels/official-account")).body.settings[2]).not.toHaveProperty("value");
  });

  it("calls mail ready only when there is a way to send it", async () => {
    const form = { version: "0", "set-from": "news@example.gov.cn" };
    expect((await post("/console/channels/email", form)).status).toBe(303);
    const page = await read("/console/channels/email");
    expect(page.text).toContain("还缺发信方式");
    expect((await world.admin.get("/channels/email")).body.ready).toBe(false);
    const smtp = {
      version: "1",
      ...{ "set-from": "news@example.gov.cn", "set-smtpUrl": "smtp://u:geheim@127.0.0.1:2525" },
    };
    expect((await post("/console/channels/email", smtp)).status).toBe(303);
    expect((await read("/console/channels/email")).text).not.toContain("geheim");
    expect((await world.admin.get("/channels/email")).body.ready).toBe(true);
  });

  it("shows a canary that is a key only in part, and keeps it until it is cleared", async () => {
    const key = "0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0";
    const canary = `https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=${key}`;
    const bad = await post("/console/channels/wecom-robot", { version: "0", canary: "https://example.org/" });
    expect(bad.status).toBe(422);
    expect(bad.text).toContain('id="canary-wrong"');
    expect((await post("/console/channels/wecom-robot", { version: "0", canary })).status).toBe(303);
    const { text } = await read("/console/channels/wecom-robot");
    expect(text).toContain("0f1e…e1f0");
    expect(text).not.toContain(key);
    expect((await read("/console/channels")).text).not.toContain(key);
    const pace = { version: "1", canary: "", "window-0-count": "9", "window-0-seconds": "60" };
    expect((await post("/console/channels/wecom-robot", pace)).status).toBe(303);
    expect((await world.admin.get("/channels/wecom-robot")).body.canary).toContain("0f1e…e1f0");
    expect(
      (await post("/console/channels/wecom-robot", { version: "2", canary: "", "clear-canary": "yes" })).status,
    ).toBe(303);
    expect((await world.admin.get("/channels/wecom-robot")).body.canary).toBeUndefined();
  });
});

it("sends a test to the canary the way everything is sent, once for two clicks, and leads to its ledger", async () => {
  expect((await post("/console/channels/webhook/test", {})).status).toBe(409);
  const canary = sink.url("/canary");
  expect((await post("/console/channels/webhook", { version: "0", canary })).status).toBe(303);
  expect((await read("/console/channels/webhook")).text).toContain("发一条测试");
  const clicks = [await post("/console/channels/webhook/test", {}), await post("/console/channels/webhook/test", {})];
  expect(clicks.map(({ status }) => status)).toEqual([303, 303]);
  await world.until(async () => sink.received.some(({ path }) => path === "/canary"));
  const ledger = clicks[0]?.location ?? "";
  await world.until(async () => (await read(ledger)).text.includes("已结清"));
  expect((await read(ledger)).text).toContain("渠道测试");
  const tests = new Set(clicks.map(({ location }) => location)).size; // two when the minute changed between them
  await world.until(async () => sink.received.filter(({ path }) => path === "/canary").length >= tests);
  expect(sink.received.filter(({ path }) => path === "/canary")).toHaveLength(tests);
  expect((await world.anyone.get("/announcements")).body.items).toEqual([]);
});

describe("a clerk who sets up mail and tries it at once", () => {
  const ways = [
    ["settings and test endpoint in one form", 1],
    ["the settings first, the test endpoint right after", 2],
  ] as const;

  it.each(ways)("succeeds with %s", async (_, forms) => {
    const own = await openWorld();
    const smtp = await startSmtpSink();
    try {
      const signIn = await own.fetch(await own.signInPath(["admin"]), {
        method: "POST",
        headers: { origin: own.url },
      });
      const headers = {
        cookie: signIn.headers.get("set-cookie")?.split(";")[0] ?? "",
        origin: own.url,
        "content-type": "application/x-www-form-urlencoded",
      };
      const press = (path: string, fields: Record<string, string>) =>
        own.fetch(path, { method: "POST", headers, body: new URLSearchParams(fields).toString() });
      const mail = { endpoint: { channel: "email", address: "me@example.org" }, topics: ["all"] };
      // Everybody remembers now that mail is not set up.
      expect((await own.anyone.post("/subscriptions", mail)).body.errors?.[0].code).toBe("CHANNEL_NOT_SET_UP");
      const settings = { "set-from": "n@county.example", "set-smtpUrl": `smtp://127.0.0.1:${smtp.port}` };
      const canary = "duty@example.org";
      const first = { version: "0", ...settings, ...(forms === 1 ? { canary } : {}) };
      expect((await press("/console/channels/email", first)).status).toBe(303);
      if (forms === 2)
        expect((await press("/console/channels/email", { version: "1", ...settings, canary })).status).toBe(303);
      expect((await press("/console/channels/email/test", {})).status).toBe(303);
      expect((await smtp.next(canary)).subject).toContain("渠道测试");
      expect(await (await own.fetch("/subscribe")).text()).toContain('value="email"');
      expect((await own.anyone.post("/subscriptions", mail)).status).toBe(202);
      await smtp.next("me@example.org");
    } finally {
      await own.close();
      await smtp.close();
    }
  });
});
