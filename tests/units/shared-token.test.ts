import { afterEach, beforeEach, expect, test } from "vitest";
import { type FetchedToken, sharedTokens, type TokenSource } from "#src/domain/deliveries/shared-token.ts";
import { silentLog } from "#src/log.ts";
import { embeddedPlatform } from "#src/platform/embedded/platform.ts";
import { keys } from "#src/platform/keys.ts";

let clock = 0;
const now = () => new Date(clock);
let platform: ReturnType<typeof embeddedPlatform>;
beforeEach(() => {
  clock = Date.parse("2026-03-02T02:00:00Z");
  platform = embeddedPlatform({ data: ":memory:", now, log: silentLog });
});
afterEach(() => platform.stop());

const wait = () => new Promise((resolve) => setTimeout(resolve, 1));
const process = () => sharedTokens({ table: platform.table, now, wait });

/** A vendor that gives `t1`, `t2`, …; `stands`: hands out the same one until it is forced. */
function vendor(options: { seconds?: number; stands?: boolean; delayMs?: number } = {}) {
  const state = { asked: 0, forced: 0, number: 1 };
  const give = async (): Promise<FetchedToken> => {
    if (options.delayMs) await new Promise((resolve) => setTimeout(resolve, options.delayMs));
    return { token: `t${state.number}`, seconds: options.seconds ?? 7200 };
  };
  const source: TokenSource = {
    credential: "account:1",
    fetch: () => {
      state.asked++;
      if (!options.stands) state.number = state.asked;
      return give();
    },
    force: () => {
      state.forced++;
      state.number++;
      return give();
    },
  };
  return { source, state };
}

test("a hundred pushes of four processes ask for a token once", async () => {
  const { source, state } = vendor({ delayMs: 20 });
  const processes = [process(), process(), process(), process()];
  const answers = await Promise.all(Array.from({ length: 100 }, (_, i) => processes[i % 4]?.(source)));
  expect(new Set(answers.map((answer) => JSON.stringify(answer)))).toEqual(new Set(['{"token":"t1"}']));
  expect(state.asked).toBe(1);
  expect(await process()(source)).toEqual({ token: "t1" });
  expect(state.asked).toBe(1);
});

test("a token is renewed while five minutes of it are left, by one, and the others go on with the old one", async () => {
  const { source, state } = vendor({ delayMs: 20 });
  const [one, two] = [process(), process()];
  await one(source);
  clock += 6899 * 1000;
  expect(await one(source)).toEqual({ token: "t1" });
  clock += 2 * 1000;
  const both = await Promise.all([one(source), two(source)]);
  expect(both.map((answer) => "token" in answer && answer.token).sort()).toEqual(["t1", "t2"]);
  expect(state.asked).toBe(2);
});

test("a token that the vendor refuses is renewed once for everybody who had it", async () => {
  const { source, state } = vendor();
  const processes = [process(), process(), process()];
  for (const tokens of processes) await tokens(source);
  const answers = await Promise.all(processes.map((tokens) => tokens(source, "t1")));
  expect(answers).toEqual([{ token: "t2" }, { token: "t2" }, { token: "t2" }]);
  expect(state.asked).toBe(2);
  // Somebody comes late with the old refusal: the new token is not thrown away.
  expect(await process()(source, "t1")).toEqual({ token: "t2" });
  expect(state.asked).toBe(2);
});

test("a vendor that hands out what it refuses is forced, at most every 30 seconds and twenty times a day", async () => {
  const { source, state } = vendor({ stands: true });
  const tokens = process();
  await tokens(source);
  expect(await tokens(source, "t1")).toEqual({ token: "t2" });
  expect(state.forced).toBe(1);
  expect(await tokens(source, "t2")).toMatchObject({ fault: { kind: "retry", retryAfterSeconds: 60 } });
  expect(state.forced).toBe(1);
  for (let i = 0; i < 40; i++) {
    clock += 31_000;
    const last = `t${state.number}`;
    await tokens(source, last);
  }
  expect(state.forced).toBe(20);
  clock += 86_400_000;
  expect(await tokens(source, "t21")).toEqual({ token: "t22" });
});

test("a vendor without such a call is not forced, and the push comes back later", async () => {
  const { source, state } = vendor({ stands: true });
  const tokens = process();
  await tokens(source);
  const { force: _, ...plain } = source;
  expect(await tokens(plain, "t1")).toMatchObject({ fault: { kind: "retry" } });
  expect(state.asked).toBe(2);
});

test("a refusal is the same for everybody for ten seconds, then the vendor is asked again", async () => {
  let asked = 0;
  const fault = { kind: "retry", detail: "errcode 40125", pause: { seconds: 600, because: "configuration" } } as const;
  const source: TokenSource = {
    credential: "account:2",
    fetch: async () => (++asked < 3 ? { fault } : { token: "good", seconds: 7200 }),
  };
  for (let i = 0; i < 5; i++) expect(await process()(source)).toEqual({ fault });
  expect(asked).toBe(1);
  clock += 11_000;
  expect(await process()(source)).toEqual({ fault });
  clock += 11_000;
  expect(await process()(source)).toEqual({ token: "good" });
});

test("a worker that dies over the question holds nobody up for longer than its claim", async () => {
  const dead: TokenSource = { credential: "account:1", fetch: () => new Promise(() => {}) };
  void process()(dead);
  await expect.poll(() => platform.table.get(keys.sharedToken("account:1"))).toBeDefined();
  const { source } = vendor();
  const waiting = process()(source);
  await wait();
  clock += 16_000;
  expect(await waiting).toEqual({ token: "t1" });
});

test("a vendor that cannot be reached, or an answer that breaks off, leaves the old token in use while it is good", async () => {
  const { source } = vendor();
  await process()(source);
  clock += 7000 * 1000;
  const broken: TokenSource = {
    credential: "account:1",
    fetch: async () => {
      throw new Error("broken");
    },
  };
  expect(await process()(broken)).toEqual({ token: "t1" });
  clock += 300 * 1000;
  expect(await process()(broken)).toMatchObject({ fault: { kind: "retry" } });
  expect(await process()(source)).toMatchObject({ fault: { kind: "retry" } });
  clock += 11_000;
  expect(await process()(source)).toMatchObject({ token: "t2" });
});

test("tokens that are nearly over when they are given do not make every push ask", async () => {
  const { source, state } = vendor({ seconds: 120 });
  const tokens = process();
  for (let i = 0; i < 20; i++) await tokens(source);
  expect(state.asked).toBe(1);
});
