import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, it } from "vitest";
import { silentLog } from "#src/log.ts";
import { queueFunction, streamFunction } from "#src/platform/aws/events.ts";
import { awsQueue, sqsCalls } from "#src/platform/aws/queue.ts";
import { awsTable } from "#src/platform/aws/table.ts";
import type { MessageHandler } from "#src/platform/queue.ts";
import type { ChangeHandler } from "#src/platform/table.ts";
import {
  type AwsServers,
  clientSettings,
  describeOnAws,
  makeQueue,
  makeTable,
  startAws,
} from "#tests/contracts/aws-servers.ts";
import { until } from "#tests/world.ts";
import { readQueue } from "./queue-reader.ts";
import { readStream } from "./stream-reader.ts";

const log = silentLog;

describeOnAws("event source mappings", { timeout: 60_000 }, () => {
  let aws: AwsServers;
  beforeAll(async () => {
    aws = await startAws();
  });
  afterAll(() => aws.stop());

  function openQueue(handler: MessageHandler, batch: number) {
    const dead = makeQueue(aws, `dead-${randomUUID()}`);
    const RedrivePolicy = JSON.stringify({ deadLetterTargetArn: dead.arn, maxReceiveCount: 3 });
    const made = makeQueue(aws, `queue-${randomUUID()}`, { RedrivePolicy });
    const reader = readQueue({
      endpoint: aws.sqs,
      queue: made,
      invoke: queueFunction(() => handler, log),
      mapping: { BatchSize: batch, MaximumConcurrency: 2, VisibilityTimeout: 1 },
    });
    const queue = awsQueue({ call: sqsCalls(clientSettings(aws.sqs)), url: made.url, log });
    const deadLetters = () => aws.fauxqs.inspectQueue(dead.name)?.messages.ready.map(({ body }) => body) ?? [];
    return { queue, name: made.name, reader, deadLetters };
  }

  it("hand every other message over once while one poisons its batch, and put that one aside after three tries", async () => {
    const told: number[] = [];
    const { queue, name, reader, deadLetters } = openQueue(async (messages) => {
      told.push(...messages.map(({ body }) => (body as { n: number }).n));
      return { failed: messages.filter(({ body }) => (body as { n: number }).n === 3).map(({ id }) => id) };
    }, 5);
    await queue.send(Array.from({ length: 8 }, (_, n) => ({ body: { n } })));
    aws.fauxqs.sendMessage(name, "{ no JSON");
    await until(async () => deadLetters().length === 2, 30);
    await reader.stop();
    expect(deadLetters().toSorted()).toEqual(["{ no JSON", '{"n":3}']);
    expect(told.toSorted()).toEqual([0, 1, 2, 3, 3, 3, 4, 5, 6, 7]);
  });

  it("hand a whole batch over again when the function breaks or names a stranger", async () => {
    let calls = 0;
    const told: unknown[] = [];
    const { queue, reader, deadLetters } = openQueue(async (messages) => {
      if (++calls === 1) throw new Error("planned");
      told.push(...messages.map(({ body }) => body));
      return { failed: calls === 2 ? ["no message of this batch"] : [] };
    }, 1);
    await queue.send([{ body: "only" }]);
    await until(async () => told.length === 2, 30);
    await sleep(1_500);
    await reader.stop();
    expect([told, deadLetters()]).toEqual([["only", "only"], []]);
  });

  async function openStream(handler: ChangeHandler) {
    const StreamSpecification = { StreamEnabled: true, StreamViewType: "NEW_IMAGE" as const };
    const tableName = await makeTable(aws.dynamodb, { StreamSpecification });
    const table = awsTable({ client: clientSettings(aws.dynamodb), tableName, now: () => new Date(), log });
    const put = (n: number, feed?: string) =>
      table.write([{ put: { pk: "P", sk: "S", n, ...(feed ? { feed } : {}) } }]);
    const start = () =>
      readStream({
        endpoint: aws.dynamodb,
        tableName,
        invoke: streamFunction(handler, log),
        mapping: {
          BatchSize: 100,
          MaximumRetryAttempts: 5,
          BisectBatchOnFunctionError: true,
          filter: (record) => record.dynamodb?.NewImage?.["feed"]?.S !== undefined,
        },
        backOffMs: 5,
      });
    return { put, start };
  }

  it("tell a put again that changes nothing, in the order of the puts", async () => {
    const told: unknown[] = [];
    const { put, start } = await openStream(async (changes) => {
      told.push(...changes.map(({ item }) => item["n"]));
      return { failed: [] };
    });
    for (const n of [1, 1, 2, 1]) await put(n, "f");
    await put(9);
    await put(3, "f");
    const reader = start();
    await until(async () => told.length >= 5, 30);
    await reader.stop();
    expect(told).toEqual([1, 1, 2, 1, 3]);
  });

  it("halve a batch that breaks its function until only the poison is given up, and say where it lies", async () => {
    const done = new Set<unknown>();
    const { put, start } = await openStream(async (changes) => {
      if (changes.some(({ item }) => item["n"] === 6)) throw new Error("planned");
      for (const { item } of changes) done.add(item["n"]);
      return { failed: [] };
    });
    for (let n = 0; n < 12; n++) await put(n, "f");
    const reader = start();
    await until(async () => reader.givenUp.length > 0 && done.size === 11, 30);
    await reader.stop();
    expect(reader.givenUp).toHaveLength(1);
    expect(reader.givenUp[0]?.from).toBe(reader.givenUp[0]?.to);
    expect(done.has(6)).toBe(false);
  });
});
