import { keys } from "#src/platform/keys.ts";
import type { Table } from "#src/platform/table.ts";
import type { EndReason } from "./subscription.ts";

/** Why nothing is pushed to an address before it says yes itself; undefined when nothing of the kind is remembered. */
export async function suppressionOf(table: Table, endpoint: string): Promise<EndReason | undefined> {
  return (await table.get(keys.suppression(endpoint)))?.["because"] as EndReason | undefined;
}
