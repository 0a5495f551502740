import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterAll, afterEach, describe, expect, it } from "vitest";
import { AppError } from "#src/errors.ts";
import { jsonLog, type Log, silentLog } from "#src/log.ts";
import { openDatabase } from "#src/platform/embedded/database.ts";
import { deadLetters } from "#src/platform/embedded/dead-letters.ts";
import { changeFeed } from "#src/platform/embedded/feed.ts";
import { groupCommit } from "#src/platform/embedded/group.ts";
import { type EmbeddedPlatform, embeddedPlatform } from "#src/platform/embedded/platform.ts";
import { sweepExpired } from "#src/platform/embedded/sweep.ts";
import { sqliteTable } from "#src/platform/embedded/table.ts";
import { type Message, QUEUES } from "#src/platform/queue.ts";
import type { Change, ChangeHandler } from "#src/platform/table.ts";
import { VERSION_1 } from "#tests/samples/version-1.ts";

const folders: string[] = [];
const newFolder = (): string => {
  const folder = mkdtempSync(join(tmpdir(), "gaoshi-"));
  folders.push(folder);
  return folder;
};
afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

let clock = 0;
const now = (): Date => new Date(Date.UTC(2026, 0, 1) + clock * 1000);
const platforms: EmbeddedPlatform[] = [];
const start = (data = ":memory:", log: Log = silentLog): EmbeddedPlatform => {
  const platform = embeddedPlatform({ data, now, log, baseUrl: "https://gaoshi.example" });
  platforms.push(platform);
  return platform;
};
afterEach(async () => {
  await Promise.all(platforms.splice(0).map((platform) => platform.stop(0)));
  clock = 0;
});

const deaf = { remember: () => {}, wake: () => {} };
const soon = { timeout: 5_000, interval: 5 };
const pause = (milliseconds: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, milliseconds));
const kindOf = (error: unknown): string => (error instanceof AppError ? error.kind : String(error));
const n = (message: Message): number => (message.body as { n: number }).n;

