import type { Browser } from "playwright-core";
import { afterAll, beforeAll, expect, it } from "vitest";
import { startWebhookSink, type WebhookSink } from "#tests/receivers/webhook-sink.ts";
import { openWorld, type TestWorld } from "#tests/world.ts";
import { violations } from "./axe.ts";
import { launchBrowser } from "./chromium.ts";

const SHOTS = process.env["GAOSHI_SHOTS"];

let world: TestWorld;
let sink: WebhookSink;
let browser: Browser;
let id: string;

beforeAll(async () => {
  sink = await startWebhookSink();
  world = await openWorld({ bot: true });
  await world.admin.put("/units/center", { name: "某县互联网信息中心" });
  await world.admin.put("/columns/now", { name: "即时通知", kind: "notice", mayBreakQuietHours: false, approvals: 0 });
  const room = world.room("网信员工作群");
  const places = [sink.url("/good"), sink.url("/gone"), sink.url("/busy")];
  sink.answer("/gone", { status: 410 });
  sink.answer("/busy", { status: [503, 200] });
  await world.imported([...places, room.address], { topics: ["column:now"] });
  world.wechat.next("no-id");
  const editor = await world.member("editor", "center");
  const content = { title: "明日停水", body: "三月二日八时至十二时停水。", column: "now", unitId: "center" };
  const draft = await editor.post("/announcements", content);
  id = draft.body.id;
  await editor.post(`/announcements/${id}/publish`, { contentHash: draft.body.contentHash });
  await world.until(async () => {
    const { body } = await editor.get(`/announcements/${id}/ledger`);
    return body.unknown === 1 && body.failed === 1;
  });
  browser = await launchBrowser();
});
afterAll(async () => {
  await browser?.close();
  await world?.close();
  await sink?.close();
});

it("the editor sees who did not get it and why, settles what nobody knows, and sends again", async () => {
  const context = await browser.newContext({ locale: "zh-CN", viewport: { width: 1280, height: 900 } });
  const page = await context.newPage();
  await page.goto(world.url + (await world.signInPath(["editor"], "center")));
  await page.getByRole("button", { name: "登录" }).click();
  await page.getByRole("link", { name: "逐条查看" }).first().click();
  // The page comes again by itself while a push waits, perhaps under the checks.
  await page.goto(`${world.url}/console/announcements/${id}?refresh=off`);
  expect(await page.locator("tbody").first().textContent()).toContain("合计");
  for (const width of [360, 1280]) {
    await page.setViewportSize({ width, height: 900 });
    if (SHOTS) await page.screenshot({ path: `${SHOTS}/ledger-${width}.png`, fullPage: true });
    const sideways = await page.evaluate("document.documentElement.scrollWidth - innerWidth");
    expect(sideways).toBeLessThanOrEqual(0);
    expect(await violations(page)).toEqual([]);
  }
  await page.getByRole("link", { name: "未知" }).click();
  const howYouKnow = page.getByLabel("依据");
  await howYouKnow.fill("群主截图为证");
  let posts = 0;
  page.on("request", (request) => void (request.method() === "POST" && posts++));
  await howYouKnow.press("Enter");
  await page.waitForTimeout(300);
  expect([posts, await page.getByRole("status").count()]).toEqual([0, 0]);
  for (const width of [360, 1280]) {
    await page.setViewportSize({ width, height: 900 });
    if (SHOTS) await page.screenshot({ path: `${SHOTS}/settle-${width}.png`, fullPage: true });
    expect(await violations(page)).toEqual([]);
  }
  await page.getByRole("radio", { name: "已送达" }).check();
  await page.getByRole("button", { name: /^认定推送给/ }).click();
  expect(await page.getByRole("status").textContent()).toContain("已认定");
  await page.getByLabel("地址、订阅编号或接收端编号").fill(sink.url("/gone"));
  await page.getByRole("button", { name: "查找" }).click();
  expect(await page.getByText("地址已失效").count()).toBe(1);
  await page.getByRole("button", { name: /^重新推送给/ }).click();
  expect(await page.getByRole("status").textContent()).toContain("已重新推送");
  await page.getByLabel("地址、订阅编号或接收端编号").fill("https://nobody.example.org/");
  await page.getByRole("button", { name: "查找" }).click();
  expect(await page.getByText("没有以这个地址订阅的记录").count()).toBe(1);
  await context.close();
}, 60_000);

it("a clerk sees on a phone or in half a window whom each row is about, its state and when, without pushing tables aside", async () => {
  const context = await browser.newContext({ locale: "zh-CN", viewport: { width: 360, height: 900 } });
  const page = await context.newPage();
  await page.goto(world.url + (await world.signInPath(["admin"])));
  await page.getByRole("button", { name: "登录" }).click();
  const paths = { ledger: `/console/announcements/${id}?refresh=off`, console: "/console", access: "/console/access" };
  for (const [name, path] of Object.entries(paths))
    for (const query of ["", `${path.includes("?") ? "&" : "?"}lang=en`])
      for (const width of [320, 360, 600, 768, 900, 1024]) {
        await page.setViewportSize({ width, height: 900 });
        await page.goto(world.url + path + query);
        if (SHOTS)
          await page.screenshot({ path: `${SHOTS}/phone-${name}-${width}${query && "-en"}.png`, fullPage: true });
        expect(await page.locator(".scroll").count(), name).toBeGreaterThan(0);
        const hidden = await page
          .locator(".scroll")
          .evaluateAll((all) => all.map(({ scrollWidth, clientWidth }) => scrollWidth - clientWidth));
        expect(Math.max(...hidden), `${name} ${query} ${width}`).toBe(0);
        expect(await page.evaluate("document.documentElement.scrollWidth - innerWidth")).toBeLessThanOrEqual(0);
        expect(await violations(page), `${name} ${query} ${width}`).toEqual([]);
      }
  await page.setViewportSize({ width: 360, height: 900 });
  await page.goto(world.url + paths.ledger);
  const deliveries = page.getByRole("region", { name: "推送明细" }).getByRole("table");
  expect(await deliveries.getByRole("columnheader").allTextContents()).toEqual(["接收端", "状态", "每次尝试", "操作"]);
  const good = deliveries.getByRole("row").filter({ has: page.getByRole("rowheader", { name: sink.url("/good") }) });
  const [state, tries] = [good.getByRole("cell").nth(0), good.getByRole("cell").nth(1)];
  expect(await state.textContent()).toContain("已送达");
  expect(await tries.locator("time").count()).toBe(1);
  const label = await state.evaluate((cell) => {
    const { getComputedStyle } = globalThis as unknown as {
      getComputedStyle(of: unknown, part: string): { content: string };
    };
    return getComputedStyle(cell, "::before").content;
  });
  expect(label).toContain("状态");
  const balance = page.getByRole("region", { name: "各渠道" }).getByRole("row").filter({ hasText: "合计" });
  expect(await balance.getByRole("cell").allTextContents()).toHaveLength(7);
  await context.close();
}, 120_000);

