import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { dingtalkSignature, makeDingtalk } from "#src/channels/dingtalk.ts";
import { makeEgress } from "#src/channels/egress.ts";
import { feishuSignature, makeFeishu } from "#src/channels/feishu.ts";
import type { RobotMessage } from "#src/channels/robot.ts";
import { harmless } from "#src/channels/vendor-answer.ts";
import { makeWecomRobot } from "#src/channels/wecom-robot.ts";
import type { Channel, Outcome, Push } from "#src/domain/deliveries/channel.ts";
import { sha256 } from "#src/ids.ts";
import { silentLog } from "#src/log.ts";
import {
  type RobotBehaviour,
  type RobotVendorName,
  type RobotVendors,
  startRobotVendors,
} from "#tests/receivers/robot-vendors.ts";
import { type MoreRevision, revisionOf, testLinks } from "./push-world.ts";

const NOW = new Date("2026-03-02T02:00:20Z");
const VENDORS: RobotVendorName[] = ["wecom-robot", "dingtalk", "feishu"];
const SECRET = { dingtalk: `SEC${"0a1b2c3d".repeat(8)}`, feishu: "Xy12abCDef34GHij56KLmn" };

let vendors: RobotVendors;
let robots: Record<RobotVendorName, Channel<RobotMessage>>;
const warned: Record<string, unknown>[] = [];

beforeAll(async () => {
  vendors = await startRobotVendors(() => NOW.getTime());
  robots = makeRobots(vendors.origin);
});

afterAll(async () => {
  for (const robot of Object.values(robots)) await robot.close();
  await vendors.close();
});

function makeRobots(origin: string | undefined, allow = ["127.0.0.0/8"]) {
  const deps = {
    egress: makeEgress(allow),
    links: testLinks,
    now: () => NOW,
    log: { ...silentLog, warn: (event: string, fields = {}) => void warned.push({ event, ...fields }) },
    origin,
    seconds: { answer: 0.6, total: 1 },
  };
  return { "wecom-robot": makeWecomRobot(deps), dingtalk: makeDingtalk(deps), feishu: makeFeishu(deps) };
}

let made = 0;

/** A robot nobody used before. */
function newRobot(vendor: RobotVendorName): { key: string; address: string } {
  const hash = sha256(`${vendor}${++made}`);
  const uuid = hash.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12}).*/, "$1-$2-$3-$4-$5");
  if (vendor === "dingtalk") return { key: hash, address: `https://oapi.dingtalk.com/robot/send?access_token=${hash}` };
  const start =
    vendor === "feishu"
      ? "https://open.feishu.cn/open-apis/bot/v2/hook/"
      : "https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=";
  return { key: uuid, address: start + uuid };
}

function pushTo(address: string, secrets: string[] = []): Push {
  const target = { endpoint: "0".repeat(16), address, language: "zh-CN" as const, secrets, matched: ["all"] };
  return { deliveryId: "ann_1.1.x", attempt: 1, target };
}

async function answered(vendor: RobotVendorName, behaviour: RobotBehaviour): Promise<Outcome> {
  const { key, address } = newRobot(vendor);
  vendors.answer(key, behaviour);
  return robots[vendor].push(robots[vendor].render(revisionOf(NOW, {}), "zh-CN", testLinks), pushTo(address));
}

async function said(vendor: RobotVendorName, more: MoreRevision, language: "zh-CN" | "en" = "zh-CN") {
  const { key, address } = newRobot(vendor);
  const message = robots[vendor].render(revisionOf(NOW, more), language, testLinks);
  expect(await robots[vendor].push(message, pushTo(address))).toEqual({ kind: "delivered", status: 200 });
  const [one] = vendors.in(key);
  if (!one) throw new Error("nothing was said");
  return one;
}