describe("the group commit", () => {
  const parts = (data = ":memory:") => {
    const database = openDatabase(data);
    const group = groupCommit(database.sql);
    let id = 0;
    const table = sqliteTable({ sql: database.sql, group, now, nextChangeId: () => ++id, feed: deaf });
    return { ...database, group, table };
  };

  it("leaves no LIMIT to a bare parameter, which SQLite would prepare anew at every read", () => {
    const folder = "src/platform/embedded";
    const files = readdirSync(folder).filter((file) => readFileSync(`${folder}/${file}`, "utf8").includes("LIMIT "));
    expect(files.length).toBeGreaterThan(3);
    expect(files.filter((file) => /LIMIT \?/.test(readFileSync(`${folder}/${file}`, "utf8")))).toEqual([]);
  });

  it("syncs every commit to the disk", () => {
    const { sql, close } = parts(newFolder());
    expect(sql.prepare("PRAGMA synchronous").get()).toEqual({ synchronous: 2 });
    expect(sql.prepare("PRAGMA journal_mode").get()).toEqual({ journal_mode: "wal" });
    close();
  });

  it("takes all writes of one turn into one transaction, in their order", async () => {
    const { sql, group } = parts();
    const inside: boolean[] = [];
    let rounds = 0;
    sql.exec("CREATE TEMP TABLE seen (n INTEGER)");
    const work = (number: number) => () => {
      inside.push(sql.isTransaction);
      if (number === 0) rounds++;
      sql.exec(`INSERT INTO seen VALUES (${number})`);
      return number;
    };
    const numbers = Array.from({ length: 50 }, (_, number) => number);
    expect(await Promise.all(numbers.map((number) => group(work(number))))).toEqual(numbers);
    expect(inside.every(Boolean) && inside.length === 50).toBe(true);
    expect(rounds).toBe(1);
    expect(sql.isTransaction).toBe(false);
    expect(sql.prepare("SELECT count(*) AS all_of_them FROM seen").get()).toEqual({ all_of_them: 50 });
  });

  it("lets one broken piece of work fail alone", async () => {
    const { sql, group, table } = parts();
    const before = table.write([{ put: { pk: "A", sk: "1" } }]);
    const broken = group(() => sql.exec("INSERT INTO nowhere VALUES (1)"));
    const after = table.write([{ put: { pk: "A", sk: "2", feed: "x" }, if: { absent: true } }]);
    expect(await broken.catch(kindOf)).toBe("unavailable");
    expect(await Promise.all([before, after])).toEqual([{ ok: true }, { ok: true }]);
    expect((await table.query({ pk: "A" })).items).toHaveLength(2);
    expect(sql.prepare("SELECT count(*) AS changes FROM changes").get()).toEqual({ changes: 1 });
  });

  it("refuses all of a group when the disk is full, stores none of it, and works again afterwards", async () => {
    const { sql, table, close } = parts(newFolder());
    await table.write([{ put: { pk: "A", sk: "before" } }]);
    const { page_count } = sql.prepare("PRAGMA page_count").get() as { page_count: number };
    sql.exec(`PRAGMA max_page_count = ${page_count + 3}`);
    const body = "x".repeat(30_000);
    const full = await Promise.all(
      [1, 2, 3, 4].map((i) => table.write([{ put: { pk: "A", sk: `full ${i}`, body } }]).catch(kindOf)),
    );
    expect(full).toEqual(["unavailable", "unavailable", "unavailable", "unavailable"]);
    expect((await table.query({ pk: "A" })).items).toEqual([{ pk: "A", sk: "before" }]);
    sql.exec("PRAGMA max_page_count = 100000");
    expect(await table.write([{ put: { pk: "A", sk: "full 1", body } }])).toEqual({ ok: true });
    expect((await table.query({ pk: "A" })).items).toHaveLength(2);
    close();
  });

  it("deletes expired rows in the background, and only those", async () => {
    const { sql, group, table } = parts();
    const seconds = now().getTime() / 1000;
    await table.putAll(Array.from({ length: 450 }, (_, i) => ({ pk: "A", sk: `${i}`, expiresAt: seconds + i })));
    await table.putAll([{ pk: "A", sk: "for ever" }]);
    clock = 430;
    const rows = () => sql.prepare("SELECT count(*) AS n FROM items").get()?.["n"];
    expect(rows()).toBe(451);
    await sweepExpired({ sql, group, now, steady: () => now().getTime() });
    expect(rows()).toBe(20);
    expect((await table.query({ pk: "A" })).items).toHaveLength(20);
  });

  it("deletes nothing that has expired only by a clock that was set ahead", async () => {
    const { sql, group, table } = parts();
    const began = now().getTime();
    await table.putAll([{ pk: "A", sk: "1", expiresAt: began / 1000 + 600 }]);
    const ahead = () => new Date(began + 400 * 86_400_000);
    await sweepExpired({ sql, group, now: ahead, steady: () => began });
    expect(await table.get({ pk: "A", sk: "1" })).toBeDefined();
  });
});

