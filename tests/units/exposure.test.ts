import { expect, it } from "vitest";
import { makeExposure } from "#src/domain/deliveries/exposure.ts";

it("lets no more pushes be exposed to a power cut than it may, and asks to store what was answered", () => {
  let asked = 0;
  const exposure = makeExposure(3, async () => asked++);
  expect([1, 2, 3].map(() => exposure.enter(false))).toEqual([true, true, true]);
  expect([exposure.isHigh(), asked]).toEqual([true, 0]);
  expect(exposure.enter(false)).toBe(false);
  let in4 = false;
  exposure.wait(() => {
    in4 = true;
  });
  expect([in4, asked]).toEqual([false, 1]);
  exposure.leave(2);
  expect([in4, exposure.isHigh()]).toEqual([true, false]);
});

it("keeps nothing urgent waiting, and counts it", () => {
  const exposure = makeExposure(1, async () => {});
  expect([exposure.enter(false), exposure.enter(true)]).toEqual([true, true]);
  exposure.leave(1);
  expect(exposure.isHigh()).toBe(true);
});

it("has what was answered stored before there is no room left, one store at a time", async () => {
  let asked = 0;
  const store = Promise.withResolvers<void>();
  const exposure = makeExposure(8, () => {
    asked++;
    return store.promise;
  });
  for (let i = 0; i < 5; i++) exposure.enter(false);
  exposure.relieve();
  expect(asked).toBe(0);
  exposure.enter(false);
  for (let i = 0; i < 3; i++) exposure.relieve();
  expect(asked).toBe(1);
  store.resolve();
  await new Promise((resolve) => setImmediate(resolve));
  exposure.relieve();
  expect(asked).toBe(2);
});
