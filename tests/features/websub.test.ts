import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Callback, startWebsubSubscriber, type WebsubSubscriber } from "#tests/receivers/websub-subscriber.ts";
import { openWorld, type Person, type TestWorld } from "#tests/world.ts";

const DAY = 86_400_000;

let world: TestWorld;
let subscriber: WebsubSubscriber;
let editor: Person;
let passed = 0;

beforeAll(async () => {
  subscriber = await startWebsubSubscriber();
  world = await openWorld({ now: () => new Date(Date.now() + passed) });
  await world.admin.put("/units/center", { name: "某县互联网信息中心" });
  editor = await world.member("editor", "center");
});
afterAll(async () => {
  await world.close();
  await subscriber.close();
});

async function published(slug: string, title = "停水通知"): Promise<{ id: string; contentHash: string }> {
  const body = "周三停水，见[章程](/docs/a)。";
  const draft = await editor.post("/announcements", { title, body, column: slug, unitId: "center" });
  const { id, contentHash } = draft.body;
  expect((await editor.post(`/announcements/${id}/publish`, { contentHash })).status).toBe(202);
  return { id, contentHash };
}

const ledgerOf = async (id: string) => {
  await world.until(async () => (await editor.get(`/announcements/${id}/ledger`)).body.closed);
  return (await editor.get(`/announcements/${id}/ledger`)).body;
};

type Wish = { mode?: string; topic: string; callback: Callback; secret?: string; more?: Record<string, string> };

// An admin sees the host of a callback and the feed, not the rest of its address.
const feedsOf = new Map<Callback, Set<string>>();

async function ask({ mode = "subscribe", topic, callback, secret, more = {} }: Wish): Promise<number> {
  const { hub, self } = await subscriber.discover(topic);
  expect([hub, self]).toEqual([`${world.url}/websub`, topic]);
  feedsOf.set(callback, (feedsOf.get(callback) ?? new Set()).add(new URL(topic).pathname));
  const answer = await subscriber.request(hub, {
    ...{ "hub.mode": mode, "hub.topic": self, "hub.callback": callback.url },
    ...(secret === undefined ? {} : { "hub.secret": secret }),
    ...more,
  });
  return answer.status;
}

/** The status of what a callback follows, as an admin sees it; pending ones left out. */
async function followed(callback: Callback): Promise<{ id: string; status: string; topics: string[] }[]> {
  const { items } = (await world.admin.get("/subscriptions?limit=100")).body as {
    items: { id: string; status: string; topics: string[]; endpoint: { address: string } }[];
  };
  return items.filter(
    ({ endpoint, status }) =>
      [...(feedsOf.get(callback) ?? [])].some((feed) => endpoint.address.endsWith(` ${feed}`)) && status !== "pending",
  );
}

async function subscribed(wish: Omit<Wish, "mode">): Promise<void> {
  const before = wish.callback.asked.length;
  expect(await ask(wish)).toBe(202);
  wish.callback.secret = wish.secret;
  await world.until(async () => wish.callback.asked.length > before && (await followed(wish.callback)).length > 0);
}

const feedOf = (slug: string, file = "feed.atom") => `${world.url}/columns/${slug}/${file}`;

