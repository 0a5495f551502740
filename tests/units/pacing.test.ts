import { describe, expect, it } from "vitest";
import type { Channel, Outcome } from "#src/domain/deliveries/channel.ts";
import { ledger } from "#src/domain/deliveries/ledger.ts";
import { deliveriesTo } from "#src/domain/deliveries/list.ts";
import { endpointKey } from "#src/domain/subscriptions/endpoint.ts";
import { pushWorld, type World } from "./push-world.ts";

const WINDOW = { seconds: 60, count: 20 };
const ROBOT = "https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=robot-1";
const OTHER = "https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=robot-2";
const limits = {
  inFlight: 16,
  inFlightPerOrigin: 16,
  bytes: 4096,
  chunk: 20,
  seconds: { connect: 5, answer: 15, total: 20 },
};

function robot(more: Partial<Channel> = {}): Partial<Channel> {
  return {
    guarantee: "at-least-once",
    credential: (address) => address,
    limits: { ...limits, windows: [WINDOW] },
    ...more,
  };
}

function id(n: number): string {
  return `ann_${String(n).padStart(26, "0")}`;
}

function mostInAMinute(times: number[]): number {
  const sorted = times.toSorted((a, b) => a - b);
  let from = 0;
  let most = 0;
  for (let to = 0; to < sorted.length; to++) {
    while ((sorted[to] ?? 0) - (sorted[from] ?? 0) >= 60_000) from++;
    most = Math.max(most, to - from + 1);
  }
  return most;
}

const row = async (world: World, n: number, address = ROBOT, channel = "wecom-robot") => {
  const [found] = await deliveriesTo(world.deps, id(n), 1, endpointKey(channel, address));
  if (!found) throw new Error(`no delivery of ${n}`);
  return found;
};

