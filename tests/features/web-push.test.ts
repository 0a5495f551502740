import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type PushService, startPushService, type TestBrowser } from "#tests/receivers/push-service.ts";
import { openWorld, type Person, type TestWorld } from "#tests/world.ts";

let world: TestWorld;
let service: PushService;
let editor: Person;
let key: string;

beforeAll(async () => {
  service = await startPushService();
  world = await openWorld();
  await world.admin.put("/units/center", { name: "某县互联网信息中心" });
  editor = await world.member("editor", "center");
  key = (await world.anyone.get("/push-key")).body.publicKey;
});
afterAll(async () => {
  await world.close();
  await service.close();
});

function endpointOf(browser: TestBrowser) {
  return { channel: "web-push", address: browser.endpoint, secret: browser.secret };
}

type Asked = { id: string; owner: Person; path: string; challenge: string };

/** A browser that asked for a column and was sent the question. */
async function asked(browser: TestBrowser, slug: string, more: object = {}): Promise<Asked> {
  const before = browser.messages.length;
  const answer = await world.anyone.post("/subscriptions", {
    endpoint: endpointOf(browser),
    topics: [`column:${slug}`],
    ...more,
  });
  expect([answer.status, answer.body.status, answer.body.secret]).toEqual([202, "pending", undefined]);
  const messages = await browser.next(before + 1);
  const question = messages.at(-1)?.json;
  expect(question).toMatchObject({ type: "confirm", subscriptionId: answer.body.id });
  const { id, manageToken } = answer.body;
  return { id, owner: world.as(manageToken), path: `/subscriptions/${id}`, challenge: question.challenge };
}

/** The same after its worker answered. */
async function subscribed(browser: TestBrowser, slug: string, more: object = {}): Promise<Asked> {
  const one = await asked(browser, slug, more);
  const answer = await world.anyone.post(`${one.path}/confirm`, { challenge: one.challenge });
  expect([answer.status, answer.body]).toEqual([200, { id: one.id, status: "confirmed" }]);
  return one;
}

async function published(slug: string, more: object = {}) {
  const draft = await editor.post("/announcements", {
    ...{ title: "停水通知", body: "周三停水。", column: slug, unitId: "center" },
    ...more,
  });
  const { id, contentHash } = draft.body;
  expect((await editor.post(`/announcements/${id}/publish`, { contentHash })).status).toBe(202);
  return id as string;
}

const ledgerOf = async (id: string) => {
  await world.until(async () => (await editor.get(`/announcements/${id}/ledger`)).body.closed);
  return (await editor.get(`/announcements/${id}/ledger`)).body;
};

