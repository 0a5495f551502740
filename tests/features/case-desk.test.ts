import { createHash } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { jsonLog } from "#src/log.ts";
import { openWorld, type Person, type TestWorld } from "#tests/world.ts";

const CONTACT = {
  name: "欧阳小红",
  phone: "+86 138 0013 5678",
  email: "xiaohong@example.org",
  noticeVersion: "2026-1",
};
const PNG = Buffer.from(
  "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNkYAAAAAYAAjCB0C8AAAAASUVORK5CYII=",
  "base64",
);

const lines: string[] = [];
let world: TestWorld;
let duty: Person;
let water: Person;
let roads: Person;
let ahead = 0;

beforeAll(async () => {
  const now = () => new Date(Date.now() + ahead);
  world = await openWorld({ now, log: jsonLog((line) => lines.push(line), now) });
  await world.admin.put("/units/water", { name: "某县水务局" });
  await world.admin.put("/units/roads", { name: "某县交通局" });
  duty = await world.member("duty-officer");
  water = await world.member("liaison", "water");
  roads = await world.member("clerk", "roads");
});
afterAll(() => world.close());

async function sent(more: object = {}) {
  const answer = await world.admin.post("/cases", {
    type: "service_complaint",
    title: "自来水有异味",
    description: "城关镇今天早上的自来水\n有明显异味。",
    ...more,
  });
  expect(answer.status).toBe(201);
  return answer.body as { id: string; receipt: { number: string; secret: string }; uploads: Upload[] };
}
type Upload = { url: string; method: string; headers: Record<string, string> };

const listed = async (who: Person, query = "") => (await who.get(`/cases?limit=100${query}`)).body.items;
const numbers = async (who: Person): Promise<string[]> =>
  (await listed(who)).map(({ number }: { number: string }) => number);
/** Until the change feed has put it on its unit's desk. */
const onDesk = (number: string) => world.until(async () => (await numbers(water)).includes(number));

async function page(path: string, cookie = "", form?: Record<string, string>, origin = world.url) {
  const answer = await world.fetch(path, {
    headers: {
      ...{ cookie, accept: "text/html" },
      ...(form ? { origin, "content-type": "application/x-www-form-urlencoded" } : {}),
    },
    ...(form ? { method: "POST", body: new URLSearchParams(form).toString() } : {}),
  });
  return { status: answer.status, text: await answer.text(), headers: answer.headers };
}

