import { createHmac } from "node:crypto";
import type { Channel } from "#src/domain/deliveries/channel.ts";
import { makeRobot, type RobotDeps, type RobotMessage, type RobotVendor } from "./robot.ts";
import { markdownOf, tamed } from "./robot-text.ts";

/**
 * DingTalk group robots (open.dingtalk.com, custom robots). `markdown` without `at`: nobody can be called. Guards of a
 * robot: keywords, signature, IP addresses; all three refuse with 310000. Only the owner can set them right (the product's
 * name as keyword suits every message), and then what waited shall still arrive: so the message is kept for the schedule
 * and the robot left alone for ten minutes, not refused for good.
 */
const VENDOR: RobotVendor = {
  name: "dingtalk",
  place: {
    origin: "https://oapi.dingtalk.com",
    path: "/robot/send?access_token=",
    key: /^[0-9a-f]{64}$/,
    example: "https://oapi.dingtalk.com/robot/send?access_token=…",
  },
  windows: [{ seconds: 60, count: 20 }],
  bytes: 20_000,
  secret(text) {
    if (text === undefined) return { secrets: [] };
    if (/^SEC[0-9A-Za-z]{16,128}$/.test(text)) return { secrets: [text] };
    const detail = {
      zh: "应为机器人“加签”设置里以 SEC 开头的密钥；未开启加签则去掉这一项",
      en: "give the secret that begins with SEC from the robot's signature setting, or leave this out if it demands none",
    };
    return { errors: [{ pointer: "/endpoint/secret", code: "SECRET", detail }] };
  },
  write(text) {
    const markdown = { title: tamed(text.title.text), text: markdownOf(text, "\n\n") };
    const body = JSON.stringify({ msgtype: "markdown", markdown });
    return { body, bytes: Buffer.byteLength(body) };
  },
  sign({ url, body }, secret, now) {
    const timestamp = now.getTime();
    return { url: `${url}&timestamp=${timestamp}&sign=${dingtalkSignature(timestamp, secret)}`, body };
  },
  members: { codes: ["errcode"], messages: ["errmsg"] },
  // open.dingtalk.com/document/orgapp/custom-robots-send-group-messages, its list of error codes.
  meanings: {
    [-1]: "retry",
    // Its own guards, or an administrator has switched the robot off.
    310000: "configuration",
    400102: "configuration",
    // More than 20 a minute, and blocked for ten; the last one is the gateway's own limit.
    130101: "ten-minutes",
    410100: "ten-minutes",
    660026: "minute",
    // No such token (the older and the newer word), no such robot, and no group any more.
    300001: "gone",
    300005: "gone",
    400101: "gone",
    400106: "gone",
    400013: "gone",
    // Too long (old and new), a member missing, a kind of message it does not know.
    460101: "rejected",
    101002: "rejected",
    40035: "rejected",
    400105: "rejected",
    // It does not like the link, the words, the picture, the content.
    430101: "rejected",
    430102: "rejected",
    430103: "rejected",
    430104: "rejected",
  },
};

/** For the URL: HMAC-SHA256 of `timestamp` (milliseconds), a line feed and the secret, under the secret. */
export function dingtalkSignature(timestamp: number | string, secret: string): string {
  const hmac = createHmac("sha256", secret).update(`${timestamp}\n${secret}`);
  return encodeURIComponent(hmac.digest("base64"));
}

export function makeDingtalk(deps: RobotDeps): Channel<RobotMessage> {
  return makeRobot(deps, VENDOR);
}
