import type { Browser, BrowserContext, CDPSession, Page, Worker } from "playwright-core";
import { afterAll, beforeAll, expect, it } from "vitest";
import {
  type PushMessage,
  type PushService,
  startPushService,
  type TestBrowser,
} from "#tests/receivers/push-service.ts";
import { openWorld, type Person, type TestWorld } from "#tests/world.ts";
import { violations, WCAG } from "./axe.ts";
import { launchBrowser } from "./chromium.ts";

let world: TestWorld;
let service: PushService;
let browser: Browser;
let editor: Person;
let key: string;

beforeAll(async () => {
  service = await startPushService();
  world = await openWorld();
  const open = { name: "节气", kind: "news", mayBreakQuietHours: false, approvals: 0 };
  await world.admin.put("/columns/solar-terms", open);
  await world.admin.put("/units/center", { name: "某县互联网信息中心" });
  editor = await world.member("editor", "center");
  key = (await world.anyone.get("/push-key")).body.publicKey;
  browser = await launchBrowser();
});
afterAll(async () => {
  await browser?.close();
  await world.close();
  await service.close();
});

/** A busy machine may take its time. */
const eventually = <T>(read: () => T) => expect.poll(read, { timeout: 15_000 });

type Device = { endpoint: string; keys: object };

/**
 * The browser that ships here has neither a push vendor nor a place where notifications show. In their stead: the
 * subscriptions of `service`, a permission that is given when it is asked for, and a list.
 */
const VENDOR = ([devices, key]: [Device[], string]) => {
  // biome-ignore lint/suspicious/noExplicitAny: runs in the page
  const page = globalThis as any;
  const bytes = Uint8Array.from(page.atob(key.replaceAll("-", "+").replaceAll("_", "/")), (c: string) =>
    c.charCodeAt(0),
  );
  const at = () => Number(page.localStorage.getItem("device") ?? "-1");
  const current = () => {
    const device = devices[at()];
    if (!device) return null;
    return {
      ...{ endpoint: device.endpoint, options: { applicationServerKey: bytes.buffer }, toJSON: () => device },
      unsubscribe: async () => page.localStorage.setItem("device", "-1"),
    };
  };
  page.PushManager.prototype.getSubscription = async () => current();
  page.PushManager.prototype.subscribe = async (options: {
    userVisibleOnly: boolean;
    applicationServerKey: string;
  }) => {
    if (!options.userVisibleOnly || options.applicationServerKey !== key) throw new Error("wrong options");
    page.localStorage.setItem("device", "0");
    return current();
  };
  const answer = () => page.localStorage.getItem("permission") ?? "default";
  Object.defineProperty(page.Notification, "permission", { get: answer });
  page.Notification.requestPermission = async () => {
    page.localStorage.setItem("asked", "yes");
    if (answer() === "default") page.localStorage.setItem("permission", page.localStorage.getItem("will") ?? "granted");
    return answer();
  };
};

const NOTIFICATIONS = () => {
  // biome-ignore lint/suspicious/noExplicitAny: runs in the worker
  const worker = globalThis as any;
  worker.shown = [];
  worker.calls = [];
  const close = (tag: string) => {
    worker.shown = worker.shown.filter((one: { tag: string }) => one.tag !== tag);
  };
  worker.ServiceWorkerRegistration.prototype.showNotification = async (title: string, options: { tag: string }) => {
    worker.calls.push({ title, ...options });
    close(options.tag);
    worker.shown.push({ title, ...options, close: () => close(options.tag) });
  };
  worker.ServiceWorkerRegistration.prototype.getNotifications = async ({ tag }: { tag?: string } = {}) =>
    worker.shown.filter((one: { tag: string }) => tag === undefined || one.tag === tag);
};

type Shown = {
  title: string;
  body: string;
  tag: string;
  lang: string;
  icon: string;
  renotify: boolean;
  silent: boolean;
};

type Opened = {
  context: BrowserContext;
  page: Page;
  complaints: string[];
  worker(): Promise<Worker>;
  /** Hands a push to the worker, as the browser's vendor would. */
  deliver(message: PushMessage | string): Promise<void>;
  shown(): Promise<Shown[]>;
  calls(): Promise<Shown[]>;
};

