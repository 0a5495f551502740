import { describe, expect, it } from "vitest";
import { makeEgress } from "#src/channels/egress.ts";
import { makeEmail } from "#src/channels/email.ts";
import { makeOfficialAccount } from "#src/channels/official-account.ts";
import { makeWecomApp } from "#src/channels/wecom-app.ts";
import type { Channel, ChannelName, Settings } from "#src/domain/deliveries/channel.ts";
import { channelMemory } from "#src/domain/deliveries/channel-memory.ts";
import { ledger } from "#src/domain/deliveries/ledger.ts";
import { deliveriesTo } from "#src/domain/deliveries/list.ts";
import { pausedCredentials } from "#src/domain/deliveries/paused.ts";
import { rehearse } from "#src/domain/deliveries/rehearse.ts";
import { warningsOf } from "#src/domain/deliveries/warnings.ts";
import { endpointKey } from "#src/domain/subscriptions/endpoint.ts";
import { silentLog } from "#src/log.ts";
import { embeddedPlatform } from "#src/platform/embedded/platform.ts";
import { keys } from "#src/platform/keys.ts";
import { manuscript, pushWorld, testLinks, type World } from "./push-world.ts";

// What the real channels say of themselves; their pushes are scripted.
const now = () => new Date();
const { table } = embeddedPlatform({ data: ":memory:", now, log: silentLog });
const deps = {
  egress: makeEgress([]),
  baseUrl: "https://example.org",
  settings: async () => undefined,
  memory: channelMemory({ table, now }),
  log: silentLog,
  secret: async () => new Uint8Array(32),
  now,
};
const rules = ({ limits, quotas, credential, account }: Channel<never>): Partial<Channel> => ({
  limits,
  ...(quotas ? { quotas } : {}),
  ...(credential ? { credential } : {}),
  ...(account ? { account } : {}),
});

const id = (n: number) => `ann_${String(n).padStart(26, "0")}`;

async function set(world: World, channel: ChannelName, settings: Settings, version = 1): Promise<void> {
  const put = { ...keys.setting(`channel:${channel}`), settings, updatedAt: "", version };
  await world.platform.table.write([{ put }]);
}

const row = async (world: World, n: number, channel: ChannelName, address: string) =>
  (await deliveriesTo(world.deps, id(n), 1, endpointKey(channel, address)))[0];
const warned = (world: World) =>
  warningsOf({ ...world.deps, ...world.platform, links: testLinks, log: silentLog }, manuscript());
const rehearsed = async (world: World, channel: ChannelName) =>
  (await rehearse(world.deps, ["column:notices"], { mayBreakQuietHours: false, content: { urgency: "routine" } }))
    .channels[channel];

