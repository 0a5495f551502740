import { expect, it } from "vitest";
import { endpointKey } from "#src/domain/subscriptions/endpoint.ts";
import { balanced } from "./balanced.ts";
import { atEveryCall, faulty, MODES, type Mode, persistently } from "./faulty-ports.ts";
import { pushWorld } from "./push-world.ts";

const ID = "ann_00000000000000000000000001";
const hook = (name: string) => `https://example.org/${name}`;

/** A room that is down and one that answers, each with a webhook behind it, and one fault anywhere. */
async function story(n: number, mode: Mode): Promise<boolean> {
  const fault = faulty(n, mode);
  const world = pushWorld({ wrap: fault.wrap });
  for (const room of ["down", "up"]) {
    await world.subscribe(`room:${room}`, { channel: "wechaty" });
    const after = { endpoint: endpointKey("wechaty", `room:${room}`), minutes: 5 };
    await world.subscribe(hook(`behind ${room}`), { after });
  }
  world.channels.wechaty.answer(({ target }) =>
    target.address === "room:down" ? { kind: "retry", detail: "busy" } : { kind: "delivered" },
  );
  const mortally = persistently(world, fault);
  await mortally(() => world.publish());
  for (let minute = 0; minute < 60; minute++) {
    await mortally(() => world.drain());
    world.pass(31);
    await mortally(() => world.handlers().sweep());
    if ((await balanced(world.platform.table, ID))?.closed) break;
  }
  const sum = await balanced(world.platform.table, ID);
  expect(sum).toMatchObject({ closed: true, matched: 4, held: 0, waiting: 0 });
  const times = Map.groupBy(world.channels.webhook.seen, ({ target }) => target.address);
  const first = world.channels.wechaty.seen.filter(({ target }) => target.address === "room:down");
  const second = times.get(hook("behind down")) ?? [];
  expect(second.length).toBeGreaterThanOrEqual(1);
  expect(second.length).toBeLessThanOrEqual(fault.hit() ? 2 : 1);
  // The room was not tried again once somebody stood in for it.
  for (const { at } of first) expect(at).toBeLessThanOrEqual(second[0]?.at ?? 0);
  const reached = sum?.channels["wechaty"]?.delivered === 1;
  expect(times.has(hook("behind up"))).toBe(!reached);
  await world.platform.stop();
  return fault.hit();
}

for (const mode of MODES) {
  it(`sends to a fallback or to its first choice, never to both, whichever call ${mode} its effect`, {
    timeout: 120_000,
  }, async () => {
    expect(await atEveryCall((n) => story(n, mode))).toBeGreaterThan(60);
  });
}
