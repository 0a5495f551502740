import type { ParsedMail } from "mailparser";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { jsonLog } from "#src/log.ts";
import { type SmtpSink, startSmtpSink } from "#tests/receivers/smtp-sink.ts";
import { openWorld, type Person, type TestWorld } from "#tests/world.ts";

const NOTICE_KEY = "notice-key-0123456789-abcdefghijklmno";
const lines: string[] = [];
const shift = { ms: 0 };

let world: TestWorld;
let sink: SmtpSink;
let editor: Person;
let people = 0;

beforeAll(async () => {
  sink = await startSmtpSink();
  const now = () => new Date(Date.now() + shift.ms);
  world = await openWorld({ log: jsonLog((line) => lines.push(line), now), now });
  const settings = { from: "notice@county.example", smtpUrl: `smtp://127.0.0.1:${sink.port}`, noticeKey: NOTICE_KEY };
  expect((await world.admin.put("/channels/email", { settings })).status).toBe(200);
  await world.admin.put("/units/library", { name: "某县图书馆" });
  await world.admin.put("/columns/quick", { name: "快讯", kind: "news", mayBreakQuietHours: true, approvals: 0 });
  editor = await world.member("editor", "library");
});
afterAll(async () => {
  await world.close();
  await sink.close();
});

const someone = () => `person-${++people}@example.org`;
const stripped = (link: string | undefined) => (link ?? "").replace(world.url, "");

/** What an import says that vouches for this address. */
const imported = (address: string, wishes: object = { topics: ["all"] }) =>
  world.imported([{ channel: "email", address }], wishes);

async function ask(address: string, more: object = {}) {
  const answer = await world.anyone.post("/subscriptions", {
    endpoint: { channel: "email", address },
    topics: ["column:quick", "column:notices"],
    ...more,
  });
  expect(answer.status).toBe(202);
  return answer.body;
}

function linkIn(mail: ParsedMail, path: string): string {
  return stripped(new RegExp(`${world.url}${path}\\?\\S+`).exec(mail.text ?? "")?.[0]);
}

const form = (fields: Record<string, string> | [string, string][]) => ({
  method: "POST",
  headers: { "content-type": "application/x-www-form-urlencoded" },
  body: new URLSearchParams(fields).toString(),
});
const page = async (path: string, init?: RequestInit) => {
  const response = await world.fetch(path, { ...init, headers: { accept: "text/html", ...init?.headers } });
  return { status: response.status, headers: response.headers, text: await response.text() };
};
const fieldsOf = (link: string) => Object.fromEntries(new URL(link, "http://x").searchParams);

async function confirmed(address: string, more: object = {}) {
  const subscription = await ask(address, more);
  const link = linkIn(await sink.next(address), "/confirm");
  expect((await page("/confirm", form(fieldsOf(link)))).status).toBe(200);
  return { ...subscription, link };
}

async function publish(more: object = {}): Promise<{ id: string; contentHash: string }> {
  const draft = await editor.post("/announcements", {
    title: "停水通知",
    body: "周三停水。",
    column: "quick",
    unitId: "library",
    ...more,
  });
  expect(draft.status).toBe(201);
  const { id, contentHash } = draft.body;
  expect((await editor.post(`/announcements/${id}/publish`, { contentHash })).status).toBe(202);
  return { id, contentHash };
}

/** Waits until a revision's ledger is closed. */
const closed = (id: string) =>
  world.until(async () => (await world.admin.get(`/announcements/${id}/ledger`)).body.closed === true);

const statusOf = async ({ id }: { id: string }) => {
  const { status, body } = await world.admin.get(`/subscriptions/${id}`);
  return status === 404 ? "gone" : body.status;
};

