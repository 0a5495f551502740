import { keys } from "#src/platform/keys.ts";
import type { Table } from "#src/platform/table.ts";
import { LISTINGS, parseSubscription } from "./store.ts";
import type { Subscription } from "./subscription.ts";

/** Every subscription that has not ended, in an order that stays; `after` is the `next` of the page before. */
export async function listSubscriptions(
  deps: { table: Table },
  { limit, after }: { limit: number; after?: string },
): Promise<{ items: Subscription[]; next?: string }> {
  const place = placeIn(after);
  const ids: string[] = [];
  while (place.partition < LISTINGS && ids.length < limit) {
    const page = await deps.table.queryIndex({
      pk: keys.subscriptionListing(place.partition, "").pk,
      limit: limit - ids.length,
      ...(place.after === undefined ? {} : { after: place.after }),
    });
    for (const { id } of page.items) if (typeof id === "string") ids.push(id);
    if (page.next === undefined) place.partition++;
    place.after = page.next;
  }
  const found = await deps.table.getMany(ids.map((id) => keys.subscription(id)));
  const items = found.flatMap((item) => (item ? [parseSubscription(item)] : []));
  return {
    items: items.filter(({ status }) => status !== "ended"), // the index may lag
    ...(place.partition < LISTINGS ? { next: `${place.partition}:${place.after ?? ""}` } : {}),
  };
}

function placeIn(after = "0:"): { partition: number; after: string | undefined } {
  const colon = after.indexOf(":");
  return { partition: Number(after.slice(0, colon)), after: after.slice(colon + 1) || undefined };
}