describe("signatures", () => {
  it("are those of the vendors' recipes", () => {
    expect(feishuSignature("1599360473", "demo")).toBe("l1N0gAcBjdwBvGm1xMjOF0XSyaLRpR7tuO5dHfhAYc8=");
    expect(dingtalkSignature("1577262236757", "this is secret")).toBe(
      "hmPWwU%2B7lVdm3ZZz0r9tSfx0L4Q26jWOZr9%2BGs6EZQM%3D",
    );
  });

  it.each(["dingtalk", "feishu"] as const)(
    "of %s are taken by a robot that demands them, and only those",
    async (vendor) => {
      const { key, address } = newRobot(vendor);
      vendors.answer(key, { secret: SECRET[vendor] });
      const message = robots[vendor].render(revisionOf(NOW, {}), "zh-CN", testLinks);
      expect(await robots[vendor].push(message, pushTo(address, [SECRET[vendor]]))).toMatchObject({
        kind: "delivered",
      });
      for (const secrets of [[], ["another-secret"]])
        expect(await robots[vendor].push(message, pushTo(address, secrets))).toMatchObject({
          kind: "retry",
          pause: { because: "configuration" },
        });
      expect(vendors.in(key)).toHaveLength(1);
      expect(JSON.stringify(vendors.requests)).not.toContain(SECRET[vendor]);
    },
  );
});

describe("several secrets of one group", () => {
  it.each(["dingtalk", "feishu"] as const)(
    "are tried at %s one after the other: one that is out of date keeps the message from nobody",
    async (vendor) => {
      const { key, address } = newRobot(vendor);
      vendors.answer(key, { secret: SECRET[vendor] });
      const message = robots[vendor].render(revisionOf(NOW, {}), "zh-CN", testLinks);
      const push = (...secrets: string[]) => robots[vendor].push(message, pushTo(address, secrets));
      expect(await push("an-old-one", SECRET[vendor])).toEqual({ kind: "delivered", status: 200 });
      expect(vendors.in(key)).toHaveLength(1);
      expect(await push("an-old-one", "another-one")).toMatchObject({ pause: { because: "configuration" } });
      expect(vendors.in(key)).toHaveLength(1);
      // What may have been said is not said again with the next one.
      vendors.answer(key, { fault: "reset" });
      const before = vendors.requests.length;
      expect(await push("an-old-one", SECRET[vendor])).toMatchObject({ kind: "unknown" });
      expect(vendors.requests.length).toBe(before + 1);
    },
  );
});

