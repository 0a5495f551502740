import { expect, it } from "vitest";
import { readConfig } from "#src/config.ts";
import { silentLog } from "#src/log.ts";
import { embeddedPlatform } from "#src/platform/embedded/platform.ts";
import { makeWorld } from "#src/wiring.ts";
import { ADMIN, askOf } from "#tests/app.ts";
import { startWebhookSink } from "#tests/receivers/webhook-sink.ts";

/** Of 400 receivers, by their numbers: whether one never answers, and where it is. */
type Receivers = { hangs: (i: number) => boolean; at?: (i: number) => "well" | "dead" };

/**
 * Publishes to 400 receivers with one worker of each kind, and resolves once all who are well have it. Throws after 12 s: those
 * who hang are waited for 15 s.
 */
async function publishBeside({ hangs, at = () => "well" }: Receivers, urgency = "routine", mostAside?: number) {
  const ENDPOINTS = 400;
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
  const all = Array.from({ length: ENDPOINTS }, (_, i) => i);
  const lines = all.map((i) =>
    JSON.stringify({
      endpoint: { channel: "webhook", address: sinks[at(i)].url(`/${i}`) },
      ...{ topics: ["all"], confirmed: true, basis: "test" },
    }),
  );
  await call("POST", "/api/v1/subscriptions/import", lines.join("\n"), { "content-type": "application/x-ndjson" });
  for (const i of all) if (hangs(i)) sinks[at(i)].answer(`/${i}`, { fault: "hang" });
  const draft = await call("POST", "/api/v1/announcements", {
    ...{ title: "防电诈提醒", body: "请勿转账。", column: "notices", unitId: "town", urgency },
  });
  await call("POST", `/api/v1/announcements/${draft.id}/publish`, { contentHash: draft.contentHash });
  const well = all.filter((i) => !hangs(i)).length;
  const reached = () =>
    new Set(sinks.well.received.map(({ path }) => path).filter((path) => !hangs(Number(path.slice(1))))).size;
  await expect.poll(reached, { timeout: 12_000, interval: 50 }).toBe(well);
  await Promise.all([sinks.well.close(), sinks.dead.close()]);
  await platform.stop();
  await world.close();
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
