import { afterEach, beforeEach, describe, expect, it, test } from "vitest";
import { within } from "#src/channels/official-account-article.ts";
import { plainCover } from "#src/channels/official-account-cover.ts";
import { noticeData } from "#src/channels/official-account-notice.ts";
import type { Settings } from "#src/domain/deliveries/channel.ts";
import { OFFICIAL_ACCOUNT_WINDOW } from "#src/domain/deliveries/official-account-window.ts";
import { noteHeard } from "#src/domain/deliveries/reply-window.ts";
import { revisionOf, testLinks } from "#tests/units/push-world.ts";
import { OPENID, wechatWorld } from "#tests/units/wechat-world.ts";

const ACCOUNT: Settings = { appId: "wx0123456789abcdef", appSecret: "0123456789abcdef0123456789abcdef" };
const NOTICE: Settings = {
  ...ACCOUNT,
  kind: "service",
  templateId: "template-0001",
  templateFields: "thing1=title,thing2=unit,time3=time,phrase4=column",
};
const SECRET = ACCOUNT["appSecret"] ?? "";
const DRAFT = "/cgi-bin/draft/add";
const MASS = "/cgi-bin/message/mass/sendall";
const PUBLISH = "/cgi-bin/freepublish/submit";
const REPLY = "/cgi-bin/message/custom/send";
const TEMPLATE = "/cgi-bin/message/template/send";
const BIZ = "/cgi-bin/message/subscribe/bizsend";
const TOKEN = "/cgi-bin/stable_token";

let world: Awaited<ReturnType<typeof wechatWorld>>;
beforeEach(async () => {
  world = await wechatWorld("official-account", ACCOUNT);
});
afterEach(() => world.close());

const spoke = (heard: "message" | "action" = "message", address = `openid:${OPENID}`) =>
  noteHeard(world, { channel: "official-account", address, heard, at: world.now(), rule: OFFICIAL_ACCOUNT_WINDOW });

