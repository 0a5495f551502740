import { hash } from "node:crypto";

/** `id` in ASCII; `timestamp` in seconds since 1970; `secrets` in base64, without a prefix. */
export type Sign = (id: string, timestamp: number, body: Uint8Array, secrets: string[]) => string;

const BLOCK = 64;
const DIGEST = 32;
const ROOM = 32 * 1024;

/**
 * Standard Webhooks signatures (scheme v1: HMAC-SHA256 over `id.timestamp.body`), one per secret, separated by spaces. HMAC is
 * put together here from its definition (RFC 2104), see docs/adr/0066-a-signature-from-two-hashes.md.
 */
export function makeSign(): Sign {
  const inner = Buffer.alloc(BLOCK + ROOM);
  const outer = Buffer.alloc(BLOCK + DIGEST);

  /** The key padded to a block stands at the head of both, each with its own mask. */
  function key(secret: string, first: Buffer): void {
    const given = Buffer.from(secret, "base64");
    const bytes = given.length > BLOCK ? hash("sha256", given, "buffer") : given;
    first.fill(0x36, 0, BLOCK);
    outer.fill(0x5c, 0, BLOCK);
    for (let i = 0; i < bytes.length; i++) {
      const byte = bytes[i] ?? 0;
      first[i] = byte ^ 0x36;
      outer[i] = byte ^ 0x5c;
    }
  }

  return (id, timestamp, body, secrets) => {
    const head = `${id}.${timestamp}.`;
    const length = BLOCK + head.length + body.length;
    const message = length <= inner.length ? inner : Buffer.alloc(length);
    message.write(head, BLOCK, "latin1");
    message.set(body, BLOCK + head.length);
    const signed = message.subarray(0, length);
    return secrets
      .map((secret) => {
        key(secret, message);
        // As text: that makes no object for the collector.
        outer.write(hash("sha256", signed, "binary"), BLOCK, "binary");
        return `v1,${hash("sha256", outer, "base64")}`;
      })
      .join(" ");
  };
}
