// Messages encrypted and signed per core, beside the `web-push` package in the same process: the CPU of one message, nothing sent.
import { createECDH, randomBytes } from "node:crypto";
import webpush from "web-push";
import { makeVapid } from "#src/channels/vapid.ts";
import { encrypt, receiverReader } from "#src/channels/web-push-encryption.ts";
import { newPrivateKey, pushKeyOf } from "#src/domain/deliveries/push-key.ts";

const BROWSERS = 1000;
const ROUNDS = Number(process.env["BENCH_ROUNDS"] ?? 3);
const SUBJECT = "mailto:bench@example.org";

const key = pushKeyOf(newPrivateKey());
const text = JSON.stringify({
  title: "防电诈提醒",
  body: "近期有人冒充客服打来电话，请勿转账。".repeat(10),
  url: "https://g.example/a",
});
const browsers = Array.from({ length: BROWSERS }, (_, i) => {
  const curve = createECDH("prime256v1");
  const keys = { p256dh: curve.generateKeys("base64url"), auth: randomBytes(16).toString("base64url") };
  const origin = `https://push-${i % 4}.example.net`;
  return { origin, endpoint: `${origin}/${i}`, keys, secret: `${keys.p256dh}.${keys.auth}` };
});

function ours(receiverOf: ReturnType<typeof receiverReader>, vapid: ReturnType<typeof makeVapid>): number {
  let bytes = 0;
  for (const { origin, secret } of browsers) {
    const receiver = receiverOf(secret);
    if (!receiver) throw new Error("no receiver");
    bytes += encrypt(receiver, Buffer.from(text)).length + vapid(origin, key, SUBJECT).length;
  }
  return bytes;
}

function theirs(): number {
  let bytes = 0;
  for (const { endpoint, keys } of browsers) {
    const how = { vapidDetails: { subject: SUBJECT, ...key }, TTL: 60 };
    const { body, headers } = webpush.generateRequestDetails({ endpoint, keys }, text, how);
    bytes += (body as Buffer).length + String(headers["Authorization"]).length;
  }
  return bytes;
}

/** Messages per second of CPU. */
function rate(work: () => number): number {
  const before = process.cpuUsage();
  if (work() === 0) throw new Error("nothing was made");
  const { user, system } = process.cpuUsage(before);
  return BROWSERS / ((user + system) / 1e6);
}

export type WebPushRates = { known: number; unknown: number; peer: number };

/** The best of some rounds: browsers that were pushed to before, browsers seen for the first time, and the package. */
export function webPushRates(): WebPushRates {
  const receiverOf = receiverReader();
  const vapid = makeVapid(() => new Date());
  const best: WebPushRates = { known: 0, unknown: 0, peer: 0 };
  ours(receiverOf, vapid);
  theirs();
  for (let n = 0; n < ROUNDS; n++) {
    best.peer = Math.max(best.peer, rate(theirs));
    best.unknown = Math.max(
      best.unknown,
      rate(() =>
        ours(
          receiverReader(),
          makeVapid(() => new Date()),
        ),
      ),
    );
    best.known = Math.max(
      best.known,
      rate(() => ours(receiverOf, vapid)),
    );
  }
  return best;
}
