import { afterAll, beforeAll, expect, it } from "vitest";
import { createSignInLink, readSession, readSignInLink, signIn, signOut } from "#src/domain/members/sign-in.ts";
import type { LogFields } from "#src/log.ts";
import { createApp } from "#src/web/app.ts";
import { checkOrigin, sessionCookie, signedIn } from "#src/web/auth.ts";
import { ADMIN, type Ask, askOf, testApp } from "#tests/app.ts";

let world: ReturnType<typeof testApp>;
let ask: Ask;

beforeAll(() => {
  world = testApp();
  ask = world.ask;
});
afterAll(() => world.platform.stop());

const EDITOR = { name: "Editor of Qiaotou", roles: ["editor"], unitId: "qiaotou" };

type Made = { id: string; token: string };

async function make(body: unknown = EDITOR): Promise<Made> {
  return (await ask("POST", "/api/v1/tokens", { token: ADMIN, body })).json() as Made;
}

it("makes a token that is shown once and listed without its secret", async () => {
  const made = await ask("POST", "/api/v1/tokens", { token: ADMIN, body: EDITOR });
  expect(made.status).toBe(201);
  const { id, token } = made.json() as Made;
  expect(id).toMatch(/^tok_/);
  expect(token).toMatch(/^gst_[A-Za-z0-9_-]{43}$/);
  expect(made.headers.get("cache-control")).toBe("no-store");
  const list = await ask("GET", "/api/v1/tokens", { token: ADMIN });
  expect(list.text).toContain(id);
  expect(list.text).not.toContain(token);
  expect(list.text).not.toContain("hash");
});

it("stores no token that could be presented", async () => {
  const { token } = (
    await ask("POST", "/api/v1/tokens", { token: ADMIN, body: EDITOR, headers: { "idempotency-key": "k".repeat(16) } })
  ).json() as Made;
  const written: string[] = [];
  const { table } = world.deps;
  const write: typeof table.write = (writes) => {
    written.push(JSON.stringify(writes));
    return table.write(writes);
  };
  const spy = testApp({ table: { ...table, write } });
  const made = await spy.ask("POST", "/api/v1/tokens", {
    token: ADMIN,
    body: EDITOR,
    headers: { "idempotency-key": "l".repeat(16) },
  });
  const { token: second } = made.json() as Made;
  expect(second).not.toBe(token);
  expect(written).toHaveLength(1);
  expect(written.join()).not.toContain(second);
  await spy.platform.stop();
});

it("records who made and ended tokens, in lines without secrets", async () => {
  const lines: string[] = [];
  const record = (event: string, fields?: LogFields) => lines.push(JSON.stringify({ event, ...fields }));
  const app = testApp({ log: { info: record, warn: record, error: record } });
  const made = (await app.ask("POST", "/api/v1/tokens", { token: ADMIN, body: EDITOR })).json() as Made;
  await app.ask("DELETE", `/api/v1/tokens/${made.id}`, { token: ADMIN });
  await app.ask("DELETE", `/api/v1/tokens/${made.id}`, { token: ADMIN });
  expect(lines).toEqual([
    '{"event":"acted","route":"post /tokens","actor":"admin","outcome":"201"}',
    `{"event":"acted","route":"delete /tokens/{id}","actor":"admin","outcome":"204","id":"${made.id}"}`,
    `{"event":"acted","route":"delete /tokens/{id}","actor":"admin","outcome":"NOT_FOUND","id":"${made.id}"}`,
  ]);
  await app.platform.stop();
});

it("lets a token do what its roles allow and nothing else", async () => {
  const { token } = await make();
  expect((await ask("PUT", "/api/v1/units/qiaotou", { token, body: { name: "桥头镇" } })).status).toBe(403);
  expect((await ask("GET", "/api/v1/units", { token })).status).toBe(200);
});

