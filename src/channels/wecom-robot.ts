import type { Channel } from "#src/domain/deliveries/channel.ts";
import { noSecret } from "./no-secret.ts";
import { makeRobot, type RobotDeps, type RobotMessage, type RobotVendor } from "./robot.ts";
import { markdownOf } from "./robot-text.ts";

/**
 * WeCom group robots (developer.work.weixin.qq.com/document/path/91770). `markdown`, not `text`: it shows the title as a
 * link, and a client that cannot show it still shows the addresses. It calls people by `<@userid>` only, which no text
 * of ours can spell. The 4,096 bytes are those of its content.
 */
const VENDOR: RobotVendor = {
  name: "wecom-robot",
  place: {
    origin: "https://qyapi.weixin.qq.com",
    path: "/cgi-bin/webhook/send?key=",
    // UUIDs; the vendor's own examples are not hexadecimal.
    key: /^[0-9a-z]{8}(?:-[0-9a-z]{4}){3}-[0-9a-z]{12}$/,
    example: "https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=…",
  },
  windows: [{ seconds: 60, count: 20 }],
  bytes: 4096,
  secret: noSecret,
  write(text) {
    const content = markdownOf(text, "\n");
    const body = JSON.stringify({ msgtype: "markdown", markdown: { content } });
    return { body, bytes: Buffer.byteLength(content) };
  },
  members: { codes: ["errcode"], messages: ["errmsg"] },
  // document/path/90455. 93000: wrong key, or the robot was removed; 93008: not in the group. 93004: switched off, and may be
  // switched on again. 45009: more than 20 a minute. 45033: too many at once.
  meanings: {
    [-1]: "retry",
    93000: "gone",
    93008: "gone",
    93004: "configuration",
    45009: "minute",
    45033: "retry",
    40008: "rejected",
    40033: "rejected",
    40035: "rejected",
    40058: "rejected",
    40063: "rejected",
    44001: "rejected",
    44002: "rejected",
    44004: "rejected",
    45001: "rejected",
    45002: "rejected",
    47001: "rejected",
  },
};

export function makeWecomRobot(deps: RobotDeps): Channel<RobotMessage> {
  return makeRobot(deps, VENDOR);
}
