import { afterEach, beforeEach, expect, it } from "vitest";
import { confirmByChallenge } from "#src/domain/subscriptions/confirm-by-challenge.ts";
import { findSubscription } from "#src/domain/subscriptions/store.ts";
import { sha256 } from "#src/ids.ts";
import { confirmed, pushWorld, type World } from "./push-world.ts";

const CHALLENGE = "challenge-of-thirty-two-characters";
let world: World;
beforeEach(() => {
  world = pushWorld();
});
afterEach(() => world.platform.stop());

const asked = (channel: "email" | "wechaty", challenge: string) =>
  confirmed(world.platform.table, "somebody", { channel, status: "pending", challengeHash: sha256(challenge) });

const answer = (subscriptionId: string, challenge: string) =>
  confirmByChallenge(world.deps, { subscriptionId, challenge });

it("turns on what was asked for, also when the same answer comes again", async () => {
  const { id } = await asked("email", CHALLENGE);
  expect(await answer(id, CHALLENGE)).toMatchObject({ id, status: "confirmed" });
  expect(await answer(id, CHALLENGE)).toMatchObject({ id, status: "confirmed" });
  expect(await answer(id, CHALLENGE.toUpperCase())).toBeUndefined();
  expect((await findSubscription(world.platform.table, id))?.challengeHash).toBeUndefined();
});

it("never takes the code of a chat, which has to come back from that chat, and does not count it either", async () => {
  const { id } = await asked("wechaty", "ABCD2345");
  for (let i = 0; i < 6; i++) expect(await answer(id, "ABCD2345")).toBeUndefined();
  const after = await findSubscription(world.platform.table, id);
  expect([after?.status, after?.challengeHash, after?.wrongCodes]).toEqual(["pending", sha256("ABCD2345"), undefined]);
});

it("voids the challenge after five wrong answers", async () => {
  const { id } = await asked("email", CHALLENGE);
  for (let i = 0; i < 5; i++) expect(await answer(id, `${CHALLENGE}${i}`)).toBeUndefined();
  expect(await answer(id, CHALLENGE)).toBeUndefined();
});

it("forgets how often an endpoint failed when a provider takes its messages over again", async () => {
  await world.subscribe("https://push.example/1", { channel: "web-push", secrets: ["keys"] });
  const channel = world.channels["web-push"];
  const marks = async () => (await world.platform.table.query({ pk: "ENDED" })).items;
  channel.answer(() => ({ kind: "retry", status: 500, detail: "500" }));
  await world.publish();
  await world.drain();
  await world.live(10);
  expect(await marks()).toMatchObject([{ state: "failing" }]);
  channel.answer(() => ({ kind: "accepted", status: 201 }));
  await world.live(600, 10);
  expect(await marks()).toEqual([]);
});
