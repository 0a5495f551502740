import { createPrivateKey, type KeyObject, sign } from "node:crypto";
import type { PushKey } from "#src/domain/deliveries/push-key.ts";

/** `subject`: whom a push service may ask about us, a `mailto:` or `https:` address. */
export type VapidSigner = (origin: string, key: PushKey, subject: string) => string;

const HOUR = 3600;
// A push service refuses more than 24 hours, and its clock may differ from ours.
const LIFE_SECONDS = 12 * HOUR;
const RENEWED_SECONDS = HOUR;
const HEADER = Buffer.from('{"typ":"JWT","alg":"ES256"}').toString("base64url");

/**
 * Writes the `Authorization` of pushes (RFC 8292): an ES256 token for the push service's origin, kept until an hour
 * before its end. At most `keep` are kept, because strangers name the origins.
 */
export function makeVapid(now: () => Date, keep = 1000): VapidSigner {
  const tokens = new Map<string, { authorization: string; until: number }>();
  let signing: { text: string; key: KeyObject } | undefined;

  function keyOf({ privateKey, publicKey }: PushKey): KeyObject {
    if (signing?.text !== privateKey) signing = { text: privateKey, key: privateKeyObject(privateKey, publicKey) };
    return signing.key;
  }

  return (origin, key, subject) => {
    const name = `${origin} ${key.publicKey} ${subject}`;
    const seconds = Math.floor(now().getTime() / 1000);
    const known = tokens.get(name);
    // A clock that was put back makes a token that ends too late.
    if (known && known.until - RENEWED_SECONDS > seconds && known.until - LIFE_SECONDS <= seconds)
      return known.authorization;
    const until = seconds + LIFE_SECONDS;
    const claims = Buffer.from(JSON.stringify({ aud: origin, exp: until, sub: subject })).toString("base64url");
    const text = `${HEADER}.${claims}`;
    const signature = sign("sha256", Buffer.from(text), { key: keyOf(key), dsaEncoding: "ieee-p1363" });
    const authorization = `vapid t=${text}.${signature.toString("base64url")}, k=${key.publicKey}`;
    tokens.delete(name);
    if (tokens.size >= keep) for (const oldest of tokens.keys()) if (tokens.delete(oldest)) break;
    tokens.set(name, { authorization, until });
    return authorization;
  };
}

function privateKeyObject(privateKey: string, publicKey: string): KeyObject {
  const point = Buffer.from(publicKey, "base64url");
  const x = point.subarray(1, 33).toString("base64url");
  const y = point.subarray(33).toString("base64url");
  return createPrivateKey({ key: { kty: "EC", crv: "P-256", d: privateKey, x, y }, format: "jwk" });
}
