import { expect, it } from "vitest";
import type { Outcome } from "#src/domain/deliveries/channel.ts";
import { retryAll } from "#src/domain/deliveries/retry-all.ts";
import { AppError } from "#src/errors.ts";
import { balanced } from "./balanced.ts";
import { atEveryCall, faulty, MODES, type Mode, persistently } from "./faulty-ports.ts";
import { pushWorld } from "./push-world.ts";

const ID = "ann_00000000000000000000000001";
const hook = (i: number) => `https://example.org/${i}`;

/**
 * A text and its correction, to webhooks, a room, a mailbox and a robot; one webhook refuses the correction until an
 * editor has it tried again, and the mail server's receipt comes afterwards. One fault anywhere; then time passes.
 */
async function story(n: number, mode: Mode): Promise<boolean> {
  const fault = faulty(n, mode);
  const world = pushWorld({ wrap: fault.wrap, email: { guarantee: "at-least-once", receipts: () => "always" } });
  for (let i = 0; i < 2; i++) await world.subscribe(hook(i));
  await world.subscribe("room:1", { channel: "wechaty" });
  await world.subscribe("a@example.org", { channel: "email" });
  await world.subscribe("robot:1", { channel: "dingtalk" });
  let refuses = true;
  for (const channel of Object.values(world.channels))
    channel.answer(({ target, revision, deliveryId }): Outcome => {
      if (target.address === hook(1) && revision === 2 && refuses)
        return { kind: "rejected", status: 400, detail: "no" };
      if (channel.name === "email") return { kind: "accepted", status: 250, receipt: deliveryId };
      return { kind: "delivered", status: 200 };
    });
  const balances = (revision: number) => balanced(world.platform.table, ID, revision);
  const tried = persistently(world, fault, { seconds: 61, afterEach: () => Promise.all([1, 2].map(balances)) });
  const isRefused = (error: unknown) => error instanceof AppError && error.kind === "conflict";
  const mortally = (step: () => Promise<unknown>) =>
    tried(() => step().catch((error: unknown) => (isRefused(error) ? undefined : Promise.reject(error))));
  const closed = async (revision: number) => {
    for (let minute = 0; minute < 14; minute++) {
      await mortally(() => world.drain());
      if ((await balances(revision))?.closed) return;
      world.pass(61);
      await mortally(() => world.handlers().sweep());
    }
  };
  await mortally(() => world.publish());
  await mortally(() => world.round());
  await mortally(() => world.publish({ revision: 2, kind: "corrected" }));
  await closed(1);
  await closed(2);
  refuses = false;
  await mortally(() => retryAll(world.handlerDeps(), ID, 2, "failed"));
  await closed(2);
  const receipt = { channel: "email", receipt: `${ID}.2.${world.channels.email.seen.at(-1)?.target.endpoint}` };
  await mortally(() => world.handlers().receipt({ ...receipt, outcome: "failed" }));
  world.pass(10);
  await closed(2);
  const crashes = fault.hit() ? 1 : 0;
  const seen = Object.values(world.channels).flatMap((channel) => channel.seen);
  const times = (address: string, revision: number) =>
    seen.filter(({ target, revision: text }) => target.address === address && text === revision).length;
  for (const address of [hook(0), hook(1), "a@example.org", "room:1", "robot:1"]) {
    const texts = seen.filter(({ target }) => target.address === address).map(({ revision }) => revision);
    expect(texts, address).toEqual(texts.toSorted());
  }
  for (const address of ["room:1", "robot:1"])
    for (const revision of [1, 2]) expect(times(address, revision), address).toBeLessThanOrEqual(1);
  for (const address of [hook(0), "a@example.org"]) {
    expect(times(address, 2), address).toBeGreaterThanOrEqual(1);
    expect(times(address, 2), address).toBeLessThanOrEqual(1 + crashes);
  }
  expect(await balances(1)).toMatchObject({ closed: true, matched: 5, waiting: 0, held: 0 });
  const sum = await balances(2);
  expect(sum).toMatchObject({ closed: true, matched: 5, waiting: 0, held: 0 });
  expect(sum?.channels["webhook"], "what was tried again arrived").toMatchObject({ delivered: 2, failed: 0 });
  expect(sum?.channels["email"], "the receipt counts").toMatchObject({ failed: 1 });
  await world.platform.stop();
  return fault.hit();
}

for (const mode of MODES) {
  it(`keeps every promise of a correction, a retry and a receipt whichever call ${mode} its effect`, {
    timeout: 240_000,
  }, async () => {
    expect(await atEveryCall((n) => story(n, mode))).toBeGreaterThan(60);
  });
}
