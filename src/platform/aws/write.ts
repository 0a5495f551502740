import { randomBytes } from "node:crypto";
import type {
  CancellationReason,
  ConditionalCheckFailedException,
  TransactionCanceledException,
  TransactWriteItem,
} from "@aws-sdk/client-dynamodb";
import { checkKey, checkTogether, checkWrites, itemText, keyOf } from "#src/platform/limits.ts";
import type { Write, WriteResult } from "#src/platform/table.ts";
import { type Attributes, attributes, itemAttributes, keyAttributes, PUT_ID } from "./attributes.ts";
import type { DynamoCalls } from "./client.ts";
import { addition, condition, expired } from "./conditions.ts";
import { unavailable } from "./retry.ts";

export function newPutId(): string {
  return randomBytes(9).toString("base64url");
}

/** How one attempt writes: all conditions of an attempt speak of the same second. */
type Attempt = { tableName: string; seconds: number; putId: string; replaced: ReadonlySet<number> };

function operation(write: Write, position: number, { tableName, seconds, putId, replaced }: Attempt) {
  const TableName = tableName;
  if ("put" in write)
    return { Put: { TableName, Item: itemAttributes(write.put, putId), ...condition(write.if, seconds) } };
  if ("remove" in write)
    return { Delete: { TableName, Key: keyAttributes(write.remove), ...condition(write.if, seconds) } };
  if ("check" in write)
    return {
      ConditionCheck: {
        TableName,
        Key: keyAttributes(write.check),
        ConditionExpression: undefined,
        ...condition(write.if, seconds),
      },
    };
  const { pk, sk } = write.add;
  if (replaced.has(position))
    return {
      Put: {
        TableName,
        Item: attributes({ pk, sk, ...write.numbers, expiresAt: write.expiresAt }),
        ...expired(seconds),
      },
    };
  return {
    Update: { TableName, Key: keyAttributes(write.add), ...addition(write.numbers, write.expiresAt, seconds) },
  };
}

export function writer(deps: { call: DynamoCalls; tableName: string; now: () => Date }) {
  const { call, tableName, now } = deps;

  /** One item: half the price of a transaction. `inDoubt`: an earlier try may have had its effect already. */
  function alone(write: Write, attempt: Attempt): Promise<number[]> {
    const { Put, Delete, Update } = operation(write, 0, attempt) as TransactWriteItem;
    return call(
      (dynamo) => async (client, inDoubt) => {
        try {
          if (Put)
            await client.send(new dynamo.PutItemCommand({ ...Put, ReturnValuesOnConditionCheckFailure: "ALL_OLD" }));
          else if (Delete) await client.send(new dynamo.DeleteItemCommand(Delete));
          else if (Update) await client.send(new dynamo.UpdateItemCommand(Update));
          return [];
        } catch (error) {
          if ((error as Error).name !== "ConditionalCheckFailedException") throw error;
          const there = (error as ConditionalCheckFailedException).Item?.[PUT_ID]?.S;
          if (inDoubt && there !== undefined && there === attempt.putId) return [];
          if (inDoubt) throw unavailable("DynamoDB", error);
          return [0];
        }
      },
      { once: Update !== undefined },
    );
  }

  /** All or nothing. The token makes a repeat within ten minutes harmless, so doubt cannot arise. */
  function together(writes: Write[], attempt: Attempt): Promise<number[]> {
    const TransactItems = writes.map((write, position) => operation(write, position, attempt) as TransactWriteItem);
    const ClientRequestToken = newPutId();
    return call((dynamo) => async (client) => {
      try {
        await client.send(new dynamo.TransactWriteItemsCommand({ TransactItems, ClientRequestToken }));
        return [];
      } catch (error) {
        const failed = refusals((error as TransactionCanceledException).CancellationReasons ?? []);
        if ((error as Error).name !== "TransactionCanceledException" || failed.length === 0) throw error;
        return failed;
      }
    });
  }

  return async function write(writes: Write[]): Promise<WriteResult> {
    checkWrites(writes);
    checkTogether(writes.flatMap(checked));
    const replaced = new Set<number>();
    for (let round = 1; ; round++) {
      const attempt = { tableName, seconds: now().getTime() / 1000, putId: newPutId(), replaced };
      const [first] = writes;
      const single = writes.length === 1 && first && !("check" in first) ? first : undefined;
      const failed = single ? await alone(single, attempt) : await together(writes, attempt);
      if (failed.length === 0) return { ok: true };
      const conditions = failed.filter((position) => !isAddition(writes[position]));
      if (conditions.length > 0) return { ok: false, failed: conditions };
      if (round === 10) throw unavailable("DynamoDB", new Error("an expired counter keeps changing"));
      for (const position of failed) if (!replaced.delete(position)) replaced.add(position);
    }
  };
}

function checked(write: Write): string[] {
  if ("put" in write) return [itemText(write.put)];
  checkKey(keyOf(write));
  return [];
}

function isAddition(write: Write | undefined): boolean {
  return write !== undefined && "add" in write;
}

function refusals(reasons: CancellationReason[]): number[] {
  return reasons.flatMap((reason, position) => (reason.Code === "ConditionalCheckFailed" ? [position] : []));
}

/** A put without a condition, as BatchWriteItem takes it. */
export function plainPut(item: Parameters<typeof itemAttributes>[0]): Attributes {
  return itemAttributes(item, newPutId());
}
