import { Webhook } from "standardwebhooks";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startWebhookSink, type WebhookSink } from "#tests/receivers/webhook-sink.ts";
import { openWorld, type Person, type TestWorld } from "#tests/world.ts";

let world: TestWorld;
let sink: WebhookSink;
let editor: Person;
let reviewer: Person;

beforeAll(async () => {
  sink = await startWebhookSink();
  world = await openWorld({ bot: true });
  await world.admin.put("/units/center", { name: "某县互联网信息中心" });
  editor = await world.member("editor", "center");
  reviewer = await world.member("reviewer", "center");
});
afterAll(async () => {
  await world.close();
  await sink.close();
});

async function subscribed(topics: unknown[], addresses: string[], more: object = {}): Promise<void> {
  const answer = await world.imported(addresses, { topics, ...more });
  expect(answer).toMatchObject({ accepted: addresses.length, rejected: 0 });
}

async function published(slug: string, more: object = {}): Promise<{ id: string; contentHash: string }> {
  const draft = await editor.post("/announcements", {
    title: "停水通知",
    body: "周三停水。",
    column: slug,
    unitId: "center",
    ...more,
  });
  expect(draft.status).toBe(201);
  const { id, contentHash } = draft.body;
  expect((await editor.post(`/announcements/${id}/publish`, { contentHash })).status).toBe(202);
  return { id, contentHash };
}

const settled = async (id: string) => {
  await world.until(async () => (await editor.get(`/announcements/${id}/ledger`)).body.closed);
  return (await editor.get(`/announcements/${id}/ledger`)).body;
};

