import { beforeAll, describe, expect, it } from "vitest";
import { makeEgress } from "#src/channels/egress.ts";
import { makeChannels } from "#src/channels/index.ts";
import { publishDirect } from "#src/domain/announcements/publish-direct.ts";
import { channelMemory } from "#src/domain/deliveries/channel-memory.ts";
import { createSignInLink } from "#src/domain/members/sign-in.ts";
import { findSubscription } from "#src/domain/subscriptions/store.ts";
import { silentLog } from "#src/log.ts";
import type { Table } from "#src/platform/table.ts";
import { STYLE_PATH } from "#src/web/pages/style.ts";
import { testApp, testClock } from "#tests/app.ts";
import { sampleCounty } from "#tests/browser/sample-county.ts";

const BASE = "http://127.0.0.1:8787";
const clock = testClock("2026-09-10T02:00:00.000Z");
const channels = makeChannels({
  egress: makeEgress([]),
  baseUrl: BASE,
  links: { confirm: (id) => `${BASE}/confirm?s=${id}` },
  now: clock.now,
  log: silentLog,
  settings: async () => undefined,
  secret: async () => new Uint8Array(32),
  memory: channelMemory({ table: {} as Table, now: clock.now }),
  pushKey: () => Promise.reject(new Error("no push here")),
});
const { ask, deps, app } = testApp({ clock, channels: async () => channels });

let county: Awaited<ReturnType<typeof sampleCounty>>;

beforeAll(async () => {
  county = await sampleCounty(deps);
});

const read = async (path: string, headers: Record<string, string> = {}) =>
  ask("GET", path, { headers: { accept: "text/html", ...headers } });

const post = (path: string, fields: Record<string, string>, headers: Record<string, string> = {}) =>
  ask("POST", path, {
    body: new URLSearchParams(fields).toString(),
    headers: { accept: "text/html", "content-type": "application/x-www-form-urlencoded", ...headers },
  });

/** Of a page's text: no tags, no entities that a reader would see. */
const words = (html: string) => html.replace(/<[^>]*>/g, " ").replace(/\s+/g, " ");

it("shows a text with bells and escapes in it as HTML that stays well formed", async () => {
  const id = await publish("铃声测试", { body: "铃\u0007响\u001b[31m了\u0001。", column: "faq" });
  for (const path of [`/announcements/${id}`, "/columns/faq"]) {
    const { status, text } = await read(path);
    expect(status).toBe(200);
    expect(text).toContain("铃\ufffd响");
    expect(text).not.toMatch(/[\u0000-\u0008\u000b\u000c\u000e-\u001f]/);
  }
});

