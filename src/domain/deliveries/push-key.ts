import { createECDH } from "node:crypto";

/** The key by which push services know this instance (RFC 8292), on P-256: 32 and 65 bytes in base64url. */
export type PushKey = { privateKey: string; publicKey: string };

/** The setting of the channel `web-push` that holds the private half. */
export const PUSH_KEY_SETTING = "privateKey";

/** With the public half, which is computed. Throws for bytes that are no private key. */
export function pushKeyOf(privateKey: string): PushKey {
  const curve = createECDH("prime256v1");
  curve.setPrivateKey(Buffer.from(privateKey, "base64url"));
  return { privateKey, publicKey: curve.getPublicKey("base64url") };
}

export function newPrivateKey(): string {
  const curve = createECDH("prime256v1");
  curve.generateKeys();
  const bytes = curve.getPrivateKey(); // without its leading zeros
  return Buffer.concat([Buffer.alloc(32 - bytes.length), bytes]).toString("base64url");
}
