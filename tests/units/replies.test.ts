import { expect, it } from "vitest";
import { makeReplies } from "#src/bot/replies.ts";
import type { ChatMessage } from "#src/domain/deliveries/messenger.ts";
import { silentLog } from "#src/log.ts";
import { makePace } from "./one-account.ts";

function account(perMinute: number) {
  let now = 0;
  const left: { to: string; at: number }[] = [];
  const inTurn = makePace({
    pace: { perMinute, seconds: [3, 3] },
    now: () => new Date(now),
    wait: async (milliseconds) => {
      now += milliseconds;
    },
    random: () => 0,
  });
  const messenger = {
    canLink: () => true,
    send: async (to: string, _: ChatMessage) => {
      left.push({ to, at: now });
      return { id: "1" };
    },
  };
  const replies = makeReplies({
    messenger: () => messenger,
    inTurn,
    now: () => new Date(now),
    log: silentLog,
    patienceMs: 1000,
  });
  return { left, inTurn, messenger, replies };
}

it("however much is asked, pushes get every second turn, and nobody passes the account's pace", async () => {
  const { left, inTurn, messenger, replies } = account(30);
  for (let i = 0; i < 40; i++) replies.answer("contact:curious", "x");
  // A chunk is sent one after another: the next push asks for its turn when the one before has left.
  for (let i = 0; i < 20; i++) await inTurn(() => messenger.send("push", { kind: "text", text: "x" }));
  const first = left.slice(0, 40).map(({ to }) => to);
  expect(first.filter((to) => to === "push").length).toBeGreaterThanOrEqual(19);
  for (const [i, { at }] of left.entries()) if (i > 0) expect(at - (left[i - 1]?.at ?? 0)).toBeGreaterThanOrEqual(3000);
});

it("what nobody can wait for any more is not answered, and no more is kept than can be answered", async () => {
  const { left, replies } = account(5);
  for (let i = 0; i < 500; i++) replies.answer("contact:curious", "x");
  await expect.poll(() => left.length).toBeGreaterThan(20);
  await new Promise((resolve) => setTimeout(resolve, 50));
  expect(left.length).toBeLessThanOrEqual(30);
  expect(Math.max(...left.map(({ at }) => at))).toBeLessThanOrEqual(360_000);
});
