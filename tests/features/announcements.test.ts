import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openWorld, type Person, type TestWorld } from "#tests/world.ts";

let world: TestWorld;
let editor: Person;
let reviewer: Person;

beforeAll(async () => {
  world = await openWorld();
  await world.admin.put("/units/centre", { name: "县互联网信息中心" });
  await world.admin.put("/units/weather", { name: "县气象局" });
  editor = await world.member("editor", "centre");
  reviewer = await world.member("reviewer", "centre");
});
afterAll(() => world.close());

const text = (more: object = {}) => ({ title: "停水通知", body: "周五**停水**。", column: "notices", ...more });

async function drafted(more: object = {}) {
  const answer = await editor.post("/announcements", text(more));
  expect(answer.status).toBe(201);
  return { path: `/announcements/${answer.body.id}`, ...answer };
}

async function published(more: object = {}) {
  const draft = await drafted(more);
  const { contentHash } = draft.body;
  expect((await reviewer.post(`${draft.path}/review`, { contentHash, decision: "approve" })).status).toBe(200);
  const answer = await editor.post(`${draft.path}/publish`, { contentHash });
  expect(answer.status).toBe(202);
  return { ...draft, publishedAt: answer.body.publishedAt };
}

describe("from draft to publication", () => {
  it("is seen by everybody once it is approved and published, and by nobody before", async () => {
    const { path, body, headers, etag } = await drafted({ tags: ["水"], urgency: "important" });
    expect(body).toMatchObject({ version: 1, status: "draft", unitId: "centre", approvalsNeeded: 1, tags: ["水"] });
    expect([headers.get("location"), etag.slice(0, 3)]).toEqual([`/api/v1${path}`, '"1-']);
    expect((await world.anyone.get(path)).status).toBe(404);
    const { contentHash } = body;

    const early = await editor.post(`${path}/publish`, { contentHash });
    expect([early.status, early.body.code]).toEqual([409, "APPROVALS_MISSING"]);
    const reviewed = await reviewer.post(`${path}/review`, { contentHash, decision: "approve", comment: "可发" });
    expect(reviewed.body.reviews).toMatchObject([{ decision: "approve", comment: "可发" }]);
    const out = await editor.post(`${path}/publish`, { contentHash });
    expect(out.status).toBe(202);
    expect(out.body).toMatchObject({ id: body.id, revision: 1, publishedAt: expect.stringMatching(/Z$/) });

    const seen = await world.anyone.get(path);
    expect(seen.body).toMatchObject({
      id: body.id,
      revision: 1,
      kind: "published",
      title: "停水通知",
      body: "周五**停水**。",
      summary: "周五停水。",
      unitName: "县互联网信息中心",
      columnName: "通知公告",
      contentHash,
    });
    for (const query of ["", "?column=notices", "?unit=centre", "?tag=水", "?q=停水", "?tag=水&column=notices&q=周五"])
      expect((await world.anyone.get(`/announcements${query}`)).body.items[0].id, query).toBe(body.id);
    for (const query of ["?column=faq", "?unit=weather", "?tag=火", "?q=停电", "?tag=水&column=faq", "?to=2020-01-01"])
      expect((await world.anyone.get(`/announcements${query}`)).body.items, query).toEqual([]);
  });

  it("refuses other bytes, the author's own approval, and the wrong role or unit", async () => {
    const { path, body } = await drafted();
    const { contentHash } = body;
    const approve = { contentHash, decision: "approve" };
    expect((await reviewer.post(`${path}/review`, { ...approve, contentHash: "0".repeat(64) })).body.code).toBe(
      "CONTENT_HASH_MISMATCH",
    );
    expect((await editor.post(`${path}/review`, approve)).status).toBe(403);
    const both = await world.member(["editor", "reviewer"], "centre");
    const own = await both.post("/announcements", text());
    const self = await both.post(`/announcements/${own.body.id}/review`, {
      ...approve,
      contentHash: own.body.contentHash,
    });
    expect([self.status, self.body.code]).toEqual([403, "SELF_REVIEW"]);
    const elsewhere = await world.member(["editor", "reviewer"], "weather");
    expect((await elsewhere.post(`${path}/review`, approve)).status).toBe(404);
    expect((await elsewhere.get(path)).status).toBe(404);
    expect((await elsewhere.post("/announcements", text({ unitId: "centre" }))).status).toBe(404);
    expect((await elsewhere.get("/desk")).body.items).toEqual([]);
    expect((await world.anyone.post(`${path}/publish`, { contentHash })).status).toBe(401);
    expect((await reviewer.post(`${path}/publish`, { contentHash })).status).toBe(403);
  });

  it("voids approvals by an edit, which needs the version that was read", async () => {
    const { path, body, etag } = await drafted();
    await reviewer.post(`${path}/review`, { contentHash: body.contentHash, decision: "approve" });
    expect((await editor.patch(path, { title: "改" })).status).toBe(428);
    const edited = await editor.patch(path, { title: "停水通知(更新)" }, { "if-match": etag });
    expect(edited.body).toMatchObject({ reviews: [], title: "停水通知(更新)" });
    const stale = await editor.patch(path, { title: "又改" }, { "if-match": etag });
    expect([stale.status, stale.body.code]).toEqual([412, "VERSION"]);
    const { contentHash } = edited.body;
    expect((await editor.post(`${path}/publish`, { contentHash })).body.code).toBe("APPROVALS_MISSING");
    const again = await editor.patch(path, { tags: ["新"] }, { "if-match": edited.etag });
    expect(again.status).toBe(200);
  });

  it("can be set for later", async () => {
    const { path, body } = await drafted();
    const { contentHash } = body;
    await reviewer.post(`${path}/review`, { contentHash, decision: "approve" });
    const past = await editor.post(`${path}/publish`, { contentHash, at: "2020-01-01T00:00:00Z" });
    expect(past.status).toBe(422);
    expect(past.body.errors).toMatchObject([{ pointer: "/at", code: "AT" }]);
    const at = new Date(Date.now() + 3_600_000).toISOString();
    const later = await editor.post(`${path}/publish`, { contentHash, at });
    expect([later.status, later.body.publishAt]).toEqual([202, at]);
    expect((await world.anyone.get(path)).status).toBe(404);
    expect((await editor.get(path)).body).toMatchObject({ status: "scheduled", publishAt: at });
  });

  it("says what is wrong with a text, with a pointer and a stable code", async () => {
    const wrong = await editor.post("/announcements", {
      ...text({ title: "", column: "nowhere" }),
      status: "published",
      contentHash: "x",
    });
    expect(wrong.status).toBe(422);
    expect(wrong.body.errors.map(({ pointer, code }: { pointer: string; code: string }) => [pointer, code])).toEqual(
      expect.arrayContaining([
        ["/title", "TITLE_REQUIRED"],
        ["/status", "UNKNOWN_KEY"],
        ["/contentHash", "UNKNOWN_KEY"],
      ]),
    );
    const nowhere = await editor.post("/announcements", text({ column: "nowhere" }));
    expect(nowhere.body.errors).toMatchObject([{ pointer: "/column", code: "COLUMN_UNKNOWN" }]);
  });

  it("is drafted once for one Idempotency-Key", async () => {
    const headers = { "idempotency-key": "draft-0123456789abcdef" };
    const answers = await Promise.all(Array.from({ length: 5 }, () => editor.post("/announcements", text(), headers)));
    expect(new Set(answers.map(({ body }) => body.id)).size).toBe(1);
    const other = await editor.post("/announcements", text({ title: "别的" }), headers);
    expect(other.status).toBe(422);
  });
});

