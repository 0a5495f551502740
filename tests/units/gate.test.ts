import { expect, test } from "vitest";
import { type Gate, makeGate, type Slot } from "#src/domain/deliveries/gate.ts";

const limits = { inFlight: 512, inFlightPerOrigin: 512 };

/** How many of `count` who come now may start at once, and what lets the others start later. */
function come(gate: Gate, origin: string, count: number) {
  const slots: Slot[] = [];
  for (let i = 0; i < count; i++) {
    const slot = enter(gate, origin, "", (slot) => slots.push(slot));
    if (slot) slots.push(slot);
  }
  let left = 0;
  return {
    now: slots.length,
    started: () => slots.length,
    /** The next so many of those who started end. */
    leave(count: number, answeredMs?: number) {
      for (const slot of slots.slice(left, left + count)) gate.leave(slot, answeredMs);
      left += count;
    },
  };
}

/** A slot at once, or later through `go`. */
function enter(gate: Gate, origin: string, group: string, go: (slot: Slot) => void): Slot | undefined {
  const slot = gate.enter(origin);
  if (!slot) gate.wait(origin, group, go);
  return slot;
}

const settled = () => new Promise((resolve) => setImmediate(resolve));

test("an origin that never answers holds few slots, and the others are served beside it", async () => {
  const gate = makeGate(limits, () => 0);
  expect(come(gate, "https://hangs.example", 1000).now).toBe(64);
  for (let i = 0; i < 1000; i++) {
    const well = come(gate, "https://well.example", 1);
    expect(well.now).toBe(1);
    well.leave(1, 3);
  }
});

test("an origin that answers fast keeps to few connections, one that answers slowly gets more", async () => {
  const fast = makeGate(limits, () => 0);
  const many = come(fast, "https://fast.example", 500);
  for (let i = 0; i < 100; i++) {
    many.leave(1, 2);
    await settled();
  }
  await settled();
  expect(many.started()).toBe(164);
  const slow = makeGate(limits, () => 0);
  const patient = come(slow, "https://slow.example", 1000);
  patient.leave(64, 50);
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
  next.leave(8, 3);
  await settled();
  expect(next.started()).toBeGreaterThan(8);
});

test("an origin of which one address in a hundred hangs serves the others as if those were not there", async () => {
  let now = 0;
  const gate = makeGate(limits, () => now);
  const running: { slot: Slot; hangs: boolean }[] = [];
  for (let i = 0; i < 10_000; i++) {
    const start = (slot: Slot) => running.push({ slot, hangs: i % 100 === 55 });
    const slot = enter(gate, "https://many.example", "", start);
    if (slot) start(slot);
  }
  await settled();
  while (running.length < 10_000 && now < 2000) {
    now += 2;
    for (const one of running.filter(({ slot, hangs }) => slot.at > now - 4 && !hangs)) {
      one.hangs = true;
      gate.leave(one.slot, 2);
    }
    await settled();
  }
  expect(now).toBeLessThan(450);
  expect(running.length).toBe(10_000);
});

/** Lets pushes in that never end; `setAside` does it to all of them, and answers how many stand aside. */
function hangers(gate: Gate) {
  const slots: Slot[] = [];
  return {
    slots,
    come(origin: string, count: number) {
      const before = slots.length;
      for (let i = 0; i < count; i++) {
        const slot = enter(gate, origin, "", (slot) => slots.push(slot));
        if (slot) slots.push(slot);
      }
      return slots.length - before;
    },
    setAside() {
      for (const slot of [...slots]) gate.setAside(slot);
      return slots.filter(({ isAside }) => isAside).length;
    },
    end(slot: Slot | undefined) {
      if (!slot) throw new Error("nobody hangs");
      slots.splice(slots.indexOf(slot), 1);
      gate.leave(slot, undefined);
    },
  };
}

test("who hangs for long makes room for the others, half of it for those of one origin that answers", async () => {
  let now = 0;
  const gate = makeGate({ ...limits, aside: 100 }, () => now);
  come(gate, "https://half.example", 1).leave(1, 3);
  const half = hangers(gate);
  half.come("https://half.example", 200);
  now = 1000;
  expect(half.setAside()).toBe(50);
  expect(gate.isCrowded()).toBe(true);
  const each = hangers(gate);
  for (let i = 0; i < 49; i++) each.come(`https://${i}.example`, 1);
  expect(each.setAside()).toBe(49);
  each.come("https://49.example", 1);
  each.come("https://50.example", 1);
  expect(each.setAside()).toBe(50);

  // Whoever hangs and ends gives its place to the next one that hangs.
  each.end(each.slots[0]);
  expect(gate.isCrowded()).toBe(true);
  expect(each.slots.filter(({ isAside }) => isAside)).toHaveLength(50);
  for (const slot of [...half.slots, ...each.slots]) gate.leave(slot, undefined);
  expect(gate.isCrowded()).toBe(false);
});

test("an origin that is dead gets no more connections than another one, though those that hang there stand aside", async () => {
  let now = 0;
  const gate = makeGate({ ...limits, aside: 10_000 }, () => now);
  const dead = hangers(gate);
  expect(dead.come("https://dead.example", 5000)).toBe(64);
  expect(dead.setAside()).toBe(64);
  expect(dead.slots).toHaveLength(128);
  for (let second = 1; second < 60; second++) {
    now = second * 1000;
    dead.setAside();
    await settled();
  }
  // A few more now and then find out whether it lives again.
  expect(dead.slots.length).toBeGreaterThan(448);
  expect(dead.slots.length).toBeLessThan(448 + 64 + 20 * 8);
  expect(gate.isCrowded()).toBe(false);
});

