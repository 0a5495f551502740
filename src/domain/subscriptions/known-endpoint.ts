import type { Table } from "#src/platform/table.ts";
import { endpointKey, spelledKey } from "./endpoint.ts";
import { subscriptionsOf } from "./store.ts";

/**
 * The endpoint that an address belongs to: one that has stood under its spelling since before spellings were one stays that
 * endpoint, everything else is known by `endpointKey`.
 */
export async function knownEndpoint(table: Table, channel: string, address: string): Promise<string> {
  const key = endpointKey(channel, address);
  const spelled = spelledKey(channel, address);
  if (spelled === key) return key;
  return (await subscriptionsOf(table, spelled)).length > 0 ? spelled : key;
}