describe("an address", () => {
  const check = (vendor: RobotVendorName, address: string) => robots[vendor].address(address);

  it.each(VENDORS)("of a %s is the vendor's own, in one spelling", async (vendor) => {
    const { address } = newRobot(vendor);
    const key = address.slice(-36);
    const host = new URL(address).host;
    for (const same of [
      address,
      ` ${address}\n`,
      address.replace(key, key.toUpperCase()),
      address.replace(host, host.toUpperCase()),
      address.replace("https", "HTTPS"),
      address.replace(host, `${host}:443`),
    ])
      expect(await check(vendor, same)).toEqual({ address });
  });

  it.each(VENDORS)("of a %s is refused when anything else is in it", async (vendor) => {
    const { address } = newRobot(vendor);
    const host = new URL(address).host;
    const codes: [string, string][] = [
      ["ADDRESS_MALFORMED", "the robot"],
      ["ADDRESS_MALFORMED", ""],
      ["ADDRESS_SCHEME", address.replace("https", "http")],
      ["ADDRESS_HOST", address.replace(host, "127.0.0.1")],
      ["ADDRESS_HOST", address.replace(host, vendors.origin.slice(7))],
      ["ADDRESS_HOST", address.replace(host, `${host}.evil.example`)],
      ["ADDRESS_HOST", address.replace(host, `${host}.`)],
      ["ADDRESS_HOST", address.replace(host, `${host}:8443`)],
      ["ADDRESS_HOST", address.replace(host, `user@${host}`)],
      ["ADDRESS_HOST", address.replace(host, `${host}@evil.example`)],
      ["ADDRESS_HOST", address.replace(host, `evil.example\\@${host}`)],
      ["ADDRESS_HOST", address.replace("https://", "https:\\\\")],
      ["ADDRESS_HOST", address.replace("w", "ｗ").replace("o", "ｏ")],
      ["ADDRESS_ROBOT", `${address}&debug=1`],
      ["ADDRESS_ROBOT", `${address}#x`],
      ["ADDRESS_ROBOT", `${address}/`],
      ["ADDRESS_ROBOT", address.slice(0, -1)],
      ["ADDRESS_ROBOT", address.replace(host, `${host}/x/..`)],
      ["ADDRESS_ROBOT", address.replace(/.{4}$/, "../x")],
      ["ADDRESS_ROBOT", robots[vendor].shown?.(address) ?? ""],
      ["ADDRESS_ROBOT", `https://${host}/`],
    ];
    for (const [code, wrong] of codes) {
      const answer = await check(vendor, wrong);
      expect(answer, wrong).toMatchObject({ errors: [{ pointer: "/endpoint/address", code }] });
      if ("errors" in answer) expect(answer.errors[0]?.detail.zh).toContain(host);
    }
  });

  it("is shown without its key, which is all it takes to write into the group", () => {
    const shown = (vendor: RobotVendorName, address: string) => robots[vendor].shown?.(address);
    expect(
      shown("wecom-robot", "https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=693a91f6-7aoc-4bc4-97a0-0ec2sifa2e0a"),
    ).toBe("https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=693a…2e0a");
    for (const vendor of VENDORS) {
      const { address, key } = newRobot(vendor);
      expect(shown(vendor, address)).toContain(`${key.slice(0, 4)}…${key.slice(-4)}`);
      const credential = robots[vendor].credential?.(address) ?? "";
      expect(credential).toMatch(/^[0-9a-f]{16}$/);
      expect(address).not.toContain(credential);
      expect(robots[vendor].credential?.(newRobot(vendor).address)).not.toBe(credential);
    }
  });

  it("takes the secret of its own vendor only, and says which one that is", () => {
    for (const vendor of VENDORS) expect(robots[vendor].secret?.(undefined)).toEqual({ secrets: [] });
    for (const vendor of ["dingtalk", "feishu"] as const)
      expect(robots[vendor].secret?.(SECRET[vendor])).toEqual({ secrets: [SECRET[vendor]] });
    const whsec = `whsec_${Buffer.alloc(32, 251).toString("base64")}`;
    for (const vendor of VENDORS)
      expect(robots[vendor].secret?.(whsec), vendor).toMatchObject({ errors: [{ pointer: "/endpoint/secret" }] });
    expect(robots["wecom-robot"].secret?.("x")).toMatchObject({ errors: [{ code: "SECRET_NOT_USED" }] });
  });
});

