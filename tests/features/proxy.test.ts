import { afterAll, beforeAll, expect, it } from "vitest";
import { POLICIES } from "#src/web/limits.ts";
import { openWorld, type TestWorld } from "#tests/world.ts";

const worlds: TestWorld[] = [];
let behind: TestWorld;
let open: TestWorld;
const lines: string[] = [];

beforeAll(async () => {
  const now = () => new Date("2026-03-02T02:00:00.000Z");
  const log = {
    info: () => {},
    warn: (event: string) => {
      lines.push(event);
    },
    error: () => {},
  };
  behind = await openWorld({ now, log, env: { GAOSHI_TRUSTED_PROXIES: "127.0.0.0/8, 10.0.0.0/8" } });
  open = await openWorld({ now, log });
  worlds.push(behind, open);
});
afterAll(() => Promise.all(worlds.map((world) => world.close())));

async function guesses(world: TestWorld, forwarded: string, count: number): Promise<number[]> {
  const statuses: number[] = [];
  for (let i = 0; i < count; i++) {
    const answer = await world.fetch("/api/v1/cases/status", {
      method: "POST",
      headers: { "content-type": "application/json", "x-forwarded-for": forwarded },
      body: JSON.stringify({ number: "20260901-7K3M9Q2X4T", secret: `${i}` }),
    });
    statuses.push(answer.status);
  }
  return statuses;
}

it("behind a trusted proxy each stranger has a window of its own, and cannot leave it by claiming other addresses", async () => {
  const { count } = POLICIES.guesses;
  expect((await guesses(behind, "203.0.113.1, 10.0.0.2", count + 1)).at(-1)).toBe(429);
  expect(await guesses(behind, "198.51.100.9, 203.0.113.1", 1)).toEqual([429]);
  expect(await guesses(behind, "203.0.113.2", 1)).not.toEqual([429]);
  expect(lines).not.toContain("proxy-not-trusted");
});

it("without the setting all who come through a proxy share one, and the log says once what to set", async () => {
  const { count } = POLICIES.guesses;
  await guesses(open, "203.0.113.1", count);
  expect(await guesses(open, "203.0.113.2", 1)).toEqual([429]);
  expect(lines.filter((event) => event === "proxy-not-trusted")).toHaveLength(1);
});