describe("an article to all followers", () => {
  test("is drafted with a cover and goes out as one mass message, whose result follows", async () => {
    const outcome = await world.delivery("followers").push();
    const [draft] = world.api.at(DRAFT);
    const [mass] = world.api.at(MASS);
    expect(outcome).toEqual({ kind: "accepted", receipt: `mass:${[...world.api.masses.values()][0]}` });
    expect(mass?.json).toMatchObject({ filter: { is_to_all: true }, msgtype: "mpnews", send_ignore_reprint: 0 });
    expect(mass?.json.clientmsgid).toMatch(/^[0-9a-f]{32}$/);
    expect(draft?.json.articles).toHaveLength(1);
    expect(draft?.json.articles[0]).toMatchObject({
      article_type: "news",
      title: "停水通知",
      author: "某县互联网信息中心",
      digest: "周三停水。",
      content_source_url: "https://example.org/announcements/ann_00000000000000000000000001",
    });
    const { content } = draft?.json.articles[0] ?? {};
    expect(content).toContain("某县互联网信息中心 · 通知公告 · 2026-03-02 10:00");
    expect(content).toContain("<p>周三停水。</p>");
    // Escapes would be shown to readers as they are.
    expect(draft?.raw.toString()).toContain("停水通知");
    expect(draft?.raw.toString()).not.toContain("\\u");
    expect(world.api.at("/cgi-bin/material/add_material")[0]?.query.get("type")).toBe("image");
  });

  test("goes to those with a tag when the address says so", async () => {
    await world.delivery("tag:102").push();
    expect(world.api.at(MASS)[0]?.json.filter).toEqual({ is_to_all: false, tag_id: 102 });
  });

  test("takes its cover from the operator, or uploads ours once for all announcements and processes", async () => {
    world.api.massLeft = 9;
    await world.delivery("followers").push();
    world.restart();
    await world.delivery("followers").push();
    expect(world.api.at("/cgi-bin/material/add_material")).toHaveLength(1);
    world.set({ ...ACCOUNT, coverMediaId: "operators-own" });
    await world.delivery("followers").push();
    expect(world.api.at(DRAFT).at(-1)?.json.articles[0].thumb_media_id).toBe("operators-own");
    expect(world.api.at("/cgi-bin/material/add_material")).toHaveLength(1);
  });

  test.each(["reset", "cut", "html", "empty", "hang", "gateway"] as const)(
    "goes out once although the platform's answer is lost (%s): it knows our key",
    async (fault) => {
      const delivery = world.delivery("followers");
      world.api.next(MASS, { fault });
      expect(await delivery.push()).toMatchObject({ kind: "retry" });
      world.restart();
      expect(await delivery.push()).toMatchObject({ kind: "accepted", receipt: expect.stringMatching(/^mass:3/) });
      expect(world.api.at(DRAFT)).toHaveLength(1);
      expect(world.api.massLeft).toBe(0);
      // And whoever asks again, at whatever time, hears the same and calls nobody; a later attempt sends nothing.
      const calls = world.api.calls.length;
      expect(await delivery.push({ same: true })).toMatchObject({ kind: "accepted" });
      expect(world.api.calls.length).toBe(calls);
      expect(await delivery.push()).toMatchObject({ kind: "accepted" });
      expect(world.api.at(MASS)).toHaveLength(2);
    },
  );

  test("makes no second draft after a crash between draft and message", async () => {
    const delivery = world.delivery("followers");
    world.api.next(MASS, { errcode: -1 });
    await delivery.push();
    world.restart();
    expect(await delivery.push({ same: true })).toMatchObject({ kind: "accepted" });
    expect(world.api.at(DRAFT)).toHaveLength(1);
  });

  test("makes a new draft when a person deleted it, and a new cover when that is gone", async () => {
    const delivery = world.delivery("followers");
    world.api.next(MASS, { errcode: -1 });
    await delivery.push();
    world.api.drafts.clear();
    expect(await delivery.push()).toMatchObject({ kind: "retry", detail: expect.stringContaining("40007") });
    expect(await delivery.push()).toMatchObject({ kind: "accepted" });
    expect(world.api.at(DRAFT)).toHaveLength(2);
    world.api.massLeft = 1;
    const next = world.delivery("followers");
    world.api.next(DRAFT, { errcode: 40007 });
    expect(await next.push()).toMatchObject({ kind: "retry" });
    expect(await next.push()).toMatchObject({ kind: "accepted" });
    expect(world.api.at("/cgi-bin/material/add_material")).toHaveLength(2);
  });

  test("waits for the next day when the day's message is used up, a service account for the next month", async () => {
    world.api.massLeft = 0;
    // 10:00 in Shanghai: 14 hours are left of the day.
    expect(await world.delivery("followers").push()).toMatchObject({
      ...{ kind: "retry", retryAfterSeconds: 14 * 3600 },
      pause: { seconds: 14 * 3600, because: "quota" },
    });
    world.set({ ...ACCOUNT, kind: "service" });
    expect(await world.delivery("followers").push()).toMatchObject({
      ...{ kind: "retry", retryAfterSeconds: 86_400 },
      pause: { seconds: 29 * 86_400 + 14 * 3600, because: "quota" },
    });
  });

  test("is published instead when the operator wants that once no message is left", async () => {
    world.set({ ...ACCOUNT, broadcast: "mass-or-publish" });
    world.api.massLeft = 0;
    const delivery = world.delivery("followers");
    expect(await delivery.push()).toMatchObject({ kind: "accepted", receipt: expect.stringMatching(/^publish:2/) });
    expect(await delivery.push()).toMatchObject({ kind: "accepted", receipt: expect.stringMatching(/^publish:2/) });
    expect(world.api.at(PUBLISH)).toHaveLength(1);
  });

  test("is published twice by nobody: without an answer a person has to look, and may then ask for more", async () => {
    world.set({ ...ACCOUNT, broadcast: "publish" });
    const delivery = world.delivery("followers");
    world.api.next(PUBLISH, { fault: "reset" });
    expect(await delivery.push()).toMatchObject({ kind: "unknown" });
    expect(await delivery.push({ same: true })).toMatchObject({ kind: "unknown" });
    expect(world.api.at(PUBLISH)).toHaveLength(1);
    // The draft is gone, so it is made anew, as a person wanted.
    expect(await delivery.push()).toMatchObject({ kind: "retry" });
    expect(await delivery.push()).toMatchObject({ kind: "accepted" });
  });

  test.each<[number, object]>([
    [45066, { kind: "retry", retryAfterSeconds: 60 }],
    [48001, { kind: "retry", pause: { seconds: 600, because: "configuration" } }],
    [48003, { kind: "retry", pause: { because: "configuration" } }],
    [48004, { kind: "retry", pause: { because: "configuration" } }],
    [48008, { kind: "retry", pause: { because: "configuration" } }],
    [50002, { kind: "retry", pause: { because: "configuration" } }],
    [61450, { kind: "retry", pause: { because: "configuration" } }],
    [45009, { kind: "retry", pause: { because: "quota", seconds: 14 * 3600 } }],
    [45011, { kind: "retry", pause: { because: "rate", seconds: 60 } }],
    [40130, { kind: "rejected" }],
    [44003, { kind: "rejected" }],
    [45002, { kind: "rejected" }],
    [47001, { kind: "rejected" }],
    [-1, { kind: "retry" }],
    [99_999, { kind: "retry", detail: "errcode 99999" }],
  ])("errcode %i in an HTTP 200 is no success", async (errcode, outcome) => {
    world.api.next(MASS, { errcode });
    expect(await world.delivery("followers").push()).toMatchObject(outcome);
  });

  test("shortens the key when the platform finds it too long", async () => {
    world.api.next(MASS, { errcode: 45067 });
    expect(await world.delivery("followers").push()).toMatchObject({ kind: "accepted" });
    expect(world.api.at(MASS).map(({ json }) => json.clientmsgid.length)).toEqual([32, 16]);
  });

  test("that the platform took before without naming it is unknown, not delivered", async () => {
    world.api.next(MASS, { errcode: 45065 });
    expect(await world.delivery("followers").push()).toMatchObject({ kind: "unknown" });
  });
});

