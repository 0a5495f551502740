import { simpleParser } from "mailparser";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type ReceivedMail, type SmtpSink, startSmtpSink } from "#tests/receivers/smtp-sink.ts";
import { openWorld, type Person, type TestWorld } from "#tests/world.ts";

const READERS = 30;
const SECONDS = 2;
const WINDOW = { seconds: SECONDS, count: 3 };

let world: TestWorld;
let sink: SmtpSink;
let editor: Person;

beforeAll(async () => {
  sink = await startSmtpSink();
  world = await openWorld();
  const settings = { from: "notice@county.example", smtpUrl: `smtp://127.0.0.1:${sink.port}` };
  const { status } = await world.admin.put("/channels/email", { settings, windows: [WINDOW] });
  expect(status).toBe(200);
  await world.admin.put("/units/center", { name: "某县互联网信息中心" });
  editor = await world.member("editor");
});
afterAll(async () => {
  await world.close();
  await sink.close();
});

/** A column of its own, and thirty who read it. */
async function read(slug: string): Promise<void> {
  await world.admin.put(`/columns/${slug}`, { name: slug, kind: "news", mayBreakQuietHours: true, approvals: 0 });
  const line = (n: number) => ({
    endpoint: { channel: "email", address: `${slug}-${n}@example.org` },
    topics: [`column:${slug}`],
    ...{ confirmed: true, basis: "test" },
  });
  const lines = Array.from({ length: READERS }, (_, n) => JSON.stringify(line(n))).join("\n");
  const { body } = await world.admin.post("/subscriptions/import", lines, "application/x-ndjson");
  expect(body).toMatchObject({ accepted: READERS });
}

async function publish(column: string, title: string) {
  const draft = await editor.post("/announcements", { title, body: "正文。", column, unitId: "center" });
  const { id, contentHash } = draft.body;
  expect((await editor.post(`/announcements/${id}/publish`, { contentHash })).status).toBe(202);
  return { id, contentHash };
}

const ledgerOf = async (id: string, revision: number) =>
  (await editor.get(`/announcements/${id}/ledger?revision=${revision}`)).body;

const isOver = async (id: string, revision: number) => {
  const { matched, waiting } = await ledgerOf(id, revision);
  return matched === READERS && waiting === 0;
};

type Mail = { to: string; subject: string; at: number };

async function mailsTo(slug: string): Promise<Mail[]> {
  const its = sink.received.filter(({ to }) => to.startsWith(`${slug}-`));
  const read = async ({ to, raw, at }: ReceivedMail) => ({ to, at, subject: (await simpleParser(raw)).subject ?? "" });
  return Promise.all(its.map(read));
}

/** The most mails that came within any stretch of the window. */
function mostInAWindow(mails: Mail[], seconds = SECONDS): number {
  const times = mails.map(({ at }) => at);
  return Math.max(...times.map((from) => times.filter((at) => at >= from && at < from + seconds * 1000).length));
}

describe("a mail server that takes three mails in a few seconds", () => {
  it("has a correction sent first to those who have the wrong text, and the wrong text to nobody any more", async () => {
    await read("wrong");
    const { id, contentHash } = await publish("wrong", "原文");
    await world.until(async () => (await mailsTo("wrong")).length >= 3, 20);
    const work = { contentHash, reason: "日期有误", title: "更正" };
    expect((await editor.post(`/announcements/${id}/correct`, work)).status).toBe(202);
    await world.until(async () => (await ledgerOf(id, 2)).matched === READERS, 20);
    const planned = performance.now();
    const inFlight = WINDOW.count;
    await world.until(() => isOver(id, 2), 240);
    const mails = await mailsTo("wrong");
    const old = mails.filter(({ subject }) => subject.includes("原文"));
    const corrected = mails.filter(({ subject }) => subject.includes("更正"));
    expect(old.length).toBeLessThanOrEqual(3 + inFlight);
    expect(old.filter(({ at }) => at > planned + 1000)).toEqual([]);
    const saw = old.map(({ to }) => to).toSorted();
    expect(
      corrected
        .slice(0, saw.length)
        .map(({ to }) => to)
        .toSorted(),
    ).toEqual(saw);
    expect(new Set(corrected.map(({ to }) => to)).size).toBe(READERS);
    expect(corrected).toHaveLength(READERS);
    expect(mostInAWindow(mails)).toBeLessThanOrEqual(WINDOW.count);
    // Eleven windows, each a quarter of a second longer than it is said to be, and a second for each to be awake in.
    const took = (Math.max(...corrected.map(({ at }) => at)) - planned) / 1000;
    expect(took).toBeLessThanOrEqual(11 * (SECONDS + 1.25) + 5);
    const [first, second] = await Promise.all([ledgerOf(id, 1), ledgerOf(id, 2)]);
    expect(first).toMatchObject({
      matched: READERS,
      delivered: old.length,
      suppressed: READERS - old.length,
      waiting: 0,
    });
    expect(second).toMatchObject({ matched: READERS, delivered: READERS, suppressed: 0, waiting: 0 });
  }, 300_000);

  it("goes faster within seconds when an admin raises that, and a newer text stays behind those who waited", async () => {
    await read("slow");
    const old = await publish("slow", "先到");
    await world.until(async () => (await mailsTo("slow")).length >= 3, 20);
    const { etag } = await world.admin.get("/channels/email");
    const windows = [{ seconds: SECONDS, count: 60 }];
    const raised = performance.now();
    expect((await world.admin.put("/channels/email", { windows }, { "if-match": etag })).status).toBe(200);
    const newer = await publish("slow", "后到");
    await world.until(() => isOver(old.id, 1), 60);
    await world.until(() => isOver(newer.id, 1), 60);
    const mails = await mailsTo("slow");
    const times = (title: string) => mails.filter(({ subject }) => subject.includes(title)).map(({ at }) => at);
    expect(times("先到")).toHaveLength(READERS);
    expect(times("后到")).toHaveLength(READERS);
    expect((Math.max(...times("先到")) - raised) / 1000).toBeLessThanOrEqual(8);
    expect(Math.min(...times("后到"))).toBeGreaterThanOrEqual(times("先到").toSorted()[READERS - 3] ?? 0);
  }, 120_000);
});