describe("the front page", () => {
  it("shows what is urgent first, then what is new, with the unit that says it", async () => {
    const { status, text } = await read("/");
    expect(status).toBe(200);
    const urgent = text.indexOf("关于警惕冒充医保局工作人员实施电信诈骗的紧急提醒");
    expect(urgent).toBeGreaterThan(text.indexOf("紧急公告"));
    expect(urgent).toBeLessThan(text.indexOf("关于启用新版群众事项办理回执的通知"));
    expect(text).toContain("云岭县互联网信息中心");
    expect(text).not.toContain("关于停水范围的通知");
  });

  it("speaks Chinese unless the reader asks for English, and keeps that on every link", async () => {
    expect((await read("/")).text).toContain('<html lang="zh-CN">');
    expect((await read("/", { "accept-language": "en-GB" })).text).toContain('<html lang="en">');
    const { text, headers } = await read("/?lang=en", { "accept-language": "zh-CN" });
    expect(text).toContain('<html lang="en">');
    expect(headers.get("content-language")).toBe("en");
    const inside = [...text.matchAll(/<a [^>]*href="(\/[^"]*)"/g)].map((match) => match[1] ?? "");
    const portal = inside.filter((link) => !/feed\.|\/docs|sitemap/.test(link));
    expect(portal.length).toBeGreaterThan(20);
    expect(portal.filter((link) => !/lang=(en|zh-CN)/.test(link))).toEqual([]);
  });

  it("carries the tags that government pages must have, and no script or style inside", async () => {
    const { text, headers } = await read("/");
    expect(text).toContain('<meta name="SiteName" content="告示">');
    expect(text).toContain('<meta name="SiteDomain" content="127.0.0.1:8787">');
    expect(text).not.toMatch(/<script|<style|\sstyle=|\son[a-z]+=/);
    expect(headers.get("content-security-policy")).toContain("default-src 'none'");
    expect(headers.get("content-security-policy")).not.toContain("unsafe");
  });

  it("answers 304 while nothing changed, and other bytes under another tag once it did", async () => {
    const first = await read("/columns/faq");
    const etag = first.headers.get("etag") ?? "";
    expect(etag).toMatch(/^"[0-9a-f]{32}"$/);
    const again = await read("/columns/faq", { "if-none-match": `"other", W/${etag}` });
    expect([again.status, again.text]).toEqual([304, ""]);
    expect(again.headers.get("content-security-policy"), "a 304 would replace the kept page's policy").toBeNull();
    await publish("常见问题之一", { column: "faq" });
    const changed = await read("/columns/faq", { "if-none-match": etag });
    expect(changed.status).toBe(200);
    expect(changed.headers.get("etag")).not.toBe(etag);
  });

  it("has its one style sheet at an address that may be kept for ever", async () => {
    expect((await read("/")).text).toContain(`href="${STYLE_PATH}"`);
    const { status, headers } = await read(STYLE_PATH);
    expect(status).toBe(200);
    expect(headers.get("content-type")).toContain("text/css");
    expect(headers.get("cache-control")).toContain("immutable");
  });
});

async function publish(title: string, more: { column?: string; body?: string; tags?: string[] } = {}): Promise<string> {
  const published = await publishDirect(deps, {
    content: {
      title,
      body: more.body ?? "正文。",
      column: more.column ?? "notices",
      unitId: "county-internet-centre",
      tags: more.tags ?? [],
      urgency: "routine",
      language: "zh-CN",
    },
    audience: { kind: "public" },
    idSeed: ["pages-test", title],
  });
  return published.result.id;
}

