import { expect, it } from "vitest";
import { readConfig } from "#src/config.ts";
import { ledger } from "#src/domain/deliveries/ledger.ts";
import { silentLog } from "#src/log.ts";
import { embeddedPlatform } from "#src/platform/embedded/platform.ts";
import { keyOf } from "#src/platform/limits.ts";
import { meter } from "#src/platform/meter.ts";
import type { Item, Table } from "#src/platform/table.ts";
import { makeWorld } from "#src/wiring.ts";
import { ADMIN, askOf } from "#tests/app.ts";
import { startWebhookSink, type WebhookSink } from "#tests/receivers/webhook-sink.ts";

const RECEIVERS = 5;
const HOUR_MS = 3_600_000;
const MONTH_HOURS = 31 * 24;

/** Passes everything on and keeps the newest state of what was put. */
function remembering(inner: Table, stored: Map<string, Item>): Table {
  const keep = (item: Item) => stored.set(`${item.pk} ${item.sk}`, item);
  return {
    ...inner,
    write: async (writes) => {
      const result = await inner.write(writes);
      if (!result.ok) return result;
      for (const write of writes) {
        const { pk, sk } = keyOf(write);
        if ("put" in write) keep(write.put);
        else if ("remove" in write) stored.delete(`${pk} ${sk}`);
      }
      return result;
    },
    putAll: async (items) => {
      await inner.putAll(items);
      for (const item of items) keep(item);
    },
  };
}

/** A whole house whose reads and writes are counted, with five webhooks and one announcement that all of them have. */
async function county(sink: WebhookSink) {
  let clock = Date.parse("2026-03-02T02:00:00.000Z");
  const now = () => new Date(clock);
  const platform = embeddedPlatform({ data: ":memory:", now, log: silentLog });
  const { counts, table: counted } = meter();
  const stored = new Map<string, Item>();
  const config = readConfig({ GAOSHI_ADMIN_TOKEN: ADMIN, GAOSHI_EGRESS_ALLOW: "127.0.0.0/8", GAOSHI_DATA: ":memory:" });
  const ports = { ...platform, table: counted(remembering(platform.table, stored)) };
  const world = await makeWorld(ports, { config, log: silentLog, now });
  platform.feed(world.handlers.dispatch);
  platform.consume("fanout", world.handlers.fanout, { concurrency: 1 });
  platform.consume("deliver-webhook", world.handlers.deliver.webhook, { concurrency: 1 });
  const ask = askOf(world.app);

  async function call(method: string, path: string, body?: unknown, headers: Record<string, string> = {}) {
    const answer = await ask(method, path, { token: ADMIN, headers, ...(body === undefined ? {} : { body }) });
    expect([path, answer.status < 300]).toEqual([path, true]);
    return answer;
  }

  /** Published, delivered, and a minute later closed. */
  async function publish(title: string): Promise<string> {
    const text = { title, body: "请勿转账。".repeat(20), column: "notices", unitId: "town", tags: ["反诈"] };
    const draft = (await call("POST", "/api/v1/announcements", text)).json() as { id: string; contentHash: string };
    await call("POST", `/api/v1/announcements/${draft.id}/publish`, { contentHash: draft.contentHash });
    for (let waiting = true; waiting; await new Promise((resolve) => setTimeout(resolve, 5))) {
      const balance = await ledger({ table: platform.table }, draft.id, 1);
      waiting = balance?.delivered !== RECEIVERS;
    }
    clock += 70_000;
    await world.handlers.tick();
    return draft.id;
  }

  await call("PUT", "/api/v1/units/town", { name: "测试单位" });
  const column = { name: "通知公告", kind: "notice", mayBreakQuietHours: false, approvals: 0 };
  await call("PUT", "/api/v1/columns/notices", column);
  const lines = Array.from({ length: RECEIVERS }, (_, i) =>
    JSON.stringify({
      endpoint: { channel: "webhook", address: sink.url(`/${i}`) },
      ...{ topics: ["all"], confirmed: true, basis: "test" },
    }),
  );
  await call("POST", "/api/v1/subscriptions/import", lines.join("\n"), { "content-type": "application/x-ndjson" });
  const id = await publish("防电诈提醒");

  return {
    call,
    publish,
    world,
    id,
    /** The same announcement so many times in the years before. */
    age: async (times: number) => {
      expect(await ports.table.get({ pk: `FANOUT#${id}#000001`, sk: "FANOUT" })).toHaveProperty("closedAt");
      // A row that only speaks of it, such as how far the index has come, is there once.
      const items = [...stored.values()]
        .filter(({ pk, sk }) => `${pk} ${sk}`.includes(id))
        .map(({ feed: _, ...item }) => item);
      const text = JSON.stringify(items);
      for (let n = 1; n <= times; n++) {
        const back = (iso: string) => new Date(Date.parse(iso) - (MONTH_HOURS + n) * HOUR_MS).toISOString();
        const copy = text
          .replaceAll(id, `ann_${String(n).padStart(26, "0")}`)
          .replace(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z/g, back)
          .replace(/"FANOUTS#[\d-]+"/, `"FANOUTS#${back(now().toISOString()).slice(0, 10)}"`);
        await platform.table.putAll(JSON.parse(copy) as Item[]);
      }
    },
    spent: async (what: () => Promise<unknown>) => {
      const { readUnits, writeUnits } = counts;
      await what();
      return { reads: counts.readUnits - readUnits, writes: counts.writeUnits - writeUnits };
    },
    close: async () => {
      await platform.stop();
      await world.close();
    },
  };
}

