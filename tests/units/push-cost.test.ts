import { expect, it } from "vitest";
import { ledger } from "#src/domain/deliveries/ledger.ts";
import { meter } from "#src/platform/meter.ts";
import { QUEUES, type QueueName } from "#src/platform/queue.ts";
import { pushWorld } from "./push-world.ts";

it("costs no more AWS calls per push than promised, counted at the ports", async () => {
  const { counts, ...wrap } = meter();
  const world = pushWorld({
    wrap: ({ table, queue, channels }) => ({
      table: wrap.table(table),
      queue: (name) => wrap.queue(queue(name)),
      channels,
    }),
  });
  for (let i = 0; i < 1000; i++) await world.subscribe(`https://receiver-${i}.example.org/hooks/announcements`);
  Object.assign(counts, { writeUnits: 0, readUnits: 0, queueRequests: 0, invocations: 0 });
  const { announcementId } = await world.publish();
  counts.invocations++; // the change feed's
  // As AWS would hand them over: so many messages a call.
  for (let taken = 1; taken > 0; ) {
    taken = 0;
    // Asking a queue that stays empty is no push's price.
    for (const name of ["fanout", "deliver-webhook"] satisfies QueueName[]) {
      const queue = world.deps.queue(name);
      const messages = await queue.receive({ max: QUEUES[name].batch, waitSeconds: 0, visibleAfterSeconds: 60 });
      if (messages.length === 0) continue;
      taken += messages.length;
      counts.invocations++;
      const { failed } = await world.handlerOf(name)(messages);
      expect(failed).toEqual([]);
      await queue.done(messages.map(({ receipt }) => receipt));
    }
  }
  // The check that closes the fan-out belongs to it; what the minute's tick reads anyway does not.
  const before = { ...counts };
  await world.handlers().sweep();
  const idle = counts.readUnits - before.readUnits;
  counts.readUnits -= 2 * idle;
  world.pass(70);
  await world.handlers().sweep();
  const spent = { ...counts };
  expect(await ledger(world.deps, announcementId, 1)).toMatchObject({ closed: true, delivered: 1000 });
  expect(spent.writeUnits / 1000).toBeLessThanOrEqual(0.05);
  expect(spent.readUnits / 1000).toBeLessThanOrEqual(0.05);
  expect(spent.queueRequests / 1000).toBeLessThanOrEqual(0.03);
  expect(spent.invocations / 1000).toBeLessThanOrEqual(0.01);
});
