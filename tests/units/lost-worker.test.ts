import { describe, expect, it } from "vitest";
import type { Outcome } from "#src/domain/deliveries/channel.ts";
import { ledger } from "#src/domain/deliveries/ledger.ts";
import { deliveriesTo } from "#src/domain/deliveries/list.ts";
import { endpointKey } from "#src/domain/subscriptions/endpoint.ts";
import { pushWorld, type World } from "./push-world.ts";

const ID = "ann_00000000000000000000000001";
const hook = (i: number | string) => `https://example.org/${i}`;
const never = () => new Promise<never>(() => {});
const delivered: Outcome = { kind: "delivered", status: 200 };
const withdrawn = { revision: 2, kind: "withdrawn", reason: "有误" } as const;

/** How often a push to each address began, of the first text or of the second. */
function pushes(world: World, channel: "webhook" | "wechaty", revision: number): Record<string, number> {
  const times: Record<string, number> = {};
  for (const one of world.channels[channel].seen)
    if (one.revision === revision) times[one.target.address] = (times[one.target.address] ?? 0) + 1;
  return times;
}

/** Works until that many pushes of the channel have begun, and dies there: what was not stored is lost. */
async function dieAt(world: World, channel: "webhook" | "wechaty", begun: number): Promise<void> {
  void world.drain();
  await expect.poll(() => world.channels[channel].seen.length).toBe(begun);
  await new Promise((go) => setTimeout(go, 30));
  world.restart();
}

async function minutes(world: World, count = 6): Promise<void> {
  for (let minute = 0; minute < count; minute++) {
    world.pass(70);
    await world.handlers().sweep();
    await world.drain();
  }
}

const attemptsAt = async (world: World, channel: "webhook" | "wechaty", address: string) =>
  (await deliveriesTo(world.deps, ID, 1, endpointKey(channel, address)))[0]?.attempts.map(
    ({ outcome, trigger, lost }) => `${trigger} ${lost ? "lost" : outcome}`,
  );

describe("the ledger of a text whose worker died", () => {
  it("says of whom it may have reached twice that it may have, and of nobody else", async () => {
    const world = pushWorld();
    for (const name of ["a", "b"]) await world.subscribe(hook(name));
    let hangs = true;
    world.channels.webhook.answer(() => (hangs ? never() : delivered));
    await world.publish();
    await dieAt(world, "webhook", 2);
    hangs = false;
    await world.subscribe(hook("c"));
    await world.publish({ announcementId: "ann_00000000000000000000000002" });
    await minutes(world);
    expect(pushes(world, "webhook", 1)).toEqual({ [hook("a")]: 3, [hook("b")]: 3, [hook("c")]: 1 });
    expect(await attemptsAt(world, "webhook", hook("a"))).toEqual(["plan lost", "plan delivered"]);
    expect(await ledger(world.deps, ID, 1)).toMatchObject({ matched: 2, delivered: 2, closed: true });
    const others = await deliveriesTo(
      world.deps,
      "ann_00000000000000000000000002",
      1,
      endpointKey("webhook", hook("a")),
    );
    expect(others[0]?.attempts).toHaveLength(1);
  });

  it("tells the channel under the same number again what may have been sent, and a further attempt under the next", async () => {
    const world = pushWorld();
    await world.subscribe(hook("a"));
    let answer: () => Outcome | Promise<Outcome> = never;
    world.channels.webhook.answer(() => answer());
    await world.publish();
    await dieAt(world, "webhook", 1);
    answer = () => ({ kind: "retry", status: 503, detail: "busy" });
    await minutes(world, 2);
    answer = () => delivered;
    await minutes(world);
    expect(world.channels.webhook.seen.map(({ attempt }) => attempt)).toEqual([1, 1, 2, 3]);
    expect(await attemptsAt(world, "webhook", hook("a"))).toEqual([
      "plan lost",
      "plan retry",
      "schedule retry",
      "schedule delivered",
    ]);
  });

  it("costs a day's allowance once, where the vendor says that it took the text before", async () => {
    const quotas = [{ per: "day", of: "credential", count: 3 }] as const;
    const world = pushWorld({ email: { credential: () => "the account", quotas: () => [...quotas] } });
    for (const name of ["a", "b", "c"]) await world.subscribe(`${name}@example.org`, { channel: "email" });
    let pushes = 0;
    world.channels.email.answer(() => ({ kind: "accepted", ...(pushes++ === 0 ? { spentBefore: true } : {}) }));
    await world.publish();
    await world.drain();
    await world.publish({ announcementId: "ann_00000000000000000000000002", content: { title: "二" } });
    await world.drain();
    // Four of six pushes in a day of three, because the first was spent the day before.
    expect(pushes).toBe(4);
  });

  it("says so, too, of a further attempt", async () => {
    const world = pushWorld();
    await world.subscribe(hook("a"));
    let answer: () => Outcome | Promise<Outcome> = () => ({ kind: "retry", status: 503, detail: "busy" });
    world.channels.webhook.answer(() => answer());
    await world.publish();
    await world.drain();
    answer = never;
    world.pass(7);
    await dieAt(world, "webhook", 2);
    answer = () => delivered;
    await minutes(world);
    expect(await attemptsAt(world, "webhook", hook("a"))).toEqual([
      "plan retry",
      "schedule lost",
      "schedule delivered",
    ]);
  });

  it("keeps the whole schedule for a receiver that refuses", async () => {
    const world = pushWorld();
    await world.subscribe(hook("a"));
    let hangs = true;
    world.channels.webhook.answer(() => (hangs ? never() : { kind: "retry", status: 503, detail: "busy" }));
    await world.publish();
    await dieAt(world, "webhook", 1);
    hangs = false;
    await world.live(2 * 86_400, 60);
    expect(await attemptsAt(world, "webhook", hook("a"))).toEqual([
      ...["plan lost", "plan retry"],
      ...Array(7).fill("schedule retry"),
    ]);
  });
});