async function open(
  devices: TestBrowser[],
  path = "/subscribe",
  before?: (page: Page) => Promise<unknown>,
): Promise<Opened> {
  const context = await browser.newContext({ locale: "zh-CN" });
  const page = await context.newPage();
  const complaints: string[] = [];
  page.on("console", (message) => {
    if (["error", "warning"].includes(message.type())) complaints.push(message.text());
  });
  page.on("pageerror", (error) => complaints.push(error.message));
  await page.addInitScript(VENDOR, [devices.map(({ endpoint, keys }) => ({ endpoint, keys })), key] as [
    Device[],
    string,
  ]);
  await before?.(page);
  await page.goto(world.url + path);
  let session: CDPSession | undefined;
  let registrationId = "";
  let prepared: Promise<Worker> | undefined;
  const prepare = async () => {
    const worker = context.serviceWorkers()[0] ?? (await context.waitForEvent("serviceworker"));
    await worker.evaluate(NOTIFICATIONS);
    session = await context.newCDPSession(page);
    const registered = new Promise<void>((resolve) => {
      session?.on("ServiceWorker.workerRegistrationUpdated", ({ registrations }) => {
        registrationId = registrations[0]?.registrationId ?? registrationId;
        if (registrationId !== "") resolve();
      });
    });
    await session.send("ServiceWorker.enable");
    await registered;
    return worker;
  };
  const worker = () => {
    prepared ??= prepare();
    return prepared;
  };
  return {
    context,
    page,
    complaints,
    worker,
    deliver: async (message) => {
      await worker();
      const data = typeof message === "string" ? message : message.text;
      await session?.send("ServiceWorker.deliverPushMessage", { origin: world.url, registrationId, data });
    },
    shown: async () => (await worker()).evaluate("shown.map(({ close, ...rest }) => rest)"),
    calls: async () => (await worker()).evaluate("calls"),
  };
}

const part = (page: Page) => page.locator("#browser-push");
const said = (page: Page) => part(page).getByRole("status");
const turnOn = (page: Page) => part(page).getByRole("button", { name: "开启通知" }).click();

async function turnedOn(opened: Opened, device: TestBrowser): Promise<void> {
  await turnOn(opened.page);
  const [question] = await device.next();
  if (!question) throw new Error("no question");
  await opened.deliver(question);
  await eventually(() => said(opened.page).textContent()).toContain("已开启");
}

async function published(title: string): Promise<{ id: string; contentHash: string }> {
  const draft = await editor.post("/announcements", {
    title,
    body: "周三停水。",
    column: "solar-terms",
    unitId: "center",
  });
  const { id, contentHash } = draft.body;
  expect((await editor.post(`/announcements/${id}/publish`, { contentHash })).status).toBe(202);
  return { id, contentHash };
}

const stored = (page: Page, name: string) => page.evaluate(`localStorage.getItem("${name}")`);

it("somebody turns notifications on by one button, and sees an announcement and its correction as one notification", async () => {
  const device = service.browser(key);
  const opened = await open([device]);
  const { page } = opened;
  await part(page).waitFor();
  expect(await said(page).textContent()).toBe("尚未开启。");
  expect(await stored(page, "asked"), "nobody is asked before the button").toBeNull();
  await part(page).getByLabel("全部公告").uncheck();
  await part(page).getByLabel("节气").check();
  await turnOn(page);
  await eventually(() => said(page).textContent()).toContain("等待");
  const [question] = await device.next();
  if (!question) throw new Error("no question");
  await opened.deliver(question);
  await eventually(() => said(page).textContent()).toContain("已开启");
  expect(await opened.shown()).toMatchObject([{ title: "告示：浏览器通知已开启", tag: "gaoshi-subscription" }]);
  expect(await part(page).getByRole("button", { name: "停用通知" }).isVisible()).toBe(true);
  expect(await violations(page, WCAG)).toEqual([]);

  const { id, contentHash } = await published("谷雨");
  const [, first] = await device.next(2);
  if (!first) throw new Error("no push");
  await opened.deliver(first);
  await eventually(() => opened.shown()).toHaveLength(2);
  const [, notification] = await opened.shown();
  expect(notification).toMatchObject({
    ...{ title: "谷雨", body: "某县互联网信息中心：周三停水。", tag: id, lang: "zh-CN", renotify: false },
    icon: expect.stringMatching(/^\/assets\/[0-9a-f]{16}\.png$/),
  });

  await opened.deliver(first); // the same once more, as a push service may
  await eventually(async () => (await opened.calls()).length).toBe(3);
  expect((await opened.calls())[2]).toMatchObject({ tag: id, renotify: false, silent: true });

  const text = { title: "谷雨", body: "改为周四。", column: "solar-terms", unitId: "center" };
  await editor.post(`/announcements/${id}/correct`, { ...text, contentHash, reason: "日期有误" });
  const [, , correction] = await device.next(3);
  if (!correction) throw new Error("no correction");
  await opened.deliver(correction);
  await eventually(async () => (await opened.shown()).at(-1)?.title).toBe("【更正】谷雨");
  expect((await opened.shown()).filter(({ tag }) => tag === id)).toMatchObject([{ renotify: true, silent: false }]);
  expect(opened.complaints).toEqual([]);
  await opened.context.close();
}, 60_000);

