import { describe, expect, it } from "vitest";
import { nextDigest, quietUntil } from "#src/domain/deliveries/hold.ts";
import { askEndpoint } from "#src/domain/subscriptions/ask-endpoint.ts";
import { changeSubscription } from "#src/domain/subscriptions/change.ts";
import { confirm, confirmByCode } from "#src/domain/subscriptions/confirm.ts";
import { endEndpoint } from "#src/domain/subscriptions/end-endpoint.ts";
import { endpointKey } from "#src/domain/subscriptions/endpoint.ts";
import { afterFailure } from "#src/domain/subscriptions/failing.ts";
import { importSubscriptions } from "#src/domain/subscriptions/import.ts";
import {
  ImportedSubscription,
  NewSubscription,
  SubscriptionChange,
} from "#src/domain/subscriptions/new-subscription.ts";
import { standardSecret } from "#src/domain/subscriptions/secret.ts";
import { findSubscription, subscriptionsOf } from "#src/domain/subscriptions/store.ts";
import { subscribe } from "#src/domain/subscriptions/subscribe.ts";
import { canonicalTopics, indexRows, PublicTopics, Topics } from "#src/domain/subscriptions/topic.ts";
import { unsubscribe } from "#src/domain/subscriptions/unsubscribe.ts";
import { readJson } from "#src/web/body.ts";
import { checked } from "#src/web/input.ts";
import { pushWorld, type World } from "./push-world.ts";

const readLine = (text: string) => checked(ImportedSubscription, readJson(text));
const taken = (world: World, text: string) => importSubscriptions({ ...world.deps, readLine }, text, "admin");

const line = (address: string, more: object = {}) =>
  JSON.stringify({
    endpoint: { channel: "webhook", address },
    topics: ["column:notices"],
    confirmed: true,
    basis: "登记表",
    ...more,
  });

describe("topics", () => {
  it("are what the contract names, and nothing else", () => {
    for (const topic of ["all", "column:annual-reports", "unit:center", "tag:停水", "urgency:urgent"])
      expect(PublicTopics().safeParse([topic]).success, topic).toBe(true);
    for (const topic of [
      "",
      "ALL",
      "column:",
      "column:a b",
      "urgency:routine",
      "tag: x",
      "duty",
      "person:x",
      "tag:a\nb",
    ])
      expect(PublicTopics().safeParse([topic]).success, topic).toBe(false);
    expect(PublicTopics().safeParse([]).success).toBe(false);
    expect(PublicTopics().safeParse(Array.from({ length: 21 }, (_, i) => `tag:${i}`)).success).toBe(false);
    expect(Topics().safeParse(["duty", "duty:center"]).success).toBe(true);
  });

  it("that must all hold stand under the rarest one", () => {
    expect(indexRows([{ all: ["all", "unit:center", "tag:停水"] }])).toEqual([
      { topic: "tag:停水", filters: [["all", "unit:center", "tag:停水"]] },
    ]);
    expect(indexRows([{ all: ["column:a", "tag:x"] }, { all: ["column:b", "tag:x"] }])).toEqual([
      {
        topic: "tag:x",
        filters: [
          ["column:a", "tag:x"],
          ["column:b", "tag:x"],
        ],
      },
    ]);
    expect(indexRows([{ all: ["column:a", "tag:x"] }, "tag:x"])).toEqual([{ topic: "tag:x" }]);
  });

  it("are the same wish in any order", () => {
    expect(canonicalTopics(["tag:b", "tag:a", { all: ["x", "y"] }])).toBe(
      canonicalTopics([{ all: ["y", "x"] }, "tag:a", "tag:b", "tag:a"]),
    );
  });
});

