import { expect, test } from "vitest";
import { makeGate } from "#src/domain/deliveries/gate.ts";

const limits = { inFlight: 512, inFlightPerOrigin: 512 };

/** How many of `count` who come now may start at once, and what lets the others start later. */
function come(gate: ReturnType<typeof makeGate>, origin: string, count: number): { now: number; started(): number } {
  let now = 0;
  let later = 0;
  for (let i = 0; i < count; i++) {
    const wait = gate.enter(origin);
    if (wait === undefined) now++;
    else void wait.then(() => later++);
  }
  return { now, started: () => now + later };
}

const settled = () => new Promise((resolve) => setImmediate(resolve));

test("an origin that never answers holds few slots, and the others are served beside it", async () => {
  const gate = makeGate(limits, () => 0);
  expect(come(gate, "https://hangs.example", 1000).now).toBe(64);
  for (let i = 0; i < 1000; i++) {
    expect(gate.enter("https://well.example")).toBeUndefined();
    gate.leave("https://well.example", 3);
  }
});

test("an origin that answers fast keeps to few connections, one that answers slowly gets more", async () => {
  const fast = makeGate(limits, () => 0);
  const many = come(fast, "https://fast.example", 500);
  for (let i = 0; i < 100; i++) fast.leave("https://fast.example", 2);
  await settled();
  expect(many.started()).toBe(164);
  const slow = makeGate(limits, () => 0);
  const patient = come(slow, "https://slow.example", 1000);
  for (let i = 0; i < 64; i++) slow.leave("https://slow.example", 50);
  await settled();
  expect(patient.started()).toBe(64 + 512);
});

test("an origin of which some addresses hang is probed, and all who wait go on as soon as one is answered", async () => {
  let now = 0;
  const gate = makeGate(limits, () => now);
  const hanging = come(gate, "https://half.example", 64);
  expect(hanging.now).toBe(64);
  now = 4000;
  const next = come(gate, "https://half.example", 500);
  expect(next.now).toBe(8);
  for (let i = 0; i < 8; i++) gate.leave("https://half.example", 3);
  await settled();
  expect(next.started()).toBeGreaterThan(8);
});

test("never lets through more than the channel's limit, however many origins there are", () => {
  const gate = makeGate({ inFlight: 100, inFlightPerOrigin: 10 });
  const started = Array.from({ length: 50 }, (_, i) => come(gate, `https://o${i}.example`, 20).now);
  expect(started.reduce((sum, n) => sum + n)).toBe(100);
  expect(Math.max(...started)).toBe(10);
});
