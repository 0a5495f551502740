import { describe, expect, it } from "vitest";
import { ledger } from "#src/domain/deliveries/ledger.ts";
import { deliveriesTo } from "#src/domain/deliveries/list.ts";
import { replay } from "#src/domain/deliveries/replay.ts";
import { retryDelivery } from "#src/domain/deliveries/retry-delivery.ts";
import { settleDelivery } from "#src/domain/deliveries/settle-delivery.ts";
import { sweep } from "#src/domain/deliveries/sweep.ts";
import { endpointKey } from "#src/domain/subscriptions/endpoint.ts";
import { findSubscription } from "#src/domain/subscriptions/store.ts";
import type { Item, Table, Write } from "#src/platform/table.ts";
import { pushWorld, type World } from "./push-world.ts";

const ID = "ann_00000000000000000000000001";
const hook = (i: number | string) => `https://example.org/${i}`;
const sum = (world: World, revision = 1) => ledger(world.deps, ID, revision);
const revisionsAt = (world: World, address: string) =>
  world.channels.webhook.seen.filter(({ target }) => target.address === address).map(({ revision }) => revision);

/** A table on which something happens right before a write that `when` tells. */
function onceBefore(table: Table, when: (writes: Write[]) => boolean, happens: () => Promise<unknown>): Table {
  let open = true;
  return {
    ...table,
    write: async (writes) => {
      if (open && when(writes)) {
        open = false;
        await happens();
      }
      return table.write(writes);
    },
  };
}

const puts = (part: string) => (writes: Write[]) =>
  writes.some((write) => "put" in write && write.put.sk.includes(part));

async function closed(world: World): Promise<void> {
  for (let minute = 0; minute < 6; minute++) {
    world.pass(70);
    await world.handlers().sweep();
    await world.drain();
  }
}

describe("what a worker that died may have sent", () => {
  /** The first text goes to one webhook whose worker dies before it can write the outcome down. */
  async function died(answers: "at once" | "on the second attempt") {
    let armed = true;
    const store = { unreadable: false };
    const world = pushWorld({
      wrap: ({ table, queue, channels }) => ({
        table: {
          ...table,
          get: async (key) => {
            if (store.unreadable && key.sk.startsWith("REVISION#")) throw new Error("unreadable");
            return table.get(key);
          },
          write: (writes) =>
            armed && writes.some((write) => "put" in write && /^d/.test(String(write.put["letters"])))
              ? new Promise<never>(() => {})
              : table.write(writes),
        },
        queue,
        channels,
      }),
    });
    await world.subscribe(hook("a"));
    world.channels.webhook.answer(({ attempt, revision }) =>
      attempt === 1 && revision === 1 && answers !== "at once"
        ? { kind: "retry", detail: "busy" }
        : { kind: "delivered", status: 200 },
    );
    await world.publish();
    if (answers !== "at once") {
      await world.drain();
      world.pass(7);
    }
    const seen = world.channels.webhook.seen.length;
    void world.drain();
    await expect.poll(() => world.channels.webhook.seen.length).toBe(seen + 1);
    await new Promise((go) => setTimeout(go, 50));
    armed = false;
    world.restart();
    return { world, store };
  }

  it("is withdrawn as well, when it was a further attempt", async () => {
    const { world } = await died("on the second attempt");
    await world.publish({ revision: 2, kind: "withdrawn", reason: "有误" });
    await closed(world);
    expect(revisionsAt(world, hook("a"))).toEqual([1, 1, 2]);
    expect(await sum(world)).toMatchObject({ unknown: 1, suppressed: 0 });
  });

  it("is still remembered after another worker gave the chunk back", async () => {
    const { world, store } = await died("at once");
    world.pass(100);
    // That one finds the chunk, and then the text cannot be read.
    store.unreadable = true;
    await world.handlers().sweep();
    await world.drain();
    store.unreadable = false;
    await world.publish({ revision: 2, kind: "withdrawn", reason: "有误" });
    await closed(world);
    expect(revisionsAt(world, hook("a"))).toEqual([1, 2]);
  });
});

