import type { SendMessageBatchRequestEntry, SQSClient, SQSClientConfig } from "@aws-sdk/client-sqs";
import { AppError } from "#src/errors.ts";
import type { Log } from "#src/log.ts";
import { messageText } from "#src/platform/limits.ts";
import type { Message, Outgoing, Queue } from "#src/platform/queue.ts";
import { ATTEMPTS, pause, unavailable } from "./retry.ts";

type Sqs = typeof import("./sqs.ts");

/** Limits of one batch call, and how many of them are in flight at once. */
const ENTRIES = 10;
const BATCH_BYTES = 262_144;
const IN_FLIGHT = 8;

/** Makes the SQS client on first use; one for all queues. */
export type SqsCalls = <T>(call: (sqs: Sqs, client: SQSClient) => Promise<T>) => Promise<T>;

export function sqsCalls(settings: SQSClientConfig = {}): SqsCalls {
  let ready: Promise<{ sqs: Sqs; client: SQSClient }> | undefined;
  const load = async () => {
    const sqs = await import("./sqs.ts");
    // A long poll lasts 20 s.
    const requestHandler = { connectionTimeout: 1_000, requestTimeout: 25_000, throwOnRequestTimeout: true };
    return { sqs, client: new sqs.SQSClient({ maxAttempts: 4, requestHandler, ...settings }) };
  };
  return async (call) => {
    ready ??= load();
    const { sqs, client } = await ready;
    try {
      return await call(sqs, client);
    } catch (error) {
      throw error instanceof AppError ? error : unavailable("SQS", error);
    }
  };
}

/** Reads one message; undefined when its text is not JSON: such a one is left to the dead-letter queue. */
export function readMessage(
  raw: { id: string; receipt: string; body: string; receives: string | undefined },
  log: Log,
): Message | undefined {
  try {
    return {
      id: raw.id,
      receipt: raw.receipt,
      body: JSON.parse(raw.body) as unknown,
      receives: Number(raw.receives ?? 1),
    };
  } catch {
    log.error("queue.malformed", { id: raw.id });
    return undefined;
  }
}

// SQS refuses U+FFFE and U+FFFF, and servers of its kind refuse what is beyond U+FFFF: JSON may name all by escapes.
function text(message: Outgoing): string {
  return messageText(message).replace(/[\ud800-\udfff\ufffe\uffff]/g, (c) => `\\u${c.charCodeAt(0).toString(16)}`);
}

function inBatches(messages: Outgoing[]): SendMessageBatchRequestEntry[][] {
  const batches: SendMessageBatchRequestEntry[][] = [];
  let bytes = Number.POSITIVE_INFINITY;
  for (const message of messages) {
    const { delaySeconds, group } = message;
    const MessageBody = text(message);
    const size = Buffer.byteLength(MessageBody);
    let batch = batches.at(-1);
    if (batch === undefined || batch.length === ENTRIES || bytes + size > BATCH_BYTES) {
      batch = [];
      bytes = 0;
      batches.push(batch);
    }
    bytes += size;
    batch.push({
      Id: String(batch.length),
      MessageBody,
      ...(delaySeconds ? { DelaySeconds: delaySeconds } : {}),
      // On a standard queue this makes it a fair one; it orders nothing there.
      ...(group === undefined ? {} : { MessageGroupId: group }),
    });
  }
  return batches;
}

/** A queue on SQS. The SDK is loaded at the first call. */
export function awsQueue({ call, url, log }: { call: SqsCalls; url: string; log: Log }): Queue {
  async function sendBatch(entries: SendMessageBatchRequestEntry[]): Promise<void> {
    let open = entries;
    for (let attempt = 1; ; attempt++) {
      const Entries = open;
      const { Failed = [] } = await call((sqs, client) =>
        client.send(new sqs.SendMessageBatchCommand({ QueueUrl: url, Entries })),
      );
      if (Failed.length === 0) return;
      const ours = Failed.find((failure) => failure.SenderFault);
      if (ours) throw new Error(`SQS refuses a message: ${ours.Code} ${ours.Message}`);
      const ids = new Set(Failed.map((failure) => failure.Id));
      open = open.filter((entry) => ids.has(entry.Id));
      log.warn("aws.unsent", { sent: Entries.length, left: open.length });
      if (attempt === ATTEMPTS) throw unavailable("SQS", new Error(`${open.length} messages not taken`));
      await pause(attempt);
    }
  }

  return {
    async send(messages) {
      const batches = inBatches(messages);
      const lane = async () => {
        for (let batch = batches.pop(); batch !== undefined; batch = batches.pop()) await sendBatch(batch);
      };
      await Promise.all(Array.from({ length: IN_FLIGHT }, lane));
    },

    async receive({ max, waitSeconds, visibleAfterSeconds }) {
      const { Messages = [] } = await call((sqs, client) =>
        client.send(
          new sqs.ReceiveMessageCommand({
            QueueUrl: url,
            MaxNumberOfMessages: Math.min(max, ENTRIES),
            WaitTimeSeconds: Math.min(waitSeconds, 20),
            VisibilityTimeout: visibleAfterSeconds,
            MessageSystemAttributeNames: ["ApproximateReceiveCount"],
          }),
        ),
      );
      return Messages.flatMap(({ MessageId: id = "", ReceiptHandle: receipt = "", Body: body = "", Attributes }) => {
        const receives = Attributes?.ApproximateReceiveCount;
        return readMessage({ id, receipt, body, receives }, log) ?? [];
      });
    },

    async done(receipts) {
      for (let from = 0; from < receipts.length; from += ENTRIES) {
        const Entries = receipts
          .slice(from, from + ENTRIES)
          .map((ReceiptHandle, i) => ({ Id: String(i), ReceiptHandle }));
        const { Failed = [] } = await call((sqs, client) =>
          client.send(new sqs.DeleteMessageBatchCommand({ QueueUrl: url, Entries })),
        );
        // A message that was not deleted comes again, which every handler stands.
        for (const { Code, SenderFault } of Failed) if (!SenderFault) log.warn("aws.undeleted", { code: Code });
      }
    },

    async postpone(receipt, seconds) {
      try {
        await call((sqs, client) =>
          client.send(
            new sqs.ChangeMessageVisibilityCommand({
              QueueUrl: url,
              ReceiptHandle: receipt,
              VisibilityTimeout: seconds,
            }),
          ),
        );
      } catch (error) {
        if (!outdated(error)) throw error;
      }
    },
  };
}

function outdated(error: unknown): boolean {
  const cause = (error as Error).cause as Error | undefined;
  return /MessageNotInflight|ReceiptHandleIsInvalid|InvalidParameterValue/.test(cause?.name ?? "");
}
