import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startWebhookSink, type WebhookSink } from "#tests/receivers/webhook-sink.ts";
import { openWorld, type Person, type TestWorld } from "#tests/world.ts";

let world: TestWorld;
let sink: WebhookSink;
let editor: Person;

beforeAll(async () => {
  sink = await startWebhookSink();
  world = await openWorld({ bot: true });
  await world.admin.put("/units/center", { name: "某县互联网信息中心" });
  editor = await world.member("editor", "center");
});
afterAll(async () => {
  await world.close();
  await sink.close();
});

const column = () => world.column();
const imported = (slug: string, addresses: string[], more = {}) =>
  world.imported(addresses, { topics: [`column:${slug}`], ...more });

async function published(slug: string, title = "停水通知"): Promise<string> {
  const draft = await editor.post("/announcements", { title, body: "周三停水。", column: slug, unitId: "center" });
  const { id, contentHash } = draft.body;
  expect((await editor.post(`/announcements/${id}/publish`, { contentHash })).status).toBe(202);
  return id;
}

const ledger = async (id: string) => (await editor.get(`/announcements/${id}/ledger`)).body;
const closed = (id: string) => world.until(async () => (await ledger(id)).closed);

/** Presses a button of the ledger's page, as somebody who has signed in; answers the page that comes back. */
async function presser(id: string) {
  const entered = await world.fetch(await world.signInPath(["editor"], "center"), {
    method: "POST",
    headers: { origin: world.url },
  });
  const cookie = entered.headers.get("set-cookie")?.split(";")[0] ?? "";
  return async (fields: Record<string, string>, language = "zh-CN") =>
    (
      await world.fetch(`/console/announcements/${id}?lang=${language}`, {
        method: "POST",
        headers: { cookie, origin: world.url, "content-type": "application/x-www-form-urlencoded" },
        body: new URLSearchParams({ revision: "1", ...fields }).toString(),
      })
    ).text();
}

type Event = { event: string; data: { closed: boolean; delivered: number; matched: number } };

async function* events(path: string, token: string): AsyncGenerator<Event> {
  const response = await world.fetch(path, {
    headers: { accept: "text/event-stream", authorization: `Bearer ${token}` },
  });
  expect(response.headers.get("content-type")).toContain("text/event-stream");
  expect(response.headers.get("cache-control")).toBe("no-store");
  let text = "";
  for await (const chunk of response.body ?? []) {
    text += Buffer.from(chunk).toString("utf8");
    for (let end = text.indexOf("\n\n"); end >= 0; end = text.indexOf("\n\n")) {
      const event = /^event: (\w+)\ndata: (.*)$/.exec(text.slice(0, end));
      text = text.slice(end + 2);
      if (event) yield { event: event[1] ?? "", data: JSON.parse(event[2] ?? "") };
    }
  }
}