describe("somebody who subscribes a mailbox", () => {
  it("gets one question, presses the button on its page, and then every announcement once", async () => {
    const address = someone();
    const subscription = await ask(address);
    const mail = await sink.next(address);
    expect(mail.subject).toBe("告示：请确认订阅");
    const link = linkIn(mail, "/confirm");
    const shown = await page(link);
    expect([shown.status, shown.headers.get("referrer-policy"), shown.headers.get("cache-control")]).toEqual([
      200,
      "no-referrer",
      "no-store",
    ]);
    expect(shown.text).toContain("栏目：快讯");
    expect(shown.text).toContain("p***@example.org");
    expect(shown.text).not.toContain(address);
    expect(await statusOf(subscription)).toBe("pending");
    const done = await page("/confirm", form(fieldsOf(link)));
    expect([done.status, done.text.includes("订阅已生效")]).toEqual([200, true]);
    expect(done.headers.get("referrer-policy")).toBe("no-referrer");
    expect(await statusOf(subscription)).toBe("confirmed");
    for (const again of [await page(link), await page("/confirm", form(fieldsOf(link)))])
      expect([again.status, again.text.includes("早已确认")]).toEqual([200, true]);
    const { id } = await publish();
    await closed(id);
    const { body: ledger } = await world.admin.get(`/announcements/${id}/ledger`);
    expect(ledger.channels.email).toMatchObject({ delivered: ledger.channels.email.matched, unknown: 0, failed: 0 });
    expect(sink.to(address)).toHaveLength(2);
  });

  it("is told when the link is wrong or over, in both languages, and five guesses void it", async () => {
    const address = someone();
    await ask(address, { language: "en" });
    const mail = await sink.next(address);
    const link = linkIn(mail, "/confirm");
    expect(link).toContain("lang=en");
    const fields = fieldsOf(link);
    for (const wrong of [
      "/confirm",
      `/confirm?s=${fields["s"]}&c=nope`,
      "/confirm?s=sub_00000000000000000000000000&c=x",
      "/confirm?s=%00&c=%ff",
    ])
      expect((await page(wrong)).status).toBe(404);
    expect((await page(`${link.slice(0, -5)}&lang=en`)).text).toMatch(/Confirm|over/);
    for (let guess = 0; guess < 5; guess++)
      expect((await page("/confirm", form({ ...fields, c: `guess-${guess}`.repeat(5) }))).status).toBe(404);
    const over = await page("/confirm?lang=en", form(fields));
    expect([over.status, over.text.includes("This link is over")]).toEqual([404, true]);
  });

  it("is asked once in ten minutes and three times a day, whoever asks, with the same answer", async () => {
    const address = someone();
    for (let i = 0; i < 5; i++) await ask(address, { topics: [`tag:buy ${i}`] });
    await sink.next(address);
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(sink.to(address)).toHaveLength(1);
    expect(sink.to(address)[0]?.raw.toString()).not.toContain("buy");
  });

  it("is not asked more often by those who spell its address in other cases", async () => {
    const address = someone();
    await ask(address);
    await sink.next(address);
    for (const other of [address.toUpperCase(), address.replace("person", "Person")]) await ask(other);
    await ask(someone());
    await sink.next(`person-${people}@example.org`);
    const got = sink.received.filter(({ to }) => to.toLowerCase() === address);
    expect(got.map(({ to }) => to)).toEqual([address]);
  });

  it("is asked again soon when its server said: later", async () => {
    const address = someone();
    sink.answer(address, { reply: ["451 4.7.1 greylisted", undefined] });
    const subscription = await ask(address);
    await world.until(async () =>
      lines.some((line) => line.includes("confirmation-not-sent") && line.includes(subscription.id)),
    );
    expect(sink.to(address)).toEqual([]);
    // The question is queued again a moment after that line: the clock must not pass its minute before.
    await world.until(async () => {
      shift.ms += 7000;
      return sink.to(address).length > 0;
    });
    expect((await sink.next(address)).subject).toContain("请确认");
  });

  it("cannot on an address that is none, or before mail is set up", async () => {
    for (const address of ["nobody", "a@b", "Zhang <a@example.org>", "a@example.org\r\nBcc: b@example.org"]) {
      const answer = await world.anyone.post("/subscriptions", {
        endpoint: { channel: "email", address },
        topics: ["all"],
      });
      expect([answer.status, answer.body.errors[0].pointer]).toEqual([422, "/endpoint/address"]);
    }
  });
});

