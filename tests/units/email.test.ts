import { generateKeyPairSync } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { makeEmail } from "#src/channels/email.ts";
import type { Outcome, Target } from "#src/domain/deliveries/channel.ts";
import { leavingEndpoint, mailedEndpoint, managedEndpoint } from "#src/domain/deliveries/endpoint-link.ts";
import { silentLog } from "#src/log.ts";
import { verifies } from "#tests/receivers/dkim-verifier.ts";
import { type SmtpBehaviour, type SmtpSink, startSmtpSink } from "#tests/receivers/smtp-sink.ts";
import { type MoreRevision, revisionOf, testLinks } from "./push-world.ts";

const secret = new Uint8Array(32).fill(9);
const at = new Date("2026-03-02T02:00:00Z");
const seconds = { connect: 1, answer: 1, total: 2 };
const endpoint = "Ab-_567890123456";

let sink: SmtpSink;
let channel: ReturnType<typeof mailer>;
beforeAll(async () => {
  sink = await startSmtpSink();
  channel = mailer({ smtpUrl: `smtp://127.0.0.1:${sink.port}` });
});
afterAll(async () => {
  await channel.close();
  await sink.close();
});

function mailer(settings: Record<string, string>, more: Partial<Parameters<typeof makeEmail>[0]> = {}) {
  const setup = { settings: { from: "notice@county.example", ...settings }, updatedAt: "", version: 1 };
  return makeEmail({
    baseUrl: "https://example.org",
    settings: async () => setup,
    now: () => at,
    log: silentLog,
    secret: async () => secret,
    seconds,
    ...more,
  });
}

const target = (address: string, more: Partial<Target> = {}): Target => ({
  endpoint,
  address,
  language: "zh-CN",
  secrets: [],
  matched: ["column:notices", "tag:放假"],
  ...more,
});

function push(address: string, more: MoreRevision = {}, whom: Partial<Target> = {}, by = channel): Promise<Outcome> {
  const revision = revisionOf(at, more);
  const who = target(address, whom);
  const deliveryId = `${revision.announcementId}.${revision.revision}.${who.endpoint}`;
  return by.push(by.render(revision, who.language, testLinks), { deliveryId, attempt: 1, target: who });
}

async function got(address: string, more: MoreRevision = {}, whom: Partial<Target> = {}) {
  expect(await push(address, more, whom)).toMatchObject({ kind: "accepted" });
  return sink.next(address);
}

describe("a mail that somebody gets", () => {
  test("has both forms of the text, its links, and how to leave", async () => {
    const mail = await got("one@example.org", {
      content: {
        title: "停水通知",
        body: "## 时间\n\n周三[详情](/announcements/x)，**请储水**。\n\n- 东区\n- 西区",
        tags: ["放假"],
      },
    });
    expect(mail.subject).toBe("停水通知 - 某县互联网信息中心");
    expect(mail.from?.text).toBe('"告示" <notice@county.example>');
    expect(mail.text).toContain("周三详情 <https://example.org/announcements/x>，请储水。");
    expect(mail.text).toContain("- 东区\n- 西区");
    expect(mail.text).toContain("因为在告示订阅了：栏目“通知公告”、标签“放假”。");
    expect(mail.html).toContain('<html lang="zh-CN">');
    expect(mail.html).toContain('<a href="https://example.org/announcements/x" rel="noopener nofollow">详情</a>');
    const leave = /<(https:\/\/example\.org\/unsubscribe\?[^>]+)>/.exec(
      header(sink, "one@example.org", "list-unsubscribe"),
    )?.[1];
    expect(mail.html).toContain(leave?.replaceAll("&", "&amp;"));
    expect(mail.text).toContain(leave);
    const token = new URL(leave ?? "").searchParams.get("t") ?? "";
    expect(leavingEndpoint(secret, token)).toBe(endpoint);
    const manage = /https:\/\/example\.org\/manage\?m=([^\s&]+)/.exec(mail.text ?? "")?.[1] ?? "";
    expect(managedEndpoint(secret, manage, at)).toBe(endpoint);
    expect(managedEndpoint(secret, manage, new Date(at.getTime() + 31 * 86_400_000))).toBeUndefined();
  });
});