describe("a robot that may get 20 messages a minute", () => {
  it("gets 500 announcements of one minute at its limit, none lost, each about when it was said", async () => {
    const world = pushWorld({ "wecom-robot": robot() });
    await world.subscribe(ROBOT, { channel: "wecom-robot" });
    const started = world.now().getTime();
    for (let n = 1; n <= 500; n++) {
      await world.publish({ announcementId: id(n) });
      if (n % 100 === 0) {
        world.pass(12);
        await world.drain();
      }
    }
    const said = new Map<number, number>();
    for (let n = 1; n <= 500; n++) {
      const { state, dueAt, attempts, waitsFor } = await row(world, n);
      if (state === "delivered") continue;
      expect([state, attempts, waitsFor]).toEqual(["waiting", [], "rate"]);
      said.set(n, Date.parse(dueAt ?? ""));
    }
    expect(said.size).toBeGreaterThan(450);
    const { seen } = world.channels["wecom-robot"];
    for (let minutes = 0; seen.length < 500 && minutes < 40; minutes++) await world.live(60);
    expect(new Set(seen.map(({ deliveryId }) => deliveryId)).size).toBe(500);
    expect(seen.length).toBe(500);
    const times = seen.map(({ at }) => at);
    expect(mostInAMinute(times)).toBeLessThanOrEqual(20);
    const possible = (500 / 20 - 1) * 60_000;
    expect(Math.max(...times) - started - 12_000).toBeLessThanOrEqual(possible / 0.9);
    for (const [n, due] of said) {
      const came = seen.find(({ deliveryId }) => deliveryId.startsWith(id(n)))?.at ?? 0;
      expect(Math.abs(came - due)).toBeLessThanOrEqual(Math.max(2000, 0.1 * (due - started)));
    }
    for (const n of [1, 250, 500])
      expect(await ledger(world.deps, id(n), 1)).toMatchObject({ matched: 1, delivered: 1, waiting: 0 });
    expect((await row(world, 500)).attempts).toMatchObject([{ trigger: "plan", outcome: "delivered" }]);
  }, 120_000);

  it("loses none of those who wait when the process dies and its messages are lost", async () => {
    const world = pushWorld({ "wecom-robot": robot() });
    await world.subscribe(ROBOT, { channel: "wecom-robot" });
    for (let n = 1; n <= 45; n++) await world.publish({ announcementId: id(n) });
    await world.drain();
    const queue = world.platform.queue("deliver-wecom-robot");
    world.pass(200);
    for (;;) {
      const lost = await queue.receive({ max: 10, waitSeconds: 0, visibleAfterSeconds: 30 });
      if (lost.length === 0) break;
      await queue.done(lost.map(({ receipt }) => receipt));
    }
    world.restart();
    await world.live(400);
    const { seen } = world.channels["wecom-robot"];
    expect(new Set(seen.map(({ deliveryId }) => deliveryId)).size).toBe(45);
    expect(seen.length).toBe(45);
    expect(mostInAMinute(seen.map(({ at }) => at))).toBeLessThanOrEqual(20);
  });

  it("is stopped by the vendor's word, and the others' schedule is not used up by it", async () => {
    const world = pushWorld({ "wecom-robot": robot() });
    const { seen, answer } = world.channels["wecom-robot"];
    for (const address of [ROBOT, OTHER]) await world.subscribe(address, { channel: "wecom-robot" });
    const tooFast: Outcome = { kind: "retry", detail: "45009", pause: { seconds: 600, because: "rate" } };
    answer(({ target }) => (target.address === ROBOT ? tooFast : { kind: "delivered" }));
    await world.publish({ announcementId: id(1) });
    await world.drain();
    expect((await row(world, 1)).attempts).toHaveLength(1);
    const before = seen.length;
    for (let n = 2; n <= 8; n++) await world.publish({ announcementId: id(n) });
    await world.drain();
    expect(seen.slice(before).every(({ target }) => target.address === OTHER)).toBe(true);
    expect(seen.slice(before)).toHaveLength(7);
    for (let n = 2; n <= 8; n++) {
      const { attempts, dueAt, state } = await row(world, n);
      expect([attempts, state]).toEqual([[], "waiting"]);
      expect(Date.parse(dueAt ?? "")).toBeGreaterThanOrEqual(world.now().getTime() + 590_000);
    }
    answer(() => ({ kind: "delivered" }));
    await world.live(700);
    expect(seen.filter(({ target }) => target.address === ROBOT)).toHaveLength(1 + 8);
    for (let n = 2; n <= 8; n++) expect((await row(world, n)).attempts).toMatchObject([{ outcome: "delivered" }]);
  });

  it("tells the people on duty once when a right is missing, and goes on by itself when it is there", async () => {
    const world = pushWorld({ "wecom-robot": robot() });
    const { seen, answer } = world.channels["wecom-robot"];
    await world.subscribe(ROBOT, { channel: "wecom-robot" });
    answer(() => ({
      kind: "retry",
      detail: "48002 no <b>right</b>",
      pause: { seconds: 300, because: "configuration" },
    }));
    const told: string[] = [];
    world.platform.feed(async (changes) => {
      for (const { item } of changes)
        if (item.feed === "revision" && JSON.stringify(item).includes("渠道已暂停")) told.push(JSON.stringify(item));
      return { failed: [] };
    });
    for (let n = 1; n <= 5; n++) await world.publish({ announcementId: id(n) });
    await world.live(3000, 5);
    expect(seen.length).toBeGreaterThanOrEqual(3);
    expect(seen.length).toBeLessThanOrEqual(8);
    await expect.poll(() => told.length).toBe(1);
    expect(told[0]).not.toContain("robot-1");
    expect(told[0]).not.toContain("<b>");
    answer(() => ({ kind: "delivered" }));
    await world.live(8000, 10);
    for (let n = 1; n <= 5; n++) expect((await row(world, n)).state).toBe("delivered");
  });
});

