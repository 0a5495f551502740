import type { AttributeValue, QueryCommandInput } from "@aws-sdk/client-dynamodb";
import { AppError } from "#src/errors.ts";
import type { Item, Page, Query } from "#src/platform/table.ts";
import { type Attributes, INDEX_NAME, INDEX_PK, INDEX_SK, itemFrom } from "./attributes.ts";
import { type Bounds, bounds, compare, within } from "./bounds.ts";
import type { DynamoCalls } from "./client.ts";

export function alive(item: Item, now: () => Date): boolean {
  return item.expiresAt === undefined || item.expiresAt > now().getTime() / 1000;
}

/** Names of the attributes that make up the key of the table or of the index. */
type Names = { pk: string; sk: string };

function keyCondition(names: Names, pk: string, { from, to }: Bounds) {
  const values: Record<string, AttributeValue> = { ":pk": { S: pk } };
  if (from !== undefined) values[":from"] = { S: from };
  if (to !== undefined) values[":to"] = { S: to };
  // BETWEEN includes its upper end; that one item is left out after the read.
  let range = "";
  if (from !== undefined && to !== undefined) range = " AND #sk BETWEEN :from AND :to";
  else if (from !== undefined) range = " AND #sk >= :from";
  else if (to !== undefined) range = " AND #sk < :to";
  return {
    KeyConditionExpression: `#pk = :pk${range}`,
    ExpressionAttributeNames: { "#pk": names.pk, ...(range ? { "#sk": names.sk } : {}) },
    ExpressionAttributeValues: values,
  };
}

function refusedCursor(cause?: unknown): AppError {
  return new AppError("invalid", "CURSOR", { zh: "翻页标记无效", en: "this cursor is not one of ours" }, { cause });
}

/** Where an index page ended: the index's sort key and the item's own key. */
function readCursor(after: string, indexPk: string): Attributes {
  try {
    const [isk, pk, sk] = JSON.parse(Buffer.from(after, "base64url").toString()) as string[];
    if (isk && pk && sk) return { [INDEX_PK]: { S: indexPk }, [INDEX_SK]: { S: isk }, pk: { S: pk }, sk: { S: sk } };
  } catch (error) {
    throw refusedCursor(error);
  }
  throw refusedCursor();
}

function writeCursor(last: Attributes): string {
  return Buffer.from(JSON.stringify([last[INDEX_SK]?.S, last["pk"]?.S, last["sk"]?.S])).toString("base64url");
}

export function reader(deps: { call: DynamoCalls; tableName: string; now: () => Date }) {
  const { call, tableName, now } = deps;

  async function page(input: QueryCommandInput, keep: (stored: Attributes) => boolean) {
    const output = await call(
      (dynamo) => (client) => client.send(new dynamo.QueryCommand({ ...input, TableName: tableName })),
    );
    const items = (output.Items ?? [])
      .filter(keep)
      .map(itemFrom)
      .filter((item) => alive(item, now));
    return { items, last: output.LastEvaluatedKey };
  }

  async function query(query: Query): Promise<Page> {
    const range = bounds(query);
    if (range === undefined) return { items: [] };
    const { pk, after, reverse = false, limit = 1_000, fresh = false } = query;
    const behindRange = after !== undefined && !within(range, after);
    // BETWEEN includes `to`; read backwards, a start there leaves it out.
    const top = reverse && range.from !== undefined ? range.to : undefined;
    const start = behindRange ? top : (after ?? top);
    // A cursor outside the range has either everything before it or nothing.
    if (behindRange && compare(after, range.from ?? "") < 0 === reverse) return { items: [] };
    if (reverse && start !== undefined && start === range.from) return { items: [] };
    const { items, last } = await page(
      {
        TableName: tableName,
        ...keyCondition({ pk: "pk", sk: "sk" }, pk, range),
        ...(start ? { ExclusiveStartKey: { pk: { S: pk }, sk: { S: start } } } : {}),
        ScanIndexForward: !reverse,
        Limit: limit,
        ConsistentRead: fresh,
      },
      (stored) => within(range, stored["sk"]?.S ?? ""),
    );
    const next = last?.["sk"]?.S;
    return next !== undefined && within(range, next) ? { items, next } : { items };
  }

  async function queryIndex(query: Query): Promise<Page> {
    const range = bounds(query);
    if (range === undefined) return { items: [] };
    const { pk, after, reverse = false, limit = 1_000 } = query;
    const { items, last } = await page(
      {
        TableName: tableName,
        IndexName: INDEX_NAME,
        ...keyCondition({ pk: INDEX_PK, sk: INDEX_SK }, pk, range),
        ...(after ? { ExclusiveStartKey: readCursor(after, pk) } : {}),
        ScanIndexForward: !reverse,
        Limit: limit,
      },
      (stored) => within(range, stored[INDEX_SK]?.S ?? ""),
    );
    return last === undefined ? { items } : { items, next: writeCursor(last) };
  }

  return { query, queryIndex };
}