it("reads and writes as much with a thousand old announcements as with sixty, whatever is asked, published or looked at", async () => {
  const sink = await startWebhookSink();
  const [young, old] = [await county(sink), await county(sink)];
  await young.age(60);
  await old.age(1000);
  const search = (q: string) => `/announcements?q=${encodeURIComponent(q)}`;
  const get = (path: (id: string) => string) => (house: typeof young) => house.call("GET", path(house.id));
  const all: [string, (house: typeof young) => Promise<unknown>][] = [
    ["front page", get(() => "/")],
    ["list", get(() => "/announcements")],
    ["column", get(() => "/columns/notices")],
    ["unit", get(() => "/units/town")],
    ["tag", get(() => `/tags/${encodeURIComponent("反诈")}`)],
    ["announcement", get((id) => `/announcements/${id}`)],
    ["a word that all have", get(() => search("提醒"))],
    ["a word that none has", get(() => search("龙卷风"))],
    ["letters that none has", get(() => search("wifi"))],
    ["two words, one of which none has", get(() => search("提醒 龙卷风"))],
    ["a word within a column", get(() => `/columns/notices?q=${encodeURIComponent("提醒")}`)],
    ["Atom", get(() => "/feed.atom")],
    ["RSS of a column", get(() => "/columns/notices/feed.rss")],
    ["JSON feed of a unit", get(() => "/units/town/feed.json")],
    ["API list", get(() => "/api/v1/announcements?column=notices&tag=%E5%8F%8D%E8%AF%88")],
    ["desk", get(() => "/api/v1/desk?limit=20")],
    ["ledger", get((id) => `/api/v1/announcements/${id}/ledger`)],
    ["deliveries", get((id) => `/api/v1/deliveries?announcement=${id}`)],
    ["status", get(() => "/api/v1/status")],
    ["tick", (house) => house.world.handlers.tick()],
    ["publication", (house) => house.publish("再次提醒")],
  ];
  for (const [what, act] of all) {
    const [few, many] = [await young.spent(() => act(young)), await old.spent(() => act(old))];
    expect(few.reads, what).toBeGreaterThan(0);
    expect(many.reads, what).toBeLessThanOrEqual(few.reads * 1.05 + 0.5);
    expect(many.writes, what).toBeLessThanOrEqual(few.writes);
  }
  for (const house of [young, old]) await house.close();
  await sink.close();
}, 60_000);
