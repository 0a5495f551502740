import { DeleteMessageBatchCommand, type Message, ReceiveMessageCommand, SQSClient } from "@aws-sdk/client-sqs";
import { clientSettings } from "#tests/contracts/aws-servers.ts";
import type { Invoke } from "./stream-reader.ts";

/** Properties of an AWS::Lambda::EventSourceMapping on an SQS queue, and of the queue. */
export type QueueMapping = { BatchSize: number; MaximumConcurrency: number; VisibilityTimeout: number };

/**
 * Polls a queue and hands its messages to a function as Lambda's event source mapping does (docs.aws.amazon.com:
 * services-sqs-errorhandling): what the answer does not name as failed is deleted; a thrown error, an identifier that is
 * not in the batch or an empty one leaves the whole batch to its visibility time-out and so to the redrive policy.
 */
export function readQueue(options: {
  endpoint: string;
  queue: { url: string; arn: string };
  invoke: Invoke;
  mapping: QueueMapping;
}): { stop(): Promise<void> } {
  const { endpoint, queue, invoke, mapping } = options;
  const client = new SQSClient(clientSettings(endpoint));
  let stopped = false;

  async function tell(messages: Message[]): Promise<Message[]> {
    let answer: unknown;
    try {
      answer = await invoke({ Records: messages.map((message) => asEvent(message, queue.arn)) });
    } catch {
      return [];
    }
    const failures = (answer as { batchItemFailures?: { itemIdentifier?: string }[] } | null)?.batchItemFailures ?? [];
    const ids = new Set(failures.map(({ itemIdentifier }) => itemIdentifier));
    const known = [...ids].every((id) => messages.some(({ MessageId }) => MessageId === id));
    return known ? messages.filter(({ MessageId }) => !ids.has(MessageId)) : [];
  }

  async function lane(): Promise<void> {
    while (!stopped) {
      const { Messages = [] } = await client.send(
        new ReceiveMessageCommand({
          QueueUrl: queue.url,
          MaxNumberOfMessages: Math.min(10, mapping.BatchSize),
          WaitTimeSeconds: 1,
          VisibilityTimeout: mapping.VisibilityTimeout,
          MessageSystemAttributeNames: ["All"],
        }),
      );
      if (Messages.length === 0) continue;
      const Entries = (await tell(Messages)).map(({ ReceiptHandle }, i) => ({ Id: String(i), ReceiptHandle }));
      if (Entries.length > 0) await client.send(new DeleteMessageBatchCommand({ QueueUrl: queue.url, Entries }));
    }
  }

  const running = Promise.all(Array.from({ length: Math.min(4, mapping.MaximumConcurrency) }, lane));
  return {
    async stop() {
      stopped = true;
      await running;
      client.destroy();
    },
  };
}

function asEvent(message: Message, eventSourceARN: string): unknown {
  return {
    messageId: message.MessageId,
    receiptHandle: message.ReceiptHandle,
    body: message.Body,
    attributes: message.Attributes ?? {},
    messageAttributes: {},
    md5OfBody: message.MD5OfBody,
    eventSource: "aws:sqs",
    eventSourceARN,
    awsRegion: "us-east-1",
  };
}
