import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { POLICIES } from "#src/web/limits.ts";
import { startWebhookSink, type WebhookSink } from "#tests/receivers/webhook-sink.ts";
import { openWorld, type Person, type TestWorld } from "#tests/world.ts";

type Held = { id: string; token: string; me: Person };

let world: TestWorld;
let sink: WebhookSink;
let editor: Person;
let first: Held;
let second: Held;
let ahead = 0;

beforeAll(async () => {
  sink = await startWebhookSink();
  world = await openWorld({ now: () => new Date(Date.now() + ahead) });
  await world.admin.put("/units/center", { name: "某县互联网信息中心" });
  await world.admin.put("/columns/water", { name: "停水", kind: "notice", mayBreakQuietHours: false, approvals: 0 });
  editor = await world.member("editor", "center");
  first = await subscribed("/first");
  second = await subscribed("/second");
});
afterAll(async () => {
  await world.close();
  await sink.close();
});

async function subscribed(path: string): Promise<Held> {
  const endpoint = { channel: "webhook", address: sink.url(path) };
  const { body } = await world.anyone.post("/subscriptions", { endpoint, topics: ["column:water"] });
  const me = world.as(body.manageToken);
  await world.until(async () => (await me.get(`/subscriptions/${body.id}`)).body.status === "confirmed");
  return { id: body.id, token: body.manageToken, me };
}

async function change({ id, me }: Held, wish: object) {
  const { etag } = await me.get(`/subscriptions/${id}`);
  return me.patch(`/subscriptions/${id}`, wish, { "if-match": etag });
}

/** What became of the second place when something is published now. */
async function stateOfSecond(): Promise<string> {
  const draft = { title: "停水通知", body: "周三停水。", column: "water", unitId: "center" };
  const { id, contentHash } = (await editor.post("/announcements", draft)).body;
  await editor.post(`/announcements/${id}/publish`, { contentHash });
  const query = `/deliveries?announcement=${id}&endpoint=${encodeURIComponent(sink.url("/second"))}`;
  const state = async () => (await editor.get(query)).body.items[0]?.state;
  await world.until(async () => ![undefined, "waiting"].includes(await state()));
  return state();
}

const asFallback = () => ({ fallbackFor: { subscriptionId: first.id, manageToken: first.token }, afterMinutes: 30 });

describe("somebody with a subscription", () => {
  it("makes it the fallback of another one, changes the wait, and ends that again", async () => {
    expect(await stateOfSecond()).toBe("delivered");
    const made = await change(second, asFallback());
    expect([made.status, made.body.afterMinutes]).toEqual([200, 30]);
    const { endpoint } = made.body.fallbackFor;
    expect(JSON.stringify(made.body)).not.toContain(first.token);
    expect(["held", "suppressed"]).toContain(await stateOfSecond());
    const longer = await change(second, { afterMinutes: 60 });
    expect(longer.body).toMatchObject({ afterMinutes: 60, fallbackFor: { endpoint } });
    const kept = await change(second, { language: "en" });
    expect(kept.body).toMatchObject({ afterMinutes: 60, fallbackFor: { endpoint } });
    const ended = await change(second, { fallbackFor: null, language: "zh-CN" });
    expect(ended.body).not.toHaveProperty("fallbackFor");
    expect(ended.body).not.toHaveProperty("afterMinutes");
    expect(await stateOfSecond()).toBe("delivered");
  });

  const wrong: [name: string, wish: () => object, pointer: string, code: string][] = [
    ["without minutes", () => ({ fallbackFor: asFallback().fallbackFor }), "/afterMinutes", "FALLBACK_MINUTES"],
    ["with no such minutes", () => ({ ...asFallback(), afterMinutes: 1441 }), "/afterMinutes", "FALLBACK_MINUTES"],
    ["with minutes and no first choice", () => ({ afterMinutes: 5 }), "/fallbackFor", "FALLBACK_UNKNOWN"],
    ["with minutes while it ends", () => ({ fallbackFor: null, afterMinutes: 5 }), "/fallbackFor", "FALLBACK_UNKNOWN"],
    [
      "with somebody else's subscription",
      () => ({ ...asFallback(), fallbackFor: { subscriptionId: first.id, manageToken: second.token } }),
      "/fallbackFor",
      "FALLBACK_UNKNOWN",
    ],
    [
      "of itself",
      () => ({ ...asFallback(), fallbackFor: { subscriptionId: second.id, manageToken: second.token } }),
      "/fallbackFor",
      "FALLBACK_SELF",
    ],
    ["that is a digest", () => ({ ...asFallback(), frequency: "daily" }), "/frequency", "FALLBACK_FREQUENCY"],
  ];
  it.each(wrong)("is told at the place what is wrong with a fallback %s", async (_, wish, pointer, code) => {
    const refused = await change(second, wish());
    expect([refused.status, refused.body.errors]).toMatchObject([422, [{ pointer, code }]]);
  });

  it("may turn a fallback into a digest in one go, and no fallback into the place of its first choice", async () => {
    expect((await change(second, asFallback())).status).toBe(200);
    expect((await change(second, { frequency: "daily" })).body.errors?.[0].code).toBe("FALLBACK_FREQUENCY");
    const there = await change(second, { endpoint: { address: sink.url("/first") } });
    expect(there.body.errors?.[0].code).toBe("FALLBACK_SELF");
    expect((await change(second, { frequency: "daily", fallbackFor: null })).status).toBe(200);
    expect((await change(second, { frequency: "now" })).status).toBe(200);
  });
});

