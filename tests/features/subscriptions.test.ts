import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startWebhookSink, type WebhookSink } from "#tests/receivers/webhook-sink.ts";
import { openWorld, type Person, type TestWorld } from "#tests/world.ts";

let world: TestWorld;
let sink: WebhookSink;
let places = 0;

beforeAll(async () => {
  sink = await startWebhookSink();
  world = await openWorld({ bot: true });
});
afterAll(async () => {
  await world.close();
  await sink.close();
});

const wish = (more: object = {}) => ({
  endpoint: { channel: "webhook", address: sink.url(`/s${++places}`) },
  topics: ["column:防电诈".replace("防电诈", "anti-fraud")],
  ...more,
});

async function asked(
  more: object = {},
): Promise<{ id: string; owner: Person; path: string; body: ReturnType<typeof wish> }> {
  const body = wish(more);
  const answer = await world.anyone.post("/subscriptions", body);
  expect([answer.status, answer.body.status]).toEqual([202, "pending"]);
  return {
    id: answer.body.id,
    owner: world.as(answer.body.manageToken),
    path: `/subscriptions/${answer.body.id}`,
    body,
  };
}

async function confirmed(more: object = {}) {
  const subscription = await asked(more);
  await world.until(async () => (await subscription.owner.get(subscription.path)).body.status === "confirmed");
  return subscription;
}

