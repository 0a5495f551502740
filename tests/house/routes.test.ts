import { afterAll, beforeAll, expect, it } from "vitest";
import { ROLES, type Role } from "#src/domain/members/member.ts";
import { createToken } from "#src/domain/members/tokens.ts";
import type { PlainDeps } from "#src/web/api/deps.ts";
import type { RouteSpec } from "#src/web/api/route.ts";
import { apiRoutes } from "#src/web/api/routes.ts";
import { testApp } from "#tests/app.ts";

/** contract: what anybody may call without a credential. Another line here is a decision, not a convenience. */
const PUBLIC = [
  "get /annual-reports",
  "get /annual-reports/{id}",
  "get /announcements",
  "get /announcements/{id}",
  "get /columns",
  "get /columns/{slug}",
  "get /status",
  "get /units",
  "get /units/{id}",
  "get /push-key",
  "post /cases",
  "post /cases/status",
  "post /subscriptions",
  "post /subscriptions/{id}/confirm",
];

const specs = (await apiRoutes({ channels: async () => ({}) } as PlainDeps)).map(({ spec }) => spec);
const nameOf = ({ method, path }: RouteSpec) => `${method} ${path}`;
const guarded = specs.filter((spec) => spec.who !== "public");

let world: ReturnType<typeof testApp>;
beforeAll(() => {
  world = testApp({ policies: { guesses: { count: 1000, seconds: 60, step: 1000 } } });
});
afterAll(() => world.platform.stop());

async function call({ method, path }: RouteSpec, token?: string): Promise<number> {
  const place = `/api/v1${path.replace(/\{\w+\}/g, "x-1")}`;
  return (await world.ask(method.toUpperCase(), place, token === undefined ? {} : { token })).status;
}

it("lets nobody in without a credential except where the public list says so", async () => {
  expect(specs.length).toBeGreaterThan(8);
  const open = specs.filter((spec) => spec.who === "public").map(nameOf);
  expect(open.filter((name) => !PUBLIC.includes(name))).toEqual([]);
  for (const spec of guarded) expect([nameOf(spec), await call(spec)]).toEqual([nameOf(spec), 401]);
});

it("refuses a credential that nobody gave out, on every call", async () => {
  for (const spec of specs.filter(({ who }) => who !== "holder"))
    expect([nameOf(spec), await call(spec, "gst_never-given-out")]).toEqual([nameOf(spec), 401]);
});

it("refuses every role that a call does not name, before it looks at anything else", async () => {
  const tokens = new Map<Role, string>();
  const caller = { id: "admin", name: "admin", roles: ["admin" as const] };
  for (const role of ROLES) {
    const { secret } = await createToken(world.deps, { caller, token: { name: role, roles: [role] } });
    tokens.set(role, secret);
  }
  let refused = 0;
  for (const spec of guarded) {
    if (typeof spec.who === "string") continue;
    for (const [role, token] of tokens) {
      const allowed = role === "admin" || spec.who.includes(role);
      const status = await call(spec, token);
      expect([nameOf(spec), role, status === 403]).toEqual([nameOf(spec), role, !allowed]);
      if (!allowed) refused++;
    }
  }
  expect(refused).toBeGreaterThan(20);
});

it("names every call once, in words both languages have", () => {
  expect(new Set(specs.map(nameOf)).size).toBe(specs.length);
  for (const { summary } of specs) {
    expect(summary.zh).toMatch(/\p{Script=Han}/u);
    expect(summary.en).toMatch(/^[\x20-\x7e]+$/);
  }
});

it("takes an Idempotency-Key on every POST that creates", () => {
  const creating = specs.filter(({ method, answers }) => method === "post" && ("201" in answers || "202" in answers));
  for (const spec of creating) expect([nameOf(spec), spec.creates]).toEqual([nameOf(spec), true]);
});
