import { z } from "zod";
import type { Log } from "#src/log.ts";
import type { Message, MessageHandler } from "#src/platform/queue.ts";
import type { Change, ChangeHandler } from "#src/platform/table.ts";
import { schema } from "#src/schema.ts";
import { type Attributes, itemFrom } from "./attributes.ts";
import { readMessage } from "./queue.ts";

/** What AWS Lambda's event source mappings read from a function with ReportBatchItemFailures. */
export type BatchAnswer = { batchItemFailures: { itemIdentifier: string }[] };

const StreamEvent = schema(() =>
  z.object({
    Records: z.array(
      z.object({
        eventName: z.string(),
        dynamodb: z.object({
          SequenceNumber: z.string().min(1),
          NewImage: z.record(z.string(), z.unknown()).optional(),
        }),
      }),
    ),
  }),
);

const QueueEvent = schema(() =>
  z.object({
    Records: z.array(
      z.object({
        messageId: z.string().min(1),
        receiptHandle: z.string(),
        body: z.string(),
        attributes: z.object({ ApproximateReceiveCount: z.string() }),
        eventSourceARN: z.string(),
      }),
    ),
  }),
);

/**
 * A DynamoDB stream as the change feed. Lambda goes back to the lowest failed sequence number and tells everything
 * from there again, in order; so one failure is named. A handler's exception fails the whole batch.
 */
export function streamFunction(handler: ChangeHandler, log: Log): (event: unknown) => Promise<BatchAnswer> {
  return async (event) => {
    const { Records } = StreamEvent().parse(event);
    const unreadable = new Set<string>();
    const changes = Records.flatMap(({ dynamodb: { SequenceNumber: id, NewImage } }) => {
      if (NewImage === undefined) return [];
      try {
        const item = itemFrom(NewImage as Attributes);
        return item.feed === undefined ? [] : [{ id, item } satisfies Change];
      } catch (error) {
        log.error("feed.malformed", { id, error: (error as Error).message });
        unreadable.add(id);
        return [];
      }
    });
    const failed = new Set([...unreadable, ...(changes.length > 0 ? (await handler(changes)).failed : [])]);
    const order = Records.map(({ dynamodb }) => dynamodb.SequenceNumber);
    const known = order.find((id) => failed.has(id));
    // Lambda takes an identifier that is not in the batch for a failure of the whole batch, and so does this.
    const lowest = failed.size > 0 ? (known ?? order[0]) : undefined;
    return { batchItemFailures: lowest === undefined ? [] : [{ itemIdentifier: lowest }] };
  };
}

/**
 * An SQS queue. `handlerOf` chooses by the queue's name, as the mapping's ARN ends. A message that is not JSON is
 * named as failed, so that it goes to the dead-letter queue; a handler's exception fails the whole batch.
 */
export function queueFunction(
  handlerOf: (queueName: string) => MessageHandler,
  log: Log,
): (event: unknown) => Promise<BatchAnswer> {
  return async (event) => {
    const { Records } = QueueEvent().parse(event);
    const failed = new Set<string>();
    const byQueue = new Map<string, Message[]>();
    for (const { messageId: id, receiptHandle: receipt, body, attributes, eventSourceARN } of Records) {
      const message = readMessage({ id, receipt, body, receives: attributes.ApproximateReceiveCount }, log);
      const queue = eventSourceARN.split(":").at(-1) ?? "";
      if (message) byQueue.set(queue, [...(byQueue.get(queue) ?? []), message]);
      else failed.add(id);
    }
    for (const [queue, messages] of byQueue) for (const id of (await handlerOf(queue)(messages)).failed) failed.add(id);
    return { batchItemFailures: [...failed].map((itemIdentifier) => ({ itemIdentifier })) };
  };
}
