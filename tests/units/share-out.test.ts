import { expect, it } from "vitest";
import { shareOut } from "#src/platform/share-out.ts";

it.each([
  [64, { inFlight: 8, aside: 4, idle: 8 }],
  [1024, { inFlight: 128, aside: 64, idle: 128 }],
  [4096, { inFlight: 512, aside: 512, idle: 512 }],
  [20_000, { inFlight: 2500, aside: 4096, idle: 2048 }],
  [Number.POSITIVE_INFINITY, { inFlight: Number.POSITIVE_INFINITY, aside: 4096, idle: 2048 }],
])("shares out %d files so that all of them together are never used up", (files, room) => {
  expect(shareOut(files)).toEqual(room);
});

it.each([256, 1024, 2048, 4096, 8192, 65_536])("leaves room for the doors and the store of %d files", (files) => {
  const { inFlight, aside, idle } = shareOut(files);
  const flying = Math.min(inFlight, 512);
  // Routine, urgent, late and late urgent gates; and as many idle ones again, that were in flight when there was room.
  const pushes = flying + 2 * Math.min(128, Math.ceil(flying / 4)) + Math.ceil(flying / 4);
  expect(pushes + 2 * aside + idle + flying).toBeLessThanOrEqual(0.8 * files);
});
