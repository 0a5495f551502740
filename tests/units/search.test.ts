import fc from "fast-check";
import { expect, it } from "vitest";
import { indexCorrection, indexNewWords } from "#src/domain/announcements/index-words.ts";
import { listPublished } from "#src/domain/announcements/read.ts";
import { listingItem } from "#src/domain/announcements/store.ts";
import { listsOf, type Teaser, teaserOf } from "#src/domain/announcements/teaser.ts";
import { indexWords, neededWords, wordsIn } from "#src/domain/announcements/words.ts";
import { silentLog } from "#src/log.ts";
import { embeddedPlatform } from "#src/platform/embedded/platform.ts";
import { meter } from "#src/platform/meter.ts";
import { type MoreRevision, revisionOf } from "./push-world.ts";

function county() {
  let clock = Date.parse("2026-03-02T02:00:00Z");
  const now = () => new Date(clock);
  const { table } = embeddedPlatform({ data: ":memory:", now, log: silentLog });
  let count = 0;
  const publish = async (content: MoreRevision["content"] = {}): Promise<Teaser> => {
    clock += 1000;
    const id = `ann_${String(++count).padStart(26, "0")}`;
    const at = now().toISOString();
    const revision = revisionOf(now(), {
      announcementId: id,
      content: { body: "正文", ...content },
      firstPublishedAt: at,
    });
    const teaser = teaserOf(revision);
    await table.putAll(listsOf(revision.content).map((list) => listingItem(list, teaser)));
    return teaser;
  };
  const everything = async () => {
    clock += 120_000;
    while (await indexNewWords({ table, now }));
  };
  const search = async (q: string, more: object = {}) => {
    const found: string[] = [];
    for (let after: string | undefined; ; ) {
      const page = await listPublished({ table }, { list: "all", limit: 20, q, ...more, ...(after ? { after } : {}) });
      found.push(...page.items.map(({ title }) => title));
      if (page.next === undefined) return found;
      after = page.next;
    }
  };
  return { table, now, publish, everything, search };
}

it("finds what is a second old and what is a year old in one search, the newest first", async () => {
  const { publish, everything, search } = county();
  await publish({ title: "城东停水通知" });
  await publish({ title: "停电通知" });
  await everything();
  await publish({ title: "城西停水通知" });
  expect(await search("停水")).toEqual(["城西停水通知", "城东停水通知"]);
  await everything();
  expect(await search("停水")).toEqual(["城西停水通知", "城东停水通知"]);
  expect(await search("停水 城东")).toEqual(["城东停水通知"]);
  expect(await search("水停")).toEqual([]);
});

it("finds by summary, tag, one character, foreign words and full-width letters, inside one column only when asked", async () => {
  const { publish, everything, search } = county();
  await publish({ title: "甲", summary: "Wi-Fi 覆盖全县", tags: ["民生"], column: "notices" });
  await publish({ title: "乙", summary: "ＷＩ-ＦＩ 覆盖", column: "work-news" });
  await everything();
  expect(await search("wi-fi")).toEqual(["乙", "甲"]);
  expect(await search("民生")).toEqual(["甲"]);
  expect(await search("盖")).toEqual(["乙", "甲"]);
  expect(await search("覆盖", { within: ["column:notices"] })).toEqual(["甲"]);
  expect(await search("覆盖", { list: "column:work-news" })).toEqual(["乙"]);
  expect(await search("fi")).toEqual(["乙", "甲"]);
  expect(await search("民生 甲 wi-fi 全县")).toEqual(["甲"]);
  expect(await search("民生 乙")).toEqual([]);
  expect(await search("县民")).toEqual([]);
});

it("finds a corrected text by its new words at once", async () => {
  const { table, now, publish, everything, search } = county();
  const first = await publish({ title: "停水通知" });
  await everything();
  const corrected = revisionOf(now(), {
    announcementId: first.id,
    revision: 2,
    kind: "corrected",
    content: { title: "停气通知", body: "正文" },
    firstPublishedAt: first.firstPublishedAt,
  });
  await table.putAll([listingItem("all", teaserOf(corrected))]);
  await indexCorrection({ table }, corrected);
  expect(await search("停气")).toEqual(["停气通知"]);
  expect(await search("停水")).toEqual([]);
});

