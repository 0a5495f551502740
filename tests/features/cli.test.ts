import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { samplePage } from "#tests/samples/annual-report-page.ts";
import { openWorld, type TestWorld } from "#tests/world.ts";

// biome-ignore lint/suspicious/noExplicitAny: a test reads what was printed as a script would.
type Run = { code: number | null; out: string; err: string; json: () => any };

let world: TestWorld;
let folder: string;

beforeAll(async () => {
  world = await openWorld();
  folder = mkdtempSync(join(tmpdir(), "gaoshi-cli-"));
  await world.admin.put("/units/centre", { name: "县互联网信息中心" });
  await world.admin.put("/columns/now", { name: "即时", kind: "notice", mayBreakQuietHours: false, approvals: 0 });
});
afterAll(async () => {
  await world.close();
  rmSync(folder, { recursive: true, force: true });
});

function file(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

function run(words: string[], options: { input?: string; env?: Record<string, string> } = {}): Promise<Run> {
  const env = { ...process.env, GAOSHI_URL: world.url, GAOSHI_TOKEN: world.admin.token, ...options.env };
  const child = spawn(process.execPath, ["src/cli/gaoshi.ts", ...words], { env });
  let out = "";
  let err = "";
  child.stdout.on("data", (chunk: Buffer) => (out += chunk.toString()));
  child.stderr.on("data", (chunk: Buffer) => (err += chunk.toString()));
  child.stdin.end(options.input ?? "");
  return new Promise((resolve) =>
    child.on("close", (code) => resolve({ code, out, err, json: () => JSON.parse(out) })),
  );
}

async function gaoshi(...words: string[]): Promise<Run> {
  const done = await run(words);
  expect(done.code, done.err).toBe(0);
  return done;
}

describe("who works from a terminal", () => {
  it("drafts, publishes, corrects and withdraws an announcement, and reads its ledger", async () => {
    const body = file("body.md", "明日停水。");
    const draft = (
      await gaoshi(
        "announce",
        "draft",
        "--title",
        "停水",
        "--column",
        "now",
        "--unit",
        "centre",
        "--tags",
        "水,通知",
        body,
      )
    ).json();
    expect(draft).toMatchObject({ title: "停水", body: "明日停水。", tags: ["水", "通知"], status: "draft" });
    expect((await gaoshi("announce", "publish", draft.id)).json()).toMatchObject({ revision: 1, kind: "published" });
    const better = file("better.md", "明日八时停水。");
    const corrected = await gaoshi("announce", "correct", draft.id, "--reason", "时间", "--title", "停水通知", better);
    expect(corrected.json()).toMatchObject({ revision: 2, kind: "corrected" });
    const seen = await world.anyone.get(`/announcements/${draft.id}`);
    expect(seen.body).toMatchObject({ title: "停水通知", body: "明日八时停水。", reason: "时间" });
    expect((await gaoshi("announce", "withdraw", draft.id, "--reason", "作废")).json()).toMatchObject({ revision: 3 });
    await world.until(async () => (await gaoshi("ledger", draft.id)).json().closed === true);
  });

  it("publishes a correction that was prepared and reviewed elsewhere", async () => {
    const made = await world.admin.post("/announcements", { title: "一", body: "一", column: "now", unitId: "centre" });
    await gaoshi("announce", "publish", made.body.id, "--hash", made.body.contentHash);
    const { etag } = await world.admin.get(`/announcements/${made.body.id}`);
    await world.admin.patch(`/announcements/${made.body.id}`, { body: "二" }, { "if-match": etag });
    expect((await gaoshi("announce", "correct", made.body.id, "--reason", "错字")).json()).toMatchObject({
      revision: 2,
    });
  });

  it("sets a publication for later", async () => {
    const made = await world.admin.post("/announcements", { title: "一", body: "一", column: "now", unitId: "centre" });
    const at = new Date(Date.now() + 3_600_000).toISOString();
    expect((await gaoshi("announce", "publish", made.body.id, "--at", at)).json()).toMatchObject({ publishAt: at });
  });

  it("sends in a case without any token, and follows it", async () => {
    const report = { type: "rumour", title: "停水三天的谣言", description: "有人在群里说要停水三天。" };
    const sent = await run(["report", "file", "-"], { input: JSON.stringify(report), env: { GAOSHI_TOKEN: "" } });
    const { number, secret } = sent.json().receipt;
    const status = await run(["report", "status", number, secret], { env: { GAOSHI_TOKEN: "" } });
    expect(status.json()).toMatchObject({ number, state: "received" });
  });

  it("imports a copied page for the unit it names", async () => {
    const page = file("page.txt", samplePage());
    expect((await gaoshi("import", "page", "--unit", "centre", page)).json()).toMatchObject({
      state: "draft",
      unitId: "centre",
    });
  });

  it("signs up endpoints in more lines than one request carries, and lists them", async () => {
    const line = (path: string) =>
      JSON.stringify({
        endpoint: { channel: "webhook", address: `http://127.0.0.1:9/${path}` },
        topics: ["tag:cli"],
        confirmed: true,
        basis: "公务清单",
      });
    const lines = Array.from({ length: 502 }, (_, n) => line(`hook-${n}`));
    lines[501] = "not json";
    const { out, err } = await gaoshi("subscribe", "import", file("many.ndjson", lines.join("\n")));
    expect(JSON.parse(out)).toMatchObject({ accepted: 501, rejected: 1, errors: [{ line: 502, code: "JSON" }] });
    expect(err).toContain("502 lines, 1 refused");
    const first = (await gaoshi("subscribe", "list")).json();
    expect(first.items).toHaveLength(100);
    const second = (await gaoshi("subscribe", "list", "--cursor", first.next)).json();
    expect(second.items).toHaveLength(100);
    expect(second.items[0].id).not.toBe(first.items[0].id);
  });

  it("makes a token that works", async () => {
    const made = (await gaoshi("token", "--name", "编辑", "--roles", "editor,reviewer", "--unit", "centre")).json();
    expect(made).toMatchObject({ roles: ["editor", "reviewer"], unitId: "centre" });
    expect((await world.as(made.token).get("/desk")).status).toBe(200);
  });
});

describe("who mistypes", () => {
  it("is told what the server refused and where, in either language, and ends with 1", async () => {
    const refused = await run(["token", "--name", "x", "--roles", "nobody"]);
    expect([refused.code, refused.out]).toEqual([1, ""]);
    expect(refused.err).toMatch(/^422 INPUT 提交的内容有误.*\n {2}\/roles\/0 {2}VALUE/);
    const english = await run(["--en", "announce", "publish", "ann_unknown"]);
    expect(english.err).toBe("404 ANNOUNCEMENT_UNKNOWN there is no such announcement\n");
  });

  it.each([
    ["an unknown command", ["tokens"]],
    ["a command cut short", ["announce"]],
    ["a missing option", ["token", "--name", "x"]],
    ["a missing word", ["report", "status", "20260101-0000000000"]],
    ["a word too many", ["ledger", "ann_1", "ann_2"]],
    ["an option of no command", ["ledger", "ann_1", "--bogus"]],
    ["an option of another command", ["ledger", "ann_1", "--reason", "x"]],
  ])("is shown how to use it after %s, with 2", async (_, words) => {
    const done = await run(words, { env: { GAOSHI_URL: "http://127.0.0.1:1" } });
    expect([done.code, done.out]).toEqual([2, ""]);
    expect(done.err).toContain("gaoshi ");
  });

  it("never leaves the call it named", async () => {
    const done = await run(["ledger", "../columns/now?x="]);
    expect([done.code, done.err.split(" ")[0]]).toEqual([1, "404"]);
  });

  it("is told in one line that a file is not there, is no JSON, or that nobody answers", async () => {
    for (const [words, env, said] of [
      [["report", "file", join(folder, "none.json")], {}, /^gaoshi: ENOENT[^\n]*\n$/],
      [["report", "file", file("bad.json", "not json\n")], {}, /^gaoshi: .*bad\.json is not JSON\n$/],
      [["ledger", "x"], { GAOSHI_URL: "http://127.0.0.1:1" }, /^gaoshi: no answer from http:\/\/127\.0\.0\.1:1 .*\n$/],
      [["ledger", "x"], { GAOSHI_URL: "nonsense" }, /^gaoshi: nonsense is not an address[^\n]*\n$/],
    ] as const) {
      const done = await run([...words], { env });
      expect([done.code, done.out]).toEqual([1, ""]);
      expect(done.err).toMatch(said);
    }
  });
});

describe("who asks for help", () => {
  it("gets every command, or the one it asks about", async () => {
    for (const words of [[], ["help"], ["--help"], ["-h"]]) {
      const all = await gaoshi(...words);
      for (const usage of ["report file", "announce correct", "subscribe list", "ledger <", "token --name"])
        expect(all.out, words.join()).toContain(usage);
    }
    const one = await gaoshi("announce", "publish", "--help");
    expect(one.out).toMatch(/^gaoshi announce publish <id>/);
    expect(one.out).not.toContain("withdraw");
  });

  it("can run the file itself", () => {
    expect(statSync("src/cli/gaoshi.ts").mode & 0o111).toBe(0o111);
  });
});
