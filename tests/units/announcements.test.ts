import { describe, expect, it } from "vitest";
import { Content, type ContentChange, changed, topicsOf } from "#src/domain/announcements/announcement.ts";
import { DEFAULT_COLUMNS } from "#src/domain/announcements/column.ts";
import { getColumn, listColumns, putColumn } from "#src/domain/announcements/columns.ts";
import { canonicalJson, contentHash } from "#src/domain/announcements/content-hash.ts";
import { correct } from "#src/domain/announcements/correct.ts";
import { listDesk, readManuscript } from "#src/domain/announcements/desk.ts";
import { draft } from "#src/domain/announcements/draft.ts";
import { edit } from "#src/domain/announcements/edit.ts";
import { publish } from "#src/domain/announcements/publish.ts";
import { planPublish, publishDirect, publishInternal } from "#src/domain/announcements/publish-direct.ts";
import { publishDue } from "#src/domain/announcements/publish-due.ts";
import { getPublished, getRevision, listPublished } from "#src/domain/announcements/read.ts";
import { review } from "#src/domain/announcements/review.ts";
import { parseRevision } from "#src/domain/announcements/store.ts";
import { withdraw } from "#src/domain/announcements/withdraw.ts";
import type { Caller } from "#src/domain/members/member.ts";
import { putUnit } from "#src/domain/units/put-unit.ts";
import { randomIds } from "#src/ids.ts";
import { silentLog } from "#src/log.ts";
import { embeddedPlatform } from "#src/platform/embedded/platform.ts";
import { keys } from "#src/platform/keys.ts";
import type { Item } from "#src/platform/table.ts";

const editor: Caller = { id: "tok_editor", name: "编辑", roles: ["editor"], unitId: "centre" };
const reviewer = (n: number): Caller => ({ id: `tok_r${n}`, name: `审核${n}`, roles: ["reviewer"] });
const stranger: Caller = { id: "tok_other", name: "别的单位", roles: ["editor"], unitId: "other" };

async function newsroom() {
  const clock = { at: new Date("2026-03-02T01:00:00.000Z") };
  const now = () => clock.at;
  const platform = embeddedPlatform({ data: ":memory:", now, log: silentLog });
  const deps = { table: platform.table, now, newId: randomIds(now), log: silentLog };
  await putUnit(deps, "centre", { name: "县互联网信息中心" });
  await putUnit(deps, "other", { name: "县气象局" });
  const told: Item[] = [];
  platform.feed(async (changes) => {
    told.push(...changes.map(({ item }) => item));
    return { failed: [] };
  });
  const text = (more: Partial<Content> = {}) =>
    Content().parse({
      title: "停水通知",
      body: "周五停水。",
      column: "notices",
      unitId: "centre",
      tags: ["水"],
      ...more,
    });
  const write = (more: Partial<Content> = {}) => draft(deps, { caller: editor, content: text(more) });
  const approve = (id: string, hash: string, n = 1) =>
    review(deps, { caller: reviewer(n), id, review: { contentHash: hash, decision: "approve" } });
  const release = async (more: Partial<Content> = {}) => {
    const { announcement, contentHash: hash } = await write(more);
    await approve(announcement.id, hash);
    await publish(deps, { caller: editor, id: announcement.id, contentHash: hash });
    return announcement.id;
  };
  const listed = async (list: string) => (await listPublished(deps, { list, limit: 100 })).items.map(({ id }) => id);
  return { clock, deps, platform, told, text, write, approve, release, listed };
}

describe("canonical JSON", () => {
  it("gives RFC 8785's own example", () => {
    const value = JSON.parse(
      '{"numbers":[333333333.33333329,1E30,4.50,2e-3,0.000000000000000000000000001],"string":"\\u20ac$\\u000F\\u000aA\'\\u0042\\u0022\\u005c\\\\\\"\\/","literals":[null,true,false]}',
    );
    expect(canonicalJson(value)).toBe(
      '{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],"string":"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}',
    );
  });

  it("sorts by UTF-16 units and leaves out what is undefined", () => {
    expect(canonicalJson({ "\u20ac": 1, "\r": 2, "\ufb33": 3, "1": 4, "\ud83d\ude00": 5, x: undefined })).toBe(
      '{"\\r":2,"1":4,"€":1,"😀":5,"\ufb33":3}',
    );
  });

  it("is the same hash for the same content in any order, and refuses what JSON cannot carry", () => {
    expect(contentHash({ a: 1, b: [{ c: 2, d: 3 }] })).toBe(contentHash({ b: [{ d: 3, c: 2 }], a: 1 }));
    expect(contentHash({ a: 1 })).not.toBe(contentHash({ a: 2 }));
    expect(() => canonicalJson({ a: Number.NaN })).toThrow(TypeError);
    expect(() => canonicalJson("\ud800")).toThrow(TypeError);
  });
});

