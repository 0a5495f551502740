import { describe, expect, it } from "vitest";
import { moveCanary } from "#src/domain/deliveries/canary.ts";
import { changeSetup, readSetup } from "#src/domain/deliveries/channel-settings.ts";
import { ledger } from "#src/domain/deliveries/ledger.ts";
import { deliveriesTo, listDeliveries } from "#src/domain/deliveries/list.ts";
import { applyReceipt } from "#src/domain/deliveries/receipts.ts";
import { replay } from "#src/domain/deliveries/replay.ts";
import { retryAll } from "#src/domain/deliveries/retry-all.ts";
import { retryDelivery } from "#src/domain/deliveries/retry-delivery.ts";
import { serviceStatus } from "#src/domain/deliveries/service-status.ts";
import { settleDelivery } from "#src/domain/deliveries/settle-delivery.ts";
import { findFanout } from "#src/domain/deliveries/store.ts";
import { endEndpoint } from "#src/domain/subscriptions/end-endpoint.ts";
import { endpointKey } from "#src/domain/subscriptions/endpoint.ts";
import { importSubscriptions } from "#src/domain/subscriptions/import.ts";
import { unsubscribe } from "#src/domain/subscriptions/unsubscribe.ts";
import { pushWorld, type World } from "./push-world.ts";

const ID = "ann_00000000000000000000000001";
const sums = (world: World, revision = 1, id = ID) => ledger(world.deps, id, revision);

async function closed(world: World): Promise<void> {
  world.pass(70);
  await world.handlers().sweep();
  await world.drain();
  world.pass(130);
  await world.handlers().sweep();
}

async function rowTo(world: World, channel: string, address: string, id = ID) {
  return (await deliveriesTo(world.deps, id, 1, endpointKey(channel, address)))[0];
}

const balanced = (counts: Awaited<ReturnType<typeof sums>>) =>
  counts &&
  counts.matched ===
    counts.delivered + counts.suppressed + counts.failed + counts.unknown + counts.held + counts.waiting;

