import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Outcome, Settings } from "#src/domain/deliveries/channel.ts";
import { OFFICIAL_ACCOUNT_WINDOW } from "#src/domain/deliveries/official-account-window.ts";
import { noteHeard } from "#src/domain/deliveries/reply-window.ts";
import { OPENID, wechatWorld } from "#tests/units/wechat-world.ts";

/** Every code that the platform's pages name (docs of draft, freepublish, mass, template, custom send, token), at every door it can come by. */
const ACCOUNT: Settings = { appId: "wx0123456789abcdef", appSecret: "0123456789abcdef0123456789abcdef" };
const NOTICE: Settings = { ...ACCOUNT, kind: "service", templateId: "template-0001", templateFields: "thing1=title" };
const PERSON = `openid:${OPENID}`;

/** One more try on the schedule, and nothing against anybody else. */
const RETRY = { kind: "retry" };
const BROKEN = { kind: "rejected" };
const GONE = { kind: "gone" };
const pause = (because: string) => ({ kind: "retry", pause: expect.objectContaining({ because }) });

const OF_THE_ACCOUNT: [number, object][] = [
  ...[40013, 40125, 40164, 40243, 48001, 48004, 48008, 50002, 50004, 50007, 61450, 89503, 89506, 89507].map(
    (code): [number, object] => [code, pause("configuration")],
  ),
  [45009, pause("quota")],
  [45011, pause("rate")],
  [-1, RETRY],
  [43002, RETRY],
  [987_654, RETRY],
];
const OF_THE_TEXT: [number, object][] = [
  44002, 44003, 44004, 45001, 45002, 45003, 45004, 45005, 45006, 45007, 45008, 47001,
].map((code) => [code, BROKEN]);
const OF_THE_RECEIVER: [number, object][] = [40003, 43004, 43019, 48002, 50005].map((code) => [code, GONE]);

let world: Awaited<ReturnType<typeof wechatWorld>>;
beforeEach(async () => {
  world = await wechatWorld("official-account", ACCOUNT);
});
afterEach(() => world.close());

/** One push, at whose door of this path the platform refuses with the code. */
async function refused(path: string, errcode: number, settings: Settings, address: string) {
  world.set(settings);
  world.api.always(path, { errcode });
  const outcome = await world.delivery(address).push();
  expect(world.api.at(path).length).toBeGreaterThan(0);
  expect(JSON.stringify(outcome)).not.toMatch(/token-\d|0123456789abcdef/);
  return outcome;
}

/** As expected, and with no stop of the account, no end of the address and no time that was not expected. */
function expectOutcome(got: Outcome, expected: object, code: number): void {
  expect(got).toMatchObject(expected);
  if (got.kind !== "unknown" && !("detail" in expected))
    expect(got).toMatchObject({ detail: expect.stringContaining(String(code)) });
  if (!("pause" in expected)) expect(got).not.toHaveProperty("pause");
  if (!("pause" in expected) && !("retryAfterSeconds" in expected)) expect(got).not.toHaveProperty("retryAfterSeconds");
}

describe("the article: every code at every door, none of them a success", () => {
  const doors: [string, string, Settings, [number, object][]][] = [
    ["the cover", "/cgi-bin/material/add_material", ACCOUNT, []],
    [
      "the draft",
      "/cgi-bin/draft/add",
      ACCOUNT,
      [
        [45166, BROKEN],
        [40007, { kind: "retry", detail: "the cover is gone; another one is made", retryAfterSeconds: 5 }],
      ],
    ],
    [
      "the mass message",
      "/cgi-bin/message/mass/sendall",
      ACCOUNT,
      [
        [45028, pause("quota")],
        [45066, { kind: "retry", retryAfterSeconds: 60 }],
        [40130, BROKEN],
        [45067, BROKEN],
        [40007, { kind: "retry", retryAfterSeconds: 5 }],
        [45065, { kind: "unknown" }],
        [48003, pause("configuration")],
      ],
    ],
    [
      "the publication",
      "/cgi-bin/freepublish/submit",
      { ...ACCOUNT, broadcast: "publish" },
      [
        [53501, pause("rate")],
        [53503, BROKEN],
        [53504, BROKEN],
        [53505, BROKEN],
        [53600, { kind: "retry", retryAfterSeconds: 5 }],
      ],
    ],
  ];
  for (const [door, path, settings, own] of doors)
    test.each([...OF_THE_ACCOUNT, ...OF_THE_TEXT, ...own])(`${door}: %i`, async (code, outcome) => {
      expectOutcome(await refused(path, code, settings, "followers"), outcome, code);
    });
});