describe("a change", () => {
  it("touches only what it names", async () => {
    const { text } = await newsroom();
    const before = text({ summary: "摘要", urgency: "urgent" });
    expect(changed(before, { title: "新题" })).toEqual({ ...before, title: "新题" });
    const { summary: _, ...without } = before;
    expect(changed(before, { summary: null })).toEqual(without);
    expect(changed(before, { tags: undefined } as ContentChange)).toEqual(before);
  });
});

describe("columns", () => {
  it("has the seven sections, the ten columns and the reports from the first start", async () => {
    const { deps } = await newsroom();
    expect(await listColumns(deps)).toEqual(DEFAULT_COLUMNS);
    expect(DEFAULT_COLUMNS).toHaveLength(18);
    expect(new Set(DEFAULT_COLUMNS.map(({ slug }) => slug)).size).toBe(18);
  });

  it("lets a county change one and add its own", async () => {
    const { deps } = await newsroom();
    const input = { name: "通知", kind: "notice", mayBreakQuietHours: false, approvals: 3 } as const;
    expect(await putColumn(deps, "notices", input)).toMatchObject({ created: false, column: { version: 2 } });
    expect(await putColumn(deps, "notices", input)).toMatchObject({ created: false, column: { version: 3 } });
    expect(await putColumn(deps, "zz-own", input)).toMatchObject({ created: true, column: { version: 1 } });
    expect(await getColumn(deps, "notices")).toMatchObject({ name: "通知", approvals: 3 });
    expect((await listColumns(deps)).map(({ slug }) => slug)).toEqual([
      ...DEFAULT_COLUMNS.map((c) => c.slug),
      "zz-own",
    ]);
    await expect(putColumn(deps, "duty", input)).rejects.toMatchObject({ code: "SLUG_RESERVED" });
  });
});