describe("a provider's receipt", () => {
  it("turns what was accepted into delivered, and keeps both words", async () => {
    const world = pushWorld();
    await world.subscribe("a@example.org", { channel: "email" });
    world.channels.email.answer(() => ({ kind: "accepted", status: 250, receipt: "<1@gs>" }));
    await world.publish();
    await world.drain();
    await world.handlers().receipt({ channel: "email", receipt: "<1@gs>", outcome: "delivered" });
    const row = await rowTo(world, "email", "a@example.org");
    expect(row).toMatchObject({ state: "delivered" });
    expect(row?.attempts).toMatchObject([
      { outcome: "accepted", status: 250, trigger: "plan" },
      { outcome: "delivered", trigger: "receipt" },
    ]);
  });

  it("turns what was accepted into failed, and the ledger still adds up and closes", async () => {
    const world = pushWorld();
    await world.subscribe("a@example.org", { channel: "email" });
    await world.subscribe("b@example.org", { channel: "email" });
    world.channels.email.answer(({ target }) => ({ kind: "accepted", receipt: target.address }));
    await world.publish();
    await world.drain();
    await closed(world);
    expect(await sums(world)).toMatchObject({ closed: true, delivered: 2 });
    await world.handlers().receipt({ channel: "email", receipt: "b@example.org", outcome: "failed", detail: "5.1.1" });
    expect(await sums(world)).toMatchObject({ delivered: 1, failed: 1, matched: 2 });
    await closed(world);
    expect(await sums(world)).toMatchObject({ closed: true, delivered: 1, failed: 1 });
    expect((await rowTo(world, "email", "b@example.org"))?.attempts.at(-1)).toMatchObject({ error: "5.1.1" });
  });

  it("may come twice, or contradict itself later: the first word stands", async () => {
    const world = pushWorld();
    await world.subscribe("a@example.org", { channel: "email" });
    world.channels.email.answer(() => ({ kind: "accepted", receipt: "r" }));
    await world.publish();
    await world.drain();
    for (const outcome of ["failed", "failed", "delivered"] as const)
      await world.handlers().receipt({ channel: "email", receipt: "r", outcome });
    const row = await rowTo(world, "email", "a@example.org");
    expect(row?.state).toBe("failed");
    expect(row?.attempts).toHaveLength(2);
  });

  it("that is faster than our own ledger is kept until that is written", async () => {
    const world = pushWorld();
    await world.subscribe("a@example.org", { channel: "email" });
    world.channels.email.answer(async () => {
      await applyReceipt(world.handlerDeps(), { channel: "email", receipt: "fast", outcome: "failed" });
      return { kind: "accepted", receipt: "fast" };
    });
    await world.publish();
    await world.drain();
    expect((await rowTo(world, "email", "a@example.org"))?.state).toBe("failed");
  });

  it("for a message that is not ours changes nothing", async () => {
    const world = pushWorld();
    await world.subscribe("a@example.org", { channel: "email" });
    await world.publish();
    await world.drain();
    await world.handlers().receipt({ channel: "email", receipt: "somebody else's", outcome: "failed" });
    expect(await sums(world)).toMatchObject({ delivered: 1, failed: 0 });
  });

  it("waits for the worker that has the chunk", async () => {
    const world = pushWorld();
    await world.subscribe("a@example.org", { channel: "email" });
    await world.subscribe("b@example.org", { channel: "email" });
    let sent = 0;
    world.channels.email.answer(async () => {
      if (++sent === 1) return { kind: "accepted", receipt: "one" };
      // The first of the two is noted and stored; its receipt comes while the second is still on its way.
      await new Promise((resolve) => setTimeout(resolve, 1300));
      await world.handlers().receipt({ channel: "email", receipt: "one", outcome: "failed" });
      return { kind: "accepted", receipt: "two" };
    });
    await world.publish();
    await world.drain();
    expect(await sums(world)).toMatchObject({ delivered: 2, failed: 0 });
    world.pass(6);
    await world.drain();
    expect(await sums(world)).toMatchObject({ delivered: 1, failed: 1 });
  });

  it("settles a push whose outcome nobody knew", async () => {
    const world = pushWorld();
    await world.subscribe("room:1", { channel: "wechaty" });
    world.channels.wechaty.answer(() => ({ kind: "unknown", detail: "no id", receipt: "m1" }));
    await world.publish();
    await world.drain();
    expect(await sums(world)).toMatchObject({ unknown: 1 });
    await world.handlers().receipt({ channel: "wechaty", receipt: "m1", outcome: "delivered" });
    expect(await sums(world)).toMatchObject({ unknown: 0, delivered: 1 });
  });
});

describe("a push of unknown outcome", () => {
  it("is settled by a person, with the reason and the person on record", async () => {
    const world = pushWorld();
    await world.subscribe("room:1", { channel: "wechaty" });
    world.channels.wechaty.answer(() => ({ kind: "unknown", detail: "no id" }));
    await world.publish();
    await world.drain();
    await closed(world);
    const id = `${ID}.1.${endpointKey("wechaty", "room:1")}`;
    const finding = { state: "delivered", reason: "群里看到了", by: "tok_1" } as const;
    expect(await settleDelivery(world.deps, id, finding)).toMatchObject({ state: "delivered" });
    expect((await rowTo(world, "wechaty", "room:1"))?.attempts.at(-1)).toMatchObject({
      trigger: "person",
      note: "群里看到了",
      by: "tok_1",
    });
    await expect(settleDelivery(world.deps, id, finding)).rejects.toMatchObject({ code: "STATE" });
    await closed(world);
    expect(await sums(world)).toMatchObject({ closed: true, delivered: 1, unknown: 0 });
  });
});

