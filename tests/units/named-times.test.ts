import { describe, expect, it } from "vitest";
import type { Channel, Outcome } from "#src/domain/deliveries/channel.ts";
import { ledger } from "#src/domain/deliveries/ledger.ts";
import { settle } from "#src/domain/deliveries/settle.ts";
import { Delivery } from "#src/domain/deliveries/store.ts";
import { pushWorld, scriptedChannel } from "./push-world.ts";

const START = Date.parse("2026-03-02T02:00:00Z");
const REF = { announcementId: "ann_1", revision: 1, range: "", window: "", channel: "webhook", n: 0 };
const webhook: Channel = scriptedChannel("webhook", () => new Date(START));
const WHOLE = webhook.retrySeconds.reduce((sum, seconds) => sum + seconds, 0);
const busy = (retryAfterSeconds?: number): Outcome => ({
  ...{ kind: "retry", status: 503, detail: "503" },
  ...(retryAfterSeconds === undefined ? {} : { retryAfterSeconds }),
});

/** One delivery that is answered so, each time as soon as it is due, and read from the store in between. */
function lives(answer: (attempt: number, seconds: number) => Outcome): {
  row: Delivery;
  waits: number[];
  took: number;
} {
  let row: Delivery | undefined;
  let at = START;
  const waits: number[] = [];
  for (;;) {
    const outcome = answer(waits.length + 1, (at - START) / 1000);
    const tried = { ref: REF, endpoint: "AAAAAAAAAAAAAAAA", row, startedAt: new Date(at), ms: 7 };
    const settled = settle(webhook, { ...tried, trigger: "schedule" }, outcome);
    if (!settled.row) throw new Error("no row");
    row = Delivery().parse(JSON.parse(JSON.stringify(settled.row)));
    if (settled.inSeconds === undefined) return { row, waits, took: (at - START) / 1000 };
    expect(row.dueAt).toBe(new Date(at + 7 + settled.inSeconds * 1000).toISOString());
    waits.push(settled.inSeconds);
    at += 7 + settled.inSeconds * 1000;
  }
}

describe("a receiver that names a time", () => {
  for (const seconds of [0, 1, 2, 30, 600, 9 * 3600])
    it(`of ${seconds} s gets all of the schedule's time, never sooner than it said, and not for ever`, () => {
      const { row, waits, took } = lives(() => busy(seconds));
      expect(row.state).toBe("failed");
      expect(took).toBeGreaterThanOrEqual(WHOLE * 0.8);
      expect(took).toBeLessThanOrEqual(WHOLE * 1.2 + webhook.retrySeconds.length * seconds * 1.1 + 60);
      expect(Math.min(...waits)).toBeGreaterThanOrEqual(seconds);
      expect(row.attempts.length).toBeLessThanOrEqual(1 + 21 * webhook.retrySeconds.length);
    });

  it("of a day each time costs a try each time", () => {
    expect(lives(() => busy(86_400)).row.attempts.length).toBe(8);
  });

  it("and then hangs goes on where its schedule was", () => {
    const { row, waits } = lives((attempt) => (attempt === 1 ? busy() : attempt < 5 ? busy(20) : busy()));
    expect(row.attempts.length).toBe(8 + 3);
    for (const [i, step] of [5, 20, 20, 20, 300, 1800, 7200, 18_000, 36_000, 36_000].entries()) {
      expect(waits[i]).toBeGreaterThanOrEqual(step * 0.8);
      expect(waits[i]).toBeLessThanOrEqual(step * 1.2);
    }
  });

  it("has its deliveries of before this was counted tried as before", () => {
    const attempts = [0, 2, 4].map((s) => ({
      ...{ at: new Date(START + s * 1000).toISOString(), outcome: "retry" as const, status: 503 },
      ...{ ms: 1, trigger: "schedule" as const },
    }));
    const row: Delivery = { ref: REF, endpoint: "AAAAAAAAAAAAAAAA", state: "waiting", attempts, version: 3 };
    const tried = { ref: REF, endpoint: row.endpoint, row, startedAt: new Date(START + 6000), ms: 1 };
    const { inSeconds } = settle(webhook, { ...tried, trigger: "schedule" }, busy());
    expect(inSeconds).toBeGreaterThanOrEqual(7200 * 0.8);
  });

  it("while it starts again loses nobody's text", async () => {
    const world = pushWorld();
    for (let i = 0; i < 20; i++) await world.subscribe(`https://example.org/${i}`);
    world.channels.webhook.answer(({ at }) => (at < START + 120_000 ? busy(2) : { kind: "delivered", status: 200 }));
    await world.publish();
    await world.drain();
    await world.live(60);
    world.restart();
    await world.live(150);
    const sum = await ledger(world.deps, "ann_00000000000000000000000001", 1);
    expect(sum).toMatchObject({ closed: true, matched: 20, delivered: 20, failed: 0 });
  });
});