describe("an editor", () => {
  it("watches a ledger fill while the pushes run, until it is closed", async () => {
    const slug = await column();
    const paths = Array.from({ length: 30 }, (_, i) => `/${slug}/${i}`);
    for (const path of paths.slice(0, 10)) sink.answer(path, { delayMs: 1500 });
    await imported(slug, paths.map(sink.url));
    const id = await published(slug);
    const seen: Event[] = [];
    for await (const event of events(`/api/v1/announcements/${id}/ledger`, editor.token)) seen.push(event);
    const ledgers = seen.filter(({ event }) => event === "ledger").map(({ data }) => data);
    expect(seen.at(-1)?.event).toBe("closed");
    expect(ledgers.length).toBeGreaterThan(1);
    expect(ledgers.at(-1)).toMatchObject({ closed: true, delivered: 30, matched: 30 });
    expect(ledgers.some((one) => !one.closed)).toBe(true);
  });

  it("whose token is revoked is told nothing more of a ledger that is still open", async () => {
    const slug = await column();
    sink.answer(`/${slug}/ill`, { status: 503 });
    await imported(slug, [sink.url(`/${slug}/ill`)]);
    const id = await published(slug);
    const { body: token } = await world.admin.post("/tokens", { name: "值班", roles: ["editor"] });
    let last: Event | undefined;
    for await (const event of events(`/api/v1/announcements/${id}/ledger`, token.token)) {
      last = event;
      await world.admin.delete(`/tokens/${token.id}`);
    }
    expect(last?.event).toBe("ledger");
  });

  it("has everything of one revision tried again that failed", async () => {
    const slug = await column();
    const [good = "", bad = ""] = [sink.url(`/${slug}/good`), sink.url(`/${slug}/bad`)];
    const room = world.room("群");
    await imported(slug, [good, bad, room.address]);
    world.wechat.next("no-id");
    sink.answer(`/${slug}/bad`, { status: [503, 200] });
    const id = await published(slug);
    await world.until(async () => (await ledger(id)).unknown === 1);
    const nothing = await editor.post(`/announcements/${id}/retry`, {});
    expect([nothing.status, nothing.body]).toEqual([
      202,
      {
        ...{ announcement: id, revision: 1, state: "failed", deliveries: 0, quietHoursHold: true },
        ...{ leftOut: { ended: 0, servedInstead: 0 }, unchecked: 0 },
      },
    ]);
    const asked = await editor.post(`/announcements/${id}/retry`, { state: "unknown" });
    expect(asked.body.deliveries).toBe(1);
    await world.until(async () => room.received.length === 2);
    expect((await editor.post(`/announcements/${id}/retry`, { revision: 7 })).status).toBe(404);
    expect((await editor.post(`/announcements/${id}/retry`, { state: "held" })).status).toBe(422);
  });

  it("is told how many of those that failed cannot be pushed to any more, here and in the console", async () => {
    const slug = await column();
    const paths = ["gone", "away", "good"].map((name) => `/${slug}/${name}`);
    for (const path of paths.slice(0, 2)) sink.answer(path, { status: 410 });
    await imported(slug, paths.map(sink.url));
    const id = await published(slug);
    await closed(id);
    const asked = await editor.post(`/announcements/${id}/retry`, {});
    expect([asked.status, asked.body]).toMatchObject([202, { deliveries: 0, leftOut: { ended: 2, servedInstead: 0 } }]);
    const press = await presser(id);
    expect(await press({ act: "retry-all", state: "failed" })).toContain(
      "没有可以重试的推送。2条不再推送：2条的订阅已结束。",
    );
    expect(await press({ act: "retry-all", state: "failed" }, "en")).toContain(
      "There is nothing to try again. 2 are left out: 2 whose subscription has ended.",
    );
    expect(await ledger(id)).toMatchObject({ closed: true, delivered: 1, failed: 2, suppressed: 0 });
  });

  it("settles a push whose outcome nobody knows, with a reason that stays", async () => {
    const slug = await column();
    const room = world.room("群");
    await imported(slug, [room.address]);
    world.wechat.next("no-id");
    const id = await published(slug);
    await world.until(async () => (await ledger(id)).unknown === 1);
    const row = (await editor.get(`/deliveries?announcement=${id}&state=unknown`)).body.items[0];
    const without = await editor.post(`/deliveries/${row.id}/settle`, { state: "delivered", reason: "" });
    expect(without.status).toBe(422);
    expect(without.body.errors).toMatchObject([{ pointer: "/reason", code: "REASON" }]);
    const finding = { state: "delivered", reason: "群主截图为证" };
    const key = { "idempotency-key": "settle-once-0000001" };
    const settled = await editor.post(`/deliveries/${row.id}/settle`, finding, key);
    expect([settled.status, settled.body.state]).toEqual([200, "delivered"]);
    const again = await editor.post(`/deliveries/${row.id}/settle`, finding, key);
    expect([again.status, again.headers.get("idempotency-replayed")]).toEqual([200, "true"]);
    const shown = (await editor.get(`/deliveries?announcement=${id}&endpoint=${row.endpoint}`)).body.items[0];
    expect(shown.attempts.at(-1)).toMatchObject({ trigger: "person", note: "群主截图为证" });
    expect((await editor.post(`/deliveries/${row.id}/settle`, finding)).body.code).toBe("STATE");
    await closed(id);
  });

  it("who tries a reader in its quiet hours again is told until when it is held, here and in the console", async () => {
    const slug = await column();
    const clock = (minutes: number) =>
      new Date(Math.floor(Date.now() / 60_000) * 60_000 + 8 * 3_600_000 + minutes * 60_000).toISOString().slice(11, 16);
    const end = new Date(Math.floor(Date.now() / 60_000) * 60_000 + 120 * 60_000).toISOString();
    const [asleep, awake] = [sink.url(`/${slug}/asleep`), sink.url(`/${slug}/awake`)];
    await imported(slug, [asleep], { quietHours: { from: clock(-60), to: clock(120) } });
    await imported(slug, [awake, world.room("群").address]);
    world.wechat.next("no-id");
    sink.answer(`/${slug}/awake`, { status: 503 });
    const id = await published(slug);
    await world.until(async () => {
      const { held, waiting, unknown } = await ledger(id);
      return held === 1 && waiting === 1 && unknown === 1;
    });
    const of = async (state: string) =>
      (await editor.get(`/deliveries?announcement=${id}&state=${state}`)).body.items[0];
    await world.until(async () => (await of("waiting")).attempts.length === 1);
    const [held, failing] = [await of("held"), await of("waiting")];
    const again = await editor.post(`/deliveries/${held.id}/retry`);
    expect([again.status, again.body.heldUntil]).toEqual([202, end]);
    expect((await editor.post(`/deliveries/${failing.id}/retry`)).body).not.toHaveProperty("heldUntil");
    await world.until(async () => (await of("held"))?.dueAt === end);

    const press = await presser(id);
    const one = { act: "retry", delivery: held.id };
    expect(await press(one)).toMatch(new RegExp(`免打扰时段.*<time datetime="${end}">`));
    await world.until(async () => (await of("held"))?.dueAt === end);
    expect(await press(one, "en")).toMatch(new RegExp(`quiet hours.*<time datetime="${end}">`));
    expect(await press({ act: "retry-all", state: "unknown" })).toMatch(/正在重试1条推送.*免打扰时段/);
    expect(await press({ act: "retry-all", state: "failed" })).not.toMatch(/正在重试0条推送.*免打扰时段/);
    expect(sink.received.some(({ path }) => path === `/${slug}/asleep`)).toBe(false);
  });

  it("of another unit can do none of it", async () => {
    const slug = await column();
    const id = await published(slug);
    await world.admin.put("/units/other", { name: "别的单位" });
    const other = await world.member("editor", "other");
    expect((await other.post(`/announcements/${id}/retry`, {})).status).toBe(404);
    const delivery = `${id}.1.aaaaaaaaaaaaaaaa`;
    expect((await other.post(`/deliveries/${delivery}/settle`, { state: "failed", reason: "不清楚" })).status).toBe(
      404,
    );
    expect((await other.get(`/announcements/${id}/ledger`)).status).toBe(404);
  });
});