describe("what an article may hold", () => {
  const articleOf = async (more: Parameters<typeof revisionOf>[1]) => {
    world.api.massLeft = 100;
    expect(await world.delivery("followers", more).push()).toMatchObject({ kind: "accepted" });
    return world.api.at(DRAFT).at(-1)?.json.articles[0];
  };

  test("a title of 32 characters; a longer one is cut and stands whole in the text", async () => {
    const title = "关于进一步加强全县公共机构互联网网站与政务新媒体安全管理工作的通知😀";
    const article = await articleOf({ content: { title } });
    expect([...article.title]).toHaveLength(32);
    expect(article.title.endsWith("…")).toBe(true);
    expect(article.content).toContain(title);
    const exact = "字".repeat(32);
    expect((await articleOf({ content: { title: exact } })).title).toBe(exact);
  });

  test("under 20,000 characters, ended at a paragraph, with word of the rest", async () => {
    const body = Array.from({ length: 900 }, (_, i) => `第${i}段，**共九百段**，${"内容".repeat(20)}。`).join("\n\n");
    const article = await articleOf({ content: { body } });
    expect(article.content.length).toBeLessThan(20_000);
    expect(article.content.length).toBeGreaterThan(12_000);
    expect(article.content).toContain("阅读原文");
    expect(article.content).toMatch(/内容。<\/p>\s*<p style/);
    const endless = await articleOf({ content: { body: "*".repeat(100_000) } });
    expect(endless.content.length).toBeLessThan(20_000);
  });

  test("no picture, link or class that the platform would drop without a word", async () => {
    const body = [
      "看[办法](https://example.org/a?b=1&c=2)、<https://example.org/x>。",
      "![示意图](https://127.0.0.1:1/a.png) ![](https://10.0.0.8/b.png)",
      "| 左 | 右 |\n|:--|--:|\n| 1 | 2 |",
      "<script>alert(1)</script>",
    ].join("\n\n");
    const { content } = await articleOf({ content: { body } });
    expect(content).toContain("办法（https://example.org/a?b=1&amp;c=2）");
    expect(content).toContain("（图片：示意图，见原文） （图片见原文）");
    expect(content).toContain('<td style="text-align:right">2</td>');
    expect(content).not.toMatch(/<img|<a |class=|<script/);
  });

  test("a correction's reason; of what was withdrawn nothing but the reason", async () => {
    const corrected = await articleOf({ kind: "corrected", reason: "日期有误" });
    expect(corrected).toMatchObject({ title: "【更正】停水通知", digest: "日期有误" });
    expect(corrected.content).toContain("说明：日期有误");
    const withdrawn = await articleOf({ kind: "withdrawn", reason: "误发" });
    expect(withdrawn.title).toBe("【撤回】停水通知");
    expect(withdrawn.content).toContain("误发");
    expect(withdrawn.content).not.toContain("周三停水");
  });

  test("and the editor is told before", async () => {
    const content = { title: "字".repeat(40), body: `![图](http://a.example/b.png)${"字".repeat(20_000)}` };
    const { faults, text } = await world.channel.preview(revisionOf(world.now(), { content }), "zh-CN", testLinks);
    expect(faults.map(({ pointer, code }) => [pointer, code])).toEqual([
      ["/title", "CHANNEL_TITLE_LONG"],
      ["/body", "CHANNEL_BODY_LONG"],
      ["/body", "CHANNEL_IMAGE_FOREIGN"],
    ]);
    expect(text).toContain("某县互联网信息中心");
    expect((await world.channel.preview(revisionOf(world.now(), {}), "zh-CN", testLinks)).faults).toEqual([]);
  });

  test("a digest is an article of titles and a short message", async () => {
    const revisions = Array.from({ length: 60 }, (_, i) =>
      revisionOf(world.now(), { content: { title: `第${i}号*公告*` } }),
    );
    const rendered = world.channel.renderDigest(
      { frequency: "daily", at: world.now().toISOString(), revisions },
      "zh-CN",
      testLinks,
    );
    const target = { endpoint: "e", address: "followers", language: "zh-CN", secrets: [], matched: [] } as const;
    const pushed = await world.channel.push(rendered, {
      deliveryId: "d",
      attempt: 1,
      target: { ...target, secrets: [], matched: [] },
    });
    expect(pushed).toMatchObject({ kind: "accepted" });
    const article = world.api.at(DRAFT)[0]?.json.articles[0];
    expect(article.content).toContain("第0号*公告*");
    expect(article.content).toContain("另有10条");
    expect([...article.title].length).toBeLessThanOrEqual(32);
  });

  it("a cover that is a PNG", () => {
    const png = plainCover();
    expect(png.subarray(0, 8).toString("latin1")).toBe("\x89PNG\r\n\x1a\n");
    expect([png.readUInt32BE(16), png.readUInt32BE(20)]).toEqual([900, 383]);
    expect(png.length).toBeLessThan(64_000);
  });

  it("counts characters as the platform does, and cuts none in half", () => {
    expect(within("😀".repeat(5), 5)).toBe("😀".repeat(5));
    expect(within("👨‍👩‍👧‍👦👨‍👩‍👧‍👦", 9)).toBe("👨‍👩‍👧‍👦…");
    expect(within("e\u0301".repeat(4), 5)).toBe("e\u0301e\u0301…");
  });
});

