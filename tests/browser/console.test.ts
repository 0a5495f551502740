import type { Browser, BrowserContext, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startWebhookSink, type WebhookSink } from "#tests/receivers/webhook-sink.ts";
import { openWorld, type TestWorld } from "#tests/world.ts";
import { violations } from "./axe.ts";
import { launchBrowser } from "./chromium.ts";

const SHOTS = process.env["SHOTS"];

let world: TestWorld;
let sink: WebhookSink;
let browser: Browser;
const paths: Record<string, string> = {};

beforeAll(async () => {
  sink = await startWebhookSink();
  world = await openWorld({ bot: true });
  await world.admin.put("/units/center", { name: "云岭县互联网信息中心" });
  await world.admin.put("/columns/now", { name: "即时通知", kind: "notice", mayBreakQuietHours: false, approvals: 1 });
  await world.admin.put("/columns/free", { name: "免审通知", kind: "notice", mayBreakQuietHours: false, approvals: 0 });
  await world.admin.put("/channels/email", {
    settings: { from: "news@example.gov.cn", smtpUrl: "smtp://u:p@127.0.0.1:2525" },
  });
  await world.admin.put("/channels/webhook", { canary: sink.url("/canary") });
  await world.admin.put("/channels/wecom-robot", {
    windows: [{ seconds: 60, count: 10 }],
    canary: "https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0",
  });
  const robot = `https://oapi.dingtalk.com/robot/send?access_token=${"a".repeat(64)}`;
  const places = [sink.url("/good"), robot, ...Array.from({ length: 55 }, (_, i) => sink.url(`/many/${i}`))];
  const line = (address: string, more = {}) =>
    JSON.stringify({
      endpoint: { channel: address === robot ? "dingtalk" : "webhook", address },
      topics: ["column:now", ...(address === robot ? [] : ["column:free"])],
      ...{ confirmed: true, basis: "登记表", ...more },
    });
  const lines = [
    ...places.map((place) => line(place)),
    line(sink.url("/later"), { frequency: "daily", language: "en" }),
  ];
  await world.admin.post("/subscriptions/import", lines.join("\n"), "application/x-ndjson");
  const editor = await world.member("editor", "center");
  const summary = "因管网改造，三月二日八时至十二时城东片区停水，请提前储水。".repeat(12);
  const draft = async (content: object) =>
    (
      await editor.post("/announcements", {
        title: "关于城东片区临时停水的通知",
        body: summary,
        unitId: "center",
        ...content,
      })
    ).body;
  const waiting = await draft({ column: "now", summary, urgency: "important" });
  const nobody = await draft({ column: "faq", title: "没有人订阅的一篇文稿", tags: [] });
  const gone = await draft({ column: "free" });
  await editor.post(`/announcements/${gone.id}/publish`, { contentHash: gone.contentHash });
  await world.until(async () => (await editor.get(`/announcements/${gone.id}/ledger`)).body.delivered >= 56, 30);
  Object.assign(paths, {
    console: "/console",
    channels: "/console/channels",
    "channel-email": "/console/channels/email",
    "channel-robot": "/console/channels/wecom-robot",
    "channel-account": "/console/channels/official-account",
    "channel-saved": "/console/channels/webhook?done=saved",
    "channel-wechaty": "/console/channels/wechaty",
    rehearsal: `/console/announcements/${waiting.id}`,
    "rehearsal-nobody": `/console/announcements/${nobody.id}`,
    "ledger-rows": `/console/announcements/${gone.id}?refresh=off`,
    "ledger-held": `/console/announcements/${gone.id}?state=held`,
    subscribe: "/subscribe",
  });
  browser = await launchBrowser();
}, 60_000);
afterAll(async () => {
  await browser?.close();
  await world?.close();
  await sink?.close();
});

async function enter(options: Parameters<Browser["newContext"]>[0]): Promise<{ page: Page; context: BrowserContext }> {
  const context = await browser.newContext({ locale: "zh-CN", ...options });
  const page = await context.newPage();
  await page.goto(world.url + (await world.signInPath(["admin"])));
  await page.getByRole("button", { name: "登录" }).click();
  return { page, context };
}

const overflow = (page: Page) => page.evaluate("document.documentElement.scrollWidth - innerWidth");
const inQuery = (path: string, query: string) => `${path}${query && `${path.includes("?") ? "&" : "?"}${query}`}`;

describe.each([
  { width: 360, scheme: "light", query: "" },
  { width: 1280, scheme: "dark", query: "" },
  { width: 360, scheme: "dark", query: "lang=en" },
  { width: 1280, scheme: "light", query: "lang=en" },
] as const)("at $width px, $scheme $query", ({ width, scheme, query }) => {
  it("every page of the console is accessible and needs no sideways scrolling", async () => {
    const { page, context } = await enter({ viewport: { width, height: 900 }, colorScheme: scheme });
    const found: string[] = [];
    for (const [name, path] of Object.entries(paths)) {
      await page.goto(world.url + inQuery(path, query));
      if (SHOTS)
        await page.screenshot({ path: `${SHOTS}/${name}-${width}-${scheme}-${query || "zh"}.png`, fullPage: true });
      found.push(...(await violations(page)).map((one) => `${name} ${one}`));
      expect(await overflow(page), name).toBeLessThanOrEqual(0);
    }
    expect(found).toEqual([]);
    await context.close();
  }, 180_000);
});

it("nothing has to be scrolled sideways on a 320 px screen, at 200 % zoom, or with text twice as large", async () => {
  const { page, context } = await enter({});
  for (const [name, path] of Object.entries(paths))
    for (const query of ["", "lang=en"]) {
      await page.goto(world.url + inQuery(path, query));
      for (const [width, size] of [
        [320, ""],
        [640, ""],
        [1280, "225%"],
      ] as const) {
        await page.setViewportSize({ width, height: 800 });
        await page.evaluate(`document.documentElement.style.fontSize = "${size}"`);
        expect(await overflow(page), `${name} ${query} ${width} ${size}`).toBeLessThanOrEqual(0);
      }
    }
  await context.close();
}, 180_000);

it("an admin without script sets a channel's pace, is told at the field what is wrong, and sends a test", async () => {
  const { page, context } = await enter({ javaScriptEnabled: false, viewport: { width: 360, height: 800 } });
  await page.getByRole("link", { name: "推送渠道" }).click();
  await page.getByRole("link", { name: "系统接口（Webhook）" }).click();
  await page.getByRole("button", { name: "发一条测试" }).click();
  await page.getByText("渠道测试").first().waitFor();
  await page.goto(`${world.url}/console/channels/feishu`);
  await page.getByLabel("至多条数").first().fill("五");
  await page.getByLabel("每多少秒").first().fill("60");
  await page.getByRole("button", { name: "保存" }).click();
  expect(await page.getByRole("alert").textContent()).toContain("条数为1至1000的整数");
  await page.getByLabel("至多条数").first().fill("5");
  await page.getByRole("button", { name: "保存" }).click();
  expect(await page.getByRole("status").textContent()).toContain("已保存");
  expect(await page.getByLabel("至多条数").first().inputValue()).toBe("5");
  await context.close();
}, 60_000);
