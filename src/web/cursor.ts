import { createHmac, createSecretKey, type KeyObject, timingSafeEqual } from "node:crypto";
import { AppError } from "#src/errors.ts";

const MAC_BYTES = 16;

/**
 * The place in a list as a text that says nothing to a caller and works for this list only: `scope` names the list,
 * its filters and the caller's unit, and is authenticated with the place.
 */
export function sealCursor(secret: Uint8Array, scope: string, place: string): string {
  const body = Buffer.from(place);
  return Buffer.concat([macOf(secret, scope, body), body]).toString("base64url");
}

/** The place again; throws 400 for a cursor that was changed, cut, or made for another list or caller. */
export function openCursor(secret: Uint8Array, scope: string, cursor: string): string {
  const bytes = Buffer.from(cursor, "base64url");
  const body = bytes.subarray(MAC_BYTES);
  const whole = bytes.length > MAC_BYTES && bytes.toString("base64url") === cursor;
  if (!whole || !timingSafeEqual(bytes.subarray(0, MAC_BYTES), macOf(secret, scope, body)))
    throw new AppError("malformed", "CURSOR", {
      zh: "cursor 无效，请从第一页重新读取",
      en: "this cursor is not valid here; read the list from its beginning",
    });
  return body.toString();
}

/** Made once: a key made of bytes for every cursor costs five times as much as the rest of it. */
const made = new WeakMap<Uint8Array, KeyObject>();

function keyOf(secret: Uint8Array): KeyObject {
  const key = made.get(secret) ?? createSecretKey(secret);
  made.set(secret, key);
  return key;
}

function macOf(secret: Uint8Array, scope: string, body: Uint8Array): Buffer {
  return createHmac("sha256", keyOf(secret))
    .update(`cursor\n${JSON.stringify(scope)}\n`)
    .update(body)
    .digest()
    .subarray(0, MAC_BYTES);
}