describe("a message to one follower", () => {
  const address = `openid:${OPENID}`;

  test("is a reply while the platform allows one: five times in 48 hours after a message", async () => {
    await spoke();
    for (let i = 0; i < 5; i++) {
      world.pass(3600);
      expect(await world.delivery(address).push()).toEqual({ kind: "delivered", status: 200 });
    }
    expect(world.api.at(REPLY)[0]?.json).toMatchObject({
      touser: OPENID,
      msgtype: "news",
      news: { articles: [{ title: "停水通知", url: expect.stringContaining("/announcements/") }] },
    });
    expect(await world.delivery(address).push()).toMatchObject({
      kind: "rejected",
      detail: expect.stringContaining("window"),
    });
    expect(world.api.at(REPLY)).toHaveLength(5);
    await spoke();
    expect(await world.delivery(address).push()).toMatchObject({ kind: "delivered" });
    world.pass(48 * 3600);
    expect(await world.delivery(address).push()).toMatchObject({ kind: "rejected" });
  });

  test("is a reply three times in a minute after a menu, a follow or a scan", async () => {
    await spoke("action");
    for (let i = 0; i < 3; i++) expect(await world.delivery(address).push()).toMatchObject({ kind: "delivered" });
    expect(await world.delivery(address).push()).toMatchObject({ kind: "rejected" });
    await spoke("action");
    world.pass(60);
    expect(await world.delivery(address).push()).toMatchObject({ kind: "rejected" });
  });

  test("is the notice that is set up when the window is closed, with values that fit its fields", async () => {
    world.set(NOTICE);
    const title = "关于开展2026年度公共机构年度报告填报工作的通知";
    const outcome = await world.delivery(address, { content: { title } }).push();
    expect(outcome).toEqual({ kind: "accepted", status: 200, receipt: `template:${world.api.templates[0]}` });
    const { json } = world.api.at(TEMPLATE)[0] ?? {};
    expect(json).toMatchObject({ touser: OPENID, template_id: "template-0001" });
    expect(json.client_msg_id).toMatch(/^[0-9a-f]{32}$/);
    expect(json.data).toEqual({
      thing1: { value: `${title.slice(0, 19)}…` },
      thing2: { value: "某县互联网信息中心" },
      time3: { value: "2026-03-02 10:00" },
      phrase4: { value: "通知公告" },
    });
    world.set({ ...NOTICE, noticeKind: "subscription" });
    expect(await world.delivery(address).push()).toEqual({ kind: "delivered", status: 200 });
    expect(world.api.at(BIZ)[0]?.json).toMatchObject({ touser: OPENID, template_id: "template-0001" });
  });

  test.each([45015, 45047])(
    "is the notice when the platform finds the window closed (%i), and remembers that",
    async (errcode) => {
      world.set(NOTICE);
      await spoke();
      world.api.next(REPLY, { errcode });
      expect(await world.delivery(address).push()).toMatchObject({ kind: "accepted" });
      expect(await world.delivery(address).push()).toMatchObject({ kind: "accepted" });
      expect(world.api.at(REPLY)).toHaveLength(1);
    },
  );

  test.each<[number, object]>([
    [40003, { kind: "gone" }],
    [43004, { kind: "gone" }],
    [43019, { kind: "gone" }],
    [50005, { kind: "gone" }],
    [48002, { kind: "gone" }],
    [43101, { kind: "rejected" }],
    [47003, { kind: "rejected" }],
    [40037, { kind: "retry", pause: { because: "configuration" } }],
    [48001, { kind: "retry", pause: { because: "configuration" } }],
    [45009, { kind: "retry", pause: { because: "quota" } }],
    [45011, { kind: "retry", pause: { because: "rate" } }],
    [-1, { kind: "retry" }],
  ])("errcode %i in an HTTP 200 means what the platform says", async (errcode, outcome) => {
    world.set(NOTICE);
    world.api.next(TEMPLATE, { errcode });
    expect(await world.delivery(address).push()).toMatchObject(outcome);
    world.set({ ...NOTICE, noticeKind: "subscription" });
    world.api.next(BIZ, { errcode });
    expect(await world.delivery(address).push()).toMatchObject(outcome);
  });

  test.each(["reset", "cut", "html", "empty", "hang", "gateway", "text", "huge"] as const)(
    "that got no answer (%s) is unknown, and is sent again by a person only",
    async (fault) => {
      await spoke();
      const delivery = world.delivery(address);
      world.api.next(REPLY, { fault });
      expect(await delivery.push()).toMatchObject({ kind: "unknown" });
      world.restart();
      expect(await delivery.push({ same: true })).toMatchObject({ kind: "unknown" });
      expect(world.api.at(REPLY)).toHaveLength(1);
      expect(await delivery.push()).toMatchObject({ kind: "delivered" });
    },
  );

  test("that the platform refused for now is sent again", async () => {
    await spoke();
    const delivery = world.delivery(address);
    world.api.next(REPLY, { errcode: -1 });
    expect(await delivery.push()).toMatchObject({ kind: "retry" });
    expect(await delivery.push()).toMatchObject({ kind: "delivered" });
  });

  test("a template message without an answer is repeated under the same key while the platform knows it", async () => {
    world.set(NOTICE);
    const delivery = world.delivery(address);
    world.api.next(TEMPLATE, { fault: "reset" }, { fault: "hang" });
    expect(await delivery.push()).toMatchObject({ kind: "retry", retryAfterSeconds: 60 });
    world.pass(66);
    expect(await delivery.push()).toMatchObject({ kind: "retry" });
    const names = world.api.at(TEMPLATE).map(({ json }) => json.client_msg_id);
    expect(new Set(names).size).toBe(1);
    world.pass(600);
    expect(await delivery.push()).toMatchObject({ kind: "unknown" });
    expect(await delivery.push({ same: true })).toMatchObject({ kind: "unknown" });
    expect(world.api.at(TEMPLATE)).toHaveLength(2);
    expect(await delivery.push()).toMatchObject({ kind: "accepted" });
  });

  it("fits every kind of field", () => {
    const words = {
      ...{ title: "A1公告：停水（第2号）通知abcdefghijklmnopq", summary: "s", unit: "某县图书馆", column: "通知" },
      ...{ time: "2026-03-02 10:00", kind: "新公告" },
    };
    const of = (name: string) => noticeData(words, [[name, "title"]])[name]?.value ?? "";
    expect([...of("thing1")]).toHaveLength(20);
    expect(of("number2")).toBe("12");
    expect(of("letter3")).toBe("Aabcdefghijklmnopq");
    expect(of("symbol4")).toBe("：（）");
    expect(of("character_string5")).toBe("A12abcdefghijklmnopq");
    expect(of("phrase6")).toBe("公告停水第");
    expect(of("name7")).toBe("公告停水第号通知");
    expect(of("keyword1")).toBe(words.title);
    expect(noticeData(words, [["date1", "time"]])).toEqual({ date1: { value: "2026-03-02" } });
    expect(noticeData(words, [["character_string1", "unit"]])).toEqual({ character_string1: { value: "-" } });
  });
});

