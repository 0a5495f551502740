import { afterAll, expect, it } from "vitest";
import { readConfig } from "#src/config.ts";
import type { Role } from "#src/domain/members/member.ts";
import { createSignInLink } from "#src/domain/members/sign-in.ts";
import { ADMIN, askOf, testApp } from "#tests/app.ts";

const BASE = "http://127.0.0.1:8787";
const { ask, deps, platform } = testApp();
afterAll(() => platform.stop());

/** A browser as far as cookies go: by name, sent where their path says. */
function browser(asked = ask) {
  const jar = new Map<string, { value: string; path: string }>();
  const go = async (method: string, path: string) => {
    const cookie = [...jar]
      .filter(([, one]) => one.path === "/" || path.startsWith(`${one.path}/`))
      .map(([name, { value }]) => `${name}=${value}`)
      .join("; ");
    const answer = await asked(method, path, {
      headers: { accept: "text/html", origin: BASE, ...(cookie === "" ? {} : { cookie }) },
    });
    for (const line of answer.headers.getSetCookie()) {
      const [, name = "", value = ""] = /^([^=]+)=([^;]*)/.exec(line) ?? [];
      if (/Max-Age=0/.test(line)) jar.delete(name);
      else jar.set(name, { value, path: /Path=([^;]+)/.exec(line)?.[1] ?? "" });
    }
    return answer;
  };
  const signIn = async (roles: Role[] = ["duty-officer"], query = "") => {
    const { secret } = await createSignInLink(deps, { memberName: "值班员", roles });
    await go("GET", `/sign-in/${secret}${query}`);
    const answer = await go("POST", `/sign-in/${secret}${query}`);
    return [answer.status, answer.headers.get("location")];
  };
  return { go, signIn, jar };
}

it("leads back to the case that a duty alarm named, and to the console the next time", async () => {
  const { go, signIn, jar } = browser();
  const link = await go("GET", "/console?case=20260901-7K3M9Q2X4T");
  expect([link.status, link.headers.get("location")]).toEqual([303, "/console/cases/20260901-7K3M9Q2X4T"]);
  const refused = await go("GET", "/console/cases/20260901-7K3M9Q2X4T");
  expect(refused.status).toBe(401);
  expect(refused.headers.get("set-cookie")).toMatch(/; Path=\/sign-in; Max-Age=3600; HttpOnly; SameSite=Lax$/);
  expect(refused.text).toContain("登录后会回到刚才要打开的页面");
  expect(await signIn()).toEqual([303, "/console/cases/20260901-7K3M9Q2X4T"]);
  expect([...jar.keys()]).toEqual(["gaoshi"]);
  jar.clear();
  expect(await signIn()).toEqual([303, "/console"]);
});

it("leads back to any page of the console, with its query and in the language of the link", async () => {
  const { go, signIn } = browser();
  for (const path of ["/console/channels/email", "/console/announcements/ann_1?revision=2&state=failed", "/console"]) {
    expect((await go("GET", `${path}${path.includes("?") ? "&" : "?"}lang=en`)).status).toBe(401);
    const there = path.includes("?") ? `${path}&lang=en` : `${path}?lang=en`;
    expect(await signIn(["admin"], "?lang=en")).toEqual([303, there]);
    await go("POST", "/console/sign-out");
  }
});

it("never leads out of the console, whatever a cookie says", async () => {
  const evil = [
    "https://evil.example/console",
    "//evil.example/console",
    "/\\evil.example",
    "/console\\..\\..\\evil",
    "/console//evil.example",
    "/console/../sign-in/x",
    "/console/%2e%2e/%2e%2e/feed.atom",
    "/console/x\r\nset-cookie: a=b",
    "/console?x=%0d%0aset-cookie:a=b",
    "/console?x=\u0000",
    "/consolex",
    "/announcements/ann_1",
    "javascript:alert(1)",
    "/console@evil.example",
    `/console?${"x".repeat(2000)}`,
    "/console/sign-out",
    "",
  ];
  for (const path of evil) {
    const { signIn, jar } = browser();
    jar.set("gaoshi-return", { value: encodeURIComponent(path), path: "/sign-in" });
    expect([path, ...(await signIn())]).toEqual([path, 303, "/console"]);
  }
  const { signIn, jar } = browser();
  jar.set("gaoshi-return", { value: "%E0%A4%A", path: "/sign-in" });
  expect(await signIn()).toEqual([303, "/console"]);
});

it("remembers no page that somebody may not see, no post, and nothing outside the console", async () => {
  const { go, jar } = browser();
  await go("GET", "/announcements/ann_nope");
  await go("POST", "/console/access");
  expect(jar.size).toBe(0);
  const program = await ask("GET", "/console", { headers: { accept: "application/json" } });
  expect([program.status, program.headers.get("set-cookie")]).toEqual([401, null]);
  const clerk = browser();
  await clerk.signIn(["clerk"]);
  expect((await clerk.go("GET", "/console/access")).status).toBe(403);
  expect([...clerk.jar.keys()]).toEqual(["gaoshi"]);
});

it("keeps the way back to secure connections where there are some", async () => {
  const config = readConfig({ GAOSHI_ADMIN_TOKEN: ADMIN, GAOSHI_BASE_URL: "https://gaoshi.example.org" });
  const secure = testApp({ config });
  const answer = await askOf(secure.app)("GET", "/console/cases", { headers: { accept: "text/html" } });
  expect(answer.headers.get("set-cookie")).toMatch(/^__Secure-gaoshi-return=.*; Secure$/);
  await secure.platform.stop();
});
