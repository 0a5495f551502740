import type { Table } from "#src/platform/table.ts";
import type { AddressedChannels } from "./channel.ts";
import { endpointKey, spelledKey } from "./endpoint.ts";
import { findSubscription } from "./store.ts";

/**
 * The keys of all endpoints that somebody may mean: by a subscription's id, an endpoint's key, or an address on any channel
 * as people type it. What a channel makes of an address at subscription counts here as well, so both meet in one key.
 */
export async function findEndpoints(
  deps: { table: Table; channels: AddressedChannels },
  typed: string,
): Promise<string[]> {
  const [whole = "", ...others] = spellings(typed);
  const plain = others.at(-1) ?? whole;
  if (/^sub_/.test(plain)) {
    const subscription = await findSubscription(deps.table, plain);
    return subscription ? [subscription.endpoint] : [];
  }
  if (/^[A-Za-z0-9_-]{16}$/.test(plain)) return [plain];
  const found = new Set<string>();
  for (const { name, address } of Object.values(deps.channels)) {
    for (const spelling of [whole, ...others]) {
      const checked = await address(spelling, { textOnly: true, lookup: true });
      if ("address" in checked) for (const key of [endpointKey, spelledKey]) found.add(key(name, checked.address));
      // An address that the channel takes no longer may have been an endpoint once.
      else if (spelling === whole) found.add(endpointKey(name, whole));
    }
  }
  return [...found];
}

/** What was typed, and the same without full-width letters, blanks, invisible characters and a mail program's wrapping. */
function spellings(typed: string): string[] {
  const whole = typed.trim();
  const plain = whole.normalize("NFKC");
  const bare = (/<([^<>]+@[^<>]+)>$/.exec(plain)?.[1] ?? plain).replace(/[\s\p{Cf}]+/gu, "").replace(/^mailto:/i, "");
  const isMailbox = /^[^/:@]+@[^/:@]+$/.test(bare);
  return [...new Set([whole, plain, ...(isMailbox ? [bare.toLowerCase()] : []), bare])];
}