describe("somebody on duty", () => {
  it("sees what came in, the newest first, page by page", async () => {
    const all: string[] = [];
    for (let i = 0; i < 5; i++) {
      all.unshift((await sent({ unitId: "water" })).receipt.number);
      ahead += 1000;
    }
    expect((await numbers(duty)).slice(0, 5)).toEqual(all);
    const pages: string[] = [];
    let next = "";
    for (let turns = 0; turns < 3; turns++) {
      const { body } = await duty.get(`/cases?limit=2${next && `&cursor=${encodeURIComponent(next)}`}`);
      pages.push(...body.items.map(({ number }: { number: string }) => number));
      next = body.next;
    }
    expect(pages.slice(0, 5)).toEqual(all);
    expect((await listed(duty))[0]).toEqual({
      ...{ id: `case_${all[0]?.replace("-", "")}`, number: all[0], version: 1 },
      ...{ type: "service_complaint", title: "自来水有异味", state: "received", unitId: "water" },
      ...{ receivedAt: expect.any(String), dueAt: expect.stringMatching(/T15:59:59.000Z$/) },
      ...{ provisional: expect.any(Boolean), overdue: false },
    });
  });

  it("reads one case whole, with addresses that nobody can follow and files that were checked", async () => {
    const attachments = [{ name: "水样.png", type: "image/png", size: PNG.length }];
    const occurredAt = new Date(Date.now() + ahead - 3_600_000).toISOString();
    const more = { urls: ["https://evil.example/a"], division: "610424", occurredAt, attachments, publish: true };
    const { id, receipt, uploads } = await sent(more);
    const [upload] = uploads;
    const put = await fetch(upload?.url ?? "", { method: "PUT", headers: upload?.headers ?? {}, body: PNG });
    expect(put.ok).toBe(true);
    const read = async () => (await duty.get(`/cases/${id}`)).body;
    await world.until(async () => (await read()).attachments[0].state === "received");
    const { attachments: files, ...whole } = await read();
    expect(whole).toMatchObject({
      ...{ id, number: receipt.number, description: "城关镇今天早上的自来水\n有明显异味。", occurredAt, publish: true },
      ...{ urls: ["hxxps://evil[.]example/a"], division: { code: "610424", name: "乾县" }, contactReadings: [] },
    });
    expect(whole).not.toHaveProperty("contact");
    expect(JSON.stringify(whole)).not.toContain(receipt.secret);
    expect(JSON.stringify(whole)).not.toContain("secretHash");
    expect(files).toMatchObject([{ name: "水样.png", type: "image/png", size: PNG.length }]);
    const file = await fetch(files[0].url);
    expect(file.headers.get("content-disposition")).toMatch(/^attachment/);
    const hash = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex");
    expect(hash(new Uint8Array(await file.arrayBuffer()))).toBe(hash(PNG));
    expect((await duty.get(`/cases/${receipt.number}`)).body.id).toBe(id);
    expect((await duty.get(`/cases/${id}`)).etag).toMatch(/^"1-/);
  });

  it("is told what is overdue", async () => {
    await sent();
    ahead += 30 * 86_400_000;
    expect((await listed(duty)).every(({ overdue }: { overdue: boolean }) => overdue)).toBe(true);
  });
});

describe("a case", () => {
  it("is there for its own unit and for who acts for all, and for nobody else", async () => {
    const ofWater = await sent({ unitId: "water" });
    const ofNobody = await sent();
    await onDesk(ofWater.receipt.number);
    expect(await numbers(water)).toContain(ofWater.receipt.number);
    expect(await numbers(water)).not.toContain(ofNobody.receipt.number);
    expect(await numbers(roads)).toEqual([]);
    for (const [who, found] of [
      [duty, [200, 200]],
      [world.admin, [200, 200]],
      [water, [200, 404]],
      [roads, [404, 404]],
      [await world.member("duty-officer", "roads"), [404, 404]],
    ] as const)
      expect([(await who.get(`/cases/${ofWater.id}`)).status, (await who.get(`/cases/${ofNobody.id}`)).status]).toEqual(
        found,
      );
    for (const role of ["editor", "reviewer", "registrar", "sponsor", "publisher"] as const) {
      const other = await world.member(role, "water");
      expect((await other.get("/cases")).status, role).toBe(403);
      expect((await other.get(`/cases/${ofWater.id}`)).status, role).toBe(403);
      expect((await other.post(`/cases/${ofWater.id}/contact`, { reason: "核实" })).status, role).toBe(403);
    }
    expect((await world.anyone.get(`/cases/${ofWater.id}`)).status).toBe(401);
    for (const id of ["x", "case_", `${ofWater.id}0`, `case_${ofWater.receipt.number}`, "constructor"])
      expect((await duty.get(`/cases/${id}`)).status, id).toBe(404);
  });

  it("keeps its reporter's contact half hidden until somebody says why it is needed, and remembers who did", async () => {
    const { id } = await sent({ unitId: "water", contact: CONTACT });
    const read = async () => (await water.get(`/cases/${id}`)).body;
    expect((await read()).contact).toEqual({
      ...{ name: "欧*", phone: "138****5678", email: "x***@example.org", noticeVersion: "2026-1" },
    });
    for (const body of [{}, { reason: " " }, { reason: "x".repeat(301) }]) {
      const refused = await water.post(`/cases/${id}/contact`, body);
      expect([refused.status, refused.body.errors[0].pointer]).toEqual([422, "/reason"]);
    }
    expect((await roads.post(`/cases/${id}/contact`, { reason: "核实情况" })).status).toBe(404);
    expect((await read()).contactReadings).toEqual([]);
    const both = await Promise.all(
      ["核实异味发生时间", "约定上门"].map((reason) => water.post(`/cases/${id}/contact`, { reason })),
    );
    expect(both.map(({ status, body }) => [status, body])).toEqual([
      [200, CONTACT],
      [200, CONTACT],
    ]);
    const readings = (await read()).contactReadings;
    expect(readings.map(({ reason }: { reason: string }) => reason).sort()).toEqual(
      ["核实异味发生时间", "约定上门"].sort(),
    );
    expect(readings[0]).toMatchObject({ name: "liaison", by: expect.any(String), at: expect.any(String) });
    const anonymous = await sent({ unitId: "water" });
    const none = await water.post(`/cases/${anonymous.id}/contact`, { reason: "核实情况" });
    expect([none.status, none.body.code]).toEqual([404, "CONTACT_NONE"]);
  });

  it("leaves in the log who looked at it, and nothing that was written in it", async () => {
    const log = lines.map((line) => JSON.parse(line));
    expect(log.filter(({ event }) => event === "case-read").length).toBeGreaterThan(3);
    expect(lines.join("\n")).toMatch(/"case":"\d{8}-[0-9A-Z]{10}"/);
    for (const words of ["异味", "5678", "xiaohong", "小红", "核实"]) expect(lines.join("\n")).not.toContain(words);
  });
});

describe("the console", () => {
  it("leads from an alarm's link to the case, for who may see it", async () => {
    const { receipt } = await sent({ unitId: "water", contact: CONTACT, urls: ["https://evil.example/a"] });
    const { number } = receipt;
    const link = `/console?case=${number}`;
    const led = await page(link, await world.enter(["duty-officer"]));
    expect([led.status, led.headers.get("location")]).toEqual([303, `/console/cases/${number}`]);
    const path = led.headers.get("location") ?? "";
    const shown = await page(path, await world.enter(["liaison"], "water"));
    expect([shown.status, shown.headers.get("cache-control"), shown.headers.get("referrer-policy")]).toEqual([
      ...[200, "no-store", "same-origin"],
    ]);
    for (const words of ["自来水有异味", "某县水务局", "138****5678", "hxxps://evil[.]example/a", "不同意公开"])
      expect(shown.text).toContain(words);
    expect(shown.text).not.toContain("xiaohong");
    expect((await page(path)).status).toBe(401);
    expect((await page(path, await world.enter(["editor"], "water"))).status).toBe(403);
    expect((await page(path, await world.enter(["clerk"], "roads"))).status).toBe(404);
    expect((await page("/console?case=../../x", await world.enter(["duty-officer"]))).status).toBe(404);
    const english = (await page(`${path}?lang=en`, await world.enter(["duty-officer"]))).text;
    expect(english).toContain("received, waits for triage");
  });

  it("lists the cases of the reader's unit and pages through them", async () => {
    const cookie = await world.enter(["clerk"], "water");
    expect((await page("/console", cookie)).text).toContain('href="/console/cases"');
    expect((await page("/console", cookie)).text).not.toContain("暂无可在网页上办理");
    expect((await page("/console/cases", await world.enter(["clerk"], "roads"))).text).toContain("还没有事项");
    for (let i = 0; i < 32; i++) await sent({ unitId: "water" });
    const last = await sent({ unitId: "water" });
    await onDesk(last.receipt.number);
    const rows = (text: string): string[] => text.match(/href="\/console\/cases\/\d{8}-\w{10}"/g) ?? [];
    const first = await page("/console/cases", cookie);
    expect(rows(first.text)).toHaveLength(30);
    expect(rows(first.text)[0]).toContain(last.receipt.number);
    const next = /rel="next" href="([^"]+)"/.exec(first.text)?.[1] ?? "";
    const second = await page(next, cookie);
    expect(rows(second.text).length).toBeGreaterThan(3);
    expect(rows(second.text).filter((row) => rows(first.text).includes(row))).toEqual([]);
    expect(second.text).toContain("回到第一页");
  });

  it("shows the whole contact once, for a reason that then stands on the page", async () => {
    const { receipt } = await sent({ unitId: "water", contact: CONTACT });
    const path = `/console/cases/${receipt.number}`;
    const cookie = await world.enter(["liaison"], "water");
    expect((await page(path, cookie, { reason: "核实" }, "https://evil.example")).status).toBe(403);
    const empty = await page(`${path}?lang=en`, cookie, { reason: " " });
    expect(empty.status).toBe(422);
    expect(empty.text).toMatch(/id="reason"[^>]*aria-invalid="true"/);
    expect(empty.text).toContain("say why you need it");
    const whole = await page(path, cookie, { reason: "约定上门取样" });
    expect(whole.status).toBe(200);
    expect(whole.text).toContain("xiaohong@example.org");
    const again = await page(path, cookie);
    expect(again.text).not.toContain("xiaohong@example.org");
    expect(again.text).toContain("约定上门取样");
    expect(again.text).toContain("王编辑");
  });
});
