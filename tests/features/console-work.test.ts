import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startWebhookSink, type WebhookSink } from "#tests/receivers/webhook-sink.ts";
import { openWorld, type TestWorld } from "#tests/world.ts";

let world: TestWorld;
let sink: WebhookSink;
let writer: Awaited<ReturnType<TestWorld["member"]>>;
let editor: string;
let reviewer: string;

beforeAll(async () => {
  world = await openWorld();
  sink = await startWebhookSink();
  await world.admin.put("/units/center", { name: "某县互联网信息中心" });
  await world.admin.put("/columns/calm", { name: "平时通知", kind: "notice", mayBreakQuietHours: false, approvals: 1 });
  await world.admin.put("/columns/long", { name: "长文", kind: "notice", mayBreakQuietHours: false, approvals: 0 });
  await world.admin.put("/columns/free", { name: "免审通知", kind: "notice", mayBreakQuietHours: false, approvals: 0 });
  writer = await world.member("editor", "center");
  editor = await world.enter(["editor"], "center");
  reviewer = await world.enter(["reviewer"], "center");
});
afterAll(async () => {
  await world?.close();
  await sink?.close();
});

async function read(path: string, cookie: string) {
  const answer = await world.fetch(path, { headers: { cookie, accept: "text/html" } });
  return { status: answer.status, text: await answer.text() };
}

async function press(path: string, fields: Record<string, string>, cookie: string, origin = world.url) {
  const answer = await world.fetch(path, {
    method: "POST",
    redirect: "manual",
    headers: { cookie, origin, accept: "text/html", "content-type": "application/x-www-form-urlencoded" },
    body: new URLSearchParams(fields).toString(),
  });
  return { status: answer.status, text: await answer.text(), location: answer.headers.get("location") };
}

const imported = (column: string, endpoints: object[], more = {}) =>
  world.imported(endpoints, { topics: [`column:${column}`], ...more });

async function drafted(column: string, more = {}) {
  const content = { title: "明日停水通知", body: "三月二日八时至十二时停水。", column, unitId: "center", ...more };
  const { body } = await writer.post("/announcements", content);
  return { id: body.id as string, contentHash: body.contentHash as string, page: `/console/announcements/${body.id}` };
}