describe("its head", () => {
  test("names the delivery, the list and the way out, and says that it is automatic", async () => {
    const to = "head@example.org";
    await got(to);
    const id = header(sink, to, "message-id");
    expect(id).toMatch(/^<ann_00000000000000000000000001\.1\.Ab-_567890123456\.[\w-]{22}@county\.example>$/);
    expect(mailedEndpoint(secret, id)).toBe(endpoint);
    expect(mailedEndpoint(secret, id.replace(".1.", ".2."))).toBeUndefined();
    expect(mailedEndpoint(new Uint8Array(32), id)).toBeUndefined();
    expect(header(sink, to, "list-id")).toMatch(/^=\?UTF-8\?B\?[\w+/=]+\?= <notices\.example\.org>$/);
    expect(header(sink, to, "list-unsubscribe-post")).toBe("List-Unsubscribe=One-Click");
    expect(header(sink, to, "list-unsubscribe")).toMatch(
      /^<https:\/\/example\.org\/unsubscribe\?t=[\w-]{38}&c=notices>$/,
    );
    expect(header(sink, to, "auto-submitted")).toBe("auto-generated");
    expect(header(sink, to, "precedence")).toBe("bulk");
    expect(header(sink, to, "references")).toMatch(
      /^<ann_00000000000000000000000001\.Ab-_567890123456@county\.example>$/,
    );
    expect(header(sink, to, "content-language")).toBe("zh-CN");
  });

  test("is the same for every attempt, and other for another revision or receiver", async () => {
    const ids: string[] = [];
    for (const [more, whom] of [
      [{}, {}],
      [{}, {}],
      [{ revision: 2, kind: "corrected" }, {}],
      [{}, { endpoint: "0000000000000000" }],
    ] as const) {
      await push("same@example.org", more, whom);
      ids.push(header(sink, "same@example.org", "message-id"));
    }
    expect(ids[0]).toBe(ids[1]);
    expect(new Set(ids).size).toBe(3);
  });

  test("carries name, reply and bounce addresses of the operator", async () => {
    const own = mailer({
      smtpUrl: `smtp://127.0.0.1:${sink.port}`,
      fromName: '某县公告, "办"'.replaceAll('"', ""),
      replyTo: "office@county.example",
      bounceAddress: "bounces@county.example",
    });
    expect(await push("own@example.org", {}, {}, own)).toMatchObject({ kind: "accepted", status: 250 });
    await own.close();
    const mail = await sink.next("own@example.org");
    expect(mail.from?.value).toEqual([{ address: "notice@county.example", name: "某县公告, 办" }]);
    expect(mail.replyTo?.text).toBe("office@county.example");
    expect(sink.to("own@example.org")[0]?.from).toBe("bounces@county.example");
  });
});