describe("an editor who publishes", () => {
  it("sees every endpoint in the ledger, and it balances", async () => {
    const slug = await world.column();
    const room = world.room("居民群");
    const paths = Array.from({ length: 120 }, (_, i) => `/${slug}/${i}`);
    await subscribed([`column:${slug}`], [...paths.map((path) => sink.url(path)), room.address]);
    sink.answer(`/${slug}/7`, { status: 410 });
    const { id } = await published(slug);
    const ledger = await settled(id);
    expect(ledger).toMatchObject({
      revision: 1,
      closed: true,
      matched: 121,
      delivered: 120,
      failed: 1,
      waiting: 0,
      channels: { webhook: { matched: 120, delivered: 119, failed: 1 }, wechaty: { matched: 1, delivered: 1 } },
    });
    for (const path of paths) expect(sink.received.filter((event) => event.path === path).length, path).toBe(1);
    expect(room.received.length).toBe(1);
  });

  it("can prove what one endpoint got, and have a failed push tried again", async () => {
    const slug = await world.column();
    await subscribed([`column:${slug}`], [sink.url(`/${slug}/ok`), sink.url(`/${slug}/gone`)]);
    sink.answer(`/${slug}/gone`, { status: [410, 200] });
    const { id } = await published(slug);
    await settled(id);
    const of = (query: string) => editor.get(`/deliveries?announcement=${id}&${query}`);
    const ok = (await of(`endpoint=${encodeURIComponent(sink.url(`/${slug}/ok`))}`)).body.items;
    expect(ok).toMatchObject([
      {
        state: "delivered",
        channel: "webhook",
        matched: [`column:${slug}`],
        attempts: [{ status: 204, outcome: "delivered", ms: expect.any(Number), at: expect.any(String) }],
      },
    ]);
    const event = sink.received.find(({ path }) => path === `/${slug}/ok`);
    expect(event?.headers["webhook-id"]).toBe(ok[0].id);
    const failed = (await of("state=failed")).body.items;
    expect(failed).toMatchObject([
      { state: "failed", address: sink.url(`/${slug}/gone`), attempts: [{ status: 410, outcome: "gone" }] },
    ]);
    expect((await editor.post(`/deliveries/${ok[0].id}/retry`)).body.code).toBe("STATE");
    expect((await editor.post(`/deliveries/${ok[0].id}.x/retry`)).status).toBe(404);
    const retried = await editor.post(`/deliveries/${failed[0].id}/retry`);
    expect([retried.status, retried.body.state]).toEqual([202, "waiting"]);
    // The endpoint ended with its 410, so it is told nothing more.
    await world.until(async () => (await of(`endpoint=${failed[0].endpoint}`)).body.items[0].state === "suppressed");
    expect((await of("limit=1")).body).toMatchObject({ items: [{}], next: expect.any(String) });
  });

  it("is told before anything goes out whom it will reach, and how long that takes", async () => {
    const slug = await world.column();
    await subscribed([`column:${slug}`], [sink.url(`/${slug}/a`), sink.url(`/${slug}/b`)]);
    await subscribed([`column:${slug}`], [world.room("群").address]);
    const draft = await editor.post("/announcements", { title: "试", body: "正文", column: slug, unitId: "center" });
    const rehearsal = await editor.get(`/announcements/${draft.body.id}/rehearsal`);
    expect(rehearsal.body).toMatchObject({
      audience: 3,
      estimated: false,
      contentHash: draft.body.contentHash,
      text: { title: "试", summary: "正文" },
      channels: { webhook: { endpoints: 2 }, wechaty: { endpoints: 1 } },
    });
    expect(sink.received.filter(({ path }) => path.startsWith(`/${slug}/`))).toEqual([]);
  });

  it("is told how many will not get it at once: digests and those who sleep now, unless the text may wake them", async () => {
    const slug = await world.column();
    await world.admin.put(`/columns/${slug}`, { name: "通知", kind: "alert", mayBreakQuietHours: true, approvals: 0 });
    const always = { from: "00:00", to: "23:59" };
    await subscribed([`column:${slug}`], [sink.url(`/${slug}/now`)]);
    await subscribed([`column:${slug}`], [sink.url(`/${slug}/weekly`)], { frequency: "weekly" });
    await subscribed([`column:${slug}`], [sink.url(`/${slug}/asleep`)], { quietHours: always });
    const held = async (urgency: string) => {
      const text = { title: "试一试", body: "正文", column: slug, unitId: "center", urgency };
      const draft = await editor.post("/announcements", text);
      return (await editor.get(`/announcements/${draft.body.id}/rehearsal`)).body.channels.webhook;
    };
    expect(await held("routine")).toMatchObject({ endpoints: 3, held: 2 });
    expect(await held("urgent")).toMatchObject({ endpoints: 3, held: 0 });
  });

  it("corrects and withdraws, and those who saw the text hear of it", async () => {
    const slug = await world.column();
    await subscribed([`column:${slug}`], [sink.url(`/${slug}/a`)]);
    const { id } = await published(slug);
    await settled(id);
    const content = { title: "停水通知（更正）" };
    const changed = await editor.get(`/announcements/${id}`);
    const patched = await editor.patch(`/announcements/${id}`, content, { "if-match": changed.etag });
    const corrected = await editor.post(`/announcements/${id}/correct`, {
      contentHash: patched.body.contentHash ?? patched.body.work?.contentHash,
      reason: "时间有误",
    });
    expect(corrected.status).toBe(202);
    await world.until(async () => sink.received.filter(({ path }) => path === `/${slug}/a`).length === 2);
    await subscribed([`column:${slug}`], [sink.url(`/${slug}/late`)]);
    expect((await editor.post(`/announcements/${id}/withdraw`, { reason: "作废" })).status).toBe(202);
    await world.until(async () => sink.received.filter(({ path }) => path === `/${slug}/a`).length === 3);
    const types = sink.received
      .filter(({ path }) => path === `/${slug}/a`)
      .map(({ body }) => JSON.parse(body.toString()).type.split(".").at(-1));
    expect(types).toEqual(["published", "corrected", "withdrawn"]);
    await settled(id);
    expect(sink.received.some(({ path }) => path === `/${slug}/late`)).toBe(false);
  });

  it("signs with both secrets while a subscriber changes them", async () => {
    const slug = await world.column();
    const [old, next] = [1, 2].map((byte) => Buffer.alloc(32, byte).toString("base64"));
    const asked = await world.anyone.post("/subscriptions", {
      endpoint: { channel: "webhook", address: sink.url(`/${slug}/rotating`), secret: old },
      topics: [`column:${slug}`],
    });
    const owner = world.as(asked.body.manageToken);
    const path = `/subscriptions/${asked.body.id}`;
    await world.until(async () => (await owner.get(path)).body.status === "confirmed");
    const { etag } = await owner.get(path);
    expect((await owner.patch(path, { endpoint: { secret: next } }, { "if-match": etag })).status).toBe(200);
    await settled((await published(slug)).id);
    const event = sink.received.find((one) => one.path === `/${slug}/rotating`);
    for (const secret of [old, next])
      new Webhook(secret ?? "").verify(event?.body ?? "", event?.headers as Record<string, string>);

    const rotating = await owner.get(path);
    await owner.patch(path, { endpoint: { secret: next } }, { "if-match": rotating.etag });
    await settled((await published(slug)).id);
    const last = sink.received.findLast((one) => one.path === `/${slug}/rotating`);
    const verified = (secret = "") =>
      new Webhook(secret).verify(last?.body ?? "", last?.headers as Record<string, string>);
    expect(verified(next)).toBeDefined();
    expect(() => verified(old)).toThrow();
  });
});

