import { expect, it } from "vitest";
import { readConfig } from "#src/config.ts";
import { silentLog } from "#src/log.ts";
import { embeddedPlatform } from "#src/platform/embedded/platform.ts";
import { makeWorld } from "#src/wiring.ts";
import { ADMIN, askOf } from "#tests/app.ts";
import { startWebhookSink } from "#tests/receivers/webhook-sink.ts";

it.each(["routine", "urgent"])(
  "who never answer take no worker from the others of a %s text: one is enough for four chunks with some of them each",
  async (urgency) => {
    const ENDPOINTS = 400;
    const sink = await startWebhookSink();
    const platform = embeddedPlatform({ data: ":memory:", now: () => new Date(), log: silentLog });
    const config = readConfig({
      GAOSHI_ADMIN_TOKEN: ADMIN,
      GAOSHI_EGRESS_ALLOW: "127.0.0.0/8",
      GAOSHI_DATA: ":memory:",
    });
    const world = await makeWorld(platform, { config, log: silentLog, now: () => new Date() });
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
    const lines = Array.from({ length: ENDPOINTS }, (_, i) =>
      JSON.stringify({
        endpoint: { channel: "webhook", address: sink.url(`/${i}`) },
        ...{ topics: ["all"], confirmed: true, basis: "test" },
      }),
    );
    await call("POST", "/api/v1/subscriptions/import", lines.join("\n"), { "content-type": "application/x-ndjson" });
    // Enough of them that each of the four chunks has some, wherever their keys put them.
    const hangs = (path: string) => Number(path.slice(1)) % 10 === 3;
    for (let i = 0; i < ENDPOINTS; i++) if (hangs(`/${i}`)) sink.answer(`/${i}`, { fault: "hang" });
    const draft = await call("POST", "/api/v1/announcements", {
      ...{ title: "防电诈提醒", body: "请勿转账。", column: "notices", unitId: "town", urgency },
    });
    const began = performance.now();
    await call("POST", `/api/v1/announcements/${draft.id}/publish`, { contentHash: draft.contentHash });
    const reached = () => new Set(sink.received.filter(({ path }) => !hangs(path)).map(({ path }) => path)).size;
    // They are waited for 15 s; who is well behind them has it after about one second for each chunk.
    await expect.poll(reached, { timeout: 14_000, interval: 50 }).toBe(ENDPOINTS * 0.9);
    expect(performance.now() - began).toBeLessThan(12_000);
    await sink.close();
    await platform.stop();
    await world.close();
  },
  40_000,
);
