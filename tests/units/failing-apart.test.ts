import { describe, expect, it } from "vitest";
import type { Outcome } from "#src/domain/deliveries/channel.ts";
import { ledger } from "#src/domain/deliveries/ledger.ts";
import { deliveriesTo } from "#src/domain/deliveries/list.ts";
import type { ChunkMessage } from "#src/domain/deliveries/message.ts";
import { membersOf } from "#src/domain/deliveries/store.ts";
import { endpointKey } from "#src/domain/subscriptions/endpoint.ts";
import { keys } from "#src/platform/keys.ts";
import type { QueueName } from "#src/platform/queue.ts";
import { atEveryCall, faulty, MODES, type Mode } from "./faulty-ports.ts";
import { notingRetries, type Ports, pushWorld, type Retried, type World } from "./push-world.ts";

const hook = (i: number) => `https://receiver-${i}.example.org/hook`;
const keyOf = (i: number) => endpointKey("webhook", hook(i));
const id = (n: number) => `ann_${String(n).padStart(26, "0")}`;
const SILENT: Outcome = { kind: "unknown", detail: "no answer" };
const isSilent = (address: string) => /receiver-\d*7\./.test(address);

type Sent = { queue: QueueName; message: ChunkMessage };

/** Notes what chunks were queued where. */
function noting(sent: Sent[]) {
  return ({ table, queue, channels }: Ports): Ports => ({
    table,
    channels,
    queue: (name) => {
      const inner = queue(name);
      return {
        ...inner,
        send: (messages) => {
          for (const { body } of messages)
            if ((body as ChunkMessage).kind === "chunk") sent.push({ queue: name, message: body as ChunkMessage });
          return inner.send(messages);
        },
      };
    },
  });
}

const members = (sent: Sent[], queue: QueueName) =>
  sent.filter((one) => one.queue === queue).flatMap(({ message }) => (message.chunk ? membersOf(message.chunk) : []));

/** Every receiver whose number ends in 7 has not answered for an hour. */
async function failing(world: World, endpoints: number): Promise<string[]> {
  for (let i = 0; i < endpoints; i++) await world.subscribe(hook(i));
  const silent = Array.from({ length: endpoints }, (_, i) => i).filter((i) => isSilent(hook(i)));
  const since = new Date(world.now().getTime() - 3_600_000).toISOString();
  for (const i of silent)
    await world.platform.table.write([
      { put: { ...keys.ended(keyOf(i)), state: "failing", since, lasting: false, version: 1 } },
    ]);
  return silent.map(keyOf).sort();
}

describe("receivers that keep failing", () => {
  it("share no call with those who answer, and everybody is pushed to once", async () => {
    const sent: Sent[] = [];
    const world = pushWorld({ wrap: noting(sent) });
    const silent = await failing(world, 1230);
    world.channels.webhook.answer(({ target }) =>
      isSilent(target.address) ? SILENT : { kind: "delivered", status: 200 },
    );
    await world.publish({ announcementId: id(1) });
    await world.drain();
    expect(members(sent, "deliver-late").toSorted()).toEqual(silent);
    expect(members(sent, "deliver-webhook")).toHaveLength(1230 - silent.length);
    // The most that share one call do.
    expect(sent.filter(({ queue }) => queue === "deliver-late").length).toBeLessThanOrEqual(4);
    const { seen } = world.channels.webhook;
    expect(new Set(seen.map(({ target }) => target.endpoint)).size).toBe(1230);
    expect(seen).toHaveLength(1230);
    const state = async (i: number) => (await deliveriesTo(world.deps, id(1), 1, keyOf(i)))[0]?.state;
    expect([await state(7), await state(8)]).toEqual(["unknown", "delivered"]);
    expect(await ledger(world.deps, id(1), 1)).toMatchObject({
      ...{ matched: 1230, delivered: 1230 - silent.length, unknown: silent.length, waiting: 0 },
    });
  });

  it("keep no slot from those who answer while they hang", async () => {
    const world = pushWorld();
    const silent = await failing(world, 1230);
    const hanging = Promise.withResolvers<Outcome>();
    world.channels.webhook.answer(({ target }) =>
      isSilent(target.address) ? hanging.promise : { kind: "delivered", status: 200 },
    );
    await world.publish({ announcementId: id(1) });
    const take = async (name: QueueName) =>
      world.platform.queue(name).receive({ max: 10, waitSeconds: 0, visibleAfterSeconds: 30 });
    for (const message of await take("fanout")) await world.handlers().fanout([message]);
    for (const message of await take("fanout")) await world.handlers().fanout([message]);
    const late = world.handlers().late(await take("deliver-late"));
    await expect.poll(() => world.channels.webhook.seen.length).toBe(16);
    const well = async () => {
      for (let messages = await take("deliver-webhook"); messages.length > 0; messages = await take("deliver-webhook"))
        await world.handlers().deliver("webhook")(messages);
    };
    await well();
    expect(world.channels.webhook.seen).toHaveLength(16 + 1230 - silent.length);
    hanging.resolve(SILENT);
    await late;
    expect(world.channels.webhook.seen).toHaveLength(1230);
  });

  it("are among the others again once they have answered", async () => {
    const sent: Sent[] = [];
    const world = pushWorld({ wrap: noting(sent) });
    await failing(world, 40);
    await world.publish({ announcementId: id(1) });
    await world.drain();
    expect(members(sent, "deliver-late")).toHaveLength(4);
    sent.length = 0;
    await world.publish({ announcementId: id(2) });
    await world.drain();
    expect(members(sent, "deliver-late")).toEqual([]);
    expect(members(sent, "deliver-webhook")).toHaveLength(40);
  });

  it("get an urgent text with the others, in a chunk of their own", async () => {
    const sent: Sent[] = [];
    const world = pushWorld({ wrap: noting(sent) });
    const silent = await failing(world, 40);
    await world.publish({ announcementId: id(1), content: { urgency: "urgent" } });
    await world.drain();
    expect(members(sent, "deliver-late")).toEqual([]);
    const chunks = sent.map(({ message }) => (message.chunk ? membersOf(message.chunk) : []));
    expect(chunks.map((chunk) => chunk.toSorted())).toContainEqual(silent);
    expect(world.channels.webhook.seen).toHaveLength(40);
  });

  it("that failed together are tried again together, in one message", async () => {
    const retried: Retried[] = [];
    const world = pushWorld({ wrap: notingRetries(retried), webhook: { retriesUnknown: true } });
    const silent = await failing(world, 400);
    world.channels.webhook.answer(({ target, attempt }) =>
      isSilent(target.address) && attempt < 4 ? SILENT : { kind: "delivered", status: 200 },
    );
    await world.publish({ announcementId: id(1) });
    await world.drain();
    expect(retried.map(({ endpoints }) => endpoints.length)).toEqual([silent.length]);
    await world.live(3600, 5);
    expect(retried.map(({ endpoints }) => endpoints.length)).toEqual([silent.length, silent.length, silent.length]);
    expect(await ledger(world.deps, id(1), 1)).toMatchObject({ delivered: 400, waiting: 0 });
  });
});