test("an origin that serves everybody slowly gets no more connections because they stand aside", async () => {
  let now = 0;
  const gate = makeGate({ ...limits, aside: 10_000 }, () => now);
  const first = come(gate, "https://slow.example", 1);
  now = 2000;
  first.leave(1, 2000);
  const slow = hangers(gate);
  expect(slow.come("https://slow.example", 5000)).toBe(64);
  for (let look = 0; look < 4; look++) {
    now += 400;
    slow.setAside();
    await settled();
  }
  expect(slow.slots).toHaveLength(64);
  // But they keep no slot of the gate from others.
  expect(come(gate, "https://other.example", 64).now).toBe(64);
});

test("dead origins, however many, leave to those that answer what is not for doubtful ones", async () => {
  const gate = makeGate({ ...limits, aside: 4096, doubtful: 128 }, () => 0);
  come(gate, "https://well.example", 1).leave(1, 3);
  const dead = hangers(gate);
  for (let i = 0; i < 100; i++) dead.come(`https://dead-${i}.example`, 64);
  expect(dead.slots).toHaveLength(128);
  for (let i = 0; i < 1000; i++) {
    const well = come(gate, "https://well.example", 1);
    expect(well.now).toBe(1);
    well.leave(1, 3);
  }
});

test("where everybody hangs, the last who came is tried: the first may be what others left of their chunks", async () => {
  let now = 0;
  const gate = makeGate({ ...limits, aside: 4096 }, () => now);
  const origin = "https://half.example";
  const dead = hangers(gate);
  dead.come(origin, 300);
  expect(gate.isSilent(origin)).toBe(false);
  now = 1100;
  expect(gate.isSilent(origin)).toBe(true);
  expect(gate.isSilent("https://nobody-asked.example")).toBe(false);
  const well = come(gate, origin, 10);
  dead.setAside();
  await settled();
  expect(well.started()).toBe(10);
  well.leave(10, 3);
  expect(gate.isSilent(origin)).toBe(false);
});

test("whoever was set aside takes no slot, and 512 others run beside them", () => {
  const gate = makeGate({ ...limits, aside: 100 }, () => 0);
  const hanging = hangers(gate);
  for (let i = 0; i < 100; i++) hanging.come(`https://${i}.example`, 1);
  expect(hanging.setAside()).toBe(100);
  const others = Array.from({ length: 600 }, (_, i) => come(gate, `https://other-${i}.example`, 1));
  expect(others.filter(({ now }) => now === 1)).toHaveLength(512);
  for (const slot of hanging.slots) gate.leave(slot, 5000);
  expect(others.filter(({ started }) => started() === 1)).toHaveLength(512);
  others[0]?.leave(1, 5);
  expect(others.filter(({ started }) => started() === 1)).toHaveLength(513);
});

test("never lets through more than the channel's limit, however many origins there are", () => {
  const gate = makeGate({ inFlight: 100, inFlightPerOrigin: 10 });
  const started = Array.from({ length: 50 }, (_, i) => come(gate, `https://o${i}.example`, 20).now);
  expect(started.reduce((sum, n) => sum + n)).toBe(100);
  expect(Math.max(...started)).toBe(10);
});

test("a text for one is not behind a text for thousands that came before it", async () => {
  const gate = makeGate({ inFlight: 10, inFlightPerOrigin: 10 }, () => 0);
  const order: string[] = [];
  const first: Slot[] = [];
  const come = (origin: string, group: string) => {
    const slot = enter(gate, origin, group, () => order.push(group));
    if (slot) first.push(slot);
  };
  for (let i = 0; i < 1000; i++) come(`https://${i}.example`, "many");
  come("https://one.example", "one");
  for (const slot of first.slice(0, 4)) gate.leave(slot, 3);
  await settled();
  expect(first).toHaveLength(10);
  expect(order).toHaveLength(4);
  expect(order.indexOf("one")).toBeLessThanOrEqual(1);
});

test("an origin gets no more connections while this process has no time for its answers", async () => {
  const slots = { busy: 1 };
  const gate = makeGate(
    limits,
    () => 0,
    () => slots.busy,
  );
  const many = come(gate, "https://slow.example", 1000);
  many.leave(64, 50);
  await settled();
  expect(many.started()).toBe(128);
  slots.busy = 0.3;
  many.leave(64, 50);
  await settled();
  expect(many.started()).toBe(128 + 512);
});

test("thousands who leave as soon as they are let through, as a correction makes them, cost no room", () => {
  const gate = makeGate(limits, () => 0);
  const first = come(gate, "https://a.example", 64);
  let passed = 0;
  for (let i = 0; i < 50_000; i++)
    enter(gate, "https://a.example", "", (slot) => {
      passed++;
      gate.leave(slot, undefined);
    });
  first.leave(64, 5);
  expect(passed).toBe(50_000);
  expect(come(gate, "https://a.example", 64).now).toBe(64);
});

test("whoever no longer wants leaves the line, and is never called", async () => {
  const gate = makeGate({ inFlight: 1, inFlightPerOrigin: 1 }, () => 0);
  const first = gate.enter("https://a.example");
  const called: number[] = [];
  const waiters = Array.from({ length: 1000 }, (_, i) =>
    gate.wait(`https://${i % 3}.example`, `text ${i % 2}`, (slot) => {
      called.push(i);
      gate.leave(slot, 3);
    }),
  );
  for (const [i, waiter] of waiters.entries()) if (i % 10 !== 0) expect(gate.cancel(waiter)).toBe(true);
  if (first) gate.leave(first, 3);
  await settled();
  expect(called.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 100 }, (_, i) => i * 10));
  expect(waiters.map((waiter) => gate.cancel(waiter))).not.toContain(true);
  expect(come(gate, "https://1.example", 1).now).toBe(1);
});