describe("after publication", () => {
  it("is corrected by a reviewed text and tells its history", async () => {
    const { path } = await published({ tags: ["旧"] });
    const before = await editor.get(path);
    const work = await editor.patch(path, { body: "周六停水。", tags: ["新"] }, { "if-match": before.etag });
    expect(work.body).toMatchObject({ status: "published", inWork: true });
    expect((await world.anyone.get(path)).body.body).toBe("周五**停水**。");
    const correction = { contentHash: work.body.contentHash, reason: "日期有误" };
    expect((await editor.post(`${path}/correct`, correction)).body.code).toBe("APPROVALS_MISSING");
    await reviewer.post(`${path}/review`, { contentHash: work.body.contentHash, decision: "approve" });
    const corrected = await editor.post(`${path}/correct`, correction);
    expect([corrected.status, corrected.body.revision]).toEqual([202, 2]);
    const seen = await world.anyone.get(path);
    expect(seen.body).toMatchObject({ kind: "corrected", reason: "日期有误", body: "周六停水。" });
    expect(seen.body.history).toMatchObject([
      { revision: 1, kind: "published" },
      { revision: 2, kind: "corrected", reason: "日期有误" },
    ]);
    expect((await world.anyone.get("/announcements?tag=旧")).body.items).toEqual([]);
  });

  it("is corrected in one step where nobody has to approve", async () => {
    await world.admin.put("/columns/faq", {
      name: "常见问题",
      kind: "notice",
      mayBreakQuietHours: false,
      approvals: 0,
    });
    const draft = await drafted({ column: "faq" });
    const { contentHash } = draft.body;
    expect((await editor.post(`${draft.path}/publish`, { contentHash })).status).toBe(202);
    const corrected = await editor.post(`${draft.path}/correct`, { contentHash, reason: "错字", title: "停水须知" });
    expect([corrected.status, corrected.body.revision]).toEqual([202, 2]);
    const blank = await editor.post(`${draft.path}/correct`, { contentHash, title: "x" });
    expect([blank.status, blank.body.errors[0].pointer]).toEqual([422, "/reason"]);
  });

  it("leaves a notice when it is withdrawn, and no text", async () => {
    const { path, body } = await published({ tags: ["要撤"] });
    expect((await editor.post(`${path}/withdraw`, { reason: "含个人信息" })).body).toMatchObject({ revision: 2 });
    const seen = await world.anyone.get(path);
    expect(seen.body).toMatchObject({ kind: "withdrawn", reason: "含个人信息", title: "停水通知", body: "" });
    expect((await world.anyone.get("/announcements?tag=要撤")).body.items).toEqual([]);
    const again = await editor.post(`${path}/publish`, { contentHash: body.contentHash });
    expect([again.status, again.body.code]).toEqual([409, "STATE"]);
  });
});