describe("the mass messages of an Official Account", () => {
  const channel = rules(makeOfficialAccount(deps) as Channel<never>);
  const openid = `openid:${"o".repeat(28)}`;

  it("are one a day: the second waits for the next day, a draft says so, and replies go on", async () => {
    const world = pushWorld({ "official-account": channel });
    await set(world, "official-account", { appId: "wx0", appSecret: "s", kind: "subscription" });
    for (const address of ["followers", openid]) await world.subscribe(address, { channel: "official-account" });
    expect(await rehearsed(world, "official-account")).toMatchObject({
      quotaLeft: 1,
      quotaResetsAt: "2026-03-02T16:00:02.000Z",
    });
    await world.publish({ announcementId: id(1) });
    await world.drain();
    expect(await warned(world)).toMatchObject([{ channel: "official-account", code: "CHANNEL_QUOTA" }]);
    await world.publish({ announcementId: id(2) });
    await world.drain();
    const { seen } = world.channels["official-account"];
    expect(seen.map(({ target }) => target.address).toSorted()).toEqual(["followers", openid, openid]);
    const waiting = await row(world, 2, "official-account", "followers");
    expect(waiting).toMatchObject({ state: "waiting", waitsFor: "quota", attempts: [] });
    expect(Date.parse(waiting?.dueAt ?? "")).toBeGreaterThanOrEqual(Date.parse("2026-03-02T16:00:00Z"));
    expect(await rehearsed(world, "official-account")).toMatchObject({ quotaLeft: 0 });
    await world.live(14 * 3600 + 120, 30);
    expect(await ledger(world.deps, id(2), 1)).toMatchObject({ matched: 2, delivered: 2, waiting: 0 });
    expect(await rehearsed(world, "official-account")).toMatchObject({ quotaLeft: 0 });
  });

  it("that met an error before they were sent cost nothing of the day", async () => {
    const world = pushWorld({ "official-account": channel });
    await set(world, "official-account", { appId: "wx0", appSecret: "s" });
    await world.subscribe("followers", { channel: "official-account" });
    const { seen, answer } = world.channels["official-account"];
    answer(({ attempt }) =>
      attempt < 3 ? { kind: "retry", status: 502, detail: "a page of HTML" } : { kind: "delivered" },
    );
    await world.publish({ announcementId: id(1) });
    await world.drain();
    await world.live(2 * 3600, 10);
    expect(seen).toHaveLength(3);
    expect(await ledger(world.deps, id(1), 1)).toMatchObject({ delivered: 1, waiting: 0 });
    expect(await rehearsed(world, "official-account")).toMatchObject({ quotaLeft: 0 });
    // So with a share of each audience's own.
    await set(world, "official-account", { appId: "wx0", appSecret: "s", kind: "service" }, 2);
    answer(({ attempt }) => (attempt === 1 ? { kind: "retry", detail: "busy" } : { kind: "delivered" }));
    for (let n = 2; n <= 5; n++) await world.publish({ announcementId: id(n) });
    await world.drain();
    await world.live(2 * 3600, 10);
    expect(seen).toHaveLength(3 + 8);
  });

  it("of a service account are four a month to each audience, from the moment the setting says so", async () => {
    const world = pushWorld({ "official-account": channel });
    await world.subscribe("followers", { channel: "official-account" });
    await world.subscribe("tag:1", { channel: "official-account" });
    await set(world, "official-account", { appId: "wx0", appSecret: "s" });
    await world.publish({ announcementId: id(1) });
    await world.drain();
    const { seen } = world.channels["official-account"];
    expect(seen).toHaveLength(1);
    await set(world, "official-account", { appId: "wx0", appSecret: "s", kind: "service" }, 2);
    await world.handlers().wakeWaiting({ channel: "official-account", setup: 2, paced: true });
    for (let n = 2; n <= 6; n++) await world.publish({ announcementId: id(n) });
    await world.live(10);
    const to = (address: string) => seen.filter(({ target }) => target.address === address).length;
    expect(to("followers") + to("tag:1")).toBe(9);
    expect(await rehearsed(world, "official-account")).toMatchObject({
      quotaLeft: 0,
      quotaResetsAt: "2026-03-31T16:00:02.000Z",
    });
    expect(Date.parse((await rehearsed(world, "official-account"))?.lastAt ?? "")).toBeGreaterThanOrEqual(
      Date.parse("2026-03-31T16:00:00Z"),
    );
  });

  it("that are published once they are used up wait for nothing", async () => {
    const world = pushWorld({ "official-account": channel });
    await world.subscribe("followers", { channel: "official-account" });
    await set(world, "official-account", { appId: "wx0", appSecret: "s", broadcast: "mass-or-publish" });
    for (let n = 1; n <= 3; n++) await world.publish({ announcementId: id(n) });
    await world.drain();
    expect(world.channels["official-account"].seen).toHaveLength(3);
    expect(await warned(world)).toEqual([]);
  });
});

