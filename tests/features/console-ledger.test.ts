import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createSignInLink, signIn } from "#src/domain/members/sign-in.ts";
import { ADMIN, testApp } from "#tests/app.ts";
import { startWebhookSink, type WebhookSink } from "#tests/receivers/webhook-sink.ts";
import { openWorld, type TestWorld } from "#tests/world.ts";

let world: TestWorld;
let sink: WebhookSink;
let writer: Awaited<ReturnType<TestWorld["member"]>>;
let editor: string;
const logged: object[] = [];

beforeAll(async () => {
  const log = (event: string, fields: object = {}) => void logged.push({ event, ...fields });
  world = await openWorld({ log: { info: log, warn: log, error: log } });
  sink = await startWebhookSink();
  await world.admin.put("/units/center", { name: "某县互联网信息中心" });
  await world.admin.put("/columns/free", { name: "免审通知", kind: "notice", mayBreakQuietHours: false, approvals: 0 });
  writer = await world.member("editor", "center");
  editor = await enter(["editor"], "center");
});
afterAll(async () => {
  await world?.close();
  await sink?.close();
});

async function read(path: string, cookie = editor) {
  const answer = await world.fetch(path, { headers: { cookie, accept: "text/html" } });
  return { status: answer.status, text: await answer.text() };
}

async function press(path: string, fields: Record<string, string>, cookie = editor) {
  const answer = await world.fetch(path, {
    method: "POST",
    redirect: "manual",
    headers: {
      ...{ cookie, origin: world.url, accept: "text/html" },
      "content-type": "application/x-www-form-urlencoded",
    },
    body: new URLSearchParams(fields).toString(),
  });
  return { status: answer.status, text: await answer.text(), refresh: answer.headers.get("refresh") };
}

const enter: TestWorld["enter"] = (...who) => world.enter(...who);
const imported = (topic: string, addresses: string[]) => world.imported(addresses, { topics: [topic] });

type Published = { id: string; contentHash: string; page: string };

async function published(more: Record<string, unknown> = {}, person = writer): Promise<Published> {
  const content = {
    title: "明日停水通知",
    body: "三月二日八时至十二时停水。",
    column: "free",
    unitId: "center",
    ...more,
  };
  const { id, contentHash } = (await person.post("/announcements", content)).body;
  expect((await person.post(`/announcements/${id}/publish`, { contentHash })).status).toBe(202);
  return { id, contentHash, page: `/console/announcements/${id}` };
}

async function corrected({ id, contentHash }: Published, body: string, reason = "时间有误", person = writer) {
  const answer = await person.post(`/announcements/${id}/correct`, { contentHash, reason, body });
  expect(answer.status).toBe(202);
  return answer.body as { revision: number };
}

const withdrawn = async ({ id }: Published, reason = "误发", person = writer) =>
  expect((await person.post(`/announcements/${id}/withdraw`, { reason })).status).toBe(202);

const closed = ({ id }: Published, revision: number, person = writer) =>
  world.until(async () => (await person.get(`/announcements/${id}/ledger?revision=${revision}`)).body.closed === true);

const plain = (text: string) => text.replaceAll(/<[^>]*>/g, " ").replaceAll(/\s+/g, " ");