describe("what the vendor answers", () => {
  const rate = (seconds: number) => ({
    kind: "retry",
    retryAfterSeconds: seconds,
    pause: { seconds, because: "rate" },
  });
  const guard = { kind: "retry", pause: { seconds: 600, because: "configuration" } };
  const refused = (vendor: RobotVendorName, codes: number[]) =>
    codes.map((code): [RobotVendorName, number, object] => [vendor, code, { kind: "rejected" }]);
  const table: [RobotVendorName, number, object][] = [
    ["wecom-robot", 0, { kind: "delivered", status: 200 }],
    ["wecom-robot", 93000, { kind: "gone" }],
    ["wecom-robot", 93008, { kind: "gone" }],
    ["wecom-robot", 93004, guard],
    ["wecom-robot", 45009, rate(41)],
    ["wecom-robot", 45033, { kind: "retry" }],
    ["wecom-robot", -1, { kind: "retry" }],
    ["wecom-robot", 987654, { kind: "retry" }],
    ["wecom-robot", 6000, { kind: "retry" }],
    ...refused("wecom-robot", [40058, 40008, 40033, 40035, 40063, 44001, 44002, 44004, 45001, 45002, 47001]),
    ["dingtalk", 0, { kind: "delivered", status: 200 }],
    ["dingtalk", 310000, guard],
    ["dingtalk", 130101, rate(600)],
    ["dingtalk", 410100, rate(600)],
    ["dingtalk", 660026, rate(41)],
    ["dingtalk", 400102, guard],
    ...[300001, 300005, 400013, 400101, 400106].map((code): [RobotVendorName, number, object] => [
      "dingtalk",
      code,
      { kind: "gone" },
    ]),
    ...refused("dingtalk", [460101, 101002, 40035, 400105, 430101, 430102, 430103, 430104]),
    ["dingtalk", 43004, { kind: "retry" }],
    ["dingtalk", -1, { kind: "retry" }],
    ["dingtalk", 987654, { kind: "retry" }],
    ["feishu", 0, { kind: "delivered", status: 200 }],
    ["feishu", 19021, guard],
    ["feishu", 19022, guard],
    ["feishu", 19024, guard],
    ["feishu", 19001, { kind: "gone" }],
    ...refused("feishu", [9499, 19002]),
    ["feishu", 11232, rate(41)],
    ["feishu", 99_991_400, rate(41)],
    ["feishu", 19003, { kind: "retry" }],
    ["feishu", 19007, { kind: "retry" }],
    ["feishu", 987654, { kind: "retry" }],
  ];

  it.each(table)("%s code %i", async (vendor, code, outcome) => {
    const got = await answered(vendor, { code });
    expect(got).toMatchObject(outcome);
    if (code !== 0) expect(got).toMatchObject({ status: 200, detail: expect.stringContaining(`code ${code}`) });
    if (!("pause" in outcome)) expect(got).not.toHaveProperty("pause");
    if (!("retryAfterSeconds" in outcome)) expect(got).not.toHaveProperty("retryAfterSeconds");
  });

  const doubtful: [string, RobotBehaviour, object][] = [
    ["a page under 200", { body: "<html><body>登录</body></html>" }, { kind: "unknown", detail: "200, html" }],
    ["nothing under 200", { body: "" }, { kind: "unknown", detail: "200, empty" }],
    ["half a JSON, whole answer", { fault: "half" }, { kind: "unknown", detail: "200, truncated" }],
    ["half a JSON, then the connection breaks", { fault: "cut" }, { kind: "unknown", detail: "200, truncated" }],
    ["words under 200", { body: "ok" }, { kind: "unknown", detail: "200, no json" }],
    ["JSON without a code", { body: '{"ok":true}' }, { kind: "unknown", detail: "200, no code" }],
    ["a code that is no number", { body: '{"errcode":"0","code":"0"}' }, { kind: "unknown", detail: "200, no code" }],
    ["JSON that is no object", { body: "[0]" }, { kind: "unknown", detail: "200, no code" }],
    ["a hundred thousand letters", { body: "x".repeat(100_000) }, { kind: "unknown", detail: "200, truncated" }],
    ["code 0 under 500", { code: 0, status: 500 }, { kind: "unknown" }],
    ["a gateway's own code under 504", { code: 504, status: 504 }, { kind: "unknown", detail: "504 with code 504" }],
    ["502", { status: 502, body: "<html>" }, { kind: "unknown", detail: "502, html" }],
    ["504", { status: 504, body: "<html>" }, { kind: "unknown" }],
    ["nothing at all in time", { fault: "hang" }, { kind: "unknown", detail: "no answer in time" }],
    ["a reset after the bytes left", { fault: "reset" }, { kind: "unknown", detail: "connection broken" }],
    ["500", { status: 500, body: "" }, { kind: "retry", status: 500 }],
    [
      "503 with a time",
      { status: 503, body: "", headers: { "retry-after": "7" } },
      { kind: "retry", retryAfterSeconds: 7 },
    ],
    ["403 from a wall", { status: 403, body: "<html>" }, { kind: "retry", status: 403 }],
    [
      "a redirect",
      { status: 302, body: "", headers: { location: "http://127.0.0.1:1/" } },
      { kind: "retry", status: 302 },
    ],
    ["413", { status: 413, body: "" }, { kind: "rejected", status: 413 }],
    ["429", { status: 429, body: "" }, rate(41)],
    ["429 with a time", { status: 429, body: "{}", headers: { "x-ogw-ratelimit-reset": "9" } }, rate(9)],
    ["429 with seconds", { status: 429, body: "", headers: { "retry-after": "90" } }, rate(90)],
    [
      "429 with a date",
      { status: 429, body: "", headers: { "retry-after": "Mon, 02 Mar 2026 02:02:00 GMT" } },
      rate(100),
    ],
    [
      "429 with a date gone by",
      { status: 429, body: "", headers: { "retry-after": "Mon, 02 Mar 2026 01:00:00 GMT" } },
      rate(41),
    ],
    ["429 with a code of its own", { status: 429, code: 987_654, headers: { "retry-after": "90" } }, rate(90)],
    [
      "503 with a code",
      { status: 503, code: 987_654, headers: { "retry-after": "7" } },
      { kind: "retry", retryAfterSeconds: 7 },
    ],
  ];

  for (const vendor of VENDORS)
    it.each(doubtful)(`${vendor}: %s is never called delivered`, async (_name, behaviour, outcome) => {
      expect(await answered(vendor, behaviour)).toMatchObject(outcome);
    });

  it("is too fast for Feishu until the second that its gateway names, under 429 and under 400", async () => {
    const headers = { "x-ogw-ratelimit-limit": "100", "x-ogw-ratelimit-reset": "52" };
    for (const status of [429, 400])
      expect(await answered("feishu", { status, code: 99_991_400, headers })).toMatchObject({ ...rate(52), status });
  });

  it.each([
    ["wecom-robot", "removed", { kind: "gone" }],
    ["wecom-robot", "disabled", guard],
    ["wecom-robot", "dissolved", { kind: "gone" }],
    ["dingtalk", "removed", { kind: "gone" }],
    ["dingtalk", "disabled", guard],
    ["dingtalk", "dissolved", { kind: "gone" }],
    ["feishu", "removed", { kind: "gone" }],
  ] as const)(
    "%s, whose robot is %s in its group, gets nothing more until somebody acts",
    async (vendor, state, outcome) => {
      const { key, address } = newRobot(vendor);
      vendors.answer(key, { state });
      const message = robots[vendor].render(revisionOf(NOW, {}), "zh-CN", testLinks);
      expect(await robots[vendor].push(message, pushTo(address))).toMatchObject(outcome);
      expect(vendors.in(key)).toEqual([]);
      vendors.answer(key, {});
      expect(await robots[vendor].push(message, pushTo(address))).toMatchObject({ kind: "delivered" });
    },
  );

  it("is a further try, and nothing left, when nobody listens or the address is not public", async () => {
    const dead = makeRobots("http://127.0.0.1:9");
    const walled = makeRobots(vendors.origin, []);
    for (const vendor of VENDORS) {
      const message = robots[vendor].render(revisionOf(NOW, {}), "zh-CN", testLinks);
      for (const [channels, detail] of [
        [dead, "unreachable"],
        [walled, "address not allowed"],
      ] as const)
        expect(await channels[vendor].push(message, pushTo(newRobot(vendor).address))).toEqual({
          kind: "retry",
          detail,
        });
    }
    expect(warned).toContainEqual({ event: "egress-refused", channel: "feishu", endpoint: "0".repeat(16) });
    for (const robot of [...Object.values(dead), ...Object.values(walled)]) await robot.close();
  });

  it("tells the operator no key, token, secret or signature that it repeated", async () => {
    const { key, address } = newRobot("wecom-robot");
    vendors.answer(key, { code: 93000, message: `bad key ${key}\r\nat ${address}` });
    const message = robots["wecom-robot"].render(revisionOf(NOW, {}), "zh-CN", testLinks);
    const outcome = await robots["wecom-robot"].push(message, pushTo(address));
    expect(outcome).toMatchObject({ kind: "gone", detail: "code 93000: bad key … at …" });
    expect(harmless(`token ${"ab12".repeat(16)} sign hmPWwU%2B7lVdm3ZZz0r9tSfx0L4Q26jWOZr9 ${SECRET.dingtalk}`)).toBe(
      "token … sign … …",
    );
    expect(harmless("x y ".repeat(5000)).length).toBeLessThanOrEqual(120);
    expect(JSON.stringify(warned)).not.toMatch(/[0-9a-f]{32}|SEC/);
  });

  it("holds back after the vendor's own limit, which the twenty-first message of a minute meets", async () => {
    const { address } = newRobot("wecom-robot");
    const robot = robots["wecom-robot"];
    const message = robot.render(revisionOf(NOW, {}), "zh-CN", testLinks);
    const outcomes: Outcome[] = [];
    for (let i = 0; i < 21; i++) outcomes.push(await robot.push(message, pushTo(address)));
    expect(outcomes.map(({ kind }) => kind)).toEqual([...Array(20).fill("delivered"), "retry"]);
    expect(robot.limits.windows).toEqual([{ seconds: 60, count: 20 }]);
    expect(outcomes[20]).toMatchObject(rate(41));
  });
});

