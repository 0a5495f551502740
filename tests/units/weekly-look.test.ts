import { expect, it } from "vitest";
import { readRevision } from "#src/domain/announcements/store.ts";
import { weeklyLook } from "#src/domain/deliveries/weekly-look.ts";
import { endEndpoint } from "#src/domain/subscriptions/end-endpoint.ts";
import { derivedId } from "#src/ids.ts";
import { keys } from "#src/platform/keys.ts";
import type { Table } from "#src/platform/table.ts";
import { pushWorld, type World } from "./push-world.ts";

const deps = (world: World) => ({
  ...{ table: world.platform.table, now: world.now, baseUrl: "https://example.org" },
  hasUnit: async (id: string) => id === "center",
});
/** As the tick does it. */
async function look(world: World) {
  for (let i = 0; i < 8; i++) await Promise.all([weeklyLook(deps(world)), weeklyLook(deps(world))]);
}
const told = (world: World, week: string) =>
  readRevision({ table: world.platform.table }, derivedId("ann", "weekly-look", week), 1);

it("tells the people on duty once a week, in one text, what ended and what can never match", async () => {
  const world = pushWorld();
  await look(world);
  expect(await told(world, "2026-03-02")).toBeUndefined();
  for (const because of ["gone", "bounced", "unsubscribed"] as const) {
    const one = await world.subscribe(`https://example.org/secret-${because}`);
    await endEndpoint(world.deps, one.endpoint, because);
  }
  const failing = await world.subscribe("https://example.org/secret-failing");
  world.pass(3 * 86_400);
  await endEndpoint(world.deps, failing.endpoint, "failing", "switched-off");
  await world.subscribe("https://example.org/a", { topics: ["column:abolished", "unit:center"] });
  await world.subscribe("https://example.org/b", { topics: [{ all: ["column:notices", "unit:nobody"] }, "tag:停水"] });
  for (let i = 0; i < 1200; i++) await world.subscribe(`https://example.org/many-${i}`);
  await world.subscribe("https://example.org/duty", { topics: ["duty"] });
  await look(world);
  expect(await told(world, "2026-03-02")).toBeUndefined();
  world.pass(4 * 86_400 - 2 * 3600);
  await look(world);
  expect(await told(world, "2026-03-09")).toBeUndefined(); // Monday, eight o'clock
  world.pass(3600);
  await look(world);
  const revision = await told(world, "2026-03-09");
  expect(revision).toMatchObject({ audience: { kind: "internal", topics: ["duty"], endpoints: [] } });
  const body = revision?.content.body ?? "";
  expect(revision?.content.summary).toBe("上周有4个接收端结束或停用，2个订阅主题不可能再匹配任何公告。");
  for (const text of ["地址已失效（gone）：1个", "被退回（bounced）：1个", "连续失败停用（failing）：1个"])
    expect(body).toContain(text);
  expect(body).toContain("`column:abolished`");
  expect(body).toContain("`unit:nobody`");
  expect(body).not.toContain("secret");
  expect(body).not.toContain("停水");
  world.pass(86_400);
  await look(world);
  world.pass(7 * 86_400);
  await look(world);
  expect((await told(world, "2026-03-16"))?.content.summary).toContain("0个接收端");
});

it("reads the list of those who left a page at a time, however many they are, and counts every one once", async () => {
  const world = pushWorld();
  const at = world.now().toISOString();
  const ended = Array.from({ length: 2300 }, (_, i) => `E${String(i).padStart(15, "0")}`);
  await world.platform.table.putAll(
    ended.map((endpoint, i) => ({
      ...keys.ended(endpoint),
      state: "ended",
      at,
      because: i % 2 ? "gone" : "unsubscribed",
    })),
  );
  world.pass(7 * 86_400);
  const reads: number[] = [];
  const table: Table = {
    ...world.platform.table,
    query: async (query) => {
      const page = await world.platform.table.query(query);
      if (query.pk === "ENDED") reads.push(page.items.length);
      return page;
    },
  };
  const calls: number[] = [];
  for (let i = 0; i < 6; i++) {
    reads.length = 0;
    await Promise.all([weeklyLook({ ...deps(world), table }), weeklyLook(deps(world))]);
    calls.push(reads.reduce((sum, items) => sum + items, 0));
  }
  expect(Math.max(...calls)).toBeLessThanOrEqual(1000);
  const { summary, body } = (await told(world, "2026-03-09"))?.content ?? {};
  expect(summary).toContain("上周有2300个接收端结束或停用");
  expect(body).toContain("地址已失效（gone）：1150个");
  expect(body).toContain("自行退订（unsubscribed）：1150个");
  expect(body?.match(/`E\d{15}`/g)).toHaveLength(60);
});
