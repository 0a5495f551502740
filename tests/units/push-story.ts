import { expect, vi } from "vitest";
import type { Revision } from "#src/domain/announcements/announcement.ts";
import { revisionItem } from "#src/domain/announcements/store.ts";
import type { Channel, ChannelName, Outcome, Window } from "#src/domain/deliveries/channel.ts";
import { findMember } from "#src/domain/deliveries/find-member.ts";
import { deliveryHandlers } from "#src/domain/deliveries/handlers.ts";
import { type Ledger, ledger } from "#src/domain/deliveries/ledger.ts";
import { replay } from "#src/domain/deliveries/replay.ts";
import { retryAll } from "#src/domain/deliveries/retry-all.ts";
import { retryDelivery } from "#src/domain/deliveries/retry-delivery.ts";
import { settleDelivery } from "#src/domain/deliveries/settle-delivery.ts";
import { stateOf } from "#src/domain/deliveries/states.ts";
import { Delivery, deliveryKey, findFanout, findResult } from "#src/domain/deliveries/store.ts";
import { findSubscription } from "#src/domain/subscriptions/store.ts";
import type { Subscription } from "#src/domain/subscriptions/subscription.ts";
import { unsubscribe } from "#src/domain/subscriptions/unsubscribe.ts";
import { AppError } from "#src/errors.ts";
import { type Message, QUEUES, type QueueName } from "#src/platform/queue.ts";
import { type Ports, pushWorld, revisionOf, type Seen } from "./push-world.ts";
import { makeScheduler, type Pending, type Process, settled } from "./scheduler.ts";

// The house loads these when they are first needed. A story counts turns of the event loop, and none may wait for the disk.
await Promise.all([
  import("#src/domain/announcements/publish-direct.ts"),
  import("#src/domain/deliveries/alarm-paused.ts"),
  import("#src/domain/deliveries/alarm-switched-off.ts"),
  import("#src/domain/deliveries/ask-provider.ts"),
  import("#src/domain/deliveries/digest-outcome.ts"),
  import("#src/domain/deliveries/fan-out.ts"),
  import("#src/domain/deliveries/plan-fanout.ts"),
  import("#src/domain/deliveries/receipts.ts"),
  import("#src/domain/deliveries/send.ts"),
  import("#src/domain/deliveries/sweep.ts"),
  import("#src/domain/subscriptions/ask-endpoint.ts"),
]);

export const STEPS = [
  ...["go", "deliver", "deliver twice", "tell", "crash before", "crash after", "pass", "sweep", "correct", "withdraw"],
  ...["receipt", "leave", "join and replay", "retry", "retry all", "settle", "mood", "overtake"],
] as const;
export type Step = { kind: (typeof STEPS)[number]; n: number };

/** A fault in the fake layer, to show that the story notices it. */
export type Plant = (process: string, ports: Ports) => Ports;

const ID = "ann_00000000000000000000000001";
const PASSES = [1, 2, 6, 21, 45, 65, 130, 310];
const QUIET = { from: "09:55", to: "10:06" };
const SECONDS = { connect: 5, answer: 15, total: 20 };
/** From the acknowledgement of who leaves on: a push in flight may end, none begins once the marks are read again. */
const IN_FLIGHT_MS = 70_000;

type Mood = "well" | "busy" | "silent" | "silent and lost" | "refuses" | "throws";
const MOODS: Mood[] = ["well", "well", "busy", "silent", "silent and lost", "refuses", "throws"];

type Arrival = { endpoint: string; revision: number; id: string; at: number };

const name = (process: Process) => process.name;

/**
 * Two processes on one store, with receivers on four kinds of channel, and every port call let through one by one.
 * `steps` say what happens; then everything heals, and `end` holds the history against the ledger.
 */