describe("the console's list of ledgers", () => {
  const listed = (text: string) => /id="ledger">([\s\S]*?)<\/section>/.exec(text)?.[1] ?? "";
  const ids = (text: string) => listed(text).match(/(?<=\/console\/announcements\/)ann_\w{26}/g) ?? [];
  const nextOf = (text: string) => /rel="next" href="([^"]+)"/.exec(listed(text))?.[1]?.replaceAll("&amp;", "&");

  it("still has an announcement that was withdrawn, marked as such, for its unit and for who acts for all", async () => {
    await world.admin.put("/units/bus", { name: "某县公交公司" });
    const driver = await world.member("editor", "bus");
    const [unit, all] = [await enter(["editor"], "bus"), await enter(["editor"])];
    expect((await read("/console", unit)).text).toContain("还没有公告");
    const one = await published({ title: "一路车改道", unitId: "bus" }, driver);
    await published({ title: "二路车改道", unitId: "bus" }, driver);
    await withdrawn(one, "误发", driver);
    for (const cookie of [unit, all]) {
      const { text } = await read("/console", cookie);
      expect(ids(text)).toContain(one.id);
      expect(plain(listed(text))).toContain("已撤回 一路车改道");
      expect(plain(listed(text))).not.toContain("已撤回 二路车改道");
    }
    const reviewer = (await read("/console", await enter(["reviewer"], "bus"))).text;
    expect(plain(listed(reviewer))).toContain("已撤回 一路车改道");
    expect(ids(reviewer)).toEqual([]);
    expect(plain((await read("/console?lang=en", unit)).text)).toContain("Withdrawn 一路车改道");
    expect(ids((await read("/console")).text)).not.toContain(one.id);
    expect(plain((await read("/announcements")).text)).not.toContain("一路车改道");
    expect(plain((await read("/units/bus")).text)).not.toContain("一路车改道");
  });

  it("shows what moved last first, and goes on page by page, each announcement once", async () => {
    await world.admin.put("/units/lake", { name: "某县水库" });
    const keeper = await world.member("editor", "lake");
    const cookie = await enter(["editor"], "lake");
    const made: Published[] = [];
    for (let n = 0; n < 17; n++) made.unshift(await published({ title: `水位${n}`, unitId: "lake" }, keeper));
    const [oldest, older] = [made[16], made[15]];
    if (!oldest || !older) throw new Error("seventeen were published");
    await corrected(older, "水位已更正。", "数字有误", keeper);
    await withdrawn(oldest, "误发", keeper);
    const shown: string[] = [];
    const sizes: number[] = [];
    for (let path: string | undefined = "/console"; path !== undefined && sizes.length < 4; ) {
      const { text } = await read(path, cookie);
      expect(text.includes("回到最新")).toBe(sizes.length > 0);
      sizes.push(shown.push(...ids(text)));
      path = nextOf(text);
    }
    const order = [oldest, older, ...made.slice(0, 15)].map(({ id }) => id);
    expect([sizes, shown]).toEqual([[15, 17], order]);
    const next = nextOf((await read("/console", cookie)).text) ?? "";
    expect((await read(next)).status).toBe(400);
    expect((await read("/console?ledgers=x", cookie)).status).toBe(400);
    expect((await read("/console?lang=en", cookie)).text).toContain("Older ledgers");
  });

  it("follows a correction to the unit that it is now for", async () => {
    const everywhere = await world.member("editor");
    for (const unit of ["east", "west"]) await world.admin.put(`/units/${unit}`, { name: `单位${unit}` });
    const [east, west] = [await enter(["editor"], "east"), await enter(["editor"], "west")];
    const one = await published({ title: "换了单位", unitId: "east" }, everywhere);
    const { id, contentHash } = one;
    const answer = await everywhere.post(`/announcements/${id}/correct`, {
      ...{ contentHash, reason: "单位有误", unitId: "west" },
    });
    expect(answer.status).toBe(202);
    expect(ids((await read("/console", east)).text)).toEqual([]);
    expect(ids((await read("/console", west)).text)).toEqual([id]);
  });
});

