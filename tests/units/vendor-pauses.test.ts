import { describe, expect, it } from "vitest";
import type { Channel, Outcome } from "#src/domain/deliveries/channel.ts";
import { changeSetup } from "#src/domain/deliveries/channel-settings.ts";
import { channelPause, pausedCredentials } from "#src/domain/deliveries/paused.ts";
import { settle, type Tried } from "#src/domain/deliveries/settle.ts";
import type { Delivery } from "#src/domain/deliveries/store.ts";
import { pushWorld, scriptedChannel } from "./push-world.ts";

const START = Date.parse("2026-03-02T02:00:00Z");
const REF = { announcementId: "ann_1", revision: 1, range: "", window: "", channel: "wecom-app", n: 0 };
const channel: Channel = { ...scriptedChannel("wecom-app", () => new Date(START)), retrySeconds: [60, 300, 1800] };
const minute: Outcome = { kind: "retry", detail: "45009", pause: { seconds: 60, because: "rate" } };
const wrong: Outcome = { kind: "retry", detail: "40001", pause: { seconds: 600, because: "configuration" } };
const busy: Outcome = { kind: "retry", status: 503, detail: "busy" };

/** One delivery that meets these outcomes, each as soon as it is due. */
function lives(outcomes: Iterable<Outcome>): { row: Delivery; waits: number[] } {
  let row: Delivery | undefined;
  let at = START;
  const waits: number[] = [];
  for (const outcome of outcomes) {
    const tried: Tried = {
      ref: REF,
      endpoint: "AAAAAAAAAAAAAAAA",
      row,
      startedAt: new Date(at),
      ms: 0,
      trigger: "plan",
    };
    const settled = settle(channel, tried, outcome);
    row = settled.row;
    if (settled.inSeconds === undefined) break;
    waits.push(settled.inSeconds);
    at += settled.inSeconds * 1000;
  }
  if (!row) throw new Error("no row");
  return { row, waits };
}

function* forever(outcome: Outcome): Generator<Outcome> {
  for (;;) yield outcome;
}

describe("a vendor that stops a whole credential", () => {
  it("takes no try from the delivery that met it: its schedule goes on where it was", () => {
    const { row, waits } = lives([busy, wrong, minute, busy, wrong, busy, busy]);
    expect(row).toMatchObject({ state: "failed", attempts: { length: 7 } });
    expect(row.attempts.map(({ pause }) => pause)).toEqual([
      ...[undefined, "configuration", "rate", undefined, "configuration", undefined, undefined],
    ]);
    const [first, , , second, , third] = waits as number[];
    for (const [wait, step] of [
      [first, 60],
      [second, 300],
      [third, 1800],
    ] as [number, number][]) {
      expect(wait).toBeGreaterThanOrEqual(step * 0.8);
      expect(wait).toBeLessThanOrEqual(step * 1.2);
    }
  });

  it("is what the delivery is said to wait for, until it is pushed again", () => {
    expect(lives([wrong]).row).toMatchObject({ state: "waiting", waitsFor: "configuration" });
    expect(lives([minute]).row).toMatchObject({ state: "waiting", waitsFor: "rate" });
    expect(lives([minute, busy]).row.waitsFor).toBeUndefined();
    expect(lives([minute, { kind: "delivered" }]).row).toMatchObject({ state: "delivered" });
    expect(lives([minute, { kind: "delivered" }]).row.waitsFor).toBeUndefined();
  });

  it("is asked ever more seldom by one delivery, and not for ever", () => {
    const { row, waits } = lives(forever(minute));
    expect(row.state).toBe("failed");
    expect(row.attempts.length).toBeLessThan(30);
    expect(waits[0]).toBeLessThanOrEqual(66);
    expect(waits.reduce((sum, wait) => sum + wait, 0)).toBeGreaterThan(12 * 3600);
    for (let i = 1; i < waits.length; i++) expect(waits[i]).toBeGreaterThanOrEqual((waits[i - 1] ?? 0) * 0.9);
    expect(lives(forever(wrong)).row.attempts.length).toBeLessThan(30);
  });

  it("holds up even a channel that tries everything once", () => {
    const once: Channel = { ...channel, retrySeconds: [] };
    const tried: Tried = {
      ref: REF,
      endpoint: "A".repeat(16),
      row: undefined,
      startedAt: new Date(START),
      ms: 0,
      trigger: "plan",
    };
    expect(settle(once, tried, wrong).row).toMatchObject({ state: "waiting" });
    expect(settle(once, tried, busy).row).toMatchObject({ state: "failed" });
  });
});

it("an account that is stopped is shown so by the console and by the figures alike, until it works or its settings change", async () => {
  const world = pushWorld({ "wecom-app": { credential: () => "the account" } });
  const app = world.channels["wecom-app"];
  const shown = async (setup?: Awaited<ReturnType<typeof changeSetup>>) => ({
    own: (await channelPause(world.deps, app, setup))?.because,
    all: (await pausedCredentials(world.deps, app, setup)).map(({ because }) => because),
  });
  await world.subscribe("user:a", { channel: "wecom-app" });
  app.answer(() => wrong);
  await world.publish();
  await world.drain();
  expect(await shown()).toEqual({ own: "configuration", all: ["configuration"] });
  // The moment of the next trial has come, and nobody has tried yet.
  world.pass(700);
  expect(await shown()).toEqual({ own: "configuration", all: ["configuration"] });
  const setup = await changeSetup(world.deps, app, { settings: {} }, undefined);
  expect(await shown(setup)).toEqual({ own: undefined, all: [] });
  app.answer(() => ({ kind: "delivered" }));
  await world.live(60);
  expect(await shown(setup)).toEqual({ own: undefined, all: [] });
});
