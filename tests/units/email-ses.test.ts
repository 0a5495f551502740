import { generateKeyPairSync } from "node:crypto";
import { simpleParser } from "mailparser";
import { afterAll, beforeAll, expect, test } from "vitest";
import { makeEmail } from "#src/channels/email.ts";
import { silentLog } from "#src/log.ts";
import { sesSender } from "#src/platform/aws/mail.ts";
import { verifies } from "#tests/receivers/dkim-verifier.ts";
import { type SesAnswer, startSes } from "#tests/receivers/ses-simulator.ts";
import { revisionOf, testLinks } from "./push-world.ts";

const at = new Date("2026-03-02T02:00:00Z");
const credentials = { accessKeyId: "AKIDEXAMPLE", secretAccessKey: "secret-access-key" };

let ses: Awaited<ReturnType<typeof startSes>>;
beforeAll(async () => {
  ses = await startSes();
});
afterAll(() => ses.close());

function mailer(endpoint = ses.endpoint, more: Record<string, string> = {}) {
  return makeEmail({
    baseUrl: "https://example.org",
    settings: async () => ({
      settings: { from: "notice@county.example", sesRegion: "eu-north-1", ...more },
      updatedAt: "",
      version: 1,
    }),
    now: () => at,
    log: silentLog,
    secret: async () => new Uint8Array(32),
    seconds: { connect: 1, answer: 1, total: 2 },
    ses: sesSender({ endpoint, credentials }),
  });
}

function push(channel = mailer()) {
  const rendered = channel.render(revisionOf(at, {}), "zh-CN", testLinks);
  const endpoint = "0123456789abcdef";
  const target = { endpoint, address: "one@example.org", language: "zh-CN" as const, secrets: [], matched: ["all"] };
  return channel.push(rendered, { deliveryId: `ann_1.1.${endpoint}`, attempt: 1, target });
}

test("a mail goes out whole, signed for its region, and its id is the receipt", async () => {
  ses.answer(undefined);
  const outcome = await push();
  const call = ses.calls.at(-1);
  expect(outcome).toEqual({ kind: "accepted", status: 200, receipt: `0100-${ses.calls.length}` });
  expect(call?.path).toBe("/v2/email/outbound-emails");
  expect(call?.authorization).toContain("/eu-north-1/ses/aws4_request");
  expect(call?.body).toMatchObject({
    FromEmailAddress: "notice@county.example",
    Destination: { ToAddresses: ["one@example.org"] },
  });
  const mail = await simpleParser(Buffer.from(call?.body.Content.Raw.Data ?? "", "base64"));
  expect(mail.subject).toBe("停水通知 - 某县互联网信息中心");
  expect(mail.text).toContain("您收到本邮件，是因为在告示订阅了：全部公告。");
});

