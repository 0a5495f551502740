import { sha256 } from "#src/ids.ts";
import type { Channel } from "./channel.ts";

/** Where the pace of a credential is kept: by its hash, for it may be a secret. */
export function credentialHash(channel: Channel, address: string): string {
  return sha256(channel.credential?.(address) ?? "").slice(0, 32);
}

export function accountHash(channel: Channel, address: string): string {
  return sha256(`account ${channel.account?.(address) ?? ""}`).slice(0, 32);
}

/** What the vendor stops, and an operator is told of: the account where the channel has one, else the credential. */
export function pausedHash(channel: Channel, address: string): string {
  return channel.account ? accountHash(channel, address) : credentialHash(channel, address);
}
