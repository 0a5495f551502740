import { z } from "zod";
import { keys } from "#src/platform/keys.ts";
import type { Item, Table } from "#src/platform/table.ts";
import { schema } from "#src/schema.ts";
import { END_REASONS, Subscription } from "./subscription.ts";

export function subscriptionItem(subscription: Subscription, more: { feed?: string; expiresAt?: number } = {}): Item {
  return { ...keys.subscription(subscription.id), ...subscription, ...leaseEnd(subscription), ...more };
}

/** What makes a row absent when the lease of its subscription is over; nothing for one without a lease. */
export function leaseEnd({ leaseUntil }: Subscription): { expiresAt?: number } {
  return leaseUntil === undefined ? {} : { expiresAt: Math.floor(Date.parse(leaseUntil) / 1000) };
}

/** The subscription with what the change feed or an expiry added left out. */
export function parseSubscription(item: Item): Subscription {
  return Subscription().parse(item);
}

export async function findSubscription(table: Table, id: string): Promise<Subscription | undefined> {
  const item = await table.get(keys.subscription(id));
  return item && parseSubscription(item);
}

/**
 * What belongs to the address itself. `asked`: when confirmations were sent to it lately (RFC 3339). The address is left
 * out where it is suppressed: for that the key is enough.
 */
export const Endpoint = schema(() =>
  z.object({
    channel: z.string(),
    address: z.string(),
    asked: z.array(z.string()).default([]),
    version: z.number(),
  }),
);
export type Endpoint = z.infer<ReturnType<typeof Endpoint>>;

export async function findEndpoint(table: Table, endpoint: string): Promise<Endpoint | undefined> {
  const item = await table.get(keys.endpoint(endpoint));
  return item && Endpoint().parse(item);
}

export function endpointItem(endpoint: string, value: Endpoint, expiresAt?: number): Item {
  return { ...keys.endpoint(endpoint), ...value, ...(expiresAt === undefined ? {} : { expiresAt }) };
}

export const LISTINGS = 8;

/**
 * The pointer from an endpoint to one of its subscriptions, with the status that decides about the others. Being small,
 * it also stands in the index for the list of all subscriptions.
 */
export function pointerItem(subscription: Subscription, expiresAt?: number): Item {
  const { endpoint, id, status } = subscription;
  return {
    ...keys.endpointSubscription(endpoint, id),
    id,
    status,
    ...(status === "ended" ? {} : { index: keys.subscriptionListing(endpoint.charCodeAt(0) % LISTINGS, id) }),
    ...(expiresAt === undefined ? leaseEnd(subscription) : { expiresAt }),
  };
}

/** Every subscription of an endpoint that has not ended. */
export async function subscriptionsOf(table: Table, endpoint: string): Promise<Subscription[]> {
  return (await everSubscribed(table, endpoint)).filter(({ status }) => status !== "ended");
}

/** The same with those that ended lately. */
export async function everSubscribed(table: Table, endpoint: string): Promise<Subscription[]> {
  const ids: string[] = [];
  for (let after: string | undefined; ; ) {
    const page = await table.query({
      pk: keys.endpoint(endpoint).pk,
      prefix: "SUBSCRIPTION#",
      fresh: true,
      ...(after === undefined ? {} : { after }),
    });
    for (const { id } of page.items) if (typeof id === "string") ids.push(id);
    if (page.next === undefined) break;
    after = page.next;
  }
  const items = await table.getMany(ids.map((id) => keys.subscription(id)));
  return items.flatMap((item) => (item ? [parseSubscription(item)] : []));
}

/**
 * Rows beside the topic index, in the order of the fan-out: an endpoint that ended (kept a week, longer than any chunk
 * waits) or that keeps failing (`since` its first failure, `confirmed` once failures lie 12 hours apart).
 */
export const EndpointMark = schema(() =>
  z.discriminatedUnion("state", [
    z.object({
      state: z.literal("ended"),
      at: z.string(),
      because: z.enum(END_REASONS).catch("unsubscribed").exactOptional(),
    }),
    z.object({ state: z.literal("failing"), since: z.string(), lasting: z.boolean() }),
  ]),
);
export type EndpointMark = z.infer<ReturnType<typeof EndpointMark>>;

export async function marksBetween(table: Table, first: string, last: string): Promise<Map<string, EndpointMark>> {
  const marks = new Map<string, EndpointMark>();
  for (let after: string | undefined; ; ) {
    const page = await table.query({
      pk: "ENDED",
      from: first,
      to: `${last}~`,
      ...(after === undefined ? {} : { after }),
    });
    for (const item of page.items) marks.set(item.sk, EndpointMark().parse(item));
    if (page.next === undefined) return marks;
    after = page.next;
  }
}
