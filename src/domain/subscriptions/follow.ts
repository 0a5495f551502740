import { derivedId } from "#src/ids.ts";
import type { Table } from "#src/platform/table.ts";
import type { Language } from "#src/text.ts";
import { confirmedRows } from "./confirm.ts";
import { endpointKey } from "./endpoint.ts";
import { presenceItems } from "./entry.ts";
import { findSubscription, subscriptionItem } from "./store.ts";
import type { Subscription } from "./subscription.ts";
import type { Topic } from "./topic.ts";

/**
 * Somebody followed an account of ours on a platform that vouches for it: a subscription that needs no further word.
 * Who comes back gets the topics from before; who has it already keeps it as it is. Answers whether it is on now.
 */
export async function follow(
  deps: { table: Table; now: () => Date },
  input: { channel: string; address: string; topics: Topic[]; language: Language },
): Promise<boolean> {
  const { channel, address, topics, language } = input;
  const id = derivedId("sub", channel, address, "follow");
  const at = deps.now().toISOString();
  for (let tries = 0; tries < 5; tries++) {
    const before = await findSubscription(deps.table, id);
    if (before?.status === "confirmed") return true;
    const fresh: Subscription = {
      ...{ id, channel, address, endpoint: endpointKey(channel, address), topics, language },
      ...{ frequency: "now", status: "pending", secrets: [], requestedAt: at, version: 0 },
    };
    const { endedAt: _, endedBecause: _b, challengeHash: _c, wrongCodes: _w, ...kept } = before ?? fresh;
    const next: Subscription = { ...kept, status: "confirmed", confirmedAt: at, version: kept.version + 1 };
    await deps.table.putAll(presenceItems(next));
    const put = subscriptionItem(next);
    const condition = before ? { version: before.version } : ({ absent: true } as const);
    if ((await deps.table.write([{ put, if: condition }, ...confirmedRows(next)])).ok) return true;
  }
  return false;
}
