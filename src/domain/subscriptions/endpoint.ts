import { createHash } from "node:crypto";

/**
 * The identity of an address on a channel: 16 characters of base64url (96 bits of SHA-256). It decides the shard
 * (its first character, 64 of them) and the order of every fan-out; an address is met once, whatever it subscribes to and
 * however it is spelled (docs/adr/0073-one-mailbox-one-endpoint.md).
 */
export function endpointKey(channel: string, address: string): string {
  return spelledKey(channel, placeOf(channel, address));
}

/** What spellings of one place have in common, beyond the form that the channel gives every address. */
function placeOf(channel: string, address: string): string {
  if (channel === "email") return address.toLowerCase();
  return channel === "webhook" && address.endsWith("?") ? address.slice(0, -1) : address;
}

/** The key of this very spelling, under which an endpoint may have stood since before spellings were one. */
export function spelledKey(channel: string, address: string): string {
  return createHash("sha256").update(`${channel}\n${address}`).digest("base64url").slice(0, 16);
}

/** Every key that a place may have by this spelling of it. */
export function keysOf(channel: string, address: string): string[] {
  return [...new Set([endpointKey(channel, address), spelledKey(channel, address)])];
}

/** The 64 shards in the order in which endpoint keys sort as text. */
export const SHARDS: readonly string[] = [..."-0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz"];
