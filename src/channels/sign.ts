import { createHmac, createSecretKey, type KeyObject } from "node:crypto";

export type Sign = (id: string, timestamp: number, body: Uint8Array, secrets: string[]) => string;

/**
 * Standard Webhooks signatures (scheme v1: HMAC-SHA256 over `id.timestamp.body`), one per secret, separated by spaces.
 * `timestamp` in seconds. Secrets are base64 without prefix; their keys are kept, because making one costs more than
 * the signature, and the oldest of more than `keep` are dropped.
 */
export function makeSign(keep = 20_000): Sign {
  const keys = new Map<string, KeyObject>();
  function keyOf(secret: string): KeyObject {
    let key = keys.get(secret);
    if (key !== undefined) return key;
    key = createSecretKey(Buffer.from(secret, "base64"));
    if (keys.size >= keep) for (const oldest of keys.keys()) if (keys.delete(oldest)) break;
    keys.set(secret, key);
    return key;
  }
  return (id, timestamp, body, secrets) =>
    secrets
      .map((secret) => {
        const hmac = createHmac("sha256", keyOf(secret)).update(`${id}.${timestamp}.`).update(body);
        return `v1,${hmac.digest("base64")}`;
      })
      .join(" ");
}