it("an older text that comes late does not take the newer one's place, and rubbish is shown as something", async () => {
  const device = service.browser(key);
  const opened = await open([device]);
  await turnedOn(opened, device);
  const message = (revision: number, title: string) =>
    JSON.stringify({
      type: "announcement",
      id: "ann_x",
      revision,
      title,
      body: "",
      url: "/",
      deliveryId: `x.${revision}.e`,
    });
  await opened.deliver(message(2, "【更正】新"));
  await opened.deliver(message(1, "旧"));
  await eventually(async () => (await opened.calls()).length).toBe(3);
  const last = (await opened.shown()).filter(({ tag }) => tag === "ann_x");
  expect(last).toMatchObject([{ title: "【更正】新", silent: true }]);
  await opened.deliver(message(3, "【撤回】新"));
  await eventually(async () => (await opened.shown()).at(-1)).toMatchObject({ title: "【撤回】新", renotify: true });
  await opened.deliver("not json");
  await eventually(async () => (await opened.shown()).at(-1)).toMatchObject({ title: "告示", tag: "gaoshi" });
  await opened.context.close();
}, 60_000);

it("a press of the notification leads to the announcement, in the tab that has it open or in a new one", async () => {
  const device = service.browser(key);
  const opened = await open([device]);
  await turnedOn(opened, device);
  const worker = await opened.worker();
  const click = (url: string) =>
    worker.evaluate(async (target) => {
      // biome-ignore lint/suspicious/noExplicitAny: runs in the worker
      const self = globalThis as any;
      const done: string[] = [];
      self.clients.openWindow = async (href: string) => done.push(`opened ${href}`);
      self.WindowClient.prototype.focus = async function () {
        done.push(`focused ${this.url}`);
      };
      const event = new self.ExtendableEvent("notificationclick");
      let closed = 0;
      let work: Promise<unknown> = Promise.resolve();
      event.notification = { data: { url: target }, close: () => closed++ };
      event.waitUntil = (promise: Promise<unknown>) => {
        work = promise;
      };
      self.dispatchEvent(event);
      await work;
      return [...done, closed];
    }, url);
  expect(await click(`${world.url}/announcements/ann_1`)).toEqual([`opened ${world.url}/announcements/ann_1`, 1]);
  expect(await click("/subscribe")).toEqual([`focused ${world.url}/subscribe`, 1]);
  await opened.context.close();
}, 60_000);

it("a browser whose address changed tells the server by itself, and answers again", async () => {
  const [device, next] = [service.browser(key), service.browser(key)];
  const opened = await open([device, next]);
  await turnedOn(opened, device);
  const worker = await opened.worker();
  await worker.evaluate(
    async ([endpoint, keys]) => {
      // biome-ignore lint/suspicious/noExplicitAny: runs in the worker
      const self = globalThis as any;
      const event = new self.ExtendableEvent("pushsubscriptionchange");
      event.newSubscription = { endpoint, toJSON: () => ({ endpoint, keys }) };
      let work: Promise<unknown> = Promise.resolve();
      event.waitUntil = (promise: Promise<unknown>) => {
        work = promise;
      };
      self.dispatchEvent(event);
      await work;
    },
    [next.endpoint, next.keys] as const,
  );
  const [question] = await next.next();
  if (!question) throw new Error("no question");
  await opened.deliver(question);
  await eventually(async () => (await opened.calls()).at(-1)?.title).toBe("告示：浏览器通知已开启");
  await published("立夏");
  const [, push] = await next.next(2);
  expect(push?.json.title).toBe("立夏");
  expect(device.messages).toHaveLength(1);
  await opened.context.close();
}, 60_000);

