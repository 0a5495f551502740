import { createHash, createVerify, type KeyObject } from "node:crypto";

/** RFC 6376 by hand: relaxed/relaxed, rsa-sha256. */
export function verifies(raw: Buffer, key: KeyObject): { ok: boolean; names: string[] } {
  const text = raw.toString("latin1");
  const split = text.indexOf("\r\n\r\n");
  const fields = text.slice(0, split).split(/\r\n(?![ \t])/);
  const relaxed = (field: string) => {
    const colon = field.indexOf(":");
    const value = field
      .slice(colon + 1)
      .replace(/\r\n/g, "")
      .replace(/[ \t]+/g, " ")
      .trim();
    return `${field.slice(0, colon).trim().toLowerCase()}:${value}`;
  };
  const signature = relaxed(fields.find((field) => /^dkim-signature:/i.test(field)) ?? "");
  const tag = (name: string) =>
    new RegExp(`(?:^|[:;])\\s*${name}=([^;]*)`).exec(signature)?.[1]?.replace(/\s/g, "") ?? "";
  const names = tag("h").toLowerCase().split(":");
  const body = text
    .slice(split + 4)
    .split("\r\n")
    .map((line) => line.replace(/[ \t]+/g, " ").replace(/ $/, ""))
    .join("\r\n")
    .replace(/(\r\n)*$/, "\r\n");
  const bodyHash = createHash("sha256").update(body, "latin1").digest("base64");
  const left = [...fields];
  const signedFields = names.flatMap((name) => {
    const at = left.findLastIndex((field) => field.toLowerCase().startsWith(`${name}:`));
    return at < 0 ? [] : left.splice(at, 1).map(relaxed);
  });
  const data = `${signedFields.join("\r\n")}\r\n${signature.replace(/b=[^;]*$/, "b=")}`;
  const ok = createVerify("RSA-SHA256").update(data, "latin1").verify(key, tag("b"), "base64");
  return { ok: ok && bodyHash === tag("bh"), names };
}