it("lets an admin of one unit do everything in it, and administer nothing", async () => {
  const { token } = await make({ name: "Head of Qiaotou", roles: ["admin"], unitId: "qiaotou" });
  const calls: [string, string, unknown?][] = [
    ["POST", "/tokens", { name: "everything", roles: ["admin"] }],
    ["GET", "/tokens"],
    ["DELETE", "/tokens/tok_1"],
    ["PUT", "/units/elsewhere", { name: "别的单位" }],
    ["PUT", "/columns/news", {}],
    ["GET", "/subscriptions/sub_1"],
    ["POST", "/annual-reports/rep_1/accept", {}],
  ];
  for (const [method, path, body] of calls)
    expect([path, (await ask(method, `/api/v1${path}`, { token, body })).status]).toEqual([path, 403]);
  expect((await ask("GET", "/api/v1/desk", { token })).status).toBe(200);
});

it("asks for a credential, and says how", async () => {
  const none = await ask("GET", "/api/v1/tokens");
  expect(none.status).toBe(401);
  expect(none.headers.get("www-authenticate")).toBe('Bearer realm="gaoshi"');
  for (const authorization of ["Basic Zm9v", "Bearer", "Bearer ", `Bearer gst_${"x".repeat(43)}`, "Bearer a b"])
    expect((await ask("GET", "/api/v1/tokens", { headers: { authorization } })).status, authorization).toBe(401);
});

it("refuses an unknown token on public calls as well", async () => {
  expect((await ask("GET", "/api/v1/units", { token: "gst_unknown" })).status).toBe(401);
});

it("takes no token from an address", async () => {
  const { token } = await make({ name: "Admin", roles: ["admin"] });
  for (const name of ["token", "access_token"]) {
    const answer = await ask("GET", `/api/v1/units?${name}=${token}`);
    expect([answer.status, (answer.json() as { code: string }).code]).toEqual([400, "TOKEN_IN_QUERY"]);
    expect((await ask("GET", `/api/v1/tokens?${name}=${token}`)).status).toBe(401);
  }
});

it("ends a revoked token at once here, and within 60 seconds on other machines", async () => {
  const elsewhere = askOf(createApp(world.deps));
  const { id, token } = await make({ name: "Publisher", roles: ["admin"] });
  expect((await ask("GET", "/api/v1/tokens", { token })).status).toBe(200);
  expect((await elsewhere("GET", "/api/v1/tokens", { token })).status).toBe(200);
  expect((await ask("DELETE", `/api/v1/tokens/${id}`, { token: ADMIN })).status).toBe(204);
  expect((await ask("GET", "/api/v1/tokens", { token })).status).toBe(401);
  world.clock.pass(31);
  expect((await elsewhere("GET", "/api/v1/tokens", { token })).status).toBe(401);
  expect((await ask("DELETE", `/api/v1/tokens/${id}`, { token: ADMIN })).status).toBe(404);
});

it("names every fault of a token that cannot be made", async () => {
  const answer = await ask("POST", "/api/v1/tokens", {
    token: ADMIN,
    body: { name: " ", roles: ["editor", "emperor"], unitId: "No", hash: "x" },
  });
  expect(answer.status).toBe(422);
  const { errors } = answer.json() as { errors: { pointer: string; code: string }[] };
  expect(errors.map(({ pointer, code }) => [pointer, code])).toEqual([
    ["/name", "NAME_LENGTH"],
    ["/roles/1", "VALUE"],
    ["/unitId", "UNIT_ID"],
    ["/hash", "UNKNOWN_KEY"],
  ]);
});

it("pages through tokens by cursors that work for this list only", async () => {
  for (let i = 0; i < 3; i++) await make();
  const seen = new Set<string>();
  let path: string | undefined = "/api/v1/tokens?limit=2";
  while (path) {
    const page = (await ask("GET", path, { token: ADMIN })).json() as { items: Made[]; next?: string };
    for (const { id } of page.items) {
      expect(seen.has(id)).toBe(false);
      seen.add(id);
    }
    path = page.next && `/api/v1/tokens?limit=2&cursor=${page.next}`;
  }
  expect(seen.size).toBeGreaterThan(5);
  const { next = "" } = (await ask("GET", "/api/v1/tokens?limit=1", { token: ADMIN })).json() as { next?: string };
  const bad = [next.slice(0, -2), `${next.slice(0, -1)}${next.endsWith("A") ? "B" : "A"}`, "", "AAAA", `${next}=`];
  for (const cursor of bad) {
    const answer = await ask("GET", `/api/v1/tokens?cursor=${cursor}`, { token: ADMIN });
    expect([answer.status, (answer.json() as { code: string }).code], cursor).toEqual([400, "CURSOR"]);
  }
  expect((await ask("GET", `/api/v1/units?cursor=${next}`, { token: ADMIN })).status).toBe(400);
  expect((await ask("GET", `/api/v1/units?cursor=${next}`)).status).toBe(400);
});