describe("the account's token", () => {
  test("is fetched once, used by every process, and never told", async () => {
    world.api.massLeft = 9;
    await world.delivery("followers").push();
    world.restart();
    await world.delivery("followers").push();
    expect(world.api.at(TOKEN).map(({ json }) => json)).toEqual([
      { grant_type: "client_credential", appid: ACCOUNT["appId"], secret: SECRET, force_refresh: false },
    ]);
  });

  test("is renewed once when the platform ended it, and the push goes through", async () => {
    world.api.massLeft = 9;
    await world.delivery("followers").push();
    world.api.endToken();
    expect(await world.delivery("followers").push()).toMatchObject({ kind: "accepted" });
    expect(world.api.at(TOKEN).map(({ json }) => json.force_refresh)).toEqual([false, false]);
    world.api.endToken({ stuck: true });
    expect(await world.delivery("followers").push()).toMatchObject({ kind: "accepted" });
    expect(world.api.at(TOKEN).map(({ json }) => json.force_refresh)).toEqual([false, false, false, true]);
  });

  test.each([40001, 40014, 42001])(
    "is not fetched in a loop when the platform refuses every one (%i)",
    async (errcode) => {
      world.api.always(DRAFT, { errcode });
      const outcome = await world.delivery("followers").push();
      expect(outcome).toMatchObject({ kind: "retry" });
      expect(world.api.at(DRAFT).length).toBeLessThanOrEqual(2);
      expect(world.api.at(TOKEN).length).toBeLessThanOrEqual(3);
      expect(JSON.stringify(outcome)).not.toMatch(/token-\d/);
    },
  );

  test.each<[number, object]>([
    [40013, { because: "configuration" }],
    [40125, { because: "configuration" }],
    [40164, { because: "configuration" }],
    [40243, { because: "configuration" }],
    [50007, { because: "configuration" }],
    [89503, { because: "configuration" }],
    [45009, { because: "quota" }],
    [45011, { because: "rate" }],
  ])("refused with %i pauses the channel", async (errcode, pause) => {
    world.api.next(TOKEN, { errcode });
    expect(await world.delivery("followers").push()).toMatchObject({ kind: "retry", pause });
  });

  test.each(["html", "cut", "empty", "hang", "reset", "huge", "text", "gateway"] as const)(
    "in an answer that cannot be read (%s) is none; the push comes back",
    async (fault) => {
      world.api.next(TOKEN, { fault });
      expect(await world.delivery("followers").push()).toMatchObject({ kind: "retry" });
      world.pass(11);
      expect(await world.delivery("followers").push()).toMatchObject({ kind: "accepted" });
    },
  );

  test.each([
    { access_token: 7, expires_in: 7200 },
    { access_token: "a b", expires_in: 7200 },
    { access_token: "x".repeat(5000), expires_in: 7200 },
    { access_token: "ok", expires_in: "7200" },
    { access_token: "ok", expires_in: -1 },
    {},
  ])("of a wrong shape is none: %j", async (ok) => {
    world.api.next(TOKEN, { ok });
    expect(await world.delivery("followers").push()).toMatchObject({ kind: "retry" });
    expect(world.api.at(DRAFT)).toEqual([]);
  });

  test("of a secret that was changed is another token", async () => {
    world.api.massLeft = 9;
    await world.delivery("followers").push();
    world.set({ ...ACCOUNT, appSecret: "f".repeat(32) });
    await world.delivery("followers").push();
    expect(world.api.at(TOKEN).map(({ json }) => json.secret)).toEqual([SECRET, "f".repeat(32)]);
  });
});