describe("the page of a draft", () => {
  it("says plainly that nobody has subscribed", async () => {
    const { id, page } = await drafted("calm");
    expect((await read("/console", editor)).text).toContain(`href="/console/announcements/${id}"`);
    const { status, text } = await read(page, editor);
    expect(status).toBe(200);
    expect(text).toContain("现在没有人订阅这些内容");
    expect((await read(`${page}?lang=en`, editor)).text).toContain("Nobody has subscribed to this");
  });

  it("shows how many get it on each channel, who waits, the exact text and what is cut", async () => {
    const robot = "https://oapi.dingtalk.com/robot/send?access_token=";
    await imported("calm", [
      { channel: "webhook", address: sink.url("/a") },
      { channel: "dingtalk", address: robot + "a".repeat(64) },
    ]);
    await imported("calm", [{ channel: "webhook", address: sink.url("/b") }], { frequency: "daily", language: "en" });
    const { page } = await drafted("calm");
    const { text } = await read(page, reviewer);
    expect(text).toContain("3个接收端");
    expect(text).toMatch(
      /系统接口（Webhook）[\s\S]*立即推送<\/dt><dd class="num">1<[\s\S]*稍后<\/dt><dd><span class="num">1</,
    );
    expect(text).toContain("发出的内容（各语言相同）");
    expect(text).toMatch(/钉钉群机器人[\s\S]*<pre[^>]*>[^<]*明日停水通知/);
    expect(text).toContain("，完整发出");
    expect(text).not.toContain("a".repeat(64));
    expect(sink.received).toEqual([]);
  });

  it("never says that a text goes out whole where a channel sends a summary of it and a link", async () => {
    const keys = { dingtalk: "a".repeat(64), key: "0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0" };
    await imported("long", [
      { channel: "webhook", address: sink.url("/long") },
      { channel: "dingtalk", address: `https://oapi.dingtalk.com/robot/send?access_token=${keys.dingtalk}` },
      { channel: "wecom-robot", address: `https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=${keys.key}` },
      { channel: "feishu", address: `https://open.feishu.cn/open-apis/bot/v2/hook/${keys.key}` },
    ]);
    const { id, page } = await drafted("long", { body: "三月二日八时至十二时停水，请提前储水。".repeat(150) });
    const { text } = await read(page, reviewer);
    expect(text).not.toContain("完整发出");
    expect(text.match(/，只发摘要（200字）和全文链接。/g)).toHaveLength(3);
    expect(text).toContain("，只发摘要（500字）和全文链接。");
    const english = (await read(`${page}?lang=en`, reviewer)).text;
    expect(english).not.toContain("goes out whole");
    expect(english).toContain(", only a summary (200 characters) and a link to the text go out.");
    const { channels } = (await writer.get(`/announcements/${id}/rehearsal`)).body;
    expect(channels.feishu.texts).toMatchObject([{ summaryCharacters: 200, faults: [] }]);
    expect(channels.webhook.texts).toMatchObject([{ summaryCharacters: 500, faults: [] }]);
  });

  it("lets a reviewer approve and an editor publish, then shows the ledger; nobody else and nothing from elsewhere", async () => {
    const { page, contentHash } = await drafted("calm");
    const clerk = await world.enter(["clerk"], "center");
    const elsewhere = await world.enter(["editor"], "other");
    expect((await read(page, clerk)).status).toBe(403);
    expect((await read(page, elsewhere)).status).toBe(404);
    expect((await read(page, editor)).text).toContain("需1人审核通过，现有0人");
    expect((await read(page, editor)).text).not.toContain('value="publish"');
    expect((await press(page, { act: "publish", contentHash }, clerk)).status).toBe(403);
    expect((await press(page, { act: "approve", contentHash }, editor)).status).toBe(403);
    expect((await press(page, { act: "approve", contentHash }, reviewer, "https://evil.example")).status).toBe(403);
    const early = await press(page, { act: "publish", contentHash }, editor);
    expect(early.status).toBe(409);
    expect(early.text).toContain("需要1人审核通过");
    expect((await press(page, { act: "publish", contentHash }, reviewer)).status).toBe(403);
    const other = await press(page, { act: "approve", contentHash: "0".repeat(64) }, reviewer);
    expect(other.status).toBe(409);
    expect((await press(page, { act: "approve", contentHash }, reviewer)).status).toBe(303);
    const approved = await read(page, editor);
    expect(approved.text).toContain("现有1人");
    expect(approved.text).toContain('value="publish"');
    const clicks = [
      await press(page, { act: "publish", contentHash }, editor),
      await press(page, { act: "publish", contentHash }, editor),
    ];
    expect(clicks.map(({ status }) => status)).toEqual([303, 303]);
    const ledger = await read(clicks[1]?.location ?? "", editor);
    expect(ledger.text).toContain("推送台账");
    expect(ledger.text).toContain("第1版");
  });

  it("returns a text only with a reason, and takes a time to publish at", async () => {
    const first = await drafted("calm");
    expect((await press(first.page, { act: "return", contentHash: first.contentHash }, reviewer)).status).toBe(422);
    const said = { act: "return", contentHash: first.contentHash, comment: "日期有误" };
    expect((await press(first.page, said, reviewer)).status).toBe(303);
    expect((await read(first.page, editor)).text).toContain("日期有误");
    const second = await drafted("free");
    const past = { act: "publish", contentHash: second.contentHash, at: "2001-01-01T08:00" };
    expect((await press(second.page, past, editor)).status).toBe(422);
    const wrong = await press(second.page, { ...past, at: "tomorrow" }, editor);
    expect(wrong.text).toContain("定时发布的时间不正确");
    const at = new Date(Date.now() + 86_400_000 + 8 * 3_600_000).toISOString().slice(0, 16);
    expect((await press(second.page, { ...past, at }, editor)).status).toBe(303);
    expect((await read(second.page, editor)).text).toContain("定时发布：");
  });
});

