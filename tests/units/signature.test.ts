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

test("it is the HMAC of Node's own, for secrets and bodies of every length around a block", () => {
  for (const secretBytes of [0, 1, 24, 63, 64, 65, 200])
    for (const bodyBytes of [0, 1, 63, 64, 65, 1200, 32_700, 32_768, 100_000]) {
      const secret = randomBytes(secretBytes);
      const body = randomBytes(bodyBytes);
      const expected = createHmac("sha256", secret).update("编号.1.").update(body).digest("base64");
      expect(sign("编号", 1, body, [secret.toString("base64")]), `${secretBytes}, ${bodyBytes}`).toBe(`v1,${expected}`);
    }
});
