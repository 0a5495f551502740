import { createECDH, randomBytes } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { ChannelName } from "#src/domain/deliveries/channel.ts";
import { jsonLog } from "#src/log.ts";
import { type RobotVendors, startRobotVendors } from "#tests/receivers/robot-vendors.ts";
import { startWebhookSink, type WebhookSink } from "#tests/receivers/webhook-sink.ts";
import { startWechatApi, type WechatApi } from "#tests/receivers/wechat-api.ts";
import { openWorld, type TestWorld } from "#tests/world.ts";

const APP = { corpId: "ww0123456789abcdef", secret: "s".repeat(43), agentId: "1000002" };
const ACCOUNT = { appId: "wx0123456789abcdef", appSecret: "a".repeat(32) };

let world: TestWorld;
let api: WechatApi;
let sink: WebhookSink;
let robots: RobotVendors;
let ahead = 0;
const lines: string[] = [];

beforeAll(async () => {
  api = await startWechatApi();
  sink = await startWebhookSink();
  robots = await startRobotVendors();
  const now = () => new Date(Date.now() + ahead);
  world = await openWorld({
    origins: { ...robots.origins, "official-account": api.origin, "wecom-app": api.origin },
    log: jsonLog((line) => lines.push(line), now),
    now,
  });
});
afterAll(async () => {
  await world.close();
  await api.close();
  await robots.close();
  await sink.close();
});

const channel = async (name: string) => (await world.admin.get(`/channels/${name}`)).body;
const imported = ({ endpoint, topics = ["all"] }: { endpoint: object; topics?: string[] }) =>
  world.imported([endpoint], { topics });

describe("a channel that is set up", () => {
  it("is ready when a way out is named as well, whichever it is", async () => {
    expect((await world.admin.put("/channels/email", { settings: { from: "n@county.example" } })).body.ready).toBe(
      false,
    );
    const smtp = await world.admin.put("/channels/email", { settings: { smtpUrl: "smtp://127.0.0.1:2525" } });
    expect(smtp.body.ready).toBe(true);
    const none = await world.admin.put("/channels/email", { settings: { smtpUrl: null } });
    expect(none.body.ready).toBe(false);
    const ses = await world.admin.put("/channels/email", { settings: { sesRegion: "cn-north-1" } });
    expect(ses.body.ready).toBe(true);
    await world.admin.put("/channels/email", { settings: { sesRegion: null, from: null } });
  });

  it("takes its canary in the same word as what makes it ready", async () => {
    const early = await world.admin.put("/channels/wecom-app", { canary: "user:duty" });
    expect([early.status, early.body.errors?.[0].pointer]).toEqual([422, "/canary"]);
    const set = await world.admin.put("/channels/wecom-app", { settings: APP, canary: "user:duty" });
    expect([set.status, set.body.ready, set.body.canary]).toEqual([200, true, "user:duty"]);
    const account = await world.admin.put("/channels/official-account", { settings: ACCOUNT, canary: "followers" });
    expect([account.status, account.body.canary]).toEqual([200, "followers"]);
    const settings = { from: "n@county.example", smtpUrl: "smtp://127.0.0.1:2525" };
    const mail = await world.admin.put("/channels/email", { settings, canary: "duty@county.example" });
    expect([mail.status, mail.body.canary]).toEqual([200, "d***@county.example"]);
    for (const name of ["wecom-app", "official-account", "email"])
      expect((await world.admin.put(`/channels/${name}`, { canary: null })).status).toBe(200);
  });

  it("takes no canary that lacks what only its owner has", async () => {
    const browser = await world.admin.put("/channels/web-push", { canary: sink.url("/push/abc") });
    expect([browser.status, browser.body.errors?.[0].pointer]).toEqual([422, "/canary"]);
  });
});

describe("a setting that has few values", () => {
  it("names them with words, takes them, and says them to whoever enters another one", async () => {
    const kind = async (language: string) =>
      (await world.admin.get("/channels/official-account", { "accept-language": language })).body.settings.find(
        (one: { name: string }) => one.name === "kind",
      );
    const values = ["subscription", "service"];
    expect((await kind("zh-CN")).choices).toEqual([
      { value: values[0], label: "公众号（订阅号）" },
      { value: values[1], label: "服务号" },
    ]);
    expect((await kind("en")).choices[1]).toEqual({ value: "service", label: "Service account" });
    const put = (settings: object) => world.admin.put("/channels/official-account", { settings });
    const refused = await put({ kind: "Service", broadcast: "all" });
    expect([refused.status, refused.headers.get("content-type")]).toEqual([422, "application/problem+json"]);
    expect(refused.body.errors).toMatchObject([
      { pointer: "/settings/kind", code: "SETTING_CHOICE", detail: "只能是以下之一：subscription、service" },
      { pointer: "/settings/broadcast", detail: "只能是以下之一：mass、publish、mass-or-publish" },
    ]);
    expect((await put({ kind: "service" })).status).toBe(200);
    expect((await kind("en")).value).toBe("service");
    expect((await put({ kind: null })).status).toBe(200);
  });
});

