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