describe("whoever sets mail up", () => {
  it("is told at once that a key for signatures is none, in both languages, and nothing has changed", async () => {
    const before = (await world.admin.get("/channels/email")).body;
    const dkimKey = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";
    const settings = { dkimDomain: "county.example", dkimSelector: "g1", dkimKey };
    for (const [language, told] of [
      ["zh-CN", "格式不符：DKIM 私钥"],
      ["en", "not in the form that is needed: DKIM private key"],
    ] as const) {
      const refused = await world.admin.put("/channels/email", { settings }, { "accept-language": language });
      expect(refused.status).toBe(422);
      expect(refused.body.errors).toMatchObject([
        { pointer: "/settings/dkimKey", detail: expect.stringContaining(told) },
      ]);
    }
    expect((await world.admin.get("/channels/email")).body).toEqual(before);
  });
});

describe("a mail scanner", () => {
  it("that opens every link of every mail changes nothing", async () => {
    const address = someone();
    const subscription = await ask(address);
    const question = await sink.next(address);
    for (const method of ["GET", "HEAD"]) await page(linkIn(question, "/confirm"), { method });
    expect(await statusOf(subscription)).toBe("pending");
    await page("/confirm", form(fieldsOf(linkIn(question, "/confirm"))));
    await publish();
    const mail = await sink.next(address, 2);
    const links = [...`${mail.html}`.matchAll(/href="([^"]+)"/g)].map((match) =>
      (match[1] ?? "").replaceAll("&amp;", "&"),
    );
    expect(links.length).toBeGreaterThan(2);
    for (const link of links)
      for (const method of ["GET", "HEAD", "OPTIONS"])
        expect((await page(stripped(link), { method })).status).toBeLessThan(500);
    expect(await statusOf(subscription)).toBe("confirmed");
    const read = await world.admin.get(`/subscriptions/${subscription.id}`);
    expect(read.body.topics).toEqual(["column:quick", "column:notices"]);
  });
});