it("anybody sees the status of the service", async () => {
  await world.admin.put("/columns/late", { name: "迟到", kind: "notice", mayBreakQuietHours: true, approvals: 0 });
  const endpoint = { channel: "webhook", address: sink.url("/late") };
  sink.answer("/late", { status: 503 });
  const line = JSON.stringify({ endpoint, topics: ["column:late"], confirmed: true, basis: "登记表" });
  await world.admin.post("/subscriptions/import", line, "application/x-ndjson");
  const editor = await world.member("editor", "center");
  const late = await editor.post("/announcements", { title: "待推", body: "。", column: "late", unitId: "center" });
  await editor.post(`/announcements/${late.body.id}/publish`, { contentHash: late.body.contentHash });
  await world.until(async () => (await editor.get(`/announcements/${late.body.id}/ledger`)).body.waiting === 1);
  const context = await browser.newContext({ locale: "zh-CN" });
  const page = await context.newPage();
  for (const [width, query] of [
    [360, ""],
    [360, "?lang=en"],
    [1280, "?lang=en"],
  ] as const) {
    await page.setViewportSize({ width, height: 900 });
    await page.goto(`${world.url}/status${query}`);
    expect(await page.getByRole("main").textContent()).toMatch(/最早自|since/);
    if (SHOTS) await page.screenshot({ path: `${SHOTS}/status-${width}.png`, fullPage: true });
    expect(await violations(page)).toEqual([]);
    expect(await page.evaluate("document.documentElement.scrollWidth - innerWidth")).toBeLessThanOrEqual(0);
  }
  await context.close();
}, 60_000);

it("an admin at a desk and a subscriber on a phone find where what was missed is sent, and read what came of it", async () => {
  await world.admin.put("/columns/missed", { name: "补发", kind: "notice", mayBreakQuietHours: true, approvals: 0 });
  const editor = await world.member("editor", "center");
  const draft = await editor.post("/announcements", {
    ...{ title: "停电通知", body: "三月三日停电。", column: "missed", unitId: "center" },
  });
  const { id: missed, contentHash } = draft.body;
  await editor.post(`/announcements/${missed}/publish`, { contentHash });
  await world.until(async () => (await editor.get(`/announcements/${missed}/ledger`)).body.closed === true);
  const { body: asked } = await world.anyone.post("/subscriptions", {
    endpoint: { channel: "webhook", address: sink.url("/missed") },
    topics: ["column:missed"],
  });
  const owner = world.as(asked.manageToken);
  await world.until(async () => (await owner.get(`/subscriptions/${asked.id}`)).body.status === "confirmed");
  for (const [lang, label, button] of [
    ["zh-CN", "自哪天起（北京时间）", /补发/],
    ["en", "Since which day (Beijing time)", /^Send (what it|me what I) missed$/],
  ] as const) {
    const context = await browser.newContext({ locale: lang });
    const page = await context.newPage();
    const look = async (name: string) => {
      for (const width of [360, 1280]) {
        await page.setViewportSize({ width, height: 900 });
        if (SHOTS) await page.screenshot({ path: `${SHOTS}/${name}-${lang}-${width}.png`, fullPage: true });
        expect(await page.evaluate("document.documentElement.scrollWidth - innerWidth")).toBeLessThanOrEqual(0);
        expect(await violations(page), `${name} ${lang} ${width}`).toEqual([]);
      }
    };
    await page.goto(`${world.url}/manage?lang=${lang}`);
    await page.locator("#id").fill(asked.id);
    await page.locator("#token").fill(asked.manageToken);
    await page.locator("main form button").click();
    expect(await page.getByLabel(label).inputValue()).toMatch(/^\d{4}-\d\d-\d\d$/);
    await look("manage");
    await page.getByRole("button", { name: button }).click();
    expect(await page.getByRole("status").count()).toBe(1);
    await look("manage-done");
    await page.goto(world.url + (await world.signInPath(["admin"])));
    await page.getByRole("button", { name: lang === "en" ? "Sign in" : "登录" }).click();
    await page.goto(`${world.url}/console/announcements/${missed}?lang=${lang}&endpoint=${sink.url("/missed")}`);
    await look("desk");
    await page.getByRole("button", { name: button }).click();
    expect(await page.getByRole("status").count()).toBe(1);
    await look("desk-done");
    await context.close();
  }
  await sink.until(1, "/missed");
}, 120_000);