describe("a subscriber", () => {
  it("who came late has what it missed sent after it, once, with its own token", async () => {
    const slug = await column();
    const early = await published(slug, "早先的公告");
    await closed(early);
    const made = await world.anyone.post("/subscriptions", {
      endpoint: { channel: "webhook", address: sink.url(`/${slug}/late`) },
      topics: [`column:${slug}`],
    });
    const holder = world.as(made.body.manageToken);
    const path = `/subscriptions/${made.body.id}`;
    await world.until(async () => (await holder.get(path)).body.status === "confirmed");
    const since = new Date(Date.now() - 3_600_000).toISOString();
    expect((await world.anyone.post(`${path}/replay`, { since })).status).toBe(401);
    expect((await holder.post(`${path}/replay`, { since: "yesterday" })).body.errors[0].code).toBe("TIME");
    for (let i = 0; i < 2; i++) expect((await holder.post(`${path}/replay`, { since })).status).toBe(202);
    await sink.until(1, `/${slug}/late`);
    await closed(early);
    expect(await ledger(early)).toMatchObject({ matched: 1, delivered: 1 });
    expect(sink.received.filter((event) => event.path === `/${slug}/late`)).toHaveLength(1);
  });
});

describe("anybody", () => {
  it("can see how the channels did, and the figures are those of the ledgers", async () => {
    await world.until(async () => {
      const { body } = await world.admin.get("/status");
      return body.channels.find(({ name }: { name: string }) => name === "webhook").delivered > 0;
    }, 15);
    const { body } = await world.anyone.get("/status");
    const webhook = body.channels.find(({ name }: { name: string }) => name === "webhook");
    expect(webhook.matched).toBe(
      webhook.delivered + webhook.suppressed + webhook.failed + webhook.unknown + webhook.held + webhook.waiting,
    );
    const page = await (await world.fetch("/status", { headers: { accept: "text/html" } })).text();
    expect(page).toContain("运行状态");
    expect(page).toContain("系统接口（Webhook）");
  });

  it("sees the operator's canary there once it had an announcement", async () => {
    const address = sink.url("/canary");
    expect((await world.admin.put("/channels/webhook", { canary: "ftp://x" })).body.errors[0].pointer).toBe("/canary");
    const set = await world.admin.put("/channels/webhook", { canary: address });
    expect([set.status, set.body.canary]).toEqual([200, address]);
    const id = await published(await column());
    await closed(id);
    await sink.until(1, "/canary");
    await world.until(async () => {
      const { body } = await world.admin.get("/status");
      return body.channels.find(({ name }: { name: string }) => name === "webhook").canary?.within10s === 1;
    }, 40); // settings and status are each at most ten seconds old
  }, 60_000);
});