describe("a finding about a push while others of its chunk are being sent", () => {
  /** `meanwhile` is called while the second of two is on its way, and the first one's outcome is stored as unknown. */
  async function settledMeanwhile(meanwhile: (world: World, id: string) => Promise<void>) {
    const world = pushWorld();
    await world.subscribe("room:1", { channel: "wechaty" });
    await world.subscribe("room:2", { channel: "wechaty" });
    let first = "";
    world.channels.wechaty.answer(async ({ target, deliveryId }) => {
      if (first === "") first = target.address;
      if (target.address === first) return { kind: "unknown", detail: "no id" };
      await new Promise((resolve) => setTimeout(resolve, 1300));
      await meanwhile(world, deliveryId.replace(endpointKey("wechaty", target.address), endpointKey("wechaty", first)));
      return { kind: "delivered" };
    });
    await world.publish();
    await world.drain();
    return { world, row: () => rowTo(world, "wechaty", first) };
  }
  const finding = { state: "delivered", reason: "群里看到了", by: "tok_1", byName: "王编辑" } as const;

  it("is kept, and entered when they are done, once", async () => {
    const { world, row } = await settledMeanwhile(async ({ deps }, id) => {
      for (let i = 0; i < 2; i++)
        expect(await settleDelivery(deps, id, finding)).toMatchObject({ state: "unknown", afterChunk: true });
    });
    expect(await row()).toMatchObject({ state: "unknown" });
    world.pass(3);
    await world.drain();
    expect((await row())?.attempts).toMatchObject([
      { outcome: "unknown" },
      { outcome: "delivered", trigger: "person", note: "群里看到了", by: "tok_1", byName: "王编辑" },
    ]);
    await closed(world);
    expect(await sums(world)).toMatchObject({ closed: true, delivered: 2, unknown: 0 });
  });

  it("is refused to all but one of those who settle the same push in the same moment", async () => {
    const { world, row } = await settledMeanwhile(async () => {});
    const id = (await row())?.id ?? "";
    const findings = (["delivered", "failed", "failed", "delivered"] as const).map((state) => ({ ...finding, state }));
    const answers = await Promise.allSettled(findings.map((one) => settleDelivery(world.deps, id, one)));
    const refused = answers.filter(({ status }) => status === "rejected");
    expect(refused).toMatchObject(Array(3).fill({ reason: { kind: "conflict", code: "STATE" } }));
    const [taken] = answers.flatMap((answer) => (answer.status === "fulfilled" ? [answer.value] : []));
    expect(taken?.afterChunk).toBeUndefined();
    expect(await row()).toMatchObject({ state: taken?.state, attempts: [{}, { trigger: "person" }] });
  });

  it("is of no more use once it was tried again", async () => {
    const { world, row } = await settledMeanwhile(async ({ deps }, id) => {
      await settleDelivery(deps, id, { ...finding, state: "failed" });
    });
    world.channels.wechaty.answer(() => ({ kind: "unknown", detail: "no id again" }));
    await retryDelivery(world.deps, (await row())?.id ?? "");
    await world.drain();
    expect(await row()).toMatchObject({ state: "unknown", attempts: [{}, {}] });
    world.pass(3);
    await world.drain();
    expect(await row()).toMatchObject({ state: "unknown", attempts: [{ trigger: "plan" }, { trigger: "person" }] });
  });
});

