import { randomUUID } from "node:crypto";
import { afterAll, beforeAll } from "vitest";
import { silentLog } from "#src/log.ts";
import { awsBucket } from "#src/platform/aws/bucket.ts";
import { streamFunction } from "#src/platform/aws/events.ts";
import { awsQueue, sqsCalls } from "#src/platform/aws/queue.ts";
import { awsTable } from "#src/platform/aws/table.ts";
import { readStream } from "#tests/functions/stream-reader.ts";
import { type AwsServers, clientSettings, describeOnAws, makeQueue, makeTable, startAws } from "./aws-servers.ts";
import { bucketContract } from "./bucket.suite.ts";
import { caseListContract } from "./case-list.suite.ts";
import { feedContract } from "./feed.suite.ts";
import { queueContract } from "./queue.suite.ts";
import { tableContract } from "./table.suite.ts";

const log = silentLog;
const now = (): Date => new Date();
const STREAM = { StreamSpecification: { StreamEnabled: true, StreamViewType: "NEW_IMAGE" as const } };

describeOnAws("AWS", { timeout: 60_000 }, () => {
  let aws: AwsServers;
  beforeAll(async () => {
    aws = await startAws();
  });
  afterAll(() => aws.stop());

  const openTable = async (more = {}) => {
    const tableName = await makeTable(aws.dynamodb, more);
    return { tableName, table: awsTable({ client: clientSettings(aws.dynamodb), tableName, now, log }) };
  };

  tableContract("DynamoDB", async () => ({ ...(await openTable()), close: async () => {} }));

  caseListContract("DynamoDB", async () => {
    const { table } = await openTable();
    const bucket = awsBucket({ client: clientSettings(aws.s3), bucketName: "none", now });
    return { table, bucket, close: async () => {} };
  });

  feedContract("DynamoDB Streams", async () => {
    const { table, tableName } = await openTable(STREAM);
    let reader: ReturnType<typeof readStream> | undefined;
    return {
      table,
      feed(handler) {
        reader = readStream({
          endpoint: aws.dynamodb,
          tableName,
          invoke: streamFunction(handler, log),
          mapping: {
            BatchSize: 100,
            MaximumRetryAttempts: 20,
            BisectBatchOnFunctionError: true,
            filter: (record) => record.dynamodb?.NewImage?.["feed"]?.S !== undefined,
          },
        });
      },
      close: async () => reader?.stop(),
    };
  });

  // The stand-in takes groups and does not look at them.
  queueContract("SQS", { inTurn: false }, async () => {
    const receives = 3;
    const dead = makeQueue(aws, `dead-${randomUUID()}`);
    const RedrivePolicy = JSON.stringify({ deadLetterTargetArn: dead.arn, maxReceiveCount: receives });
    const { url } = makeQueue(aws, `queue-${randomUUID()}`, { RedrivePolicy });
    return {
      queue: awsQueue({ call: sqsCalls(clientSettings(aws.sqs)), url, log }),
      receives,
      deadLetters: async () =>
        (aws.fauxqs.inspectQueue(dead.name)?.messages.ready ?? []).map(({ body }) => JSON.parse(body) as unknown),
      close: async () => {},
    };
  });

  bucketContract("S3", async () => {
    const bucketName = `bucket-${randomUUID()}`;
    aws.fauxqs.createBucket(bucketName);
    let shift = 0;
    return {
      bucket: awsBucket({
        client: clientSettings(aws.s3),
        bucketName,
        now: () => new Date(Date.now() + shift * 1_000),
      }),
      send: (request) => fetch(request),
      shiftClock(seconds) {
        shift = seconds;
      },
      close: async () => {},
    };
  });
});