describe("the ledgers of one announcement", () => {
  let one: Published;
  const row = (text: string, address: string) =>
    text.split("<tr ").find((part) => part.includes(`${address}</span>`)) ?? "";

  beforeAll(async () => {
    await world.admin.put("/columns/road", { name: "道路", kind: "notice", mayBreakQuietHours: false, approvals: 0 });
    sink.answer("/gone", { status: 410 });
    sink.answer("/busy", { status: 503, headers: { "retry-after": "1" } });
    await imported("column:road", ["/good", "/gone", "/busy"].map(sink.url));
    one = await published({ title: "南街封路", column: "road" });
    await world.until(async () => {
      const { body } = await writer.get(`/deliveries?announcement=${one.id}&endpoint=${sink.url("/busy")}`);
      return body.items[0]?.attempts.length >= 2;
    });
  });

  it("says of every attempt why it was made, and what does not count", async () => {
    const { text } = await read(one.page);
    expect(plain(row(text, sink.url("/good")))).toContain("栏目：道路");
    expect(plain(row(text, sink.url("/good")))).toMatch(/首次推送[：:] ?送达/);
    expect(plain(row(text, sink.url("/gone")))).toMatch(/首次推送：地址已失效 410/);
    const busy = plain(row(text, sink.url("/busy")));
    expect(busy).toMatch(/首次推送：未成功 503 .*自动重试：/);
    expect(busy).toContain("对方指定了再试的时间，不计次数");
    const english = (await read(`${one.page}?lang=en`)).text;
    expect(plain(row(english, sink.url("/busy")))).toMatch(/first push: not taken 503 .*automatic retry: /);
    expect(plain(row(english, sink.url("/busy")))).toContain(
      "the receiver named the time of the next try; costs no try",
    );
  });

  it("says which attempt a person asked for", async () => {
    const { text } = await read(`${one.page}?endpoint=${encodeURIComponent(sink.url("/busy"))}`);
    const delivery = /name="delivery" value="([^"]+)"/.exec(row(text, sink.url("/busy")))?.[1] ?? "";
    expect((await press(one.page, { act: "retry", delivery, revision: "1" })).status).toBe(200);
    await world.until(async () => plain(row((await read(one.page)).text, sink.url("/busy"))).includes("人工重推："));
    // Who that was is in the log, with the delivery.
    expect(logged).toContainEqual({
      ...{ event: "acted", route: "console ledger", act: "retry", id: one.id, delivery },
      actor: expect.any(String),
    });
  });

  it("are linked with each other: which is current, what replaced it, and why", async () => {
    expect((await read(one.page)).text).not.toContain("各版本");
    expect((await corrected(one, "南街封路至周五。", "结束日期有误")).revision).toBe(2);
    await closed(one, 1);
    await withdrawn(one, "施工取消");
    await closed(one, 2);
    await world.until(async () => (await writer.get(`/announcements/${one.id}/ledger`)).body.delivered === 1);
    const { text } = await read(one.page);
    expect(plain(text)).toMatch(/南街封路 某县互联网信息中心 第3版（撤回）/);
    const revisions = /aria-labelledby="revisions">([\s\S]*?)<\/section>/.exec(text)?.[1] ?? "";
    const lines = revisions.split("<li").slice(1).map(plain);
    expect(lines[0]).toMatch(/第3版（撤回） .*当前版本 .*原因：施工取消/);
    expect(lines[1]).toMatch(/第2版（更正） .*已被第3版取代 .*原因：结束日期有误/);
    expect(lines[2]).toMatch(/第1版（发布） .*已被第2版取代/);
    const links = [...revisions.matchAll(/href="([^"]+)"/g)].map(([, href]) => href);
    expect(links).toEqual([2, 1].map((revision) => `${one.page}?revision=${revision}`));
    expect(revisions).toMatch(/aria-current="page"[^>]*>第3版/);
    const first = (await read(`${one.page}?revision=1&lang=en`)).text;
    expect(plain(first)).toMatch(/revision 1 \(published\) .* replaced by revision 2/);
    expect(first).toContain(`href="${one.page}?revision=3&amp;lang=en"`);
  });

  it("offer no retry that cannot work, and say why", async () => {
    const ledger = (await read(`${one.page}?revision=1&state=failed`)).text;
    expect(ledger).not.toContain('value="retry"');
    expect(ledger).not.toContain('value="retry-all"');
    expect(plain(row(ledger, sink.url("/gone")))).toContain("已被第2版取代，本版不再推送");
    expect(plain(ledger)).toContain("本版已被第2版取代，失败的不再重新推送");
    const found = (await read(`${one.page}?endpoint=${encodeURIComponent(sink.url("/gone"))}&lang=en`)).text;
    expect(found).not.toContain('value="retry"');
    expect(plain(row(found, sink.url("/gone")))).toContain("revision 2 took over; this one is not sent again");
    const waiting = await published({ title: "北街封路", column: "road" });
    await world.until(async () => (await read(waiting.page)).text.includes('value="retry"'));
    await corrected(waiting, "北街封路至周五。");
    await closed(waiting, 1);
    expect((await read(`${waiting.page}?revision=1`)).text).not.toContain('value="retry"');
  });

  it("name the revision of each row when one receiver is looked up, and keep the reader's language", async () => {
    const { text } = await read(`${one.page}?endpoint=${encodeURIComponent(sink.url("/good"))}&lang=en`);
    const rows = text.split("<tr ").filter((part) => part.includes(`${sink.url("/good")}</span>`));
    expect(rows.map((part) => /revision \d/.exec(plain(part))?.[0])).toEqual([
      "revision 3",
      "revision 2",
      "revision 1",
    ]);
    expect(text).toMatch(/<form method="get"[^>]*>\s*<input type="hidden" name="lang" value="en">/);
  });

  it("stand where they stood after something was done: the same state, the same receiver", async () => {
    const open = await published({ title: "西街封路", column: "road" });
    await world.until(async () => (await read(`${open.page}?state=waiting`)).text.includes('value="retry"'));
    const { text } = await read(`${open.page}?state=waiting`);
    const form = /<form method="post"[\s\S]*?value="retry"/.exec(row(text, sink.url("/busy")))?.[0] ?? "";
    const fields = [...form.matchAll(/name="(\w+)" value="([^"]*)"/g)].map(([, name, value]) => [name, value]);
    const answer = await press(open.page, { ...Object.fromEntries(fields), act: "retry" });
    expect(answer.text).toContain("已重新推送。");
    const stays = await press(open.page, {
      act: "retry",
      delivery: fields.find(([name]) => name === "delivery")?.[1] ?? "",
      revision: "1",
    });
    expect([stays.status, stays.refresh]).toEqual([200, null]);
    expect(answer.text).toContain('<b aria-current="true">待推</b>');
  });
});