test("the operator's signature still holds when SES has set the Message-ID and the date that it sets on every mail", async () => {
  ses.answer(undefined);
  const { privateKey, publicKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const dkimKey = privateKey.export({ type: "pkcs8", format: "pem" }).toString();
  await push(mailer(ses.endpoint, { dkimDomain: "county.example", dkimSelector: "g1", dkimKey }));
  const handed = Buffer.from(ses.calls.at(-1)?.body.Content.Raw.Data ?? "", "base64").toString("latin1");
  const sent = handed
    .replace(/^Message-ID:[^<]*<[^>]+>/im, "Message-ID: <0102019abc-1234-000000@eu-north-1.amazonses.com>")
    .replace(/^Date: .*$/im, "Date: Mon, 2 Mar 2026 02:00:07 +0000");
  expect(sent).not.toBe(handed);
  const signed = verifies(Buffer.from(sent, "latin1"), publicKey);
  expect(signed.ok).toBe(true);
  expect(signed.names).toEqual(expect.arrayContaining(["from", "subject", "to", "list-unsubscribe"]));
  for (const replaced of ["message-id", "date", "return-path", "bounces-to"])
    expect(signed.names).not.toContain(replaced);
});

test.each<[string, SesAnswer, object]>([
  [
    "too fast",
    { error: "TooManyRequestsException", status: 429, message: "Maximum sending rate exceeded." },
    { kind: "retry", pause: { because: "rate" } },
  ],
  [
    "the day is used up",
    { error: "TooManyRequestsException", status: 429, message: "Daily message quota exceeded." },
    { kind: "retry", pause: { because: "quota" } },
  ],
  [
    "the account's limit",
    { error: "LimitExceededException", status: 400 },
    { kind: "retry", pause: { because: "quota" } },
  ],
  [
    "sending paused",
    { error: "SendingPausedException", status: 400 },
    { kind: "retry", pause: { because: "configuration" } },
  ],
  [
    "account suspended",
    { error: "AccountSuspendedException", status: 400 },
    { kind: "retry", pause: { because: "configuration" } },
  ],
  [
    "sender's domain not verified",
    { error: "MailFromDomainNotVerifiedException", status: 400 },
    { kind: "retry", pause: { because: "configuration" } },
  ],
  [
    "still in the sandbox",
    {
      error: "MessageRejected",
      status: 400,
      message: "Email address is not verified. one@example.org failed the check",
    },
    { kind: "retry", pause: { because: "configuration" } },
  ],
  [
    "no right",
    { error: "AccessDeniedException", status: 403, message: "not authorized to perform ses:SendEmail" },
    { kind: "retry", pause: { because: "configuration" } },
  ],
  [
    "virus",
    { error: "MessageRejected", status: 400, message: "Message contains a virus" },
    { kind: "rejected", status: 400 },
  ],
  ["bad request", { error: "BadRequestException", status: 400 }, { kind: "rejected", status: 400 }],
  ["broken inside", { error: "InternalFailure", status: 500 }, { kind: "retry", status: 500 }],
  ["unavailable", { status: 503, text: "<html>busy</html>", type: "text/html" }, { kind: "retry", status: 503 }],
  ["a 200 that is HTML", { status: 200, text: "<html>welcome</html>", type: "text/html" }, { kind: "unknown" }],
  ["a 200 that is cut off", { status: 200, text: '{"Mess' }, { kind: "unknown" }],
  ["a 200 that names no mail", { status: 200, text: "{}" }, { kind: "unknown" }],
  ["an empty 200", { status: 200, text: "" }, { kind: "unknown" }],
  ["no answer", { fault: "hang" }, { kind: "unknown" }],
  ["the connection cut", { fault: "reset" }, { kind: "unknown" }],
])("%s", async (_name, answer, expected) => {
  ses.answer(answer);
  const before = ses.calls.length;
  const outcome = await push();
  expect(outcome).toMatchObject(expected);
  if (!("pause" in expected)) expect(outcome).not.toHaveProperty("pause");
  expect(JSON.stringify(outcome)).not.toMatch(/one@example\.org|AKIDEXAMPLE|secret-access-key/);
  expect(ses.calls.length - before, "the SDK repeats nothing").toBe(1);
});

test("nobody there: tried again, nothing went out", async () => {
  expect(await push(mailer("http://127.0.0.1:1"))).toMatchObject({ kind: "retry" });
});

test("no credentials: the operator's to put right", async () => {
  const nobody = makeEmail({
    baseUrl: "https://example.org",
    settings: async () => ({
      settings: { from: "n@county.example", sesRegion: "eu-north-1" },
      updatedAt: "",
      version: 1,
    }),
    now: () => at,
    log: silentLog,
    secret: async () => new Uint8Array(32),
    ses: sesSender({
      endpoint: ses.endpoint,
      credentials: async () => {
        throw Object.assign(new Error("Could not load credentials from any providers"), {
          name: "CredentialsProviderError",
        });
      },
    }),
  });
  expect(await push(nobody)).toMatchObject({ kind: "retry", pause: { because: "configuration" } });
});