it("somebody changes what is wanted and turns it off again on the same device, by keyboard", async () => {
  const device = service.browser(key);
  const opened = await open([device]);
  const { page } = opened;
  await turnedOn(opened, device);
  await page.reload();
  await eventually(() => said(page).textContent()).toContain("已开启");
  await part(page).getByLabel("全部公告").uncheck();
  await part(page).getByRole("button", { name: "保存更改" }).press("Enter");
  await eventually(() => said(page).textContent()).toBe("请至少选择一项订阅内容。");
  await part(page).getByLabel("节气").check();
  await part(page).getByLabel("每天一次").check();
  await part(page).getByRole("button", { name: "保存更改" }).press("Enter");
  await eventually(() => said(page).textContent()).toBe("已保存。");
  expect(await page.evaluate("document.activeElement.getAttribute('role')")).toBe("status");
  await page.reload();
  await eventually(() => part(page).getByLabel("每天一次").isChecked()).toBe(true);
  expect(await part(page).getByLabel("全部公告").isChecked()).toBe(false);
  await part(page).getByRole("button", { name: "停用通知" }).press("Enter");
  await eventually(() => said(page).textContent()).toContain("已停用");
  expect(await stored(page, "device")).toBe("-1");
  await page.reload();
  await eventually(() => said(page).textContent()).toBe("尚未开启。");
  const all = (await world.admin.get("/subscriptions?limit=100")).body.items as { endpoint: { address: string } }[];
  expect(all.map(({ endpoint }) => endpoint.address)).not.toContain(device.endpoint);
  await opened.context.close();
}, 60_000);

it("says what to do where notifications are blocked or not allowed, and shows nothing where a browser cannot", async () => {
  const device = service.browser(key);
  const will = (answer: string) => (page: Page) =>
    page.addInitScript((word) => {
      // biome-ignore lint/suspicious/noExplicitAny: runs in the page
      (globalThis as any).localStorage.setItem("will", word);
    }, answer);
  const blocked = await open([device], "/subscribe", will("denied"));
  await turnOn(blocked.page);
  await eventually(() => said(blocked.page).textContent()).toContain("网站设置");
  expect(await part(blocked.page).getByRole("button").count()).toBe(0);
  await blocked.page.reload();
  await eventually(() => said(blocked.page).textContent()).toContain("网站设置");
  await blocked.context.close();

  const dismissed = await open([device], "/subscribe?lang=en", will("default"));
  await part(dismissed.page).getByRole("button", { name: "Turn on" }).click();
  await eventually(() => said(dismissed.page).textContent()).toContain("Without the permission");
  await dismissed.context.close();

  const old = await open([], "/subscribe", (page) => page.addInitScript("delete window.PushManager"));
  await old.page.waitForLoadState("networkidle");
  expect(await part(old.page).isVisible()).toBe(false);
  expect(device.messages).toEqual([]);
  await old.context.close();
}, 60_000);

it("an iPhone's browser is told to add the site to the home screen first, and from there it is asked as usual", async () => {
  const open = async (standalone: boolean) => {
    const context = await browser.newContext({ serviceWorkers: "block" });
    await context.addInitScript((value) => {
      // biome-ignore lint/suspicious/noExplicitAny: runs in the page
      const page = globalThis as any;
      Object.defineProperty(page.Navigator.prototype, "standalone", { get: () => value });
      if (!value) delete page.PushManager;
    }, standalone);
    const page = await context.newPage();
    await page.goto(`${world.url}/subscribe?lang=en`);
    return { context, page };
  };
  const tab = await open(false);
  await tab.page.locator("#browser-home").waitFor({ state: "visible" });
  expect(await tab.page.locator("#browser-push").isVisible()).toBe(false);
  expect(await tab.page.locator("#browser-home").innerText()).toContain("Add to Home Screen");
  await tab.context.close();
  const app = await open(true);
  await app.page.locator("#browser-push").waitFor({ state: "visible" });
  expect(await app.page.locator("#browser-home").isVisible()).toBe(false);
  await app.context.close();
});