describe("a WeCom app", () => {
  const channel = rules(makeWecomApp(deps) as Channel<never>);

  it("reaches 200 times its accounts a day, whoever they are; the others wait for the next day", async () => {
    const world = pushWorld({ "wecom-app": channel });
    await set(world, "wecom-app", { accounts: "1" });
    for (let n = 0; n < 150; n++) await world.subscribe(`user:u${n}`, { channel: "wecom-app" });
    expect(await rehearsed(world, "wecom-app")).toMatchObject({ quotaLeft: 200, endpoints: 150, drainSeconds: 3 });
    for (const n of [1, 2]) await world.publish({ announcementId: id(n) });
    await world.drain();
    expect(world.channels["wecom-app"].seen).toHaveLength(200);
    const sums = [await ledger(world.deps, id(1), 1), await ledger(world.deps, id(2), 1)];
    expect(sums.reduce((sum, one) => sum + (one?.waiting ?? 0), 0)).toBe(100);
    expect(await rehearsed(world, "wecom-app")).toMatchObject({ quotaLeft: 0 });
    await world.live(14 * 3600 + 600, 60);
    for (const n of [1, 2]) expect(await ledger(world.deps, id(n), 1)).toMatchObject({ delivered: 150, waiting: 0 });
    expect(world.channels["wecom-app"].seen).toHaveLength(300);
  });

  it("with a wrong secret is stopped as a whole, and the people on duty hear of it once", async () => {
    const world = pushWorld({ "wecom-app": channel });
    for (let n = 0; n < 60; n++) await world.subscribe(`user:u${n}`, { channel: "wecom-app" });
    const told = new Set<string>();
    world.platform.feed(async (changes) => {
      for (const { item } of changes)
        if (item.feed === "revision" && JSON.stringify(item).includes("渠道已暂停")) told.add(item.pk);
      return { failed: [] };
    });
    world.channels["wecom-app"].answer(() => ({
      ...{ kind: "retry", detail: "errcode 40001" },
      pause: { seconds: 600, because: "configuration" },
    }));
    await world.publish({ announcementId: id(1) });
    await world.drain();
    expect(world.channels["wecom-app"].seen.length).toBeLessThanOrEqual(32);
    const [paused, ...more] = await pausedCredentials(world.deps, world.channels["wecom-app"], undefined);
    expect([paused, more]).toEqual([expect.objectContaining({ because: "configuration", credentials: 1 }), []]);
    await expect.poll(() => told.size).toBe(1);
    expect(await rehearsed(world, "wecom-app")).toMatchObject({ paused: { because: "configuration" } });
    world.channels["wecom-app"].answer(() => ({ kind: "delivered" }));
    await world.live(1500, 10);
    expect(await ledger(world.deps, id(1), 1)).toMatchObject({ delivered: 60, waiting: 0 });
    expect(await pausedCredentials(world.deps, world.channels["wecom-app"], undefined)).toEqual([]);
    expect(told.size).toBe(1);
  });
});

describe("the mails of a day", () => {
  it("are counted by the operator's limit as it is when they go out", async () => {
    const world = pushWorld({ email: rules(makeEmail(deps) as Channel<never>) });
    await set(world, "email", { dailyLimit: "2" });
    for (const name of ["a", "b", "c"]) await world.subscribe(`${name}@example.org`, { channel: "email" });
    await world.publish({ announcementId: id(1) });
    await world.drain();
    expect(world.channels.email.seen).toHaveLength(2);
    await set(world, "email", { dailyLimit: "5" }, 2);
    await world.handlers().wakeWaiting({ channel: "email", setup: 2, paced: true });
    await world.publish({ announcementId: id(2) });
    await world.live(10);
    const { seen } = world.channels.email;
    expect(seen).toHaveLength(5);
    // Who waited for the next day goes before the newer text.
    expect(seen.map(({ deliveryId }) => deliveryId.slice(0, id(1).length))).toEqual([1, 1, 1, 2, 2].map(id));
    await world.live(14 * 3600 + 120, 60);
    expect(world.channels.email.seen).toHaveLength(6);
  });
});
