import { combinedReach } from "#src/domain/subscriptions/reach.ts";
import { keys } from "#src/platform/keys.ts";
import type { Table } from "#src/platform/table.ts";
import { findMember } from "./find-member.ts";
import { type Fanout, findResult } from "./store.ts";

const SERVED = "dauriw";

/** Whether somebody who stands in for this endpoint has got the text, may have, or is about to. */
export async function servedInstead(table: Table, fanout: Fanout, endpoint: string): Promise<boolean> {
  for (const fallback of await fallbacksOf(table, endpoint)) {
    const found = await findMember(table, fanout, fallback);
    const result = found && (await findResult(table, found.ref));
    if (!found || !result || !SERVED.includes(result.letters.charAt(found.member))) continue;
    // Who wants it in its own right as well got its own.
    if ((await combinedReach(table, fallback))?.reach.after?.endpoint === endpoint) return true;
  }
  return false;
}

/** Endpoints that were named as standing in for this one; some may do so no more. */
export async function fallbacksOf(table: Table, endpoint: string): Promise<string[]> {
  const { pk } = keys.endpoint(endpoint);
  const { items } = await table.query({ pk, prefix: "FALLBACK#", limit: 100, fresh: true });
  return items.map(({ sk }) => sk.slice("FALLBACK#".length));
}
