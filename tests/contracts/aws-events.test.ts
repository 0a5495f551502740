import { describe, expect, it } from "vitest";
import { silentLog } from "#src/log.ts";
import { queueFunction, streamFunction } from "#src/platform/aws/events.ts";
import type { Message } from "#src/platform/queue.ts";
import type { Change } from "#src/platform/table.ts";

function recordingLog() {
  const errors: string[] = [];
  return { errors, log: { ...silentLog, error: (event: string) => void errors.push(event) } };
}

function record(number: number, image: Record<string, unknown> | undefined) {
  const SequenceNumber = String(number).padStart(21, "0");
  return {
    eventID: `event-${number}`,
    eventName: image ? "MODIFY" : "REMOVE",
    eventSource: "aws:dynamodb",
    awsRegion: "cn-north-1",
    dynamodb: { Keys: {}, SequenceNumber, StreamViewType: "NEW_IMAGE", ...(image ? { NewImage: image } : {}) },
  };
}

const id = (number: number): string => String(number).padStart(21, "0");
const image = (n: number) => ({
  pk: { S: "P" },
  sk: { S: `s${n}` },
  n: { N: String(n) },
  feed: { S: "revision" },
  ipk: { S: "I" },
  isk: { S: "J" },
  putId: { S: "x" },
  list: { L: [{ M: { a: { NULL: true } } }, { BOOL: false }] },
});

describe("a stream's event", () => {
  const run = (answer: string[], records: unknown[], { log } = recordingLog()) => {
    const told: Change[] = [];
    const handler = streamFunction(async (changes) => {
      told.push(...changes);
      return { failed: answer };
    }, log);
    return handler({ Records: records }).then((result) => ({ result, told }));
  };

  it("becomes changes with the item as the product knows it", async () => {
    const { result, told } = await run([], [record(1, image(1))]);
    const item = { pk: "P", sk: "s1", n: 1, feed: "revision", list: [{ a: null }, false] };
    expect(told).toEqual([{ id: id(1), item: { ...item, index: { pk: "I", sk: "J" } } }]);
    expect(result).toEqual({ batchItemFailures: [] });
  });

  it("names only the lowest failed change, in the order of the stream", async () => {
    const { result } = await run(
      [id(3), id(2)],
      [1, 2, 3, 4].map((n) => record(n, image(n))),
    );
    expect(result).toEqual({ batchItemFailures: [{ itemIdentifier: id(2) }] });
  });

  it("passes over deletions and items that are not told", async () => {
    const { feed: _, ...silent } = image(2);
    const { result, told } = await run([], [record(1, undefined), record(2, silent)]);
    expect(told).toEqual([]);
    expect(result).toEqual({ batchItemFailures: [] });
  });

  it("reports a record that it cannot read instead of swallowing it, and tells the others", async () => {
    const { errors, log } = recordingLog();
    const { result, told } = await run(
      [],
      [record(1, image(1)), record(2, { ...image(2), odd: { B: "AAA=" } }), record(3, image(3))],
      { errors, log },
    );
    expect(told.map((change) => change.id)).toEqual([id(1), id(3)]);
    expect(errors).toEqual(["feed.malformed"]);
    expect(result).toEqual({ batchItemFailures: [{ itemIdentifier: id(2) }] });
  });

  it("fails whole when the handler breaks, names a stranger, or the event is none", async () => {
    const broken = streamFunction(async () => {
      throw new Error("planned");
    }, silentLog);
    await expect(broken({ Records: [record(1, image(1))] })).rejects.toThrow("planned");
    const { result } = await run(["no such change"], [record(1, image(1)), record(2, image(2))]);
    expect(result).toEqual({ batchItemFailures: [{ itemIdentifier: id(1) }] });
    await expect(broken({ Records: "?" })).rejects.toThrow();
  });
});

describe("a queue's event", () => {
  const message = (n: number, body: string, queue = "deliver-webhook") => ({
    messageId: `m${n}`,
    receiptHandle: `r${n}`,
    body,
    attributes: { ApproximateReceiveCount: "3", SentTimestamp: "0" },
    messageAttributes: {},
    eventSource: "aws:sqs",
    eventSourceARN: `arn:aws-cn:sqs:cn-north-1:123456789012:gaoshi-prod-${queue}`,
  });

  it("becomes messages, goes to its queue's handler, and comes back as the failed ones only", async () => {
    const told: [string, Message[]][] = [];
    const run = queueFunction(
      (queue) => async (messages) => {
        told.push([queue, messages]);
        return { failed: messages.filter(({ id }) => id === "m2").map((one) => one.id) };
      },
      silentLog,
    );
    const result = await run({ Records: [message(1, '{"n":1}'), message(2, "2"), message(3, "3", "fanout")] });
    expect(result).toEqual({ batchItemFailures: [{ itemIdentifier: "m2" }] });
    expect(told).toEqual([
      [
        "gaoshi-prod-deliver-webhook",
        [
          { id: "m1", receipt: "r1", body: { n: 1 }, receives: 3 },
          { id: "m2", receipt: "r2", body: 2, receives: 3 },
        ],
      ],
      ["gaoshi-prod-fanout", [{ id: "m3", receipt: "r3", body: 3, receives: 3 }]],
    ]);
  });

  it("names a message that is not JSON, tells the others, and says so in the log", async () => {
    const { errors, log } = recordingLog();
    const bodies: unknown[] = [];
    const run = queueFunction(
      () => async (messages) => {
        bodies.push(...messages.map(({ body }) => body));
        return { failed: [] };
      },
      log,
    );
    const result = await run({ Records: [message(1, "{"), message(2, "2")] });
    expect(result).toEqual({ batchItemFailures: [{ itemIdentifier: "m1" }] });
    expect([bodies, errors]).toEqual([[2], ["queue.malformed"]]);
  });
});