describe("a channel on which nothing of ours is signed", () => {
  const places = [
    { channel: "wechaty", address: "room:1@chatroom" },
    { channel: "wecom-app", address: "user:anna" },
    { channel: "official-account", address: `openid:${"o".repeat(28)}` },
    { channel: "email", address: "anna@example.org" },
  ];

  it.each(places)("makes no secret and takes none: $channel", async (endpoint) => {
    const secret = Buffer.alloc(32, 7).toString("base64");
    const refused = await world.anyone.post("/subscriptions", { endpoint: { ...endpoint, secret }, topics: ["all"] });
    expect([refused.status, refused.body.errors]).toMatchObject([
      422,
      [{ pointer: "/endpoint/secret", code: "SECRET_NOT_USED" }],
    ]);
    const asked = await world.anyone.post("/subscriptions", { endpoint, topics: ["all"] });
    expect(asked.status).toBe(202);
    expect(JSON.stringify(asked.body)).not.toMatch(/whsec_|"secret"/);
  });

  it("cannot become a webhook without a secret: pushes there would be signed by nobody's key", async () => {
    const asked = await world.anyone.post("/subscriptions", { endpoint: places[0], topics: ["all"] });
    const { id, manageToken } = asked.body;
    const me = world.as(manageToken);
    const { etag } = await me.get(`/subscriptions/${id}`);
    const to = { channel: "webhook", address: sink.url("/moved") };
    const moved = await me.patch(`/subscriptions/${id}`, { endpoint: to }, { "if-match": etag });
    expect([moved.status, moved.body.errors?.[0].code]).toEqual([422, "SECRET_REQUIRED"]);
  });
});

describe("what a WebSub subscriber agreed on at the hub", () => {
  it("is changed by nobody else, not by an import, and can be ended", async () => {
    await world.admin.put("/columns/alerts", { name: "预警", kind: "alert", mayBreakQuietHours: true, approvals: 0 });
    const asked = await world.fetch("/websub", {
      method: "POST",
      headers: { "content-type": "application/x-www-form-urlencoded" },
      body: new URLSearchParams({
        "hub.mode": "subscribe",
        "hub.topic": `${world.url}/columns/alerts/feed.atom`,
        "hub.callback": sink.url("/callback-nobody-guesses"),
      }).toString(),
    });
    expect(asked.status).toBe(202);
    const list = async () => (await world.admin.get("/subscriptions?limit=100")).body.items;
    const mine = async () =>
      (await list()).find((one: { endpoint: { channel: string } }) => one.endpoint.channel === "websub");
    await world.until(async () => (await mine()) !== undefined);
    const { id } = await mine();
    const { etag } = await world.admin.get(`/subscriptions/${id}`);
    for (const change of [{ topics: ["all"] }, { frequency: "daily" }]) {
      const changed = await world.admin.patch(`/subscriptions/${id}`, change, { "if-match": etag });
      expect([changed.status, changed.body.errors?.[0]]).toMatchObject([
        422,
        { pointer: `/${Object.keys(change)[0]}`, code: "AT_THE_HUB" },
      ]);
    }
    const address = `${sink.url("/callback-2")} /feed.atom`;
    expect(await imported({ endpoint: { channel: "websub", address } })).toMatchObject({
      ...{ accepted: 0, rejected: 1 },
      errors: [{ code: "AT_THE_HUB" }],
    });
    expect(JSON.stringify(await list())).not.toContain("nobody-guesses");
    expect((await world.admin.delete(`/subscriptions/${id}`)).status).toBe(204);
  });

  it("as of a browser, cannot be imported without the browser's own keys", async () => {
    const answer = await imported({ endpoint: { channel: "web-push", address: sink.url("/push/1") } });
    expect(answer).toMatchObject({ accepted: 0, rejected: 1 });
  });
});

describe("an account that a vendor has stopped", () => {
  it("is shown to admins and on the status page with its reason, never by name, until the settings change", async () => {
    await world.admin.put("/columns/stopped", {
      name: "通知",
      kind: "notice",
      mayBreakQuietHours: false,
      approvals: 0,
    });
    await world.admin.put("/units/center", { name: "中心" });
    await world.admin.put("/channels/wecom-app", { settings: APP });
    // Settings count everywhere within ten seconds.
    ahead += 11_000;
    await imported({ endpoint: { channel: "wecom-app", address: "user:bertha" }, topics: ["column:stopped"] });
    expect((await channel("wecom-app")).paused).toEqual([]);
    api.always("/cgi-bin/message/send", { errcode: 48002 });
    const editor = await world.member("editor", "center");
    const text = { title: "停水", body: "周三停水。", column: "stopped", unitId: "center" };
    const { id, contentHash } = (await editor.post("/announcements", text)).body;
    expect((await editor.post(`/announcements/${id}/publish`, { contentHash })).status).toBe(202);
    await world.until(async () => (await channel("wecom-app")).paused.length > 0);
    const { paused } = await channel("wecom-app");
    expect(paused).toEqual([
      { because: "configuration", credentials: 1, since: expect.any(String), until: expect.any(String) },
    ]);
    expect(Date.parse(paused[0].until)).toBeGreaterThan(Date.now());
    expect(JSON.stringify(paused)).not.toMatch(/bertha|ww0123/);
    await world.until(async () => {
      const { channels } = (await world.anyone.get("/status")).body;
      return channels.find(({ name }: { name: string }) => name === "wecom-app").paused.length > 0;
    }, 15);
    const page = await (await world.fetch("/status", { headers: { accept: "text/html" } })).text();
    expect(page).toContain("设置有误");
    api.always("/cgi-bin/message/send", undefined);
    await world.admin.put("/channels/wecom-app", { settings: { secret: "t".repeat(43) } });
    expect((await channel("wecom-app")).paused).toEqual([]);
    // What waited for that goes out as soon as every worker reads it, and not at its own next try.
    await new Promise((ran) => setTimeout(ran, 300));
    ahead += 13_000;
    await world.until(
      async () => (await editor.get(`/deliveries?announcement=${id}`)).body.items[0]?.state === "delivered",
    );
  });
});

