import { afterAll, afterEach, beforeAll, expect, it } from "vitest";
import { type MockWechat, mockWechat } from "#src/bot/mock.ts";
import { type Bot, startBot } from "#src/bot/start.ts";
import { createSignInLink, signIn } from "#src/domain/members/sign-in.ts";
import { silentLog } from "#src/log.ts";
import { testApp } from "#tests/app.ts";

/** The machine may be busy. */
const poll = <T>(value: () => T) => expect.poll(value, { timeout: 15_000 });
const BASE = "http://127.0.0.1:8787";
const clock = { now: () => new Date(), pass: () => {} };
const { ask, deps, platform } = testApp({ clock });
let cookie: string;
let bot: Bot | undefined;
let wechat: MockWechat;

beforeAll(async () => {
  cookie = await enter("管理员", "admin");
});
afterEach(async () => {
  await bot?.stop();
  bot = undefined;
});
afterAll(() => platform.stop());

async function enter(memberName: string, role: "admin" | "editor"): Promise<string> {
  const { session } = await signIn(deps, (await createSignInLink(deps, { memberName, roles: [role] })).secret);
  return `gaoshi=${session}`;
}

const read = (path = "/console/bot", headers: Record<string, string> = { cookie }) =>
  ask("GET", path, { headers: { accept: "text/html", ...headers } });
const drop = (headers: Record<string, string> = { cookie, origin: BASE }) =>
  ask("POST", "/console/bot/drop-session", { body: "", headers: { accept: "text/html", ...headers } });
const page = async () => (await read()).text;

async function start(): Promise<void> {
  wechat = await mockWechat();
  const { table, bucket } = platform;
  const timing = { pollMs: 20, reportMs: 5, beatMs: 50, backoffMs: [20] };
  bot = await startBot({ puppet: wechat.puppet, table, bucket, log: silentLog, answer: async () => undefined, timing });
}

it("says that no bot is configured", async () => {
  expect((await read("/console")).text).toContain("/console/bot");
  const answer = await read();
  expect(answer.text).toContain("未配置");
  expect(answer.text).toContain("GAOSHI_WECHATY_PUPPET");
  expect((await read("/console/bot?lang=en")).text).toContain("No bot is running");
});

it("shows the QR code while it waits, who is logged in then, and never the code afterwards", async () => {
  await start();
  await poll(page).toContain("等待扫码");
  const waiting = await read();
  expect(waiting.text).toMatch(/<svg class="qr"[^>]*role="img" aria-label="登录二维码"/);
  expect(waiting.text).not.toContain("login.weixin.qq.com");
  expect(waiting.headers.get("cache-control")).toBe("no-store");
  expect(waiting.headers.get("refresh")).toBe("5");
  expect((await read("/console/bot?refresh=off")).headers.get("refresh")).toBeNull();
  wechat.scan("", 3);
  await poll(page).toContain("请在手机上确认");
  wechat.login();
  await poll(page).toContain("已登录");
  const there = await read();
  expect(there.text).toContain("<strong>告示</strong>");
  expect(there.text).not.toContain('class="qr"');
  expect(there.headers.get("refresh")).toBe("30");
});

it("shows the last message that left and the last error, as text", async () => {
  await start();
  wechat.login();
  await poll(() => bot?.messenger() !== undefined).toBe(true);
  wechat.contact("zhang", "张三");
  await bot?.messenger()?.send("contact:zhang", { kind: "text", text: "x" });
  wechat.next({ error: "<script>alert(1)</script>" });
  await bot
    ?.messenger()
    ?.send("contact:zhang", { kind: "text", text: "x" })
    .catch(() => {});
  await poll(page).toContain("&lt;script&gt;");
  expect(await page()).toMatch(/最近一次成功发送<\/dt><dd><time/);
  wechat.next({ error: "操作过于频繁" });
  await bot
    ?.messenger()
    ?.send("contact:zhang", { kind: "text", text: "x" })
    .catch(() => {});
  await poll(page).toContain("静默至");
});

it("drops the login at the press of a button, and shows a new QR code", async () => {
  await start();
  wechat.login();
  await poll(page).toContain("已登录");
  const answer = await drop();
  expect([answer.status, answer.headers.get("location")]).toEqual([303, "/console/bot"]);
  expect((await drop()).status).toBe(303);
  await poll(page).toContain("等待扫码");
  expect(await platform.bucket.get("bot/wechaty.json")).toBeUndefined();
  expect(wechat.counts.starts).toBeGreaterThan(1);
});

it("is for signed-in admins on our own pages only", async () => {
  const editor = await enter("王编辑", "editor");
  for (const [status, headers] of [
    [401, {}],
    [403, { cookie: editor }],
  ] as [number, Record<string, string>][]) {
    expect((await read("/console/bot", headers)).status).toBe(status);
    expect((await drop({ ...headers, origin: BASE })).status).toBe(status);
  }
  for (const headers of [{ cookie }, { cookie, origin: "https://evil.example" }] as Record<string, string>[])
    expect((await drop(headers)).status).toBe(403);
  await start();
  await poll(page).toContain("等待扫码");
  for (const headers of [{}, { cookie: editor }] as Record<string, string>[])
    expect((await read("/console/bot", headers)).text).not.toContain('class="qr"');
});