describe("the change feed", () => {
  const parts = (handler: ChangeHandler) => {
    const { sql } = openDatabase(":memory:");
    const group = groupCommit(sql);
    const lines: string[] = [];
    const log = jsonLog((line) => lines.push(line), now);
    const letters = deadLetters({ sql, now, log });
    const feed = changeFeed({ sql, group, letters, log, pauses: { firstMs: 1, longestMs: 4 } });
    let id = 0;
    const table = sqliteTable({ sql, group, now, nextChangeId: () => ++id, feed });
    const put = (sk: string, number: number) => table.write([{ put: { pk: "A", sk, n: number, feed: "test" } }]);
    const left = () => sql.prepare("SELECT count(*) AS n FROM changes").get()?.["n"];
    feed.start(handler);
    return { feed, put, letters, lines, left };
  };
  const number = ({ item }: Change): number => Number(item["n"]);

  it("puts a change aside that failed ten times, says so, and goes on with the next of its item", async () => {
    const told: number[] = [];
    const { put, letters, lines, left } = parts(async (changes) => {
      told.push(...changes.map(number));
      return { failed: changes.filter((change) => number(change) === 1).map(({ id }) => id) };
    });
    await Promise.all([put("poison", 1), put("poison", 2), put("other", 3)]);
    await expect.poll(() => letters.list().length, soon).toBe(1);
    await expect.poll(left, soon).toBe(0);
    expect(letters.list()).toMatchObject([{ source: "feed", body: { pk: "A", sk: "poison", n: 1 } }]);
    expect(told.filter((one) => one === 1)).toHaveLength(10);
    expect(told.at(-1)).toBe(2);
    expect(told).toContain(3);
    expect(lines.filter((line) => line.includes('"level":"error"') && line.includes("dead-letter"))).toHaveLength(1);
  });

  it("finds the one change that breaks a whole batch, and loses none of the others", async () => {
    const done: number[] = [];
    const { put, letters, left } = parts(async (changes) => {
      if (changes.some((change) => number(change) === 7)) throw new TypeError("planned");
      done.push(...changes.map(number));
      return { failed: [] };
    });
    await Promise.all(Array.from({ length: 30 }, (_, i) => put(`item ${i}`, i)));
    await expect.poll(left, soon).toBe(0);
    expect(letters.list().map(({ body }) => (body as { n: number }).n)).toEqual([7]);
    expect(done.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 30 }, (_, i) => i).filter((i) => i !== 7));
  });

  it("waits as long as it takes while the store is away: that is no fault of a change", async () => {
    let away = 40;
    const done: number[] = [];
    const { put, letters, left } = parts(async (changes) => {
      if (away-- > 0) throw new AppError("unavailable", "STORE_UNAVAILABLE", { zh: "停", en: "away" });
      done.push(...changes.map(number));
      return { failed: [] };
    });
    await put("a", 1);
    await put("a", 2);
    await expect.poll(left, soon).toBe(0);
    expect(done).toEqual([1, 2]);
    expect(letters.list()).toEqual([]);
  });

  it("tells after a restart what was not done with, and nothing else", async () => {
    const data = newFolder();
    const first = start(data);
    const told: number[] = [];
    first.feed(async (changes) => {
      told.push(...changes.map(number));
      return { failed: changes.filter((change) => number(change) === 2).map(({ id }) => id) };
    });
    await first.table.write([1, 2, 3].map((i) => ({ put: { pk: "A", sk: `${i}`, n: i, feed: "test" } })));
    await expect.poll(() => told.length, soon).toBeGreaterThanOrEqual(3);
    await first.stop();
    const again: Change[] = [];
    start(data).feed(async (changes) => {
      again.push(...changes);
      return { failed: [] };
    });
    await expect.poll(() => again.map(number), soon).toEqual([2]);
    await pause(50);
    expect(again.map(number)).toEqual([2]);
  });

  it("tells each state of an item that was overwritten, removed or swept before it was told, also after a restart", async () => {
    const data = newFolder();
    const first = start(data);
    const put = (sk: string, n: number, more = {}) =>
      first.table.write([{ put: { pk: "A", sk, n, feed: "test", ...more } }]);
    await Promise.all([put("a", 1), put("a", 2)]);
    await put("a", 3, { version: 1 });
    await first.table.write([{ put: { pk: "A", sk: "a", silent: true }, if: { version: 1 } }]);
    await put("b", 4);
    await first.table.write([{ remove: { pk: "A", sk: "b" } }]);
    await put("b", 5);
    await put("counted", 6);
    await first.table.write([{ add: { pk: "A", sk: "counted" }, numbers: { n: 100 } }]);
    await put("swept", 7, { expiresAt: now().getTime() / 1000 + 1 });
    await put("expired", 8, { expiresAt: now().getTime() / 1000 + 1 });
    await put("long", 9, { text: "告".repeat(20_000) });
    await put("long", 10);
    clock = 2;
    await first.table.write([{ put: { pk: "A", sk: "expired" }, if: { absent: true } }]);
    await first.stop();
    const { sql, close } = openDatabase(data);
    sql.exec("DELETE FROM items WHERE sk = 'swept'");
    close();
    const told: number[] = [];
    start(data).feed(async (changes) => {
      told.push(...changes.map(number));
      return { failed: [] };
    });
    await expect.poll(() => told, soon).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
  });

  it("is not misled by what a refused write would have changed", async () => {
    const told: Change[] = [];
    const { sql, close } = openDatabase(":memory:");
    const group = groupCommit(sql);
    const feed = changeFeed({ sql, group, letters: deadLetters({ sql, now, log: silentLog }), log: silentLog });
    let id = 0;
    const table = sqliteTable({ sql, group, now, nextChangeId: () => ++id, feed });
    const put = (sk: string, n: number) => ({ put: { pk: "A", sk, n, feed: "test" }, if: { absent: true } as const });
    const results = await Promise.all([
      table.write([put("a", 1)]),
      table.write([put("b", 2), put("a", 3)]),
      table.write([put("a", 4)]),
      table.write([put("c", 5)]),
    ]);
    expect(results.map(({ ok }) => ok)).toEqual([true, false, false, true]);
    feed.start(async (changes) => {
      told.push(...changes);
      return { failed: [] };
    });
    await expect.poll(() => told.map(number), soon).toEqual([1, 5]);
    await feed.stop();
    close();
  });

  it("tells a revived dead letter again", async () => {
    const data = newFolder();
    const { sql, close } = openDatabase(data);
    const text = JSON.stringify({ pk: "A", sk: "1", n: 8, feed: "test" });
    deadLetters({ sql, now, log: silentLog }).put({ id: 1, source: "feed", reason: "tried too often", text });
    close();
    const platform = start(data);
    const told: number[] = [];
    platform.feed(async (changes) => {
      told.push(...changes.map(number));
      return { failed: [] };
    });
    const [letter] = platform.deadLetters();
    expect(letter).toMatchObject({ source: "feed", body: { n: 8 } });
    await pause(50);
    expect(told).toEqual([]);
    expect(await platform.revive(letter?.id ?? 0)).toBe(true);
    await expect.poll(() => told, soon).toEqual([8]);
    expect(await platform.revive(letter?.id ?? 0)).toBe(false);
  });
});

