import { describe, expect, it } from "vitest";
import { findFanout, rangesOf } from "#src/domain/deliveries/store.ts";
import { endpointKey } from "#src/domain/subscriptions/endpoint.ts";
import { QUEUES } from "#src/platform/queue.ts";
import { awsTimes, INPUTS } from "../../bench/aws-times.ts";
import { PRICES, pricePerMillion } from "../../bench/prices.ts";
import { MAPPINGS } from "../../bench/scale.ts";
import { countPushes, KINDS, type PerPush } from "../../bench/scale-counts.ts";
import { pushWorld } from "./push-world.ts";

const ENDPOINTS = 2000;

/**
 * What one push of each kind is billed at 2,000 endpoints, fixed parts in it; `npm run bench -- scale` prints more. Who
 * changes a figure by more than 10 % changes the bill of everybody, and says so here.
 */
const COUNTS: Record<string, PerPush> = {
  webhook: { writeUnits: 0.0445, readUnits: 0.03925, queueRequests: 0.0085, invocations: 0.002 },
  // Six writes a retry: its row and its chunk's result, in a transaction each time.
  "webhook, 10 % answer 503 once": {
    writeUnits: 0.824,
    readUnits: 0.55925,
    queueRequests: 0.0245,
    invocations: 0.005,
  },
  // A chunk more in each window, and the mark of who answers again is taken away.
  "webhook, 1 % failed before": { writeUnits: 0.0605, readUnits: 0.045, queueRequests: 0.01, invocations: 0.0025 },
  "browser notification": { writeUnits: 0.0445, readUnits: 0.06175, queueRequests: 0.0145, invocations: 0.002 },
  // The pace of each robot is a row.
  "group robot, 20 a minute each": {
    writeUnits: 1.2745,
    readUnits: 1.05925,
    queueRequests: 0.0265,
    invocations: 0.011,
  },
  // The message's id is a row; its receipt finds the chunk and amends it with a row, in a transaction.
  "e-mail with a receipt for each": {
    writeUnits: 5.0445,
    readUnits: 6.0525,
    queueRequests: 0.0245,
    invocations: 0.011,
  },
  // Five announcements, one message.
  "webhook, a daily digest of 5": { writeUnits: 0.616, readUnits: 2.72, queueRequests: 0.051, invocations: 0.0115 },
};

const kind = (what: string) => KINDS.find((one) => one.what === what) ?? { what, channel: "webhook", address: String };

describe("a push on AWS", () => {
  for (const what of KINDS.map((one) => one.what))
    it(`is billed as the table says: ${what}`, async () => {
      const { perPush } = await countPushes(kind(what), ENDPOINTS);
      const known = COUNTS[what];
      for (const unit of ["writeUnits", "readUnits", "queueRequests", "invocations"] as const) {
        expect(perPush[unit], unit).toBeLessThanOrEqual((known?.[unit] ?? 0) * 1.1);
        expect(perPush[unit], unit).toBeGreaterThanOrEqual((known?.[unit] ?? 0) * 0.9);
      }
    });

  it("costs no more for each of many than for each of few", async () => {
    const [few, many] = [await countPushes(kind("webhook"), 2000), await countPushes(kind("webhook"), 16_000)];
    for (const unit of ["writeUnits", "readUnits", "queueRequests", "invocations"] as const)
      expect(many.perPush[unit], unit).toBeLessThanOrEqual(few.perPush[unit] * 1.02);
    // Nothing that many ranges write down grows with them: an item ends at 400 KB.
    expect(many.places["FANOUT"]?.largest).toBeLessThan(2000);
    expect(many.places["CHUNKS"]?.largest).toBeLessThan(2000);
    expect(many.messageBytes).toBeLessThan(200_000 / 4);
  });

  it("to a webhook costs at most a quarter of what SNS takes, the functions' time counted", async () => {
    const { perPush } = await countPushes(kind("webhook"), ENDPOINTS);
    const { gigabyteSecondsPerPush: gigabyteSeconds } = awsTimes(100_000, MAPPINGS, INPUTS);
    expect(pricePerMillion({ ...perPush, gigabyteSeconds })).toBeLessThanOrEqual(0.15);
  });

  it("costs no more than that when 1 % keep failing and never answer, the waiting for them counted", async () => {
    const { perPush } = await countPushes(kind("webhook, 1 % failed before"), ENDPOINTS);
    const failing = { ...INPUTS, silentPercent: 1, knownPercent: 100 };
    const { gigabyteSecondsPerPush: gigabyteSeconds, lastSeconds } = awsTimes(100_000, MAPPINGS, failing);
    expect(pricePerMillion({ ...perPush, gigabyteSeconds })).toBeLessThanOrEqual(0.15);
    // And nobody who answers waits for one who does not.
    expect(lastSeconds).toBeLessThanOrEqual(awsTimes(100_000, MAPPINGS, INPUTS).lastSeconds);
    const mixed = awsTimes(100_000, MAPPINGS, { ...failing, knownPercent: 0 });
    expect(pricePerMillion({ ...perPush, gigabyteSeconds: mixed.gigabyteSecondsPerPush })).toBeGreaterThan(0.3);
    expect(PRICES.writeUnits).toBeGreaterThan(PRICES.readUnits);
  });
});

describe("a fan-out on AWS", () => {
  it("reaches ten thousand in 5 seconds, a hundred thousand in 10, ten million in ten minutes", () => {
    expect(MAPPINGS.deliver).toMatchObject({ batch: QUEUES["deliver-webhook"].batch });
    expect(MAPPINGS.late).toMatchObject({ batch: QUEUES["deliver-late"].batch });
    expect(MAPPINGS.fanout).toMatchObject({ batch: QUEUES.fanout.batch });
    expect(awsTimes(10_000, MAPPINGS, INPUTS).lastSeconds).toBeLessThanOrEqual(5);
    expect(awsTimes(100_000, MAPPINGS, INPUTS).lastSeconds).toBeLessThanOrEqual(10);
    expect(awsTimes(10_000_000, MAPPINGS, INPUTS).lastSeconds).toBeLessThanOrEqual(600);
  });

  it("of ten million overloads no shard of the topic index, and ends in time although 1 % never answer", () => {
    const { lastSeconds, shardReads, inFlight } = awsTimes(10_000_000, MAPPINGS, { ...INPUTS, silentPercent: 1 });
    expect(lastSeconds).toBeLessThanOrEqual(600);
    expect(shardReads).toBeLessThan(3000);
    expect(inFlight).toBeLessThan(120_000);
  });

  it("is shared out by how many it meets, whether they can be reached or not", async () => {
    const world = pushWorld();
    const { endpoint } = await world.subscribe("https://example.org/a");
    const strangers = Array.from({ length: 14_000 }, (_, i) => endpointKey("webhook", `https://example.org/left/${i}`));
    const revision = await world.publish({
      audience: { kind: "internal", topics: [], endpoints: [endpoint, ...strangers] },
    });
    await world.drain();
    const fanout = await findFanout(world.platform.table, revision.announcementId, 1);
    if (!fanout) throw new Error("no fan-out");
    const ranges = await rangesOf(world.platform.table, fanout);
    expect(ranges.length).toBeGreaterThan(2);
    expect(ranges.every(({ done }) => done)).toBe(true);
    expect(world.channels.webhook.seen.length).toBe(1);
  });
});