describe("an urgent text", () => {
  const urgent = { content: { urgency: "urgent" as const } };

  it("overtakes what waits for its turn", async () => {
    const world = pushWorld({ "wecom-robot": robot() });
    const { seen } = world.channels["wecom-robot"];
    await world.subscribe(ROBOT, { channel: "wecom-robot" });
    for (let n = 1; n <= 100; n++) await world.publish({ announcementId: id(n) });
    await world.drain();
    world.pass(5);
    await world.publish({ announcementId: id(999), ...urgent });
    await world.drain();
    await world.live(70);
    const at = seen.findIndex(({ deliveryId }) => deliveryId.startsWith(id(999)));
    expect(at).toBeGreaterThanOrEqual(20);
    expect(at).toBeLessThanOrEqual(23);
    await world.live(400);
    expect(seen).toHaveLength(101);
    expect(mostInAMinute(seen.map((one) => one.at))).toBeLessThanOrEqual(20);
  });

  it("goes through the urgent queue in all its steps, retries too, and only the bot takes what is the bot's", async () => {
    const world = pushWorld({
      wrap: ({ table, queue, channels }) => ({
        table,
        channels,
        queue: (name) => {
          const inner = queue(name);
          return {
            ...inner,
            send: (messages) => {
              for (const { body, group } of messages) sent.push({ name, body: body as { kind?: string }, group });
              return inner.send(messages);
            },
          };
        },
      }),
    });
    const sent: { name: string; body: { kind?: string }; group: string | undefined }[] = [];
    await world.subscribe("https://well.example.org/");
    await world.subscribe("room:1@chatroom", { channel: "wechaty" });
    world.channels.webhook.answer(({ attempt }) =>
      attempt === 1 ? { kind: "retry", detail: "503", status: 503 } : { kind: "delivered", status: 200 },
    );
    await world.publish({ announcementId: id(1), ...urgent });
    await world.live(400);
    expect(await ledger(world.deps, id(1), 1)).toMatchObject({ matched: 2, delivered: 2 });
    const went = sent.map(({ name, body }) => `${body.kind ?? "range"} ${name}`);
    expect([...new Set(went)].toSorted()).toEqual([
      "chunk deliver-wechaty",
      "chunk urgent",
      "range urgent",
      "retry urgent",
    ]);
    expect(new Set(sent.map(({ group }) => group))).toEqual(new Set([id(1)]));
  });

  it("arrives while 5,000 slow receivers of a routine one are at work, and a routine text for one is not behind them", async () => {
    const many = { ...limits, chunk: 100, inFlight: 512, inFlightPerOrigin: 512 };
    const world = pushWorld({ webhook: { limits: many } });
    for (let n = 0; n < 5000; n++) await world.subscribe(`https://slow-${n}.example.org/`);
    for (let n = 0; n < 10; n++)
      await world.subscribe(`https://quick-${n}.example.org/`, { topics: ["column:alerts"] });
    await world.subscribe("https://quick-one.example.org/", { topics: ["column:policies"] });
    await world.subscribe("https://slow-sick.example.org/", { topics: ["column:policies"] });
    world.channels.webhook.answer(async ({ target }) => {
      if (target.address.includes("sick")) await new Promise((go) => setTimeout(go, 6000));
      else if (target.address.includes("slow")) await new Promise((go) => setTimeout(go, 400));
      return { kind: "delivered", status: 200 };
    });
    const { seen } = world.channels.webhook;
    const arrived = (part: string) => seen.filter(({ target }) => target.address.includes(part)).length;
    // As the one process of an embedded house runs it, on a clock that goes.
    const clock = setInterval(() => world.pass(0.1), 100);
    world.platform.consume("fanout", world.handlerOf("fanout"), { concurrency: 2 });
    world.platform.consume("urgent", world.handlerOf("urgent"), { concurrency: 16 });
    world.platform.consume("deliver-webhook", world.handlerOf("deliver-webhook"), { concurrency: 128 });
    await world.publish({ announcementId: id(1) });
    await expect.poll(() => arrived("slow"), { timeout: 20_000 }).toBeGreaterThanOrEqual(512);
    await world.publish({ announcementId: id(2), content: { column: "alerts", urgency: "urgent" } });
    await world.publish({ announcementId: id(3), content: { column: "policies" } });
    await expect.poll(() => arrived("quick-"), { timeout: 10_000, interval: 10 }).toBe(11);
    expect(arrived("slow-")).toBeLessThan(2500);
    expect(await ledger(world.deps, id(1), 1)).toMatchObject({ matched: 5000 });
    // Neither the slow ones nor the sick one hold the others up.
    await expect.poll(() => arrived("slow-"), { timeout: 20_000 }).toBe(5001);
    clearInterval(clock);
    await world.platform.stop(10);
  }, 60_000);
});