describe("workers of a queue", () => {
  const spec = QUEUES["deliver-webhook"];
  const queueOf = (platform: EmbeddedPlatform) => platform.queue("deliver-webhook");
  const bodies = (count: number) => Array.from({ length: count }, (_, i) => ({ body: { n: i } }));

  it("run at most so many at once, each with one message, and finish everything", async () => {
    const platform = start();
    let running = 0;
    let most = 0;
    const seen: number[] = [];
    const sizes: number[] = [];
    platform.consume(
      "deliver-webhook",
      async (messages) => {
        most = Math.max(most, ++running);
        sizes.push(messages.length);
        await pause(5);
        seen.push(...messages.map(n));
        running--;
        return { failed: [] };
      },
      { concurrency: 3 },
    );
    await queueOf(platform).send(bodies(40));
    await expect.poll(() => seen.length, soon).toBe(40);
    expect(most).toBe(3);
    expect(Math.max(...sizes)).toBe(1);
    expect(seen.toSorted((a, b) => a - b)).toEqual(bodies(40).map(({ body }) => body.n));
    clock = 10 * spec.visibilitySeconds;
    await pause(250);
    expect(seen).toHaveLength(40);
  });

  it("take more at once while some only wait for others, and no more than that", async () => {
    const platform = start();
    const seen: number[] = [];
    const { promise: end, resolve: go } = Promise.withResolvers<void>();
    platform.consume(
      "deliver-webhook",
      async (messages, call) => {
        seen.push(...messages.map(n));
        if (seen.length <= 3) {
          call?.waits();
          call?.waits();
        }
        await end;
        return { failed: [] };
      },
      { concurrency: 2 },
    );
    await queueOf(platform).send(bodies(40));
    await expect.poll(() => seen.length, soon).toBe(5);
    await pause(250);
    expect(seen).toHaveLength(5);
    go();
    await expect.poll(() => seen.length, soon).toBe(40);
  });

  it("get again, after its visibility and not before, what failed or whose handler broke", async () => {
    const platform = start();
    const seen: [number, number][] = [];
    platform.consume(
      "deliver-webhook",
      async (messages) => {
        seen.push(...messages.map((message): [number, number] => [n(message), message.receives]));
        if (messages.some((message) => n(message) === 2 && message.receives === 1)) throw new Error("planned");
        return { failed: messages.filter((message) => n(message) === 1 && message.receives < 3).map(({ id }) => id) };
      },
      { concurrency: 1 },
    );
    for (const number of [0, 1, 2]) await queueOf(platform).send([{ body: { n: number } }]);
    await expect.poll(() => seen.length, soon).toBe(3);
    clock += spec.visibilitySeconds - 1;
    await pause(250);
    expect(seen).toHaveLength(3);
    clock += 2;
    await expect.poll(() => seen.length, soon).toBe(5);
    clock += spec.visibilitySeconds + 1;
    await expect.poll(() => seen.length, soon).toBe(6);
    clock += spec.visibilitySeconds + 1;
    await pause(250);
    expect(seen.toSorted()).toEqual([
      [0, 1],
      [1, 1],
      [1, 2],
      [1, 3],
      [2, 1],
      [2, 2],
    ]);
  });

  it("put aside what breaks them every time, for a person to see and to send again", async () => {
    const lines: string[] = [];
    const platform = start(
      ":memory:",
      jsonLog((line) => lines.push(line), now),
    );
    let sick = true;
    let calls = 0;
    platform.consume(
      "deliver-webhook",
      async () => {
        calls++;
        if (sick) throw new Error("planned");
        return { failed: [] };
      },
      { concurrency: 1 },
    );
    await queueOf(platform).send([{ body: { n: 1 } }]);
    await expect
      .poll(
        () => {
          clock += spec.visibilitySeconds + 1;
          return platform.deadLetters().length;
        },
        { timeout: 10_000, interval: 20 },
      )
      .toBe(1);
    expect(calls).toBe(spec.receives);
    expect(platform.deadLetters()).toMatchObject([{ source: "deliver-webhook", body: { n: 1 } }]);
    expect(lines.some((line) => line.includes('"event":"dead-letter"'))).toBe(true);
    sick = false;
    expect(await platform.revive(platform.deadLetters()[0]?.id ?? 0)).toBe(true);
    expect(platform.deadLetters()).toEqual([]);
    await expect.poll(() => calls, soon).toBe(spec.receives + 1);
  });

  it("take a message within a few milliseconds of its sending", async () => {
    const platform = start();
    const taken: number[] = [];
    platform.consume(
      "fanout",
      async () => {
        taken.push(performance.now());
        return { failed: [] };
      },
      { concurrency: 1 },
    );
    await pause(20);
    const delays: number[] = [];
    for (let i = 0; i < 9; i++) {
      await platform.queue("fanout").send([{ body: {} }]);
      const sent = performance.now();
      await expect.poll(() => taken.length, { interval: 1, timeout: 1_000 }).toBe(i + 1);
      delays.push((taken[i] ?? 0) - sent);
    }
    expect(delays.toSorted((a, b) => a - b)[4]).toBeLessThan(10);
  });

  it("serve who came in between, after a restart and out of a delay too, not those first who have many", async () => {
    const data = newFolder();
    const first = start(data);
    const many = Array.from({ length: 300 }, (_, i) => ({ body: { n: i }, group: "many" }));
    await first.queue("fanout").send([...many, { body: { n: 1_000 }, group: "early" }]);
    await first.stop();
    const queue = start(data).queue("fanout");
    const one = async () => (await queue.receive({ max: 1, waitSeconds: 0, visibleAfterSeconds: 600 })).map(n)[0] ?? -1;
    const next = async (count: number) => {
      const found: number[] = [];
      while (found.length < count) found.push(await one());
      return found.filter((number) => number >= 300);
    };
    expect(await next(2)).toEqual([1_000]);
    await queue.send([
      { body: { n: 1_001 }, group: "late" },
      { body: { n: 1_002 }, group: "later", delaySeconds: 60 },
    ]);
    expect(await next(2)).toEqual([1_001]);
    expect(await next(20)).toEqual([]);
    clock = 61;
    await queue.send([{ body: { n: 1_003 } }]);
    expect((await next(3)).sort()).toEqual([1_002, 1_003]);
    clock = 700;
    const again = await next(6);
    expect(again.sort()).toEqual([1_000, 1_001, 1_002, 1_003]);
  });

  it("cannot end or postpone a message by a receipt from before somebody else took it", async () => {
    const queue = queueOf(start());
    const options = { max: 1, waitSeconds: 0, visibleAfterSeconds: 10 };
    await queue.send([{ body: { n: 1 } }]);
    const [old] = await queue.receive(options);
    clock += 11;
    const [current] = await queue.receive(options);
    expect(current).toMatchObject({ id: old?.id, receives: 2 });
    await queue.done([old?.receipt ?? ""]);
    await queue.postpone(old?.receipt ?? "", 0);
    expect(await queue.receive(options)).toEqual([]);
    clock += 11;
    expect(await queue.receive(options)).toMatchObject([{ id: old?.id, receives: 3 }]);
  });

  it("do not get before its time what its late worker postponed just now", async () => {
    const queue = start().queue("fanout");
    await queue.send([{ body: { n: 1 } }, { body: { n: 2 } }, { body: { n: 3 } }]);
    const late = await queue.receive({ max: 3, waitSeconds: 0, visibleAfterSeconds: 10 });
    clock += 11;
    const first = await queue.receive({ max: 1, waitSeconds: 0, visibleAfterSeconds: 600 });
    const postponed = late.find(({ id }) => id !== first[0]?.id);
    await queue.postpone(postponed?.receipt ?? "", 60);
    const rest = await queue.receive({ max: 3, waitSeconds: 0, visibleAfterSeconds: 600 });
    expect(rest.map(({ id }) => id)).toEqual(
      late.map(({ id }) => id).filter((id) => id !== first[0]?.id && id !== postponed?.id),
    );
    clock += 61;
    const last = await queue.receive({ max: 3, waitSeconds: 0, visibleAfterSeconds: 600 });
    expect(last.map(({ id }) => id)).toEqual([postponed?.id]);
  });

  it("have their messages back at once when the process before them ended without a word", async () => {
    const platform = start(newFolder());
    await queueOf(platform).send([{ body: { n: 1 } }]);
    const options = { max: 10, waitSeconds: 0, visibleAfterSeconds: 3_600 };
    expect(await queueOf(platform).receive(options)).toHaveLength(1);
    await pause(60);
    const asIfKilled = join(newFolder(), "copy");
    await platform.backup(asIfKilled);
    expect(await queueOf(start(asIfKilled)).receive(options)).toMatchObject([{ receives: 2, body: { n: 1 } }]);
  });

  it("have their messages back at once after the next start", async () => {
    const data = newFolder();
    const first = start(data);
    await queueOf(first).send([{ body: { n: 1 } }, { body: { n: 2 }, delaySeconds: 600 }]);
    const options = { max: 10, waitSeconds: 1, visibleAfterSeconds: 3_600 };
    expect(await queueOf(first).receive(options)).toMatchObject([{ receives: 1, body: { n: 1 } }]);
    await first.stop();
    const second = start(data);
    expect(await queueOf(second).receive(options)).toMatchObject([{ receives: 2, body: { n: 1 } }]);
    clock += 601;
    expect(await queueOf(second).receive(options)).toMatchObject([{ receives: 1, body: { n: 2 } }]);
  });
});