describe("an announcement", () => {
  it("names its unit, its time in Beijing and its fingerprint, and says so to machines", async () => {
    const { status, text } = await read(`/announcements/${county.urgent}`);
    expect(status).toBe(200);
    expect(text).toContain('<time datetime="2026-09-09T00:53:20.000Z">2026年9月9日 08:53</time>');
    expect(text).toContain('<meta name="PubDate" content="2026-09-09 08:53">');
    expect(text).toContain('<meta name="ContentSource" content="云岭县互联网信息中心">');
    expect(text).toContain('<meta name="ArticleTitle" content="关于警惕');
    const typeIn = (page: string) => /<meta name="ColumnType" content="(.*)">/.exec(page)?.[1];
    expect(typeIn(text)).toBe("预警");
    expect(typeIn(text)).toBe(typeIn((await read("/columns/anti-fraud")).text));
    expect(text).toContain("<strong>医保卡异常</strong>");
    expect(text).toMatch(/<span class="code">[0-9a-f]{64}<\/span>/);
    expect(words((await read(`/announcements/${county.urgent}?lang=en`)).text)).toContain(
      "9 September 2026, 08:53 (Beijing time)",
    );
  });

  it("is known by its date to readers that keep no tags, until its next revision", async () => {
    const path = `/announcements/${county.urgent}`;
    const dated = (await read(path)).headers.get("last-modified") ?? "";
    expect(dated).toBe("Wed, 09 Sep 2026 00:53:20 GMT");
    expect((await read(path, { "if-modified-since": dated })).status).toBe(304);
    expect((await read(path, { "if-modified-since": "Thu, 10 Sep 2026 00:53:20 GMT" })).status).toBe(200);
    expect((await read(path, { "if-modified-since": dated, "if-none-match": '"other"' })).status).toBe(200);
  });

  it("gives the reason of a correction and keeps the text from before it readable", async () => {
    const path = `/announcements/${county.corrected}`;
    const current = await read(path);
    expect(current.text).toContain("施工起始日期由10日更正为12日");
    expect(current.text).toContain("自12日起");
    expect(current.text).toContain(`${path}?revision=1`);
    const old = await read(`${path}?revision=1`);
    expect(old.status).toBe(200);
    expect(old.text).toContain("您正在查看第1版（旧版）");
    expect(old.text).toContain("自10日起");
    expect(old.text).toContain('<meta name="robots" content="noindex">');
    for (const wrong of ["9", "0", "-1", "1e1", "x"])
      expect((await read(`${path}?revision=${wrong}`)).status, wrong).toBe(404);
  });

  it("leaves a notice with the reason where a text was withdrawn, and the text nowhere", async () => {
    for (const path of [`/announcements/${county.withdrawn}`, `/announcements/${county.withdrawn}?revision=1`]) {
      const { status, text } = await read(path);
      expect(status).toBe(200);
      expect(text).toContain("本公告已撤回");
      expect(text).toContain("停水计划已取消");
      expect(text).not.toContain("96110");
      expect(text).toContain("noindex");
    }
  });

  it("shows markup in titles, tags and reasons as text", async () => {
    const nasty = `"><script>alert(1)</script>&lt;b&gt;'\u202e]]>`;
    const id = await publish(nasty, { tags: [nasty.slice(0, 40)], body: "<img src=x onerror=alert(1)>" });
    for (const path of [
      "/",
      `/announcements/${id}`,
      "/announcements",
      `/tags/${encodeURIComponent(nasty.slice(0, 40))}`,
    ]) {
      const { status, text } = await read(path);
      expect(status, path).toBe(200);
      expect(text, path).not.toMatch(/<script|<img/);
      expect(text, path).toContain("&lt;script&gt;alert(1)&lt;/script&gt;");
    }
  });

  it("does not exist for readers when it is internal or unknown", async () => {
    const internal = await publishDirect(deps, {
      content: {
        title: "内部提醒",
        body: "仅供值班",
        column: "notices",
        unitId: "county-internet-centre",
        tags: [],
        urgency: "urgent",
        language: "zh-CN",
      },
      audience: { kind: "internal", topics: ["duty"], endpoints: [] },
      idSeed: ["pages-test", "internal"],
    });
    expect((await read(`/announcements/${internal.result.id}`)).status).toBe(404);
    for (const path of ["/", "/announcements", "/columns/notices", "/sitemap.xml", "/feed.atom", "/feed.json"])
      expect((await read(path)).text, path).not.toContain(internal.result.id);
  });
});

describe("lists", () => {
  it("lead through every announcement of a column, page after page, each once", async () => {
    for (let i = 0; i < 45; i++) {
      clock.pass(60);
      await publish(`节气提醒第${i}期`, { column: "solar-terms" });
    }
    const seen: string[] = [];
    let path: string | undefined = "/columns/solar-terms";
    let pages = 0;
    while (path) {
      const { status, text } = await read(path);
      expect(status).toBe(200);
      seen.push(...[...text.matchAll(/<h3>.*?href="\/announcements\/([^"?]+)"/g)].map((match) => match[1] ?? ""));
      path = /rel="next" href="([^"]+)"/.exec(text)?.[1]?.replaceAll("&amp;", "&");
      pages++;
    }
    expect(pages).toBe(3);
    expect(seen.length).toBe(46);
    expect(new Set(seen).size).toBe(46);
  });

  it("jump to a day, so that the oldest row is one step away", async () => {
    const { text } = await read("/columns/solar-terms?until=2026-08-31");
    expect(text).toContain("白露：注意早晚添衣");
    expect(text).not.toContain("节气提醒");
    expect((await read("/columns/solar-terms?until=2020-01-01")).text).toContain("没有更早的公告");
  });

  it("find announcements by their words", async () => {
    const { text } = await read(`/announcements?q=${encodeURIComponent("医保 提醒")}`);
    expect(text).toContain(county.urgent);
    expect(text).not.toContain(county.corrected);
  });

  it("say so when there is nothing yet, and refuse a place that was made up", async () => {
    expect((await read("/columns/vaccination")).text).toContain("本栏目还没有公告");
    expect((await read("/columns/notices?after=abc")).status).toBe(400);
    expect((await read("/columns/nowhere")).status).toBe(404);
    expect((await read("/units/nobody")).status).toBe(404);
  });
});

