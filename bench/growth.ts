// What age costs: a store with many announcements and old deliveries beside an empty one, same machine, taken in turn.
// BENCH_ANNOUNCEMENTS: fewer than 100,000. BENCH_GROWN=<folder>: the grown store is made there once, and kept for the next run.
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { setTimeout as sleep } from "node:timers/promises";
import { Teaser } from "#src/domain/announcements/teaser.ts";
import { wordItems } from "#src/domain/announcements/words.ts";
import { silentLog } from "#src/log.ts";
import { embeddedPlatform } from "#src/platform/embedded/platform.ts";
import { keys } from "#src/platform/keys.ts";
import type { Item } from "#src/platform/table.ts";
import {
  arrived,
  call,
  furnish,
  gaoshi,
  median,
  publishOnce,
  ROUNDS,
  row,
  rows,
  type Started,
  start,
  stop,
} from "./house.ts";

const RECEIVERS = 100;
/** Of a store that is young, but fills the first page of every list. */
const FULL_PAGES = 60;
const ANNOUNCEMENTS = Number(process.env["BENCH_ANNOUNCEMENTS"] ?? 100_000);
const GROWN = process.env["BENCH_GROWN"];
const HOUR_MS = 3_600_000;
/** Of one page, and before that as many to warm up: two pages of searches together stay under what a reader may ask in a minute. */
const READS = 140;
/** Announcements of one run of writing. */
const AT_ONCE = 200;
const TITLE = "防电诈提醒 0";
const LIST = keys.listing("all", "", "").pk;

/** `id`: an announcement that is settled, whose old ones are copies of it. */
type House = { data: string; ours: Started; id: string };
/** What is known of a kept folder: its subscribers push to the sink of that port. */
type Kept = { id: string; announcements: number; each: number; port: number };

/** A house where one announcement went to a hundred webhooks and is settled. */
async function newHouse(sink: Started, data: string): Promise<House> {
  const ours = await gaoshi(data);
  await furnish(ours.port, RECEIVERS, `http://127.0.0.1:${sink.port}/s`);
  const { id } = await publishOnce(ours.port, 0);
  await arrived(sink, id, RECEIVERS, 30);
  // The balance is even at once; only the look a minute later closes the ledger, and old ones are closed.
  while ((await call(ours.port, "GET", "/api/v1/status")).open > 0) await sleep(2000);
  return { data, ours, id };
}

/** Every row that names the announcement but those of its words, with what is told of nothing any more left out. */
function rowsOf(data: string, id: string): Item[] {
  const sql = new DatabaseSync(join(data, "gaoshi.db"), { readOnly: true });
  const named = "pk LIKE ?1 OR sk LIKE ?1 OR body LIKE ?1";
  const found = sql.prepare(`SELECT body FROM items WHERE (${named}) AND pk NOT LIKE 'WORD#%'`).all(`%${id}%`);
  sql.close();
  return found.map(({ body }) => {
    const { feed: _, ...item } = JSON.parse(String(body)) as Item;
    return item;
  });
}

/** All are reminders, a half of them of the one thing, a half of the other; a thousandth and the newest of a third. */
function titleOf(n: number): string {
  return `防电诈提醒 ${n % 2 === 0 ? "停水" : "停电"}${n % 1000 === 0 || n <= FULL_PAGES ? " 山洪" : ""} ${n}`;
}

/** The same rows of an announcement some hours older, under an id and a title of its own, and its words. */
function older(text: string, id: string, n: number): Item[] {
  const other = `ann_${String(n).padStart(26, "0")}`;
  const back = (iso: string) => new Date(Date.parse(iso) - n * HOUR_MS).toISOString();
  const items = JSON.parse(
    text
      .replaceAll(id, other)
      .replaceAll(TITLE, titleOf(n))
      .replace(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z/g, back)
      .replace(/"FANOUTS#[\d-]+"/, `"FANOUTS#${back(new Date().toISOString()).slice(0, 10)}"`),
  ) as Item[];
  return [...items, ...wordsOf(items)];
}

function wordsOf(items: Item[]): Item[] {
  const teaser = items.find(({ pk }) => pk === LIST);
  return teaser ? wordItems(Teaser.parse(teaser)) : [];
}

/** Through the ports, while nobody else has the folder. Answers how many rows an announcement has. */
async function grow(data: string, id: string, announcements: number): Promise<number> {
  const platform = embeddedPlatform({ data, now: () => new Date(), log: silentLog });
  const items = rowsOf(data, id);
  const text = JSON.stringify(items);
  for (let n = 1; n <= announcements; n += AT_ONCE) {
    const some = Array.from({ length: Math.min(AT_ONCE, announcements + 1 - n) }, (_, i) => older(text, id, n + i));
    // All of a run share their commits.
    await Promise.all(some.map((one) => platform.table.putAll(one)));
    if ((n - 1) % 10_000 === 0) process.stderr.write(`  ${n - 1} announcements, ${new Date().toISOString()}\n`);
  }
  // Their words stand in the index: nothing of them is left to be done.
  const newest = items.find(({ pk }) => pk === LIST);
  const border = { ...keys.setting("words-and-letters-indexed-up-to"), at: newest?.sk, version: 1 };
  await platform.table.putAll([border, ...wordsOf(items)]);
  await platform.stop();
  return older(text, id, 1).length;
}

