import { sha256 } from "#src/ids.ts";

/**
 * RFC 8785 (JSON Canonicalization Scheme): members sorted by UTF-16 code units, no spaces, numbers and strings as
 * ECMAScript writes them. Members that are undefined are left out. Throws on what JSON cannot carry.
 */
export function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(",")}]`;
  if (typeof value === "object" && value !== null) {
    const members = Object.entries(value)
      .filter(([, member]) => member !== undefined)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, member]) => `${text(name)}:${canonicalJson(member)}`);
    return `{${members.join(",")}}`;
  }
  if (typeof value === "string") return text(value);
  if (value === null || typeof value === "boolean" || Number.isFinite(value)) return JSON.stringify(value);
  throw new TypeError(`not JSON: ${typeof value}`);
}

function text(value: string): string {
  if (!value.isWellFormed()) throw new TypeError("not JSON: an unpaired surrogate");
  return JSON.stringify(value);
}

/** Hex SHA-256 of the canonical JSON: approvals, filings and publications are bound to it. */
export function contentHash(value: unknown): string {
  return sha256(canonicalJson(value));
}
