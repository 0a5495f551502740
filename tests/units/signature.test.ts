import { createHmac, randomBytes } from "node:crypto";
import { Webhook } from "standardwebhooks";
import { expect, test } from "vitest";
import { makeSign } from "#src/channels/sign.ts";

const sign = makeSign();

test("the published vector of Standard Webhooks comes out", () => {
  const secret = "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
  const body = Buffer.from('{"test": 2432232314}');
  expect(sign("msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, body, [secret])).toBe(
    "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
  );
});

test("during a rotation both secrets verify, and no other", () => {
  const [fresh, old, other] = [24, 64, 32].map((bytes) => randomBytes(bytes).toString("base64")) as [
    string,
    string,
    string,
  ];
  const timestamp = Math.floor(Date.now() / 1000);
  const body = Buffer.from("正文 with 🌊");
  const headers = {
    "webhook-id": "ann_1.1.abc",
    "webhook-timestamp": String(timestamp),
    "webhook-signature": sign("ann_1.1.abc", timestamp, body, [fresh, old]),
  };
  const verify = (secret: string, bytes: Buffer) =>
    new Webhook(secret, {}).verify(bytes, headers, { jsonParse: false });
  expect(() => verify(fresh, body)).not.toThrow();
  expect(() => verify(old, body)).not.toThrow();
  expect(() => verify(other, body)).toThrow();
  expect(() => verify(fresh, Buffer.from("other text"))).toThrow();
});

test("is what the platform's own HMAC gives, for every length of secret and text", () => {
  for (let length = 0; length <= 130; length++) {
    const secret = randomBytes(length);
    const body = randomBytes(length % 13 === 0 ? length * 500 : length * 17);
    const hmac = createHmac("sha256", secret).update("ann_1.1.abc.1614265330.").update(body).digest("base64");
    expect(sign("ann_1.1.abc", 1614265330, body, [secret.toString("base64")])).toBe(`v1,${hmac}`);
  }
});