describe("a withdrawal after a crash", () => {
  it("goes to no room that was not written down as about to be told", async () => {
    const world = pushWorld({
      wechaty: {
        limits: {
          inFlight: 1,
          inFlightPerOrigin: 1,
          bytes: 20_000,
          chunk: 20,
          seconds: { connect: 5, answer: 15, total: 20 },
        },
      },
    });
    for (let i = 0; i < 10; i++) await world.subscribe(`room:${i}`, { channel: "wechaty" });
    world.channels.wechaty.answer(() => (world.channels.wechaty.seen.length === 4 ? never() : delivered));
    await world.publish();
    await dieAt(world, "wechaty", 4);
    world.channels.wechaty.answer(() => delivered);
    await world.publish(withdrawn);
    await minutes(world);
    expect(Object.keys(pushes(world, "wechaty", 1))).toHaveLength(4);
    expect(pushes(world, "wechaty", 2)).toEqual(pushes(world, "wechaty", 1));
    expect(await ledger(world.deps, ID, 1)).toMatchObject({ delivered: 3, unknown: 1, suppressed: 6 });
  });

  it("does not go to who refused, and was not due again, when a worker died over others of the chunk", async () => {
    const world = pushWorld({ webhook: { retrySeconds: [5, 3600] } });
    for (const name of ["a", "b"]) await world.subscribe(hook(name));
    let answer: (address: string) => Outcome | Promise<Outcome> = () => ({ kind: "retry", status: 503, detail: "no" });
    world.channels.webhook.answer(({ target }) => answer(target.address));
    await world.publish();
    await world.drain();
    // The second time, one of them asks to be left alone for an hour, the other one for a moment.
    answer = (address) => ({
      kind: "retry",
      status: 503,
      detail: "no",
      ...(address === hook("a") ? { retryAfterSeconds: 200 } : {}),
    });
    world.pass(7);
    await world.drain();
    world.pass(300);
    answer = never;
    await dieAt(world, "webhook", 5);
    answer = () => delivered;
    await world.publish(withdrawn);
    await minutes(world);
    expect(pushes(world, "webhook", 2)).toEqual({ [hook("a")]: 1 });
    expect(await ledger(world.deps, ID, 1)).toMatchObject({ unknown: 1, suppressed: 1 });
  });

  it("goes to nobody whose chunk had to wait for others, though a thousand were planned", async () => {
    const world = pushWorld();
    for (let i = 0; i < 1000; i++) await world.subscribe(hook(i));
    world.channels.webhook.answer(never);
    await world.publish();
    await dieAt(world, "webhook", 32);
    world.channels.webhook.answer(() => delivered);
    await world.publish(withdrawn);
    await minutes(world);
    const told = Object.keys(pushes(world, "webhook", 2));
    expect(told).toEqual(expect.arrayContaining(Object.keys(pushes(world, "webhook", 1))));
    // In flight, as many as wait at most, and the rest of a chunk.
    expect(told.length).toBeLessThanOrEqual(32 + 128 + 100);
    expect(await ledger(world.deps, ID, 1)).toMatchObject({ unknown: told.length, suppressed: 1000 - told.length });
  });
});
