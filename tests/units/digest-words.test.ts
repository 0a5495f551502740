import { afterAll, expect, it } from "vitest";
import { makeEgress } from "#src/channels/egress.ts";
import { makeChannels } from "#src/channels/index.ts";
import { CHANNELS, type ChannelName } from "#src/domain/deliveries/channel.ts";
import { channelMemory } from "#src/domain/deliveries/channel-memory.ts";
import { pushKeyOf } from "#src/domain/deliveries/push-key.ts";
import { silentLog } from "#src/log.ts";
import { embeddedPlatform } from "#src/platform/embedded/platform.ts";
import { revisionOf, testLinks } from "./push-world.ts";

const at = new Date("2026-03-02T00:00:00.000Z");
const platform = embeddedPlatform({ data: ":memory:", now: () => at, log: silentLog });
const channels = makeChannels({
  ...{ egress: makeEgress([]), baseUrl: "https://example.org", links: testLinks, log: silentLog, now: () => at },
  settings: async () => undefined,
  memory: channelMemory({ table: platform.table, now: () => at }),
  pushKey: async () => pushKeyOf("q1dXpw3UpT5VOmu_cf_v6ih07Aems3njxI-JWgLcM94"),
  secret: async () => new Uint8Array(32),
});
afterAll(async () => {
  await Promise.all(Object.values(channels).map((channel) => channel.close()));
  await platform.stop();
});

/** Everything that a digest of so many announcements says in English. */
async function said(name: ChannelName, count: number): Promise<string> {
  const revisions = Array.from({ length: count }, (_, n) => revisionOf(at, { announcementId: `ann_${n}` }));
  const digest = { frequency: "daily" as const, at: at.toISOString(), revisions };
  const rendered: unknown = channels[name].renderDigest(digest, "en", testLinks);
  return JSON.stringify(typeof rendered === "function" ? await rendered() : rendered);
}

it.each(CHANNELS)("a digest of one announcement does not speak of several, on %s", async (name) => {
  expect(await said(name, 1)).not.toMatch(/\b1 announcements/);
  expect(await said(name, 2)).not.toMatch(/\b2 announcement\b/);
});

it("all that count them say one or two", async () => {
  const counting: string[] = [];
  for (const name of CHANNELS) {
    if (!(await said(name, 1)).includes("1 announcement")) continue;
    counting.push(name);
    expect(await said(name, 2), name).toContain("2 announcements");
  }
  // What goes to machines has the announcements themselves.
  expect(CHANNELS.filter((name) => !counting.includes(name))).toEqual(["webhook", "websub"]);
});
