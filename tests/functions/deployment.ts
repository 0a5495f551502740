import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { randomUUID } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { AWS_ENV, type AwsServers, freePort, makeQueue, makeTable } from "#tests/contracts/aws-servers.ts";
import { readQueue } from "./queue-reader.ts";
import { type Invoke, readStream } from "./stream-reader.ts";

type Properties = Record<string, unknown>;
export type Template = { Resources: Record<string, { Type: string; Properties: Properties }> };

/** Runs `npm run package`'s script; answers the CloudFormation template that a deployment would send. */
export function packageAll(): Template {
  const { status, stdout, stderr } = spawnSync(process.execPath, ["infra/package.ts"], { encoding: "utf8" });
  if (status !== 0) throw new Error(`packaging failed\n${stdout}\n${stderr}`);
  return JSON.parse(readFileSync(".serverless/cloudformation-template-update-stack.json", "utf8")) as Template;
}

function ofType(template: Template, type: string): [string, Properties][] {
  return Object.entries(template.Resources).flatMap(([name, one]) =>
    one.Type === type ? [[name, one.Properties] as [string, Properties]] : [],
  );
}

/** The logical id that a reference names. */
function named(reference: unknown): string {
  const { Ref, "Fn::GetAtt": attribute } = reference as { Ref?: string; "Fn::GetAtt"?: string[] };
  return Ref ?? attribute?.[0] ?? "";
}

export type Deployment = {
  url: string;
  tableName: string;
  bucketName: string;
  queues: Map<string, { url: string; arn: string; name: string }>;
  /** Calls a packaged function as the Invoke API does; an error of the function is thrown. */
  invoke(name: string): Invoke;
  logs(): string;
  stop(): Promise<void>;
};

/**
 * Makes the template's table, bucket and queues on the test servers, runs the zipped functions under serverless-offline,
 * and carries stream records and queue messages to them, each twice, with the figures of the template's event source
 * mappings. `env` is added to every function's environment.
 */