it("takes secrets of 24 to 64 bytes, with or without their prefix", () => {
  const bytes = (count: number) => Buffer.alloc(count, 7).toString("base64");
  expect(standardSecret(bytes(24))).toEqual({ secrets: [bytes(24)] });
  expect(standardSecret(`whsec_${bytes(64)}`)).toEqual({ secrets: [bytes(64)] });
  for (const bad of [bytes(23), bytes(65), "whsec_", "not base64 at all, not base64 at all"])
    expect(standardSecret(bad)).toMatchObject({ errors: [{ pointer: "/endpoint/secret", code: "SECRET" }] });
});

it("knows when quiet hours end and when the next digest goes out, in Shanghai", () => {
  const night = { from: "22:00", to: "07:30" };
  expect(quietUntil(night, new Date("2026-03-02T15:00:00Z"))?.toISOString()).toBe("2026-03-02T23:30:00.000Z");
  expect(quietUntil(night, new Date("2026-03-02T22:00:00Z"))?.toISOString()).toBe("2026-03-02T23:30:00.000Z");
  expect(quietUntil(night, new Date("2026-03-02T23:30:00Z"))).toBeUndefined();
  expect(quietUntil({ from: "12:00", to: "14:00" }, new Date("2026-03-02T05:00:00Z"))?.toISOString()).toBe(
    "2026-03-02T06:00:00.000Z",
  );
  expect(nextDigest("daily", new Date("2026-03-02T16:30:00Z")).toISOString()).toBe("2026-03-04T00:00:00.000Z");
  expect(nextDigest("weekly", new Date("2026-03-01T15:59:00Z")).toISOString()).toBe("2026-03-02T00:00:00.000Z");
  expect(nextDigest("weekly", new Date("2026-03-01T16:00:00Z")).toISOString()).toBe("2026-03-09T00:00:00.000Z");
});

it("counts days of failure only from failures 12 to 24 hours apart", () => {
  const at = (hours: number) => new Date(Date.UTC(2026, 2, 1) + hours * 3_600_000);
  const first = afterFailure(undefined, at(0));
  if (typeof first === "string") throw new Error("not a mark");
  expect(first).toMatchObject({ since: at(0).toISOString(), lasting: false });
  expect(afterFailure(first, at(3))).toBe("unchanged");
  expect(afterFailure(first, at(30))).toMatchObject({ since: at(30).toISOString(), lasting: false });
  expect(afterFailure(first, at(13))).toMatchObject({ since: at(0).toISOString(), lasting: true });
  expect(afterFailure({ ...first, lasting: true }, at(119))).toBe("unchanged");
  expect(afterFailure({ ...first, lasting: true }, at(120))).toBe("switch-off");
});