describe("what an address holds that is nobody else's", () => {
  // Complete by the compiler: a new channel has to say here what of its address is a secret, or that nothing is.
  const hidden: Record<ChannelName, ((key: string) => { address: string; secret?: string }) | undefined> = {
    webhook: undefined,
    wechaty: undefined,
    "wecom-app": undefined,
    websub: undefined, // held above: it cannot be imported
    "wecom-robot": (key) => ({
      address: `https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=a1b2c3d4-${key.slice(0, 4)}-2222-3333-${key.slice(0, 12)}`,
    }),
    dingtalk: (key) => ({ address: `https://oapi.dingtalk.com/robot/send?access_token=${key.padEnd(64, "e")}` }),
    feishu: (key) => ({
      address: `https://open.feishu.cn/open-apis/bot/v2/hook/a1b2c3d4-${key.slice(0, 4)}-2222-3333-${key.slice(0, 12)}`,
    }),
    "web-push": (key) => ({ address: sink.url(`/push/${key}/device01`), secret: browserKeys() }),
    email: (key) => ({ address: `${key}@example.org` }),
    "official-account": (key) => ({ address: `openid:oAbc${key}xyz0` }),
  };
  const key = "0123abcdef4567890123";

  it.each(Object.entries(hidden).filter(([, address]) => address))(
    "is in no answer, no page and no log line, and the full address still finds it: %s",
    async (channel, make) => {
      const endpoint = { channel, ...make?.(key) };
      const secrets = [key, key.slice(0, 12)];
      const slug = `hidden-${channel}`;
      await world.admin.put(`/columns/${slug}`, {
        name: "通知",
        kind: "notice",
        mayBreakQuietHours: false,
        approvals: 0,
      });
      await world.admin.put("/units/center", { name: "中心" });
      expect(await imported({ endpoint, topics: [`column:${slug}`] })).toMatchObject({ accepted: 1 });
      const editor = await world.member("editor", "center");
      const text = { title: "停水", body: "周三停水。", column: slug, unitId: "center" };
      const { id, contentHash } = (await editor.post("/announcements", text)).body;
      expect((await editor.post(`/announcements/${id}/publish`, { contentHash })).status).toBe(202);
      const rows = async () => (await editor.get(`/deliveries?announcement=${id}`)).body;
      await world.until(async () => {
        const [row] = (await rows()).items;
        return row !== undefined && (row.state !== "waiting" || row.attempts.length > 0);
      });
      const found = await editor.get(
        `/deliveries?announcement=${id}&endpoint=${encodeURIComponent(endpoint.address ?? "")}`,
      );
      expect(found.body.items).toHaveLength(1);
      expect(found.body.items[0].address).toMatch(/…|\*\*\*/);
      const signedIn = await world.fetch(await world.signInPath(["editor", "admin"]), {
        method: "POST",
        headers: { origin: world.url },
      });
      const cookie = signedIn.headers.get("set-cookie")?.split(";")[0] ?? "";
      const ledgerPage = await world.fetch(`/console/announcements/${id}`, {
        headers: { cookie, accept: "text/html" },
      });
      expect(ledgerPage.status).toBe(200);
      const page = await ledgerPage.text();
      expect(page).toContain(channel === "email" ? "***" : "…");
      const answers = [
        await rows(),
        found.body,
        (await world.admin.get("/subscriptions?limit=100")).body,
        (await world.admin.get("/channels")).body,
        (await world.anyone.get("/status")).body,
        (await editor.get(`/announcements/${id}/rehearsal`)).body,
        page,
        lines.join("\n"),
      ].map((answer) => JSON.stringify(answer));
      for (const secret of secrets) for (const answer of answers) expect(answer).not.toContain(secret);
    },
    30_000,
  );
});

function browserKeys(): string {
  const ecdh = createECDH("prime256v1");
  return `${ecdh.generateKeys("base64url")}.${randomBytes(16).toString("base64url")}`;
}