describe("one follower: every code at every door, none of them a success", () => {
  const doors: [string, string, Settings, [number, object][]][] = [
    [
      "the template message",
      "/cgi-bin/message/template/send",
      NOTICE,
      [
        [43101, BROKEN],
        [47003, BROKEN],
        [40037, pause("configuration")],
      ],
    ],
    [
      "the subscription notice",
      "/cgi-bin/message/subscribe/bizsend",
      { ...NOTICE, noticeKind: "subscription" },
      [
        [43101, BROKEN],
        [47003, BROKEN],
        [40037, pause("configuration")],
      ],
    ],
  ];
  for (const [door, path, settings, own] of doors)
    test.each([...OF_THE_ACCOUNT, ...OF_THE_TEXT, ...OF_THE_RECEIVER, ...own])(`${door}: %i`, async (code, outcome) => {
      expectOutcome(await refused(path, code, settings, PERSON), outcome, code);
    });

  test.each([
    ...OF_THE_ACCOUNT,
    ...OF_THE_TEXT,
    ...OF_THE_RECEIVER,
    ...Object.entries({ 45015: "outside the reply window", 45047: "too many replies in the window" }).map(
      ([code, why]): [number, object] => [
        Number(code),
        { kind: "rejected", detail: `errcode ${code}: ${why}, and no notice is set up for this account` },
      ],
    ),
  ])("the reply: %i", async (code, outcome) => {
    await noteHeard(world, {
      ...{ channel: "official-account", address: PERSON, heard: "message", at: world.now() },
      rule: OFFICIAL_ACCOUNT_WINDOW,
    });
    expectOutcome(await refused("/cgi-bin/message/custom/send", code, ACCOUNT, PERSON), outcome, code);
  });
});

describe("the token", () => {
  test.each([...OF_THE_ACCOUNT, [40001, pause("configuration")] as [number, object]])(
    "is refused with %i, and nothing is sent",
    async (code, outcome) => {
      expectOutcome(await refused("/cgi-bin/stable_token", code, ACCOUNT, "followers"), outcome, code);
      expect(world.api.at("/cgi-bin/draft/add")).toEqual([]);
    },
  );

  test.each([40001, 40014, 42001])(
    "that every door refuses (%i) is renewed once at a time, never in a loop",
    async (code) => {
      for (const [path, settings, address] of [
        ["/cgi-bin/message/mass/sendall", ACCOUNT, "followers"],
        ["/cgi-bin/freepublish/submit", { ...ACCOUNT, broadcast: "publish" }, "followers"],
        ["/cgi-bin/message/template/send", NOTICE, PERSON],
      ] as const) {
        expect(await refused(path, code, settings, address)).toMatchObject(RETRY);
        expect(world.api.at(path).length).toBeLessThanOrEqual(2);
        world.api.always(path, undefined);
      }
    },
  );
});

