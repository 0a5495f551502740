import { beforeAll, describe, expect, it } from "vitest";
import type { Content } from "#src/domain/announcements/announcement.ts";
import { planCorrection, planWithdrawal, publishDirect } from "#src/domain/announcements/publish-direct.ts";
import { putUnit } from "#src/domain/units/put-unit.ts";
import { testApp, testClock } from "#tests/app.ts";

const BASE = "http://127.0.0.1:8787";
const clock = testClock("2026-05-30T09:39:00.000Z");
const { ask, deps } = testApp({ clock });

const FORMATS = ["atom", "rss", "json"] as const;

function contentOf(title: string, more: Partial<Content> = {}): Content {
  return {
    title,
    body: "第一段。\n\n见[章程](/docs/a?b=1&c=2)和[网站](https://example.org/)。",
    column: "notices",
    unitId: "centre",
    tags: [],
    urgency: "routine",
    language: "zh-CN",
    ...more,
  };
}

async function publish(title: string, more: Partial<Content> = {}): Promise<string> {
  const content = contentOf(title, more);
  const input = { content, audience: { kind: "public" as const }, idSeed: ["feeds-test", title] as [string, string] };
  return (await publishDirect(deps, input)).result.id;
}

async function correct(id: string, title: string, more: Partial<Content> = {}): Promise<void> {
  await deps.table.write((await planCorrection(deps, { id, content: contentOf(title, more), reason: "更正" })).writes);
}

const feed = async (path: string, headers: Record<string, string> = {}) => {
  const answer = await ask("GET", path, { headers });
  expect(answer.headers.get("content-type") ?? "").toMatch(answer.status === 304 ? /^$/ : /charset=utf-8/);
  return answer;
};

const between = (text: string, tag: string) =>
  [...text.matchAll(new RegExp(`<${tag}[^>]*>([^<]*)</${tag}>`, "g"))].map((match) => match[1] ?? "");

const unescaped = (text: string) =>
  text
    .replaceAll("&lt;", "<")
    .replaceAll("&gt;", ">")
    .replaceAll("&quot;", '"')
    .replaceAll("&apos;", "'")
    .replaceAll("&#13;", "\r")
    .replaceAll("&amp;", "&");

beforeAll(async () => {
  await putUnit(deps, "centre", { name: "云岭县互联网信息中心" });
  await putUnit(deps, "hall", { name: "云岭县政务服务大厅" });
});

describe("a feed", () => {
  it("is there while there is nothing in it", async () => {
    const atom = await feed("/feed.atom");
    expect(atom.status).toBe(200);
    expect(between(atom.text, "updated")).toEqual(["1970-01-01T00:00:00Z"]);
    expect((await feed("/feed.rss")).text).not.toContain("<item>");
    expect((await feed("/feed.json")).json()).toMatchObject({ version: "https://jsonfeed.org/version/1.1", items: [] });
  });

  it("names the unit, the times and absolute addresses in all three formats", async () => {
    const id = await publish("关于开放办事大厅的公告", { tags: ["办事"], summary: "摘要在此" });
    const url = `${BASE}/announcements/${id}`;
    const atom = (await feed("/feed.atom")).text;
    const [entry = ""] = /<entry[\s\S]*?<\/entry>/.exec(atom) ?? [];
    expect(between(entry, "id")).toEqual([url]);
    expect(between(entry, "published")).toEqual(["2026-05-30T09:39:00Z"]);
    expect(between(entry, "name")).toEqual(["云岭县互联网信息中心"]);
    expect(between(entry, "summary")).toEqual(["摘要在此"]);
    expect(atom).toContain(`<link rel="self" type="application/atom+xml" href="${BASE}/feed.atom"/>`);
    const content = unescaped(between(entry, "content")[0] ?? "");
    expect(content).toContain(`href="${BASE}/docs/a?b=1&amp;c=2"`);
    expect(content).toContain('href="https://example.org/"');

    const rss = (await feed("/feed.rss")).text;
    expect(between(rss, "pubDate")).toEqual(["Sat, 30 May 2026 09:39:00 GMT"]);
    expect(rss).toContain(`<guid isPermaLink="true">${url}</guid>`);
    expect(between(rss, "dc:creator")).toEqual(["云岭县互联网信息中心"]);
    expect(between(rss, "category")).toEqual(["通知公告", "办事"]);

    const json = (await feed("/feed.json")).json() as { items: Record<string, unknown>[] };
    expect(json.items[0]).toMatchObject({
      id: url,
      url,
      date_published: "2026-05-30T09:39:00Z",
      authors: [{ name: "云岭县互联网信息中心" }],
      tags: ["通知公告", "办事"],
      _gaoshi: { revision: 1, urgency: "routine" },
    });
  });

  it("stands for a column and for a unit as well, and for nothing else", async () => {
    const hall = await publish("大厅搬迁", { unitId: "hall", column: "work-news" });
    for (const format of FORMATS) {
      expect((await feed(`/columns/work-news/feed.${format}`)).text).toContain(hall);
      expect((await feed(`/columns/notices/feed.${format}`)).text).not.toContain(hall);
      expect((await feed(`/units/hall/feed.${format}`)).text).toContain(hall);
      expect((await feed(`/units/centre/feed.${format}`)).text).not.toContain(hall);
    }
    expect((await feed("/columns/work-news/feed.atom")).text).toContain("<title>工作动态 - 告示</title>");
    for (const path of [
      "/columns/nowhere/feed.atom",
      "/units/nobody/feed.rss",
      "/feed.xml",
      "/columns/notices/feed.txt",
    ])
      expect((await ask("GET", path)).status, path).toBe(404);
  });
});