describe("the page of a ledger", () => {
  it("is not there for a digest of a day that does not exist", async () => {
    const everywhere = await enter(["editor"]);
    for (const date of ["2026-99-99", "2026-02-30"])
      expect((await read(`/console/announcements/digest_daily_${date}`, everywhere)).status).toBe(404);
    expect((await read("/console/announcements/digest_daily_2026-02-28", everywhere)).status).toBe(200);
  });

  it("sends nothing again when no button says what was pressed", async () => {
    await world.admin.put("/columns/pipes", { name: "管网", kind: "notice", mayBreakQuietHours: false, approvals: 0 });
    sink.answer("/closed", { status: 410 });
    await imported("column:pipes", ["/closed"].map(sink.url));
    const one = await published({ title: "管网检修", column: "pipes" });
    await closed(one, 1);
    for (const act of [{}, { act: "retry-some" }] as Record<string, string>[])
      expect((await press(one.page, { revision: "1", state: "failed", ...act })).status).toBe(400);
    expect((await writer.get(`/announcements/${one.id}/ledger`)).body).toMatchObject({ failed: 1, waiting: 0 });
    expect((await press(one.page, { revision: "1", state: "failed", act: "retry-all" })).status).toBe(200);
  });

  it("comes again by itself while nothing is planned yet, and once it is stopped no more", async () => {
    const { ask, deps, platform } = testApp();
    const { session } = await signIn(
      deps,
      (await createSignInLink(deps, { memberName: "王编辑", roles: ["editor"] })).secret,
    );
    const call = async (method: string, path: string, body: object) =>
      (await ask(method, `/api/v1${path}`, { token: ADMIN, body })).json() as { id: string; contentHash: string };
    await call("PUT", "/units/center", { name: "某县互联网信息中心" });
    await call("PUT", "/columns/free", { name: "通知", kind: "notice", mayBreakQuietHours: false, approvals: 0 });
    const text = { title: "停水通知", body: "八时至十二时停水。", column: "free", unitId: "center" };
    const { id, contentHash } = await call("POST", "/announcements", text);
    await call("POST", `/announcements/${id}/publish`, { contentHash });
    const refresh = async (path: string) => {
      const answer = await ask("GET", path, { headers: { accept: "text/html", cookie: `gaoshi=${session}` } });
      expect(answer.text).toContain("尚未开始推送");
      return answer.headers.get("refresh");
    };
    expect(await refresh(`/console/announcements/${id}`)).toBe("3");
    expect(await refresh(`/console/announcements/${id}?refresh=off`)).toBeNull();
    expect(await refresh("/console/announcements/digest_daily_2026-02-28")).toBeNull();
    await platform.stop();
  });
});

