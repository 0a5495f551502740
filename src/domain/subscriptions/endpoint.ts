import { createHash } from "node:crypto";

/**
 * The identity of an address on a channel: 16 characters of base64url (96 bits of SHA-256). It decides the shard
 * (its first character, 64 of them) and the order of every fan-out; an address is met once, whatever it subscribes to.
 */
export function endpointKey(channel: string, address: string): string {
  return createHash("sha256").update(`${channel}\n${address}`).digest("base64url").slice(0, 16);
}

/** The 64 shards in the order in which endpoint keys sort as text. */
export const SHARDS: readonly string[] = [..."-0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz"];