describe("stopping", () => {
  it("waits for what is in flight, takes nothing new, and refuses everything afterwards", async () => {
    const data = newFolder();
    const platform = start(data);
    const finished: number[] = [];
    let begun = 0;
    platform.consume(
      "fanout",
      async (messages) => {
        begun++;
        await pause(100);
        await platform.table.write([{ put: { pk: "DONE", sk: `${messages.map(n)}` } }]);
        finished.push(...messages.map(n));
        return { failed: [] };
      },
      { concurrency: 2 },
    );
    await platform.queue("fanout").send([1, 2, 3, 4, 5].map((number) => ({ body: { n: number } })));
    await expect.poll(() => begun, soon).toBe(2);
    await platform.stop(5);
    expect(finished.toSorted()).toEqual([1, 2]);
    expect(await platform.table.write([{ put: { pk: "A", sk: "1" } }]).catch(kindOf)).toBe("unavailable");
    expect(await platform.table.get({ pk: "A", sk: "1" }).catch(kindOf)).toBe("unavailable");
    expect(
      await platform
        .queue("fanout")
        .send([{ body: {} }])
        .catch(kindOf),
    ).toBe("unavailable");
    const options = { max: 10, waitSeconds: 0, visibleAfterSeconds: 60 };
    expect(await platform.queue("fanout").receive(options).catch(kindOf)).toBe("unavailable");
    expect(await platform.bucket.get("a/b").catch(kindOf)).toBe("unavailable");
    const next = start(data);
    expect((await next.queue("fanout").receive(options)).map(n)).toEqual([3, 4, 5]);
    expect((await next.table.query({ pk: "DONE" })).items).toHaveLength(2);
  });

  it("hands back what does not end in time", async () => {
    const data = newFolder();
    const platform = start(data);
    let begun = 0;
    platform.consume(
      "fanout",
      () => {
        begun++;
        return new Promise(() => {});
      },
      { concurrency: 1 },
    );
    await platform.queue("fanout").send([{ body: { n: 1 } }]);
    await expect.poll(() => begun, soon).toBe(1);
    const before = performance.now();
    await platform.stop(0.1);
    expect(performance.now() - before).toBeLessThan(2_000);
    const options = { max: 10, waitSeconds: 0, visibleAfterSeconds: 60 };
    expect((await start(data).queue("fanout").receive(options)).map(n)).toEqual([1]);
  });

  it("runs a repeated task never twice at once, survives its failure, and ends it", async () => {
    const platform = start();
    let running = 0;
    let most = 0;
    let turns = 0;
    platform.every(0.01, async () => {
      most = Math.max(most, ++running);
      turns++;
      await pause(35);
      running--;
      if (turns === 1) throw new Error("planned");
    });
    await expect.poll(() => turns, soon).toBeGreaterThanOrEqual(3);
    await platform.stop();
    expect(running).toBe(0);
    expect(most).toBe(1);
    const ended = turns;
    await pause(60);
    expect(turns).toBe(ended);
  });
});

