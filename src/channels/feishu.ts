import { createHmac } from "node:crypto";
import type { Channel } from "#src/domain/deliveries/channel.ts";
import { makeRobot, type RobotDeps, type RobotMessage, type RobotVendor } from "./robot.ts";
import type { RobotText, Span } from "./robot-text.ts";

/**
 * Feishu group robots (open.feishu.cn/document/client-docs/bot-v3/add-custom-bot). `post`, not a card: its pieces are
 * plain text and links by their tags, so no text can become markup. Guards as DingTalk's and taken alike, but each has a
 * code: 19021 signature or clock, 19022 IP address, 19024 keyword. Bytes are kept free for
 * signature and time stamp.
 */
const VENDOR: RobotVendor = {
  name: "feishu",
  place: {
    origin: "https://open.feishu.cn",
    path: "/open-apis/bot/v2/hook/",
    key: /^[0-9a-z]{8}(?:-[0-9a-z]{4}){3}-[0-9a-z]{12}$/,
    example: "https://open.feishu.cn/open-apis/bot/v2/hook/…",
  },
  windows: [
    { seconds: 60, count: 100 },
    { seconds: 1, count: 5 },
  ],
  bytes: 20_000,
  secret(text) {
    if (text === undefined) return { secrets: [] };
    if (/^[0-9A-Za-z_-]{8,128}$/.test(text)) return { secrets: [text] };
    const detail = {
      zh: "应为机器人“签名校验”设置里的密钥；未开启签名校验则去掉这一项",
      en: "give the secret from the robot's signature setting, or leave this out if it demands none",
    };
    return { errors: [{ pointer: "/endpoint/secret", code: "SECRET", detail }] };
  },
  write(text, language) {
    const post = { [language === "en" ? "en_us" : "zh_cn"]: postOf(text) };
    const body = JSON.stringify({ msg_type: "post", content: { post } });
    return { body, bytes: Buffer.byteLength(body) + SIGNED_BYTES };
  },
  sign({ url, body }, secret, now) {
    const timestamp = String(Math.floor(now.getTime() / 1000));
    const signed = JSON.stringify({ timestamp, sign: feishuSignature(timestamp, secret) });
    return { url, body: `${signed.slice(0, -1)},${body.slice(1)}` };
  },
  members: { codes: ["code", "StatusCode"], messages: ["msg", "StatusMessage"] },
  // 19001: no such robot. 9499, 19002: bad request. 11232: too fast for the robot, 99991400: for the gateway.
  meanings: {
    19021: "configuration",
    19022: "configuration",
    19024: "configuration",
    19001: "gone",
    9499: "rejected",
    19002: "rejected",
    11232: "minute",
    99991400: "minute",
  },
};

// {"timestamp":"1599360473","sign":"…44…",
const SIGNED_BYTES = 80;

function postOf({ title, lines }: RobotText) {
  const content = lines.map((spans) => spans.map(tagged));
  return { title: quiet(title.text), content };
}

function tagged({ text, url }: Span) {
  return url === undefined ? { tag: "text", text: quiet(text) } : { tag: "a", text: quiet(text), href: url };
}

/** Other kinds of message read `<at …>` in a text; here it is one more lock on the same door. */
function quiet(text: string): string {
  return text.replaceAll("@", "＠").replaceAll("<", "＜");
}

/** For the body: HMAC-SHA256 of nothing, under `timestamp` (seconds), a line feed and the secret. DingTalk's the other way round. */
export function feishuSignature(timestamp: string, secret: string): string {
  return createHmac("sha256", `${timestamp}\n${secret}`).digest("base64");
}

export function makeFeishu(deps: RobotDeps): Channel<RobotMessage> {
  return makeRobot(deps, VENDOR);
}