it("pages through many hits without missing or repeating one", async () => {
  const { publish, everything, search } = county();
  for (let i = 0; i < 130; i++) await publish({ title: `防汛提醒${i}` });
  await everything();
  for (let i = 130; i < 150; i++) await publish({ title: `防汛提醒${i}` });
  const all = await search("防汛提醒");
  expect(all).toEqual(Array.from({ length: 150 }, (_, i) => `防汛提醒${149 - i}`));
});

it("reads no more for a rare word among thousands than among a few", async () => {
  const { counts, table: counted } = meter();
  const small = county();
  const large = county();
  for (const [world, size] of [
    [small, 20],
    [large, 3000],
  ] as const) {
    await world.publish({ title: "疫苗接种点" });
    for (let i = 0; i < size; i++) await world.publish({ title: `日常通知${i}` });
    await world.everything();
  }
  const spent = async ({ table }: ReturnType<typeof county>, q: string) => {
    counts.readUnits = 0;
    const page = await listPublished({ table: counted(table) }, { list: "all", limit: 20, q });
    return { reads: counts.readUnits, titles: page.items.map(({ title }) => title) };
  };
  const [few, many] = [await spent(small, "疫苗"), await spent(large, "疫苗")];
  expect(many.titles).toEqual(["疫苗接种点"]);
  expect(many.reads).toBeLessThanOrEqual(few.reads * 1.5);
  const both = await spent(large, "通知 疫苗接种");
  expect(both.titles).toEqual([]);
  expect(both.reads).toBeLessThan(few.reads * 6);
});

/** What one page of a search reads in this county, and what it shows. */
async function spentOn({ table }: ReturnType<typeof county>, q: string, more: object = {}) {
  const { counts, table: counted } = meter();
  const { items, next } = await listPublished({ table: counted(table) }, { list: "all", limit: 20, q, ...more });
  return { reads: counts.readUnits, titles: items.map(({ title }) => title), next };
}

it("reads as much for a word that thousands have as for one that fifty have", async () => {
  const spent: number[] = [];
  for (const size of [50, 3000]) {
    const world = county();
    for (let i = 0; i < size; i++) await world.publish({ title: `日常通知${i}` });
    await world.everything();
    const { reads, titles } = await spentOn(world, "日常通知");
    expect(titles).toEqual(Array.from({ length: 20 }, (_, i) => `日常通知${size - 1 - i}`));
    spent.push(reads);
  }
  expect(spent[1]).toBeLessThanOrEqual(spent[0] ?? 0);
  expect(spent[0]).toBeLessThan(30);
});

it("reads little where two common words never meet, and says where to go on", async () => {
  const world = county();
  await world.publish({ title: "停水停电" });
  for (let i = 0; i < 3000; i++) await world.publish({ title: i % 2 === 0 ? "停水" : "停电" });
  await world.everything();
  const { reads, titles, next } = await spentOn(world, "停水 停电");
  expect(titles).toEqual([]);
  expect(next).toBeDefined();
  expect(reads).toBeLessThan(30);
  expect(await world.search("停水 停电")).toEqual(["停水停电"]);
});

it("finds at once what one small column says with a word that everybody uses", async () => {
  const world = county();
  await world.publish({ title: "防汛通知", column: "policies", tags: ["防汛"] });
  for (let i = 0; i < 3000; i++) await world.publish({ title: `通知${i}`, column: "notices" });
  await world.everything();
  for (const [q, more] of [
    ["通知", { list: "column:policies" }],
    ["通知", { within: ["column:policies"] }],
    ["", { list: "column:notices", within: ["tag:防汛"] }],
    ["", { list: "tag:防汛", within: ["column:policies"] }],
  ] as const) {
    const { reads, titles } = await spentOn(world, q, more);
    expect(titles).toEqual(q === "" && more.list === "column:notices" ? [] : ["防汛通知"]);
    expect(reads).toBeLessThan(20);
  }
});

it("finds letters and numbers, also in the middle of a word, without reading everything", async () => {
  const world = county();
  await world.publish({ title: "拨打 96110 举报", summary: "WeChat 公众号 5G" });
  for (let i = 0; i < 3000; i++) await world.publish({ title: "通知", summary: `第${i}号 notice` });
  await world.everything();
  for (const q of ["96110", "6110", "wechat", "eCha", "5g", "WE", "96110 wechat"]) {
    const { reads, titles, next } = await spentOn(world, q);
    expect([q, titles, next]).toEqual([q, ["拨打 96110 举报"], undefined]);
    expect(reads).toBeLessThan(10);
  }
  expect((await spentOn(world, "wifi")).reads).toBeLessThan(10);
});

