import { afterAll, beforeAll, expect, it } from "vitest";
import { type SmtpSink, startSmtpSink } from "#tests/receivers/smtp-sink.ts";
import { startWebhookSink, type WebhookSink } from "#tests/receivers/webhook-sink.ts";
import { openWorld, type Person, type TestWorld } from "#tests/world.ts";

let world: TestWorld;
let mails: SmtpSink;
let hooks: WebhookSink;
let editor: Person;

beforeAll(async () => {
  mails = await startSmtpSink();
  hooks = await startWebhookSink();
  world = await openWorld();
  const settings = { from: "notice@county.example", smtpUrl: `smtp://127.0.0.1:${mails.port}` };
  expect((await world.admin.put("/channels/email", { settings })).status).toBe(200);
  await world.admin.put("/units/library", { name: "某县图书馆" });
  editor = await world.member("editor", "library");
});
afterAll(async () => {
  await world.close();
  await mails.close();
  await hooks.close();
});

const imported = (slug: string, channel: string, addresses: string[]) =>
  world.imported(
    addresses.map((address) => ({ channel, address })),
    { topics: [`column:${slug}`] },
  );

async function published(slug: string): Promise<{ id: string; ledger: { matched: number; delivered: number } }> {
  const text = { title: "停水通知", body: "周三停水。", column: slug, unitId: "library" };
  const { id, contentHash } = (await editor.post("/announcements", text)).body;
  expect((await editor.post(`/announcements/${id}/publish`, { contentHash })).status).toBe(202);
  const ledger = async () => (await world.admin.get(`/announcements/${id}/ledger`)).body;
  await world.until(async () => (await ledger()).closed === true);
  return { id, ledger: await ledger() };
}

it("one mailbox gets a notice once, however those who signed it up spelled it, at a spelling that somebody gave", async () => {
  const slug = await world.column({ mayBreakQuietHours: true });
  const spellings = [
    "Wang.Fang@Example.ORG",
    "wang.fang@example.org",
    " WANG.FANG@example.org ",
    "wang.fang＠EXAMPLE.org",
    "Wang.Fang@example。org",
  ];
  expect(await imported(slug, "email", spellings)).toMatchObject({ accepted: 5, rejected: 0 });
  const { id, ledger } = await published(slug);
  expect(ledger).toMatchObject({ matched: 1, delivered: 1 });
  const got = mails.received.filter(({ to }) => to.toLowerCase() === "wang.fang@example.org");
  expect(got).toHaveLength(1);
  expect(["Wang.Fang@example.org", "wang.fang@example.org", "WANG.FANG@example.org"]).toContain(got[0]?.to);
  for (const typed of ["wang.fang@example.org", "WANG.FANG@EXAMPLE.ORG", "王芳 <Wang.Fang@example.org>"]) {
    const found = await editor.get(`/deliveries?announcement=${id}&endpoint=${encodeURIComponent(typed)}`);
    expect(found.body.items, typed).toMatchObject([{ state: "delivered" }]);
  }
});

it("a domain in any script is one domain, and another mailbox or a tagged one is another", async () => {
  const slug = await world.column({ mayBreakQuietHours: true });
  const spellings = [
    "li@例子.中国",
    "LI@xn--fsqu00a.xn--fiqs8s",
    "li@例子。中国",
    "li+news@例子.中国",
    "l.i@例子.中国",
  ];
  expect(await imported(slug, "email", spellings)).toMatchObject({ accepted: 5, rejected: 0 });
  expect((await published(slug)).ledger).toMatchObject({ matched: 3, delivered: 3 });
});

it("what is no plain mailbox is refused with what would be one, not taken as somebody else", async () => {
  const slug = await world.column({ mayBreakQuietHours: true });
  const others = ["mailto:a@example.org", "A <a@example.org>", "a@example.org, b@example.org", "a@example.org."];
  expect(await imported(slug, "email", others)).toMatchObject({ accepted: 0, rejected: 4 });
});

it("one webhook gets a notice once, however its host, port, dots and fragment were written", async () => {
  const slug = await world.column({ mayBreakQuietHours: true });
  const { port } = new URL(hooks.origin);
  const spellings = [
    hooks.url("/News"),
    hooks.url("/News#top"),
    hooks.url("/News?"),
    hooks.url("/./a/../News"),
    `HTTP://127.0.0.1:0${port}/News`,
  ];
  expect(await imported(slug, "webhook", spellings)).toMatchObject({ accepted: 5, rejected: 0 });
  expect((await published(slug)).ledger).toMatchObject({ matched: 1, delivered: 1 });
  expect(hooks.received.filter(({ path }) => path.startsWith("/News"))).toHaveLength(1);
  // Another path, its letters and a query are another receiver: only its own server could say otherwise.
  const other = await world.column({ mayBreakQuietHours: true });
  await imported(other, "webhook", ["/x", "/X", "/x/", "/x?a=1"].map(hooks.url));
  expect((await published(other)).ledger).toMatchObject({ matched: 4, delivered: 4 });
});