describe("a browser", () => {
  it("subscribes, answers the question, and gets what is published and its correction in the same place", async () => {
    const slug = await world.column();
    const browser = service.browser(key);
    const { owner, path } = await subscribed(browser, slug);
    const read = await owner.get(path);
    expect(read.body.status).toBe("confirmed");
    expect(JSON.stringify(read.body)).not.toContain(browser.keys.auth);

    const id = await published(slug, { urgency: "urgent" });
    const [, first] = await browser.next(2);
    expect(first?.json).toMatchObject({
      type: "announcement",
      id,
      title: "停水通知",
      body: "某县互联网信息中心：周三停水。",
      url: `${world.url}/announcements/${id}`,
    });
    expect(first?.headers["urgency"]).toBe("high");
    expect(await ledgerOf(id)).toMatchObject({ matched: 1, delivered: 1, channels: { "web-push": { delivered: 1 } } });
    const row = (await editor.get(`/deliveries?announcement=${id}`)).body.items[0];
    expect(row.attempts).toMatchObject([{ outcome: "accepted", status: 201 }]);

    const text = { title: "停水通知", body: "改为周四停水。", column: slug, unitId: "center" };
    const draft = await editor.get(`/announcements/${id}`);
    const corrected = await editor.post(`/announcements/${id}/correct`, {
      ...text,
      contentHash: draft.body.contentHash,
      reason: "日期有误",
    });
    expect(corrected.status).toBe(202);
    const [, , second] = await browser.next(3);
    expect(second?.json).toMatchObject({ id, revision: 2, kind: "corrected", title: "【更正】停水通知" });
    expect(second?.headers["topic"]).toBe(first?.headers["topic"]);
    expect(service.refused).toEqual([]);
  });

  it("may answer twice, and nobody else can answer for it", async () => {
    const slug = await world.column();
    const { id, owner, path, challenge } = await asked(service.browser(key), slug);
    const answer = (guess: string, to = path) => world.anyone.post(`${to}/confirm`, { challenge: guess });
    const wrong = await answer(`${challenge.slice(0, -1)}${challenge.endsWith("A") ? "B" : "A"}`);
    const unknown = await answer(challenge, "/subscriptions/sub_00000000000000000000000000");
    expect([wrong.status, wrong.body.code]).toEqual([404, "CHALLENGE"]);
    expect(unknown.body).toEqual(wrong.body);
    expect((await owner.get(path)).body.status).toBe("pending");
    for (let again = 0; again < 2; again++) expect((await answer(challenge)).body).toEqual({ id, status: "confirmed" });
    expect((await answer(challenge.toLowerCase())).status).toBe(404);
    expect((await owner.delete(path)).status).toBe(204);
    expect((await answer(challenge)).status).toBe(404);
  });

  it("is asked anew after five wrong answers, by asking again", async () => {
    const slug = await world.column();
    const browser = service.browser(key);
    const { path, challenge } = await asked(browser, slug);
    for (let i = 0; i < 5; i++) await world.anyone.post(`${path}/confirm`, { challenge: "x".repeat(32) });
    expect((await world.anyone.post(`${path}/confirm`, { challenge })).status).toBe(404);
    await subscribed(browser, slug);
  });

  it("is refused without its keys, with broken ones and at an address inside", async () => {
    const browser = service.browser(key);
    const { secret, ...keyless } = endpointOf(browser);
    const [p256dh, auth] = secret.split(".");
    const refusals: [object, string, string][] = [
      [keyless, "/endpoint/secret", "PUSH_KEYS"],
      [{ ...keyless, secret: `${p256dh}.AAAA` }, "/endpoint/secret", "PUSH_KEYS"],
      [{ ...keyless, secret: `${"B".repeat(87)}.${auth}` }, "/endpoint/secret", "PUSH_KEYS"],
      [{ ...keyless, secret, address: "https://10.0.0.1/push" }, "/endpoint/address", "ADDRESS_HOST"],
      [{ ...keyless, secret, address: "http://fcm.example.com/x" }, "/endpoint/address", "ADDRESS_SCHEME"],
    ];
    for (const [endpoint, pointer, code] of refusals) {
      const answer = await world.anyone.post("/subscriptions", { endpoint, topics: ["all"] });
      expect([answer.status, answer.body.errors?.[0]]).toMatchObject([422, { pointer, code }]);
    }
    const line = JSON.stringify({ endpoint: keyless, topics: ["all"], confirmed: true, basis: "登记表" });
    const imported = await world.admin.post("/subscriptions/import", line, "application/x-ndjson");
    expect(imported.body).toMatchObject({ accepted: 0, rejected: 1, errors: [{ code: "PUSH_KEYS" }] });
  });

  it("whose address changed brings the new keys along and answers once more", async () => {
    const slug = await world.column();
    const { owner, path } = await subscribed(service.browser(key), slug);
    const next = service.browser(key);
    const { etag } = await owner.get(path);
    const keyless = await owner.patch(path, { endpoint: { address: next.endpoint } }, { "if-match": etag });
    expect([keyless.status, keyless.body.errors[0].pointer]).toEqual([422, "/endpoint/secret"]);
    const moved = await owner.patch(path, { endpoint: endpointOf(next) }, { "if-match": etag });
    expect([moved.status, moved.body.status]).toEqual([200, "pending"]);
    const [question] = await next.next();
    await world.anyone.post(`${path}/confirm`, { challenge: question?.json.challenge });
    const id = await published(slug);
    const [, push] = await next.next(2);
    expect(push?.json.id).toBe(id);
    expect((await ledgerOf(id)).matched).toBe(1);
  });

  it("that uninstalled is forgotten, and one that is slow for a while loses nothing", async () => {
    const slug = await world.column();
    const [gone, busy] = [service.browser(key), service.browser(key)];
    const { owner, path } = await subscribed(gone, slug);
    await subscribed(busy, slug);
    service.answer(gone, { status: 410 });
    service.answer(busy, { status: [429, 201], headers: { "retry-after": "1" } });
    const id = await published(slug);
    expect(await ledgerOf(id)).toMatchObject({ matched: 2, delivered: 1, failed: 1 });
    expect(busy.messages.map(({ json }) => json.deliveryId)).toEqual([
      undefined,
      `${id}.1.${busy.messages[1]?.json.deliveryId.split(".")[2]}`,
      busy.messages[1]?.json.deliveryId,
    ]);
    await world.until(async () => (await owner.get(path)).body.status === "ended");
    expect((await owner.get(path)).body.endedBecause).toBe("gone");
  });
});

