// The floor for the functions behind the queues: Hono, and the clients that the first message needs, each called with the
// least there is; bundled as anyone would. BENCH_NEEDS says what beside the table.
import { Hono } from "hono";
import { handle } from "hono/aws-lambda";
import * as dynamo from "#src/platform/aws/dynamo.ts";

const needs = (process.env["BENCH_NEEDS"] ?? "").split(",");
const app = new Hono();
app.post("/reports", async (c) => c.json(await c.req.json<{ title: string }>(), 201));
export const http = handle(app);

const TableName = process.env["GAOSHI_TABLE"] ?? "";
const Key = { pk: { S: "setting" }, sk: { S: "secret" } };
const sqs = needs.includes("queue") ? await import("#src/platform/aws/sqs.ts") : undefined;
const s3 = needs.includes("bucket") ? await import("#src/platform/aws/s3.ts") : undefined;

/** One read, one push or one message to a queue, one write. */
export async function handler(): Promise<void> {
  const table = new dynamo.DynamoDBClient({ maxAttempts: 1 });
  await table.send(new dynamo.GetItemCommand({ TableName, Key }));
  if (needs.includes("push")) await (await import("./bare-push.ts")).push(process.env["BENCH_HOOK"] ?? "");
  if (sqs) {
    const Entries = [{ Id: "0", MessageBody: JSON.stringify({ range: "0" }) }];
    await new sqs.SQSClient().send(
      new sqs.SendMessageBatchCommand({ QueueUrl: process.env["GAOSHI_QUEUE_FANOUT"], Entries }),
    );
  }
  if (s3) await new s3.S3Client().send(new s3.ListObjectsV2Command({ Bucket: process.env["GAOSHI_BUCKET"] }));
  await table.send(new dynamo.PutItemCommand({ TableName, Item: Key }));
}
