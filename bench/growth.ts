// What age costs: a store with many announcements and old deliveries beside an empty one, same machine, taken in turn.
import { mkdtempSync, rmSync } from "node:fs";
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
const ANNOUNCEMENTS = Number(process.env["BENCH_ANNOUNCEMENTS"] ?? 100_000);
const HOUR_MS = 3_600_000;
const READS = 40;
const WARM_UP = 50;

type House = { data: string; ours: Started; id: string };

/** A house where one announcement went to a hundred webhooks and is settled: what the old ones are copies of. */
async function newHouse(sink: Started): Promise<House> {
  const data = mkdtempSync(join(tmpdir(), "gaoshi-bench-"));
  const ours = await gaoshi(data);
  await furnish(ours.port, RECEIVERS, `http://127.0.0.1:${sink.port}/s`);
  const { id } = await publishOnce(ours.port, 0);
  await arrived(sink, id, RECEIVERS, 30);
  for (let closed = false; !closed; await sleep(2000))
    closed = (await call(ours.port, "GET", `/api/v1/announcements/${id}/ledger`)).closed;
  return { data, ours, id };
}

/** Every row that names the announcement, with what is told of nothing any more left out. */
function rowsOf(data: string, id: string): Item[] {
  const sql = new DatabaseSync(join(data, "gaoshi.db"), { readOnly: true });
  const found = sql.prepare("SELECT body FROM items WHERE pk LIKE ?1 OR sk LIKE ?1 OR body LIKE ?1").all(`%${id}%`);
  sql.close();
  return found.map(({ body }) => {
    const { feed: _, ...item } = JSON.parse(String(body)) as Item;
    return item;
  });
}

/** The same rows of an announcement some hours older, under an id of its own. */
function older(items: Item[], id: string, n: number): Item[] {
  const other = `ann_${String(n).padStart(26, "0")}`;
  const back = (iso: string) => new Date(Date.parse(iso) - n * HOUR_MS).toISOString();
  return items.map((item) => {
    const text = JSON.stringify(item).replaceAll(id, other);
    return JSON.parse(text.replace(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z/g, back)) as Item;
  });
}

/** Through the ports, while nobody else has the folder. */
async function grow({ data, id }: House): Promise<number> {
  const platform = embeddedPlatform({ data, now: () => new Date(), log: silentLog });
  const items = rowsOf(data, id);
  const teaser = items.find(({ pk }) => pk === keys.listing("all", "", "").pk);
  const words = teaser ? wordItems(Teaser.parse(teaser)) : [];
  const all = [...items, ...words];
  for (let n = 1; n <= ANNOUNCEMENTS; n += 100)
    await platform.table.putAll(
      Array.from({ length: Math.min(100, ANNOUNCEMENTS + 1 - n) }, (_, i) => older(all, id, n + i)).flat(),
    );
  // Their words stand in the index: nothing of them is left to be done.
  if (teaser)
    await platform.table.putAll([{ ...keys.setting("words-indexed-up-to"), at: teaser.sk, version: 1 }, ...words]);
  await platform.stop();
  return all.length;
}

async function timeOf(read: () => Promise<unknown>): Promise<number> {
  const began = performance.now();
  await read();
  return performance.now() - began;
}

export async function growth(): Promise<void> {
  const sink = await start("bench/sink.ts");
  const [grown, fresh] = [await newHouse(sink), await newHouse(sink)];
  try {
    await stop(grown.ours);
    const each = await grow(grown);
    await stop(fresh.ours); // both begin anew
    [grown.ours, fresh.ours] = [await gaoshi(grown.data), await gaoshi(fresh.data)];
    for (const { ours } of [grown, fresh])
      for (let n = 0; n < WARM_UP; n++) await (await fetch(`http://127.0.0.1:${ours.port}/`)).text();
    rows.push({
      what: `growth: ${ANNOUNCEMENTS.toLocaleString("en")} announcements with ${RECEIVERS} deliveries each, ${each} rows an announcement`,
      ...{ ours: "grown", floor: "empty", ratio: "" },
    });
    const page =
      (path: string) =>
      async ({ ours }: House) => {
        const answer = await fetch(`http://127.0.0.1:${ours.port}${path}`, { headers: { accept: "text/html" } });
        if (!answer.ok) throw new Error(`${path}: ${answer.status}`);
        await answer.text();
      };
    const reads: [string, (house: House) => Promise<unknown>][] = [
      ["front page", page("/")],
      ["ledger", ({ ours, id }) => call(ours.port, "GET", `/api/v1/announcements/${id}/ledger`)],
      ["search of a word that all have", page(`/announcements?q=${encodeURIComponent("提醒")}`)],
      ["search of a word that none has", page(`/announcements?q=${encodeURIComponent("龙卷风")}`)],
    ];
    for (const [what, read] of reads) {
      const [ours, floor]: [number[], number[]] = [[], []];
      for (let n = 0; n < READS; n++) {
        ours.push(await timeOf(() => read(grown)));
        floor.push(await timeOf(() => read(fresh)));
      }
      row(`  ${what}`, median(ours), median(floor), "ms");
    }
    const lasts: [number[], number[]] = [[], []];
    for (let n = 1; n <= ROUNDS + 2; n++)
      for (const [i, { ours }] of [grown, fresh].entries()) {
        const { id, began } = await publishOnce(ours.port, n);
        lasts[i]?.push((await arrived(sink, id, RECEIVERS, 60)).last - began);
      }
    row(`  publish → last of ${RECEIVERS}`, median(lasts[0]), median(lasts[1]), "ms");
  } finally {
    await stop(sink);
    for (const { data, ours } of [grown, fresh]) {
      await stop(ours);
      rmSync(data, { recursive: true, force: true });
    }
  }
}
