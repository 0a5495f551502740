import { expect, it } from "vitest";
import type { Outcome } from "#src/domain/deliveries/channel.ts";
import { sweep } from "#src/domain/deliveries/sweep.ts";
import { balanced } from "./balanced.ts";
import { atEveryCall, faulty, MODES, type Mode, persistently } from "./faulty-ports.ts";
import { pushWorld } from "./push-world.ts";

const ID = "ann_00000000000000000000000001";
const hook = (name: string) => `https://example.org/${name}`;
const quietHours = { from: "09:00", to: "23:00" };

/**
 * A text, its correction, and a withdrawal while the correction is half out: to readers who got it, sleep, refuse for hours or
 * never answer. One fault after the withdrawal, and two sweeps at once; then time passes.
 */
async function story(n: number, mode: Mode): Promise<boolean> {
  const fault = faulty(n, mode);
  let armed = false;
  const world = pushWorld({
    wrap: (ports) => (armed ? fault.wrap(ports) : ports),
    webhook: { retriesUnknown: true },
  });
  for (const name of ["well", "down", "silent"]) await world.subscribe(hook(name));
  for (const name of ["asleep", "asleep, too"]) await world.subscribe(hook(name), { quietHours });
  await world.subscribe("room:well", { channel: "wechaty" });
  await world.subscribe("room:asleep", { channel: "wechaty", quietHours });
  for (const channel of Object.values(world.channels))
    channel.answer(({ target: { address }, revision }): Outcome => {
      if (revision === 3) return { kind: "delivered", status: 200 };
      if (address === hook("down")) return { kind: "retry", status: 503, detail: "no", retryAfterSeconds: 36_000 };
      if (address === hook("silent")) return { kind: "unknown", detail: "silent" };
      return { kind: "delivered", status: 200 };
    });
  await world.publish();
  await world.drain();
  await world.publish({ revision: 2, kind: "corrected" });
  for (let i = 0; i < 3; i++) {
    await world.round();
    world.pass(1);
  }
  armed = true;
  world.restart();
  const sums = () => Promise.all([1, 2, 3].map((revision) => balanced(world.platform.table, ID, revision)));
  const mortally = persistently(world, fault, { afterEach: sums });
  await mortally(() => world.publish({ revision: 3, kind: "withdrawn", reason: "有误" }));
  for (let minute = 0; minute < 8; minute++) {
    world.pass(61);
    const other = { ...world.handlerDeps(), table: world.platform.table, queue: world.platform.queue };
    await mortally(() => Promise.all([world.handlers().sweep(), sweep(other)]));
    await mortally(() => world.drain());
  }
  for (const sum of await sums()) expect(sum).toMatchObject({ closed: true, waiting: 0, held: 0 });
  const texts = new Map<string, number[]>();
  for (const channel of Object.values(world.channels))
    for (const { target, revision } of channel.seen)
      texts.set(target.address, [...(texts.get(target.address) ?? []), revision]);
  for (const [address, revisions] of texts) expect(revisions, address).toEqual(revisions.toSorted());
  for (const address of [hook("well"), hook("silent")])
    expect(texts.get(address)?.filter((revision) => revision === 3).length, address).toBeGreaterThanOrEqual(1);
  // Of a room that was about to be told when its worker died, a person finds out.
  const room = (await sums())[2]?.channels["wechaty"];
  const times = texts.get("room:well")?.filter((revision) => revision === 3).length;
  expect([times, room?.delivered, room?.unknown]).toEqual(room?.unknown ? [times, 0, 1] : [1, 1, 0]);
  expect(times).toBeLessThanOrEqual(1);
  // Who slept was never begun, and who refused was answered for: neither is told of a withdrawal.
  for (const address of [hook("asleep"), hook("asleep, too"), "room:asleep"])
    expect(texts.get(address)).toBeUndefined();
  expect(texts.get(hook("down"))).not.toContain(3);
  await world.platform.stop();
  return fault.hit();
}

for (const mode of MODES)
  it(`settles texts that were replaced twice, for exactly those who saw them, whichever call ${mode} its effect`, {
    timeout: 240_000,
  }, async () => {
    expect(await atEveryCall((n) => story(n, mode))).toBeGreaterThan(60);
  });