it("finds the last words of the longest summary", async () => {
  const { publish, everything, search } = county();
  const sentences = Array.from({ length: 45 }, (_, i) =>
    String.fromCodePoint(...Array.from({ length: 10 }, (_, j) => 0x4e00 + i * 10 + j)),
  );
  await publish({ title: "甲", summary: `${sentences.join("。")}。龙卷风预警` });
  await everything();
  expect(await search("龙卷风预警")).toEqual(["甲"]);
});

it("shows once what was published and corrected before its words were looked at", async () => {
  const { table, now, publish, everything, search } = county();
  await publish({ title: "旧闻" });
  await everything();
  const { firstPublishedAt } = await publish({ title: "停水通知" });
  const content = { title: "停水通知（更正）", body: "正文" };
  const id = `ann_${"2".padStart(26, "0")}`;
  const corrected = revisionOf(now(), {
    announcementId: id,
    revision: 2,
    kind: "corrected",
    content,
    firstPublishedAt,
  });
  await table.putAll([listingItem("all", teaserOf(corrected))]);
  await indexCorrection({ table }, corrected);
  expect(await search("停水")).toEqual(["停水通知（更正）"]);
});

it("finds, page by page, exactly what reading all texts would find, wherever the index has come to", async () => {
  const word = fc.constantFrom("停水", "停电", "水", "县城通知", "a1", "abc", "bc", "停", "。", "城 ab");
  const text = fc.record({
    title: fc.string({ unit: fc.constantFrom(..."停水电县城ab1 。"), minLength: 1, maxLength: 6 }),
    column: fc.constantFrom("notices", "policies"),
    tags: fc.subarray(["停水", "abc"]),
  });
  const ask = fc.record({
    q: word,
    limit: fc.integer({ min: 1, max: 5 }),
    list: fc.constantFrom("all", "column:notices", "tag:abc", "column:none"),
    within: fc.subarray(["column:policies", "tag:停水"]),
    first: fc.nat(40),
    last: fc.nat(40),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(text, { maxLength: 40 }), fc.nat(40), ask, async (texts, indexed, wanted) => {
      const { publish, everything, table } = county();
      const all: Teaser[] = [];
      for (const [i, content] of texts.entries()) {
        if (i === indexed) await everything();
        all.unshift(await publish(content));
      }
      const { q, limit, list, within, first, last } = wanted;
      const [from, to] = [texts.length - 1 - first, last - 1].map((i) => all[i]?.firstPublishedAt);
      const expected = all.filter(
        (one) =>
          [list, ...within].every((name) =>
            ["all", `column:${one.column}`, ...one.tags.map((tag) => `tag:${tag}`)].includes(name),
          ) &&
          wordsIn(q).every((part) => [one.title, one.summary, one.tags.join()].join("\n").includes(part)) &&
          (from === undefined || one.firstPublishedAt >= from) &&
          (to === undefined || one.firstPublishedAt < to),
      );
      const found: string[] = [];
      for (let after: string | undefined; ; ) {
        const bounds = { ...(from ? { from } : {}), ...(to ? { to } : {}), ...(after ? { after } : {}) };
        const page = await listPublished({ table }, { q, limit, list, within, ...bounds });
        expect(page.items.length).toBeLessThanOrEqual(limit);
        found.push(...page.items.map(({ id }) => id));
        if (page.next === undefined) break;
        expect(after === undefined || page.next < after).toBe(true);
        after = page.next;
      }
      expect(found).toEqual(expected.map(({ id }) => id));
    }),
    { numRuns: 150 },
  );
});

it("looks for nothing that the text it is to find does not have in the index", () => {
  const text = fc.string({ unit: fc.constantFrom(..."停水通知县城ab1-， 。Ａ"), minLength: 1, maxLength: 30 });
  fc.assert(
    fc.property(text, fc.nat(), fc.nat(), (whole, from, length) => {
      const start = from % whole.length;
      const piece = whole.slice(start, start + 1 + (length % 6));
      const index = new Set(indexWords(whole));
      for (const word of wordsIn(piece)) for (const one of neededWords(word)) expect(index.has(one)).toBe(true);
    }),
    { numRuns: 2000 },
  );
});
