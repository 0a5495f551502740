import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { afterAll, describe, expect, it } from "vitest";
import { silentLog } from "#src/log.ts";
import { embeddedPlatform } from "#src/platform/embedded/platform.ts";

const data = mkdtempSync(join(tmpdir(), "gaoshi-crash-"));
const open = () => embeddedPlatform({ data, now: () => new Date(), log: silentLog });
const children: ChildProcess[] = [];
afterAll(() => {
  for (const child of children) child.kill("SIGKILL");
  rmSync(data, { recursive: true, force: true });
});

/** Lets a writer run until it has acknowledged so many lines, does `meanwhile`, kills it, and answers what it said. */
async function killedAfter(lines: number, round: string, meanwhile: () => void = () => {}): Promise<string[]> {
  const writer = join(import.meta.dirname, "crash-writer.ts");
  const child = spawn(process.execPath, [writer, data, round], { stdio: ["ignore", "pipe", "inherit"] });
  children.push(child);
  const said: string[] = [];
  for await (const line of createInterface({ input: child.stdout })) {
    if (said.push(line) !== lines) continue;
    meanwhile();
    child.kill("SIGKILL");
  }
  expect(said.length).toBeGreaterThanOrEqual(lines);
  return said;
}

const ids = (said: string[], word: string): string[] =>
  said.filter((line) => line.startsWith(`${word} `)).map((line) => line.slice(word.length + 1));

describe("a process that is killed with -9 while it writes", () => {
  it("has lost nothing that it acknowledged and left nothing half written", async () => {
    const written: string[] = [];
    const sent: string[] = [];
    for (const [round, lines] of [37, 500, 1_203, 3_001, 1].entries()) {
      const said = await killedAfter(lines, `round${round}`, () => {
        expect(open).toThrow("DATA_IN_USE");
      });
      written.push(...ids(said, "written"));
      sent.push(...ids(said, "sent"));
      const platform = open();
      const keys = written.flatMap((id) => [`LEFT#${id}`, `RIGHT#${id}`].map((pk) => ({ pk, sk: "ITEM" })));
      const items = await platform.table.getMany(keys);
      expect(items.every((item) => typeof item?.["body"] === "string" && item["body"].length === 2_000)).toBe(true);
      await platform.stop();
    }
    expect(written.length).toBeGreaterThan(1_000);

    const platform = open();
    const told: string[] = [];
    platform.feed(async (changes) => {
      told.push(...changes.map(({ item }) => item.pk.slice("LEFT#".length)));
      return { failed: [] };
    });
    const received: string[] = [];
    platform.consume(
      "fanout",
      async (messages) => {
        received.push(...messages.map(({ body }) => (body as { id: string }).id));
        return { failed: [] };
      },
      { concurrency: 4 },
    );
    await expect.poll(() => sent.filter((id) => !received.includes(id)), { timeout: 20_000 }).toEqual([]);
    await expect.poll(() => written.filter((id) => !told.includes(id)), { timeout: 20_000 }).toEqual([]);
    expect(new Set(told).size).toBe(told.length);
    expect(new Set(received).size).toBe(received.length);

    for (const id of told) {
      const pair = await platform.table.getMany([
        { pk: `LEFT#${id}`, sk: "ITEM" },
        { pk: `RIGHT#${id}`, sk: "ITEM" },
      ]);
      expect(pair.map((item) => typeof item)).toEqual(["object", "object"]);
    }
    const counters = await platform.table.query({ pk: "COUNTER" });
    const counted = counters.items.reduce((sum, { n }) => sum + Number(n), 0);
    expect(counted).toBe(told.length);
    await platform.stop();
  }, 120_000);
});