describe("everything that failed", () => {
  it("is tried again at once when an editor says so, and only that", async () => {
    const world = pushWorld({ webhook: { retrySeconds: [] } });
    for (let i = 0; i < 130; i++) await world.subscribe(`https://r${i}.example.org/`);
    world.channels.webhook.answer(({ target }) =>
      /r\d*7\./.test(target.address) ? { kind: "retry", status: 500, detail: "500" } : { kind: "delivered" },
    );
    await world.publish();
    await world.drain();
    expect(await sums(world)).toMatchObject({ failed: 13, delivered: 117 });
    await closed(world);
    world.channels.webhook.seen.length = 0;
    world.channels.webhook.answer(() => ({ kind: "delivered" }));
    expect(await retryAll(world.deps, ID, 1, "failed")).toMatchObject({ deliveries: 13 });
    await world.drain();
    expect(world.channels.webhook.seen).toHaveLength(13);
    await closed(world);
    expect(await sums(world)).toMatchObject({ closed: true, delivered: 130, failed: 0 });
  });

  it("leaves out whose subscription has ended, and says how many those are", async () => {
    const world = pushWorld({ webhook: { retrySeconds: [] } });
    for (let i = 0; i < 130; i++) await world.subscribe(`https://r${i}.example.org/`);
    world.channels.webhook.answer(({ target }) => {
      if (/r\d*7\./.test(target.address)) return { kind: "retry", status: 500, detail: "500" };
      return /r\d*9\./.test(target.address) ? { kind: "gone", status: 410, detail: "410" } : { kind: "delivered" };
    });
    await world.publish();
    await world.drain();
    await closed(world);
    await endEndpoint(world.deps, endpointKey("webhook", "https://r7.example.org/"), "unsubscribed");
    world.channels.webhook.seen.length = 0;
    world.channels.webhook.answer(() => ({ kind: "delivered" }));
    expect(await retryAll(world.deps, ID, 1, "failed")).toMatchObject({
      ...{ deliveries: 12, leftOut: { ended: 14, servedInstead: 0 }, unchecked: 0 },
    });
    await world.drain();
    await closed(world);
    expect(world.channels.webhook.seen).toHaveLength(12);
    expect(await sums(world)).toMatchObject({ closed: true, delivered: 116, failed: 14, suppressed: 0 });
    const asked = await retryAll(world.deps, ID, 1, "failed");
    expect(asked).toMatchObject({ deliveries: 0, leftOut: { ended: 14 } });
    await world.drain();
    expect(world.channels.webhook.seen).toHaveLength(12);
  });

  it("is counted as far as somebody waits for, and left out all the same", async () => {
    const world = pushWorld({ webhook: { retrySeconds: [] } });
    for (let i = 0; i < 2100; i++) await world.subscribe(`https://r${i}.example.org/`);
    world.channels.webhook.answer(() => ({ kind: "gone", status: 410, detail: "410" }));
    await world.publish();
    await world.drain();
    expect(await retryAll(world.deps, ID, 1, "failed")).toMatchObject({
      ...{ deliveries: 100, leftOut: { ended: 2000 }, unchecked: 100 },
    });
    await world.drain();
    expect(await sums(world)).toMatchObject({ failed: 2100, suppressed: 0 });
    expect(world.channels.webhook.seen).toHaveLength(2100);
  }, 60_000);

  it("is not tried again once a newer text is out", async () => {
    const world = pushWorld({ webhook: { retrySeconds: [] } });
    await world.subscribe("https://a.example.org/");
    world.channels.webhook.answer(() => ({ kind: "rejected", detail: "no" }));
    await world.publish();
    await world.drain();
    await world.publish({ revision: 2, kind: "corrected" });
    await expect(retryAll(world.deps, ID, 1, "failed")).rejects.toMatchObject({ code: "SUPERSEDED" });
  });

  it("is tried again exactly once each when the worker dies at any moment", async () => {
    for (let dies = 1; ; dies++) {
      let calls = 0;
      let armed = false;
      const world = pushWorld({
        webhook: { retrySeconds: [] },
        wrap: ({ table, queue, channels }) => ({
          table: {
            ...table,
            write: async (writes) => {
              if (armed && ++calls === dies) {
                armed = false;
                throw new Error("killed");
              }
              return table.write(writes);
            },
          },
          queue,
          channels,
        }),
      });
      for (let i = 0; i < 12; i++) await world.subscribe(`https://r${i}.example.org/`);
      world.channels.webhook.answer(() => ({ kind: "retry", status: 500, detail: "500" }));
      await world.publish();
      await world.drain();
      world.channels.webhook.answer(() => ({ kind: "delivered" }));
      world.channels.webhook.seen.length = 0;
      await retryAll(world.deps, ID, 1, "failed");
      armed = true;
      await world.drain();
      const struck = !armed;
      armed = false;
      world.pass(400);
      await world.drain();
      await world.live(300, 60);
      const counts = await sums(world);
      expect(counts).toMatchObject({ matched: 12, delivered: 12 });
      expect(new Set(world.channels.webhook.seen.map(({ deliveryId }) => deliveryId)).size).toBe(12);
      if (!struck) break;
      expect(dies).toBeLessThan(40);
    }
  }, 60_000);
});

