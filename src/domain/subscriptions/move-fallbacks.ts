import { keys } from "#src/platform/keys.ts";
import type { Item, Table, Write } from "#src/platform/table.ts";
import { entryItems, fallbackItems } from "./entry.ts";
import { subscriptionsOf } from "./store.ts";
import type { Subscription } from "./subscription.ts";

/**
 * Whoever stands in for an endpoint stands in for where it has moved. Called before the new address is turned on: until then it
 * gets its texts at once. May run any number of times; what changed meanwhile is read again.
 */
export async function moveFallbacks(deps: { table: Table }, from: string, to: string): Promise<void> {
  const { pk } = keys.endpoint(from);
  const { items } = await deps.table.query({ pk, prefix: "FALLBACK#", limit: 100, fresh: true });
  for (const { sk } of items) {
    const fallback = sk.slice("FALLBACK#".length);
    for (let open = true; open; ) {
      open = false;
      for (const one of await subscriptionsOf(deps.table, fallback)) {
        if (one.after?.endpoint !== from) continue;
        const item = await deps.table.get(keys.subscription(one.id));
        if (item?.version !== one.version || !(await deps.table.write(movedWrites(item, one, to))).ok) open = true;
      }
    }
  }
}

function movedWrites({ feed: _, after: _a, ...item }: Item, known: Subscription, to: string): Write[] {
  const { after, ...own } = known;
  const version = known.version + 1;
  // The first choice may have moved to the very place that stood in for it: nobody does any more then.
  const next = after && to !== known.endpoint ? { after: { ...after, endpoint: to } } : {};
  const moved: Subscription = { ...own, ...next, version };
  const rows = moved.status === "confirmed" ? [...entryItems(moved), ...fallbackItems(moved)] : fallbackItems(moved);
  return [{ put: { ...item, ...next, version }, if: { version: known.version } }, ...rows.map((put) => ({ put }))];
}
