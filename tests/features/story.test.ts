import { existsSync, readFileSync } from "node:fs";
import { CloudEvent, HTTP } from "cloudevents";
import { Webhook } from "standardwebhooks";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startWebhookSink } from "#tests/receivers/webhook-sink.ts";
import { openWorld, type TestWorld } from "#tests/world.ts";

const SEED = "../shared/seed/annual-report-page-2021.txt";
const OWN_SAMPLE = "src/demo/annual-report-page.txt";

/** The real page when it lies beside the repository, our own invented one otherwise: the story is the same. */
const page = readFileSync(existsSync(SEED) ? SEED : OWN_SAMPLE, "utf8");

let house: TestWorld;
let sink: Awaited<ReturnType<typeof startWebhookSink>>;

beforeAll(async () => {
  sink = await startWebhookSink();
  house = await openWorld({ bot: true });
});

afterAll(async () => {
  await house.close();
  await sink.close();
});

describe("a real report goes in, a real announcement comes out", () => {
  it("takes the yearly report from a copied page to subscribers on every channel", async () => {
    await house.admin.put("/units/county-party-publicity", { name: "中共乾县县委宣传部" });
    await house.admin.put("/units/county-internet-centre", {
      name: "乾县互联网信息中心",
      division: "610424",
      parentId: "county-party-publicity",
    });
    const clerk = await house.member("clerk", "county-internet-centre");
    const sponsor = await house.member("sponsor", "county-party-publicity");
    const registrar = await house.member("registrar");
    const stranger = await house.member("clerk", "county-party-publicity");

    // Somebody asks for it by webhook and confirms; a room and a contact were signed up by the centre.
    const asked = await house.anyone.post("/subscriptions", {
      endpoint: { channel: "webhook", address: sink.url("/hook") },
      topics: ["column:annual-reports", "unit:county-internet-centre"],
    });
    expect(asked.status).toBe(202);
    const { id: subscriptionId, manageToken } = asked.body;
    await house.until(async () => {
      const read = await house.as(manageToken).get(`/subscriptions/${subscriptionId}`);
      return read.body.status === "confirmed";
    });
    const secret = asked.body.secret as string;
    const room = house.room("网信员工作群");
    const contact = house.contact("值班员");
    const imported = await house.admin.post(
      "/subscriptions/import",
      [room.address, contact.address]
        .map((address) =>
          JSON.stringify({
            endpoint: { channel: "wechaty", address },
            topics: ["column:annual-reports"],
            confirmed: true,
            basis: "工作群登记表",
          }),
        )
        .join("\n"),
      "application/x-ndjson",
    );
    expect(imported.body).toMatchObject({ accepted: 2, rejected: 0 });

    // The page is imported; what it lacks is named; then it is completed.
    const draft = await clerk.post("/annual-reports/import", page, "text/plain; charset=utf-8");
    expect(draft.status).toBe(201);
    expect(draft.body).toMatchObject({ reportYear: 2021, headcount: 7, late: true, daysLate: 60 });
    const warnings = draft.body.warnings.map((warning: { code: string }) => warning.code);
    expect(warnings).toContain("USCC_MISSING");
    expect(warnings).toContain("CONTRADICTORY_QUALIFIER");
    const report = `/annual-reports/${draft.body.id}`;
    expect((await stranger.get(report)).status).toBe(404);

    const completed = await clerk.patch(report, { uscc: "12610424436900018C" }, { "if-match": draft.etag });
    expect(completed.status).toBe(200);
    const submitted = await clerk.post(`${report}/submit`, {});
    expect(submitted.status).toBe(200);
    const contentHash = submitted.body.contentHash;
    const opinion = { truthful: true, confidentialityChecked: true, mayPublish: true, signer: "张某" };
    expect((await clerk.post(`${report}/sponsor-approve`, { contentHash, opinion })).status).toBe(403);
    const other = await sponsor.post(`${report}/sponsor-approve`, { contentHash: "0".repeat(64), opinion });
    expect([other.status, other.body.code]).toEqual([409, "CONTENT_HASH_MISMATCH"]);
    expect((await sponsor.post(`${report}/sponsor-approve`, { contentHash, opinion })).status).toBe(200);
    expect((await clerk.post(`${report}/file`, { contentHash })).status).toBe(200);
    expect((await registrar.post(`${report}/accept`, { contentHash })).status).toBe(200);
    const published = await registrar.post(`${report}/publish`, { contentHash });
    expect(published.status).toBe(200);
    const announcementId = published.body.announcementId as string;

    // The webhook: signature by the standard's own package, body by the CloudEvents SDK.
    const [pushed] = await sink.until(1, "/hook");
    if (!pushed) throw new Error("nothing arrived");
    const text = pushed.body.toString("utf8");
    const headers = pushed.headers as Record<string, string>;
    new Webhook(secret.replace(/^whsec_/, "")).verify(text, headers);
    const event = HTTP.toEvent({ headers, body: text }) as CloudEvent<Record<string, unknown>>;
    expect(event).toBeInstanceOf(CloudEvent);
    expect(event.validate()).toBe(true);
    expect(event.type).toBe("cn.gaoshi.announcement.published");
    expect(event.subject).toBe(announcementId);
    expect(event.id).toBe(pushed.headers["webhook-id"]);
    expect(event.data).toMatchObject({
      id: announcementId,
      revision: 1,
      column: "annual-reports",
      unit: expect.anything(),
      matched: ["column:annual-reports", "unit:county-internet-centre"],
    });

    // The chat: a link card in the room and at the contact, each once.
    const card = await room.next();
    expect(card.url).toContain(`/announcements/${announcementId}`);
    expect(card.title).toContain("2021");
    expect((await contact.next()).url).toBe(card.url);

    // The feeds.
    for (const feed of ["/feed.atom", "/feed.rss", "/feed.json", "/columns/annual-reports/feed.atom"]) {
      const answer = await house.fetch(feed);
      expect(answer.status, feed).toBe(200);
      expect(await answer.text(), feed).toContain(announcementId);
    }

    // The ledger adds up.
    await house.until(async () => (await house.admin.get(`/announcements/${announcementId}/ledger`)).body.closed);
    const ledger = (await house.admin.get(`/announcements/${announcementId}/ledger`)).body;
    expect(ledger).toMatchObject({
      revision: 1,
      closed: true,
      matched: 3,
      delivered: 3,
      suppressed: 0,
      failed: 0,
      unknown: 0,
      held: 0,
      waiting: 0,
      channels: { webhook: { matched: 1, delivered: 1 }, wechaty: { matched: 2, delivered: 2 } },
    });
    const deliveries = await house.admin.get(`/deliveries?announcement=${announcementId}&state=delivered`);
    expect(deliveries.body.items).toHaveLength(3);
    expect(deliveries.body.items[0].attempts[0]).toMatchObject({ at: expect.any(String), ms: expect.any(Number) });
    expect([sink.received.length, sink.confirmations.length]).toEqual([1, 1]);
    expect([room.received.length, contact.received.length]).toEqual([1, 1]);
  });
});