describe("an annual report", () => {
  it("stands in the list of its year, marked as late", async () => {
    const { text } = await read("/annual-reports?year=2021");
    expect(text).toContain(`/annual-reports/${county.report}`);
    expect(words(text)).toContain("逾期60天");
    expect((await read("/annual-reports?year=2020")).text).not.toContain(county.report);
  });

  it("shows 15 numbered fields, 无 as a declaration, and every figure with its qualifier", async () => {
    const { status, text } = await read(`/annual-reports/${county.report}`);
    expect(status).toBe(200);
    const rows = [...text.matchAll(/<th scope="row"><span class="num">(\d+)<\/span>([^<]+)<\/th>/g)];
    expect(rows.map((row) => row[1])).toEqual(Array.from({ length: 15 }, (_, i) => String(i + 1)));
    expect(rows[7]?.[2]).toBe("资产损益情况");
    expect(text).toContain("1.85万元");
    expect(text).toContain("1.80万元");
    expect(text.match(/单位已声明/g)).toHaveLength(4);
    expect(text).toContain("<mark>1000余条</mark>");
    expect(text).toContain('<mark class="doubt">近百余条</mark>');
    expect(text).toContain("表述矛盾");
    expect(words(text)).toMatch(/首页 年度报告 乾县 云岭县互联网信息中心/);
    expect((await read("/annual-reports/rep_nope")).status).toBe(404);
  });
});

describe("sending in a case without script", () => {
  const good = { type: "rumour", title: "网传停水三天", description: "朋友圈流传县城停水三天的消息，请核实。" };

  it("gives a receipt once, which opens the case", async () => {
    const sent = await post("/report", { ...good, urls: "https://a.example/x\r\nhttps://b.example/y" });
    expect(sent.status).toBe(200);
    expect(sent.headers.get("cache-control")).toBe("no-store");
    const number = /id="number">([^<]+)/.exec(sent.text)?.[1] ?? "";
    const secret = /id="secret">([^<]+)/.exec(sent.text)?.[1] ?? "";
    expect(number).toMatch(/^\d{8}-[0-9A-Z]{10}$/);
    const status = await post("/receipt", { number, secret });
    expect(status.status).toBe(200);
    expect(status.text).toContain("网传停水三天");
    expect(status.text).toContain("已收到，等待研判");
    expect((await post("/receipt", { number, secret: "WRONG" })).status).toBe(404);
  });

  it("says at each field what is wrong and keeps what was typed", async () => {
    const answer = await post("/report", { ...good, title: "短", urls: "javascript:alert(1)", phone: "13800000000" });
    expect(answer.status).toBe(422);
    expect(answer.text).toContain("标题须为4至80个字");
    expect(answer.text).toContain('value="短"');
    expect(answer.text).toContain("网址须以http://或https://开头");
    expect(answer.text).toContain("填写联系方式须先阅读并同意告知书");
    expect(answer.text.match(/aria-invalid="true"/g)?.length).toBeGreaterThanOrEqual(2);
    expect(answer.text).toMatch(/name="type" value="rumour" checked/);
  });

  it("refuses what no form of ours sends", async () => {
    expect((await post("/report", good, { "content-type": "application/json" })).status).toBe(415);
    expect((await post("/report", { ...good, description: "字".repeat(60_000) })).status).toBe(413);
    expect((await post("/report", { ...good, title: "坏\u0000字符" })).status).toBe(400);
  });
});