describe("a WebSub subscriber (websub.rocks, hub tests)", () => {
  it("100: subscribes with no more than it must, and gets what is new without a signature", async () => {
    const slug = await world.column();
    const topic = feedOf(slug);
    const callback = subscriber.callback();
    await subscribed({ topic, callback });
    const [question] = callback.asked;
    expect(question?.get("hub.mode")).toBe("subscribe");
    expect(question?.get("hub.topic")).toBe(topic);
    expect(question?.get("hub.challenge")?.length).toBeGreaterThanOrEqual(32);
    const lease = Number(question?.get("hub.lease_seconds"));
    expect([lease > 863_900, lease <= 864_000]).toEqual([true, true]);

    const { id } = await published(slug);
    expect(await ledgerOf(id)).toMatchObject({ matched: 1, delivered: 1, channels: { websub: { delivered: 1 } } });
    const [content] = callback.delivered;
    const current = await fetch(topic);
    expect(content?.contentType).toBe(current.headers.get("content-type"));
    expect(content?.link).toBe(`<${world.url}/websub>; rel="hub", <${topic}>; rel="self"`);
    expect(content?.signature).toBe("");
    // With one announcement in it the feed itself has the very same bytes.
    expect(content?.body).toBe(await current.text());
    expect(content?.body).toContain(`<link rel="hub" href="${world.url}/websub"/>`);
  });

  it("101: names a secret, and every content is signed with it", async () => {
    const slug = await world.column();
    const callback = subscriber.callback();
    const secret = "密钥 with spaces & signs = 🌊";
    await subscribed({ topic: feedOf(slug), callback, secret });
    await ledgerOf((await published(slug)).id);
    expect(callback.delivered[0]?.signature).toMatch(/^sha256=[0-9a-f]{64}$/);
    expect(callback.distrusted).toEqual([]);
  });

  it("102: sends parameters nobody knows, which are ignored", async () => {
    const slug = await world.column();
    const callback = subscriber.callback("?mine=1");
    await subscribed({
      topic: feedOf(slug),
      callback,
      more: { foo: "bar", "hub.foo": "hub.bar", "hub.verify": "async" },
    });
    const [question] = callback.asked;
    expect([question?.get("mine"), question?.has("foo"), question?.has("hub.foo")]).toEqual(["1", false, false]);
    await ledgerOf((await published(slug)).id);
    expect(callback.delivered).toHaveLength(1);
  });

  it("103: subscribes again before the lease ends: one subscription, the new secret, the new lease", async () => {
    const slug = await world.column();
    const topic = feedOf(slug);
    const callback = subscriber.callback();
    await subscribed({ topic, callback, secret: "first" });
    const [first] = await followed(callback);
    expect(await ask({ topic, callback, secret: "second", more: { "hub.lease_seconds": "2592000" } })).toBe(202);
    callback.secret = "second";
    await world.until(async () => (await followed(callback))[0]?.id !== first?.id);
    expect(await followed(callback)).toHaveLength(1);
    expect(Number(callback.asked[1]?.get("hub.lease_seconds"))).toBeGreaterThan(2_591_900);
    const { id } = await published(slug);
    expect((await ledgerOf(id)).matched).toBe(1);
    expect([callback.delivered.length, callback.distrusted.length]).toEqual([1, 0]);
  });

  it("104: unsubscribes, is asked whether it means it, and gets nothing more", async () => {
    const slug = await world.column();
    const topic = feedOf(slug);
    const callback = subscriber.callback();
    await subscribed({ topic, callback });
    callback.intent = "not found"; // somebody else asked in its name
    expect(await ask({ mode: "unsubscribe", topic, callback })).toBe(202);
    await world.until(async () => callback.asked.length === 2);
    expect(callback.asked[1]?.get("hub.mode")).toBe("unsubscribe");
    expect(callback.asked[1]?.get("hub.topic")).toBe(topic);
    expect(callback.asked[1]?.has("hub.lease_seconds")).toBe(false);
    await ledgerOf((await published(slug)).id);
    expect(callback.delivered).toHaveLength(1);

    callback.intent = "echo";
    expect(await ask({ mode: "unsubscribe", topic, callback })).toBe(202);
    await world.until(async () => (await followed(callback)).length === 0);
    const { id } = await published(slug);
    expect((await ledgerOf(id)).matched).toBe(0);
    expect(callback.delivered).toHaveLength(1);
    expect(await ask({ mode: "unsubscribe", topic, callback })).toBe(202); // once more does no harm
  });

  it.each([
    [
      "105: follows a topic of another content type (RSS here: no topic of ours is plain text)",
      "feed.rss",
      "application/rss+xml",
    ],
    ["106: follows a JSON topic", "feed.json", "application/feed+json"],
  ])("%s", async (_, file, type) => {
    const slug = await world.column();
    const callback = subscriber.callback();
    const topic = feedOf(slug, file);
    await subscribed({ topic, callback });
    await ledgerOf((await published(slug)).id);
    const [content] = callback.delivered;
    expect(content?.contentType).toBe(`${type}; charset=utf-8`);
    expect(content?.body).toBe(await (await fetch(topic)).text());
    if (file === "feed.json") {
      const feed = JSON.parse(content?.body ?? "");
      expect(feed).toMatchObject({ feed_url: topic, hubs: [{ type: "WebSub", url: `${world.url}/websub` }] });
      expect(feed.items[0].content_html).toContain(`href="${world.url}/docs/a"`);
    }
  });
});