describe("a code in a chat", () => {
  async function asked(world: World, address = "room:1") {
    const { subscription } = await subscribe(
      world.deps,
      NewSubscription.parse({ endpoint: { channel: "wechaty", address }, topics: ["all"] }),
    );
    const codes: string[] = [];
    const channel = {
      ...world.channels.wechaty,
      confirm: async (_target: unknown, challenge: string) => {
        codes.push(challenge);
        return "sent" as const;
      },
    };
    await askEndpoint({ ...world.deps, channel }, { subscriptionId: subscription.id, tries: 0 });
    return { id: subscription.id, code: codes[0] };
  }
  const status = async (world: World, id: string) => (await findSubscription(world.platform.table, id))?.status;

  it("confirms when it comes back from that room, in any case", async () => {
    const world = pushWorld();
    const { id, code = "" } = await asked(world);
    expect(await confirmByCode(world.deps, { channel: "wechaty", address: "room:2", code })).toEqual([]);
    expect(await status(world, id)).toBe("pending");
    await confirmByCode(world.deps, { channel: "wechaty", address: "room:1", code: ` ${code.toLowerCase()} ` });
    expect(await status(world, id)).toBe("confirmed");
    await world.publish();
    await world.drain();
    expect(world.channels.wechaty.seen.length).toBe(1);
  });

  it("is void after five wrong guesses", async () => {
    const world = pushWorld();
    const { id, code = "" } = await asked(world);
    for (let i = 0; i < 5; i++)
      await confirmByCode(world.deps, { channel: "wechaty", address: "room:1", code: "AAAAAAAA" });
    await confirmByCode(world.deps, { channel: "wechaty", address: "room:1", code });
    expect(await status(world, id)).toBe("pending");
  });

  it("never confirms after a day", async () => {
    const world = pushWorld();
    const { id, code = "" } = await asked(world);
    world.pass(86_401);
    expect(await confirmByCode(world.deps, { channel: "wechaty", address: "room:1", code })).toEqual([]);
    expect(await status(world, id)).toBeUndefined();
    await world.publish();
    await world.drain();
    expect(world.channels.wechaty.seen).toEqual([]);
  });

  it("is sent at most once in ten minutes and three times a day to one room", async () => {
    const world = pushWorld();
    const sent: boolean[] = [];
    for (const minutes of [0, 5, 11, 22, 33, 600, 1441]) {
      const passed = minutes * 60 - (world.now().getTime() - Date.parse("2026-03-02T02:00:00Z")) / 1000;
      world.pass(passed);
      sent.push((await asked(world)).code !== undefined);
    }
    expect(sent).toEqual([true, false, true, true, false, false, true]);
    expect((await asked(world, "room:2")).code).toBeDefined();
  });

  it("is sent anew soon when it surely did not arrive, and given up after three tries", async () => {
    const world = pushWorld();
    let tries = 0;
    world.channels.wechaty.confirm = async () => (++tries < 3 ? "refused" : "sent");
    const ask = (address: string) =>
      subscribe(world.deps, NewSubscription.parse({ endpoint: { channel: "wechaty", address }, topics: ["all"] }));
    const { subscription } = await ask("room:1");
    await askEndpoint(
      { ...world.deps, channel: world.channels.wechaty },
      { subscriptionId: subscription.id, tries: 0 },
    );
    await world.live(120);
    expect(tries).toBe(3);
    const again = await ask("room:1");
    const message = { subscriptionId: again.subscription.id, tries: 0 };
    await askEndpoint({ ...world.deps, channel: world.channels.wechaty }, message);
    expect(tries).toBe(3); // the one that arrived counts
    world.channels.wechaty.confirm = async () => (++tries > 0 ? "refused" : "sent");
    const refused = await ask("room:3");
    await askEndpoint(
      { ...world.deps, channel: world.channels.wechaty },
      { subscriptionId: refused.subscription.id, tries: 0 },
    );
    await world.live(3600, 10);
    expect(tries).toBe(6);
  });
});

describe("a webhook that agrees", () => {
  const asking = async (world: World, meanwhile: (id: string) => Promise<unknown>) => {
    const { subscription } = await subscribe(
      world.deps,
      NewSubscription.parse({ endpoint: { channel: "webhook", address: "https://a.example/" }, topics: ["all"] }),
    );
    const confirm = async () => {
      await meanwhile(subscription.id);
      return "confirmed" as const;
    };
    const channel = { ...world.channels.webhook, confirm };
    await askEndpoint({ ...world.deps, channel }, { subscriptionId: subscription.id, tries: 0 });
    return findSubscription(world.platform.table, subscription.id);
  };
  const change = async (world: World, id: string, wanted: object) => {
    const known = await findSubscription(world.platform.table, id);
    if (known) await changeSubscription(world.deps, known, known.version, SubscriptionChange.parse(wanted));
  };

  it("counts although the wishes were changed while it was asked", async () => {
    const world = pushWorld();
    const after = await asking(world, (id) => change(world, id, { topics: ["column:notices"] }));
    expect(after).toMatchObject({ status: "confirmed", topics: ["column:notices"] });
  });

  it("does not speak for the address that took its place", async () => {
    const world = pushWorld();
    const after = await asking(world, (id) => change(world, id, { endpoint: { address: "https://b.example/" } }));
    expect(after).toMatchObject({ status: "pending", address: "https://b.example/" });
  });
});