describe("subscribing without script", () => {
  it("shows channels with what they promise, from the senders' own data", async () => {
    const { text } = await read("/subscribe");
    expect(text).toContain("至少一次");
    expect(text).toContain("20,000字节");
    expect(text).toContain("每分钟20条");
  });

  it("offers only channels that are set up here: groups' robots before systems, mail not before it can be sent", async () => {
    const { text } = await read("/subscribe");
    const offered = [...text.matchAll(/name="channel" value="([a-z-]+)"/g)].map(([, name]) => name);
    expect(offered).toEqual(["wecom-robot", "dingtalk", "feishu", "webhook"]);
    const set = { settings: { from: "a@example.org", smtpUrl: "smtp://u:p@127.0.0.1:25" }, updatedAt: "", version: 1 };
    const ready = testApp({
      clock,
      channels: async () => channels,
      settings: async (name) => (name === "email" ? set : undefined),
    });
    const page = (await ready.ask("GET", "/subscribe", { headers: { accept: "text/html" } })).text;
    expect(page).toMatch(/name="channel" value="email" required checked/);
  });

  it("takes quiet hours by the reader's own clock, and says at the field what is wrong", async () => {
    const form = { channel: "webhook", address: "https://hook.example.org/quiet", topics: "all", frequency: "daily" };
    const quiet = { from: "22:00", to: "07:00", zone: "Europe/Berlin", language: "en" };
    const done = await post("/subscribe", { ...form, ...quiet });
    expect(done.status).toBe(200);
    const id = /sub_[0-9A-Z]{26}/.exec(done.text)?.[0] ?? "";
    const token = /gsm_[A-Za-z0-9_-]{43}/.exec(done.text)?.[0] ?? "";
    expect(await findSubscription(deps.table, id)).toMatchObject({
      quietHours: { from: "22:00", to: "07:00", timeZone: "Europe/Berlin" },
      frequency: "daily",
      language: "en",
    });
    const wrong = await post("/subscribe", { ...form, ...quiet, zoneName: "Mars/Base" });
    expect(wrong.status).toBe(422);
    expect(wrong.text).toContain('id="zoneName-wrong"');
    const half = await post("/subscribe", { ...form, from: "22:00" });
    expect(half.text).toContain('id="to-wrong"');

    const saved = await post("/manage", { id, token, act: "show" });
    expect(saved.text).toMatch(/value="Europe\/Berlin" selected/);
  });

  it("registers a fallback of one's own subscription, and never shows the token that proves it", async () => {
    const own = await post("/subscribe", {
      channel: "webhook",
      address: "https://hook.example.org/one",
      topics: "all",
    });
    const firstId = /sub_[0-9A-Z]{26}/.exec(own.text)?.[0] ?? "";
    const firstToken = /gsm_[A-Za-z0-9_-]{43}/.exec(own.text)?.[0] ?? "";
    const second = { channel: "webhook", address: "https://hook.example.org/two", topics: "all", firstId };
    const wrong = await post("/subscribe", { ...second, firstToken: "gsm_wrong", minutes: "15" });
    expect(wrong.status).toBe(422);
    expect(wrong.text).toContain('id="firstId-wrong"');
    expect(wrong.text).not.toContain("gsm_wrong");
    expect((await post("/subscribe", { ...second, firstToken })).text).toContain('id="minutes-wrong"');
    const done = await post("/subscribe", { ...second, firstToken, minutes: "15" });
    const made = await findSubscription(deps.table, /sub_[0-9A-Z]{26}/.exec(done.text)?.[0] ?? "");
    expect(made?.after?.minutes).toBe(15);
  });

  it("takes a webhook in, shows its secrets once, and explains a wrong address", async () => {
    const done = await post("/subscribe", { channel: "webhook", address: "https://hook.example.org/x", topics: "all" });
    expect(done.status).toBe(200);
    expect(done.text).toMatch(/gsm_[A-Za-z0-9_-]{43}/);
    expect(done.text).toMatch(/whsec_/);
    expect(done.headers.get("cache-control")).toBe("no-store");
    const wrong = await post("/subscribe", { channel: "webhook", address: "http://169.254.169.254/" });
    expect(wrong.status).toBe(422);
    expect(wrong.text).toContain("请至少选择一个主题");
  });
});