describe("a WeCom app", () => {
  const APP: Settings = { corpId: "ww0123456789abcdef", secret: "s".repeat(43), agentId: "1000002" };
  let app: Awaited<ReturnType<typeof wechatWorld>>;
  beforeEach(async () => {
    app = await wechatWorld("wecom-app", APP);
  });
  afterEach(() => app.close());

  test.each<[number, object]>([
    ...[40013, 40091, 40125, 60020, 301002, 48002, 48004, 48006, 50003, 40056, 41011, 86000, 2_000_002].map(
      (code): [number, object] => [code, pause("configuration")],
    ),
    ...[40008, 40033, 40035, 40058, 40063, 44001, 44002, 44003, 44004, 45001, 45002, 45003, 45004, 47001].map(
      (code): [number, object] => [code, BROKEN],
    ),
    // One receiver that is not there, or out of the app's sight, stops nobody else's messages.
    ...[
      40003, 40031, 40066, 40068, 40070, 43004, 46004, 50002, 60003, 60011, 60021, 60111, 60123, 81013, 82001, 92000,
    ].map((code): [number, object] => [code, BROKEN]),
    // A token of a moment ago that is refused is not fetched anew at once.
    ...[40001, 40014, 42001].map((code): [number, object] => [
      code,
      { kind: "retry", detail: "the vendor refuses the access token that it hands out", retryAfterSeconds: 60 },
    ]),
    [45009, pause("rate")],
    [45033, pause("rate")],
    [45011, pause("rate")],
    [-1, RETRY],
    [987_654, RETRY],
  ])("errcode %i is no success", async (errcode, outcome) => {
    app.api.always("/cgi-bin/message/send", { errcode });
    expectOutcome(await app.delivery("user:a").push(), outcome, errcode);
    expect(app.api.at("/cgi-bin/message/send").length).toBeLessThanOrEqual(2);
  });

  test.each<[number, object]>([
    ...[40001, 40013, 40125, 60020].map((code): [number, object] => [code, pause("configuration")]),
    [45009, pause("rate")],
    [-1, RETRY],
  ])("a token refused with %i sends nothing", async (errcode, outcome) => {
    app.api.always("/cgi-bin/gettoken", { errcode });
    expectOutcome(await app.delivery("user:a").push(), outcome, errcode);
    expect(app.api.at("/cgi-bin/message/send")).toEqual([]);
  });

  test.each<[string, { status: number; headers?: Record<string, string> }, object]>([
    ["a redirect", { status: 302, headers: { location: "http://127.0.0.1:1/" } }, RETRY],
    ["403 of a wall", { status: 403 }, RETRY],
    ["413", { status: 413 }, BROKEN],
    ["429", { status: 429 }, { ...pause("rate"), retryAfterSeconds: 60 }],
    [
      "429 with a date",
      { status: 429, headers: { "retry-after": "Mon, 02 Mar 2026 02:02:00 GMT" } },
      { ...pause("rate"), retryAfterSeconds: 120 },
    ],
    ["503", { status: 503 }, { kind: "unknown" }],
  ])("%s of somebody on the way is no success", async (_name, odd, outcome) => {
    app.api.next("/cgi-bin/message/send", odd);
    const delivery = app.delivery("user:a");
    expectOutcome(await delivery.push(), outcome, odd.status);
    if (odd.status !== 413) expect(await delivery.push()).toMatchObject({ kind: "delivered" });
  });

  test("one receiver that the app does not see fails alone, with nothing against the others", async () => {
    app.api.next("/cgi-bin/message/send", { errcode: 60011 });
    expect(await app.delivery("user:hidden").push()).toEqual({
      kind: "rejected",
      detail: "errcode 60011: the app does not see the receiver",
    });
    expect(await app.delivery("user:a").push()).toMatchObject({ kind: "delivered" });
  });

  test.each(["html", "cut", "empty", "hang", "reset", "huge", "text", "gateway"] as const)(
    "a token's answer that cannot be read (%s) sends nothing, and the push comes back",
    async (fault) => {
      app.api.next("/cgi-bin/gettoken", { fault });
      expect(await app.delivery("user:a").push()).toMatchObject(RETRY);
      expect(app.api.at("/cgi-bin/message/send")).toEqual([]);
      app.pass(11);
      expect(await app.delivery("user:a").push()).toMatchObject({ kind: "delivered" });
    },
  );
});