it("gives one unit's cursor to no other unit", async () => {
  for (const id of ["qiaotou", "hexi"])
    await ask("PUT", `/api/v1/units/${id}`, { token: ADMIN, body: { name: `${id}镇人民政府` } });
  const here = (await make()).token;
  const there = (await make({ ...EDITOR, unitId: "hexi" })).token;
  const { next } = (await ask("GET", "/api/v1/units?limit=1", { token: here })).json() as { next: string };
  expect((await ask("GET", `/api/v1/units?cursor=${next}`, { token: here })).status).toBe(200);
  for (const token of [there, ADMIN])
    expect((await ask("GET", `/api/v1/units?cursor=${next}`, { token })).status).toBe(400);
});

it("signs in by a link that works once, and only for a while", async () => {
  const { deps, clock } = world;
  const { secret } = await createSignInLink(deps, { memberName: "王芳", roles: ["editor"] });
  expect(await readSignInLink(deps, secret)).toEqual({ memberName: "王芳" });
  expect(await readSignInLink(deps, secret)).toEqual({ memberName: "王芳" });
  const both = await Promise.allSettled([signIn(deps, secret), signIn(deps, secret)]);
  expect(both.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
  await expect(signIn(deps, secret)).rejects.toMatchObject({ code: "LINK_OVER" });

  const late = await createSignInLink(deps, { memberName: "王芳", roles: ["editor"] });
  const first = await createSignInLink(deps, { memberName: "管理员", roles: ["admin"], until: "used" });
  clock.pass(15 * 60 + 1);
  await expect(signIn(deps, late.secret)).rejects.toMatchObject({ code: "LINK_OVER" });
  expect((await signIn(deps, first.secret)).caller.roles).toEqual(["admin"]);
});

it("keeps a console session for eight hours or until it is left, in a cookie that scripts cannot read", async () => {
  const { deps, clock } = world;
  const { secret } = await createSignInLink(deps, { memberName: "王芳", roles: ["admin"] });
  const { session } = await signIn(deps, secret);
  const cookie = sessionCookie(deps.config, session);
  expect(cookie).toBe(`gaoshi=${session}; Path=/; Max-Age=28800; HttpOnly; SameSite=Lax`);
  expect(sessionCookie({ baseUrl: "https://gov.example" }, session)).toMatch(/^__Host-gaoshi=.*; Path=\/;.*; Secure$/);
  const request = new Request("http://x/", { headers: { cookie: `a=b; gaoshi=${session}` } });
  expect((await signedIn(deps, request))?.name).toBe("王芳");
  expect((await ask("GET", "/api/v1/tokens", { headers: { cookie: `gaoshi=${session}` } })).status).toBe(401);
  clock.pass(8 * 3600 + 1);
  expect(await signedIn(deps, request)).toBeUndefined();

  const again = await signIn(deps, (await createSignInLink(deps, { memberName: "王芳", roles: ["editor"] })).secret);
  await signOut(deps, again.session);
  expect(await readSession(deps, again.session)).toBeUndefined();
});

it("takes a console form only from its own pages", () => {
  const config = { baseUrl: "https://gov.example" };
  const from = (headers: Record<string, string>) => () =>
    checkOrigin(new Request("https://gov.example/x", { method: "POST", headers }), config);
  expect(from({ origin: "https://gov.example" })).not.toThrow();
  expect(from({ "sec-fetch-site": "same-origin" })).not.toThrow();
  expect(from({ origin: "http://10.0.0.5:8787", host: "10.0.0.5:8787" })).not.toThrow();
  for (const headers of [
    {},
    { origin: "null" },
    { origin: "https://gov.example.evil.example", host: "gov.example" },
    { origin: "https://evil.example", "sec-fetch-site": "same-origin", host: "gov.example" },
    { "sec-fetch-site": "same-site" },
  ] as Record<string, string>[])
    expect(from(headers), JSON.stringify(headers)).toThrow(/ORIGIN/);
});
