import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startWebhookSink, type WebhookSink } from "#tests/receivers/webhook-sink.ts";
import { openWorld, type Person, type TestWorld } from "#tests/world.ts";

const SMTP = { from: "news@county.example", smtpUrl: "smtp://127.0.0.1:1" };

let world: TestWorld;
let sink: WebhookSink;
let editor: Person;
let id: string;
let ahead = 0;

beforeAll(async () => {
  sink = await startWebhookSink();
  world = await openWorld({ now: () => new Date(Date.now() + ahead) });
  await world.admin.put("/units/center", { name: "某县互联网信息中心" });
  await world.admin.put("/columns/water", { name: "停水", kind: "notice", mayBreakQuietHours: false, approvals: 0 });
  await world.admin.put("/channels/email", { settings: SMTP });
  editor = await world.member("editor", "center");
  await imported({ channel: "webhook", address: sink.url("/Hook") });
  await imported({ channel: "webhook", address: "https://example.org/hook" });
  await imported({ channel: "email", address: "anna@example.org" });
  await imported({ channel: "email", address: "Zhang.San@example.org" });
  await imported({ channel: "email", address: "other@example.org" }, ["column:notices"]);
  sink.answer("/silent", { confirm: "no" });
  await world.anyone.post("/subscriptions", {
    endpoint: { channel: "webhook", address: sink.url("/silent") },
    topics: ["column:water"],
  });
  id = await published();
  // A channel that was switched off still has its ledger.
  await world.admin.put("/channels/email", { settings: { from: null, smtpUrl: null } });
});
afterAll(async () => {
  await world.close();
  await sink.close();
});

async function imported(endpoint: object, topics = ["column:water"]) {
  expect(await world.imported([endpoint], { topics })).toMatchObject({ accepted: 1, rejected: 0 });
}

async function published(): Promise<string> {
  const draft = await editor.post("/announcements", {
    ...{ title: "停水通知", body: "周三停水。", column: "water", unitId: "center" },
  });
  await editor.post(`/announcements/${draft.body.id}/publish`, { contentHash: draft.body.contentHash });
  await world.until(async () => (await editor.get(`/announcements/${draft.body.id}/ledger`)).body.matched === 4);
  return draft.body.id;
}

const found = async (typed: string) =>
  (await editor.get(`/deliveries?announcement=${id}&endpoint=${encodeURIComponent(typed)}`)).body;

const SPELLINGS: [typed: string, address: string][] = [
  ["HTTPS://Example.ORG/hook", "https://example.org/hook"],
  ["https://example.org:443/hook ", "https://example.org/hook"],
  ["ｈｔｔｐｓ：／／ｅｘａｍｐｌｅ．ｏｒｇ／ｈｏｏｋ", "https://example.org/hook"],
  ["\u3000https://example.org/ hook", "https://example.org/hook"],
  ["ANNA@EXAMPLE.ORG", "a***@example.org"],
  ["ａｎｎａ＠ｅｘａｍｐｌｅ．ｏｒｇ", "a***@example.org"],
  [" anna @ example.org\u200b", "a***@example.org"],
  ["Anna <anna@example.org>", "a***@example.org"],
  ["mailto:anna@example.org", "a***@example.org"],
  ["Zhang.San@Example.org", "Z***@example.org"],
];

describe("an editor who asks whether somebody got a notice", () => {
  it.each(SPELLINGS)("may type the address as %j", async (typed, address) => {
    expect((await found(typed)).items).toMatchObject([{ address, announcement: id }]);
  });

  it("finds the same in the console", async () => {
    const cookie = await world.fetch(await world.signInPath(["editor"], "center"), {
      method: "POST",
      headers: { origin: world.url },
    });
    const page = await world.fetch(
      `/console/announcements/${id}?endpoint=${encodeURIComponent("ＡＮＮＡ＠Example.org")}`,
      { headers: { cookie: cookie.headers.get("set-cookie")?.split(";")[0] ?? "" } },
    );
    expect(await page.text()).toContain("a***@example.org");
  });

  it("is not shown somebody else's place: paths and names keep their case", async () => {
    expect((await found("https://example.org/HOOK")).items).toEqual([]);
    expect((await found(sink.url("/hook"))).items).toEqual([]);
    expect((await found(sink.url("/Hook"))).items).toHaveLength(1);
  });

  it("is told in the same answer why somebody did not", async () => {
    expect((await found("anna@example.org")).absent).toBeUndefined();
    expect((await found("nobody@example.org")).absent).toEqual({ because: "not subscribed" });
    expect((await found("OTHER@example.org")).absent).toEqual({ because: "other topics" });
    expect((await found(sink.url("/silent"))).absent).toEqual({ because: "not confirmed", at: expect.any(String) });
    ahead += 60_000;
    await imported({ channel: "webhook", address: sink.url("/late") });
    expect((await found(sink.url("/late"))).absent).toEqual({ because: "confirmed later", at: expect.any(String) });
  });
});