describe("a push that nobody answered", () => {
  const silent = () =>
    pushWorld({ webhook: { retriesUnknown: true, retrySeconds: [600] }, wechaty: { retrySeconds: [600] } });

  it("is withdrawn as well, though it waits for its next attempt", async () => {
    const world = silent();
    await world.subscribe(hook("a"));
    world.channels.webhook.answer(({ revision }) =>
      revision === 1 ? { kind: "unknown", detail: "no answer" } : { kind: "delivered", status: 200 },
    );
    await world.publish();
    await world.drain();
    await world.publish({ revision: 2, kind: "withdrawn", reason: "有误" });
    await closed(world);
    expect(revisionsAt(world, hook("a"))).toEqual([1, 2]);
  });

  it("is withdrawn as well, though its later attempts failed", async () => {
    const world = silent();
    await world.subscribe(hook("a"));
    world.channels.webhook.answer(({ revision, attempt }) => {
      if (revision === 2) return { kind: "delivered", status: 200 };
      return attempt === 1 ? { kind: "unknown", detail: "no answer" } : { kind: "rejected", status: 400, detail: "no" };
    });
    await world.publish();
    await world.drain();
    await world.live(800, 60);
    expect(await sum(world)).toMatchObject({ failed: 1 });
    await world.publish({ revision: 2, kind: "withdrawn", reason: "有误" });
    await closed(world);
    expect(revisionsAt(world, hook("a"))).toEqual([1, 1, 2]);
  });

  it("is withdrawn as well, though a receipt denies a later message", async () => {
    const world = pushWorld({ email: { guarantee: "at-least-once", retriesUnknown: true, retrySeconds: [600] } });
    await world.subscribe("a@example.org", { channel: "email" });
    world.channels.email.answer(({ attempt, revision }) => {
      if (attempt === 1 && revision === 1) return { kind: "unknown", detail: "no answer" };
      return { kind: "accepted", status: 250, receipt: `r${revision}` };
    });
    await world.publish();
    await world.drain();
    await world.live(800, 60);
    await world.handlers().receipt({ channel: "email", receipt: "r1", outcome: "failed" });
    expect(await sum(world)).toMatchObject({ failed: 1 });
    await world.publish({ revision: 2, kind: "withdrawn", reason: "有误" });
    await closed(world);
    expect(world.channels.email.seen.map(({ revision }) => revision)).toEqual([1, 1, 2]);
  });

  it("is unknown when the channel broke down in the middle of it", async () => {
    const world = pushWorld({ webhook: { retriesUnknown: true, retrySeconds: [] } });
    await world.subscribe(hook("a"));
    world.channels.webhook.answer(() => {
      throw new Error("broke");
    });
    await world.publish();
    await world.drain();
    expect(await sum(world)).toMatchObject({ unknown: 1, failed: 0 });
  });

  it("counts against an endpoint that never answers anything: after five days it is switched off", async () => {
    const world = pushWorld({ webhook: { retriesUnknown: true } });
    const subscription = await world.subscribe(hook("hangs"));
    world.channels.webhook.answer(() => ({ kind: "unknown", detail: "no answer" }));
    for (let day = 1; day <= 6; day++) {
      await world.publish({ announcementId: `ann_0000000000000000000000000${day}` });
      await world.live(86_400, 300);
    }
    expect((await findSubscription(world.platform.table, subscription.id))?.status).toBe("switched-off");
  });
});