async function grownHouse(sink: Started, data: string, announcements: number): Promise<Kept> {
  const { ours, id } = await newHouse(sink, data);
  await stop(ours);
  return { id, announcements, each: await grow(data, id, announcements), port: sink.port };
}

function keptIn(folder: string): Kept | undefined {
  const note = join(folder, "grown.json");
  return existsSync(note) ? (JSON.parse(readFileSync(note, "utf8")) as Kept) : undefined;
}

async function timeOf(read: () => Promise<unknown>): Promise<number> {
  const began = performance.now();
  await read();
  return performance.now() - began;
}

function pageOf(path: string) {
  return async ({ ours }: House): Promise<void> => {
    const answer = await fetch(`http://127.0.0.1:${ours.port}${path}`, { headers: { accept: "text/html" } });
    if (!answer.ok) throw new Error(`${path}: ${answer.status}`);
    await answer.text();
  };
}

const api = (path: (house: House) => string) => (house: House) => call(house.ours.port, "GET", `/api/v1${path(house)}`);
const q = (text: string) => `/announcements?q=${encodeURIComponent(text)}`;
const READ: [string, (house: House) => Promise<unknown>][] = [
  ["front page", pageOf("/")],
  ["ledger", api(({ id }) => `/announcements/${id}/ledger`)],
  ["search of a word that all have", pageOf(q("提醒"))],
  ["search of a word that none has", pageOf(q("龙卷风"))],
];
/** What shows many, searches by the API: a list of twenty is longer than one of one, whatever the age of the store. */
const READ_OF_MANY: typeof READ = [
  ["front page", pageOf("/")],
  ["search of a word that all have", api(() => q("提醒"))],
  ["search of a word that a thousandth and the newest have", api(() => q("山洪"))],
  ["search of two words that never meet", api(() => q("停水 停电"))],
  ["search of letters that none has", api(() => q("wifi"))],
  ["column page", pageOf("/columns/bench")],
  ["feed of everything", pageOf("/feed.atom")],
  ["desk", api(() => "/desk?limit=20")],
  ["list of deliveries", api(({ id }) => `/deliveries?announcement=${id}&limit=20`)],
];

/** In turn, and in either order, so that whatever else the machine does meets both alike. */
async function reading(reads: typeof READ, grown: House, young: House): Promise<void> {
  for (const [what, read] of reads) {
    const times: [number[], number[]] = [[], []];
    for (let n = 0; n < 2 * READS; n++)
      for (const i of n % 2 === 0 ? [0, 1] : [1, 0]) {
        const time = await timeOf(() => read(i === 0 ? grown : young));
        if (n >= READS) times[i]?.push(time);
      }
    row(`  ${what}`, median(times[0]), median(times[1]), "ms");
  }
}

async function publishing(sink: Started, grown: House, empty: House): Promise<void> {
  const lasts: [number[], number[]] = [[], []];
  for (let n = 1; n <= 4 * ROUNDS + 4; n++)
    for (const i of n % 2 === 0 ? [0, 1] : [1, 0]) {
      const { id, began } = await publishOnce((i === 0 ? grown : empty).ours.port, n);
      const { last } = await arrived(sink, id, RECEIVERS, 60);
      if (n > 4) lasts[i]?.push(last - began);
    }
  row(`  publish → last of ${RECEIVERS}`, median(lasts[0]), median(lasts[1]), "ms");
}

export async function growth(): Promise<void> {
  const known = GROWN === undefined ? undefined : keptIn(GROWN);
  const sink = await start("bench/sink.ts", known ? { SINK_PORT: String(known.port) } : {});
  const temporary = ["grown", "empty", "young"].map(() => mkdtempSync(join(tmpdir(), "gaoshi-bench-")));
  const [scratch = "", blank = "", few = ""] = temporary;
  const data = GROWN ?? scratch;
  const started: Started[] = [sink];
  try {
    mkdirSync(data, { recursive: true });
    const [kept, fresh, sixty] = await Promise.all([
      known ?? grownHouse(sink, data, ANNOUNCEMENTS),
      newHouse(sink, blank),
      grownHouse(sink, few, FULL_PAGES),
    ]);
    if (GROWN !== undefined) writeFileSync(join(data, "grown.json"), JSON.stringify(kept));
    await stop(fresh.ours); // all begin anew
    const open = async (folder: string, id: string): Promise<House> => {
      const ours = await gaoshi(folder);
      started.push(ours);
      return { data: folder, ours, id };
    };
    const [grown, empty, young] = [await open(data, kept.id), await open(blank, fresh.id), await open(few, sixty.id)];
    const size = `${kept.announcements.toLocaleString("en")} announcements with ${RECEIVERS} deliveries each, ${kept.each} rows an announcement`;
    rows.push({ what: `growth: ${size}`, ours: "grown", floor: "empty", ratio: "" });
    await reading(READ, grown, empty);
    await publishing(sink, grown, empty);
    rows.push({ what: "  lists, grown", ours: "grown", floor: `of ${FULL_PAGES}`, ratio: "" });
    await reading(READ_OF_MANY, grown, young);
  } finally {
    for (const one of started) await stop(one);
    for (const folder of temporary) rmSync(folder, { recursive: true, force: true });
  }
}
