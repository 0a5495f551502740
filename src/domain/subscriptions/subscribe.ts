import { type NewId, randomSecret, sha256 } from "#src/ids.ts";
import { keys } from "#src/platform/keys.ts";
import type { Commit, Item, Table, Write } from "#src/platform/table.ts";
import { type AddressedChannels, checkedEndpoint } from "./channel.ts";
import { fallbackOf, firstChoice } from "./fallback.ts";
import { SUBSCRIPTION_FEED } from "./feed.ts";
import { knownEndpoint } from "./known-endpoint.ts";
import type { NewSubscription } from "./new-subscription.ts";
import { pointerItem, subscriptionItem } from "./store.ts";
import type { Subscription } from "./subscription.ts";

/** A request that nobody confirmed is forgotten after so long. */
export const PENDING_SECONDS = 86_400;

/** Shown once: the token that manages the subscription, and the secret that signs its pushes if we made it. */
export type Subscribed = { subscription: Subscription; manageToken: string; secret?: string };

export type SubscribeDeps = {
  table: Table;
  channels: AddressedChannels;
  now: () => Date;
  newId: NewId;
  commit?: Commit<Subscribed>;
};

/** Notes the wish; nothing is pushed before the endpoint itself confirms. Answers alike whatever is known of the address. */
export async function subscribe(deps: SubscribeDeps, input: NewSubscription): Promise<Subscribed> {
  const { channel } = input.endpoint;
  const { address, secrets, made } = await checkedEndpoint(deps.channels, input.endpoint);
  const now = deps.now();
  const manageToken = newManageToken();
  const { endpoint: _, fallbackFor, afterMinutes, ...wishes } = input;
  const endpoint = await knownEndpoint(deps.table, channel, address);
  const after = fallbackOf(endpoint, fallbackFor && (await firstChoice(deps, fallbackFor)), afterMinutes);
  const subscription: Subscription = {
    ...wishes,
    id: deps.newId("sub"),
    channel,
    address,
    endpoint,
    ...(after ? { after } : {}),
    status: "pending",
    secrets,
    manageTokenHash: sha256(manageToken),
    requestedAt: now.toISOString(),
    version: 1,
  };
  const result: Subscribed = { subscription, manageToken, ...(made === undefined ? {} : { secret: made }) };
  const commit = deps.commit ?? ((writes) => deps.table.write(writes));
  await commit(pendingWrites(subscription, now), result);
  return result;
}

export function newManageToken(): string {
  return `gsm_${randomSecret(256)}`;
}

/** A new subscription that waits for its endpoint's word, and is told to the change feed so that somebody asks. */
export function pendingWrites(subscription: Subscription, now: Date): Write[] {
  const [item, pointer] = pendingItems(subscription, now);
  return [{ put: item, if: { absent: true } }, { put: pointer }];
}

export function pendingItems(subscription: Subscription, now: Date): [subscription: Item, pointer: Item] {
  const expiresAt = Math.floor(now.getTime() / 1000) + PENDING_SECONDS;
  return [subscriptionItem(subscription, { feed: SUBSCRIPTION_FEED, expiresAt }), pointerItem(subscription, expiresAt)];
}

export const removedPointer = ({ endpoint, id }: Subscription): Write => ({
  remove: keys.endpointSubscription(endpoint, id),
});