describe("what became of an article", () => {
  const GET_MASS = "/cgi-bin/message/mass/get";
  const GET_PUBLISHED = "/cgi-bin/freepublish/get";

  async function receiptOf(settings: Settings = ACCOUNT): Promise<string> {
    world.set(settings);
    const outcome = await world.delivery("followers").push();
    return "receipt" in outcome ? (outcome.receipt ?? "") : "";
  }

  test.each<[string, object]>([
    ["SEND_SUCCESS", { kind: "delivered" }],
    ["SENDING", { kind: "pending" }],
    ["SEND_FAIL", { kind: "failed", detail: expect.any(String) }],
    ["DELETE", { kind: "delivered" }],
    ["SOMETHING_NEW", { kind: "unknown" }],
  ])("by mass message is asked for: %s", async (status, word) => {
    const receipt = await receiptOf();
    world.api.became.set(receipt.slice("mass:".length), status);
    expect(await world.channel.ask?.(receipt)).toEqual(word);
    expect(world.api.at(GET_MASS)[0]?.json).toEqual({ msg_id: receipt.slice("mass:".length) });
  });

  test.each<[string | number, object]>([
    [0, { kind: "delivered" }],
    ["0", { kind: "delivered" }],
    [1, { kind: "pending" }],
    [2, { kind: "failed", detail: "the originality check failed" }],
    [3, { kind: "failed", detail: "failed" }],
    [4, { kind: "failed", detail: "the platform's review refused it" }],
    [5, { kind: "failed", detail: "deleted by a person" }],
    [6, { kind: "failed", detail: "banned by the platform" }],
    [7, { kind: "unknown" }],
    ["", { kind: "unknown" }],
  ])("by publication is asked for: %j", async (status, word) => {
    const receipt = await receiptOf({ ...ACCOUNT, broadcast: "publish" });
    world.api.became.set(receipt.slice("publish:".length), status);
    expect(await world.channel.ask?.(receipt)).toEqual(word);
    expect(world.api.at(GET_PUBLISHED)[0]?.json).toEqual({ publish_id: receipt.slice("publish:".length) });
  });

  test.each<Parameters<typeof world.api.next>[1]>([
    { errcode: 48001 },
    { errcode: 45009 },
    { errcode: 40059 },
    { errcode: -1 },
    { ok: {} },
    { ok: { msg_status: { $gt: "" } } },
    { fault: "html" },
    { fault: "cut" },
    { fault: "empty" },
    { fault: "hang" },
    { fault: "reset" },
    { fault: "gateway" },
  ])("stays unknown when the platform does not say: %j", async (odd) => {
    const receipt = await receiptOf();
    world.api.next(GET_MASS, odd);
    expect(await world.channel.ask?.(receipt)).toEqual({ kind: "unknown" });
  });

  test("is asked for with a token that is renewed, and not at all once the account is taken away", async () => {
    const receipt = await receiptOf();
    world.api.endToken();
    expect(await world.channel.ask?.(receipt)).toEqual({ kind: "delivered" });
    world.set(undefined);
    const calls = world.api.calls.length;
    expect(await world.channel.ask?.(receipt)).toEqual({ kind: "unknown" });
    expect(world.api.calls.length).toBe(calls);
  });

  test.each<["mass" | "publish", string, string | number]>([
    ["mass", MASS, "SEND_FAIL"],
    ["publish", PUBLISH, 4],
  ])("that failed is made anew when a person wants that, once (%s)", async (broadcast, path, status) => {
    world.set({ ...ACCOUNT, broadcast });
    world.api.massLeft = 9;
    const delivery = world.delivery("followers", { content: { body: "正文" } });
    const first = await delivery.push();
    const receipt = ("receipt" in first && first.receipt) || "";
    world.api.became.set(receipt.replace(/^\w+:/, ""), status);
    const second = await delivery.push();
    expect(second).toMatchObject({ kind: "accepted", receipt: expect.not.stringMatching(receipt) });
    expect(await delivery.push({ same: true })).toEqual({ ...second, spentBefore: true });
    expect(await delivery.push()).toEqual({ ...second, spentBefore: true });
    expect(world.api.at(path)).toHaveLength(2);
    expect(world.api.at(DRAFT)).toHaveLength(2);
  });

  test("that may have gone out is not sent again whatever a person wants", async () => {
    const delivery = world.delivery("followers");
    world.api.massLeft = 9;
    const first = await delivery.push();
    world.api.always(GET_MASS, { errcode: -1 });
    expect(await delivery.push()).toEqual({ ...first, spentBefore: true });
    world.api.always(GET_MASS, undefined);
    expect(await delivery.push()).toEqual({ ...first, spentBefore: true });
    expect(world.api.at(MASS)).toHaveLength(1);
  });

  test("can be asked for articles, not for notices", () => {
    const { canAsk } = world.channel;
    expect(["mass:1", "publish:1", "template:1"].map((receipt) => canAsk?.(receipt))).toEqual([true, true, false]);
  });
});