describe("two hands on one delivery", () => {
  it("a worker that slept through its lease does not take a person's word for its own", async () => {
    const world = pushWorld({ wechaty: { limits: { ...limits, chunk: 2, inFlight: 1 } } });
    await world.subscribe("room:1", { channel: "wechaty" });
    await world.subscribe("room:2", { channel: "wechaty" });
    const [first, second] = ["room:1", "room:2"].sort((a, b) =>
      endpointKey("wechaty", a) < endpointKey("wechaty", b) ? -1 : 1,
    );
    world.channels.wechaty.answer(async ({ target }) => {
      if (target.address === first) return { kind: "unknown", detail: "no id" };
      // The worker sleeps; meanwhile a person settles the first push.
      world.pass(200);
      const id = `${ID}.1.${endpointKey("wechaty", first ?? "")}`;
      await settleDelivery(world.deps, id, { state: "delivered", reason: "seen", by: "tok_1" });
      // It wakes up, and stores what it thinks is its own.
      await new Promise((go) => setTimeout(go, 1300));
      return { kind: "retry", detail: "busy" };
    });
    await world.publish();
    await world.drain();
    const rows = await Promise.all(
      [first, second].map(async (address) => {
        const [row] = await deliveriesTo(world.deps, ID, 1, endpointKey("wechaty", address ?? ""));
        return row?.state;
      }),
    );
    expect(rows[0]).toBe("delivered");
    await closed(world);
    expect(await sum(world)).toMatchObject({ closed: true, delivered: 1, unknown: 1 });
  });

  it("a second sweep does not bring back what a worker has just written", async () => {
    const world = pushWorld({ webhook: { retrySeconds: [60] } });
    await world.subscribe(hook("a"));
    let answered = () => {};
    const answer = new Promise<void>((go) => {
      answered = go;
    });
    world.channels.webhook.answer(async ({ attempt }) => {
      if (attempt === 1) return { kind: "retry", detail: "busy" };
      await answer;
      return { kind: "delivered", status: 200 };
    });
    await world.publish();
    await world.drain();
    world.pass(140);
    await world.handlers().sweep();
    const sending = world.drain();
    await expect.poll(() => world.channels.webhook.seen.length).toBe(2);
    world.pass(310);
    await world.handlers().sweep();
    world.pass(310);
    // The third sweep has read the row; before it writes, the worker is through.
    const table = onceBefore(world.platform.table, puts("DELIVERY#"), async () => {
      answered();
      await sending;
    });
    await sweep({ ...world.deps, table });
    const [row] = await deliveriesTo(world.deps, ID, 1, endpointKey("webhook", hook("a")));
    expect(row?.attempts.map(({ outcome }) => outcome)).toEqual(["retry", "delivered"]);
  });

  it("a fan-out is not closed with sums from before a person had something tried again", async () => {
    const world = pushWorld({ webhook: { retrySeconds: [] } });
    await world.subscribe(hook("a"));
    world.channels.webhook.answer(() => ({ kind: "retry", detail: "down" }));
    await world.publish();
    await world.drain();
    world.channels.webhook.answer(() => ({ kind: "delivered", status: 200 }));
    world.pass(70);
    const id = `${ID}.1.${endpointKey("webhook", hook("a"))}`;
    const table = onceBefore(world.platform.table, puts("FANOUT"), () => retryDelivery(world.deps, id));
    await sweep({ ...world.deps, table });
    await world.drain();
    await closed(world);
    expect(await sum(world)).toMatchObject({ closed: true, delivered: 1, failed: 0 });
  });

  it("somebody who joins late is not planned twice", async () => {
    const world = pushWorld();
    await world.publish();
    const late = await world.subscribe(hook("late"));
    await replay(world.deps, late.endpoint, new Date(world.now().getTime() - 1000));
    const queue = world.platform.queue("fanout");
    const messages = await queue.receive({ max: 10, waitSeconds: 0, visibleAfterSeconds: 60 });
    const isReplay = ({ body }: { body: unknown }) => JSON.stringify(body).includes("replay");
    const plan = messages.find((message) => !isReplay(message));
    const catchUp = messages.find(isReplay);
    if (!plan || !catchUp) throw new Error("no messages");
    // The catching up has looked for it and found nothing; then the plan is made.
    const { table } = world.platform;
    const get = table.get;
    table.get = async (key) => {
      if (key.sk.startsWith("REVISION#")) {
        table.get = get;
        await world.handlerOf("fanout")([plan]);
      }
      return get(key);
    };
    await world.handlerOf("fanout")([catchUp]);
    await queue.done([plan.receipt, catchUp.receipt]);
    await world.drain();
    expect(revisionsAt(world, hook("late"))).toEqual([1]);
    expect(await sum(world)).toMatchObject({ matched: 1, delivered: 1 });
  });
});

it("a receipt that was faster than the ledger is applied although the worker dies before it does so", async () => {
  const world = pushWorld();
  await world.subscribe("a@example.org", { channel: "email" });
  world.channels.email.answer(async () => {
    await world.handlers().receipt({ channel: "email", receipt: "fast", outcome: "failed" });
    return { kind: "accepted", receipt: "fast" };
  });
  const { table } = world.platform;
  const write = table.write;
  let dead = false;
  const get = table.get;
  table.write = async (writes) => {
    if (dead) return new Promise<never>(() => {});
    const result = await write(writes);
    const stored = writes.some((write) => "put" in write && write.put["letters"] === "a" && !("until" in write.put));
    if (stored) dead = true;
    return result;
  };
  table.get = (key) => (dead ? new Promise<never>(() => {}) : get(key));
  await world.publish();
  void world.drain();
  await expect.poll(() => dead).toBe(true);
  Object.assign(table, { write, get });
  world.restart();
  world.pass(30);
  await world.drain();
  expect(await sum(world)).toMatchObject({ failed: 1, delivered: 0 });
});

const limits = { inFlight: 4, inFlightPerOrigin: 4, bytes: 20_000, seconds: { connect: 5, answer: 15, total: 20 } };

describe("a planner that was taken for dead", () => {
  it("puts nobody into two chunks, although it goes on beside the next one", async () => {
    const addresses = Array.from({ length: 250 }, (_, i) => hook(i));
    const keyed = addresses.map((address) => endpointKey("webhook", address)).sort();
    // What it planned before somebody left: everybody behind has moved by one.
    const stale = (item: Item) => ({ ...item, members: `${keyed[199]}${String(item["members"])}` });
    const world = pushWorld({
      wrap: ({ table, ...ports }) => {
        let open = true;
        const write: Table["write"] = async (writes) => {
          const [first] = writes;
          if (open && first && "put" in first && first.put.sk.endsWith("webhook#000002")) {
            open = false;
            await table.write([{ ...first, put: stale(first.put) }]);
          }
          return table.write(writes);
        };
        return { ...ports, table: { ...table, write } };
      },
    });
    for (const address of addresses) await world.subscribe(address);
    await world.publish();
    await closed(world);
    const seen = world.channels.webhook.seen.map(({ target }) => target.address);
    expect([seen.length, new Set(seen).size]).toEqual([250, 250]);
    expect(await sum(world)).toMatchObject({ closed: true, delivered: 250, waiting: 0 });
  });
});
