import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openWorld, type Person, type TestWorld } from "../world.ts";

let world: TestWorld;
let editor: Person;
let ahead = 0;
const COLUMN = "paced";

beforeAll(async () => {
  world = await openWorld({ bot: true, now: () => new Date(Date.now() + ahead) });
  editor = await world.member("editor");
  await world.admin.put("/units/center", { name: "某县互联网信息中心" });
  await world.admin.put(`/columns/${COLUMN}`, {
    name: "通知",
    kind: "notice",
    mayBreakQuietHours: false,
    approvals: 0,
  });
});
afterAll(() => world.close());

async function subscribed(address: string): Promise<void> {
  const line = {
    endpoint: { channel: "wechaty", address },
    topics: [`column:${COLUMN}`],
    confirmed: true,
    basis: "test",
  };
  const { body } = await world.admin.post("/subscriptions/import", JSON.stringify(line), "application/x-ndjson");
  expect(body).toMatchObject({ accepted: 1 });
}

async function drafted(title: string, more: object = {}) {
  const draft = await editor.post("/announcements", { title, body: "正文", column: COLUMN, unitId: "center", ...more });
  expect(draft.status).toBe(201);
  return draft.body;
}

async function published(title: string, more: object = {}): Promise<string> {
  const { id, contentHash } = await drafted(title, more);
  expect((await editor.post(`/announcements/${id}/publish`, { contentHash })).status).toBe(202);
  return id;
}

const delivery = async (id: string) => (await editor.get(`/deliveries?announcement=${id}`)).body.items[0];

describe("an account that may send three messages a minute", () => {
  it("sends three, says when the others come, and lets an urgent one go first", async () => {
    const room = world.room("村民群");
    await subscribed(room.address);
    const { etag } = await world.admin.get("/channels/wechaty");
    const windows = [{ seconds: 60, count: 3 }];
    expect((await world.admin.put("/channels/wechaty", { windows }, { "if-match": etag })).status).toBe(200);

    const fresh = await drafted("预演");
    const before = await editor.get(`/announcements/${fresh.id}/rehearsal`);
    expect(before.body.channels.wechaty).toMatchObject({ endpoints: 1, held: 0, drainSeconds: 1, ready: true });
    expect(before.body.channels.wechaty.texts).toEqual([
      { language: "zh-CN", text: expect.stringContaining("预演"), bytes: expect.any(Number), limit: 2000, faults: [] },
    ]);

    const ids: string[] = [];
    for (let n = 1; n <= 7; n++) {
      ids.push(await published(`第${n}条`));
      await world.until(async () => (await delivery(ids.at(-1) ?? ""))?.state !== undefined);
      await world.until(async () => {
        const { state, dueAt } = await delivery(ids.at(-1) ?? "");
        return state === "delivered" || dueAt !== undefined;
      });
    }
    expect(room.received).toHaveLength(3);
    const waiting = await delivery(ids[6] ?? "");
    expect(waiting).toMatchObject({ state: "waiting", waitsFor: "rate", attempts: [] });
    const due = Date.parse(waiting.dueAt) - Date.now();
    expect(due).toBeGreaterThan(110_000);
    expect(due).toBeLessThan(126_000);
    expect((await editor.get(`/announcements/${ids[6]}/ledger`)).body).toMatchObject({ waiting: 1, delivered: 0 });

    const after = await editor.get(`/announcements/${fresh.id}/rehearsal`);
    expect(after.body.channels.wechaty.drainSeconds).toBeGreaterThan(50);
    expect(Date.parse(after.body.channels.wechaty.lastAt) - Date.now()).toBeGreaterThan(50_000);

    const urgent = await published("紧急", { urgency: "urgent" });
    await world.until(async () => (await delivery(urgent))?.dueAt !== undefined);
    ahead += 63_000;
    await world.until(async () => room.received.length === 6, 20);
    const titles = room.received.slice(3).map((one) => (one.kind === "link" ? one.title : ""));
    expect(titles).toContain("紧急");
    expect(await delivery(urgent)).toMatchObject({ state: "delivered", attempts: [{ outcome: "delivered" }] });
    ahead += 63_000;
    await world.until(async () => room.received.length === 8, 20);
    for (const id of [...ids, urgent]) expect((await delivery(id)).state).toBe("delivered");
  }, 60_000);

  it("stops at the first word that it sends too often; a draft says so, and the rest follows half an hour later", async () => {
    ahead += 200_000;
    world.wechat.next({ error: "操作过于频繁，请稍后再试。" });
    const seen = world.wechat.sent.length;
    const refused = await published("太快");
    await world.until(async () => (await delivery(refused))?.attempts.length === 1);
    const next = await published("再来");
    await world.until(async () => (await delivery(next))?.dueAt !== undefined);
    expect(await delivery(next)).toMatchObject({ state: "waiting", attempts: [], waitsFor: "rate" });
    expect(Date.parse((await delivery(next)).dueAt) - Date.now() - ahead).toBeGreaterThan(1_700_000);
    const draft = await drafted("草稿");
    expect(draft.warnings).toMatchObject([{ channel: "wechaty", code: "CHANNEL_PAUSED" }]);
    const { paused } = (await editor.get(`/announcements/${draft.id}/rehearsal`)).body.channels.wechaty;
    expect(paused).toMatchObject({ because: "rate" });
    const edited = await editor.get(`/announcements/${draft.id}`);
    const change = await editor.patch(`/announcements/${draft.id}`, { title: "改" }, { "if-match": edited.etag });
    expect(change.body.warnings).toMatchObject([{ channel: "wechaty", code: "CHANNEL_PAUSED" }]);
    expect(world.wechat.sent).toHaveLength(seen);
    ahead += 1_990_000;
    await world.until(async () => world.wechat.sent.length === seen + 2, 20);
    expect((await drafted("之后")).warnings).toEqual([]);
  }, 60_000);
});

describe("an admin", () => {
  it("is refused a pace for a channel that has no account to keep it", async () => {
    const windows = [{ seconds: 60, count: 3 }];
    const { status, body } = await world.admin.put("/channels/webhook", { windows });
    expect([status, body.errors]).toMatchObject([422, [{ pointer: "/windows", code: "WINDOWS_UNKNOWN" }]]);
    expect((await world.admin.get("/channels/webhook")).body.limits.windows).toEqual([]);
  });
});
