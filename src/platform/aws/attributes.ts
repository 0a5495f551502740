import type { AttributeValue } from "@aws-sdk/client-dynamodb";
import type { Item, Key } from "#src/platform/table.ts";

export type Attributes = Record<string, AttributeValue>;

/**
 * Attributes that an item carries in DynamoDB beside its own: the sparse index's key, and a word that changes with
 * every put, so that a repeated put still reaches the stream and a put of unknown outcome can be recognised.
 */
export const INDEX_NAME = "index";
export const INDEX_PK = "ipk";
export const INDEX_SK = "isk";
export const PUT_ID = "putId";

const AMENDED = new Set([INDEX_PK, INDEX_SK, PUT_ID, "index"]);

/** A JSON value as DynamoDB writes it; like JSON.stringify it leaves out members that are undefined. */
function attribute(value: unknown): AttributeValue {
  if (value === null || value === undefined) return { NULL: true };
  if (typeof value === "string") return { S: value };
  if (typeof value === "boolean") return { BOOL: value };
  if (typeof value === "number") {
    if (!Number.isFinite(value)) throw new TypeError(`not a JSON number: ${value}`);
    return { N: String(value) };
  }
  if (Array.isArray(value)) return { L: value.map(attribute) };
  if (typeof value === "object") return { M: attributes(value) };
  throw new TypeError(`not a JSON value: ${typeof value}`);
}

export function attributes(object: object): Attributes {
  const result: Attributes = {};
  for (const [name, value] of Object.entries(object)) if (value !== undefined) result[name] = attribute(value);
  return result;
}

function value(attribute: AttributeValue): unknown {
  if (attribute.S !== undefined) return attribute.S;
  if (attribute.N !== undefined) return Number(attribute.N);
  if (attribute.BOOL !== undefined) return attribute.BOOL;
  if (attribute.NULL !== undefined) return null;
  if (attribute.L !== undefined) return attribute.L.map(value);
  if (attribute.M !== undefined) return values(attribute.M);
  throw new TypeError(`not an attribute of ours: ${Object.keys(attribute).join()}`);
}

function values(attributes: Attributes): Record<string, unknown> {
  const result: Record<string, unknown> = {};
  for (const [name, one] of Object.entries(attributes))
    Object.defineProperty(result, name, { value: value(one), enumerable: true, writable: true, configurable: true });
  return result;
}

export function keyAttributes(key: Key): Attributes {
  return { pk: { S: key.pk }, sk: { S: key.sk } };
}

export function itemAttributes(item: Item, putId: string): Attributes {
  const { index, ...rest } = item;
  return {
    ...attributes(rest),
    ...(index ? { [INDEX_PK]: { S: index.pk }, [INDEX_SK]: { S: index.sk } } : {}),
    [PUT_ID]: { S: putId },
  };
}

export function itemFrom(stored: Attributes): Item {
  const own = Object.fromEntries(Object.entries(stored).filter(([name]) => !AMENDED.has(name)));
  const pk = stored[INDEX_PK]?.S;
  const sk = stored[INDEX_SK]?.S;
  const item = values(own) as Item;
  return pk === undefined || sk === undefined ? item : { ...item, index: { pk, sk } };
}
