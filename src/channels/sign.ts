import { hash } from "node:crypto";

/** `id` in ASCII; `timestamp` in seconds since 1970; `secrets` in base64, without a prefix. */
export type Sign = (id: string, timestamp: number, body: Uint8Array, secrets: string[]) => string;

const BLOCK = 64;
const DIGEST = 32;
const ROOM = 32 * 1024;
// In base64; the ones that are made here have 32 bytes.
const LONGEST = 256;

/**
 * Standard Webhooks signatures (scheme v1: HMAC-SHA256 over `id.timestamp.body`), one per secret, separated by spaces. HMAC is
 * put together here from its definition (RFC 2104), see docs/adr/0066-a-signature-from-two-hashes.md.
 */
export function makeSign(): Sign {
  const inner = Buffer.alloc(BLOCK + ROOM);
  const outer = Buffer.alloc(BLOCK + DIGEST);
  const decoded = Buffer.alloc(LONGEST);

  /** The key padded to a block stands at the head of both, each with its own mask. */
  function key(secret: string, first: Buffer): void {
    let bytes = decoded;
    let length = secret.length <= LONGEST ? decoded.write(secret, "base64") : decoded.length;
    if (length > BLOCK) {
      bytes = hash("sha256", Buffer.from(secret, "base64"), "buffer");
      length = DIGEST;
    }
    for (let i = 0; i < BLOCK; i++) {
      const byte = i < length ? (bytes[i] ?? 0) : 0;
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
    let signatures = "";
    for (const secret of secrets) {
      key(secret, message);
      // As text: that makes no object for the collector.
      outer.write(hash("sha256", signed, "binary"), BLOCK, "binary");
      signatures += `${signatures && " "}v1,${hash("sha256", outer, "base64")}`;
    }
    return signatures;
  };
}
