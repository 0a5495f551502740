import type { InputError } from "#src/errors.ts";
import { randomSecret } from "#src/ids.ts";

/** The bytes of a Standard Webhooks secret (24 to 64, base64) without prefix, or what is wrong with it. */
export function standardSecret(text: string): { secrets: string[] } | { errors: InputError[] } {
  const secret = plainSecret(text);
  if (secret !== undefined) return { secrets: [secret] };
  const detail = {
    zh: "密钥应为24至64字节的 base64（可带 whsec_ 前缀）",
    en: "a secret is base64 of 24 to 64 bytes, with or without whsec_ before it",
  };
  return { errors: [{ pointer: "/endpoint/secret", code: "SECRET", detail }] };
}

function plainSecret(text: string): string | undefined {
  const base64 = text.startsWith("whsec_") ? text.slice(6) : text;
  if (!/^[A-Za-z0-9+/]{32,88}={0,2}$/.test(base64)) return undefined;
  const bytes = Buffer.from(base64, "base64");
  return bytes.length >= 24 && bytes.length <= 64 ? bytes.toString("base64") : undefined;
}

export function newSecret(): string {
  return Buffer.from(randomSecret(256), "base64url").toString("base64");
}