describe("the hub", () => {
  it("is named by every feed there is, in its header and in the document", async () => {
    const slug = await world.column();
    for (const folder of ["/", `/columns/${slug}/`, "/units/center/"])
      for (const file of ["feed.atom", "feed.rss", "feed.json"]) {
        const topic = `${world.url}${folder}${file}`;
        expect(await subscriber.discover(topic)).toEqual({ hub: `${world.url}/websub`, self: topic });
        expect(await (await fetch(topic)).text()).toContain(`${world.url}/websub`);
      }
  });

  it("sends a correction under the same id, and a withdrawal with its reason in place of the text", async () => {
    const slug = await world.column();
    const callback = subscriber.callback();
    await subscribed({ topic: feedOf(slug), callback });
    const { id, contentHash } = await published(slug);
    await ledgerOf(id);
    const text = { title: "停水通知", body: "改为周四。", column: slug, unitId: "center" };
    await editor.post(`/announcements/${id}/correct`, { ...text, contentHash, reason: "日期有误" });
    await world.until(async () => callback.delivered.length === 2);
    await editor.post(`/announcements/${id}/withdraw`, { reason: "A & B <不实>" });
    await world.until(async () => callback.delivered.length === 3);
    const entries = callback.delivered.map(({ body }) => /<entry[\s\S]*<\/entry>/.exec(body)?.[0] ?? "");
    for (const entry of entries) expect(entry).toContain(`<id>${world.url}/announcements/${id}</id>`);
    expect(entries[1]).toContain("改为周四");
    expect(entries[2]).toContain("【撤回】停水通知");
    expect(entries[2]).toContain("A &amp;amp; B &amp;lt;不实&amp;gt;");
    expect(entries[2]).not.toContain("周四");
  });

  it("sends to a follower of the unit and of everything what their own feeds say", async () => {
    const slug = await world.column();
    const [unit, all] = [subscriber.callback(), subscriber.callback()];
    await subscribed({ topic: `${world.url}/units/center/feed.atom`, callback: unit });
    await subscribed({ topic: `${world.url}/feed.json`, callback: all });
    await ledgerOf((await published(slug, "两处都有")).id);
    expect(unit.delivered[0]?.body).toContain(
      `rel="self" type="application/atom+xml" href="${world.url}/units/center/feed.atom"`,
    );
    expect(JSON.parse(all.delivered[0]?.body ?? "")).toMatchObject({ feed_url: `${world.url}/feed.json` });
    for (const callback of [unit, all]) {
      await ask({ mode: "unsubscribe", topic: callback.asked[0]?.get("hub.topic") ?? "", callback });
      await world.until(async () => (await followed(callback)).length === 0);
    }
  });

  it("lets one callback follow several topics, each for itself", async () => {
    const [one, other] = [await world.column(), await world.column()];
    const callback = subscriber.callback();
    await subscribed({ topic: feedOf(one), callback });
    await ask({ topic: feedOf(other, "feed.rss"), callback });
    await world.until(async () => (await followed(callback)).length === 2);
    await ask({ mode: "unsubscribe", topic: feedOf(one), callback });
    await world.until(async () => (await followed(callback)).length === 1);
    await ledgerOf((await published(one)).id);
    await ledgerOf((await published(other)).id);
    expect(callback.delivered.map(({ contentType }) => contentType)).toEqual(["application/rss+xml; charset=utf-8"]);
  });

  it.each(["echo more", "other", "not found", "echo in 500", "redirect"] as const)(
    "takes '%s' for a no, and sends nothing",
    async (intent) => {
      const slug = await world.column();
      const callback = subscriber.callback();
      callback.intent = intent;
      expect(await ask({ topic: feedOf(slug), callback })).toBe(202);
      await world.until(async () => callback.asked.length > 0);
      const { id } = await published(slug);
      expect((await ledgerOf(id)).matched).toBe(0);
      expect([callback.delivered, await followed(callback)]).toEqual([[], []]);
    },
  );

  it("refuses what it cannot follow, and says why", async () => {
    const slug = await world.column();
    const { url } = subscriber.callback();
    const good = { "hub.mode": "subscribe", "hub.topic": feedOf(slug), "hub.callback": url };
    const refusals: [Record<string, string>, string][] = [
      [{ "hub.mode": "publish" }, "/hub.mode"],
      [{ "hub.topic": "https://example.org/feed" }, "/hub.topic"],
      [{ "hub.topic": `${world.url}/columns/nowhere/feed.atom` }, "/hub.topic"],
      [{ "hub.topic": `${world.url}.evil.example/feed.atom` }, "/hub.topic"],
      [{ "hub.topic": `${world.url}/announcements` }, "/hub.topic"],
      [{ "hub.callback": "" }, "/hub.callback"],
      [{ "hub.callback": "http://10.0.0.1/" }, "/hub.callback"],
      [{ "hub.callback": "https://user:pass@example.org/" }, "/hub.callback"],
      [{ "hub.callback": "file:///etc/passwd" }, "/hub.callback"],
      [{ "hub.callback": "https://a.example/x /feed.rss" }, "/hub.callback"],
      [{ "hub.secret": "密".repeat(67) }, "/hub.secret"],
      [{ "hub.lease_seconds": "-1" }, "/hub.lease_seconds"],
    ];
    for (const [change, pointer] of refusals) {
      const answer = await subscriber.request(`${world.url}/websub`, { ...good, ...change });
      expect([change, answer.status]).toEqual([change, 422]);
      expect(((await answer.json()) as { errors: { pointer: string }[] }).errors[0]?.pointer).toBe(pointer);
    }
    expect((await subscriber.request(`${world.url}/websub`, { ...good, "hub.secret": "s".repeat(199) })).status).toBe(
      202,
    );
    expect((await world.fetch("/websub")).status).toBe(405);
    const json = { method: "POST", body: "{}", headers: { "content-type": "application/json" } };
    expect((await world.fetch("/websub", json)).status).toBe(415);
    const endpoint = { channel: "websub", address: `${url} /feed.atom` };
    const around = await world.anyone.post("/subscriptions", { endpoint, topics: ["all"] });
    expect([around.status, around.body.errors[0].code]).toEqual([422, "AT_THE_HUB"]);
  });

  it("ends what answers 410, and tries again what fails for a while", async () => {
    const slug = await world.column();
    const [gone, slow] = [subscriber.callback(), subscriber.callback()];
    await subscribed({ topic: feedOf(slug, "feed.rss"), callback: gone });
    await subscribed({ topic: feedOf(slug), callback: slow });
    gone.statuses = [410];
    slow.statuses = [503, 204];
    const { id } = await published(slug);
    await world.until(async () => (await editor.get(`/announcements/${id}/ledger`)).body.delivered === 1, 15);
    expect(slow.delivered).toHaveLength(2);
    expect(slow.delivered[0]?.body).toBe(slow.delivered[1]?.body);
    await world.until(async () => (await followed(gone)).length === 0);
  });

  it("tells a callback whose subscription an administrator ended", async () => {
    const slug = await world.column();
    const callback = subscriber.callback();
    await subscribed({ topic: feedOf(slug), callback });
    const [known] = await followed(callback);
    expect((await world.admin.delete(`/subscriptions/${known?.id}`)).status).toBe(204);
    await world.until(async () => callback.asked.length === 2);
    expect(callback.asked[1]?.get("hub.mode")).toBe("denied");
    expect(callback.asked[1]?.get("hub.topic")).toBe(feedOf(slug));
    expect(callback.asked[1]?.has("hub.challenge")).toBe(false);
  });

  it("sends nothing any more when the lease is over, and no lease is longer than 30 days", async () => {
    const slug = await world.column();
    const [usual, long] = [subscriber.callback(), subscriber.callback()];
    await subscribed({ topic: feedOf(slug, "feed.rss"), callback: usual });
    await subscribed({ topic: feedOf(slug), callback: long, more: { "hub.lease_seconds": "99999999" } });
    expect(Number(long.asked[0]?.get("hub.lease_seconds"))).toBeLessThanOrEqual(30 * 86_400);
    passed += 10 * DAY + 60_000;
    await ledgerOf((await published(slug)).id);
    expect([usual.delivered.length, long.delivered.length]).toEqual([0, 1]);
    expect(await followed(usual)).toEqual([]);
    passed += 20 * DAY;
    expect((await ledgerOf((await published(slug)).id)).matched).toBe(0);
    expect(long.delivered).toHaveLength(1);
  });
});
