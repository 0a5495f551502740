import { isUtf8 } from "node:buffer";
import { createCipheriv, createDecipheriv, createHash, randomBytes, timingSafeEqual } from "node:crypto";

/**
 * The platform's signature (WX push/encryption): lower-case hex SHA-1 of the parts, sorted and joined. Parts are token,
 * timestamp and nonce, and the ciphertext where there is one.
 */
export function signatureOf(parts: readonly string[]): string {
  return createHash("sha1")
    .update([...parts].sort().join(""))
    .digest("hex");
}

/** In constant time, whatever was sent. */
export function isSigned(signature: string, parts: readonly string[]): boolean {
  const wanted = Buffer.from(signatureOf(parts));
  const given = Buffer.from(signature);
  return given.length === wanted.length && timingSafeEqual(given, wanted);
}

const BLOCK = 32;
const RANDOM = 16;

/** The 32 bytes behind an EncodingAESKey of 43 characters; undefined when it is none. */
function keyOf(encodingAesKey: string): Buffer | undefined {
  return /^[A-Za-z0-9]{43}$/.test(encodingAesKey) ? Buffer.from(`${encodingAesKey}=`, "base64") : undefined;
}

/**
 * AES-256-CBC with the key's own beginning as vector; the plain text is 16 random bytes, a big-endian length, the message
 * and the account's id, padded to blocks of 32 (which no library's automatic padding does). Undefined for whatever does
 * not decrypt to exactly that, for this account.
 */
export function decrypted(encrypt: string, encodingAesKey: string, appId: string): string | undefined {
  const key = keyOf(encodingAesKey);
  if (!key || encrypt.length % 4 !== 0 || !/^[A-Za-z0-9+/]+={0,2}$/.test(encrypt)) return undefined;
  const bytes = Buffer.from(encrypt, "base64");
  if (bytes.length === 0 || bytes.length % BLOCK !== 0) return undefined;
  const cipher = createDecipheriv("aes-256-cbc", key, key.subarray(0, 16)).setAutoPadding(false);
  const padded = Buffer.concat([cipher.update(bytes), cipher.final()]);
  const pad = padded.at(-1) ?? 0;
  if (pad < 1 || pad > BLOCK || !padded.subarray(-pad).every((byte) => byte === pad)) return undefined;
  const plain = padded.subarray(0, -pad);
  if (plain.length < RANDOM + 4) return undefined;
  const end = RANDOM + 4 + plain.readUInt32BE(RANDOM);
  if (end > plain.length) return undefined;
  const message = plain.subarray(RANDOM + 4, end);
  const id = plain.subarray(end);
  const wanted = Buffer.from(appId);
  if (id.length !== wanted.length || !timingSafeEqual(id, wanted) || !isUtf8(message)) return undefined;
  return message.toString("utf8");
}

/** The opposite. `random`: 16 bytes; tests name them. */
export function encrypted(
  message: string,
  encodingAesKey: string,
  appId: string,
  random: Uint8Array = randomBytes(RANDOM),
): string {
  const key = keyOf(encodingAesKey);
  if (!key) throw new TypeError("not an EncodingAESKey");
  const text = Buffer.from(message);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(text.length);
  const plain = Buffer.concat([random, length, text, Buffer.from(appId)]);
  const pad = BLOCK - (plain.length % BLOCK);
  const cipher = createCipheriv("aes-256-cbc", key, key.subarray(0, 16)).setAutoPadding(false);
  return Buffer.concat([cipher.update(plain), cipher.update(Buffer.alloc(pad, pad)), cipher.final()]).toString(
    "base64",
  );
}
