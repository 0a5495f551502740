import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, expect, it } from "vitest";
import type { Role } from "#src/domain/members/member.ts";
import { startWebhookSink, type WebhookSink } from "#tests/receivers/webhook-sink.ts";
import { openWorld, type TestWorld } from "#tests/world.ts";
import { violations } from "./axe.ts";
import { launchBrowser } from "./chromium.ts";

const SHOTS = process.env["GAOSHI_SHOTS"];
const CONTACT = {
  name: "欧阳小红",
  phone: "+86 138 0013 5678",
  email: "xiaohong@example.org",
  noticeVersion: "2026-1",
};

let world: TestWorld;
let sink: WebhookSink;
let browser: Browser;
let number: string;

beforeAll(async () => {
  sink = await startWebhookSink();
  world = await openWorld();
  await world.admin.put("/units/water", { name: "某县水务局" });
  const attachments = [{ name: "水样照片，今天早上在城关镇拍摄.png", type: "image/png", size: 10 }];
  const urls = [`https://evil.example/${"very-long-path/".repeat(12)}`];
  for (const more of [
    {},
    { unitId: "water", contact: CONTACT, urls, attachments, division: "610424", publish: true },
  ]) {
    const { body } = await world.anyone.post("/cases", {
      ...{ type: "service_complaint", title: "自来水有异味，已经三天了" },
      description: `城关镇今天早上的自来水有明显异味。\n${"https://example.org/unbroken".repeat(6)}`,
      ...more,
    });
    number = body.receipt.number;
  }
  browser = await launchBrowser();
});
afterAll(async () => {
  await browser?.close();
  await world?.close();
  await sink?.close();
});

/** On a phone, on a screen, and with everything twice as large: nothing to complain of and nothing to push sideways. */
async function looksRight(page: Page, name: string): Promise<void> {
  for (const [width, size] of [
    [360, 100],
    [1280, 100],
    [640, 200],
  ] as const) {
    await page.setViewportSize({ width, height: 900 });
    const large =
      size === 100 ? undefined : await page.addStyleTag({ content: "html { font-size: 200% }" }).catch(() => 0);
    if (SHOTS) await page.screenshot({ path: `${SHOTS}/${name}-${width}.png`, fullPage: true });
    expect(await page.evaluate("document.documentElement.scrollWidth - innerWidth"), `${name} ${width}`).toBeLessThan(
      1,
    );
    if (large === undefined) expect([name, width, await violations(page)]).toEqual([name, width, []]);
  }
}

async function signedIn(roles: Role[], language: string, unitId?: string): Promise<Page> {
  const context = await browser.newContext({ locale: language, bypassCSP: true });
  const page = await context.newPage();
  await page.goto(world.url + (await world.signInPath(roles, unitId)));
  await page.locator("main button").click();
  return page;
}

it("somebody on duty comes from the alarm to the case, and to its reporter by a reason, with the keyboard", async () => {
  const page = await signedIn(["duty-officer"], "zh-CN");
  await looksRight(page, "console-duty");
  await page.goto(`${world.url}/console?case=${number}`);
  await looksRight(page, "case");
  await page.getByRole("button", { name: "查看完整联系方式" }).focus();
  await page.keyboard.press("Shift+Tab");
  await page.keyboard.type("约定上门取样");
  if (SHOTS) await page.screenshot({ path: `${SHOTS}/case-focus.png` });
  await page.keyboard.press("Enter");
  await page.getByText("xiaohong@example.org").waitFor();
  await looksRight(page, "case-contact");
  await page.getByRole("link", { name: "返回事项列表" }).click();
  await looksRight(page, "cases");
  await page.goto(`${world.url}/console/cases/${number}?lang=en`);
  await looksRight(page, "case-en");
  await page.context().close();
}, 120_000);

it("an admin chooses a setting from a list and is told beside it what is wrong", async () => {
  const page = await signedIn(["admin"], "zh-CN");
  await page.goto(`${world.url}/console/channels/official-account`);
  await page.getByLabel("账号类型").selectOption("service");
  await looksRight(page, "channel-select");
  await page.getByLabel("全体推送方式").focus();
  if (SHOTS) await page.screenshot({ path: `${SHOTS}/channel-focus.png` });
  await page.context().close();
}, 120_000);

it("the holder of a subscription makes it a fallback and sees of what", async () => {
  const subscribe = async (path: string) => {
    const endpoint = { channel: "webhook", address: sink.url(path) };
    return (await world.anyone.post("/subscriptions", { endpoint, topics: ["all"] })).body;
  };
  const [first, second] = [await subscribe("/first-choice-of-somebody"), await subscribe("/second")];
  for (const { id, manageToken } of [first, second])
    await world.until(
      async () => (await world.as(manageToken).get(`/subscriptions/${id}`)).body.status === "confirmed",
    );
  const context = await browser.newContext({ locale: "en", bypassCSP: true });
  const page = await context.newPage();
  await page.goto(`${world.url}/manage`);
  await page.getByLabel("Subscription").fill(second.id);
  await page.getByLabel("Manage token").fill(second.manageToken);
  await page.getByRole("button", { name: "Open" }).click();
  await page.getByText("As a fallback of another subscription").click();
  await page.getByLabel("The first choice's subscription").fill(first.id);
  await page.getByLabel("Its manage token").fill("gsm_wrong");
  await page.getByLabel("Wait so many minutes").fill("20");
  await page.getByRole("button", { name: "Save" }).click();
  await looksRight(page, "fallback-wrong");
  await page.getByLabel("Its manage token").fill(first.manageToken);
  await page.getByRole("button", { name: "Save" }).click();
  expect(await page.getByRole("status").textContent()).toContain("Saved");
  expect(await page.getByText("/first-choice-of-somebody").count()).toBe(1);
  await looksRight(page, "fallback");
  await context.close();
}, 120_000);

it("an editor sees test endpoints apart from the readers, and why somebody got nothing", async () => {
  await world.admin.put("/columns/now", { name: "即时通知", kind: "notice", mayBreakQuietHours: false, approvals: 0 });
  await world.admin.put("/channels/webhook", { canary: sink.url("/canary") });
  const editor = await world.member("editor", "water");
  const draft = { title: "明日停水", body: "三月二日八时至十二时停水。", column: "now", unitId: "water" };
  const { id } = (await editor.post("/announcements", draft)).body;
  const page = await signedIn(["editor"], "zh-CN", "water");
  await page.goto(`${world.url}/console/announcements/${id}`);
  expect(await page.getByText("另有1个测试接收端").count()).toBe(1);
  await looksRight(page, "rehearsal-canary");
  await page.getByRole("button", { name: "发布并推送" }).click();
  await page.waitForURL(/console\/announcements/);
  await page.goto(`${world.url}/console/announcements/${id}?endpoint=nobody%40example.org`);
  await looksRight(page, "ledger-absent");
  await page.context().close();
}, 120_000);