export async function deploy(template: Template, aws: AwsServers, env: Record<string, string>): Promise<Deployment> {
  const StreamSpecification = { StreamEnabled: true, StreamViewType: "NEW_IMAGE" as const };
  const tableName = await makeTable(aws.dynamodb, { StreamSpecification });
  const bucketName = `b-${randomUUID()}`;
  aws.fauxqs.createBucket(bucketName);
  const queues = makeQueues(template, aws);
  const [httpPort, lambdaPort] = [await freePort(), await freePort()];
  const url = `http://127.0.0.1:${httpPort}`;

  const resolved = (value: unknown): string => {
    if (typeof value === "string") return value;
    if ("Fn::Sub" in (value as object)) return url; // the API's own address
    const name = named(value);
    return { Table: tableName, Bucket: bucketName }[name] ?? queues.get(name)?.url ?? "";
  };
  const functions = ofType(template, "AWS::Lambda::Function").map(([logicalId, properties]) => {
    const name = logicalId.replace("LambdaFunction", "").toLowerCase();
    const { Variables } = properties["Environment"] as { Variables: Properties };
    const environment = Object.fromEntries(Object.entries(Variables).map(([key, value]) => [key, resolved(value)]));
    return [
      name,
      {
        name,
        handler: properties["Handler"],
        timeout: properties["Timeout"],
        memorySize: properties["MemorySize"],
        environment: { ...environment, ...env },
        package: { artifact: resolve(`.serverless/${name}.zip`) },
        events: name === "api" ? [{ httpApi: "*" }] : [],
      },
    ] as const;
  });

  const folder = mkdtempSync(join(tmpdir(), "gaoshi-offline-"));
  symlinkSync(resolve("node_modules"), join(folder, "node_modules"));
  const service = {
    service: "gaoshi",
    provider: { name: "aws", runtime: "nodejs24.x", architecture: "arm64", region: AWS_ENV.AWS_REGION },
    functions: Object.fromEntries(functions),
    plugins: ["serverless-offline"],
  };
  writeFileSync(join(folder, "serverless.json"), JSON.stringify(service));
  const child = startOffline(folder, aws, { httpPort, lambdaPort });
  let output = "";
  child.stdout?.on("data", (data: Buffer) => {
    output += data.toString();
  });
  child.stderr?.on("data", (data: Buffer) => {
    output += data.toString();
  });

  const invoke =
    (name: string): Invoke =>
    async (event) => {
      const answer = await fetch(`http://127.0.0.1:${lambdaPort}/2015-03-31/functions/${name}/invocations`, {
        method: "POST",
        headers: { "content-type": "application/octet-stream" },
        body: JSON.stringify(event),
      });
      const text = await answer.text();
      if (!answer.ok || answer.headers.has("x-amz-function-error"))
        throw new Error(`${name}: ${answer.status} ${text}`);
      return text === "" ? null : (JSON.parse(text) as unknown);
    };

  await ready(`${url}/healthz`, child, () => output);
  /** At least once is what AWS promises, so here every event comes twice. */
  const twice = (name: string): Invoke => {
    const once = invoke(name);
    return async (event) => {
      const answer = await once(event);
      await once(event);
      return answer;
    };
  };
  const readers = carry(template, { aws, tableName, queues, invoke: twice });

  return {
    url,
    tableName,
    bucketName,
    queues,
    invoke,
    logs: () => output,
    async stop() {
      await Promise.all(readers.map((reader) => reader.stop()));
      child.kill("SIGKILL");
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

function makeQueues(template: Template, aws: AwsServers): Deployment["queues"] {
  const queues: Deployment["queues"] = new Map();
  const make = ([id, { QueueName, VisibilityTimeout, RedrivePolicy }]: [string, Properties]) => {
    const redrive = RedrivePolicy as { deadLetterTargetArn: unknown; maxReceiveCount: number } | undefined;
    const deadLetterTargetArn = redrive && queues.get(named(redrive.deadLetterTargetArn))?.arn;
    const attributes = {
      ...(VisibilityTimeout ? { VisibilityTimeout: String(VisibilityTimeout) } : {}),
      ...(redrive ? { RedrivePolicy: JSON.stringify({ ...redrive, deadLetterTargetArn }) } : {}),
    };
    queues.set(id, makeQueue(aws, String(QueueName), attributes));
  };
  const all = ofType(template, "AWS::SQS::Queue");
  for (const one of all.filter(([, { RedrivePolicy }]) => !RedrivePolicy)) make(one);
  for (const one of all.filter(([, { RedrivePolicy }]) => RedrivePolicy)) make(one);
  return queues;
}

function startOffline(folder: string, aws: AwsServers, ports: { httpPort: number; lambdaPort: number }): ChildProcess {
  const flags = ["--host", "127.0.0.1", "--noPrependStageInUrl", "--noSponsor"];
  const numbers = ["--httpPort", String(ports.httpPort), "--lambdaPort", String(ports.lambdaPort)];
  const child = spawn(
    process.execPath,
    [resolve("node_modules/osls/bin/serverless.js"), "offline", ...flags, ...numbers],
    {
      cwd: folder,
      stdio: ["ignore", "pipe", "pipe"],
      env: {
        PATH: process.env["PATH"],
        HOME: folder,
        ...AWS_ENV,
        AWS_ENDPOINT_URL_DYNAMODB: aws.dynamodb,
        AWS_ENDPOINT_URL_SQS: aws.sqs,
        AWS_ENDPOINT_URL_S3: aws.s3,
        SLS_TELEMETRY_DISABLED: "1",
      },
    },
  );
  process.once("exit", () => child.kill("SIGKILL"));
  return child;
}

async function ready(url: string, child: ChildProcess, output: () => string): Promise<void> {
  for (let tries = 0; tries < 600; tries++) {
    if (child.exitCode !== null) throw new Error(`serverless-offline ended\n${output()}`);
    const answer = await fetch(url).catch(() => undefined);
    if (answer?.ok) return;
    if (answer && tries > 50) throw new Error(`${url} answers ${answer.status}\n${output()}`);
    await sleep(100);
  }
  throw new Error(`serverless-offline did not start\n${output()}`);
}

function carry(
  template: Template,
  { aws, tableName, queues, invoke }: Pick<Deployment, "tableName" | "queues" | "invoke"> & { aws: AwsServers },
): { stop(): Promise<void> }[] {
  return ofType(template, "AWS::Lambda::EventSourceMapping").map(([, mapping]) => {
    const functionName = named(mapping["FunctionName"]).replace("LambdaFunction", "").toLowerCase();
    const source = named(mapping["EventSourceArn"]);
    const BatchSize = Number(mapping["BatchSize"]);
    const queue = queues.get(source);
    if (queue) {
      const { MaximumConcurrency } = mapping["ScalingConfig"] as { MaximumConcurrency: number };
      const VisibilityTimeout = Number(template.Resources[source]?.Properties["VisibilityTimeout"]);
      const figures = { BatchSize, MaximumConcurrency, VisibilityTimeout };
      return readQueue({ endpoint: aws.sqs, queue, invoke: invoke(functionName), mapping: figures });
    }
    const { Filters } = mapping["FilterCriteria"] as { Filters: { Pattern: string }[] };
    if (Filters[0]?.Pattern !== '{"dynamodb":{"NewImage":{"feed":{"S":[{"exists":true}]}}}}')
      throw new Error(`the carrier does not know the filter ${Filters[0]?.Pattern}`);
    return readStream({
      endpoint: aws.dynamodb,
      tableName,
      invoke: invoke(functionName),
      mapping: {
        BatchSize,
        MaximumRetryAttempts: Number(mapping["MaximumRetryAttempts"]),
        BisectBatchOnFunctionError: mapping["BisectBatchOnFunctionError"] === true,
        filter: (record) => record.dynamodb?.NewImage?.["feed"]?.S !== undefined,
      },
    });
  });
}
