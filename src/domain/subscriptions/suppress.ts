import { keys } from "#src/platform/keys.ts";
import type { Table } from "#src/platform/table.ts";
import type { AddressedChannel } from "./channel.ts";
import { endpointKey } from "./endpoint.ts";
import type { EndReason } from "./subscription.ts";

/** Why nothing is pushed to an address before it says yes itself; undefined when nothing of the kind is remembered. */
export async function suppressionOf(table: Table, endpoint: string): Promise<EndReason | undefined> {
  return (await table.get(keys.suppression(endpoint)))?.["because"] as EndReason | undefined;
}

/** Spellings of a mail address that differ in case are one mailbox nearly everywhere: what holds for all of them has this key. */
export function mailboxKey(
  { name, confirms }: Pick<AddressedChannel, "name" | "confirms">,
  { endpoint, address }: { endpoint: string; address: string },
): string {
  return confirms === "link" ? endpointKey(name, address.toLowerCase()) : endpoint;
}