describe("reading", () => {
  it("gives an editor another ETag when a name in the answer changed, and still takes the version for an edit", async () => {
    const { path } = await published();
    const before = await editor.get(path);
    const { columnName, column } = before.body;
    const { id: _i, slug: _, version: _v, ...policy } = (await world.anyone.get(`/columns/${column}`)).body;
    await world.admin.put(`/columns/${column}`, { ...policy, name: `${columnName}（新）` });
    const after = await editor.get(path, { "if-none-match": before.etag });
    expect([after.status, after.body.columnName, after.body.version]).toEqual([
      200,
      `${columnName}（新）`,
      before.body.version,
    ]);
    const edited = await editor.patch(path, { summary: "新的摘要" }, { "if-match": before.etag });
    expect(edited.status).toBe(200);
    await world.admin.put(`/columns/${column}`, { ...policy, name: columnName });
  });

  it("answers 304 as long as the bytes are the same", async () => {
    const { path } = await published();
    for (const place of [path, "/announcements?limit=2"]) {
      const first = await world.anyone.get(place);
      expect(first.etag).toMatch(/^"[0-9a-f]{32}"$/);
      expect((await world.anyone.get(place, { "if-none-match": first.etag })).status).toBe(304);
    }
    const list = await world.anyone.get("/announcements?limit=2");
    await published();
    expect((await world.anyone.get("/announcements?limit=2", { "if-none-match": list.etag })).status).toBe(200);
  });

  it("gives pages that do not overlap, and cursors that fit one list", async () => {
    for (let n = 0; n < 5; n++) await published({ tags: ["分页"] });
    const seen: string[] = [];
    let query = "?tag=分页&limit=2";
    for (;;) {
      const { body } = await world.anyone.get(`/announcements${query}`);
      seen.push(...body.items.map(({ id }: { id: string }) => id));
      if (!body.next) break;
      const other = await world.anyone.get(`/announcements?tag=水&cursor=${body.next}`);
      expect([other.status, other.body.code]).toEqual([400, "CURSOR"]);
      query = `?tag=分页&limit=2&cursor=${body.next}`;
    }
    expect([seen.length, new Set(seen).size]).toEqual([5, 5]);
    expect((await world.anyone.get("/announcements?limit=101")).status).toBe(422);
    expect((await world.anyone.get("/announcements?from=yesterday")).body.errors[0].code).toBe("TIME");
  });

  it("shows an editor what is on the desk, the newest first", async () => {
    const { body } = await drafted({ title: "台上最新" });
    const desk = await editor.get("/desk?limit=1");
    expect(desk.body.items).toMatchObject([{ id: body.id, title: "台上最新", status: "draft" }]);
    expect(desk.body.next).toBeDefined();
  });
});

describe("who keeps the columns", () => {
  const policy = { name: "民生", kind: "notice", mayBreakQuietHours: false, approvals: 0 };

  it("does not write over what somebody else changed since", async () => {
    const made = await world.admin.put("/columns/people", policy);
    expect([made.status, made.body.id, made.body.version]).toEqual([201, "people", 1]);
    expect((await world.anyone.get("/columns/people")).body).toEqual(made.body);
    expect((await world.anyone.get("/columns")).body.items).toContainEqual(made.body);
    const changed = await world.admin.put("/columns/people", { ...policy, approvals: 3 });
    expect([changed.status, changed.body.version]).toEqual([200, 2]);
    const renamed = { ...policy, name: "生活" };
    const late = await world.admin.put("/columns/people", renamed, { "if-match": made.etag });
    expect([late.status, late.body.code]).toEqual([412, "VERSION"]);
    expect((await world.anyone.get("/columns/people")).body).toMatchObject({ name: "民生", approvals: 3 });
    const right = await world.admin.put("/columns/people", renamed, { "if-match": changed.etag });
    expect([right.status, right.body.version]).toEqual([200, 3]);
  });
});