describe("an endpoint that missed something", () => {
  const since = (world: World, seconds: number) => new Date(world.now().getTime() - seconds * 1000);
  const second = "ann_00000000000000000000000002";

  it("gets what failed and what was published before it came, and nothing twice", async () => {
    const world = pushWorld({ webhook: { retrySeconds: [] } });
    const a = await world.subscribe("https://a.example.org/");
    await world.subscribe("https://b.example.org/");
    await world.publish();
    await world.drain();
    world.channels.webhook.answer(({ target }) =>
      target.address.includes("//a.") ? { kind: "rejected", detail: "no" } : { kind: "delivered" },
    );
    await world.publish({ announcementId: second });
    await world.drain();
    const late = await world.subscribe("https://late.example.org/");
    world.channels.webhook.answer(() => ({ kind: "delivered" }));
    world.channels.webhook.seen.length = 0;
    await replay(world.deps, a.endpoint, since(world, 3600));
    await replay(world.deps, late.endpoint, since(world, 3600));
    await world.drain();
    expect(world.channels.webhook.seen.map(({ deliveryId }) => deliveryId).sort()).toEqual(
      [`${ID}.1.${late.endpoint}`, `${second}.1.${a.endpoint}`, `${second}.1.${late.endpoint}`].sort(),
    );
    await replay(world.deps, late.endpoint, since(world, 3600));
    await world.drain();
    expect(world.channels.webhook.seen).toHaveLength(3);
    await closed(world);
    expect(await sums(world)).toMatchObject({ closed: true, matched: 3, delivered: 3 });
    expect(await sums(world, 1, second)).toMatchObject({ closed: true, matched: 3, delivered: 3, failed: 0 });
  });

  it("joins a fan-out that met nobody at all", async () => {
    const world = pushWorld();
    await world.publish();
    await world.drain();
    const late = await world.subscribe("https://late.example.org/");
    await replay(world.deps, late.endpoint, since(world, 60));
    await world.drain();
    await closed(world);
    expect(await sums(world)).toMatchObject({ closed: true, matched: 1, delivered: 1 });
    expect(await rowTo(world, "webhook", "https://late.example.org/")).toMatchObject({ state: "delivered" });
    await world.publish({ revision: 2, kind: "withdrawn", reason: "有误" });
    await world.live(60, 5);
    expect(await sums(world, 2)).toMatchObject({ matched: 1, delivered: 1 });
  });

  it("hears of the withdrawal of what it missed, and is listed, also behind everybody who was there before", async () => {
    const world = pushWorld();
    await world.subscribe("https://a.example.org/");
    await world.publish();
    await world.drain();
    const late = await Promise.all([1, 2, 3, 4, 5, 6].map((i) => world.subscribe(`https://late${i}.example.org/`)));
    for (const { endpoint } of late) await replay(world.deps, endpoint, since(world, 60));
    await world.drain();
    await closed(world);
    const fanout = await findFanout(world.deps.table, ID, 1);
    const listed: string[] = [];
    for (let after: string | undefined; fanout; ) {
      const page = await listDeliveries(world.deps, fanout, { limit: 2, ...(after === undefined ? {} : { after }) });
      listed.push(...page.items.map(({ endpoint }) => endpoint));
      if (page.next === undefined) break;
      after = page.next;
    }
    expect(listed).toHaveLength(7);
    await world.publish({ revision: 2, kind: "withdrawn", reason: "有误" });
    await world.live(60, 5);
    expect(await sums(world, 2)).toMatchObject({ matched: 7, delivered: 7 });
  });

  it("gets nothing on topics it does not want, of older texts, or from before the moment", async () => {
    const world = pushWorld();
    await world.publish();
    await world.drain();
    world.pass(100);
    const other = await world.subscribe("https://o.example.org/", { topics: ["column:other"] });
    const late = await world.subscribe("https://late.example.org/");
    await replay(world.deps, other.endpoint, since(world, 3600));
    await replay(world.deps, late.endpoint, since(world, 50));
    await world.drain();
    expect(world.channels.webhook.seen).toEqual([]);
    await expect(replay(world.deps, late.endpoint, since(world, 40 * 86_400))).rejects.toMatchObject({
      kind: "invalid",
    });
    await expect(replay(world.deps, "unknown-endpoint", since(world, 5))).rejects.toMatchObject({ code: "STATE" });
  });

  it("adds up at every moment while many join late", async () => {
    const world = pushWorld();
    for (let i = 0; i < 250; i++) await world.subscribe(`https://r${i}.example.org/`);
    await world.publish();
    await world.drain();
    const late = [];
    for (let i = 0; i < 40; i++) late.push(await world.subscribe(`https://late${i}.example.org/`));
    for (const { endpoint } of late) await replay(world.deps, endpoint, since(world, 60));
    while ((await world.round()) > 0) expect(balanced(await sums(world))).toBe(true);
    await closed(world);
    expect(await sums(world)).toMatchObject({ closed: true, matched: 290, delivered: 290 });
    expect(world.channels.webhook.seen).toHaveLength(290);
  });
});

