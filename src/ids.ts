import { createHash, hash, randomBytes } from "node:crypto";

/** One prefix per noun; an id is `<prefix>_<26 characters>`. */
export type IdPrefix = "ann" | "case" | "rep" | "sub" | "tok" | "unit" | "mem" | "req" | "ses" | "msg";

export type NewId = (prefix: IdPrefix) => string;

const CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/** 48 bits of milliseconds, then 80 random bits, in Crockford's base 32: ids sort by time (the ULID layout). */
function ulid(milliseconds: number, entropy: Uint8Array): string {
  let time = milliseconds;
  let head = "";
  for (let i = 0; i < 10; i++) {
    head = CROCKFORD.charAt(time % 32) + head;
    time = Math.floor(time / 32);
  }
  let tail = "";
  let bits = 0;
  let count = 0;
  for (let i = 0; i < 10; i++) {
    bits = (bits << 8) | (entropy[i] ?? 0);
    count += 8;
    while (count >= 5) {
      count -= 5;
      tail += CROCKFORD.charAt((bits >>> count) & 31);
    }
    bits &= (1 << count) - 1;
  }
  return head + tail;
}

export function randomIds(now: () => Date): NewId {
  return (prefix) => `${prefix}_${ulid(now().getTime(), randomBytes(10))}`;
}

/**
 * An id that the same words always give: a step that may run twice makes the same object twice, so once.
 * Carries no time; 130 bits of SHA-256 over the words, which are separated so that no two lists collide.
 */
export function derivedId(prefix: IdPrefix, ...words: string[]): string {
  const digest = createHash("sha256").update(JSON.stringify(words)).digest();
  let id = "";
  for (let i = 0; i < 26; i++) id += CROCKFORD.charAt((digest[i] ?? 0) & 31);
  return `${prefix}_${id}`;
}

/** `bits` random bits as base64url; for secrets and tokens (at least 128 bits each). */
export function randomSecret(bits = 256): string {
  return randomBytes(bits / 8).toString("base64url");
}

export function sha256(text: string | Uint8Array): string {
  return hash("sha256", text, "hex");
}