describe("somebody who wants no more", () => {
  async function subscribed() {
    const address = someone();
    const subscription = await confirmed(address);
    await publish();
    const mail = await sink.next(address, 2);
    const raw =
      sink
        .to(address)[1]
        ?.raw.toString("latin1")
        .replace(/\r\n[ \t]+/g, "") ?? "";
    const header = stripped(/^List-Unsubscribe:\s*<([^>]+)>/im.exec(raw)?.[1]);
    expect(raw).toMatch(/^List-Unsubscribe-Post:\s*List-Unsubscribe=One-Click$/im);
    return { address, subscription, mail, oneClick: header };
  }

  it.each(["application/x-www-form-urlencoded", "multipart/form-data"])(
    "leaves by the one request of a mail program (%s): no cookie, no redirect, as often as it likes, for ever",
    async (type) => {
      const { address, subscription, oneClick } = await subscribed();
      const multipart = type.startsWith("multipart");
      const init = {
        method: "POST",
        headers: { "content-type": multipart ? `${type}; boundary=xx` : type },
        body: multipart
          ? '--xx\r\nContent-Disposition: form-data; name="List-Unsubscribe"\r\n\r\nOne-Click\r\n--xx--\r\n'
          : "List-Unsubscribe=One-Click",
      };
      for (let i = 0; i < 3; i++) {
        const answer = await world.fetch(oneClick, init);
        expect([answer.status, answer.headers.get("set-cookie"), answer.headers.get("location")]).toEqual([
          200,
          null,
          null,
        ]);
      }
      expect(await statusOf(subscription)).not.toBe("confirmed");
      const { id } = await publish();
      await closed(id);
      expect(sink.to(address)).toHaveLength(2);
    },
  );

  it("is not unsubscribed by a guess, nor by another's link", async () => {
    const one = await subscribed();
    const two = await subscribed();
    const [a, b] = [one, two].map(({ oneClick }) => fieldsOf(oneClick)["t"] ?? "");
    const crossed = `${a?.slice(0, 16)}${b?.slice(16)}`;
    for (const token of [crossed, a?.slice(0, -1), `${a}A`, "", "x".repeat(38)])
      expect((await page(`/unsubscribe?t=${token}`, form({ "List-Unsubscribe": "One-Click" }))).status).toBe(404);
    expect((await page(one.oneClick, form({ other: "1" }))).status).toBe(422);
    expect([await statusOf(one.subscription), await statusOf(two.subscription)]).toEqual(["confirmed", "confirmed"]);
  });

  it("leaves one column only, by the page, and keeps the rest", async () => {
    const { mail, subscription } = await subscribed();
    const link = linkIn(mail, "/unsubscribe");
    const shown = await page(link);
    expect(shown.text).toContain("只退订“快讯”");
    const done = await page("/unsubscribe", form({ ...fieldsOf(link), leave: "column" }));
    expect([done.status, done.text.includes("不再推送栏目“快讯”")]).toEqual([200, true]);
    const read = await world.admin.get(`/subscriptions/${subscription.id}`);
    expect([read.body.status, read.body.topics]).toEqual(["confirmed", ["column:notices"]]);
    expect((await page("/unsubscribe", form({ ...fieldsOf(link), leave: "all" }))).status).toBe(200);
    expect(await statusOf(subscription)).not.toBe("confirmed");
  });

  it("is not brought back by an import, but by confirming again", async () => {
    const { address, oneClick } = await subscribed();
    await page(oneClick, form({ "List-Unsubscribe": "One-Click" }));
    const refused = await imported(address);
    expect(refused).toMatchObject({ accepted: 0, errors: [{ line: 1, code: "UNSUBSCRIBED" }] });
    shift.ms += 11 * 60_000;
    const again = await ask(address);
    await page("/confirm", form(fieldsOf(linkIn(await sink.next(address, 3), "/confirm"))));
    expect(await statusOf(again)).toBe("confirmed");
    expect(await imported(address)).toMatchObject({ accepted: 1, rejected: 0 });
  });

  it("changes what comes by the link in the mail, or with the manage token", async () => {
    const { mail, subscription } = await subscribed();
    const link = linkIn(mail, "/manage");
    const shown = await page(link);
    expect([shown.status, shown.headers.get("referrer-policy"), shown.headers.get("cache-control")]).toEqual([
      200,
      "no-referrer",
      "no-store",
    ]);
    const { version } = (await world.admin.get(`/subscriptions/${subscription.id}`)).body;
    const change = (more: [string, string][], carried: Record<string, string>): [string, string][] => [
      ...Object.entries(carried),
      ["subscription", subscription.id],
      ["version", String(version)],
      ["act", "change"],
      ["frequency", "now"],
      ["language", "zh-CN"],
      ["from", ""],
      ["to", ""],
      ...more,
    ];
    const wrong = await page("/manage", form(change([["frequency", "now"]], fieldsOf(link))));
    expect([wrong.status, wrong.text.includes("请至少选择一个主题")]).toEqual([422, true]);
    const saved = await page(
      "/manage",
      form(
        change([["topics", "column:quick"]], fieldsOf(link)).map(([name, value]) => [
          name,
          name === "from" ? "22:00" : name === "to" ? "07:00" : value,
        ]),
      ),
    );
    expect([saved.status, saved.text.includes("已保存")]).toEqual([200, true]);
    const read = (await world.admin.get(`/subscriptions/${subscription.id}`)).body;
    expect([read.topics, read.quietHours]).toEqual([["column:quick"], { from: "22:00", to: "07:00" }]);
    const stale = await page("/manage", form(change([["topics", "all"]], fieldsOf(link))));
    expect([stale.status, stale.text.includes("刚被改动过")]).toEqual([422, true]);
    const held = { id: subscription.id, token: subscription.manageToken };
    expect((await page("/manage", form({ ...held, act: "show" }))).text).toContain("栏目：快讯");
    expect(
      (await page("/manage", form({ ...held, token: "gsm_wrong", act: "leave", subscription: subscription.id })))
        .status,
    ).toBe(404);
    expect(await statusOf(subscription)).toBe("confirmed");
    expect((await page("/manage", form({ ...held, act: "leave", subscription: subscription.id }))).status).toBe(200);
    expect(await statusOf(subscription)).toBe("gone");
    expect((await page("/manage?m=broken")).status).toBe(404);
    shift.ms += 31 * 86_400_000;
    expect((await page(link)).text).toContain("链接已过期");
    shift.ms -= 31 * 86_400_000;
  });
});