export async function story(steps: readonly Step[], options: { plant?: Plant; log?: string[] } = {}): Promise<void> {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] });
  const world = pushWorld({
    webhook: channelLike({ guarantee: "at-least-once", chunk: 2, retriesUnknown: true }),
    wechaty: channelLike({ guarantee: "at-most-once", chunk: 2, inFlight: 1 }),
    email: channelLike({ guarantee: "at-least-once", chunk: 2, retriesUnknown: true }),
    dingtalk: { ...channelLike({ guarantee: "at-most-once", chunk: 3, inFlight: 1 }), ...oneRobot },
  });
  try {
    await play(world, steps, options);
  } finally {
    await world.platform.stop(0);
    vi.useRealTimers();
  }
}

const ROBOT: Window = { seconds: 60, count: 2 };
/** All its groups share one account, and that may send two messages a minute. */
const oneRobot: Partial<Channel> = {
  credential: () => "robot",
  limits: { inFlight: 1, inFlightPerOrigin: 1, windows: [ROBOT], bytes: 20_000, chunk: 3, seconds: SECONDS },
};

function channelLike(more: {
  guarantee: Channel["guarantee"];
  chunk: number;
  retriesUnknown?: boolean;
  inFlight?: number;
}): Partial<Channel> {
  const { guarantee, chunk, retriesUnknown = false, inFlight = 8 } = more;
  return {
    guarantee,
    retriesUnknown,
    retrySeconds: [5, 300],
    limits: { inFlight, inFlightPerOrigin: inFlight, bytes: 20_000, chunk, seconds: SECONDS },
  };
}