describe("what is in work", () => {
  const drafts = (text: string): string[] =>
    (/id="work">([\s\S]*?)<\/section>/.exec(text)?.[1] ?? "").match(/ann_\w{26}(?=">)/g) ?? [];
  const nextOf = (text: string) => /rel="next" href="([^"]+)"/.exec(text)?.[1]?.replaceAll("&amp;", "&");

  it("is shown however much was published since, to the unit and to who acts for all, until it is published", async () => {
    await world.admin.put("/units/park", { name: "某县公园" });
    const gardener = await world.member("editor", "park");
    const [unit, all] = [await world.enter(["editor"], "park"), await world.enter(["editor"])];
    expect((await read("/console", unit)).text).toContain("没有在办稿件");
    const content = { title: "公园闭园通知", body: "今日闭园。", column: "free", unitId: "park" };
    const make = async () => {
      const { id, contentHash } = (await gardener.post("/announcements", content)).body;
      return { id: id as string, contentHash: contentHash as string };
    };
    const kept = await make();
    for (let i = 0; i < 17; i++) {
      const { id, contentHash } = await make();
      expect((await gardener.post(`/announcements/${id}/publish`, { contentHash })).status).toBe(202);
    }
    expect(drafts((await read("/console", unit)).text)).toEqual([kept.id]);
    expect(drafts((await read("/console", all)).text)).toContain(kept.id);
    expect(drafts((await read("/console", editor)).text)).not.toContain(kept.id);
    const { contentHash } = kept;
    expect((await gardener.post(`/announcements/${kept.id}/publish`, { contentHash })).status).toBe(202);
    expect((await read("/console", unit)).text).toContain("没有在办稿件");
    expect(drafts((await read("/console", all)).text)).not.toContain(kept.id);
  });

  it("goes on page by page, each text once, and is back at the newest by one link", async () => {
    await world.admin.put("/units/pool", { name: "某县游泳馆" });
    const keeper = await world.member("editor", "pool");
    const cookie = await world.enter(["editor"], "pool");
    const ids: string[] = [];
    for (let i = 0; i < 32; i++) {
      const content = { title: `换水通知${i}`, body: "今日换水。", column: "free", unitId: "pool" };
      ids.unshift((await keeper.post("/announcements", content)).body.id);
    }
    const shown: string[] = [];
    const sizes: number[] = [];
    let path: string | undefined = "/console";
    while (path !== undefined && sizes.length < 5) {
      const { text } = await read(path, cookie);
      expect(text.includes("回到最新")).toBe(sizes.length > 0);
      sizes.push(shown.push(...drafts(text)));
      path = nextOf(text);
    }
    expect([sizes, shown]).toEqual([[15, 30, 32], ids.toSorted().reverse()]);
    expect((await read("/console?drafts=x", cookie)).status).toBe(400);
    const first = nextOf((await read("/console", cookie)).text) ?? "";
    expect((await read(first, editor)).status).toBe(400);
    expect((await read("/console?lang=en", cookie)).text).toContain("Older texts in work");
  });

  it("follows a text to the unit that it is now for", async () => {
    const everywhere = await world.member("editor");
    for (const unit of ["left", "right"]) await world.admin.put(`/units/${unit}`, { name: `单位${unit}` });
    const [left, right] = [await world.enter(["editor"], "left"), await world.enter(["editor"], "right")];
    const content = { title: "搬家的稿件", body: "正文正文。", column: "free", unitId: "left" };
    const made = await everywhere.post("/announcements", content);
    const { id } = made.body;
    expect(drafts((await read("/console", left)).text)).toEqual([id]);
    const moved = await everywhere.patch(`/announcements/${id}`, { unitId: "right" }, { "if-match": made.etag });
    expect(moved.status).toBe(200);
    expect(drafts((await read("/console", left)).text)).toEqual([]);
    expect(drafts((await read("/console", right)).text)).toEqual([id]);
    const all = drafts((await read("/console", await world.enter(["editor"]))).text);
    expect(all.filter((one) => one === id)).toHaveLength(1);
  });
});