describe("what comes back", () => {
  const bounces = (raw: string | Buffer, key = NOTICE_KEY) =>
    world.fetch("/mail/bounces", {
      method: "POST",
      headers: { "content-type": "message/rfc822", authorization: `Bearer ${key}` },
      body: raw,
    });
  const sns = (message: object, more: object = {}, key = NOTICE_KEY) =>
    world.fetch(`/mail/notifications/${key}`, {
      method: "POST",
      headers: { "content-type": "text/plain; charset=UTF-8" },
      body: JSON.stringify({
        Type: "Notification",
        MessageId: "m",
        TopicArn: "arn",
        Message: JSON.stringify(message),
        ...more,
      }),
    });
  async function mailed() {
    const address = someone();
    const subscription = await confirmed(address);
    await publish();
    await sink.next(address, 2);
    const sent = sink.to(address)[1]?.raw.toString("latin1") ?? "";
    return { address, subscription, sent, head: sent.slice(0, sent.indexOf("\r\n\r\n")) };
  }
  const dsn = (head: string, status: string, action = "failed") =>
    [
      "From: MAILER-DAEMON@mx.example",
      "To: notice@county.example",
      "Subject: Undelivered Mail",
      'Content-Type: multipart/report; report-type=delivery-status;\r\n\tboundary="b=_1"',
      "",
      "--b=_1",
      "Content-Type: text/plain",
      "",
      "Sorry.",
      "--b=_1",
      "Content-Type: message/delivery-status",
      "",
      "Reporting-MTA: dns; mx.example",
      "",
      "Final-Recipient: rfc822; somebody.else@example.org",
      `Action: ${action}`,
      `Status: ${status}`,
      "",
      "--b=_1",
      "Content-Type: text/rfc822-headers",
      "",
      head,
      "",
      "--b=_1--",
    ].join("\r\n");

  it("ends a mailbox that does not exist, and no import brings it back", async () => {
    const { address, subscription, head } = await mailed();
    expect((await bounces(dsn(head, "4.2.2", "delayed"))).status).toBe(204);
    expect((await bounces(dsn(head, "5.2.2"))).status).toBe(204);
    expect((await bounces(dsn(head, "5.7.1"))).status).toBe(204);
    expect(await statusOf(subscription)).toBe("confirmed");
    for (let i = 0; i < 2; i++) expect((await bounces(dsn(head, "5.1.1"))).status).toBe(204);
    const read = (await world.admin.get(`/subscriptions/${subscription.id}`)).body;
    expect([read.status, read.endedBecause]).toEqual(["ended", "bounced"]);
    const refused = await imported(address);
    expect(refused.errors[0].code).toBe("BOUNCED");
  });

  it("ends one whose server refuses it while the mail is handed over just the same, until it confirms anew", async () => {
    const address = someone();
    const subscription = await confirmed(address);
    sink.answer(address, { reply: ["550 5.1.1 no such user", undefined] });
    await closed((await publish()).id);
    const read = async () => (await world.admin.get(`/subscriptions/${subscription.id}`)).body;
    await world.until(async () => (await read()).status === "ended");
    expect((await read()).endedBecause).toBe("bounced");
    const refused = await imported(address);
    expect(refused).toMatchObject({ accepted: 0, errors: [{ line: 1, code: "BOUNCED" }] });
    shift.ms += 7 * 86_400_000;
    const again = await ask(address);
    await page("/confirm", form(fieldsOf(linkIn(await sink.next(address, 2), "/confirm"))));
    expect(await statusOf(again)).toBe("confirmed");
    expect(await imported(address)).toMatchObject({ accepted: 1, rejected: 0 });
  });

  it("sends a person's second mailbox what the first one returned, at once, and nothing when it kept silent", async () => {
    const [address, second] = [someone(), someone()];
    await confirmed(address);
    const wishes = { fallbackFor: { channel: "email", address }, afterMinutes: 10, topics: ["column:quick"] };
    expect(await imported(second, wishes)).toMatchObject({ accepted: 1 });
    const state = async (id: string) => {
      const found = await editor.get(`/deliveries?announcement=${id}&endpoint=${encodeURIComponent(second)}`);
      return found.body.items[0]?.state;
    };
    const returned = async (id: string, nth: number) => {
      await sink.next(address, nth);
      const sent = sink.to(address)[nth - 1]?.raw.toString("latin1") ?? "";
      await world.until(async () => (await state(id)) !== "waiting");
      return dsn(sent.slice(0, sent.indexOf("\r\n\r\n")), "5.2.2");
    };
    const balanced = async (id: string) => {
      const {
        closed: _,
        channels: _c,
        revision: _r,
        within10s: _s,
        inDigest: _i,
        within60s: _m,
        ...sum
      } = (await editor.get(`/announcements/${id}/ledger`)).body;
      const { matched, ...parts } = sum as Record<string, number>;
      expect(Object.values(parts).reduce((all, one) => all + one, 0)).toBe(matched);
    };

    const first = await publish();
    const report = await returned(first.id, 2);
    expect(await state(first.id)).toBe("held");
    expect((await bounces(report)).status).toBe(204);
    await sink.next(second);
    await world.until(async () => (await state(first.id)) === "delivered");
    await balanced(first.id);

    const silent = await publish();
    const late = await returned(silent.id, 3);
    expect(await state(silent.id)).toBe("held");
    shift.ms += 11 * 60_000;
    await world.until(async () => (await state(silent.id)) === "suppressed", 20);
    // Too late for the second mailbox, in time for the ledger.
    expect((await bounces(late)).status).toBe(204);
    await world.until(async () => {
      const found = await editor.get(`/deliveries?announcement=${silent.id}&endpoint=${encodeURIComponent(address)}`);
      return found.body.items[0]?.state === "failed";
    });
    expect(await state(silent.id)).toBe("suppressed");
    await balanced(silent.id);
    expect(sink.to(second)).toHaveLength(1);
  }, 60_000);

  it("believes no report that cannot show the mail's own id", async () => {
    const { subscription, head } = await mailed();
    const forged = head.replace(/\.[\w-]{22}@county/, `.${"A".repeat(22)}@county`);
    for (const raw of [
      dsn(forged, "5.1.1"),
      dsn("Message-ID: <x@y>", "5.1.1"),
      "no mail at all",
      "",
      dsn(head, "5.1.1").replaceAll("b=_1--", "").replace("multipart/report", "text/plain"),
    ])
      expect((await bounces(raw)).status).toBe(204);
    expect(await statusOf(subscription)).toBe("confirmed");
  });

  it("ends who complained, and asks them at most once a week whether they want it again", async () => {
    const { address, subscription, sent } = await mailed();
    const complaint = [
      "Content-Type: multipart/report; report-type=feedback-report; boundary=xx",
      "",
      "--xx",
      "Content-Type: message/feedback-report",
      "",
      "Feedback-Type: abuse",
      "Version: 1",
      "",
      "--xx",
      "Content-Type: message/rfc822",
      "",
      sent,
      "--xx--",
    ].join("\r\n");
    expect((await bounces(complaint)).status).toBe(204);
    expect((await world.admin.get(`/subscriptions/${subscription.id}`)).body.endedBecause).toBe("complained");
    shift.ms += 11 * 60_000;
    await ask(address);
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(sink.to(address)).toHaveLength(2);
  });

  it("of a complaint holds for every spelling of the mailbox, whichever one it came from", async () => {
    const complain = (address: string) =>
      sns({
        notificationType: "Complaint",
        mail: { messageId: "0100-cases" },
        complaint: { complainedRecipients: [{ emailAddress: address }] },
      });
    const [one, two] = [someone(), someone()];
    const other = (address: string) => address.replace("person", "Person");
    await confirmed(one);
    expect((await complain(one)).status).toBe(204);
    const plain = await confirmed(two);
    expect(await imported(other(two))).toMatchObject({ accepted: 1 });
    expect((await complain(other(two))).status).toBe(204);
    expect(await statusOf(plain)).toBe("ended");
    for (const address of [one, two])
      for (const spelling of [address, other(address), address.toUpperCase()])
        expect(await imported(spelling), spelling).toMatchObject({ accepted: 0, errors: [{ code: "COMPLAINED" }] });
  });

  it("from Amazon SES: bounces, complaints, and nothing of what is only late", async () => {
    const one = await mailed();
    const mail = { messageId: "0100-ses-id" };
    const bounce = (bounceType: string, bounceSubType: string) => ({
      notificationType: "Bounce",
      mail,
      bounce: { bounceType, bounceSubType, bouncedRecipients: [{ emailAddress: one.address }] },
    });
    expect((await sns(bounce("Transient", "MailboxFull"))).status).toBe(204);
    expect((await sns({ notificationType: "Delivery", mail })).status).toBe(204);
    expect((await sns({ hello: "world" })).status).toBe(204);
    expect(await statusOf(one.subscription)).toBe("confirmed");
    expect((await sns(bounce("Permanent", "NoEmail"))).status).toBe(204);
    expect((await world.admin.get(`/subscriptions/${one.subscription.id}`)).body.endedBecause).toBe("bounced");
    const two = await mailed();
    const complaint = {
      eventType: "Complaint",
      mail,
      complaint: { complainedRecipients: [{ emailAddress: `<${two.address}>` }], complaintFeedbackType: null },
    };
    expect((await sns(complaint)).status).toBe(204);
    expect((await world.admin.get(`/subscriptions/${two.subscription.id}`)).body.endedBecause).toBe("complained");
  });

  it("from Amazon SES: a full mailbox is the end of that mail, not of the mailbox", async () => {
    const address = someone();
    const subscription = await confirmed(address);
    const { id } = await publish();
    const { messageId = "" } = await sink.next(address, 2);
    const state = async () => {
      const found = await editor.get(`/deliveries?announcement=${id}&endpoint=${encodeURIComponent(address)}`);
      return found.body.items[0]?.state;
    };
    await world.until(async () => (await state()) === "delivered");
    const recipient = { emailAddress: address, status: "4.2.2", action: "failed" };
    const message = {
      notificationType: "Bounce",
      mail: { messageId: messageId.slice(1, -1) },
      bounce: { bounceType: "Transient", bounceSubType: "MailboxFull", bouncedRecipients: [recipient] },
    };
    for (let i = 0; i < 2; i++) expect((await sns(message)).status).toBe(204);
    await world.until(async () => (await state()) === "failed");
    expect(await statusOf(subscription)).toBe("confirmed");
    await publish();
    await sink.next(address, 3);
  });

  it("is taken only with the key, and never makes this server open an address that is not Amazon's", async () => {
    const { subscription, head, address } = await mailed();
    expect((await bounces(dsn(head, "5.1.1"), "wrong")).status).toBe(401);
    expect(
      (
        await sns(
          {
            notificationType: "Bounce",
            mail: { messageId: "x" },
            bounce: { bounceType: "Permanent", bouncedRecipients: [{ emailAddress: address }] },
          },
          {},
          "wrong",
        )
      ).status,
    ).toBe(401);
    expect(
      (await world.fetch("/mail/bounces", { method: "POST", headers: { "content-type": "message/rfc822" }, body: "x" }))
        .status,
    ).toBe(401);
    expect(await statusOf(subscription)).toBe("confirmed");
    for (const url of [
      `${world.url}/healthz?Action=ConfirmSubscription`,
      "https://sns.us-east-1.amazonaws.com.evil.example/?Action=ConfirmSubscription",
      "https://a:b@sns.us-east-1.amazonaws.com/?Action=ConfirmSubscription",
      "https://sns.us-east-1.amazonaws.com/?Action=Other",
      "https://s3.amazonaws.com/?Action=ConfirmSubscription",
    ])
      expect((await sns({}, { Type: "SubscriptionConfirmation", SubscribeURL: url })).status).toBe(422);
    expect(
      (
        await world.fetch(`/mail/notifications/${NOTICE_KEY}`, {
          method: "POST",
          headers: { "content-type": "text/plain" },
          body: "<html>",
        })
      ).status,
    ).toBe(400);
    expect(
      (
        await world.fetch("/mail/bounces", {
          method: "POST",
          headers: { "content-type": "message/rfc822", authorization: `Bearer ${NOTICE_KEY}` },
          body: Buffer.alloc(1_100_000, 65),
        })
      ).status,
    ).toBe(413);
  });
});