async function play(
  world: ReturnType<typeof pushWorld>,
  steps: readonly Step[],
  { plant, log = [] }: { plant?: Plant; log?: string[] },
): Promise<void> {
  const { table } = world.platform;
  const scheduler = makeScheduler(world.now);
  const start = world.now().getTime();
  const note = (text: string) =>
    log.push(`${((world.now().getTime() - start) / 1000).toFixed(0).padStart(5)} s  ${text}`);

  // The world outside.
  const arrivals: Arrival[] = [];
  const moods = new Map<string, Mood>();
  const receipts: { channel: ChannelName; receipt: string; id: string; outcome: "delivered" | "failed" }[] = [];
  const taken = new Set<string>();
  const subscriptions = new Map<string, Subscription>();
  const leftAt = new Map<string, number>();
  const leaving = new Set<string>();
  const byHand = new Map<string, number>();
  const unknowns = new Map<string, number>();
  const told = new Set<string>();
  let disturbances = 0;
  let newest = 1;
  let healing = false;

  const answer =
    (channel: ChannelName) =>
    (push: Seen): Outcome => {
      const { deliveryId: id, target, revision } = push;
      const mood = healing ? "well" : (moods.get(target.endpoint) ?? "well");
      const arrives = () => {
        arrivals.push({ endpoint: target.endpoint, revision, id, at: world.now().getTime() });
        note(`   arrives ${target.address} revision ${revision}`);
      };
      if (mood === "busy") return { kind: "retry", status: 503, detail: "busy" };
      if (mood === "refuses") return { kind: "rejected", status: 400, detail: "no" };
      if (mood === "silent" || mood === "silent and lost" || mood === "throws") {
        if (mood !== "silent and lost") arrives();
        unknowns.set(id, (unknowns.get(id) ?? 0) + 1);
        if (mood === "throws") throw new Error("thrown");
        return { kind: "unknown", detail: "no answer" };
      }
      arrives();
      if (channel !== "email") return { kind: "delivered", status: 200 };
      const receipt = `r${receipts.length}`;
      receipts.push({ channel, receipt, id, outcome: receipts.length % 3 === 2 ? "failed" : "delivered" });
      return { kind: "accepted", status: 250, receipt };
    };
  for (const channel of ["webhook", "wechaty", "email", "dingtalk"] as const)
    world.channels[channel].answer(answer(channel));
  const join = async (channel: ChannelName, address: string, more: Partial<Subscription> = {}) => {
    const subscription = await world.subscribe(address, { channel, ...more });
    subscriptions.set(subscription.endpoint, subscription);
    return subscription;
  };
  for (let i = 0; i < 4; i++) await join("webhook", `https://r${i}.example.org/`, i === 3 ? { quietHours: QUIET } : {});
  for (let i = 0; i < 3; i++) await join("wechaty", `room:${i}`);
  for (let i = 0; i < 2; i++) await join("email", `${i}@example.org`);
  for (let i = 0; i < 3; i++) await join("dingtalk", `robot:${i}`);
  const firstAudience = [...subscriptions.keys()];

  // The house: two processes, and what they were given to do.
  const begin = (title: string) => {
    const process: Process = { name: title, dead: false, tasks: new Set() };
    const plain: Ports = { table, queue: world.platform.queue, channels: world.channels };
    const ports = scheduler.portsOf(process, plant ? plant(title, plain) : plain);
    const deps = { ...world.handlerDeps(), ...ports, patienceMs: 0 };
    return { process, deps, handlers: deliveryHandlers(deps) };
  };
  const houses = [begin("A"), begin("B")];
  const house = (n: number) => houses[n % 2] as (typeof houses)[number];
  const feed: Revision[] = [];

  const run = (at: (typeof houses)[number], what: string, work: () => Promise<unknown>): Promise<boolean> => {
    const label = `${what}·${Math.random()}`;
    at.process.tasks.add(label);
    note(`${name(at.process)} begins ${what}`);
    return work().then(
      () => at.process.tasks.delete(label),
      (error: unknown) => {
        at.process.tasks.delete(label);
        if (!(error instanceof AppError)) throw error;
        note(`${name(at.process)} was refused ${what}: ${error.code}`);
        return false;
      },
    );
  };

  const handle = async (at: (typeof houses)[number], queueName: QueueName, message: Message): Promise<void> => {
    const { handlers } = at;
    const handler =
      queueName === "fanout" || queueName === "urgent"
        ? handlers[queueName]
        : queueName === "deliver-late"
          ? handlers.late
          : handlers.deliver(queueName.slice("deliver-".length) as ChannelName);
    void run(at, `${queueName} ${JSON.stringify(message.body).slice(0, 60)}`, async () => {
      const { failed } = await handler([message]);
      if (failed.length === 0) await world.platform.queue(queueName).done([message.receipt]);
    });
  };
  const NAMES = (Object.keys(QUEUES) as QueueName[]).filter((one) =>
    /^(fanout|urgent|deliver-(webhook|late|wechaty|email|dingtalk))$/.test(one),
  );
  const deliver = async (n: number, twice: boolean): Promise<boolean> => {
    for (let i = 0; i < NAMES.length; i++) {
      const queueName = NAMES[(n + i) % NAMES.length] as QueueName;
      const [message] = await world.platform
        .queue(queueName)
        .receive({ max: 1, waitSeconds: 0, visibleAfterSeconds: healing ? 60 : 30 });
      if (!message) continue;
      await handle(house(n >> 3), queueName, message);
      if (twice) await handle(house((n >> 3) + 1), queueName, message);
      return true;
    }
    return false;
  };
  const tell = (n: number): boolean => {
    if (feed.length === 0) return false;
    const revision = feed[n % feed.length] as Revision;
    const at = house(n >> 2);
    void run(at, `plan ${revision.revision}`, async () => {
      await at.handlers.planFanout(revision);
      const position = feed.indexOf(revision);
      if (position >= 0) feed.splice(position, 1);
    });
    return true;
  };
  const publish = async (more: Partial<Revision>) => {
    const revision = revisionOf(world.now(), { announcementId: ID, ...more });
    await table.write([{ put: revisionItem(revision) }]);
    feed.push(revision);
    note(`published revision ${revision.revision} ${revision.kind}`);
  };
  let withdrawn = false;
  const crash = (one: Pending, after: boolean) => {
    note(`${name(one.process)} DIES ${after ? "after" : "before"} ${one.what}`);
    disturbances++;
    if (after) one.goAndDie();
    else scheduler.kill(one.process);
    const position = houses.findIndex(({ process }) => process === one.process);
    if (position >= 0) houses[position] = begin(one.process.name);
  };
  const go = async (one: Pending) => {
    note(`${name(one.process)} ${one.what}`);
    one.go();
    await settled();
    if (one.what.startsWith("write")) await balances();
  };
  const pass = (seconds: number) => {
    note(`-- ${seconds} s pass`);
    if (seconds > 20 && houses.some(({ process }) => process.tasks.size > 0)) disturbances++;
    world.pass(seconds);
    vi.advanceTimersByTime(seconds * 1000);
  };
  /** Everything else happens that can happen now; only then this call goes on. */
  const overtaken = async (slow: Pending): Promise<void> => {
    note(`${name(slow.process)} is slow to ${slow.what}`);
    for (let n = 0; n < 400; n++) {
      const next = scheduler.pending().find((one) => one !== slow);
      if (next) await go(next);
      else if (!tell(n) && !(await deliver(n, false))) break;
      await settled();
    }
    if (scheduler.pending().includes(slow)) await go(slow);
  };
  const endpointAt = (n: number) => [...subscriptions.values()][n % subscriptions.size] as Subscription;
  const idOf = (n: number) => `${ID}.${1 + ((n >> 4) % newest)}.${endpointAt(n).endpoint}`;

  const comesBack = (at: (typeof houses)[number], { id: _, ...receipt }: (typeof receipts)[number]) =>
    void run(at, `receipt ${receipt.receipt} ${receipt.outcome}`, async () => {
      await at.handlers.receipt(receipt);
      taken.add(receipt.receipt);
    });

  const step = async ({ kind, n }: Step): Promise<void> => {
    const pending = scheduler.pending();
    // Most of what can break, breaks at a write.
    const writes = pending.filter(({ what }) => what.startsWith("write"));
    const among = n % 4 > 0 && writes.length > 0 ? writes : pending;
    const one = among[(n >> 2) % Math.max(1, among.length)];
    const at = house(n >> 3);
    if (kind === "go")
      for (let i = 0; i <= n % 7; i++) {
        const next = scheduler.pending()[(n + i * (n >> 4)) % Math.max(1, scheduler.pending().length)];
        if (next) await go(next);
      }
    else if (kind === "deliver") await deliver(n, false);
    else if (kind === "deliver twice") await deliver(n, true);
    else if (kind === "tell") tell(n);
    else if (kind === "crash before" && one) crash(one, false);
    else if (kind === "crash after" && one) crash(one, true);
    else if (kind === "pass") pass(PASSES[n % PASSES.length] as number);
    else if (kind === "sweep") void run(at, "sweep", () => at.handlers.sweep());
    else if ((kind === "correct" || kind === "withdraw") && newest < 3 && !withdrawn) {
      newest++;
      withdrawn = kind === "withdraw";
      await publish({ revision: newest, kind: withdrawn ? "withdrawn" : "corrected" });
    } else if (kind === "overtake" && newest < 3 && !withdrawn) {
      const pushes = pending.filter(({ what }) => what.startsWith("push"));
      const slow = pushes[n % Math.max(1, pushes.length)];
      if (slow) {
        newest++;
        await publish({ revision: newest, kind: "corrected" });
        await overtaken(slow);
      }
    } else if (kind === "receipt" && receipts.length > 0) {
      comesBack(at, receipts[n % receipts.length] as (typeof receipts)[number]);
    } else if (kind === "leave") {
      const { id, endpoint, address } = endpointAt(n);
      const known = await findSubscription(table, id);
      if (known && known.status === "confirmed")
        void run(at, `leave ${address}`, async () => {
          leaving.add(endpoint);
          await unsubscribe(at.deps, known);
          leftAt.set(endpoint, world.now().getTime());
          note(`${address} has left`);
        });
    } else if (kind === "join and replay") {
      const late = await join("webhook", `https://late${n % 3}.example.org/`);
      if (!leftAt.has(late.endpoint))
        void run(at, `replay ${late.address}`, () => replay(at.deps, late.endpoint, new Date(start)));
    } else if (kind === "retry") {
      const id = idOf(n);
      void run(at, `retry ${endpointAt(n).address}`, async () => {
        byHand.set(id, (byHand.get(id) ?? 0) + 1);
        await retryDelivery(at.deps, id);
      });
    } else if (kind === "retry all") {
      void run(at, "retry all", async () => {
        for (const endpoint of subscriptions.keys())
          for (let revision = 1; revision <= newest; revision++) {
            const id = `${ID}.${revision}.${endpoint}`;
            byHand.set(id, (byHand.get(id) ?? 0) + 1);
          }
        await retryAll(at.deps, ID, 1 + ((n >> 3) % newest), n % 2 ? "failed" : "unknown");
      });
    } else if (kind === "settle") {
      const state = n % 3 ? "delivered" : "failed";
      told.add(idOf(n));
      void run(at, `settle ${endpointAt(n).address}`, () =>
        settleDelivery(at.deps, idOf(n), { state, reason: "asked", by: "tok_1" }),
      );
    } else if (kind === "mood") {
      const mood = MOODS[(n >> 4) % MOODS.length] as Mood;
      moods.set(endpointAt(n).endpoint, mood);
      note(`${endpointAt(n).address} is ${mood}`);
    }
    await settled();
  };

  const balances = async (): Promise<(Ledger | undefined)[]> => {
    const sums: (Ledger | undefined)[] = [];
    for (let revision = 1; revision <= newest; revision++) {
      const sum = await ledger({ table }, ID, revision);
      sums.push(sum);
      for (const counts of sum ? [sum, ...Object.values(sum.channels)] : []) {
        const { matched, delivered, suppressed, failed, unknown, held, waiting } = counts;
        expect(delivered + suppressed + failed + unknown + held + waiting, "the ledger balances").toBe(matched);
        expect(waiting, "nothing is counted twice").toBeGreaterThanOrEqual(0);
      }
    }
    return sums;
  };

  /** Nothing goes wrong any more: everything that waits is worked on, time passes, the sweep looks. */
  const heal = async (): Promise<void> => {
    note("== everything heals");
    healing = true;
    moods.clear();
    for (let round = 0; round < 60; round++) {
      for (let idle = 0, n = 0; idle < 3; n++) {
        const [first] = scheduler.pending();
        if (first) await go(first);
        else if (await deliver(n, false)) await settled();
        else if (tell(n)) await settled();
        else {
          idle++;
          await settled();
        }
        expect(n, "comes to rest").toBeLessThan(20_000);
      }
      // A provider tells its word until somebody takes it.
      if (round === 4) for (const one of receipts) if (!taken.has(one.receipt)) comesBack(house(round), one);
      const sums = await balances();
      const busy = houses.some(({ process }) => process.tasks.size > 0);
      const fanouts = await Promise.all(sums.map((_, i) => findFanout(table, ID, i + 1)));
      if (!busy && feed.length === 0 && fanouts.every((fanout) => fanout?.closedAt !== undefined) && round > 6) return;
      pass(round < 12 ? 65 : 900);
      const at = house(round);
      void run(at, "sweep", () => at.handlers.sweep());
      await settled();
    }
    throw new Error("some fan-out never closes");
  };

  const end = async (): Promise<void> => {
    const robots = world.channels.dingtalk.seen.map(({ at }) => at).sort((a, b) => a - b);
    for (const [i, at] of robots.entries())
      expect(at - (robots[i - ROBOT.count] ?? -Infinity), "the robot keeps to its limit").toBeGreaterThanOrEqual(
        // What was granted may still be under way for one time-out.
        (ROBOT.seconds - SECONDS.total) * 1000,
      );
    const letters = new Map<string, string>();
    for (let revision = 1; revision <= newest; revision++) {
      const fanout = await findFanout(table, ID, revision);
      const sum = await ledger({ table }, ID, revision);
      if (!fanout || !sum) throw new Error("no fan-out");
      const recount = new Map<string, number>();
      for (const { endpoint, address, channel } of subscriptions.values()) {
        const found = await findMember(table, fanout, endpoint);
        if (!found) continue;
        const letter = (await findResult(table, found.ref))?.letters.charAt(found.member) ?? "w";
        letters.set(`${ID}.${revision}.${endpoint}`, letter);
        const key = `${channel} ${stateOf(letter)}`;
        recount.set(key, (recount.get(key) ?? 0) + 1);
        const item = await table.get(deliveryKey(found.ref, endpoint));
        if (item) {
          const row = Delivery().parse(item);
          expect(row.state, `the row of ${address} says what its chunk says`).toBe(stateOf(letter));
          expect(item.index, `nobody looks at the settled ${address} for ever`).toBeUndefined();
        } else expect("rhfu".includes(letter), `${address} has the row it needs`).toBe(false);
      }
      const counted = Object.entries(sum.channels).flatMap(([channel, counts]) =>
        (["delivered", "suppressed", "failed", "unknown", "held", "waiting"] as const)
          .filter((state) => counts[state] > 0)
          .map((state) => [`${channel} ${state}`, counts[state]]),
      );
      const shown = (counts: unknown[]) => counts.map(String).sort().join("; ");
      const [told, found] = [shown(counted), shown([...recount])];
      expect(told, `the ledger of revision ${revision} is a recount: ${told} or ${found}`).toBe(found);
    }
    for (const { endpoint, address, channel } of subscriptions.values()) {
      const mine = arrivals.filter((one) => one.endpoint === endpoint);
      const once = world.channels[channel as ChannelName].guarantee === "at-most-once";
      let before = 0;
      for (const { revision } of mine) {
        expect(revision, `${address} gets no older text after a newer`).toBeGreaterThanOrEqual(before);
        before = revision;
      }
      const left = leftAt.get(endpoint);
      for (const { at } of left === undefined ? [] : mine)
        expect(at - (left ?? 0), `${address} gets nothing after it left`).toBeLessThanOrEqual(IN_FLIGHT_MS);
      for (let revision = 1; revision <= newest; revision++) {
        const id = `${ID}.${revision}.${endpoint}`;
        const letter = letters.get(id);
        const times = mine.filter((one) => one.id === id).length;
        const allowed = 1 + (byHand.get(id) ?? 0);
        if (once) expect(times, `${address} gets revision ${revision} at most once`).toBeLessThanOrEqual(allowed);
        else
          expect(times, `${address} gets revision ${revision} once more per crash at most`).toBeLessThanOrEqual(
            allowed + disturbances + (unknowns.get(id) ?? 0),
          );
        if ("da".includes(letter ?? "-") && !told.has(id))
          expect(times, `${address} has what the ledger calls delivered`).toBeGreaterThan(0);
        if (letter === "x") expect(times, `${address} has not what the ledger calls suppressed`).toBe(0);
      }
      const saw = mine.some(({ revision }) => revision < newest);
      const last = letters.get(`${ID}.${newest}.${endpoint}`);
      const due = withdrawn ? saw : firstAudience.includes(endpoint);
      if (due && !leaving.has(endpoint)) {
        expect(last, `${address} is in the newest fan-out`).toBeDefined();
        expect("dafu", `${address} has a named state`).toContain(last);
        if ("da".includes(last ?? "-") && !told.has(`${ID}.${newest}.${endpoint}`))
          expect(mine.at(-1)?.revision, `${address} holds the newest text`).toBe(newest);
      }
      if (withdrawn && disturbances === 0 && !saw && !unknownBefore(endpoint))
        expect(last, `${address} never saw what is withdrawn`).toBeUndefined();
    }
    for (const { id, outcome } of receipts) {
      const single = [arrivals, receipts].every(
        (all: { id: string }[]) => all.filter((one) => one.id === id).length === 1,
      );
      if (single && !byHand.has(id) && !told.has(id))
        expect(`${outcome.charAt(0)}${disturbances > 0 ? "u" : ""}`, `the receipt of ${id} is in the ledger`).toContain(
          letters.get(id),
        );
    }
  };
  const unknownBefore = (endpoint: string) => [...unknowns.keys()].some((id) => id.endsWith(endpoint));

  await publish({ revision: 1 });
  tell(0);
  await settled();
  for (const one of steps) {
    await step(one);
  }
  await heal();
  await end();
}
