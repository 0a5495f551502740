import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { leaveToken, leavingEndpoint, mailedEndpoint, mailName } from "#src/domain/deliveries/endpoint-link.ts";
import { takeMailNotice } from "#src/domain/deliveries/mail-notice.ts";
import { confirmByChallenge } from "#src/domain/subscriptions/confirm-by-challenge.ts";
import { endEndpoint } from "#src/domain/subscriptions/end-endpoint.ts";
import { bringsColumns, withoutColumn } from "#src/domain/subscriptions/leave-column.ts";
import { findSubscription } from "#src/domain/subscriptions/store.ts";
import { pendingWrites } from "#src/domain/subscriptions/subscribe.ts";
import type { Subscription } from "#src/domain/subscriptions/subscription.ts";
import { suppressionOf } from "#src/domain/subscriptions/suppress.ts";
import { sha256 } from "#src/ids.ts";
import { silentLog } from "#src/log.ts";
import { keys } from "#src/platform/keys.ts";
import { sesNotices, subscribeUrl } from "#src/web/mail/notification.ts";
import { kindOf, mailReports } from "#src/web/mail/report.ts";
import { pushWorld } from "./push-world.ts";

const secret = new Uint8Array(32).fill(3);
let world: ReturnType<typeof pushWorld>;
let deps: { table: typeof world.platform.table; now: () => Date };
beforeEach(() => {
  world = pushWorld();
  deps = { table: world.platform.table, now: world.now };
});
afterEach(() => world.platform.stop());

async function asked(challenge: string): Promise<Subscription> {
  const known = await world.subscribe("a@example.org", { channel: "email" });
  const id = "sub_00000000000000000000000009";
  const pending: Subscription = { ...known, id, status: "pending", challengeHash: sha256(challenge) };
  await deps.table.write(pendingWrites(pending, world.now()));
  return pending;
}

const RIGHT = "right".repeat(8);

describe("a secret challenge", () => {
  it("confirms once, also when it is sent twice at the same moment", async () => {
    const { id } = await asked(RIGHT);
    const reply = { subscriptionId: id, challenge: RIGHT };
    const both = await Promise.all([confirmByChallenge(deps, reply), confirmByChallenge(deps, reply)]);
    expect(both.map((one) => one?.status)).toEqual(["confirmed", "confirmed"]);
    expect((await confirmByChallenge(deps, reply))?.status).toBe("confirmed");
    expect((await findSubscription(deps.table, id))?.challengeHash).toBeUndefined();
  });

  it("is void after five wrong tries, one after another or all at once", async () => {
    const { id } = await asked(RIGHT);
    const guess = (challenge: string) => confirmByChallenge(deps, { subscriptionId: id, challenge });
    for (let i = 0; i < 4; i++) expect(await guess(`${i}`.repeat(32))).toBeUndefined();
    expect((await findSubscription(deps.table, id))?.wrongCodes).toBe(4);
    expect((await findSubscription(deps.table, id))?.challengeHash).toBeDefined();
    await guess("fifth".repeat(8));
    expect(await guess(RIGHT)).toBeUndefined();
    await world.platform.stop();
    world = pushWorld();
    deps = { table: world.platform.table, now: world.now };
    const again = await asked(RIGHT);
    await Promise.all(
      Array.from({ length: 5 }, (_, i) =>
        confirmByChallenge(deps, { subscriptionId: again.id, challenge: `${i}`.repeat(32) }),
      ),
    );
    expect(await confirmByChallenge(deps, { subscriptionId: again.id, challenge: RIGHT })).toBeUndefined();
  });

  it("is nothing a day later, for another subscription, or for none", async () => {
    const { id } = await asked(RIGHT);
    expect(await confirmByChallenge(deps, { subscriptionId: "sub_unknown", challenge: RIGHT })).toBeUndefined();
    world.pass(86_401);
    expect(await confirmByChallenge(deps, { subscriptionId: id, challenge: RIGHT })).toBeUndefined();
  });
});

it("one column is left, and everything else stays wanted", () => {
  const columns = ["notices", "news", "alerts"];
  const without = (...topics: Subscription["topics"]) => withoutColumn(topics, "news", columns);
  expect(without("column:news", "unit:u")).toEqual(["unit:u"]);
  expect(without("all")).toEqual(["column:notices", "column:alerts"]);
  expect(without({ all: ["column:news", "tag:x"] }, "urgency:urgent")).toEqual(["urgency:urgent"]);
  expect(without("column:news")).toEqual([]);
  expect(without("column:notices", "unit:u")).toBeUndefined();
  const many = Array.from({ length: 22 }, (_, i) => `c${i}`);
  expect(withoutColumn(["all"], "c1", many)).toBe("too many");
});

