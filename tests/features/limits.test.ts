import { afterAll, beforeAll, expect, it } from "vitest";
import type { Table } from "#src/platform/table.ts";
import { type Route, route } from "#src/web/api/route.ts";
import { createApp } from "#src/web/app.ts";
import { addressGroup, POLICIES } from "#src/web/limits.ts";
import { ADMIN, type Ask, askOf, testApp } from "#tests/app.ts";

const said = { zh: "试验", en: "trial" };

function trials(): Route[] {
  const common = { who: "public", tag: "units", summary: said, answers: { 204: null } } as const;
  return [
    route({ ...common, method: "post", path: "/knocks" }, () => ({ status: 204 })),
    route({ ...common, method: "get", path: "/knocks" }, () => ({ status: 204 })),
    route({ ...common, method: "post", path: "/tries", limit: "guesses" }, () => ({ status: 204 })),
  ];
}

let world: ReturnType<typeof testApp>;
let address = "192.0.2.1";
const writes: string[] = [];

const remoteAddress = () => address;

beforeAll(() => {
  const { platform, clock } = testApp();
  const table: Table = {
    ...platform.table,
    write(all) {
      writes.push(JSON.stringify(all));
      return platform.table.write(all);
    },
  };
  world = testApp({ clock, table, routes: trials, remoteAddress });
});
afterAll(() => world.platform.stop());

async function knocks(ask: Ask, count: number, headers: Record<string, string> = {}): Promise<number[]> {
  const statuses: number[] = [];
  for (let i = 0; i < count; i++) statuses.push((await ask("POST", "/api/v1/knocks", { headers })).status);
  return statuses;
}

it("stops a stranger after so many requests, says until when, and lets others pass", async () => {
  address = "192.0.2.10";
  const { count } = POLICIES.strangers;
  expect(new Set(await knocks(world.ask, count))).toEqual(new Set([204]));
  const over = await world.ask("POST", "/api/v1/knocks");
  expect([over.status, (over.json() as { code: string }).code]).toEqual([429, "TOO_MANY"]);
  expect(Number(over.headers.get("retry-after"))).toBeGreaterThan(0);
  expect(over.headers.get("ratelimit-policy")).toBe(`"strangers";q=${count};w=60`);
  expect(over.headers.get("ratelimit")).toMatch(/^"strangers";r=0;t=\d+$/);
  expect((await world.ask("GET", "/api/v1/knocks")).status).toBe(204);
  address = "192.0.2.11";
  expect(await knocks(world.ask, 1)).toEqual([204]);
  address = "192.0.2.10";
  world.clock.pass(Number(over.headers.get("retry-after")));
  expect(await knocks(world.ask, 1)).toEqual([204]);
});

it("counts on every limited answer", async () => {
  address = "192.0.2.20";
  const first = await world.ask("POST", "/api/v1/tries");
  const second = await world.ask("POST", "/api/v1/tries");
  const left = [first, second].map(({ headers }) => /r=(\d+)/.exec(headers.get("ratelimit") ?? "")?.[1]);
  expect(left).toEqual([`${POLICIES.guesses.count - 1}`, `${POLICIES.guesses.count - 2}`]);
});

it("does not widen for addresses that a header claims", async () => {
  address = "192.0.2.30";
  const statuses: number[] = [];
  for (let i = 0; i <= POLICIES.strangers.count; i++)
    statuses.push(
      ...(await knocks(world.ask, 1, {
        "x-forwarded-for": `198.51.100.${i}`,
        "x-real-ip": `198.51.100.${i}`,
        forwarded: `for=198.51.100.${i}`,
        "cf-connecting-ip": `198.51.100.${i}`,
      })),
    );
  expect(statuses.at(-1)).toBe(429);
});

it("adds up over processes", async () => {
  address = "192.0.2.40";
  const { count, step } = POLICIES.strangers;
  const elsewhere = askOf(createApp(world.deps, trials));
  const first = await knocks(world.ask, count / 2);
  const second = await knocks(elsewhere, count);
  const passed = [...first, ...second].filter((status) => status === 204).length;
  expect(passed).toBeGreaterThanOrEqual(count);
  expect(passed).toBeLessThanOrEqual(count + step);
  expect(second.at(-1)).toBe(429);
});

it("does not limit an admin, and writes to the store once in many requests of a token", async () => {
  address = "192.0.2.50";
  expect(new Set(await knocks(world.ask, 100, { authorization: `Bearer ${ADMIN}` }))).toEqual(new Set([204]));
  const policies = { tokens: { count: 30, seconds: 60, step: 10 } };
  const tight = testApp({ ...world.deps, clock: world.clock, policies });
  const body = { name: "Clerk", roles: ["clerk"] };
  const { token } = (await tight.ask("POST", "/api/v1/tokens", { token: ADMIN, body })).json() as { token: string };
  writes.length = 0;
  const statuses: number[] = [];
  for (let i = 0; i < 40; i++) statuses.push((await tight.ask("GET", "/api/v1/units", { token })).status);
  expect(statuses.filter((status) => status === 200)).toHaveLength(30);
  expect(statuses.slice(30)).toEqual(Array(10).fill(429));
  expect(writes).toHaveLength(3);
  await tight.platform.stop();
});

it("limits those who try tokens", async () => {
  address = "192.0.2.60";
  const statuses: number[] = [];
  for (let i = 0; i <= POLICIES.guesses.count; i++)
    statuses.push((await world.ask("POST", "/api/v1/knocks", { token: `gst_${i}` })).status);
  expect(statuses[0]).toBe(401);
  expect(statuses.at(-1)).toBe(429);
});

it("keeps no address in the store", async () => {
  address = "203.0.113.77";
  writes.length = 0;
  await knocks(world.ask, POLICIES.strangers.step);
  expect(writes.length).toBeGreaterThan(0);
  expect(writes.join()).not.toContain("203.0.113.77");
});

it("counts a whole IPv6 network as one stranger", () => {
  expect(addressGroup("2001:db8:1:2:3:4:5:6")).toBe(addressGroup("2001:0db8:1:2::1"));
  expect(addressGroup("2001:db8:1:2::1")).not.toBe(addressGroup("2001:db8:1:3::1"));
  expect(addressGroup("::1")).toBe(addressGroup("0:0:0:0:0:0:0:2"));
  expect(addressGroup("fe80::1%eth0")).toBe(addressGroup("fe80::2"));
  expect(addressGroup("::ffff:192.0.2.1")).toBe("192.0.2.1");
  expect(addressGroup("192.0.2.1")).toBe("192.0.2.1");
});