describe("what it tells", () => {
  test("of a correction and a withdrawal: the mark, the reason, and no withdrawn text", async () => {
    const corrected = await got("c@example.org", { revision: 2, kind: "corrected", reason: "日期有误" });
    expect(corrected.subject).toBe("【更正】停水通知 - 某县互联网信息中心");
    expect(corrected.text).toContain("更正原因：日期有误");
    const withdrawn = await got(
      "w@example.org",
      { revision: 3, kind: "withdrawn", reason: "取消停水" },
      { language: "en" },
    );
    expect(withdrawn.subject).toBe("[Withdrawn] 停水通知 - 某县互联网信息中心");
    expect(withdrawn.text).toContain("has been withdrawn");
    expect(withdrawn.text).not.toContain("周三停水");
    expect(withdrawn.html).not.toContain("周三停水");
    expect(withdrawn.text).toContain(
      "You get this mail because you subscribed at Gaoshi to: the column 通知公告, the tag 放假.",
    );
    expect(withdrawn.text).toContain("lang=en");
  });

  test("internally: without a list to leave", async () => {
    const audience = { kind: "internal" as const, topics: ["duty"], endpoints: [] };
    const mail = await got("duty@example.org", { audience });
    for (const name of ["list-id", "list-unsubscribe", "list-unsubscribe-post", "precedence"])
      expect(header(sink, "duty@example.org", name)).toBe("");
    expect(mail.text).not.toContain("/unsubscribe");
    expect(mail.text).not.toContain("/manage");
  });

  test("in a digest: by column, the newest first, with one way out", async () => {
    const one = (n: number, column: string, columnName: string) =>
      revisionOf(at, {
        announcementId: `ann_${n}`,
        columnName,
        content: { title: `第${n}条`, column, unitId: `u${n}` },
      });
    const revisions = [one(3, "notices", "通知公告"), one(2, "anti-fraud", "防电诈"), one(1, "notices", "通知公告")];
    const rendered = channel.renderDigest({ frequency: "daily", at: at.toISOString(), revisions }, "zh-CN", testLinks);
    const outcome = await channel.push(rendered, {
      deliveryId: "digest",
      attempt: 1,
      target: target("digest@example.org", { matched: ["ann_3.1", "ann_2.1", "ann_1.1"] }),
    });
    expect(outcome.kind).toBe("accepted");
    const mail = await sink.next("digest@example.org");
    expect(mail.subject).toBe("告示每日汇总（2026-03-02，共3条）");
    const text = mail.text ?? "";
    const order = ["== 通知公告 ==", "第3条", "第1条", "== 防电诈 ==", "第2条"].map((word) => text.indexOf(word));
    expect(order).not.toContain(-1);
    expect([...order].sort((a, b) => a - b)).toEqual(order);
    expect(text.match(/\/unsubscribe\?/g)).toHaveLength(1);
    expect(text).toContain("因为在告示订阅了：每日汇总。");
    expect(header(sink, "digest@example.org", "list-id")).toContain("<daily-digest.example.org>");
    expect(mailedEndpoint(secret, header(sink, "digest@example.org", "message-id"))).toBe(endpoint);
  });

  test("of many in one digest: counts what has no room", async () => {
    const revisions = Array.from({ length: 400 }, (_, n) => revisionOf(at, { announcementId: `ann_${n}` }));
    const rendered = channel.renderDigest({ frequency: "weekly", at: at.toISOString(), revisions }, "en", testLinks);
    await channel.push(rendered, {
      deliveryId: "week",
      attempt: 1,
      target: target("week@example.org", { language: "en" }),
    });
    const mail = await sink.next("week@example.org");
    expect(mail.subject).toBe("Gaoshi: the week to 2026-03-02, 400 announcements");
    expect(mail.text).toContain("and 300 more on the site: https://example.org");
  });

  test("of a long text: its beginning, and a link to the rest, below the limit", async () => {
    const body = Array.from({ length: 2000 }, (_, i) => `第${i}段：${"水".repeat(40)}`).join("\n\n");
    const revision = revisionOf(at, { content: { body } });
    const preview = await channel.preview(revision, "zh-CN", testLinks);
    expect(preview.faults).toEqual([{ pointer: "/body", code: "CHANNEL_BODY_LONG", detail: expect.anything() }]);
    expect(preview.limit).toBe(channel.limits.bytes);
    const mail = await got("long@example.org", { content: { body } });
    const size = sink.to("long@example.org")[0]?.raw.length ?? 0;
    expect(size).toBeLessThanOrEqual(preview.bytes);
    expect(preview.bytes).toBeLessThanOrEqual(channel.limits.bytes);
    expect(size).toBeGreaterThan(100_000);
    expect(mail.text).toContain("全文见： https://example.org/announcements/ann_");
    expect(String(mail.html).length).toBeLessThan(102_000);
    expect(mail.text).toMatch(/水\n\n正文较长/);
  });

  test("in a preview that has nothing to say against a short one", async () => {
    const preview = await channel.preview(revisionOf(at, {}), "zh-CN", testLinks);
    expect(preview.faults).toEqual([]);
    expect(preview.text).toContain("周三停水。");
    expect(preview.bytes).toBeGreaterThan(1000);
  });
});