describe("a correction in work", () => {
  const inWork = (text: string) => /id="work">([\s\S]*?)<\/section>/.exec(text)?.[1] ?? "";

  it("stands among what is in work until it is out, is rehearsed, reviewed and published with its reason", async () => {
    const { id, page, contentHash } = await drafted("calm", { title: "停水时间" });
    await press(page, { act: "approve", contentHash }, reviewer);
    await press(page, { act: "publish", contentHash }, editor);
    expect(inWork((await read("/console", editor)).text)).not.toContain(id);
    const { etag } = await writer.get(`/announcements/${id}`);
    const edited = await writer.patch(`/announcements/${id}`, { title: "停水时间（改）" }, { "if-match": etag });
    expect(edited.status).toBe(200);
    const hash = edited.body.contentHash as string;
    const listed = inWork((await read("/console", editor)).text);
    expect(listed).toMatch(new RegExp(`更正稿</span><a href="${page}\\?work=1">停水时间（改）</a>`));
    const work = `${page}?work=1`;
    expect((await read(page, editor)).text).toContain(`<a href="${work}">有一份更正稿在办`);
    const { text } = await read(work, reviewer);
    expect(text).toContain("更正前预演");
    expect(text).toContain("收到过前面版本的接收端");
    expect(text).toMatch(/<pre[^>]*>[^<]*停水时间（改）/);
    expect((await read(`${work}&lang=en`, reviewer)).text).toContain("Before the correction is published");
    const early = await press(page, { act: "correct", contentHash: hash, reason: "时间有误" }, editor);
    expect([early.status, early.text.includes("需要1人审核通过")]).toEqual([409, true]);
    const approved = await press(page, { act: "approve", contentHash: hash }, reviewer);
    expect([approved.status, approved.location]).toEqual([303, work]);
    const silent = await press(page, { act: "correct", contentHash: hash, reason: " " }, editor);
    expect([silent.status, silent.text.includes("请说明更正的原因")]).toEqual([422, true]);
    const fields = { act: "correct", contentHash: hash, reason: "时间有误" };
    expect((await press(page, fields, reviewer)).status).toBe(403);
    for (const click of [1, 2]) {
      const { status, location } = await press(page, fields, editor);
      expect([status, location], `click ${click}`).toEqual([303, page]);
    }
    expect((await read(page, editor)).text).toContain("第2版（更正）");
    expect(inWork((await read("/console", editor)).text)).not.toContain(id);
    expect((await read(work, editor)).text).toContain("第2版（更正）");
  });

  it("is given up by making it what is published already", async () => {
    const { id, page, contentHash } = await drafted("free", { title: "闭馆通知" });
    await press(page, { act: "publish", contentHash }, editor);
    const change = async (title: string) => {
      const { etag } = await writer.get(`/announcements/${id}`);
      expect((await writer.patch(`/announcements/${id}`, { title }, { "if-match": etag })).status).toBe(200);
    };
    await change("闭馆通知（改）");
    expect(inWork((await read("/console", editor)).text)).toContain(id);
    await change("闭馆通知");
    expect(inWork((await read("/console", editor)).text)).not.toContain(id);
    expect((await read(page, editor)).text).not.toContain("更正稿");
  });

  it("leaves with the announcement that is withdrawn", async () => {
    const { id, page, contentHash } = await drafted("free");
    await press(page, { act: "publish", contentHash }, editor);
    const { etag } = await writer.get(`/announcements/${id}`);
    await writer.patch(`/announcements/${id}`, { title: "停水通知（改）" }, { "if-match": etag });
    expect(inWork((await read("/console", editor)).text)).toContain(id);
    expect((await writer.post(`/announcements/${id}/withdraw`, { reason: "误发" })).status).toBe(202);
    expect(inWork((await read("/console", editor)).text)).not.toContain(id);
    expect((await read(`${page}?work=1`, editor)).text).toContain("第2版（撤回）");
  });
});

describe("the page of deliveries", () => {
  it("names the digest that a delivery waits for and turns pages beyond fifty rows", async () => {
    const many = Array.from({ length: 60 }, (_, i) => ({ channel: "webhook", address: sink.url(`/many/${i}`) }));
    await imported("free", many);
    await imported("free", [{ channel: "webhook", address: sink.url("/daily") }], { frequency: "daily" });
    const { id, page, contentHash } = await drafted("free");
    await press(page, { act: "publish", contentHash }, editor);
    await world.until(async () => (await writer.get(`/announcements/${id}/ledger`)).body.delivered === 60);
    const first = await read(page, editor);
    const next = /rel="next" href="([^"]+)"/.exec(first.text)?.[1]?.replaceAll("&amp;", "&") ?? "";
    const second = await read(next, editor);
    const rows = (text: string) => new Set(text.match(/\/many\/\d+/g));
    expect(new Set([...rows(first.text), ...rows(second.text)]).size).toBe(60);
    expect(second.text).toContain("回到第一页");
    expect(second.text).not.toContain('rel="next"');
    const held = await read(`${page}?state=held`, editor);
    expect(held.text).toMatch(
      /等待<a href="\/console\/announcements\/digest_daily_\d{4}-\d\d-\d\d\?endpoint=[\w-]{16}">每日汇总 /,
    );
    const digest = /\/console\/announcements\/digest_[^?"]+/.exec(held.text)?.[0] ?? "";
    expect((await read(digest, editor)).status).toBe(404);
    const everywhere = await world.enter(["editor"]);
    expect((await read(digest, everywhere)).text).toContain("每日汇总");
  });

  it("stops refreshing itself when asked to", async () => {
    sink.answer("/busy", { status: 503 });
    await imported("free", [{ channel: "webhook", address: sink.url("/busy") }]);
    const { page, contentHash } = await drafted("free");
    await press(page, { act: "publish", contentHash }, editor);
    const asked = (path: string) => world.fetch(path, { headers: { cookie: editor } });
    await world.until(async () => (await asked(page)).headers.get("refresh") === "3");
    expect((await asked(`${page}?refresh=off`)).headers.get("refresh")).toBeNull();
  });
});