describe("addresses", () => {
  test.each([
    ["followers", "followers"],
    ["tag:0102", "tag:102"],
    [`openid:${OPENID}`, `openid:${OPENID}`],
  ])("%s", async (address, normal) => {
    expect(await world.channel.address(address)).toEqual({ address: normal });
  });

  test.each([
    "",
    "all",
    "@all",
    "tag:",
    "tag:x",
    "tag:-1",
    "openid:short",
    `openid:${"o".repeat(65)}`,
    `openid:${OPENID}"`,
  ])("%j is none", async (address) => {
    expect(await world.channel.address(address)).toMatchObject({
      errors: [{ pointer: "/endpoint/address", code: "ADDRESS_MALFORMED" }],
    });
  });

  test("are refused while nothing is set up, in words that say what an admin does; a push waits", async () => {
    world.set(undefined);
    expect(await world.channel.address("followers")).toMatchObject({
      errors: [
        { pointer: "/endpoint/channel", code: "CHANNEL_NOT_SET_UP", detail: { zh: expect.stringContaining("管理员") } },
      ],
    });
    expect(await world.delivery("followers").push()).toMatchObject({
      kind: "retry",
      pause: { because: "configuration" },
    });
    expect(world.api.calls).toEqual([]);
  });

  test("of followers show no whole openid, and replies do not count against the mass messages", () => {
    const { shown, credential, quotas } = world.channel;
    expect(shown?.(`openid:${OPENID}`)).toBe("openid:oTes…0001");
    expect(credential?.("followers")).not.toBe(credential?.(`openid:${OPENID}`));
    expect(quotas?.(ACCOUNT)).toEqual([{ per: "day", of: "credential", count: 1 }]);
    expect(quotas?.(NOTICE)).toEqual([{ per: "month", of: "endpoint", count: 4 }]);
    expect(quotas?.(NOTICE, `openid:${OPENID}`)).toEqual([]);
  });

  test("a follower who has just spoken is sent the link; whoever has not, and a whole audience, is not asked", async () => {
    const target = { endpoint: "e", address: `openid:${OPENID}`, language: "zh-CN" as const, secrets: [], matched: [] };
    expect(await world.channel.confirm(target, "challenge", "sub_1")).toBe("refused");
    await spoke();
    expect(await world.channel.confirm(target, "challenge", "sub_1")).toBe("sent");
    expect(world.api.at(REPLY)[0]?.json.text.content).toContain("https://example.org/confirm?s=sub_1&c=challenge");
    expect(await world.channel.confirm({ ...target, address: "followers" }, "challenge", "sub_1")).toBe("refused");
    expect(world.api.at(REPLY)).toHaveLength(1);
  });
});
