import type { AttributeValue, DynamoDBClientConfig, WriteRequest } from "@aws-sdk/client-dynamodb";
import type { Log } from "#src/log.ts";
import { itemText } from "#src/platform/limits.ts";
import type { Item, Key, Table } from "#src/platform/table.ts";
import { type Attributes, itemFrom, keyAttributes } from "./attributes.ts";
import { dynamoCalls } from "./client.ts";
import { alive, reader } from "./read.ts";
import { ATTEMPTS, pause, unavailable } from "./retry.ts";
import { plainPut, writer } from "./write.ts";

/** Limits of BatchGetItem and BatchWriteItem, and how many of them are in flight at once. */
const GETS = 100;
const PUTS = 25;
const IN_FLIGHT = 4;

export type AwsTableOptions = {
  /** Settings of the SDK's client; empty on AWS, where the environment names region and credentials. */
  client?: DynamoDBClientConfig;
  tableName: string;
  now: () => Date;
  log: Log;
};

/** The table on DynamoDB. The SDK is loaded at the first call. */
export function awsTable({ client = {}, tableName, now, log }: AwsTableOptions): Table {
  const call = dynamoCalls(client, log);
  const { query, queryIndex } = reader({ call, tableName, now });

  async function get(key: Key): Promise<Item | undefined> {
    const { Item: stored } = await call(
      (dynamo) => (client) =>
        client.send(new dynamo.GetItemCommand({ TableName: tableName, Key: keyAttributes(key), ConsistentRead: true })),
    );
    return stored && living(itemFrom(stored));
  }

  function living(item: Item): Item | undefined {
    return alive(item, now) ? item : undefined;
  }

  async function getBatch(keys: Key[], found: Map<string, Item>): Promise<void> {
    let open: Record<string, AttributeValue>[] = keys.map(keyAttributes);
    for (let round = 1; open.length > 0; round++) {
      const output = await call(
        (dynamo) => (client) =>
          client.send(
            new dynamo.BatchGetItemCommand({ RequestItems: { [tableName]: { Keys: open, ConsistentRead: true } } }),
          ),
      );
      for (const stored of output.Responses?.[tableName] ?? []) {
        const item = living(itemFrom(stored));
        if (item) found.set(name(item), item);
      }
      const rest: Attributes[] = output.UnprocessedKeys?.[tableName]?.Keys ?? [];
      round = await again(round, open.length, rest.length);
      open = rest;
    }
  }

  async function getMany(keys: Key[]): Promise<(Item | undefined)[]> {
    const wanted = [...new Map(keys.map((key) => [name(key), key])).values()];
    const found = new Map<string, Item>();
    await inBatches(wanted, GETS, (batch) => getBatch(batch, found));
    return keys.map((key) => found.get(name(key)));
  }

  async function putBatch(items: Item[]): Promise<void> {
    let open: WriteRequest[] = items.map((item) => ({ PutRequest: { Item: plainPut(item) } }));
    for (let round = 1; open.length > 0; round++) {
      const output = await call(
        (dynamo) => (client) => client.send(new dynamo.BatchWriteItemCommand({ RequestItems: { [tableName]: open } })),
      );
      const rest = output.UnprocessedItems?.[tableName] ?? [];
      round = await again(round, open.length, rest.length);
      open = rest;
    }
  }

  /** Waits before what the store left over is sent again; gives up when it takes nothing at all several times. */
  async function again(round: number, sent: number, left: number): Promise<number> {
    if (left === 0) return round;
    log.warn("aws.unprocessed", { sent, left });
    const next = left < sent ? 1 : round;
    if (next === ATTEMPTS) throw unavailable("DynamoDB", new Error(`${left} left unprocessed`));
    await pause(next);
    return next;
  }

  return {
    get,
    getMany,
    query,
    queryIndex,
    write: writer({ call, tableName, now }),
    async putAll(items) {
      for (const item of items) itemText(item);
      await inBatches([...new Map(items.map((item) => [name(item), item])).values()], PUTS, putBatch);
    },
  };
}

function name(key: Key): string {
  return JSON.stringify([key.pk, key.sk]);
}

async function inBatches<T>(all: T[], size: number, each: (batch: T[]) => Promise<void>): Promise<void> {
  let next = 0;
  const lane = async () => {
    while (next < all.length) {
      const from = next;
      next += size;
      await each(all.slice(from, from + size));
    }
  };
  await Promise.all(Array.from({ length: IN_FLIGHT }, lane));
}
