import { expect, it } from "vitest";
import { readConfig } from "#src/config.ts";
import { silentLog } from "#src/log.ts";
import { embeddedPlatform } from "#src/platform/embedded/platform.ts";
import { makeWorld } from "#src/wiring.ts";
import { ADMIN, askOf } from "#tests/app.ts";
import { startWebhookSink } from "#tests/receivers/webhook-sink.ts";

const ENDPOINTS = 400;
const all = Array.from({ length: ENDPOINTS }, (_, i) => i);

/** Of 400 receivers, by their numbers: whether one never answers, and where it is. */
type Receivers = { hangs: (i: number) => boolean; at?: (i: number) => "well" | "dead" };

/** A house with one worker of each kind, a column, and 400 receivers that want all of it. */
async function houseOf({ hangs, at = () => "well" }: Receivers, mostAside?: number) {
  const sinks = { well: await startWebhookSink(), dead: await startWebhookSink() };
  const platform = embeddedPlatform({ data: ":memory:", now: () => new Date(), log: silentLog });
  const config = readConfig({
    GAOSHI_ADMIN_TOKEN: ADMIN,
    GAOSHI_EGRESS_ALLOW: "127.0.0.0/8",
    GAOSHI_DATA: ":memory:",
  });
  const world = await makeWorld(platform, {
    ...{ config, log: silentLog, now: () => new Date() },
    ...(mostAside === undefined ? {} : { mostAside }),
  });
  platform.feed(world.handlers.dispatch);
  platform.consume("fanout", world.handlers.fanout, { concurrency: 1 });
  platform.consume("urgent", world.handlers.urgent, { concurrency: 1 });
  platform.consume("deliver-webhook", world.handlers.deliver.webhook, { concurrency: 1 });
  const ask = askOf(world.app);
  const call = async (method: string, path: string, body: unknown, headers: Record<string, string> = {}) => {
    const answer = await ask(method, path, { token: ADMIN, headers, body });
    expect([path, answer.status < 300]).toEqual([path, true]);
    return answer.json() as { id: string; contentHash: string };
  };
  await call("PUT", "/api/v1/units/town", { name: "测试单位" });
  await call("PUT", "/api/v1/columns/notices", {
    ...{ name: "通知公告", kind: "notice", mayBreakQuietHours: false, approvals: 0 },
  });
  const lines = all.map((i) =>
    JSON.stringify({
      endpoint: { channel: "webhook", address: sinks[at(i)].url(`/${i}`) },
      ...{ topics: ["all"], confirmed: true, basis: "test" },
    }),
  );
  await call("POST", "/api/v1/subscriptions/import", lines.join("\n"), { "content-type": "application/x-ndjson" });
  for (const i of all) if (hangs(i)) sinks[at(i)].answer(`/${i}`, { fault: "hang" });
  return {
    call,
    received: sinks.well.received,
    async publish(urgency = "routine") {
      const draft = await call("POST", "/api/v1/announcements", {
        ...{ title: "防电诈提醒", body: "请勿转账。", column: "notices", unitId: "town", urgency },
      });
      await call("POST", `/api/v1/announcements/${draft.id}/publish`, { contentHash: draft.contentHash });
      return draft;
    },
    async close() {
      await Promise.all([sinks.well.close(), sinks.dead.close()]);
      await platform.stop();
      await world.close();
    },
  };
}

/** Resolves once all who are well have the text. Throws after 12 s: those who hang are waited for 15 s. */
async function publishBeside(receivers: Receivers, urgency = "routine", mostAside?: number) {
  const house = await houseOf(receivers, mostAside);
  await house.publish(urgency);
  const isWell = (path: string) => !receivers.hangs(Number(path.slice(1)));
  const reached = () => new Set(house.received.map(({ path }) => path).filter(isWell)).size;
  const well = all.filter((i) => !receivers.hangs(i)).length;
  await expect.poll(reached, { timeout: 12_000, interval: 50 }).toBe(well);
  await house.close();
}

it.each(["routine", "urgent"])(
  "who never answer take no worker from the others of a %s text: one is enough for four chunks with some of them each",
  { timeout: 40_000 },
  // Enough of them that each of the four chunks has some, wherever their keys put them.
  (urgency) => publishBeside({ hangs: (i) => i % 10 === 3 }, urgency),
);

it("a host that is dead, with half of all receivers, holds up nobody at another one", { timeout: 40_000 }, () =>
  publishBeside({ hangs: (i) => i % 2 === 1, at: (i) => (i % 2 === 1 ? "dead" : "well") }),
);

it(
  "where more hang than may stand aside, they are given up early, so that the others get theirs",
  {
    timeout: 40_000,
  },
  () => publishBeside({ hangs: (i) => i % 10 !== 3 }, "routine", 32),
);

it("a correction does not wait for those of the older text who hang", { timeout: 40_000 }, async () => {
  const hangs = (i: number) => i % 100 === 3;
  const house = await houseOf({ hangs });
  const { id, contentHash } = await house.publish("urgent");
  const reached = (type: string) =>
    house.received.filter(({ body, path }) => !hangs(Number(path.slice(1))) && body.includes(type)).length;
  await expect.poll(() => reached("announcement.published"), { timeout: 12_000, interval: 50 }).toBe(396);
  await house.call("POST", `/api/v1/announcements/${id}/correct`, {
    ...{ contentHash, title: "防电诈提醒（更正）", reason: "标题有误" },
  });
  await expect.poll(() => reached("announcement.corrected"), { timeout: 6000, interval: 50 }).toBe(396);
  await house.close();
});