describe("the status of the service", () => {
  it("is a recount of the ledgers: shares within 10 and 60 seconds, what waits, what is switched off", async () => {
    const world = pushWorld({ webhook: { retrySeconds: [30, 3600] } });
    for (let i = 0; i < 10; i++) await world.subscribe(`https://r${i}.example.org/`);
    world.channels.webhook.answer(({ target, attempt }) =>
      target.address.includes("r9.") || (target.address.includes("r8.") && attempt === 1)
        ? { kind: "retry", status: 503, detail: "503" }
        : { kind: "delivered", status: 200 },
    );
    await world.publish();
    await world.drain();
    await world.live(50, 5);
    const read = async () => {
      const status = await serviceStatus({ ...world.deps, settings: async () => undefined });
      return status.channels.find(({ name }) => name === "webhook");
    };
    expect(await read()).toMatchObject({
      matched: 10,
      delivered: 9,
      waiting: 1,
      within10s: 8,
      within60s: 9,
      oldestWaitingAt: "2026-03-02T02:00:00.000Z",
    });
    world.channels.webhook.answer(() => ({ kind: "delivered", status: 200 }));
    await world.live(7200, 60);
    const status = await read();
    expect(status).toMatchObject({ delivered: 10, waiting: 0, within10s: 8, within60s: 9, shareWithin60s: 0.9 });
    expect(status?.oldestWaitingAt).toBeUndefined();
  });

  it("shows how fast the canary had the text", async () => {
    const world = pushWorld();
    const address = "https://canary.example.org/";
    await changeSetup(world.deps, world.channels.webhook, { canary: address }, undefined);
    const to = (await readSetup(world.deps.table, "webhook"))?.canary;
    await moveCanary(world.deps, world.channels.webhook, { from: undefined, to, by: "tok_1" });
    await moveCanary(world.deps, world.channels.webhook, { from: undefined, to, by: "tok_1" });
    world.channels.webhook.answer(() => {
      world.pass(2);
      return { kind: "delivered", status: 200 };
    });
    const settings = (name: "webhook") => readSetup(world.deps.table, name);
    const read = async () => (await serviceStatus({ ...world.deps, settings: settings as never })).channels;
    const [before] = await read();
    expect(before).toMatchObject({ name: "webhook", canary: { announcements: 0, lastMs: null } });
    await world.publish();
    await world.drain();
    await closed(world);
    expect((await read()).find(({ name }) => name === "webhook")?.canary).toEqual({
      announcements: 1,
      within10s: 1,
      within60s: 1,
      lastMs: 2000,
    });
    await moveCanary(world.deps, world.channels.webhook, { from: address, to: undefined, by: "tok_1" });
    world.channels.webhook.seen.length = 0;
    await world.publish({ announcementId: "ann_00000000000000000000000002" });
    await world.drain();
    expect(world.channels.webhook.seen).toEqual([]);
  });

  it("counts a text that the canary has not got after a minute as late, while it is still tried and afterwards", async () => {
    const world = pushWorld();
    const to = "https://canary.example.org/";
    await changeSetup(world.deps, world.channels.webhook, { canary: to }, undefined);
    await moveCanary(world.deps, world.channels.webhook, { from: undefined, to, by: "tok_1" });
    const settings = (name: "webhook") => readSetup(world.deps.table, name);
    world.deps.settings = settings as never;
    world.restart();
    const canary = async () =>
      (await serviceStatus({ ...world.deps, settings: settings as never })).channels.find(
        ({ name }) => name === "webhook",
      )?.canary;
    world.channels.webhook.answer(() => ({ kind: "retry", status: 503, detail: "busy" }));
    await world.publish();
    await world.drain();
    expect(await canary()).toEqual({ announcements: 0, within10s: 0, within60s: 0, lastMs: null });
    world.pass(61);
    const late = { announcements: 1, within10s: 0, within60s: 0, lastMs: null };
    expect(await canary()).toEqual(late);
    world.channels.webhook.answer(() => ({ kind: "delivered", status: 200 }));
    await world.live(7200, 60);
    expect(await canary()).toEqual({ ...late, lastMs: expect.any(Number) });
    expect((await canary())?.lastMs).toBeGreaterThan(60_000);
  });
});