describe("somebody whose mail program leaves by a mail", () => {
  const pipe = (raw: string) =>
    world.fetch("/mail/bounces", {
      method: "POST",
      headers: { "content-type": "message/rfc822", authorization: `Bearer ${NOTICE_KEY}` },
      body: raw,
    });
  const leave = async () => {
    const address = someone();
    const subscription = await confirmed(address);
    await publish();
    const header = (await sink.next(address, 2)).headerLines.find(({ key }) => key === "list-unsubscribe")?.line ?? "";
    return { address, subscription, header: header.replace(/\s+/g, " ") };
  };

  it("is offered that only where the operator says that such mails are read", async () => {
    expect((await leave()).header).toMatch(/^List-Unsubscribe: <http[^>]+>$/);
    const settings = { leaveAddress: "leave+gaoshi@County.example", noticeKey: null };
    expect((await world.admin.put("/channels/email", { settings })).status).toBe(200);
    expect((await leave()).header).not.toContain("mailto:");
    await world.admin.put("/channels/email", { settings: { noticeKey: NOTICE_KEY } });
    expect((await leave()).header).toMatch(
      /^List-Unsubscribe: <http[^>]+>, <mailto:leave%2Bgaoshi@county\.example\?subject=unsubscribe%20[\w-]{38}>$/,
    );
  });

  it("has left when that mail comes in, not by a guess, and gets nothing more", async () => {
    const one = await leave();
    const two = await leave();
    await sink.next(one.address, 3);
    const subject = decodeURIComponent(/\?subject=([^>]+)>/.exec(one.header)?.[1] ?? "");
    const guess = subject.replace(/.$/, (last) => (last === "A" ? "Q" : "A"));
    for (const wrong of [
      `Subject: ${guess}`,
      "Subject: unsubscribe",
      `X-Subject: ${subject}`,
      `\r\nSubject: ${subject}`,
    ]) {
      expect((await pipe(`From: <${one.address}>\r\n${wrong}\r\n\r\n`)).status).toBe(204);
      expect(await statusOf(one.subscription), wrong).toBe("confirmed");
    }
    for (let i = 0; i < 2; i++)
      expect((await pipe(`From: <${one.address}>\r\nSubject: ${subject}\r\n\r\n\r\n`)).status).toBe(204);
    expect(await statusOf(one.subscription)).not.toBe("confirmed");
    expect(await statusOf(two.subscription)).toBe("confirmed");
    const { id } = await publish();
    await sink.next(two.address, 3);
    const found = await editor.get(`/deliveries?announcement=${id}&endpoint=${encodeURIComponent(one.address)}`);
    expect(found.body.items).toEqual([]);
    expect(found.body.absent).toMatchObject({ because: "ended", reason: "unsubscribed" });
    expect(sink.to(one.address)).toHaveLength(3);
    await world.admin.put("/channels/email", { settings: { leaveAddress: null } });
  }, 30_000);
});

it("wrote no mail address, key or link into its log", () => {
  expect(lines.length).toBeGreaterThan(5);
  const log = lines.join("\n");
  for (const secret of ["@example.org", NOTICE_KEY, "?t=", "?m=", "&c="]) expect(log).not.toContain(secret);
  const tokens = sink.received.flatMap(({ raw }) =>
    [...raw.toString().matchAll(/[?&][tmc]=([\w-]{20,})/g)].map((match) => match[1] ?? ""),
  );
  for (const token of tokens) expect(log).not.toContain(token);
});