describe("a reader that asks again", () => {
  it("gets 304 until the bytes change, also under HEAD", async () => {
    for (const format of FORMATS) {
      const first = await feed(`/feed.${format}`);
      const etag = first.headers.get("etag") ?? "";
      expect((await feed(`/feed.${format}`)).text).toBe(first.text);
      expect((await feed(`/feed.${format}`, { "if-none-match": etag })).status).toBe(304);
      expect((await ask("HEAD", `/feed.${format}`, { headers: { "if-none-match": etag } })).status).toBe(304);
      clock.pass(60);
      await publish(`又一则-${format}`);
      const changed = await feed(`/feed.${format}`, { "if-none-match": etag });
      expect(changed.status).toBe(200);
      expect(changed.headers.get("etag")).not.toBe(etag);
      expect(new Date(changed.headers.get("last-modified") ?? "").getTime()).toBeGreaterThan(
        new Date(first.headers.get("last-modified") ?? "").getTime(),
      );
    }
  });

  it("sees a correction under the same id with a later time, and no withdrawn text", async () => {
    const id = await publish("施工通告", { body: "自10日起" });
    clock.pass(600);
    await correct(id, "施工通告", { body: "自12日起" });
    const entryOf = async () =>
      new RegExp(`<entry[^>]*>\\s*<id>[^<]*${id}</id>[\\s\\S]*?</entry>`).exec((await feed("/feed.atom")).text)?.[0] ??
      "";
    const corrected = await entryOf();
    expect(corrected).toContain("自12日起");
    expect(corrected).not.toContain("自10日起");
    const [published = "", updated = ""] = [...between(corrected, "published"), ...between(corrected, "updated")];
    expect(Date.parse(updated) - Date.parse(published)).toBe(600_000);
    await deps.table.write((await planWithdrawal(deps, { id, reason: "取消" })).writes);
    expect(await entryOf()).toBe("");
    for (const format of FORMATS) expect((await feed(`/feed.${format}`)).text).not.toContain("自12日起");
  });
});

it("carries whatever a text may hold, without breaking any format", async () => {
  const nasty = "]]> <b>&amp; \"quoted\" 'x' 😀 \u202eabc\u202c <![CDATA[ é";
  const id = await publish(nasty, {
    body: `${nasty} \u2028\n\n<script>alert(1)</script> [x](javascript:alert(1))`,
    tags: ["]]>&<"],
  });
  const atom = (await feed("/feed.atom")).text;
  expect(atom).not.toMatch(/<!\[CDATA\[|<script/);
  expect(between(atom, "title").map(unescaped)).toContain(nasty);
  const [entry = ""] = new RegExp(`<entry[^>]*>\\s*<id>[^<]*${id}[\\s\\S]*?</entry>`).exec(atom) ?? [];
  const content = unescaped(between(entry, "content")[0] ?? "");
  expect(content).not.toMatch(/<script|href="javascript/);
  expect(content).toContain("&lt;script&gt;");
  const json = (await feed("/feed.json")).json() as { items: { id: string; title: string; tags: string[] }[] };
  const item = json.items.find((one) => one.id.endsWith(id));
  expect([item?.title, item?.tags.at(-1)]).toEqual([nasty, "]]>&<"]);
});

it("holds the 50 newest, newest first", async () => {
  for (let i = 0; i < 52; i++) {
    clock.pass(1);
    await publish(`第${i}号`, { column: "faq" });
  }
  const json = (await feed("/columns/faq/feed.json")).json() as { items: { title: string }[] };
  expect(json.items).toHaveLength(50);
  expect([json.items[0]?.title, json.items.at(-1)?.title]).toEqual(["第51号", "第2号"]);
});