describe("the canary of a channel", () => {
  const [old, next] = ["https://old.example.org/", "https://new.example.org/"];
  const move = (world: World, from: string | undefined, to: string | undefined) =>
    moveCanary(world.deps, world.channels.webhook, { from, to, by: "tok_1" });
  const entered = (world: World, address: string) =>
    importSubscriptions(
      {
        ...world.deps,
        readLine: () => ({
          ...{ endpoint: { channel: "webhook", address }, topics: ["column:notices"], frequency: "now" },
          ...{ language: "zh-CN", confirmed: true, basis: "登记表" },
        }),
      },
      "one line",
      "tok_1",
    );

  it("leaves an address where somebody may be entered afterwards, for nobody left it", async () => {
    const world = pushWorld();
    await move(world, undefined, old);
    await move(world, old, next);
    await world.publish();
    await world.drain();
    expect(world.channels.webhook.seen.map(({ target }) => target.address)).toEqual([next]);
    expect(await entered(world, old)).toMatchObject({ accepted: 1, errors: [] });
    await world.publish({ announcementId: "ann_00000000000000000000000002" });
    await world.drain();
    expect(world.channels.webhook.seen.map(({ target }) => target.address).toSorted()).toEqual([next, next, old]);
  });

  it("that comes and goes where somebody had left does not make that forgotten", async () => {
    const world = pushWorld();
    await unsubscribe(world.deps, await world.subscribe(old));
    for (const [from, to] of [
      [undefined, old],
      [old, next],
    ] as const)
      await move(world, from, to);
    expect(await entered(world, old)).toMatchObject({ accepted: 0, errors: [{ code: "UNSUBSCRIBED" }] });
  });

  it("comes back to an address that it left", async () => {
    const world = pushWorld();
    for (const [from, to] of [
      [undefined, old],
      [old, next],
      [next, old],
    ] as const)
      await move(world, from, to);
    await world.publish();
    await world.drain();
    expect(world.channels.webhook.seen.map(({ target }) => target.address)).toEqual([old]);
  });
});
