import { hash } from "node:crypto";

export type Sign = (id: string, timestamp: number, body: Uint8Array, secrets: string[]) => string;

// SHA-256's block and digest.
const BLOCK = 64;
const DIGEST = 32;
const SCRATCH = 32_768;

/**
 * Standard Webhooks signatures (scheme v1: HMAC-SHA256 over `id.timestamp.body`), one per secret, separated by spaces.
 * `timestamp` in seconds. Secrets are base64 without prefix.
 */
export function makeSign(): Sign {
  const hmac = makeHmac();
  return (id, timestamp, body, secrets) =>
    secrets.map((secret) => `v1,${hmac(Buffer.from(secret, "base64"), `${id}.${timestamp}.`, body)}`).join(" ");
}

/**
 * HMAC-SHA256 (RFC 2104) in base64, of two one-shot hashes over one kept buffer: Node's Hmac objects cost five times as
 * much, and their garbage again.
 */
function makeHmac() {
  const kept = Buffer.alloc(BLOCK + SCRATCH);
  const outer = Buffer.alloc(BLOCK + DIGEST);
  return (secret: Buffer, head: string, body: Uint8Array): string => {
    const key = secret.length > BLOCK ? hash("sha256", secret, "buffer") : secret;
    const most = BLOCK + 3 * head.length + body.length;
    const inner = most <= kept.length ? kept : Buffer.alloc(most);
    inner.fill(0x36, 0, BLOCK);
    outer.fill(0x5c, 0, BLOCK);
    for (const [i, byte] of key.entries()) {
      inner[i] = 0x36 ^ byte;
      outer[i] = 0x5c ^ byte;
    }
    const start = BLOCK + inner.write(head, BLOCK);
    inner.set(body, start);
    hash("sha256", inner.subarray(0, start + body.length), "buffer").copy(outer, BLOCK);
    return hash("sha256", outer, "base64");
  };
}
