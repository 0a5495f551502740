import { queueLeaving } from "#src/domain/subscriptions/ask-endpoint.ts";
import { type AddressedChannels, checkedAddress } from "#src/domain/subscriptions/channel.ts";
import { endpointKey } from "#src/domain/subscriptions/endpoint.ts";
import { subscriptionsOf } from "#src/domain/subscriptions/store.ts";
import { pendingWrites } from "#src/domain/subscriptions/subscribe.ts";
import type { Subscription } from "#src/domain/subscriptions/subscription.ts";
import type { NewId } from "#src/ids.ts";
import type { Queue, QueueName } from "#src/platform/queue.ts";
import type { Table } from "#src/platform/table.ts";
import { leaseText } from "./lease.ts";

export type FollowDeps = {
  table: Table;
  queue: (name: QueueName) => Queue;
  channels: AddressedChannels;
  now: () => Date;
  newId: NewId;
};

/** `path` is that of a feed of this site, `topic` what it is about. */
export type FeedFollower = { callback: string; path: string };

const LEASE_SECONDS = 10 * 86_400;
const LONGEST_SECONDS = 30 * 86_400;
// Long enough for the question to be asked three times.
const SHORTEST_SECONDS = 300;

/**
 * Notes that a WebSub subscriber wants a feed. It gets nothing before its callback agreed; what it had before stands until then.
 * AppError "invalid" (pointer `/endpoint/address`) for a callback that cannot be one.
 */
export async function followFeed(
  deps: FollowDeps,
  { callback, path, topic, ...wish }: FeedFollower & { topic: string; leaseSeconds?: number; secret?: string },
): Promise<Subscription> {
  const now = deps.now();
  const address = await checkedAddress(deps.channels, "websub", `${callback} ${path}`);
  const seconds = Math.min(LONGEST_SECONDS, Math.max(SHORTEST_SECONDS, wish.leaseSeconds || LEASE_SECONDS));
  const until = now.getTime() + seconds * 1000;
  const subscription: Subscription = {
    id: deps.newId("sub"),
    channel: "websub",
    address,
    endpoint: endpointKey("websub", address),
    topics: [topic],
    frequency: "now",
    language: "zh-CN",
    status: "pending",
    secrets: [leaseText({ requestedAt: now.getTime(), until, secret: wish.secret ?? "" })],
    leaseUntil: new Date(until).toISOString(),
    requestedAt: now.toISOString(),
    version: 1,
  };
  await deps.table.write(pendingWrites(subscription, now));
  return subscription;
}

/** Asks the callback whether it really wants no more of the feed. Nothing to ask when it had not asked for it. */
export async function leaveFeed(deps: FollowDeps, { callback, path }: FeedFollower): Promise<void> {
  const address = await checkedAddress(deps.channels, "websub", `${callback} ${path}`);
  const open = await subscriptionsOf(deps.table, endpointKey("websub", address));
  const newest = open.sort((a, b) => (a.requestedAt < b.requestedAt ? -1 : 1)).at(-1);
  if (newest) await queueLeaving(deps, newest, "asked");
}
