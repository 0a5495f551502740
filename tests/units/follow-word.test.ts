import { expect, it } from "vitest";
import { heedFollowWord } from "#src/domain/subscriptions/follow-word.ts";
import { silentLog } from "#src/log.ts";
import { embeddedPlatform } from "#src/platform/embedded/platform.ts";

it("acts by the newer word last, whichever of two that come at once acts faster", async () => {
  const { table } = embeddedPlatform({ data: ":memory:", now: () => new Date(), log: silentLog });
  for (const first of [true, false]) {
    const acted: boolean[] = [];
    const slow = Promise.withResolvers<void>();
    const heed = (seconds: number, follows: boolean, wait?: Promise<void>) =>
      heedFollowWord({ table }, `endpoint_${first}`, { at: Date.now() + seconds, follows }, async (now) => {
        if (now === follows) await wait;
        acted.push(now);
      });
    const older = heed(1000, first, slow.promise);
    await new Promise((go) => setTimeout(go, 20));
    await heed(2000, !first);
    slow.resolve();
    await older;
    expect(acted).toEqual([!first, first, !first]);
  }
});