describe("the key that browsers subscribe to", () => {
  it("is the same for everybody and for ever, and only its public half is shown", async () => {
    expect(Buffer.from(key, "base64url")).toHaveLength(65);
    expect((await world.anyone.get("/push-key")).body).toEqual({ publicKey: key });
    const channel = await world.admin.get("/channels/web-push");
    expect(channel.body).toMatchObject({ ready: true, guarantee: "at-least-once" });
    const secret = channel.body.settings.find(({ name }: { name: string }) => name === "privateKey");
    expect(secret).toMatchObject({ secret: true, set: true });
    expect(secret.value).toBeUndefined();
  });

  it("stays when the operator names a contact for push services, which must be one", async () => {
    const wrong = await world.admin.put("/channels/web-push", { settings: { subject: "duty@example.org" } });
    expect([wrong.status, wrong.body.errors[0].pointer]).toEqual([422, "/settings/subject"]);
    const set = await world.admin.put("/channels/web-push", { settings: { subject: "mailto:duty@example.org" } });
    expect(set.status).toBe(200);
    expect((await world.anyone.get("/push-key")).body).toEqual({ publicKey: key });
  });
});

describe("the page for it", () => {
  it("is there without script, carries one under a policy that lets it talk to this site only", async () => {
    const page = await world.fetch("/subscribe");
    const text = await page.text();
    const policy = page.headers.get("content-security-policy") ?? "";
    expect(policy).toContain("default-src 'none'");
    expect(policy).toContain("script-src 'self'; connect-src 'self'; worker-src 'self'");
    expect(policy).not.toMatch(/unsafe|\*/);
    expect(text).toMatch(/<section [^>]*id="browser-push"[^>]* hidden>/);
    expect(text).not.toMatch(/<script(?! src="\/assets\/[0-9a-f]{16}\.js" defer><\/script>)|\son[a-z]+=|\sstyle=/);
    expect(text).not.toContain('value="web-push"');
    const src = /<script src="([^"]+)"/.exec(text)?.[1] ?? "";
    const script = await world.fetch(src);
    expect([script.status, script.headers.get("content-type")]).toEqual([200, "text/javascript; charset=utf-8"]);
    expect(script.headers.get("cache-control")).toContain("immutable");
    const other = await world.fetch("/");
    expect(other.headers.get("content-security-policy")).not.toContain("script-src");
  });

  it("has its worker at the root, asked for anew each time, and an icon", async () => {
    const worker = await world.fetch("/push-worker.js");
    expect(worker.headers.get("content-type")).toBe("text/javascript; charset=utf-8");
    expect(worker.headers.get("cache-control")).toBe("no-cache");
    expect(worker.headers.get("content-security-policy")).toContain("connect-src 'self'");
    const icon = /"(\/assets\/[0-9a-f]{16}\.png)"/.exec(await worker.text())?.[1] ?? "";
    const image = await world.fetch(icon);
    expect(image.headers.get("content-type")).toBe("image/png");
    expect(
      Buffer.from(await image.arrayBuffer())
        .subarray(1, 4)
        .toString(),
    ).toBe("PNG");
  });
});