describe("one folder", () => {
  it("belongs to one process; the next may have it after the stop", async () => {
    const data = newFolder();
    const first = start(data);
    expect(() => start(data)).toThrow("another process is using the data folder");
    await first.table.write([{ put: { pk: "A", sk: "1" } }]);
    await first.stop();
    expect(await start(data).table.get({ pk: "A", sk: "1" })).toEqual({ pk: "A", sk: "1" });
  });

  it("that a newer release wrote is refused, and left as it is", () => {
    const data = newFolder();
    const { sql, close } = openDatabase(data);
    sql.exec("PRAGMA user_version = 999");
    close();
    expect(() => openDatabase(data)).toThrow("DATA_NEWER");
    expect(() => openDatabase(data)).toThrow("DATA_NEWER");
  });

  it("that the release before wrote is brought over: its items, untold changes and messages in flight", async () => {
    const data = newFolder();
    const before = new DatabaseSync(join(data, "gaoshi.db"));
    before.exec(VERSION_1);
    before.close();
    for (let opened = 1; opened <= 2; opened++) {
      const platform = start(data);
      expect(await platform.table.get({ pk: "甲%23", sk: "a" })).toMatchObject({ n: 2, version: 2 });
      if (opened === 1) {
        await platform.stop();
        continue;
      }
      const told: Change[] = [];
      platform.feed(async (changes) => {
        told.push(...changes);
        return { failed: [] };
      });
      await expect.poll(() => told.map(({ item }) => item["n"]), soon).toEqual([1, 2]);
      const [message] = await platform.queue("fanout").receive({ max: 1, waitSeconds: 0, visibleAfterSeconds: 30 });
      expect(message).toMatchObject({ id: "7", body: { n: 5 }, receives: 2 });
      await platform.table.write([
        { put: { pk: "甲%23", sk: "a", n: 3, version: 3, feed: "test" }, if: { version: 2 } },
      ]);
      await expect.poll(() => told.length, soon).toBe(3);
    }
  });

  it("keeps the objects, and links that were signed before a restart still work", async () => {
    const data = newFolder();
    const first = start(data);
    await first.bucket.put("cases/1/a.txt", { bytes: Buffer.from("kept"), contentType: "text/plain" });
    await first.bucket.put("cases/1/a.txt", { bytes: Buffer.from("kept 2"), contentType: "text/plain" });
    const link = await first.bucket.signDownload({ key: "cases/1/a.txt", fileName: "a.txt", seconds: 60 });
    await first.stop();
    const answer = await start(data).objectDoor(new Request(link));
    expect(await answer?.text()).toBe("kept 2");
    expect(readdirSync(join(data, "objects/cases/1/a.txt"))).toHaveLength(1);
    expect(readdirSync(join(data, "objects/~unfinished"))).toEqual([]);
  });
});