describe("receivers that hang at this moment", () => {
  it("keep no slot of the next announcement from those who answer, though nobody knows them for failing yet", async () => {
    const world = pushWorld();
    const all = 100;
    for (let i = 0; i < all; i++) await world.subscribe(hook(i));
    const hangs = (address: string) => /receiver-\d*[1-3]\./.test(address); // 30 of them; 64 are in flight at most
    const wells = Array.from({ length: all }, (_, i) => hook(i)).filter((address) => !hangs(address));
    const hanging = Promise.withResolvers<Outcome>();
    world.channels.webhook.answer(({ target }) =>
      hangs(target.address) ? hanging.promise : { kind: "delivered", status: 200 },
    );
    const reached = () => world.channels.webhook.seen.filter(({ target }) => !hangs(target.address)).length;
    const working: Promise<unknown>[] = [];
    const announce = async (n: number, meant = n * wells.length) => {
      await world.publish({ announcementId: id(n) });
      const take = (name: QueueName) =>
        world.platform.queue(name).receive({ max: 10, waitSeconds: 0, visibleAfterSeconds: 30 });
      for (let plans = await take("fanout"); plans.length > 0; plans = await take("fanout"))
        for (const plan of plans) await world.handlers().fanout([plan]);
      working.push(world.handlers().deliver("webhook")(await take("deliver-webhook")));
      await expect.poll(reached).toBe(meant);
    };
    await announce(1);
    world.pass(2);
    await new Promise((look) => setTimeout(look, 1300));
    await announce(2);
    hanging.resolve(SILENT);
    await Promise.all(working);
    expect(world.channels.webhook.seen).toHaveLength(2 * all);

    // Who was silent is kept apart for a while, and is one of the others again with its first answer.
    world.channels.webhook.answer(() => ({ kind: "delivered", status: 200 }));
    world.channels.webhook.seen.length = 0;
    await announce(3, wells.length);
    await Promise.all(working);
    expect(world.channels.webhook.seen).toHaveLength(all);
  });
});

describe("a planner that is cut off", () => {
  async function story(n: number, mode: Mode): Promise<boolean> {
    const fault = faulty(n, mode);
    let armed = false;
    const world = pushWorld({ wrap: (ports) => (armed ? fault.wrap(ports) : ports) });
    await failing(world, 38);
    await world.publish({ announcementId: id(1) });
    armed = true;
    world.restart();
    for (let steps = 0; steps < 12; steps++) {
      const end = await Promise.race([world.drain().catch(() => "failed"), fault.death()]);
      if (end === "died") world.restart();
      world.pass(62);
      // Whoever failed has answered meanwhile: the next planner sees other marks than the one before.
      if (steps === 0) await world.platform.table.write([{ remove: keys.ended(keyOf(7)) }]);
      const swept = await Promise.race([
        world
          .handlers()
          .sweep()
          .catch(() => "failed"),
        fault.death(),
      ]);
      if (swept === "died") world.restart();
    }
    const sum = await ledger({ table: world.platform.table }, id(1), 1);
    expect(sum).toMatchObject({ closed: true, matched: 38, delivered: 38 });
    const { seen } = world.channels.webhook;
    expect(new Set(seen.map(({ target }) => target.endpoint)).size).toBe(38);
    if (!fault.hit()) expect(seen).toHaveLength(38);
    await world.platform.stop();
    return fault.hit();
  }

  for (const mode of MODES)
    it(`counts and reaches everybody, those apart too, whichever call ${mode} its effect`, {
      timeout: 60_000,
    }, async () => {
      expect(await atEveryCall((n) => story(n, mode))).toBeGreaterThan(15);
    });
});