it("a column that was left does not come back by what was named beside everything", () => {
  const columns = ["news", ...Array.from({ length: 20 }, (_, i) => `c${i}`)];
  const left = withoutColumn(["all", "unit:u", "tag:x", { all: ["urgency:urgent", "tag:x"] }], "news", columns);
  expect(left).toEqual(columns.slice(1).map((slug) => `column:${slug}`));
  expect(bringsColumns(["column:c1", { all: ["column:c2", "unit:u"] }])).toBe(false);
  expect(bringsColumns(["column:c1", "unit:u"])).toBe(true);
  expect(bringsColumns([{ all: ["tag:x", "urgency:urgent"] }])).toBe(true);
});

describe("an address that is suppressed", () => {
  it("is remembered for good, and by its key alone", async () => {
    const { endpoint, id } = await world.subscribe("a@example.org", { channel: "email" });
    await endEndpoint(deps, endpoint, "complained");
    expect((await findSubscription(deps.table, id))?.endedBecause).toBe("complained");
    world.pass(400 * 86_400);
    expect(await suppressionOf(deps.table, endpoint)).toBe("complained");
    expect(JSON.stringify(await deps.table.query({ pk: keys.endpoint(endpoint).pk }))).not.toContain("example.org");
  });

  it("gets nothing of a push that was planned before", async () => {
    const subscription = await world.subscribe("a@example.org", { channel: "email" });
    await world.publish();
    await endEndpoint(deps, subscription.endpoint, "complained");
    await world.drain();
    expect(world.channels.email.seen).toEqual([]);
  });
});

it("a notice tells the receipt, once for each outcome that there is", async () => {
  const told: string[] = [];
  const note = { ...deps, log: silentLog, receipt: async (one: object) => void told.push(JSON.stringify(one)) };
  for (const kind of ["delivered", "refused", "delayed", "bounced"] as const)
    await takeMailNotice(note, { kind, address: "a@example.org", receipt: "r1", detail: "5.1.1" });
  expect(told.map((one) => JSON.parse(one).outcome)).toEqual(["delivered", "failed", "failed"]);
  await takeMailNotice({ ...deps, log: silentLog }, { kind: "delivered", receipt: "r1" });
});

describe("links and ids", () => {
  it("name their endpoint under this instance's key only, and nothing else is one", () => {
    const endpoint = "-_AZaz0123456789";
    expect(leavingEndpoint(secret, leaveToken(secret, endpoint))).toBe(endpoint);
    expect(leavingEndpoint(new Uint8Array(32), leaveToken(secret, endpoint))).toBeUndefined();
    for (const delivery of ["ann_1.2.-_AZaz0123456789", "digest 2026/03", "..a..b.", "汇总"]) {
      const name = mailName(secret, delivery, endpoint);
      expect(name).toMatch(/^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$/);
      expect(mailedEndpoint(secret, `<${name}@county.example>`)).toBe(endpoint);
      expect(mailName(secret, delivery, endpoint)).toBe(name);
    }
    fc.assert(
      fc.property(fc.string({ maxLength: 80 }), (text) => {
        expect(leavingEndpoint(secret, text)).toBeUndefined();
        expect(mailedEndpoint(secret, text)).toBeUndefined();
      }),
    );
  });
});