describe("a backup", () => {
  it("taken while people write opens by itself, holds all from before, and nothing half written", async () => {
    const platform = start(newFolder());
    const copy = join(newFolder(), "copy");
    const pair = (i: number) => ["LEFT", "RIGHT"].map((pk) => ({ put: { pk, sk: `${i}`, body: "x".repeat(3_000) } }));
    for (let i = 0; i < 200; i++) await platform.table.write(pair(i));
    await platform.bucket.put("a/b", { bytes: Buffer.from("kept"), contentType: "text/plain" });
    let writing = true;
    let last = 200;
    const writer = (async () => {
      while (writing) await platform.table.write(pair(last++));
    })();
    await platform.backup(copy);
    writing = false;
    await writer;
    const restored = start(copy);
    const [left, right] = await Promise.all(
      ["LEFT", "RIGHT"].map(async (pk) => (await restored.table.query({ pk })).items.map(({ sk }) => sk)),
    );
    expect(left).toEqual(right);
    expect(left?.length).toBeGreaterThanOrEqual(200);
    expect(Buffer.from((await restored.bucket.get("a/b"))?.bytes ?? []).toString()).toBe("kept");
    expect(last).toBeGreaterThan(200);
  });

  it("of what is only in memory is refused", async () => {
    expect(await start().backup(newFolder()).catch(kindOf)).toBe("conflict");
  });
});

