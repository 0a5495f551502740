import { expect, it } from "vitest";
import { makeExposure } from "#src/domain/deliveries/exposure.ts";

it("lets no more pushes be exposed to a power cut than it may, and asks to store what was answered", async () => {
  let asked = 0;
  const exposure = makeExposure(3, () => asked++);
  expect([1, 2, 3].map(() => exposure.enter(false))).toEqual([undefined, undefined, undefined]);
  expect([exposure.isFull(), asked]).toEqual([true, 0]);
  const fourth = exposure.enter(false);
  let in4 = false;
  void fourth?.then(() => {
    in4 = true;
  });
  await Promise.resolve();
  expect([in4, asked]).toEqual([false, 1]);
  exposure.leave(2);
  await fourth;
  expect([in4, exposure.isFull()]).toEqual([true, false]);
});

it("keeps nothing urgent waiting, and counts it", async () => {
  const exposure = makeExposure(1, () => {});
  await exposure.enter(false);
  expect(exposure.enter(true)).toBeUndefined();
  exposure.leave(1);
  expect(exposure.isFull()).toBe(true);
});