describe("what a mail server writes", () => {
  const endpoint = "0123456789abcdef";
  const name = mailName(secret, "ann_1.1", endpoint);
  const prove = (id: string) => mailedEndpoint(secret, id);

  it("is read whatever its line ends, folding, encoding and envelope id", () => {
    const status = `Reporting-MTA: dns; mx\nOriginal-Envelope-Id: ${name.replaceAll("_", "+5F")}\n\nFinal-Recipient: rfc822;\n x@example.org\nAction: Failed\nStatus: 5.1.1 (no such user)\n`;
    const mail = (part: string, encoding: string) =>
      `Content-Type: multipart/report;\n boundary=b\n\n--b\nContent-Type: text/plain\n\nSorry\n--b\nContent-Type: message/delivery-status\nContent-Transfer-Encoding: ${encoding}\n\n${part}\n--b--\n`;
    const expected = [{ kind: "bounced", endpoint, receipt: name, detail: "5.1.1" }];
    for (const raw of [mail(status, "7bit"), mail(Buffer.from(status).toString("base64"), "base64")])
      for (const lines of [raw, raw.replaceAll("\n", "\r\n")]) expect(mailReports(lines, prove)).toEqual(expected);
  });

  it("is judged by its status, and where that says nothing, by the server's words", () => {
    const of = (status: string, diagnostic: string) =>
      mailReports(
        `Content-Type: multipart/report; boundary=b\n\n--b\nContent-Type: message/delivery-status\n\nOriginal-Envelope-Id: ${name}\n\nAction: failed\nStatus: ${status}\nDiagnostic-Code: ${diagnostic}\n\n--b--`,
        prove,
      )[0]?.kind;
    expect(of("5.0.0", "smtp; 550 5.1.1 unknown")).toBe("bounced");
    expect(of("5.0.0", "smtp; 550 user unknown")).toBe("bounced");
    expect(of("5.0.0", "smtp; 554 blocked, see 5.5.5.5")).toBe("refused");
    expect(of("5.7.1", "smtp; 550 user unknown")).toBe("refused");
    expect([kindOf("failed", "5.2.2"), kindOf("delayed", "4.4.1"), kindOf("relayed", "2.0.0")]).toEqual([
      "refused",
      "delayed",
      "delivered",
    ]);
  });

  it("is never more than a report, whatever it holds", () => {
    const pieces = fc.constantFrom(
      "Content-Type: multipart/report; boundary=b\n\n",
      "--b\n",
      "--b--\n",
      "Content-Type: message/delivery-status\n\n",
      "Action: failed\nStatus: 5.1.1\n",
      "Content-Type: message/rfc822\n\n",
      `Message-ID: <${"x".repeat(50)}@y>\n`,
      "\r\n\r\n",
      ":\n",
      "\u0000\ufffe",
    );
    fc.assert(
      fc.property(fc.array(pieces, { maxLength: 60 }), (all) => {
        expect(mailReports(all.join(""), prove)).toEqual([]);
      }),
    );
    const deep = "Content-Type: multipart/mixed; boundary=b\n\n--b\n".repeat(20_000);
    const before = performance.now();
    expect(mailReports(deep, prove)).toEqual([]);
    expect(performance.now() - before).toBeLessThan(2000);
  });
});

it("Amazon's notices end nothing that is only full, late or unclear", () => {
  const kinds = (bounceType: string, bounceSubType: string, status?: string, action?: string) =>
    sesNotices(
      JSON.stringify({
        notificationType: "Bounce",
        mail: { messageId: "m" },
        bounce: {
          bounceType,
          bounceSubType,
          bouncedRecipients: [{ emailAddress: "a@example.org", status, action }],
        },
      }),
    ).map(({ kind }) => kind);
  expect(kinds("Permanent", "General", "5.1.1")).toEqual(["bounced"]);
  expect(kinds("Permanent", "Suppressed")).toEqual(["bounced"]);
  expect(kinds("Permanent", "General", "5.7.1")).toEqual(["refused"]);
  expect(kinds("Transient", "MailboxFull", "4.2.2")).toEqual(["delayed"]);
  for (const last of ["MailboxFull", "MessageTooLarge", "ContentRejected"]) {
    expect(kinds("Transient", last, "4.2.2", "failed")).toEqual(["refused"]);
    expect(kinds("Transient", last, "4.2.2", "delayed")).toEqual(["delayed"]);
  }
  expect(kinds("Transient", "General", "4.4.7", "failed")).toEqual(["delayed"]);
  expect(kinds("Undetermined", "Undetermined")).toEqual(["refused"]);
  for (const odd of ["", "{}", "[]", "null", '{"notificationType":"Bounce","mail":{"messageId":"m"}}'])
    expect(sesNotices(odd)).toEqual([]);
});

it("only Amazon's own address confirms a subscription to its notices", () => {
  const query = "?Action=ConfirmSubscription&TopicArn=arn&Token=t";
  expect(subscribeUrl(`https://sns.us-east-1.amazonaws.com/${query}`)).toContain("sns.us-east-1");
  expect(subscribeUrl(`https://sns.cn-north-1.amazonaws.com.cn/${query}`)).toContain("cn-north-1");
  for (const other of [
    "http://sns.us-east-1.amazonaws.com/",
    "https://sns.us-east-1.amazonaws.com:8443/",
    "https://evil.example/",
    "https://sns.us-east-1.amazonaws.com.evil.example/",
    "https://sns.evil.amazonaws.com/",
  ])
    expect(subscribeUrl(other + query)).toBeUndefined();
});