describe("what somebody between us and the platform refuses", () => {
  const stop = (seconds: number) => ({
    kind: "retry",
    retryAfterSeconds: seconds,
    pause: { seconds, because: "rate" },
  });
  const statuses: [string, { status: number; headers?: Record<string, string> }, object][] = [
    ["a redirect", { status: 302, headers: { location: "http://127.0.0.1:1/" } }, RETRY],
    ["400", { status: 400 }, RETRY],
    ["403 of a wall", { status: 403 }, RETRY],
    ["404", { status: 404 }, RETRY],
    ["413", { status: 413 }, BROKEN],
    ["429", { status: 429 }, stop(60)],
    ["429 with seconds", { status: 429, headers: { "retry-after": "90" } }, stop(90)],
    ["429 with a date", { status: 429, headers: { "retry-after": "Mon, 02 Mar 2026 02:02:00 GMT" } }, stop(120)],
    ["429 with nonsense", { status: 429, headers: { "retry-after": "soon" } }, stop(60)],
  ];
  const doors: [string, Settings, string][] = [
    ["/cgi-bin/draft/add", ACCOUNT, "followers"],
    ["/cgi-bin/message/mass/sendall", ACCOUNT, "followers"],
    ["/cgi-bin/freepublish/submit", { ...ACCOUNT, broadcast: "publish" }, "followers"],
    ["/cgi-bin/message/template/send", NOTICE, PERSON],
    ["/cgi-bin/message/subscribe/bizsend", { ...NOTICE, noticeKind: "subscription" }, PERSON],
  ];
  for (const [path, settings, address] of doors)
    test.each(statuses)(`${path}: %s was surely not taken, and goes out once later on`, async (_name, odd, outcome) => {
      world.set(settings);
      world.api.next(path, odd);
      const delivery = world.delivery(address);
      expectOutcome(await delivery.push(), outcome, odd.status);
      if (odd.status === 413) return;
      expect(await delivery.push()).toMatchObject({ kind: expect.stringMatching(/accepted|delivered/) });
      expect(world.api.at(path)).toHaveLength(2);
    });

  test.each(statuses)("a reply: %s", async (_name, odd, outcome) => {
    await noteHeard(world, {
      ...{ channel: "official-account", address: PERSON, heard: "message", at: world.now() },
      rule: OFFICIAL_ACCOUNT_WINDOW,
    });
    world.api.next("/cgi-bin/message/custom/send", odd);
    const delivery = world.delivery(PERSON);
    expectOutcome(await delivery.push(), outcome, odd.status);
    if (odd.status !== 413) expect(await delivery.push()).toMatchObject({ kind: "delivered" });
  });

  test.each(statuses)("a token: %s", async (_name, odd, outcome) => {
    world.api.next("/cgi-bin/stable_token", odd);
    expect(await world.delivery("followers").push()).toMatchObject(odd.status === 413 ? RETRY : outcome);
    expect(world.api.at("/cgi-bin/draft/add")).toEqual([]);
  });
});

describe("what cannot be read, at the doors that make an article", () => {
  const faults = ["html", "cut", "empty", "hang", "reset", "huge", "text", "gateway"] as const;
  test.each(faults)("a cover or a draft (%s) is made again, and one message goes out", async (fault) => {
    for (const path of ["/cgi-bin/material/add_material", "/cgi-bin/draft/add"]) {
      world.api.massLeft = 1;
      const before = world.api.at("/cgi-bin/message/mass/sendall").length;
      if (path.includes("material")) world.set({ ...ACCOUNT, appId: `wx${fault.padEnd(16, "0").slice(0, 16)}` });
      world.api.next(path, { fault });
      const delivery = world.delivery("followers");
      expect(await delivery.push()).toMatchObject(RETRY);
      expect(await delivery.push()).toMatchObject({ kind: "accepted" });
      expect(world.api.at("/cgi-bin/message/mass/sendall").length - before).toBe(1);
    }
  });

  test.each(faults)("a publication (%s) is unknown: nobody knows whether it is public", async (fault) => {
    world.set({ ...ACCOUNT, broadcast: "publish" });
    world.api.next("/cgi-bin/freepublish/submit", { fault });
    const delivery = world.delivery("followers");
    expect(await delivery.push()).toMatchObject({ kind: "unknown" });
    expect(await delivery.push({ same: true })).toMatchObject({ kind: "unknown" });
    expect(world.api.at("/cgi-bin/freepublish/submit")).toHaveLength(1);
  });

  test.each(faults)("a subscription notice (%s) is unknown, and said once", async (fault) => {
    world.set({ ...NOTICE, noticeKind: "subscription" });
    world.api.next("/cgi-bin/message/subscribe/bizsend", { fault });
    const delivery = world.delivery(PERSON);
    expect(await delivery.push()).toMatchObject({ kind: "unknown" });
    expect(await delivery.push({ same: true })).toMatchObject({ kind: "unknown" });
    expect(world.api.at("/cgi-bin/message/subscribe/bizsend")).toHaveLength(1);
  });
});