describe("the object door", () => {
  const signed = async (size: number) => {
    const platform = start();
    const link = await platform.bucket.signUpload({ key: "a/b", contentType: "image/png", size, seconds: 60 });
    const send = async (init: RequestInit & { duplex?: "half" }, url = link.url) => {
      const answer = await platform.objectDoor(new Request(url, init));
      const problem =
        answer?.headers.get("content-type") === "application/problem+json" ? await answer.json() : undefined;
      return { status: answer?.status, code: (problem as { code?: string } | undefined)?.code, problem, answer };
    };
    return { platform, link, send };
  };
  const png = { "content-type": "image/png" };

  it("says which header is missing or wrong, as problem details in the reader's language", async () => {
    const { send, link, platform } = await signed(5);
    const body = "12345";
    const length = { "content-length": "5" };
    expect(await send({ method: "PUT", headers: png, body })).toMatchObject({ status: 411, code: "LENGTH_REQUIRED" });
    expect(await send({ method: "PUT", headers: { ...length, "content-type": "text/html" }, body })).toMatchObject({
      status: 415,
    });
    const long = { ...png, "content-length": "6" };
    expect(await send({ method: "PUT", headers: long, body: "123456" })).toMatchObject({
      status: 413,
      code: "UPLOAD_SIZE",
    });
    expect(await send({ method: "PUT", headers: { ...png, ...length }, body: "1234" })).toMatchObject({ status: 400 });
    expect(await send({ method: "POST", headers: { ...png, ...length }, body })).toMatchObject({
      status: 405,
      code: "METHOD",
    });
    const forged = await send(
      { method: "PUT", headers: { ...png, ...length, "accept-language": "en" }, body },
      `${link.url}x`,
    );
    expect(forged).toMatchObject({
      status: 403,
      code: "LINK_INVALID",
      problem: { status: 403, detail: "this link is not valid" },
    });
    expect(await platform.bucket.head("a/b")).toBeUndefined();
    expect((await send({ method: "PUT", headers: { ...png, ...length }, body })).status).toBe(200);
  });

  it("breaks off a stream that is longer than it said, without reading it to its end", async () => {
    const { send, platform } = await signed(1_000);
    let pulled = 0;
    const body = new ReadableStream<Uint8Array>({
      pull: (controller) => {
        pulled++;
        if (pulled < 1_000) controller.enqueue(new Uint8Array(500));
        else controller.close();
      },
    });
    const init = { method: "PUT", headers: { ...png, "content-length": "1000" }, body, duplex: "half" as const };
    expect(await send(init)).toMatchObject({ status: 413 });
    expect(pulled).toBeLessThan(10);
    expect(await platform.bucket.head("a/b")).toBeUndefined();
  });

  it("sends objects as attachments that no browser runs, and leaves other paths to other doors", async () => {
    const { platform, send } = await signed(5);
    await platform.bucket.put("a/b", { bytes: Buffer.from("<svg onload=alert(1)>"), contentType: "image/svg+xml" });
    const url = await platform.bucket.signDownload({ key: "a/b", fileName: "图.svg", seconds: 60 });
    const { answer, status } = await send({}, url);
    expect(status).toBe(200);
    expect(answer?.headers.get("x-content-type-options")).toBe("nosniff");
    expect(answer?.headers.get("content-security-policy")).toBe("sandbox");
    expect(answer?.headers.get("content-disposition")).toMatch(/^attachment;/);
    const head = await send({ method: "HEAD" }, url);
    expect([head.status, await head.answer?.text()]).toEqual([200, ""]);
    expect(await send({ method: "DELETE" }, url)).toMatchObject({ status: 405 });
    clock += 61;
    expect(await send({}, url)).toMatchObject({ status: 403, code: "LINK_EXPIRED" });
    expect(await platform.objectDoor(new Request("https://gaoshi.example/announcements/1"))).toBeUndefined();
    expect(await send({}, "https://gaoshi.example/objects/")).toMatchObject({ status: 403 });
  });
});