describe("somebody who subscribes a webhook", () => {
  it("is answered at once, confirms by echo, and reads what was agreed", async () => {
    const { owner, path, body } = await confirmed({ frequency: "daily", quietHours: { from: "22:00", to: "07:00" } });
    const read = await owner.get(path);
    expect(read.body).toMatchObject({
      status: "confirmed",
      endpoint: body.endpoint,
      topics: body.topics,
      frequency: "daily",
      quietHours: { from: "22:00", to: "07:00" },
      language: "zh-CN",
    });
    expect(JSON.stringify(read.body)).not.toMatch(/[Hh]ash|secret|manageToken/);
    expect(read.etag).toContain(`"${read.body.version}-`);
    expect((await world.admin.get(path)).status).toBe(200);
  });

  it("gets a secret made for it, or keeps the one it brought", async () => {
    const made = await world.anyone.post("/subscriptions", wish());
    expect(made.body.secret).toMatch(/^whsec_[A-Za-z0-9+/]{43}=$/);
    const secret = `whsec_${Buffer.alloc(32, 9).toString("base64")}`;
    const brought = await world.anyone.post(
      "/subscriptions",
      wish({ endpoint: { channel: "webhook", address: sink.url("/own"), secret } }),
    );
    expect(brought.status).toBe(202);
    expect(brought.body.secret).toBeUndefined();
  });

  it("stays pending when the endpoint does not agree", async () => {
    sink.answer("/silent", { confirm: "no" });
    const { owner, path } = await asked({ endpoint: { channel: "webhook", address: sink.url("/silent") } });
    await world.until(async () => sink.confirmations.some(({ path: at }) => at === "/silent"));
    expect((await owner.get(path)).body.status).toBe("pending");
  });

  it("is told what is wrong with its wishes", async () => {
    const refusals: [object, string, string][] = [
      [wish({ topics: [] }), "/topics", "TOPICS_REQUIRED"],
      [wish({ topics: ["duty"] }), "/topics/0", "TOPIC"],
      [wish({ frequency: "hourly" }), "/frequency", ""],
      [wish({ quietHours: { from: "25:00", to: "07:00" } }), "/quietHours/from", "CLOCK"],
      [wish({ quietHours: { from: "07:00", to: "07:00" } }), "/quietHours", "QUIET_HOURS"],
      [wish({ endpoint: { channel: "pigeon", address: "x" } }), "/endpoint/channel", "CHANNEL_UNKNOWN"],
      [wish({ endpoint: { channel: "webhook", address: "http://10.0.0.1/" } }), "/endpoint/address", ""],
      [
        wish({ endpoint: { channel: "webhook", address: sink.url("/x"), secret: "short" } }),
        "/endpoint/secret",
        "SECRET",
      ],
      [wish({ status: "confirmed" }), "/status", "UNKNOWN_KEY"],
      [wish({ confirmed: true }), "/confirmed", "UNKNOWN_KEY"],
    ];
    for (const [body, pointer, code] of refusals) {
      const answer = await world.anyone.post("/subscriptions", body);
      expect([pointer, answer.status]).toEqual([pointer, 422]);
      expect(answer.body.errors[0].pointer).toBe(pointer);
      if (code !== "") expect(answer.body.errors[0].code).toBe(code);
    }
  });

  it("changes it under the version it read, and rotates its secret", async () => {
    const { owner, path } = await confirmed();
    const { etag } = await owner.get(path);
    expect((await owner.patch(path, { topics: ["all"] })).status).toBe(428);
    const changed = await owner.patch(path, { topics: ["all"], language: "en" }, { "if-match": etag });
    expect([changed.status, changed.body.status, changed.body.topics]).toEqual([200, "confirmed", ["all"]]);
    expect((await owner.patch(path, { topics: ["all"] }, { "if-match": etag })).status).toBe(412);
    const rotated = await owner.patch(
      path,
      { endpoint: { secret: Buffer.alloc(32, 5).toString("base64") } },
      { "if-match": changed.etag },
    );
    expect([rotated.status, rotated.body.status]).toEqual([200, "confirmed"]);
  });

  it("has to confirm another address", async () => {
    sink.answer("/moved-silent", { confirm: "no" });
    const { owner, path } = await confirmed();
    const { etag } = await owner.get(path);
    const moved = await owner.patch(path, { endpoint: { address: sink.url("/moved-silent") } }, { "if-match": etag });
    expect([moved.status, moved.body.status]).toEqual([200, "pending"]);
    const back = await owner.patch(path, { endpoint: { address: sink.url("/moved") } }, { "if-match": moved.etag });
    // The question may have been asked meanwhile, which changes the version.
    const { etag: now } = await owner.get(path);
    if (back.status === 412)
      await owner.patch(path, { endpoint: { address: sink.url("/moved") } }, { "if-match": now });
    await world.until(async () => (await owner.get(path)).body.status === "confirmed");
  });

  it("unsubscribes, and the subscription is gone", async () => {
    const { owner, path } = await confirmed();
    expect((await owner.delete(path)).status).toBe(204);
    expect((await owner.get(path)).status).toBe(404);
    expect((await world.admin.get(path)).status).toBe(404);
  });

  it("is nobody else's: without the right token there is no way in", async () => {
    const { path } = await asked();
    const other = await asked();
    const clerk = await world.member("clerk");
    expect((await world.anyone.get(path)).status).toBe(401);
    expect((await other.owner.get(path)).status).toBe(401);
    expect((await other.owner.get("/subscriptions/sub_00000000000000000000000000")).status).toBe(401);
    expect((await clerk.get(path)).status).toBe(403);
    expect((await other.owner.delete(path)).status).toBe(401);
  });

  it("asks once for one key, and a repeat does not show the token again", async () => {
    const body = wish();
    const headers = { "idempotency-key": "subscribe-0123456789" };
    const first = await world.anyone.post("/subscriptions", body, headers);
    const again = await world.anyone.post("/subscriptions", body, headers);
    expect(again.status).toBe(202);
    expect(again.headers.get("idempotency-replayed")).toBe("true");
    expect(again.body.id).toBe(first.body.id);
    expect(again.body.manageToken).toBeUndefined();
  });
});

it("confirms a room by the code that comes back from it", async () => {
  const room = world.room("居民群");
  const asked = await world.anyone.post("/subscriptions", {
    endpoint: { channel: "wechaty", address: room.address },
    topics: ["column:anti-fraud"],
  });
  const owner = world.as(asked.body.manageToken);
  await world.until(async () => room.received.length > 0);
  const text = JSON.stringify(room.received[0]);
  const code = /[2-9A-HJKMNP-TV-Z]{8}/.exec(text)?.[0] ?? "";
  expect(text).not.toContain("anti-fraud");
  world.wechat.says(world.contact("群主").address.slice("contact:".length), code, room.address.slice("room:".length));
  await world.until(async () => (await owner.get(`/subscriptions/${asked.body.id}`)).body.status === "confirmed");
});

