import type { AddressInfo } from "node:net";
import { serve } from "@hono/node-server";
import type { Browser, BrowserContextOptions, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { makeEgress } from "#src/channels/egress.ts";
import { makeChannels } from "#src/channels/index.ts";
import { readConfig } from "#src/config.ts";
import { putBotState } from "#src/domain/conversations/bot-state.ts";
import { channelMemory } from "#src/domain/deliveries/channel-memory.ts";
import { leaveToken, manageToken } from "#src/domain/deliveries/endpoint-link.ts";
import { createSignInLink } from "#src/domain/members/sign-in.ts";
import { subscriptionItem } from "#src/domain/subscriptions/store.ts";
import type { Subscription } from "#src/domain/subscriptions/subscription.ts";
import { sha256 } from "#src/ids.ts";
import { silentLog } from "#src/log.ts";
import type { Table } from "#src/platform/table.ts";
import { testApp, testClock } from "#tests/app.ts";
import { confirmed } from "#tests/units/push-world.ts";
import { violations, WCAG } from "./axe.ts";
import { launchBrowser } from "./chromium.ts";
import { sampleCounty } from "./sample-county.ts";

const SHOTS = process.env["SHOTS"];

let browser: Browser;
let url: string;
let stop: () => void;
let paths: Record<string, string>;
let enter: () => Promise<string>;
let botSays: (state: Parameters<typeof putBotState>[1]) => Promise<void>;

beforeAll(async () => {
  const clock = testClock("2026-09-10T02:00:00.000Z");
  const listening = await new Promise<{ port: number; server: ReturnType<typeof serve> }>((resolve) => {
    const server = serve({ port: 0, hostname: "127.0.0.1", fetch: (request) => world.app.fetch(request) }, (at) =>
      resolve({ port: (at as AddressInfo).port, server }),
    );
  });
  url = `http://127.0.0.1:${listening.port}`;
  const world = testApp({
    clock,
    config: { ...readConfig({ GAOSHI_BASE_URL: url }), data: ":memory:" },
    channels: async () =>
      makeChannels({
        egress: makeEgress([]),
        baseUrl: url,
        links: { confirm: (id) => `${url}/confirm?s=${id}` },
        now: clock.now,
        log: silentLog,
        settings: async () => undefined,
        secret: async () => new Uint8Array(32),
        memory: channelMemory({ table: {} as Table, now: clock.now }),
        pushKey: () => Promise.reject(new Error("no push here")),
      }),
  });
  const county = await sampleCounty(world.deps);
  enter = async () => (await createSignInLink(world.deps, { memberName: "王编辑", roles: ["admin"] })).secret;
  botSays = (state) => putBotState(world.deps, state);
  paths = {
    front: "/",
    column: "/columns/notices",
    announcement: `/announcements/${county.urgent}`,
    corrected: `/announcements/${county.corrected}`,
    withdrawn: `/announcements/${county.withdrawn}`,
    reports: "/annual-reports",
    report: `/annual-reports/${county.report}`,
    subscribe: "/subscribe",
    "send-in": "/report",
    receipt: "/receipt",
    ...(await subscriptionPages(world.deps)),
    missing: "/nowhere",
  };
  stop = () => listening.server.close();
  browser = await launchBrowser();
});

afterAll(async () => {
  await browser?.close();
  stop?.();
});

/** What the links in mails lead to, with everything on it that a page can show. */
async function subscriptionPages(deps: ReturnType<typeof testApp>["deps"]): Promise<Record<string, string>> {
  const { table, secret } = deps;
  const address = "zhang@example.org";
  const own = { channel: "email", quietHours: { from: "22:00", to: "07:00" } };
  const topics: Subscription["topics"] = ["column:notices", "tag:放假", { all: ["unit:library", "urgency:urgent"] }];
  const known = await confirmed(table, address, { ...own, topics });
  const second = await confirmed(table, "li@example.org", { ...own, topics: ["all"] });
  await confirmed(table, "li@example.org", { ...own, topics: ["column:anti-fraud"], frequency: "weekly" });
  const asked = {
    ...known,
    id: "sub_00000000000000000000000001",
    status: "pending" as const,
    challengeHash: sha256("c"),
  };
  await table.putAll([subscriptionItem(asked)]);
  const manage = (endpoint: string) => `/manage?m=${manageToken(secret, endpoint, deps.now())}`;
  return {
    confirm: `/confirm?s=${asked.id}&c=c`,
    "confirm-over": `/confirm?s=${asked.id}&c=wrong`,
    "confirm-already": `/confirm?s=${await taken(deps, known)}&c=c`,
    unsubscribe: `/unsubscribe?t=${leaveToken(secret, known.endpoint)}&c=notices`,
    "unsubscribe-broken": "/unsubscribe?t=x",
    manage: manage(known.endpoint),
    "manage-two": manage(second.endpoint),
    "manage-token": "/manage",
    "manage-over": "/manage?m=x",
  };
}

async function taken(deps: ReturnType<typeof testApp>["deps"], known: Subscription): Promise<string> {
  const id = "sub_00000000000000000000000002";
  await deps.table.putAll([subscriptionItem({ ...known, id })]);
  return id;
}

type Seen = { page: Page; complaints: string[]; outside: string[] };

async function open(path: string, options: BrowserContextOptions = {}): Promise<Seen & { close: () => Promise<void> }> {
  const context = await browser.newContext({ locale: "zh-CN", ...options });
  const page = await context.newPage();
  const complaints: string[] = [];
  const outside: string[] = [];
  page.on("console", (message) => {
    if (["error", "warning"].includes(message.type()) && !message.text().includes("404"))
      complaints.push(message.text());
  });
  page.on("pageerror", (error) => complaints.push(error.message));
  page.on("request", (request) => {
    if (!request.url().startsWith(`${url}/`)) outside.push(request.url());
  });
  await page.goto(url + path);
  return { page, complaints, outside, close: () => context.close() };
}

const overflow = (page: Page) =>
  page.evaluate(() => {
    const { documentElement, defaultView } = (globalThis as unknown as { document: Shown }).document;
    return documentElement.scrollWidth - defaultView.innerWidth;
  });
type Shown = { documentElement: { scrollWidth: number }; defaultView: { innerWidth: number } };

const VIEWS = [
  { width: 360, scheme: "light", query: "" },
  { width: 1280, scheme: "dark", query: "" },
  { width: 360, scheme: "dark", query: "lang=en" },
  { width: 1280, scheme: "light", query: "lang=en" },
] as const;

describe.each(VIEWS)("at $width px, $scheme $query", ({ width, scheme, query }) => {
  it("every page meets WCAG 2.2 AA, complains of nothing and loads nothing from elsewhere", async () => {
    const seen = await open("/", { viewport: { width, height: 900 }, colorScheme: scheme });
    for (const [name, path] of Object.entries(paths)) {
      await seen.page.goto(`${url}${path}${query && `${path.includes("?") ? "&" : "?"}${query}`}`);
      if (SHOTS)
        await seen.page.screenshot({
          path: `${SHOTS}/${name}-${width}-${scheme}-${query || "zh"}.png`,
          fullPage: true,
        });
      expect(await violations(seen.page, WCAG), name).toEqual([]);
      expect(await overflow(seen.page), name).toBeLessThanOrEqual(0);
      expect([seen.complaints, seen.outside], name).toEqual([[], []]);
    }
    await seen.close();
  }, 180_000);
});

it("nothing has to be scrolled sideways on a 320 px screen, at 200 % zoom, or with text twice as large", async () => {
  const { page, close } = await open("/");
  for (const [name, path] of Object.entries(paths))
    for (const query of ["", "lang=en"]) {
      await page.goto(`${url}${path}${query && `${path.includes("?") ? "&" : "?"}${query}`}`);
      for (const [width, textSize] of [
        [320, ""],
        [640, ""],
        [1280, "225%"],
      ] as const) {
        await page.setViewportSize({ width, height: 800 });
        await page.evaluate((size) => {
          const { documentElement } = (globalThis as unknown as { document: Styled }).document;
          documentElement.style.fontSize = size;
        }, textSize);
        expect(await overflow(page), `${name} ${query} ${width} ${textSize}`).toBeLessThanOrEqual(0);
      }
    }
  await close();
}, 180_000);
type Styled = { documentElement: { style: { fontSize: string } } };

it("somebody with a keyboard reaches the content by the skip link first", async () => {
  const { page, close } = await open("/");
  await page.keyboard.press("Tab");
  const link = page.locator(":focus");
  expect(await link.textContent()).toBe("跳到正文");
  expect((await link.boundingBox())?.x).toBeGreaterThanOrEqual(0);
  await page.keyboard.press("Enter");
  expect(await page.evaluate("document.activeElement.id")).toBe("main");
  await close();
});

it("somebody without script sends in a case, gets the receipt and follows it", async () => {
  const { page, close } = await open("/", { javaScriptEnabled: false, viewport: { width: 360, height: 800 } });
  await page.getByRole("link", { name: "我要反映" }).click();
  await page.getByLabel("谣言").check();
  await page.getByLabel("标题").fill("网传停水三天");
  await page.getByLabel("情况说明").fill("朋友圈流传县城停水三天的消息，请核实。");
  await page.getByRole("button", { name: "提交" }).click();
  expect(await page.locator("#number").textContent()).toMatch(/^\d{8}-[0-9A-Z]{10}$/);
  await page.getByRole("button", { name: "查看办理进度" }).click();
  expect(await page.getByRole("heading", { level: 1 }).textContent()).toBe("网传停水三天");
  await close();
});

it("somebody signs in by a link, sees the ledgers and signs out", async () => {
  const seen = await open(`/sign-in/${await enter()}`);
  const { page } = seen;
  await page.getByRole("button", { name: "登录" }).click();
  expect(new URL(page.url()).pathname).toBe("/console");
  expect(await violations(page, WCAG)).toEqual([]);
  if (SHOTS) await page.screenshot({ path: `${SHOTS}/console.png`, fullPage: true });
  await page.goto(`${url}/console/access`);
  expect(await violations(page, WCAG)).toEqual([]);
  if (SHOTS) await page.screenshot({ path: `${SHOTS}/access.png`, fullPage: true });
  await page.goto(`${url}/console`);
  await page.getByRole("button", { name: "退出" }).click();
  expect(new URL(page.url()).pathname).toBe("/");
  expect(seen.complaints).toEqual([]);
  await seen.close();
});

it("an admin finds the bot's QR code, and what is wrong with the bot, on a phone and on a desk", async () => {
  const at = "2026-09-10T01:55:00.000Z";
  const known = { since: at, puppet: "wechaty-puppet-service", failedStarts: 0 };
  const lastError = { at, detail: "read ECONNRESET puppet.example:443" };
  const states = {
    none: undefined,
    waiting: {
      ...known,
      phase: "waiting",
      qr: { code: "https://login.weixin.qq.com/l/Qb3xY_z1Aw==", until: "2026-09-10T02:05:00.000Z" },
    },
    in: { ...known, phase: "in", account: "云岭告示", lastGoodSendAt: at },
    cooling: { ...known, phase: "cooling", account: "云岭告示", coolUntil: "2026-09-10T02:25:00.000Z", lastError },
    sick: { ...known, phase: "sick", failedStarts: 2, lastError },
  } as const;
  for (const [width, scheme, query] of [
    [360, "light", ""],
    [1280, "dark", "?lang=en"],
  ] as const) {
    const seen = await open(`/sign-in/${await enter()}`, { viewport: { width, height: 900 }, colorScheme: scheme });
    await seen.page.getByRole("button", { name: "登录" }).click();
    for (const [name, state] of Object.entries(states)) {
      if (state) await botSays(state);
      await seen.page.goto(`${url}/console/bot${query}`);
      if (SHOTS) await seen.page.screenshot({ path: `${SHOTS}/bot-${name}-${width}.png`, fullPage: true });
      expect(await violations(seen.page, WCAG), name).toEqual([]);
      expect(await overflow(seen.page), name).toBeLessThanOrEqual(0);
      expect(await seen.page.locator("svg.qr").count(), name).toBe(name === "waiting" ? 1 : 0);
    }
    await botSays(states.sick);
    expect([seen.complaints, seen.outside]).toEqual([[], []]);
    await seen.close();
  }
}, 120_000);

it("the feeds and the site map are well-formed to a real parser", async () => {
  const { page, close } = await open("/");
  for (const path of ["/feed.atom", "/feed.rss", "/columns/notices/feed.atom", "/sitemap.xml"]) {
    const text = await (await fetch(url + path)).text();
    const read = await page.evaluate((source) => {
      const parser = new (globalThis as unknown as { DOMParser: new () => Parser }).DOMParser();
      const parsed = parser.parseFromString(source, "application/xml");
      return { fault: parsed.querySelector("parsererror")?.textContent, root: parsed.documentElement.localName };
    }, text);
    expect(read.fault, path).toBeUndefined();
    expect(["feed", "rss", "urlset"], path).toContain(read.root);
  }
  await close();
});
type Parser = {
  parseFromString(
    source: string,
    type: string,
  ): {
    querySelector(selector: string): { textContent: string } | null;
    documentElement: { localName: string };
  };
};
