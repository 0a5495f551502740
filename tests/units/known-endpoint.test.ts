import { afterEach, beforeEach, expect, it } from "vitest";
import { mailAddress } from "#src/channels/email-address.ts";
import { noSecret } from "#src/channels/no-secret.ts";
import { ledger } from "#src/domain/deliveries/ledger.ts";
import { takeMailNotice } from "#src/domain/deliveries/mail-notice.ts";
import { changeSubscription } from "#src/domain/subscriptions/change.ts";
import { confirm } from "#src/domain/subscriptions/confirm.ts";
import { endEndpoint } from "#src/domain/subscriptions/end-endpoint.ts";
import { endpointKey, spelledKey } from "#src/domain/subscriptions/endpoint.ts";
import { findEndpoints } from "#src/domain/subscriptions/find-endpoints.ts";
import { importSubscriptions } from "#src/domain/subscriptions/import.ts";
import { knownEndpoint } from "#src/domain/subscriptions/known-endpoint.ts";
import { ImportedSubscription } from "#src/domain/subscriptions/new-subscription.ts";
import { findSubscription } from "#src/domain/subscriptions/store.ts";
import { subscribe } from "#src/domain/subscriptions/subscribe.ts";
import { unsubscribe } from "#src/domain/subscriptions/unsubscribe.ts";
import { silentLog } from "#src/log.ts";
import { pushWorld, type World } from "./push-world.ts";

const OLD = "Old.Name@example.org";
const ANN = "ann_00000000000000000000000001";

let world: World;
beforeEach(() => {
  world = pushWorld({ email: { address: async (text) => mailAddress(text), confirms: "link", secret: noSecret } });
});
afterEach(() => world.platform.stop());

const deps = () => ({ table: world.platform.table, channels: world.channels, now: world.now, newId: world.deps.newId });
/** As it was stored before spellings were one. */
const stored = () => world.subscribe(OLD, { channel: "email", secrets: [], endpoint: spelledKey("email", OLD) });
const signUp = async (address: string) =>
  (
    await subscribe(deps(), {
      endpoint: { channel: "email", address },
      ...{ topics: ["column:notices"], frequency: "now", language: "zh-CN" },
    })
  ).subscription;

it("a mailbox that has stood under its spelling stays that endpoint, for its pushes and for whoever names it so again", async () => {
  const old = await stored();
  expect(old.endpoint).not.toBe(endpointKey("email", OLD));
  expect((await signUp("Old.Name@EXAMPLE.org")).endpoint).toBe(old.endpoint);
  await world.publish();
  await world.drain();
  expect(await ledger(world.deps, ANN, 1)).toMatchObject({ matched: 1, delivered: 1 });
  expect(world.channels.email.seen.map(({ target }) => target.address)).toEqual([OLD]);
});

it("a change of what it wants keeps it confirmed and where it is; another spelling of its address has to be confirmed", async () => {
  const old = await stored();
  const wishes = await changeSubscription(deps(), old, old.version, { topics: ["column:news"] });
  expect(wishes).toMatchObject({ status: "confirmed", endpoint: old.endpoint, address: OLD });
  const same = await changeSubscription(deps(), wishes, wishes.version, { endpoint: { address: OLD } });
  expect(same).toMatchObject({ status: "confirmed", endpoint: old.endpoint });
  const lower = OLD.toLowerCase();
  const moved = await changeSubscription(deps(), same, same.version, { endpoint: { address: lower } });
  expect(moved).toMatchObject({ status: "pending", endpoint: endpointKey("email", lower), movedFrom: old.endpoint });
});

it("a mailbox that was signed up since may be spelled otherwise at once: it is the same one", async () => {
  const { endpoint } = await signUp("new@example.org");
  const since = await world.subscribe("new@example.org", { channel: "email", secrets: [] });
  expect(since.endpoint).toBe(endpoint);
  const changed = await changeSubscription(deps(), since, since.version, { endpoint: { address: "New@example.org" } });
  expect(changed).toMatchObject({ status: "confirmed", endpoint, address: "New@example.org" });
});

it("both are found by the address, and a bounce of it ends both", async () => {
  const old = await stored();
  const plain = await world.subscribe(OLD.toLowerCase(), { channel: "email", secrets: [] });
  for (const one of [old, plain]) expect(await findEndpoints(deps(), OLD)).toContain(one.endpoint);
  await takeMailNotice({ ...deps(), log: silentLog }, { kind: "bounced", address: OLD });
  for (const { id } of [old, plain])
    expect(await findSubscription(world.platform.table, id)).toMatchObject({
      status: "ended",
      endedBecause: "bounced",
    });
});

it("once it has left, whoever signs it up again is known by the mailbox", async () => {
  const old = await stored();
  await unsubscribe(deps(), old);
  expect(await knownEndpoint(world.platform.table, "email", OLD)).toBe(endpointKey("email", OLD));
  expect(endpointKey("email", OLD)).toBe(endpointKey("email", OLD.toUpperCase()));
  expect(endpointKey("wechaty", "room:A")).not.toBe(endpointKey("wechaty", "room:a"));
});

it("once it has left, nobody enters it again under any spelling, until it says yes itself", async () => {
  const readLine = (text: string) => ImportedSubscription.parse(JSON.parse(text));
  const entered = async (address: string, column: string) => {
    const endpoint = { channel: "email", address };
    const line = JSON.stringify({ endpoint, topics: [`column:${column}`], confirmed: true, basis: "a list" });
    return (await importSubscriptions({ ...deps(), readLine, log: silentLog }, line, "admin")).errors[0]?.code;
  };
  for (const leave of [
    async () => unsubscribe(deps(), await stored()),
    async () => endEndpoint(deps(), (await stored()).endpoint, "unsubscribed"),
  ]) {
    await leave();
    for (const address of [OLD, OLD.toLowerCase()]) expect(await entered(address, "news")).toBe("UNSUBSCRIBED");
    const asked = await signUp(OLD);
    await confirm(deps(), asked);
    for (const address of [OLD, OLD.toLowerCase()]) expect(await entered(address, "news")).toBeUndefined();
  }
});