describe("the pace of questions", () => {
  it("is that of the account: a question that is answered 'too often' stops the pushes as well", async () => {
    const world = pushWorld({
      "wecom-robot": robot({ confirms: "code", confirm: async () => ({ paused: { seconds: 600, because: "rate" } }) }),
    });
    await world.subscribe(ROBOT, { channel: "wecom-robot" });
    const pending = await world.subscribe(ROBOT, { channel: "wecom-robot", status: "pending", id: "sub_new" });
    await world.platform
      .queue("deliver-wecom-robot")
      .send([{ body: { kind: "confirm", subscriptionId: pending.id, tries: 0 } }]);
    await world.drain();
    await world.publish({ announcementId: id(1) });
    await world.drain();
    expect(world.channels["wecom-robot"].seen).toHaveLength(0);
    expect(await row(world, 1)).toMatchObject({ state: "waiting", waitsFor: "rate", attempts: [] });
  });

  it("makes a question wait for its turn behind the pushes, and asks it once", async () => {
    let asked = 0;
    const world = pushWorld({
      "wecom-robot": robot({
        confirms: "code",
        confirm: async () => {
          asked++;
          return "sent";
        },
      }),
    });
    await world.subscribe(ROBOT, { channel: "wecom-robot" });
    for (let n = 1; n <= 30; n++) await world.publish({ announcementId: id(n) });
    await world.drain();
    const pending = await world.subscribe(ROBOT, { channel: "wecom-robot", status: "pending", id: "sub_new" });
    await world.platform
      .queue("deliver-wecom-robot")
      .send([{ body: { kind: "confirm", subscriptionId: pending.id, tries: 0 } }]);
    await world.drain();
    expect(asked).toBe(0);
    await world.live(130);
    expect(asked).toBe(1);
    expect(world.channels["wecom-robot"].seen).toHaveLength(30);
  });
});