describe("an announcement", () => {
  it("goes out once it is approved, to every list it belongs to and to the change feed", async () => {
    const { deps, write, approve, listed, told } = await newsroom();
    const { announcement, contentHash: hash } = await write();
    const { id } = announcement;
    expect(await getPublished(deps, id)).toBeUndefined();
    await expect(publish(deps, { caller: editor, id, contentHash: hash })).rejects.toMatchObject({
      kind: "conflict",
      code: "APPROVALS_MISSING",
    });
    await approve(id, hash);
    const out = await publish(deps, { caller: editor, id, contentHash: hash });
    expect(out).toMatchObject({ id, revision: 1, publishedAt: "2026-03-02T01:00:00.000Z" });
    for (const list of ["all", "column:notices", "unit:centre", "tag:水"]) expect(await listed(list)).toEqual([id]);
    const published = await getPublished(deps, id);
    expect(published?.revision).toMatchObject({
      kind: "published",
      unitName: "县互联网信息中心",
      columnName: "通知公告",
    });
    expect(published?.history).toEqual([
      { revision: 1, kind: "published", publishedAt: "2026-03-02T01:00:00.000Z", contentHash: hash },
    ]);
    await expect.poll(() => told.length).toBe(1);
    expect(parseRevision(told[0] as Item)).toEqual(published?.revision);
    await expect(publish(deps, { caller: editor, id, contentHash: hash })).rejects.toMatchObject({ code: "STATE" });
  });

  it("cannot be approved by who wrote it, twice by one, or as other bytes", async () => {
    const { deps, write, approve } = await newsroom();
    const { announcement, contentHash: hash } = await write();
    const { id } = announcement;
    const own = review(deps, { caller: editor, id, review: { contentHash: hash, decision: "approve" } });
    await expect(own).rejects.toMatchObject({ kind: "forbidden", code: "SELF_REVIEW" });
    await expect(approve(id, "0".repeat(64))).rejects.toMatchObject({ code: "CONTENT_HASH_MISMATCH" });
    await approve(id, hash);
    await expect(approve(id, hash)).rejects.toMatchObject({ code: "ALREADY_REVIEWED" });
    const other = publish(deps, { caller: editor, id, contentHash: "0".repeat(64) });
    await expect(other).rejects.toMatchObject({ kind: "conflict", code: "CONTENT_HASH_MISMATCH" });
  });

  it("needs three approvals where the column says so", async () => {
    const { deps, write, approve } = await newsroom();
    await putColumn(deps, "notices", { name: "通知", kind: "notice", mayBreakQuietHours: false, approvals: 3 });
    const { announcement, contentHash: hash } = await write();
    const { id } = announcement;
    for (const n of [1, 2, 3]) {
      await expect(publish(deps, { caller: editor, id, contentHash: hash })).rejects.toMatchObject({
        code: "APPROVALS_MISSING",
      });
      await approve(id, hash, n);
    }
    expect(await publish(deps, { caller: editor, id, contentHash: hash })).toMatchObject({ revision: 1 });
  });

  it("loses its approvals by an edit, and the editor of it cannot approve either", async () => {
    const { deps, write, approve } = await newsroom();
    const { announcement, contentHash: hash } = await write();
    const { id } = announcement;
    await approve(id, hash);
    const second: Caller = { ...editor, id: "tok_second" };
    const edited = await edit(deps, { caller: second, id, version: 1, change: { title: "停水通知(改)" } });
    expect(edited.announcement).toMatchObject({ version: 3, work: { reviews: [] } });
    await expect(publish(deps, { caller: editor, id, contentHash: hash })).rejects.toMatchObject({
      code: "CONTENT_HASH_MISMATCH",
    });
    await expect(publish(deps, { caller: editor, id, contentHash: edited.contentHash })).rejects.toMatchObject({
      code: "APPROVALS_MISSING",
    });
    for (const caller of [editor, second]) {
      const own = review(deps, { caller, id, review: { contentHash: edited.contentHash, decision: "approve" } });
      await expect(own).rejects.toMatchObject({ code: "SELF_REVIEW" });
    }
    await expect(edit(deps, { caller: editor, id, version: 1, change: { title: "旧的" } })).rejects.toMatchObject({
      kind: "stale",
    });
  });

  it("has one winner among twenty editors of one version", async () => {
    const { deps, write } = await newsroom();
    const { announcement } = await write();
    const all = await Promise.allSettled(
      Array.from({ length: 20 }, (_, n) =>
        edit(deps, { caller: editor, id: announcement.id, version: 1, change: { title: `标题${n}` } }),
      ),
    );
    expect(all.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
    for (const one of all) if (one.status === "rejected") expect(one.reason).toMatchObject({ kind: "stale" });
  });

  it("stays at home once it was returned, until it is edited", async () => {
    const { deps, write, approve } = await newsroom();
    const { announcement, contentHash: hash } = await write();
    const { id } = announcement;
    await review(deps, {
      caller: reviewer(9),
      id,
      review: { contentHash: hash, decision: "return", comment: "日期不对" },
    });
    await expect(approve(id, hash)).rejects.toMatchObject({ code: "STATE" });
    await expect(publish(deps, { caller: editor, id, contentHash: hash })).rejects.toMatchObject({ code: "STATE" });
    const edited = await edit(deps, { caller: editor, id, version: 2, change: { body: "周六停水。" } });
    await approve(id, edited.contentHash, 9);
    expect(await publish(deps, { caller: editor, id, contentHash: edited.contentHash })).toMatchObject({ revision: 1 });
  });

  it("does not exist for another unit's editor", async () => {
    const { deps, write, text } = await newsroom();
    const { announcement, contentHash: hash } = await write();
    const { id } = announcement;
    await expect(readManuscript(deps, stranger, id)).rejects.toMatchObject({ kind: "not-found" });
    await expect(publish(deps, { caller: stranger, id, contentHash: hash })).rejects.toMatchObject({
      kind: "not-found",
    });
    await expect(draft(deps, { caller: stranger, content: text() })).rejects.toMatchObject({ kind: "not-found" });
    await expect(edit(deps, { caller: editor, id, version: 1, change: { unitId: "other" } })).rejects.toMatchObject({
      kind: "not-found",
    });
    expect((await listDesk(deps, stranger, { limit: 10 })).items).toEqual([]);
    expect((await listDesk(deps, editor, { limit: 10 })).items).toMatchObject([{ id, status: "draft" }]);
    expect((await listDesk(deps, reviewer(1), { limit: 10 })).items).toMatchObject([{ id, status: "draft" }]);
  });

  it("names what is wrong with a unit or a column that does not exist", async () => {
    const { deps, text } = await newsroom();
    const wrong = draft(deps, { caller: reviewer(1), content: text({ column: "duty", unitId: "nobody" }) });
    await expect(wrong).rejects.toMatchObject({
      kind: "invalid",
      errors: [
        { pointer: "/column", code: "COLUMN_UNKNOWN" },
        { pointer: "/unitId", code: "UNIT_UNKNOWN" },
      ],
    });
  });
});

describe("a schedule", () => {
  it("releases at its time, with the server's own date", async () => {
    const { clock, deps, write, approve, listed } = await newsroom();
    const { announcement, contentHash: hash } = await write();
    const { id } = announcement;
    const at = new Date("2026-03-03T01:00:00.000Z");
    await expect(publish(deps, { caller: editor, id, contentHash: hash, at })).rejects.toMatchObject({
      code: "APPROVALS_MISSING",
    });
    await approve(id, hash);
    const past = publish(deps, { caller: editor, id, contentHash: hash, at: new Date("2026-03-01T00:00:00Z") });
    await expect(past).rejects.toMatchObject({ kind: "invalid", code: "AT" });
    expect(await publish(deps, { caller: editor, id, contentHash: hash, at })).toMatchObject({ revision: 0 });
    expect(await publishDue(deps)).toBe(0);
    expect(await listed("all")).toEqual([]);
    clock.at = new Date("2026-03-03T01:00:07.000Z");
    expect(await Promise.all([publishDue(deps), publishDue(deps)])).toContain(1);
    expect(await publishDue(deps)).toBe(0);
    expect(await listed("all")).toEqual([id]);
    expect((await getPublished(deps, id))?.revision.publishedAt).toBe("2026-03-03T01:00:07.000Z");
  });

  it("is called off by an edit, and by a column that asks for more by then", async () => {
    const { clock, deps, write, approve, listed } = await newsroom();
    const at = new Date("2026-03-03T01:00:00.000Z");
    const schedule = async () => {
      const { announcement, contentHash: hash } = await write();
      await approve(announcement.id, hash);
      await publish(deps, { caller: editor, id: announcement.id, contentHash: hash, at });
      return announcement.id;
    };
    const edited = await schedule();
    await edit(deps, { caller: editor, id: edited, version: 3, change: { title: "改了再发" } });
    const outgrown = await schedule();
    await putColumn(deps, "notices", { name: "通知", kind: "notice", mayBreakQuietHours: false, approvals: 2 });
    clock.at = new Date("2026-03-03T01:00:01.000Z");
    expect(await publishDue(deps)).toBe(0);
    expect(await listed("all")).toEqual([]);
    expect((await readManuscript(deps, editor, outgrown)).announcement.work?.publishAt).toBeUndefined();
    expect((await deps.table.query({ pk: keys.scheduled("", "").pk })).items).toEqual([]);
  });
});

describe("a correction", () => {
  it("is prepared, reviewed and published as the next revision; the old text stays readable", async () => {
    const { clock, deps, release, approve, listed } = await newsroom();
    const id = await release({ tags: ["水", "旧"] });
    const { announcement } = await readManuscript(deps, editor, id);
    const work = await edit(deps, {
      caller: editor,
      id,
      version: announcement.version,
      change: { body: "周六停水。", tags: ["水", "新"] },
    });
    expect((await getPublished(deps, id))?.revision.content.body).toBe("周五停水。");
    const input = { caller: editor, id, contentHash: work.contentHash, reason: "日期有误" };
    await expect(correct(deps, input)).rejects.toMatchObject({ code: "APPROVALS_MISSING" });
    await approve(id, work.contentHash, 2);
    clock.at = new Date("2026-03-02T02:00:00.000Z");
    expect(await correct(deps, input)).toMatchObject({
      revision: 2,
      kind: "corrected",
      publishedAt: "2026-03-02T02:00:00.000Z",
      firstPublishedAt: "2026-03-02T01:00:00.000Z",
    });
    const published = await getPublished(deps, id);
    expect(published?.revision).toMatchObject({ content: { body: "周六停水。" }, reason: "日期有误" });
    expect(published?.history.map(({ revision, kind }) => [revision, kind])).toEqual([
      [1, "published"],
      [2, "corrected"],
    ]);
    expect((await getRevision(deps, id, 1))?.content.body).toBe("周五停水。");
    expect([await listed("tag:旧"), await listed("tag:新"), await listed("all")]).toEqual([[], [id], [id]]);
  });

  it("may come in one step where nobody has to approve, bound to the old or the new bytes", async () => {
    const { deps, release, text } = await newsroom();
    const id = await release();
    const change = { body: "周日停水。" };
    const one = { caller: editor, id, reason: "改期", change };
    await expect(correct(deps, { ...one, contentHash: contentHash(text()) })).rejects.toMatchObject({
      code: "APPROVALS_MISSING",
    });
    await putColumn(deps, "notices", { name: "通知", kind: "notice", mayBreakQuietHours: false, approvals: 0 });
    await expect(correct(deps, { ...one, contentHash: "0".repeat(64) })).rejects.toMatchObject({
      code: "CONTENT_HASH_MISMATCH",
    });
    expect(await correct(deps, { ...one, contentHash: contentHash(text(change)) })).toMatchObject({ revision: 2 });
    const again = { ...one, change: { title: "停水改期" }, contentHash: contentHash(text(change)) };
    expect(await correct(deps, again)).toMatchObject({ revision: 3 });
    const same = { caller: editor, id, reason: "无", contentHash: contentHash(text({ ...change, title: "停水改期" })) };
    await expect(correct(deps, same)).rejects.toMatchObject({ code: "UNCHANGED" });
  });
});

describe("a withdrawal", () => {
  it("leaves a notice with its reason, out of every list", async () => {
    const { deps, release, listed } = await newsroom();
    const id = await release({ summary: "摘要" });
    expect(await withdraw(deps, { caller: editor, id, reason: "含个人信息" })).toMatchObject({ revision: 2 });
    const published = await getPublished(deps, id);
    expect(published?.revision).toMatchObject({
      kind: "withdrawn",
      reason: "含个人信息",
      content: { title: "停水通知", body: "" },
    });
    expect(JSON.stringify(published)).not.toMatch(/周五|摘要/);
    expect(await getRevision(deps, id, 1)).toBeUndefined();
    for (const list of ["all", "column:notices", "unit:centre", "tag:水"]) expect(await listed(list)).toEqual([]);
    await expect(withdraw(deps, { caller: editor, id, reason: "再撤" })).rejects.toMatchObject({ code: "STATE" });
  });
});

describe("a direct publication", () => {
  it("happens once for one origin, however often and at once it is asked for", async () => {
    const { deps, text, told } = await newsroom();
    const ask = (more: Partial<Content> = {}) =>
      publishDirect(deps, { content: text(more), audience: { kind: "public" }, idSeed: ["event", "s", "1"] });
    const all = await Promise.all(Array.from({ length: 10 }, () => ask()));
    expect(new Set(all.map(({ result }) => result.id)).size).toBe(1);
    expect(all.map(({ found }) => found).sort()).toEqual(["nothing", ...Array(9).fill("same")]);
    expect(await ask({ title: "别的" })).toMatchObject({ found: "other" });
    await expect.poll(() => told.length).toBe(1);
  });

  it("can be planned into somebody else's transaction", async () => {
    const { deps, text } = await newsroom();
    const plan = {
      content: text(),
      audience: { kind: "public" as const },
      idSeed: ["report", "rep_1"] as [string, string],
    };
    const { writes, result } = await planPublish(deps, plan);
    expect(await getPublished(deps, result.id)).toBeUndefined();
    await deps.table.write([...writes, { put: { pk: "REPORT", sk: "x" } }]);
    expect(await getPublished(deps, result.id)).toBeDefined();
    expect(await planPublish(deps, plan)).toMatchObject({ writes: [], found: "same" });
  });

  it("is mended where it comes from, except for an event's", async () => {
    const { deps, text } = await newsroom();
    const from = async (...idSeed: [string, string]) =>
      (await publishDirect(deps, { content: text(), audience: { kind: "public" }, idSeed })).result.id;
    const report = await from("annual-report", "rep_1");
    const input = { caller: editor, reason: "有误" };
    await expect(withdraw(deps, { ...input, id: report })).rejects.toMatchObject({ code: "ORIGIN" });
    await expect(edit(deps, { caller: editor, id: report, version: 1, change: {} })).rejects.toMatchObject({
      code: "ORIGIN",
    });
    expect(await withdraw(deps, { ...input, id: await from("event", "1") })).toMatchObject({ revision: 2 });
  });

  it("is refused when nobody could read it again", async () => {
    const { deps, text } = await newsroom();
    const publishWith = (more: Partial<Content>) =>
      publishDirect(deps, { content: { ...text(), ...more }, audience: { kind: "public" }, idSeed: ["x"] });
    await expect(publishWith({ title: "两\n行" })).rejects.toMatchObject({
      kind: "invalid",
      errors: [{ pointer: "/title", code: "TITLE_LINE" }],
    });
    await expect(publishWith({ body: "长".repeat(100_001) })).rejects.toMatchObject({
      errors: [{ code: "BODY_LENGTH" }],
    });
    await expect(publishWith({ body: "长".repeat(100_000) })).resolves.toMatchObject({ found: "nothing" });
  });

  it("shows nowhere when it is internal", async () => {
    const { deps, text, listed, told } = await newsroom();
    const { result } = await publishInternal(deps, {
      content: text({ urgency: "urgent" }),
      idSeed: ["duty", "1"],
      topics: ["duty"],
      endpoints: [],
    });
    for (const list of ["all", "column:notices", "unit:centre", "tag:水"]) expect(await listed(list)).toEqual([]);
    expect(await getPublished(deps, result.id)).toBeUndefined();
    expect(await getRevision(deps, result.id, 1)).toBeUndefined();
    await expect(readManuscript(deps, reviewer(1), result.id)).rejects.toMatchObject({ kind: "not-found" });
    await expect.poll(() => told.length).toBe(1);
    expect(topicsOf(parseRevision(told[0] as Item))).toEqual(["duty"]);
  });
});

describe("a list", () => {
  it("has the newest first, by pages, within dates", async () => {
    const { clock, deps, release } = await newsroom();
    const ids: string[] = [];
    for (let day = 1; day <= 7; day++) {
      clock.at = new Date(`2026-04-0${day}T00:00:00.000Z`);
      ids.unshift(await release({ title: `第${day}天` }));
    }
    const seen: string[] = [];
    let after: string | undefined;
    do {
      const page = await listPublished(deps, { list: "all", limit: 3, ...(after ? { after } : {}) });
      expect(page.items.length).toBeLessThanOrEqual(3);
      seen.push(...page.items.map(({ id }) => id));
      after = page.next;
    } while (after);
    expect(seen).toEqual(ids);
    const within = { list: "all", limit: 10, from: "2026-04-02T00:00:00.000Z", to: "2026-04-04T00:00:00.000Z" };
    expect((await listPublished(deps, within)).items.map(({ title }) => title)).toEqual(["第3天", "第2天"]);
  });

  it("finds all words in title, summary and tags, whatever their width and case", async () => {
    const { deps, release } = await newsroom();
    const id = await release({ title: "ＷＩＦＩ 覆盖公告", summary: "村里有网了", tags: ["网络"] });
    await release({ title: "别的" });
    const found = async (q: string) =>
      (await listPublished(deps, { list: "all", limit: 10, q })).items.map((t) => t.id);
    expect(await found("wifi 村里 网络")).toEqual([id]);
    expect(await found("wifi 没有")).toEqual([]);
  });

  it("searches page by page without losing or doubling a hit", async () => {
    const { clock, deps, release } = await newsroom();
    for (let n = 0; n < 6; n++) {
      clock.at = new Date(clock.at.getTime() + 1000);
      await release({ title: `停电${n}` });
    }
    const first = await listPublished(deps, { list: "all", limit: 4, q: "停电" });
    const rest = await listPublished(deps, { list: "all", limit: 4, q: "停电", after: first.next ?? "" });
    expect([...first.items, ...rest.items].map(({ title }) => title)).toEqual(
      [5, 4, 3, 2, 1, 0].map((n) => `停电${n}`),
    );
    expect(rest.next).toBeUndefined();
  });
});