describe("naughty texts", () => {
  const BIG_LIST = [
    "undefined",
    "\u0001\u0002\u0008\u000b\u001f\u007f\u0085",
    "\u202e\u2066 right to left \u2069",
    "\ud800 alone \udfff",
    "\ufffe\uffff",
    "]]> <![CDATA[ --> <!--",
    "<script>alert(1)</script><img src=x onerror=alert(1)>",
    "[x](javascript:alert(1)) [y](data:text/html,1) ![z](http://plain.example/a.png)",
    '"><svg/onload=alert(1)> title="a" href="b"',
    "=?UTF-8?B?PHNjcmlwdD4=?=",
    "👨‍👩‍👧‍👦 👩🏽‍🚀 e\u0301 Z͑ͫ̓ͪ̂ͫ̽͏̴̙̤̞͉͚̯̞̠͍A̴̵̜̰͔ͫ͗͢",
    "\r\nBcc: everybody@example.org\r\n\r\nbody",
    "--boundary\r\n.\r\nQUIT\r\n.",
    "--",
    ".\n..\n.a",
    "\u2028\u2029",
    "From nobody",
    "a".repeat(20_000),
    "$" + "{7*7} {{7*7}} %s %n %00",
    "\u0000",
  ];
  test.each(BIG_LIST.map((text, i) => [i, text] as const))("number %i breaks no mail", async (i, text) => {
    const address = `naughty-${i}@example.org`;
    const more = {
      content: { title: text.slice(0, 200) || "-", body: `${text}\n\nEND`, tags: [text.slice(0, 50)] },
      unitName: text.slice(0, 60),
      columnName: text.slice(0, 60),
      kind: "corrected" as const,
      reason: text.slice(0, 200),
    };
    const mail = await got(address, more, { matched: [`tag:${text.slice(0, 50)}`] });
    expect(sink.to(address)).toHaveLength(1);
    const raw = sink.to(address)[0]?.raw ?? Buffer.alloc(0);
    const lines = raw.toString("latin1").split("\r\n");
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(998);
    expect(lines.some((line) => /[\r\n]/.test(line))).toBe(false);
    expect(raw.every((byte) => byte < 0x80 && byte !== 0)).toBe(true);
    const head = lines.slice(0, lines.indexOf(""));
    for (const line of head) expect(line).toMatch(/^(?:[A-Za-z0-9-]+:(?: |$)|[ \t]+\S)/);
    expect(head.filter((line) => /^(bcc|cc|to):/i.test(line))).toEqual([`To: ${address}`]);
    expect(mail.text).toContain("END");
    expect(mail.html).toContain("END");
    expect(mail.text).toContain("/unsubscribe?t=");
    expect(String(mail.html)).not.toMatch(
      /<script|<svg|<img[^>]+onerror=|href="(?:javascript|data|vbscript):|src="http:/i,
    );
    expect(`${mail.text}${mail.html}${mail.subject}`).not.toMatch(
      /[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/,
    );
    expect(`${mail.text}${mail.html}`.isWellFormed()).toBe(true);
  });
});

describe("a signature", () => {
  const { privateKey, publicKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const dkim = {
    dkimDomain: "county.example",
    dkimSelector: "g1",
    dkimKey: privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
  };

  test("by the operator's key covers both unsubscribe headers and verifies", async () => {
    const own = mailer({ smtpUrl: `smtp://127.0.0.1:${sink.port}`, ...dkim });
    expect(
      await push("dkim@example.org", { content: { body: "周三停水。\n\n.\n\n  空格  \n" } }, {}, own),
    ).toMatchObject({ kind: "accepted" });
    await own.close();
    await sink.next("dkim@example.org");
    const raw = sink.to("dkim@example.org")[0]?.raw ?? Buffer.alloc(0);
    const signed = verifies(raw, publicKey);
    expect(signed.ok).toBe(true);
    expect(signed.names).toEqual(
      expect.arrayContaining(["from", "subject", "list-unsubscribe", "list-unsubscribe-post", "message-id", "date"]),
    );
    const forged = Buffer.from(raw.toString("latin1").replace("unsubscribe?t=", "unsubscribe?t=x"), "latin1");
    expect(verifies(forged, publicKey).ok).toBe(false);
  });

  test("that the key cannot make stops the mail, as the operator's to put right", async () => {
    const broken = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";
    const own = mailer({ smtpUrl: `smtp://127.0.0.1:${sink.port}`, ...dkim, dkimKey: broken });
    expect(await push("unsigned@example.org", {}, {}, own)).toMatchObject({
      kind: "retry",
      pause: { because: "configuration" },
    });
    await own.close();
    expect(sink.to("unsigned@example.org")).toEqual([]);
  });
});

describe("a server that does not take it", () => {
  const rate = { because: "rate" };
  const configuration = { because: "configuration" };
  test.each<[string, SmtpBehaviour, object]>([
    [
      "nobody there",
      { reply: "550 5.1.1 <who@example.org>: Recipient address rejected: User unknown" },
      { kind: "gone", because: "bounced", status: 550 },
    ],
    ["no such user, said plainly", { reply: "550 No such user here" }, { kind: "gone", status: 550 }],
    ["a mailbox switched off", { reply: "550 5.2.1 mailbox disabled" }, { kind: "gone" }],
    ["550 without a word", { reply: "550 Requested action not taken" }, { kind: "rejected", status: 550 }],
    ["policy", { reply: "550 5.7.1 message refused by policy" }, { kind: "rejected", status: 550 }],
    ["spam", { at: "data", reply: "554 5.7.1 spam" }, { kind: "rejected", status: 554 }],
    ["too large", { at: "data", reply: "552 5.3.4 message too big" }, { kind: "rejected", status: 552 }],
    ["mailbox full", { reply: "552 5.2.2 mailbox full" }, { kind: "retry", status: 552 }],
    ["greylisting", { reply: "450 4.2.0 greylisted, come back later" }, { kind: "retry", status: 450 }],
    ["busy", { reply: "451 4.3.0 local error" }, { kind: "retry", status: 451 }],
    ["too fast", { at: "data", reply: "451 4.7.1 too many messages, slow down" }, { kind: "retry", pause: rate }],
    ["closing", { reply: "421 4.7.0 try again later" }, { kind: "retry", status: 421, pause: rate }],
    [
      "the day's quota",
      { at: "data", reply: "452 4.5.3 daily quota exceeded" },
      { kind: "retry", pause: { because: "quota" } },
    ],
    [
      "sender not allowed",
      { at: "rcpt", reply: "530 5.7.0 authentication required" },
      { kind: "retry", pause: configuration },
    ],
    ["reset before the text", { fault: "reset" }, { kind: "retry" }],
  ])("%s", async (name, behaviour, expected) => {
    const to = `${name.replace(/[^a-z0-9]/g, "-")}@example.org`;
    sink.answer(to, behaviour);
    const outcome = await push(to);
    expect(outcome).toMatchObject(expected);
    if (!("pause" in expected)) expect(outcome).not.toHaveProperty("pause");
    expect(JSON.stringify(outcome)).not.toContain("@example.org");
    // The connection still works for the next one.
    expect(await push(`after-${to}`)).toMatchObject({ kind: "accepted" });
  });

  test("greylisting takes the second attempt, as the same mail", async () => {
    sink.answer("grey@example.org", { reply: ["451 4.7.1 greylisted", undefined] });
    expect(await push("grey@example.org")).toMatchObject({ kind: "retry" });
    expect(await push("grey@example.org")).toMatchObject({ kind: "accepted" });
  });

  test.each<SmtpBehaviour["fault"]>(["hang", "reset-after-data"])(
    "silence after the last byte (%s) is unknown",
    async (fault) => {
      sink.answer(`${fault}@example.org`, { fault: fault ?? "hang" });
      const outcome = await push(`${fault}@example.org`);
      expect(outcome).toMatchObject({ kind: "unknown", receipt: expect.stringMatching(/^ann_.*@county\.example$/) });
    },
  );

  test("a refused sender is the operator's to put right, not the receiver's end", async () => {
    const other = await startSmtpSink();
    other.answer("*", { at: "mail", reply: "553 5.7.1 sender address rejected: not owned by user" });
    const own = mailer({ smtpUrl: `smtp://127.0.0.1:${other.port}` });
    expect(await push("x@example.org", {}, {}, own)).toMatchObject({ kind: "retry", pause: configuration });
    await own.close();
    await other.close();
  });

  test("nobody at the port, and a server that only says 421, are tried again", async () => {
    const closed = mailer({ smtpUrl: "smtp://127.0.0.1:1" });
    const outcome = await push("x@example.org", {}, {}, closed);
    expect(outcome).toMatchObject({ kind: "retry" });
    expect(outcome).not.toHaveProperty("pause");
    await closed.close();
    const full = await startSmtpSink();
    full.greet("421 too many connections");
    const own = mailer({ smtpUrl: `smtp://127.0.0.1:${full.port}` });
    expect(await push("x@example.org", {}, {}, own)).toMatchObject({ kind: "retry", status: 421, pause: rate });
    await own.close();
    await full.close();
  });
});

describe("the operator's server", () => {
  test("is logged into under TLS, from the first byte or by STARTTLS, with its issuer checked", async () => {
    const login = { user: "notice@county.example", pass: "p:ss/w@rd" };
    const user = encodeURIComponent(login.user);
    const pass = encodeURIComponent(login.pass);
    for (const [scheme, options] of [
      ["smtps", { secure: true }],
      ["smtp", { starttls: true }],
    ] as const) {
      const server = await startSmtpSink({ ...options, login });
      const url = `${scheme}://${user}:${pass}@127.0.0.1:${server.port}`;
      const own = mailer({ smtpUrl: url, smtpCa: server.ca });
      const outcome = await push("tls@example.org", {}, {}, own);
      expect([scheme, outcome.kind]).toEqual([scheme, "accepted"]);
      expect(server.logins).toEqual([login.user]);
      expect(server.tls()).toBe(1);
      await own.close();
      const doubtful = mailer({ smtpUrl: url });
      if (scheme === "smtps")
        expect(await push("tls@example.org", {}, {}, doubtful)).toMatchObject({
          kind: "retry",
          pause: configuration(),
        });
      await doubtful.close();
      const wrong = mailer({ smtpUrl: url.replace(pass, "wrong-pass"), smtpCa: server.ca });
      const refused = await push("tls@example.org", {}, {}, wrong);
      expect(refused).toMatchObject({ kind: "retry", status: 535, pause: configuration() });
      expect(JSON.stringify(refused)).not.toMatch(/wrong-pass|notice@/);
      await wrong.close();
      await server.close();
    }
  });

  test("gets a thousand mails over few connections, each of them once", async () => {
    const server = await startSmtpSink();
    const own = mailer(
      { smtpUrl: `smtp://127.0.0.1:${server.port}` },
      { seconds: { connect: 5, answer: 20, total: 25 } },
    );
    const revision = revisionOf(at, {});
    const rendered = own.render(revision, "zh-CN", testLinks);
    let next = 0;
    const outcomes: string[] = [];
    await Promise.all(
      Array.from({ length: own.limits.inFlight }, async () => {
        for (let n = next++; n < 1000; n = next++) {
          const who = target(`p${n}@example.org`, { endpoint: String(n).padStart(16, "0") });
          outcomes.push((await own.push(rendered, { deliveryId: `${n}`, attempt: 1, target: who })).kind);
        }
      }),
    );
    await own.close();
    await server.close();
    expect(outcomes).toEqual(Array(1000).fill("accepted"));
    expect(new Set(server.received.map(({ to }) => to)).size).toBe(1000);
    expect(server.received).toHaveLength(1000);
    expect(server.connections()).toBeLessThanOrEqual(own.limits.inFlight * 2);
  });

  test("is another one from the next mail on when its settings change", async () => {
    const [first, second] = [await startSmtpSink(), await startSmtpSink()];
    let port = first.port;
    const own = mailer(
      {},
      {
        settings: async () => ({
          settings: { from: "n@county.example", smtpUrl: `smtp://127.0.0.1:${port}` },
          updatedAt: "",
          version: 1,
        }),
      },
    );
    await push("a@example.org", {}, {}, own);
    port = second.port;
    await push("b@example.org", {}, {}, own);
    expect([first.received.length, second.received.length]).toEqual([1, 1]);
    await own.close();
    await first.close();
    await second.close();
  });

  test("is held to the day's limit that the operator names, by the pace of all processes together", async () => {
    expect(channel.quotas?.({ dailyLimit: "2" })).toEqual([{ per: "day", of: "credential", count: 2 }]);
    expect(channel.quotas?.({})).toEqual([]);
  });

  test("is missing: nothing goes out, and nobody can subscribe", async () => {
    const none = makeEmail({
      baseUrl: "https://example.org",
      settings: async () => undefined,
      now: () => at,
      log: silentLog,
      secret: async () => secret,
    });
    expect(await push("x@example.org", {}, {}, none)).toMatchObject({ kind: "retry", pause: configuration() });
    expect(await none.address("x@example.org")).toMatchObject({
      errors: [{ pointer: "/endpoint/channel", code: "CHANNEL_NOT_SET_UP" }],
    });
  });

  function configuration() {
    return { because: "configuration" };
  }
});

describe("the question to a mailbox", () => {
  test("leads to a page, and carries nothing that the one who asked wrote", async () => {
    const outcome = await channel.confirm(
      target("ask@example.org", { matched: ["tag:buy now"] }),
      "challenge-1",
      "sub_1",
    );
    expect(outcome).toBe("sent");
    const mail = await sink.next("ask@example.org");
    expect(mail.text).toContain("https://example.org/confirm?s=sub_1&c=challenge-1\n");
    expect(mail.html).toContain('href="https://example.org/confirm?s=sub_1&amp;c=challenge-1"');
    expect(`${mail.text}${mail.html}`).not.toContain("buy now");
    expect(header(sink, "ask@example.org", "list-unsubscribe")).toBe("");
    sink.answer("later@example.org", { reply: "451 later" });
    expect(await channel.confirm(target("later@example.org"), "c", "sub_2")).toBe("refused");
  });
});

describe("an address", () => {
  const of = (text: string) => channel.address(text);
  test.each([
    ["Zhang.San+a@Example.ORG", "Zhang.San+a@example.org"],
    [" a@example.org ", "a@example.org"],
    ["a＠example.org", "a@example.org"],
    ["a@公司.中国", "a@xn--55qx5d.xn--fiqs8s"],
    ["a@BÜCHER.example", "a@xn--bcher-kva.example"],
    [`${"a".repeat(64)}@example.org`, `${"a".repeat(64)}@example.org`],
    ["o'neill_{x}@example.org", "o'neill_{x}@example.org"],
  ])("%s is taken in its usual form", async (text, address) => {
    expect(await of(text)).toEqual({ address });
    expect(await of(address)).toEqual({ address });
  });
  test.each([
    "",
    "@example.org",
    "a@",
    "a",
    "a@b",
    "a@localhost",
    "a@host.local",
    "a@[127.0.0.1]",
    "a@127.0.0.1",
    "a@example.org.",
    "a@-example.org",
    "a@exa_mple.org",
    "a@ex%61mple.org",
    "a..b@example.org",
    ".a@example.org",
    "a.@example.org",
    '"a b"@example.org',
    "Zhang <a@example.org>",
    "a@example.org, b@example.org",
    "mailto:a@example.org",
    "a(b)@example.org",
    "a@b@example.org",
    "a\r\nBcc: b@example.org",
    "a\u0000@example.org",
    "a\u202e@example.org",
    "张三@example.org",
    `${"a".repeat(65)}@example.org`,
    `a@${"b".repeat(64)}.org`,
    `a@${"b.".repeat(126)}org`,
    `${"a".repeat(64)}@${"b".repeat(60)}.${"c".repeat(60)}.${"d".repeat(60)}.example`,
    "a".repeat(100_000),
  ])("%j is refused with a pointer", async (text) => {
    const { errors } = (await of(text)) as {
      errors: { pointer: string; code: string; detail: { zh: string; en: string } }[];
    };
    expect(errors[0]).toMatchObject({ pointer: "/endpoint/address", code: expect.stringMatching(/^ADDRESS_/) });
    expect(errors[0]?.detail.zh).toMatch(/\p{Script=Han}/u);
  });
  test("is shown by its first letter and domain", () => {
    expect(channel.shown?.("zhang@example.org")).toBe("z***@example.org");
  });
});

test("every setting checks what is entered", () => {
  const check = (name: string) => channel.settings?.find((one) => one.name === name)?.check;
  expect(check("smtpUrl")?.test("smtps://u:p@smtp.example.org:465")).toBe(true);
  for (const wrong of ["http://x", "smtp://a b", "smtp://h/path", "smtp://h?tls=off"])
    expect(check("smtpUrl")?.test(wrong)).toBe(false);
  expect(check("fromName")?.test("某县\r\nBcc: x")).toBe(false);
  expect(check("from")?.test("a@b.example")).toBe(true);
  expect(check("noticeKey")?.test("short")).toBe(false);
  const rsa = (bits: number) => generateKeyPairSync("rsa", { modulusLength: bits }).privateKey;
  for (const type of ["pkcs1", "pkcs8"] as const)
    expect(check("dkimKey")?.test(rsa(1024).export({ type, format: "pem" }).toString())).toBe(true);
  const key = rsa(2048).export({ type: "pkcs8", format: "pem" }).toString();
  const elliptic = generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey;
  for (const wrong of [
    "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
    key.replace(/\n[^\n]+\n-----END/, "\n-----END"),
    elliptic.export({ type: "pkcs8", format: "pem" }).toString(),
    generateKeyPairSync("ed25519").privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
    rsa(512).export({ type: "pkcs8", format: "pem" }).toString(),
    `${key}x`,
  ])
    expect(check("dkimKey")?.test(wrong), wrong).toBe(false);
  expect(check("sesRegion")?.test("us-gov-west-1")).toBe(true);
  expect(check("sesRegion")?.test("x.evil.example/")).toBe(false);
  expect(channel.settings?.filter(({ secret }) => secret).map(({ name }) => name)).toEqual([
    "smtpUrl",
    "dkimKey",
    "noticeKey",
  ]);
});

function header(at: SmtpSink, address: string, name: string): string {
  const raw = at.to(address).at(-1)?.raw.toString("latin1") ?? "";
  const head = raw.slice(0, raw.indexOf("\r\n\r\n")).replace(/\r\n[ \t]+/g, " ");
  return (
    head
      .split("\r\n")
      .find((line) => line.toLowerCase().startsWith(`${name}:`))
      ?.slice(name.length + 1)
      .trim() ?? ""
  );
}