it("lists every subscription once for an admin, page by page, without what is secret", async () => {
  const addresses = Array.from({ length: 45 }, (_, i) => sink.url(`/listed-${i}`));
  await world.imported(addresses, { topics: ["column:policy"] });
  const waits = await world.anyone.post("/subscriptions", wish({ topics: ["column:policy"] }));
  const left = await world.anyone.post("/subscriptions", wish({ topics: ["column:policy"] }));
  await world.as(left.body.manageToken).delete(`/subscriptions/${left.body.id}`);
  const found: { id: string; topics: string[] }[] = [];
  for (let cursor = ""; ; ) {
    const page = await world.admin.get(`/subscriptions?limit=7${cursor}`);
    expect([page.status, page.body.items.length <= 7]).toEqual([200, true]);
    found.push(...page.body.items);
    if (page.body.next === undefined) break;
    cursor = `&cursor=${page.body.next}`;
  }
  const ours = found.filter(({ topics }) => topics.includes("column:policy"));
  expect(ours).toHaveLength(46);
  expect(new Set(found.map(({ id }) => id)).size).toBe(found.length);
  expect(ours.map(({ id }) => id)).toContain(waits.body.id);
  expect(JSON.stringify(found)).not.toMatch(/[Hh]ash|secret|manageToken/);
  expect((await world.anyone.get("/subscriptions")).status).toBe(401);
  expect((await (await world.member("editor")).get("/subscriptions")).status).toBe(403);
});

it("refuses only those lines of an import that cannot be read, and says which field is wrong", async () => {
  const line = (more: object) =>
    JSON.stringify({
      endpoint: { channel: "webhook", address: sink.url("/odd") },
      topics: ["column:anti-fraud"],
      confirmed: true,
      basis: "登记表",
      ...more,
    });
  const lines = [
    line({}),
    line({ basis: "登记\u0000表" }),
    line({ topics: ["tag:\ud800"] }),
    line({ basis: "登记\ufffe表" }),
    "\u0000",
    `${line({}).slice(0, -1)},"basis":"另一份"}`,
    line({ endpoint: undefined }),
    line({ topics: ["column:anti-fraud", 7] }),
    line({ endpoint: { channel: "webhook", address: sink.url("/even") } }),
  ];
  const answer = await world.admin.post("/subscriptions/import", lines.join("\n"), "application/x-ndjson");
  expect([answer.status, answer.body.accepted, answer.body.rejected]).toEqual([200, 2, 7]);
  const told = answer.body.errors.map(({ line, code }: { line: number; code: string }) => [line, code]);
  expect(told).toEqual([
    [2, "CHARACTER"],
    [3, "CHARACTER"],
    [4, "CHARACTER"],
    [5, "JSON"],
    [6, "DUPLICATE_KEY"],
    [7, "REQUIRED"],
    [8, "TOPIC"],
  ]);
  expect(answer.body.errors[5].detail).toContain("/endpoint");
});

it("imports many at once, line by line, for an admin only", async () => {
  const lines = [1, 2, 3].map((i) =>
    JSON.stringify({
      endpoint: { channel: "webhook", address: sink.url(`/imported-${i}`) },
      topics: ["column:anti-fraud"],
      confirmed: i !== 2,
      ...(i === 1 ? { basis: "登记表" } : {}),
    }),
  );
  const type = "application/x-ndjson";
  const answer = await world.admin.post("/subscriptions/import", lines.join("\n"), type);
  expect(answer.status).toBe(200);
  expect(answer.body).toEqual({
    accepted: 2,
    rejected: 1,
    errors: [{ line: 3, code: "BASIS_REQUIRED", detail: expect.any(String) }],
  });
  expect((await world.anyone.post("/subscriptions/import", lines[0], type)).status).toBe(401);
  expect((await (await world.member("editor")).post("/subscriptions/import", lines[0], type)).status).toBe(403);
  expect((await world.admin.post("/subscriptions/import", lines[0], "application/json")).status).toBe(415);
});
