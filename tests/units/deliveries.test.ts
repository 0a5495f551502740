import { expect, it } from "vitest";
import { ledger } from "#src/domain/deliveries/ledger.ts";
import { pushWorld } from "./push-world.ts";

it("pushes a publication to everyone who asked for its column, once, and balances", async () => {
  const world = pushWorld();
  for (let i = 0; i < 250; i++) await world.subscribe(`https://example.org/${i}`);
  await world.subscribe("https://example.org/other", { topics: ["column:news"] });
  await world.subscribe("room:1", { channel: "wechaty" });
  const { announcementId } = await world.publish();
  await world.drain();
  expect(world.channels.webhook.seen.length).toBe(250);
  expect(new Set(world.channels.webhook.seen.map(({ deliveryId }) => deliveryId)).size).toBe(250);
  expect(await ledger(world.deps, announcementId, 1)).toMatchObject({
    closed: true,
    matched: 251,
    delivered: 251,
    waiting: 0,
    channels: { webhook: { matched: 250, delivered: 250 }, wechaty: { matched: 1, delivered: 1 } },
  });
});