describe("a message", () => {
  const link = "https://example.org/announcements/ann_00000000000000000000000001";

  it.each(VENDORS)("in a %s group names the unit and leads to the announcement", async (vendor) => {
    const one = await said(vendor, { content: { title: "停水通知", summary: "周三\n停水。" } });
    for (const part of ["停水通知", "某县互联网信息中心", "通知公告", "周三 停水。", "告示", "查看全文"])
      expect(one.text).toContain(part);
    expect(new Set(one.links)).toEqual(new Set([link]));
    const english = await said(vendor, { content: { title: "Water", language: "en" } }, "en");
    expect(english.text).toContain("Read it");
    expect(english.text).toContain("Gaoshi");
  });

  it.each(VENDORS)("in a %s group marks what was corrected or withdrawn, and why", async (vendor) => {
    const content = { title: "停水通知", summary: "周三停水。" };
    const corrected = await said(vendor, { kind: "corrected", reason: "日期有误", content });
    for (const part of ["【更正】停水通知", "更正说明：日期有误", "周三停水。"]) expect(corrected.text).toContain(part);
    const withdrawn = await said(vendor, { kind: "withdrawn", reason: "内容不实", content });
    for (const part of ["【撤回】停水通知", "撤回原因：内容不实"]) expect(withdrawn.text).toContain(part);
    expect(withdrawn.text).not.toContain("周三停水。");
    const english = await said(vendor, { kind: "withdrawn", reason: "untrue", content }, "en");
    expect(english.text).toContain("Why withdrawn: untrue");
  });

  const naughty = [
    "@all 开会",
    "@所有人",
    '<at user_id="all">所有人</at>',
    "<@zhangsan> <@all>",
    "&lt;@all&gt; &commat;all &#64;all",
    '<font color="warning">红</font>',
    "[点我](https://evil.example/)",
    "![图](https://evil.example/a.png)",
    "](https://evil.example/) [",
    "**粗** _斜_ `码` ~~删~~",
    "# 大标题",
    "> 引用",
    "1. 列表",
    "- 列表",
    "a\\[b\\](c)",
    "<https://evil.example>",
    "x".repeat(200),
    "\u202e反\u2066转",
    "甲\u200b乙",
  ];

  for (const vendor of VENDORS)
    it.each(naughty)(`in a ${vendor} group calls nobody and links nowhere else: %s`, async (text) => {
      const more: MoreRevision = {
        kind: "corrected",
        reason: `${text}\n> ${text}`,
        unitName: text,
        content: { title: text, summary: `${text}\n> ${text}\n@all\n<at user_id="all"></at>` },
      };
      const one = await said(vendor, more);
      expect(one.mentions).toEqual([]);
      expect(new Set(one.links)).toEqual(new Set([link]));
      expect(one.json.at).toBeUndefined();
      if (vendor === "feishu")
        expect(new Set(one.json.content.post.zh_cn.content.flat().map(({ tag }: { tag: string }) => tag))).toEqual(
          new Set(["text", "a"]),
        );
      else {
        expect(one.text).not.toMatch(/[<>`]|!\[|^\s*(?:#|>|-|\d+\.)\s/m);
        expect(one.text.match(/\*\*/g)).toHaveLength(2);
        expect(one.text.match(/\]\(/g)).toHaveLength(2);
        expect(one.text.split("\n").filter(Boolean)).toHaveLength(5);
      }
    });

  it("stays under the limit in bytes and is cut between characters, never in a hanzi or an emoji", async () => {
    const family = "👩‍👩‍👧‍👦";
    for (const text of ["汉", family, "e\u0301", "<", "🇨🇳"]) {
      const fill = (units: number) => text.repeat(Math.floor(units / text.length));
      const written = { title: fill(200), summary: fill(500) };
      const derived = { title: fill(200), body: fill(4000) };
      for (const vendor of VENDORS)
        for (const content of [written, derived]) {
          const one = await said(vendor, { kind: "corrected", reason: fill(500), unitName: fill(200), content });
          const bytes = vendor === "wecom-robot" ? Buffer.byteLength(one.text) : one.bytes;
          expect(bytes, `${vendor} ${text}`).toBeLessThanOrEqual(robots[vendor].limits.bytes);
          expect(one.text.isWellFormed()).toBe(true);
          expect(one.links.at(-1)).toBe(link);
          if (content === derived) expect(one.text).toContain("…");
          const rest = one.text.replaceAll(text, "").replaceAll("＜", "");
          expect(rest).not.toMatch(/[\u200d\u0301]|\p{Regional_Indicator}|\p{Extended_Pictographic}/u);
        }
    }
  });

  it("that cannot be made to fit is refused before it leaves, and never cut in its link", async () => {
    const links = { ...testLinks, announcement: () => `https://example.org/${"x".repeat(20_000)}` };
    for (const vendor of VENDORS) {
      const { key, address } = newRobot(vendor);
      const message = robots[vendor].render(revisionOf(NOW, {}), "zh-CN", links);
      expect(await robots[vendor].push(message, pushTo(address))).toMatchObject({ kind: "rejected" });
      expect(vendors.requests.some(({ url }) => url.includes(key))).toBe(false);
    }
  });

  it("tells beforehand how it reads, how large it is, and what of an approved summary is cut away", async () => {
    const plain = await robots["wecom-robot"].preview(
      revisionOf(NOW, { content: { summary: "周三停水。" } }),
      "zh-CN",
      testLinks,
    );
    expect(plain).toEqual({
      text: `停水通知\n某县互联网信息中心 · 通知公告\n周三停水。\n告示 · 查看全文 ${link}`,
      bytes: expect.any(Number),
      limit: 4096,
      faults: [],
    });
    const long: MoreRevision = {
      kind: "corrected",
      reason: "汉".repeat(500),
      unitName: "汉".repeat(200),
      content: { title: "汉".repeat(200), summary: "汉".repeat(500) },
    };
    const cut = await robots["wecom-robot"].preview(revisionOf(NOW, long), "zh-CN", testLinks);
    expect(cut.bytes).toBeLessThanOrEqual(4096);
    expect(cut.faults).toMatchObject([{ pointer: "/summary", code: "CHANNEL_SUMMARY_LONG" }]);
    for (const vendor of ["dingtalk", "feishu"] as const)
      expect(await robots[vendor].preview(revisionOf(NOW, long), "zh-CN", testLinks)).toMatchObject({
        limit: 20_000,
        faults: [],
      });
  });

  it.each(VENDORS)("to a %s group may be a digest: links to the newest, the others counted", async (vendor) => {
    const revisions = Array.from({ length: 60 }, (_, i) =>
      revisionOf(NOW, {
        announcementId: `ann_${String(i).padStart(26, "0")}`,
        content: { title: `第${i}号 @all ${"长".repeat(120)}` },
      }),
    );
    const { key, address } = newRobot(vendor);
    for (const count of [60, 1]) {
      const digest = { frequency: "daily" as const, at: NOW.toISOString(), revisions: revisions.slice(0, count) };
      const message = robots[vendor].renderDigest(digest, "zh-CN", testLinks);
      expect(message.bytes).toBeLessThanOrEqual(robots[vendor].limits.bytes);
      expect(await robots[vendor].push(message, pushTo(address))).toMatchObject({ kind: "delivered" });
    }
    const [many, single] = vendors.in(key);
    expect(many?.text).toContain("每日汇总，共60条");
    expect(many?.mentions).toEqual([]);
    const told = many?.links.filter((one) => one.includes("/announcements/")) ?? [];
    expect(told.length).toBeGreaterThan(4);
    expect(told[0]).toContain("ann_00000000000000000000000000");
    expect(many?.text).toContain(`另有${60 - told.length}条`);
    expect(single?.text).not.toContain("另有");
  });

  it.each(VENDORS)("asks a %s group for its yes by a link, in our words only", async (vendor) => {
    const { key, address } = newRobot(vendor);
    const { target } = pushTo(address);
    expect(await robots[vendor].confirm(target, "chal_lenge-1", "sub_1")).toBe("sent");
    const [question] = vendors.in(key);
    expect(question?.text).toContain("是否把公告推送到本群");
    expect(new Set(question?.links)).toEqual(new Set(["https://example.org/confirm?s=sub_1&c=chal_lenge-1"]));
    vendors.answer(key, { code: vendor === "feishu" ? 11232 : vendor === "dingtalk" ? 310000 : 93000 });
    // Gone for WeCom alone; the others' word stands against the whole robot.
    const paused = { paused: expect.objectContaining({ because: vendor === "feishu" ? "rate" : expect.any(String) }) };
    expect(await robots[vendor].confirm(target, "c", "sub_1")).toEqual(vendor === "wecom-robot" ? "refused" : paused);
  });

  it("satisfies a keyword guard that is set to the product's name, whatever it says", async () => {
    for (const vendor of ["dingtalk", "feishu"] as const) {
      const { key, address } = newRobot(vendor);
      vendors.answer(key, { keywords: ["告示"] });
      const robot = robots[vendor];
      const digest = { frequency: "weekly" as const, at: NOW.toISOString(), revisions: [revisionOf(NOW, {})] };
      const withdrawn = revisionOf(NOW, { kind: "withdrawn", reason: "误发" });
      for (const message of [
        robot.render(revisionOf(NOW, {}), "zh-CN", testLinks),
        robot.render(withdrawn, "zh-CN", testLinks),
        robot.renderDigest(digest, "zh-CN", testLinks),
      ])
        expect(await robot.push(message, pushTo(address))).toMatchObject({ kind: "delivered" });
      expect(await robot.confirm(pushTo(address).target, "c", "sub_1")).toBe("sent");
      vendors.answer(key, { keywords: ["别的词"] });
      const message = robot.render(revisionOf(NOW, {}), "zh-CN", testLinks);
      expect(await robot.push(message, pushTo(address))).toMatchObject({ pause: { because: "configuration" } });
    }
  });
});