/** The windows of the limits begin anew. */
function freshMinute(): void {
  ahead += 60_000 - ((Date.now() + ahead) % 60_000);
}

describe("the page of a subscription", () => {
  const post = async (fields: Record<string, string>, language = "zh-CN") => {
    const answer = await world.fetch(`/manage?lang=${language}`, {
      method: "POST",
      headers: { "content-type": "application/x-www-form-urlencoded" },
      body: new URLSearchParams({ id: second.id, token: second.token, ...fields }).toString(),
    });
    return { status: answer.status, text: await answer.text() };
  };
  const saved = async (fields: Record<string, string>, language?: string) => {
    const { body } = await second.me.get(`/subscriptions/${second.id}`);
    const wishes = { topics: "column:water", frequency: "now", language: "zh-CN", version: String(body.version) };
    return post({ act: "change", subscription: second.id, ...wishes, ...fields }, language);
  };
  const known = async () => (await second.me.get(`/subscriptions/${second.id}`)).body;

  it("makes it a fallback, shows of what, changes the wait, and ends it", async () => {
    expect((await post({ act: "show" })).text).toContain("作为另一订阅的备用");
    const made = await saved({ firstId: first.id, firstToken: first.token, minutes: "15" });
    expect([made.status, made.text.includes("已保存")]).toEqual([200, true]);
    expect(made.text).toContain(`<span class="code">${sink.url("/first")}</span>`);
    expect(made.text).toMatch(/id="minutes"[^>]* value="15"/);
    expect(made.text).not.toContain(first.token);
    expect((await saved({ minutes: "45" })).status).toBe(200);
    expect((await known()).afterMinutes).toBe(45);
    const ended = await saved({ minutes: "45", noFallback: "yes" });
    expect([ended.status, (await known()).afterMinutes]).toEqual([200, undefined]);
    expect(ended.text).toContain("作为另一订阅的备用");
  });

  it("says in the reader's language, at the field, what is wrong, and carries no token back", async () => {
    const wrong = await saved({ firstId: first.id, firstToken: "gsm_wrong", minutes: "15" }, "en");
    expect(wrong.status).toBe(422);
    expect(wrong.text).toContain("there is no such subscription, it has ended, or the manage token is not its own");
    expect(wrong.text).toMatch(/<details open>[\s\S]*id="firstId"[^>]*aria-invalid="true"/);
    expect(wrong.text).not.toContain("gsm_wrong");
    const never = await saved({ firstId: first.id, firstToken: first.token, minutes: "soon" });
    expect(never.text).toContain("等待时间为1至1440分钟的整数");
    expect((await saved({ firstId: first.id, firstToken: first.token })).text).toContain("请填写等待多少分钟");
    await saved({ firstId: first.id, firstToken: first.token, minutes: "15" });
    expect((await saved({ minutes: "" })).status).toBe(422);
    const daily = await saved({ minutes: "15", frequency: "daily" });
    expect([daily.status, daily.text.includes("备用接收端的频率须为立即")]).toEqual([422, true]);
    expect((await known()).afterMinutes).toBe(15);
    const both = await saved({ minutes: "15", frequency: "daily", noFallback: "yes" });
    expect(both.status).toBe(200);
  });

  it("shuts nobody out who has the right token, and whoever guesses tokens, of this subscription or of its first choice", async () => {
    freshMinute();
    const { count } = POLICIES.guesses;
    for (let i = 0; i <= count + 5; i++) expect((await post({ act: "show" })).status).toBe(200);
    const { version } = await known();
    const change = { act: "change", subscription: second.id, topics: "column:water", version: String(version) };
    const wish = { ...change, frequency: "now", language: "zh-CN", minutes: "15" };
    expect((await post({ ...wish, firstId: first.id, firstToken: first.token, minutes: "x" })).status).toBe(422);
    const guess = (i: number) => post({ token: `gsm_${i}`, act: "show" });
    for (let i = 0; i < count; i++) expect((await guess(i)).status).toBe(404);
    expect((await guess(count)).status).toBe(429);
    expect((await post({ act: "show" })).status).toBe(429);
    freshMinute();
    const ofFirst = (i: number) => post({ ...wish, firstId: first.id, firstToken: `gsm_${i}` });
    for (let i = 0; i < count; i++) expect((await ofFirst(i)).status).toBe(422);
    expect((await ofFirst(count)).status).toBe(429);
    freshMinute();
    expect((await post({ act: "show" })).status).toBe(200);
  });
});

it("the API counts nobody's right manage token as a guess either, and each wrong one", async () => {
  freshMinute();
  const path = `/subscriptions/${second.id}`;
  const { count } = POLICIES.guesses;
  for (let i = 0; i <= count; i++) expect((await second.me.get(path)).status).toBe(200);
  const stranger = world.as("gsm_wrong");
  for (let i = 0; i < count; i++) expect((await stranger.get(path)).status).toBe(401);
  expect((await stranger.get(path)).status).toBe(429);
  freshMinute();
  const guess = (i: number) =>
    second.me.patch(path, { fallbackFor: { subscriptionId: first.id, manageToken: `gsm_${i}` }, afterMinutes: 5 });
  for (let i = 0; i < count; i++) expect((await guess(i)).status).not.toBe(429);
  expect((await guess(count)).status).toBe(429);
  freshMinute();
});
