import { describe, expect, it } from "vitest";
import type { Channel, Limits } from "#src/domain/deliveries/channel.ts";
import { rehearse } from "#src/domain/deliveries/rehearse.ts";
import { warningsOf } from "#src/domain/deliveries/warnings.ts";
import { silentLog } from "#src/log.ts";
import { keys } from "#src/platform/keys.ts";
import { manuscript, pushWorld, testLinks, type World } from "./push-world.ts";

const limits: Limits = {
  inFlight: 16,
  inFlightPerOrigin: 16,
  bytes: 4096,
  chunk: 100,
  seconds: { connect: 5, answer: 15, total: 20 },
};
const long: Channel["preview"] = ({ content }) => ({
  text: content.title.slice(0, 5),
  bytes: 5,
  limit: 5,
  faults:
    content.title.length > 5
      ? [{ pointer: "/title", code: "CHANNEL_TITLE_LONG", detail: { zh: "标题过长", en: "the title is cut" } }]
      : [],
});

const rehearsed = (world: World) =>
  rehearse(world.deps, ["column:notices"], { mayBreakQuietHours: false, content: { urgency: "routine" } });
const warned = (world: World, title?: string) =>
  warningsOf({ ...world.deps, ...world.platform, links: testLinks, log: silentLog }, manuscript(title));

describe("a rehearsal", () => {
  it("says when the last of those who share an account will have it, and that comes true", async () => {
    const app = { limits: { ...limits, windows: [{ seconds: 60, count: 30 }] }, credential: () => "app" };
    const world = pushWorld({ "wecom-app": app });
    for (let n = 0; n < 100; n++) await world.subscribe(`member-${n}`, { channel: "wecom-app" });
    // Some of it is used already.
    await world.publish();
    await world.drain();
    const started = world.now().getTime();
    const { channels } = await rehearsed(world);
    const said = channels["wecom-app"];
    expect(said).toMatchObject({ endpoints: 100, held: 0, quotaLeft: null, ready: true });
    await world.publish({ announcementId: "ann_00000000000000000000000002" });
    const { seen } = world.channels["wecom-app"];
    await world.live(500);
    expect(seen).toHaveLength(200);
    const took = (Math.max(...seen.map(({ at }) => at)) - started) / 1000;
    expect(Math.abs(took - (said?.drainSeconds ?? 0))).toBeLessThanOrEqual(0.1 * took);
    expect(Date.parse(said?.lastAt ?? "") - started).toBe((said?.drainSeconds ?? 0) * 1000 - missing(said));
  });

  it("promises nothing to anybody: asking ten times changes no turn", async () => {
    const world = pushWorld({
      "wecom-app": { limits: { ...limits, windows: [{ seconds: 60, count: 3 }] }, credential: () => "app" },
    });
    for (let n = 0; n < 9; n++) await world.subscribe(`member-${n}`, { channel: "wecom-app" });
    const first = await rehearsed(world);
    for (let n = 0; n < 10; n++) expect(await rehearsed(world)).toEqual(first);
  });

  it("says what a vendor's day has left, when the next begins, and who would wait for it", async () => {
    const quotas: Limits["quotas"] = [{ per: "day", of: "credential", count: 12 }];
    const world = pushWorld({ "official-account": { limits: { ...limits, quotas }, credential: () => "oa" } });
    for (let n = 0; n < 10; n++) await world.subscribe(`follower-${n}`, { channel: "official-account" });
    expect((await rehearsed(world)).channels["official-account"]).toMatchObject({
      quotaLeft: 12,
      quotaResetsAt: "2026-03-02T16:00:02.000Z",
      drainSeconds: 1,
    });
    await world.publish();
    await world.drain();
    const { quotaLeft, lastAt } = (await rehearsed(world)).channels["official-account"] ?? {};
    expect(quotaLeft).toBe(2);
    expect(Date.parse(lastAt ?? "")).toBeGreaterThanOrEqual(Date.parse("2026-03-02T16:00:00Z"));
  });

  it("counts each follower's own share of the month", async () => {
    const quotas: Limits["quotas"] = [{ per: "month", of: "endpoint", count: 4 }];
    const world = pushWorld({ "official-account": { limits: { ...limits, quotas }, credential: () => "oa" } });
    await world.subscribe("follower", { channel: "official-account" });
    await world.publish();
    await world.drain();
    const said = (await rehearsed(world)).channels["official-account"];
    expect(said).toMatchObject({ quotaLeft: 3, quotaResetsAt: "2026-03-31T16:00:02.000Z" });
  });
});

