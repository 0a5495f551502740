import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { makeAdmission } from "#src/domain/deliveries/admission.ts";
import { type Gate, makeGate, type Slot } from "#src/domain/deliveries/gate.ts";

const GROUP = "ann_1";
const chunkAt = (...origins: string[]) => ({
  group: GROUP,
  urgent: false,
  origins: new Map(origins.map((origin) => [origin, 100 / origins.length])),
});
const settled = async () => {
  for (let i = 0; i < 5; i++) await Promise.resolve();
};

/** A gate with members of one announcement, and chunks that want to be claimed. */
function house(limits: { inFlight: number; inFlightPerOrigin: number }, ahead = 128) {
  const gate: Gate = makeGate(
    limits,
    () => performance.now(),
    () => 0,
  );
  const admission = makeAdmission(() => gate, ahead);
  const slots: Slot[] = [];
  const claimed: (() => void)[] = [];
  const refused: number[] = [];
  return {
    slots,
    claimed,
    refused,
    ask: (n: number, ...origins: string[]) =>
      void admission.admit(chunkAt(...origins)).then((go) => (go ? claimed.push(go) : refused.push(n))),
    stand: (origin: string, members: number) => {
      for (let i = 0; i < members; i++) {
        const slot = gate.enter(origin);
        if (slot) slots.push(slot);
        else
          gate.wait(origin, GROUP, (slot) => {
            slots.push(slot);
            admission.moved(GROUP);
          });
      }
    },
    answer: (times: number) => {
      for (let i = 0; i < times; i++) {
        const slot = slots.shift();
        if (slot) gate.leave(slot, 1);
      }
    },
    waiting: () => gate.waiting(GROUP),
    open: () => admission.open(GROUP),
  };
}

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setTimeout", "setInterval", "clearInterval", "clearTimeout", "performance"] });
});
afterEach(() => {
  vi.useRealTimers();
});

it("claims no further chunk while enough of the text wait for their turn, and then several together", async () => {
  const { ask, claimed, stand, answer, waiting } = house({ inFlight: 512, inFlightPerOrigin: 64 });
  for (let n = 0; n < 10; n++) ask(n, "a");
  await settled();
  expect(claimed).toHaveLength(2);
  for (const launched of claimed) {
    stand("a", 100);
    launched();
  }
  await settled();
  expect([waiting(), claimed.length]).toEqual([136, 2]);
  answer(8);
  await settled();
  expect([waiting(), claimed.length]).toEqual([128, 2]);
  answer(1);
  // At 127 there is room for one, two and three more below 328; a fourth would make it 427.
  await settled();
  expect([waiting(), claimed.length]).toEqual([127, 5]);
  for (const launched of claimed.slice(2)) {
    stand("a", 100);
    launched();
  }
  answer(299);
  await settled();
  expect([waiting(), claimed.length]).toEqual([128, 5]);
});

it("claims a chunk for those who would not wait, though many wait for others", async () => {
  const { ask, claimed, stand } = house({ inFlight: 512, inFlightPerOrigin: 64 });
  stand("dead", 300);
  ask(0, "dead");
  ask(1, "dead", "well");
  ask(2, "well");
  vi.advanceTimersByTime(20);
  await settled();
  expect(claimed).toHaveLength(2);
});

it("does not take a chunk of a hundred hosts for one that has room, when nothing has room any more", async () => {
  const { ask, claimed, stand } = house({ inFlight: 100, inFlightPerOrigin: 64 });
  const hosts = Array.from({ length: 100 }, (_, i) => `host${i}`);
  for (const host of hosts) stand(host, 3);
  for (let n = 0; n < 5; n++) ask(n, ...hosts);
  vi.advanceTimersByTime(200);
  await settled();
  expect(claimed).toHaveLength(0);
});

it("gives a chunk back that could not be claimed for long, and all that are left once the text is superseded", async () => {
  const { ask, claimed, refused, stand, open } = house({ inFlight: 64, inFlightPerOrigin: 64 });
  stand("a", 300);
  ask(0, "a");
  vi.advanceTimersByTime(5100);
  await settled();
  expect([refused, claimed.length]).toEqual([[0], 0]);
  ask(1, "a");
  ask(2, "a");
  open();
  await settled();
  expect(claimed).toHaveLength(2);
});