it("shows ledgers and deliveries to the unit's editors only", async () => {
  const { id } = await published(await world.column());
  await world.admin.put("/units/elsewhere", { name: "别的单位" });
  const other = await world.member("editor", "elsewhere");
  for (const path of [
    `/announcements/${id}/ledger`,
    `/announcements/${id}/rehearsal`,
    `/deliveries?announcement=${id}`,
  ]) {
    expect([path, (await world.anyone.get(path)).status]).toEqual([path, 401]);
    expect([path, (await reviewer.get(path)).status]).toEqual([path, 403]);
    expect([path, (await other.get(path)).status]).toEqual([path, 404]);
    expect([path, (await editor.get(path)).status]).toEqual([path, 200]);
  }
  const missing = `${id}.1.AAAAAAAAAAAAAAAA`;
  expect((await other.post(`/deliveries/${missing}/retry`)).status).toBe(404);
  expect((await editor.post(`/deliveries/${missing}/retry`)).status).toBe(404);
  expect((await editor.get(`/deliveries?announcement=${id}&state=lost`)).status).toBe(422);
});

it("a receiver that read a text and broke off before its answer is told when the text is withdrawn", async () => {
  const slug = await world.column();
  await subscribed([`column:${slug}`], [sink.url(`/${slug}/read`), sink.url(`/${slug}/busy`)]);
  sink.answer(`/${slug}/read`, { fault: "reset" });
  sink.answer(`/${slug}/busy`, { status: 503, headers: { "retry-after": "3600" } });
  const { id } = await published(slug);
  await sink.until(1, `/${slug}/read`);
  await sink.until(1, `/${slug}/busy`);
  await world.until(async () => {
    const { body } = await editor.get(`/deliveries?announcement=${id}`);
    return body.items.every(({ attempts }: { attempts: unknown[] }) => attempts.length > 0);
  });
  sink.answer(`/${slug}/read`, {});
  const withdrawn = await editor.post(`/announcements/${id}/withdraw`, { reason: "误发" });
  expect(withdrawn.status).toBe(202);
  await settled(id);
  const types = (path: string) =>
    sink.received
      .filter((one) => one.path === path)
      .map(({ body }) => JSON.parse(body.toString()).type.split(".").at(-1));
  expect(types(`/${slug}/read`).at(-1)).toBe("withdrawn");
  // Who said "not now" has nothing to take back.
  expect(types(`/${slug}/busy`)).toEqual(["published"]);
});