describe("a draft", () => {
  it("is warned of what a channel that somebody uses will cut, and of no other channel", async () => {
    const world = pushWorld({ dingtalk: { preview: long }, feishu: { preview: long } });
    await world.subscribe("robot", { channel: "dingtalk" });
    expect(await warned(world, "关于全县停水的通知")).toEqual([
      expect.objectContaining({ channel: "dingtalk", pointer: "/title", code: "CHANNEL_TITLE_LONG" }),
    ]);
    expect(await warned(world)).toEqual([]);
  });

  it("is warned of every channel that somebody uses, however few they are among however many places", async () => {
    for (let robot = 0; robot < 4; robot++) {
      const world = pushWorld({ dingtalk: { preview: long } });
      for (let n = 0; n < 12; n++) await world.subscribe(`https://receiver-${n}.example.org/`);
      await world.subscribe(`robot-${robot}`, { channel: "dingtalk" });
      expect((await warned(world, "关于全县停水的通知")).map(({ channel }) => channel)).toEqual(["dingtalk"]);
    }
  });

  it("is warned of a channel that is set up before anybody uses it", async () => {
    const label = { zh: "账号", en: "account" };
    const settings = [{ name: "account", secret: false, required: true, label }];
    const world = pushWorld({ "official-account": { preview: long, settings } });
    expect(await warned(world, "关于全县停水的通知")).toEqual([]);
    const put = { ...keys.setting("channel:official-account"), settings: { account: "x" }, updatedAt: "", version: 1 };
    await world.platform.table.write([{ put }]);
    expect((await warned(world, "关于全县停水的通知")).map(({ channel }) => channel)).toEqual(["official-account"]);
  });

  it("is told the next free slot when a quota is used up, and when a vendor stopped everything", async () => {
    const quotas: Limits["quotas"] = [{ per: "day", of: "credential", count: 1 }];
    const world = pushWorld({
      "official-account": { limits: { ...limits, quotas }, credential: () => "oa" },
      feishu: { credential: () => "robot" },
    });
    await world.subscribe("follower", { channel: "official-account" });
    await world.subscribe("robot", { channel: "feishu" });
    world.channels.feishu.answer(() => ({
      ...{ kind: "retry", detail: "19024" },
      pause: { seconds: 600, because: "configuration" },
    }));
    await world.publish();
    await world.drain();
    const found = await warned(world);
    expect(found.map(({ channel, code }) => `${channel} ${code}`).toSorted()).toEqual([
      "feishu CHANNEL_PAUSED",
      "official-account CHANNEL_QUOTA",
    ]);
    expect(found.find(({ code }) => code === "CHANNEL_QUOTA")?.detail.zh).toContain("2026-03-03 00:00");
  });

  it("can still be written when a channel cannot show it", async () => {
    const preview = () => {
      throw new Error("no");
    };
    const world = pushWorld({ dingtalk: { preview } });
    await world.subscribe("robot", { channel: "dingtalk" });
    expect(await warned(world)).toEqual([]);
  });

  it("costs few reads, however many subscribe", async () => {
    const world = pushWorld();
    for (let n = 0; n < 3000; n++) await world.subscribe(`https://r-${n}.example.org/`, { topics: ["all"] });
    let items = 0;
    const { table } = world.platform;
    const counted = {
      ...table,
      query: async (query: Parameters<typeof table.query>[0]) => {
        const page = await table.query(query);
        items += page.items.length;
        return page;
      },
    };
    await warningsOf({ ...world.deps, table: counted, links: testLinks, log: silentLog }, manuscript());
    expect(items).toBeLessThanOrEqual(300);
  });
});

/** `drainSeconds` is rounded up. */
function missing(said: { drainSeconds: number; lastAt: string } | undefined): number {
  return (1000 - (Date.parse(said?.lastAt ?? "") % 1000)) % 1000;
}