describe("a correction of a text that is still on its way at its pace", () => {
  const READERS = 30;
  const reader = (n: number) => `reader-${n}@example.org`;
  const windows = [{ seconds: 10, count: 3 }];
  const mostInAWindow = (times: number[]) =>
    Math.max(...times.map((from) => times.filter((at) => at >= from && at < from + 10_000).length));

  /** Three of thirty have the wrong text when it is corrected (or withdrawn). `others`: a second text waits behind it. */
  async function corrected(options: { chunk?: number; others?: boolean; kind?: "corrected" | "withdrawn" } = {}) {
    const { chunk = 100, kind = "corrected" } = options;
    const world = pushWorld({ email: { credential: () => "smtp.example.org", limits: { ...limits, chunk, windows } } });
    for (let n = 0; n < READERS; n++) await world.subscribe(reader(n), { channel: "email" });
    await world.publish({ announcementId: id(1) });
    await world.drain();
    if (options.others) {
      await world.publish({ announcementId: id(2) });
      await world.drain();
    }
    await world.live(4);
    const { seen } = world.channels.email;
    const wrong = seen.map(({ target }) => target.address);
    expect(wrong).toHaveLength(3);
    const at = world.now().getTime();
    await world.publish({ announcementId: id(1), revision: 2, kind });
    await world.drain();
    const right = () => seen.filter(({ revision, deliveryId }) => revision === 2 && deliveryId.startsWith(id(1)));
    const seconds = () => right().map((one) => (one.at - at) / 1000);
    return { world, seen, wrong, right, seconds };
  }

  it("reaches those who saw the wrong text in the very next window, and nobody gets the wrong one any more", async () => {
    const { world, seen, wrong, right, seconds } = await corrected();
    await world.live(12);
    expect(
      right()
        .map(({ target }) => target.address)
        .toSorted(),
    ).toEqual(wrong.toSorted());
    expect(Math.max(...seconds())).toBeLessThanOrEqual(8);
    await world.live(120);
    expect(new Set(right().map(({ target }) => target.address)).size).toBe(READERS);
    expect(right()).toHaveLength(READERS);
    // Ten windows and one more: none passes unused. A window is eleven steps of this clock.
    expect(Math.max(...seconds())).toBeLessThanOrEqual(11 * 11);
    expect(seen).toHaveLength(READERS + 3);
    expect(mostInAWindow(seen.map((one) => one.at))).toBeLessThanOrEqual(3);
  });

  it("does so chunk by chunk, too, and each process that takes part in it knows nothing of the others", async () => {
    const { world, seen, wrong, right, seconds } = await corrected({ chunk: 7 });
    for (let second = 0; second < 120; second++) {
      world.restart();
      await world.live(1);
    }
    const firstThree = right().slice(0, 3);
    expect(firstThree.map(({ target }) => target.address).toSorted()).toEqual(wrong.toSorted());
    expect(seconds()[2]).toBeLessThanOrEqual(8);
    expect(new Set(right().map(({ target }) => target.address)).size).toBe(READERS);
    expect(right()).toHaveLength(READERS);
    expect(seen).toHaveLength(READERS + 3);
    expect(mostInAWindow(seen.map((one) => one.at))).toBeLessThanOrEqual(3);
  });

  it("keeps the place of the text it replaces: what was published in between stays behind it", async () => {
    const { world, seen, right, seconds } = await corrected({ others: true });
    await world.live(240);
    expect(right()).toHaveLength(READERS);
    // Behind the other text it would begin at 200 s; the last few share their windows with the first of that text.
    expect(Math.max(...seconds())).toBeLessThanOrEqual(13 * 11);
    const others = seen.filter(({ deliveryId }) => deliveryId.startsWith(id(2)));
    expect(Math.min(...others.map((one) => one.at))).toBeGreaterThan(
      Math.max(
        ...right()
          .slice(0, 24)
          .map((one) => one.at),
      ),
    );
    expect(seen).toHaveLength(2 * READERS + 3);
    expect(mostInAWindow(seen.map((one) => one.at))).toBeLessThanOrEqual(3);
  });

  it("comes at once as a withdrawal to those who saw the text, whoever waits", async () => {
    const { world, wrong, right, seconds } = await corrected({ others: true, kind: "withdrawn" });
    await world.live(12);
    expect(
      right()
        .map(({ target }) => target.address)
        .toSorted(),
    ).toEqual(wrong.toSorted());
    expect(Math.max(...seconds())).toBeLessThanOrEqual(8);
  });

  it("may be corrected again: the third text has the place of the second", async () => {
    const { world, seen, wrong } = await corrected();
    await world.live(12);
    const at = world.now().getTime();
    await world.publish({ announcementId: id(1), revision: 3, kind: "corrected" });
    await world.drain();
    await world.live(12);
    const third = () => seen.filter(({ revision }) => revision === 3);
    expect(
      third()
        .map(({ target }) => target.address)
        .toSorted(),
    ).toEqual(wrong.toSorted());
    await world.live(120);
    expect(new Set(third().map(({ target }) => target.address)).size).toBe(READERS);
    expect(third()).toHaveLength(READERS);
    expect((Math.max(...third().map((one) => one.at)) - at) / 1000).toBeLessThanOrEqual(11 * 11);
    expect(mostInAWindow(seen.map((one) => one.at))).toBeLessThanOrEqual(3);
  });

  it("reaches everybody when the process dies and its messages are lost, within the windows", async () => {
    const { world, seen, wrong, right } = await corrected();
    const queue = world.platform.queue("deliver-email");
    for (;;) {
      const lost = await queue.receive({ max: 10, waitSeconds: 0, visibleAfterSeconds: 30 });
      if (lost.length === 0) break;
      await queue.done(lost.map(({ receipt }) => receipt));
    }
    world.restart();
    await world.live(300);
    expect(new Set(right().map(({ target }) => target.address)).size).toBe(READERS);
    expect(right()).toHaveLength(READERS);
    expect(wrong).toHaveLength(3);
    expect(seen).toHaveLength(READERS + 3);
    expect(mostInAWindow(seen.map((one) => one.at))).toBeLessThanOrEqual(3);
  });
});
