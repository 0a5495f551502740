import type { DynamoDBClientConfig } from "@aws-sdk/client-dynamodb";
import type { S3ClientConfig } from "@aws-sdk/client-s3";
import type { SQSClientConfig } from "@aws-sdk/client-sqs";
import type { Log } from "#src/log.ts";
import type { Bucket } from "#src/platform/bucket.ts";
import type { Queue, QueueName } from "#src/platform/queue.ts";
import type { Table } from "#src/platform/table.ts";
import { awsBucket } from "./bucket.ts";
import { awsQueue, sqsCalls } from "./queue.ts";
import type { AwsSettings } from "./settings.ts";
import { awsTable } from "./table.ts";

export type AwsPlatform = { table: Table; bucket: Bucket; queue: (name: QueueName) => Queue };

/** SDK settings for tests; empty on AWS. */
export type AwsClients = { dynamodb?: DynamoDBClientConfig; s3?: S3ClientConfig; sqs?: SQSClientConfig };

/** The ports on DynamoDB, S3 and SQS. Nothing is loaded or opened before its first use. */
export function awsPlatform(options: {
  settings: AwsSettings;
  clients?: AwsClients;
  now: () => Date;
  log: Log;
}): AwsPlatform {
  const { settings, clients = {}, now, log } = options;
  const call = sqsCalls(clients.sqs);
  return {
    table: awsTable({ client: clients.dynamodb ?? {}, tableName: settings.tableName, now, log }),
    bucket: awsBucket({ client: clients.s3 ?? {}, bucketName: settings.bucketName, now }),
    queue: (name) => awsQueue({ call, url: settings.queueUrl(name), log }),
  };
}