describe("an import", () => {
  it("refuses a bad line alone and says what is wrong with it", async () => {
    const world = pushWorld();
    const text = [
      line("https://a.example/1"),
      "not json",
      line("https://a.example/2", { basis: undefined }),
      line("https://a.example/3", { topics: ["nonsense"] }),
      line("https://a.example/4", { extra: 1 }),
      line("https://a.example/5", { endpoint: { channel: "pigeon", address: "x" } }),
      "",
      line("https://a.example/6", { topics: ["duty"] }),
    ].join("\r\n");
    const result = await taken(world, text);
    expect(result).toMatchObject({ accepted: 2, rejected: 5 });
    expect(result.errors.map(({ line, code }) => [line, code])).toEqual([
      [2, "JSON"],
      [3, "BASIS_REQUIRED"],
      [4, "TOPIC"],
      [5, "UNKNOWN_KEY"],
      [6, "CHANNEL_UNKNOWN"],
    ]);
  });

  it("of the same lines again changes nothing", async () => {
    const world = pushWorld();
    const text = Array.from({ length: 20 }, (_, i) => line(`https://a.example/${i}`)).join("\n");
    await taken(world, text);
    const entries = async () => (await world.platform.table.query({ pk: "TOPIC#column:notices#A" })).items;
    const before = await entries();
    expect(await taken(world, `${text}\n${text}`)).toMatchObject({ accepted: 40 });
    expect(await entries()).toEqual(before);
    await world.publish();
    await world.drain();
    expect(world.channels.webhook.seen.length).toBe(20);
  });

  it("does not bring back who unsubscribed", async () => {
    const world = pushWorld();
    const text = line("https://a.example/1");
    await taken(world, text);
    const [row] = (
      await world.platform.table.query({ pk: `ENDPOINT#${endpointKey("webhook", "https://a.example/1")}` })
    ).items;
    const known = await findSubscription(world.platform.table, String(row?.["id"]));
    if (!known) throw new Error("no subscription");
    await unsubscribe(world.deps, known);
    expect(await taken(world, text)).toMatchObject({
      accepted: 0,
      rejected: 1,
      errors: [{ line: 1, code: "UNSUBSCRIBED" }],
    });
    await world.publish();
    await world.drain();
    expect(world.channels.webhook.seen).toEqual([]);
  });

  it("turns on no address that bounced, complained, blocked or left, whatever its topics, before it says yes itself", async () => {
    const world = pushWorld();
    for (const [because, code] of [
      ["bounced", "BOUNCED"],
      ["complained", "COMPLAINED"],
      ["blocked", "BLOCKED"],
      ["unsubscribed", "UNSUBSCRIBED"],
      ["gone", undefined],
      ["failing", undefined],
    ] as const) {
      const address = `https://a.example/${because}`;
      await taken(world, line(address));
      await endEndpoint(world.deps, endpointKey("webhook", address), because);
      const again = await taken(world, line(address, { topics: ["column:policies"] }));
      expect([because, again.errors[0]?.code]).toEqual([because, code]);
      const asked = await taken(world, line(address, { topics: ["column:faq"], confirmed: false, basis: undefined }));
      expect(asked).toMatchObject({ accepted: 1, rejected: 0 });
      const all = await subscriptionsOf(world.platform.table, endpointKey("webhook", address));
      const pending = all.find(({ status }) => status === "pending");
      if (!pending) throw new Error("nobody asks");
      expect(await confirm(world.deps, pending)).toBe(true);
      expect(await taken(world, line(address, { topics: ["column:home"] }))).toMatchObject({ accepted: 1 });
    }
  });

  it("of ten thousand lines is a matter of seconds", async () => {
    const world = pushWorld();
    const text = Array.from({ length: 10_000 }, (_, i) => line(`https://receiver-${i}.example.org/hook`)).join("\n");
    const cpu = process.cpuUsage();
    expect(await taken(world, text)).toMatchObject({ accepted: 10_000, rejected: 0 });
    const { user, system } = process.cpuUsage(cpu);
    expect((user + system) / 1e6).toBeLessThan(5);
  });
});