describe("the console", () => {
  it("is entered by a link that a scanner cannot use up, once", async () => {
    expect((await read("/console")).status).toBe(401);
    const { secret } = await createSignInLink(deps, { memberName: "王编辑", roles: ["editor"] });
    for (let i = 0; i < 3; i++) expect((await read(`/sign-in/${secret}`)).text).toContain("王编辑");
    const page = await read(`/sign-in/${secret}`);
    expect(page.headers.get("referrer-policy")).toBe("no-referrer");
    expect(page.headers.get("cache-control")).toBe("no-store");
    const foreign = await post(`/sign-in/${secret}`, {}, { origin: "https://evil.example" });
    expect(foreign.status).toBe(403);
    const used = await post(`/sign-in/${secret}`, {}, { origin: "null", "sec-fetch-site": "same-origin" });
    expect([used.status, used.headers.get("location")]).toEqual([303, "/console"]);
    const cookie = used.headers.get("set-cookie")?.split(";")[0] ?? "";
    expect((await post(`/sign-in/${secret}`, {}, { origin: BASE })).status).toBe(404);
    const console = await read("/console", { cookie });
    expect(console.status).toBe(200);
    expect(console.text).toContain("推送台账");
    expect(console.text).toContain("王编辑");
    expect((await post("/console/sign-out", {}, { cookie, origin: "https://evil.example" })).status).toBe(403);
    expect((await post("/console/sign-out", {}, { cookie, origin: BASE })).status).toBe(303);
    expect((await read("/console", { cookie })).status).toBe(401);
  });
});

describe("errors", () => {
  it("are pages for people and problem documents for programs", async () => {
    const page = await read("/no/such/place");
    expect(page.status).toBe(404);
    expect(page.headers.get("content-type")).toContain("text/html");
    expect(page.text).toContain("没有这个页面");
    expect(page.headers.get("content-security-policy")).toContain("style-src 'self'");
    const program = await ask("GET", "/announcements/ann_nope", { headers: { accept: "application/json" } });
    expect(program.status).toBe(404);
    expect(program.headers.get("content-type")).toContain("application/problem+json");
  });

  it("never turn a path into a link to another host", async () => {
    const { status, text } = await read("//evil.example/x");
    expect(status).toBe(404);
    expect(text).toContain('href="/evil.example/x?lang=en"');
    expect(text).not.toContain('"//evil.example');
  });

  it("say nothing of what broke, and leave their place in the log", async () => {
    const events: string[] = [];
    const broken = testApp({
      table: { ...deps.table, query: () => Promise.reject(new Error("secret detail /etc/passwd")) },
      log: { ...silentLog, error: (event) => events.push(event) },
    });
    const answer = await broken.ask("GET", "/", { headers: { accept: "text/html" } });
    expect(answer.status).toBe(500);
    expect(answer.text).toContain("服务出现故障");
    expect(answer.text).not.toContain("secret detail");
    expect(answer.headers.get("etag")).toBeNull();
    expect(events).toHaveLength(1);
  });
});

it("tells machines where everything is", async () => {
  const map = await read("/sitemap.xml");
  expect(map.text).toContain(`<loc>${BASE}/announcements/${county.urgent}</loc>`);
  expect(map.text).not.toContain(county.withdrawn);
  expect((await read("/robots.txt")).text).toContain(`Sitemap: ${BASE}/sitemap.xml`);
  const head = await app.fetch(new Request(`${BASE}/`, { method: "HEAD" }));
  expect([head.status, await head.text()]).toEqual([200, ""]);
});
