import { afterAll, beforeAll, expect, it } from "vitest";
import { createSignInLink, signIn } from "#src/domain/members/sign-in.ts";
import { ADMIN, testApp } from "#tests/app.ts";

const BASE = "http://127.0.0.1:8787";
const { ask, deps, platform } = testApp();
let cookie: string;

beforeAll(async () => {
  cookie = await enter("管理员", ["admin"]);
});
afterAll(() => platform.stop());

async function enter(memberName: string, roles: ["admin"] | ["editor"]): Promise<string> {
  const { session } = await signIn(deps, (await createSignInLink(deps, { memberName, roles })).secret);
  return `gaoshi=${session}`;
}

const read = (path: string, headers: Record<string, string> = { cookie }) =>
  ask("GET", path, { headers: { accept: "text/html", ...headers } });

const post = (path: string, fields: [string, string][], headers: Record<string, string> = { cookie, origin: BASE }) =>
  ask("POST", path, {
    body: new URLSearchParams(fields).toString(),
    headers: { accept: "text/html", "content-type": "application/x-www-form-urlencoded", ...headers },
  });

const EDITOR: [string, string][] = [
  ["kind", "token"],
  ["name", "桥头镇编辑"],
  ["roles", "editor"],
  ["roles", "reviewer"],
  ["unitId", "qiaotou"],
];

it("lets the first admin, who has only a sign-in link, make a token that works", async () => {
  expect((await read("/console")).text).toContain("/console/access");
  expect((await read("/console/access")).text).toContain("还没有令牌");
  const answer = await post("/console/access", EDITOR);
  const token = /gst_[A-Za-z0-9_-]{43}/.exec(answer.text)?.[0] ?? "";
  expect(answer.headers.get("cache-control")).toBe("no-store");
  expect((await ask("GET", "/api/v1/units", { token })).status).toBe(200);
  expect((await ask("GET", "/api/v1/tokens", { token })).status).toBe(403);
  const list = await read("/console/access");
  expect(list.text).toContain("桥头镇编辑");
  expect(list.text).not.toContain(token);
  expect((await ask("GET", "/api/v1/tokens", { token: ADMIN })).text).toContain('"roles":["editor","reviewer"]');

  const id = /name="id" value="(tok_\w+)"/.exec(list.text)?.[1] ?? "";
  expect((await post("/console/access/end", [["id", id]])).text).toContain("已吊销");
  expect((await read("/console/access")).text).toContain("还没有令牌");
});

it("lets an admin invite a colleague by a link", async () => {
  const answer = await post("/console/access", [
    ["kind", "link"],
    ["name", "王编辑"],
    ["roles", "editor"],
  ]);
  const path = /http:\/\/127\.0\.0\.1:8787(\/sign-in\/[A-Za-z0-9_-]{43})/.exec(answer.text)?.[1] ?? "";
  expect((await read(path, {})).text).toContain("王编辑");
});

it("explains what is missing beside what was filled in", async () => {
  const answer = await post("/console/access", [
    ["kind", "token"],
    ["name", "半张表"],
    ["unitId", "Not An Id"],
  ]);
  expect(answer.status).toBe(422);
  expect(answer.text).toContain("至少指定一个角色");
  expect(answer.text).toContain("单位编号不正确");
  expect(answer.text).toContain('value="半张表"');
});

it("is for signed-in admins on our own pages only", async () => {
  const editor = await enter("王编辑", ["editor"]);
  for (const [status, headers] of [
    [401, {}],
    [403, { cookie: editor }],
  ] as [number, Record<string, string>][]) {
    expect((await read("/console/access", headers)).status).toBe(status);
    expect((await post("/console/access", EDITOR, { ...headers, origin: BASE })).status).toBe(status);
  }
  expect((await read("/console", { cookie: editor })).text).not.toContain("/console/access");
  for (const origin of ["https://evil.example", "null"])
    expect((await post("/console/access", EDITOR, { cookie, origin })).status).toBe(403);
  expect((await post("/console/access", EDITOR, { cookie })).status).toBe(403);
  expect((await ask("GET", "/api/v1/tokens", { token: ADMIN })).json()).toMatchObject({ items: [] });
});
