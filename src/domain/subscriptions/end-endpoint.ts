import { keys } from "#src/platform/keys.ts";
import type { Table, Write } from "#src/platform/table.ts";
import { keysOf } from "./endpoint.ts";
import { entryKeys } from "./entry.ts";
import { SUBSCRIPTION_FEED } from "./feed.ts";
import { pointerItem, subscriptionItem, subscriptionsOf } from "./store.ts";
import { type EndReason, SUPPRESSING, type Subscription, type SubscriptionStatus } from "./subscription.ts";

const KEPT_SECONDS = 7 * 86_400;
const REMEMBERED_SECONDS = 90 * 86_400;

const seconds = (at: Date): number => Math.floor(at.getTime() / 1000);

export type EndDeps = { table: Table; now: () => Date };

/** The row that stops chunks planned earlier. */
export function endedWrite(endpoint: string, because: EndReason, now: Date): Write {
  return {
    put: {
      ...keys.ended(endpoint),
      state: "ended",
      because,
      at: now.toISOString(),
      version: 2,
      expiresAt: seconds(now) + KEPT_SECONDS,
    },
  };
}

/** The list of those who wait to be switched on again, for whoever runs the service. */
export function switchedOffWrite({ status, channel, endpoint, id, endedAt }: Subscription): Write {
  const key = keys.switchedOff(endpoint, id);
  return status === "switched-off" ? { put: { ...key, channel, at: endedAt } } : { remove: key };
}

/** Remembers for good that the address must say yes itself before anything is pushed to it again, under its other key as well. */
export function suppressionWrites(
  endpoint: string,
  because: EndReason,
  now: Date,
  known?: Pick<Subscription, "channel" | "address">,
): Write[] {
  if (!SUPPRESSING.includes(because)) return [];
  const all = new Set([endpoint, ...(known ? keysOf(known.channel, known.address) : [])]);
  return [...all].map((one) => ({ put: { ...keys.suppression(one), because, at: now.toISOString() } }));
}

/** Takes a subscription out of the topic index and says why. */
export function stopWrites(
  subscription: Subscription,
  status: Extract<SubscriptionStatus, "ended" | "switched-off">,
  because: EndReason,
  now: Date,
): Write[] {
  const { challengeHash: _, ...kept } = subscription;
  const stopped: Subscription = {
    ...kept,
    status,
    endedAt: now.toISOString(),
    endedBecause: because,
    version: subscription.version + 1,
  };
  return [
    {
      // Nobody asked for being switched off, so somebody is told of it.
      put: subscriptionItem(stopped, status === "switched-off" ? { feed: SUBSCRIPTION_FEED } : {}),
      if: { version: subscription.version },
    },
    // An ended one stays findable for a while: an editor asks whom a push did not reach.
    { put: pointerItem(stopped, status === "ended" ? seconds(now) + REMEMBERED_SECONDS : undefined) },
    switchedOffWrite(stopped),
    ...entryKeys(subscription).map((key): Write => ({ remove: key })),
  ];
}

/** The address itself has ended, or was switched off: nothing more is sent to it, whatever it subscribed to. */
export async function endEndpoint(
  deps: EndDeps,
  endpoint: string,
  because: EndReason,
  status: "ended" | "switched-off" = "ended",
): Promise<void> {
  const now = deps.now();
  const [known] = await subscriptionsOf(deps.table, endpoint);
  await deps.table.write([endedWrite(endpoint, because, now), ...suppressionWrites(endpoint, because, now, known)]);
  for (;;) {
    const open = (await subscriptionsOf(deps.table, endpoint)).filter((one) => one.status === "confirmed");
    const written = await Promise.all(open.map((one) => deps.table.write(stopWrites(one, status, because, now))));
    if (written.every(({ ok }) => ok)) return;
  }
}