describe("a click on one that did not arrive", () => {
  it("while it is being sent itself says when to come again, and the same request is looked at anew then", async () => {
    await world.admin.put("/columns/heat", { name: "供热", kind: "notice", mayBreakQuietHours: false, approvals: 0 });
    sink.answer("/warm", { delayMs: 2500 });
    await imported("column:heat", [sink.url("/warm")]);
    const one = await published({ title: "停暖通知", column: "heat" });
    await sink.until(1, "/warm");
    const row = async () => (await writer.get(`/deliveries?announcement=${one.id}`)).body.items[0];
    const { id } = await row();
    const again = () => writer.post(`/deliveries/${id}/retry`, undefined, { "idempotency-key": "while-in-flight-001" });
    for (const answer of [await again(), await again()])
      expect([answer.status, answer.body.code, answer.headers.get("retry-after")]).toEqual([409, "IN_FLIGHT", "5"]);
    await closed(one, 1);
    const later = await again();
    expect([later.body.code, later.headers.get("idempotency-replayed")]).toEqual(["STATE", null]);
    expect((await again()).headers.get("idempotency-replayed")).toBe("true");
  });

  it("takes even while its neighbours are still being sent, and is done once however often it is clicked", async () => {
    await world.admin.put("/columns/gas", { name: "燃气", kind: "notice", mayBreakQuietHours: false, approvals: 0 });
    sink.answer("/slow", { delayMs: 5000 });
    sink.answer("/full", { status: [503, 200], headers: { "retry-after": "3600" } });
    await imported("column:gas", ["/slow", "/full"].map(sink.url));
    const one = await published({ title: "停气通知", column: "gas" });
    const find = async () =>
      (await writer.get(`/deliveries?announcement=${one.id}&endpoint=${sink.url("/full")}`)).body.items[0];
    await world.until(async () => (await find())?.dueAt !== undefined);
    const { id } = await find();
    const clicks = [1, 2].map(() => press(one.page, { act: "retry", delivery: id, revision: "1" }));
    for (const { status, text } of await Promise.all(clicks)) {
      expect(status).toBe(200);
      expect(text).toContain("同一批的其他推送正在进行，完成后立即重新推送。");
    }
    const asked = await writer.post(`/deliveries/${id}/retry`, undefined, { "idempotency-key": "again-and-again-1" });
    expect([asked.status, asked.body.afterChunk, asked.body.state]).toEqual([202, true, "waiting"]);
    expect((await read(`${one.page}?lang=en&state=delivered`)).text).not.toContain(sink.url("/slow"));
    await world.until(async () => (await find()).state === "delivered", 15);
    expect((await find()).attempts.map((attempt: { trigger: string }) => attempt.trigger)).toEqual(["plan", "person"]);
    await closed(one, 1);
    expect(sink.received.filter(({ path }) => path === "/full")).toHaveLength(2);
  }, 30_000);
});
