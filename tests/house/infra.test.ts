import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { isBuiltin } from "node:module";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { queueVariable } from "#src/platform/aws/settings.ts";
import { QUEUES, type QueueName } from "#src/platform/queue.ts";
import { TABLE } from "#tests/contracts/aws-servers.ts";

type Json = Record<string, unknown>;
type Resource = { Type: string; Properties: Json };
type Statement = { Effect: string; Action: string | string[]; Resource: unknown };
type FunctionSpec = {
  handler: string;
  role: string;
  timeout: number;
  environment?: Json;
  package: { patterns: string[] };
  events: Record<string, Json>[];
};

/** serverless.yml and infra/*.yml as osls resolves them. */
let service: {
  provider: Json & { environment: Json };
  functions: Record<string, FunctionSpec>;
  resources: { Resources: Record<string, Resource> };
};

beforeAll(() => {
  const { stdout, stderr } = spawnSync(
    process.execPath,
    ["node_modules/osls/bin/serverless.js", "print", "--format", "json"],
    { encoding: "utf8", env: { ...process.env, SLS_TELEMETRY_DISABLED: "1" }, maxBuffer: 10_000_000 },
  );
  expect(stdout, stderr).toMatch(/^\{/);
  service = JSON.parse(stdout) as typeof service;
}, 120_000);

const resource = (name: string): Json => {
  const found = service.resources.Resources[name];
  expect(found, name).toBeDefined();
  return found?.Properties ?? {};
};
const attribute = (name: string, of: string) => ({ "Fn::GetAtt": [name, of] });
const pascal = (name: string) => name.replace(/(^|-)(\w)/g, (_, __, letter: string) => letter.toUpperCase());

function statements(properties: Json): Statement[] {
  const policies = (properties["Policies"] ?? []) as { PolicyDocument: { Statement: Statement[] } }[];
  return policies.flatMap((policy) => policy.PolicyDocument.Statement);
}

/** What a statement allows too much: any action, any resource, or a star anywhere but in a last place of its own. */
function tooWide({ Effect, Action, Resource }: Statement): string[] {
  if (Effect !== "Allow") return [];
  const resources = (Array.isArray(Resource) ? Resource : [Resource]).map((one) => JSON.stringify(one));
  return [
    ...[Action].flat().filter((action) => action.includes("*")),
    ...resources.filter((one) => one.replace(/(log-stream:|\.Arn\}\/[a-z-]+\/)\*"/, '$1"').includes("*")),
  ];
}

/** Services that a function's role may use, as `dynamodb`, `sqs`, … */
function allowed(name: string): Map<string, string[]> {
  const found = new Map<string, string[]>();
  for (const { Action } of statements(resource(`${pascal(name)}Role`)))
    for (const action of [Action].flat()) {
      const [of = "", call = ""] = action.split(":");
      found.set(of, [...(found.get(of) ?? []), call]);
    }
  return found;
}

describe("functions", () => {
  it("are the same set in functions/ and in serverless.yml, each bundled and packed alone", () => {
    const files = readdirSync("functions").map((file) => basename(file, ".ts"));
    expect(Object.keys(service.functions).sort()).toEqual(files.sort());
    for (const [name, { handler, package: packed }] of Object.entries(service.functions)) {
      expect(handler).toBe(`dist/${name}/index.handler`);
      expect(packed.patterns).toEqual([`dist/${name}/*.mjs`]);
    }
  });

  it("run on Node 24 and arm64, keep their logs for a set time, and each has an alarm for its errors", () => {
    expect(service.provider).toMatchObject({ runtime: "nodejs24.x", architecture: "arm64", logRetentionInDays: 90 });
    for (const name of Object.keys(service.functions))
      expect(resource(`${pascal(name)}ErrorsAlarm`)).toMatchObject({
        MetricName: "Errors",
        Dimensions: [{ Name: "FunctionName", Value: { Ref: `${pascal(name)}LambdaFunction` } }],
        AlarmActions: [{ Ref: "AlarmTopic" }],
      });
  });

  it("get names from their environment, never a value that is secret", () => {
    for (const { environment = {} } of Object.values(service.functions))
      for (const [name, value] of Object.entries({ ...service.provider.environment, ...environment })) {
        expect(name).not.toMatch(/SECRET|TOKEN|PASSWORD|KEY/);
        if (name === "GAOSHI_SITE") continue; // stands in the footer of every page
        expect(typeof value, `${name} refers to a resource`).toBe("object");
      }
  });

  it("are given the address of exactly those queues that their role may send to", () => {
    for (const [name, { environment = {} }] of Object.entries(service.functions)) {
      const given = Object.values(environment).map((value) => (value as { Ref: string }).Ref);
      const sends = statements(resource(`${pascal(name)}Role`))
        .filter(({ Action }) => [Action].flat().includes("sqs:SendMessage"))
        .flatMap(({ Resource }) => [Resource].flat() as { "Fn::GetAtt": string[] }[])
        .map((one) => one["Fn::GetAtt"]?.[0] ?? "")
        .filter((queue) => !queue.endsWith("DeadQueue"));
      expect(sends.sort(), name).toEqual(given.sort());
    }
  });

  it("that push, and the bot's host, can have a second choice on any channel stand in, and those who wait told their turns", () => {
    const wanted = (Object.keys(QUEUES) as QueueName[]).filter((name) => name !== "deliver-late");
    const [bot] = resource("BotTask")["ContainerDefinitions"] as { Environment: { Name: string; Value: Json }[] }[];
    const ofBot = Object.fromEntries((bot?.Environment ?? []).map(({ Name, Value }) => [Name, Value]));
    const { deliver, urgent } = service.functions;
    for (const environment of [deliver?.environment, urgent?.environment, ofBot])
      expect(Object.keys(environment ?? {})).toEqual(expect.arrayContaining(wanted.map(queueVariable)));
    const given = Object.entries(ofBot).filter(([name]) => name.startsWith("GAOSHI_QUEUE_"));
    const [sends] = statements(resource("BotRole")).filter(({ Action }) => [Action].flat().includes("sqs:SendMessage"));
    expect(sends?.Resource).toEqual(given.map(([, { Ref }]) => attribute(Ref as string, "Arn")));
  });
});

describe("bundles", () => {
  it("reach neither the bot nor the tests, and lose no names of what they load late", async () => {
    const { bundle, nameless, strangers } = await import("#infra/bundle.ts");
    const folder = mkdtempSync(join(tmpdir(), "gaoshi-bundle-"));
    const metafile = await bundle("deliver", folder);
    rmSync(folder, { recursive: true });
    expect(Object.keys(metafile.inputs).length).toBeGreaterThan(100);
    expect([...strangers(metafile), ...nameless(metafile)]).toEqual([]);
    // The same reading finds a bundle that has gone wrong.
    const [first = ""] = Object.keys(metafile.inputs);
    metafile.inputs["node_modules/wechaty/index.js"] = { bytes: 1, imports: [], format: "cjs" };
    metafile.inputs[first]?.imports.push({ path: "node_modules/wechaty/index.js", kind: "dynamic-import" });
    expect(strangers(metafile)).toHaveLength(1);
    expect(nameless(metafile)).toHaveLength(1);
  }, 60_000);

  it("have all of undici that a push names, in a bundle as well", async () => {
    const [{ bundled }, { LEAN }] = await Promise.all([import("#infra/bundle.ts"), import("#infra/lean.ts")]);
    const folder = mkdtempSync(join(tmpdir(), "gaoshi-bundle-"));
    await bundled("src/channels/undici.ts", folder, [], LEAN);
    const lean: Json = await import(join(folder, "index.mjs"));
    rmSync(folder, { recursive: true });
    const whole: Json = await import("#src/channels/undici.ts");
    expect(Object.keys(lean).sort()).toEqual(Object.keys(whole).sort());
    expect(Object.keys(whole)).toContain("Agent");
    for (const [name, part] of Object.entries(lean)) expect(part, name).toBeTypeOf("function");
  }, 60_000);

  it("load no schema before the first call, and for a push nothing that publishes", async () => {
    const { bundle } = await import("#infra/bundle.ts");
    const folder = mkdtempSync(join(tmpdir(), "gaoshi-bundle-"));
    const [doors, worker] = await Promise.all([bundle("api", folder), bundle("deliver", folder)]);
    rmSync(folder, { recursive: true });
    const loadedWith = (path: string, metafile = doors, seen = new Set<string>()): Set<string> => {
      seen.add(path);
      for (const { path: next, kind, external } of metafile.inputs[path]?.imports ?? [])
        if (kind !== "dynamic-import" && !external && !seen.has(next)) loadedWith(next, metafile, seen);
      return seen;
    };
    const packages = (path: string, metafile = doors) =>
      ["zod", "markdown-it", "undici"].filter((name) =>
        [...loadedWith(path, metafile)].some((input) => input.includes(`node_modules/${name}/`)),
      );
    expect(packages("functions/api.ts")).toEqual([]);
    expect([...loadedWith("functions/api.ts")]).toContain("src/web/app.ts");
    expect([...loadedWith("functions/api.ts")].filter((path) => path.startsWith("src/channels/"))).toEqual([]);
    expect(packages("src/workers.ts", worker)).toEqual(["zod"]);
    expect(packages("src/web/pages/pages.ts")).toEqual(["zod", "markdown-it"]);
  }, 60_000);
});

type Outputs = Awaited<ReturnType<typeof import("#infra/bundle.ts").bundle>>["outputs"];

/** `filesBehind` a file: itself and whatever is loaded with it. `named`: the file that a source begins. */
function reading(outputs: Outputs) {
  const filesBehind = (path: string, seen = new Set<string>()): Set<string> => {
    seen.add(path);
    for (const { path: next, kind, external } of outputs[path]?.imports ?? [])
      if (kind !== "dynamic-import" && !external && !seen.has(next)) filesBehind(next, seen);
    return seen;
  };
  const named = (ending: string) =>
    Object.keys(outputs).find((path) => outputs[path]?.entryPoint?.endsWith(ending)) ?? "";
  return { filesBehind, named };
}

describe("a worker's bundle", () => {
  it("is loaded as one file", async () => {
    const { bundle } = await import("#infra/bundle.ts");
    const folder = mkdtempSync(join(tmpdir(), "gaoshi-bundle-"));
    try {
      const { outputs } = await bundle("deliver", folder);
      const { filesBehind } = reading(outputs);
      const entry = Object.keys(outputs).find((path) => path.endsWith("/deliver/index.mjs")) ?? "";
      const files = [...filesBehind(entry)].filter((path) => Object.keys(outputs[path]?.inputs ?? {}).length > 1);
      expect(files).toHaveLength(1);
      expect(filesBehind(entry).size).toBeLessThanOrEqual(3); // the entry, that file, what the bundler itself needs
      const inputs = [...filesBehind(entry)].flatMap((path) => Object.keys(outputs[path]?.inputs ?? {}));
      expect(inputs).toContain("src/domain/deliveries/run-chunk.ts");
      // What waits for the first message, or belongs to other functions.
      const late = /^src\/(channels|web)\/|(fan-out|plan-fanout|ask-endpoint)\.ts$|ipaddr/;
      expect(inputs.filter((path) => late.test(path))).toEqual([]);
    } finally {
      rmSync(folder, { recursive: true });
    }
  }, 60_000);
});

describe("bundles", () => {
  it("ask Node for its parts by name, and have the table's client and what pushes in one file each", async () => {
    const { bundle } = await import("#infra/bundle.ts");
    const folder = mkdtempSync(join(tmpdir(), "gaoshi-bundle-"));
    try {
      const { outputs } = await bundle("deliver", folder);
      const external = Object.values(outputs).flatMap(({ imports }) => imports.filter((one) => one.external));
      expect(external.filter(({ kind }) => kind === "import-statement")).toEqual([]);
      // `require` knows nothing else there.
      const required = external.filter(({ kind }) => kind === "require-call").map(({ path }) => path);
      expect(required).toContain("node:net");
      expect(required.filter((path) => !isBuiltin(path))).toEqual([]);
      const { filesBehind, named } = reading(outputs);
      const loaded = filesBehind(named("functions/deliver.ts"));
      for (const late of ["src/platform/aws/dynamo.ts", "src/channels/index.ts", "src/channels/undici.ts"]) {
        const files = [...filesBehind(named(late))].filter((path) => !loaded.has(path));
        expect(
          files.filter((path) => (outputs[path]?.bytes ?? 0) > 2_000),
          late,
        ).toHaveLength(1);
        for (const path of files) loaded.add(path);
      }
      expect(outputs[named("src/channels/undici.ts")]?.bytes).toBeLessThan(300_000);
    } finally {
      rmSync(folder, { recursive: true });
    }
  }, 60_000);
});

describe("the API function's bundle", () => {
  it("is loaded as one file, and the first report as another", async () => {
    const { bundle } = await import("#infra/bundle.ts");
    const folder = mkdtempSync(join(tmpdir(), "gaoshi-bundle-"));
    try {
      const { outputs } = await bundle("api", folder);
      const { filesBehind, named } = reading(outputs);
      const large = (paths: Iterable<string>) => [...paths].filter((path) => (outputs[path]?.bytes ?? 0) > 2_000);
      const loaded = filesBehind(named("functions/api.ts"));
      const report = ["door", "cases", "case-desk"].flatMap((room) => [
        ...filesBehind(named(`src/web/api/${room}.ts`)),
      ]);
      expect(large(new Set(report.filter((path) => !loaded.has(path))))).toHaveLength(1);
      expect(large(loaded).length).toBeLessThanOrEqual(2); // the function's own, and Hono's adapter for it
    } finally {
      rmSync(folder, { recursive: true });
    }
  }, 60_000);
});

describe("roles", () => {
  it("belong to one function each", () => {
    const roles = Object.entries(service.functions).map(([name, { role }]) => {
      expect(role).toBe(`${pascal(name)}Role`);
      return role;
    });
    expect(new Set(roles).size).toBe(roles.length);
  });

  it("allow no action and no resource by a star", () => {
    const roles = Object.entries(service.resources.Resources).filter(([, { Type }]) => Type === "AWS::IAM::Role");
    expect(roles.length).toBeGreaterThanOrEqual(7);
    for (const [name, { Properties }] of roles) {
      expect(statements(Properties).length, name).toBeGreaterThan(1);
      expect(statements(Properties).flatMap(tooWide), name).toEqual([]);
      expect(Properties["ManagedPolicyArns"], name).toBeUndefined();
    }
  });

  it("would be caught with a star in them", () => {
    const wide = (Action: string | string[], Resource: unknown) => tooWide({ Effect: "Allow", Action, Resource });
    expect(wide("sqs:*", attribute("FanoutQueue", "Arn"))).toEqual(["sqs:*"]);
    expect(wide(["s3:GetObject"], "*")).toEqual(['"*"']);
    expect(wide("s3:GetObject", ["arn:aws:s3:::*/a"])).toHaveLength(1);
    // biome-ignore lint/suspicious/noTemplateCurlyInString: the text of a CloudFormation Fn::Sub
    expect(wide("s3:GetObject", { "Fn::Sub": "${Bucket.Arn}/*" })).toHaveLength(1);
    // biome-ignore lint/suspicious/noTemplateCurlyInString: the text of a CloudFormation Fn::Sub
    expect(wide("s3:GetObject", { "Fn::Sub": "${Bucket.Arn}/bot/*" })).toEqual([]);
  });

  it("keep workers away from what they do not need", () => {
    // The bot's session is a login: no function may read it, and the API's links lead to uploads only.
    for (const name of Object.keys(service.functions))
      expect(JSON.stringify(resource(`${pascal(name)}Role`)), name).not.toContain("/bot/");
    expect(allowed("api").get("s3")).toEqual(["PutObject", "GetObject", "ListBucket"]);
    for (const name of ["dispatch", "fanout", "deliver", "urgent"]) expect(allowed(name).has("s3"), name).toBe(false);
    for (const name of Object.keys(service.functions)) {
      expect(allowed(name).get("ses"), name).toEqual(
        /deliver|urgent/.test(name) ? ["SendEmail", "SendRawEmail"] : undefined,
      );
      expect(allowed(name).get("dynamodb"), name).not.toContain("Scan");
      expect(
        allowed(name)
          .get("dynamodb")
          ?.filter((call) => /Table|Backup/.test(call)),
      ).toEqual([]);
      expect(allowed(name).get("sqs")?.includes("ReceiveMessage") ?? false, name).toBe(
        /fanout|deliver|urgent/.test(name),
      );
      expect(allowed(name).get("dynamodb")?.includes("GetRecords") ?? false, name).toBe(name === "dispatch");
    }
  });
});

describe("queues", () => {
  it("are those of the product, with its figures, each with a dead-letter queue that keeps messages longer", () => {
    for (const { name, visibilitySeconds, receives } of Object.values(QUEUES)) {
      const queue = resource(`${pascal(name)}Queue`);
      const dead = resource(`${pascal(name)}DeadQueue`);
      expect(queue).toMatchObject({
        QueueName: `gaoshi-prod-${name}`,
        VisibilityTimeout: visibilitySeconds,
        SqsManagedSseEnabled: true,
        RedrivePolicy: { deadLetterTargetArn: attribute(`${pascal(name)}DeadQueue`, "Arn"), maxReceiveCount: receives },
      });
      expect(dead["SqsManagedSseEnabled"]).toBe(true);
      expect(Number(dead["MessageRetentionPeriod"])).toBeGreaterThan(Number(queue["MessageRetentionPeriod"]));
    }
    const live = Object.entries(service.resources.Resources).filter(
      ([name, { Type }]) => Type === "AWS::SQS::Queue" && !name.endsWith("DeadQueue"),
    );
    expect(live.length).toBe(Object.keys(QUEUES).length);
  });

  it("raise an alarm at the first dead letter, and when their oldest message waits too long", () => {
    const dead = Object.keys(service.resources.Resources).filter((name) => name.endsWith("DeadQueue"));
    expect(dead.length).toBe(Object.keys(QUEUES).length + 1);
    for (const queue of dead)
      expect(resource(`${queue}Alarm`)).toMatchObject({
        MetricName: "ApproximateNumberOfMessagesVisible",
        Dimensions: [{ Name: "QueueName", Value: attribute(queue, "QueueName") }],
        Threshold: 1,
        AlarmActions: [{ Ref: "AlarmTopic" }],
      });
    for (const name of Object.keys(QUEUES))
      expect(resource(`${pascal(name)}QueueAgeAlarm`)["MetricName"]).toBe("ApproximateAgeOfOldestMessage");
  });

  it("hand their messages to functions that name what failed, with time for six tries within one visibility", () => {
    const mapped = Object.entries(service.functions).flatMap(([name, { events, timeout }]) =>
      events.flatMap(({ sqs }) => (sqs ? [{ name, timeout, sqs }] : [])),
    );
    // The bot takes its own.
    const taken = Object.keys(QUEUES).filter((name) => name !== "deliver-wechaty");
    expect(mapped.map(({ sqs }) => JSON.stringify(sqs["arn"])).sort()).toEqual(
      taken.map((name) => JSON.stringify(attribute(`${pascal(name)}Queue`, "Arn"))).sort(),
    );
    for (const { timeout, sqs } of mapped) {
      const [queueName = ""] = (sqs["arn"] as { "Fn::GetAtt": string[] })["Fn::GetAtt"];
      const spec = Object.values(QUEUES).find(({ name }) => `${pascal(name)}Queue` === queueName);
      expect(sqs).toMatchObject({ functionResponseType: "ReportBatchItemFailures", batchSize: spec?.batch });
      expect(sqs["maximumConcurrency"]).toBeGreaterThanOrEqual(2);
      expect(spec?.visibilitySeconds).toBeGreaterThanOrEqual(6 * timeout);
    }
  });
});

describe("concurrency", () => {
  const mappings = () =>
    Object.values(service.functions).flatMap(({ events }) => events.flatMap(({ sqs }) => (sqs ? [sqs] : [])));

  it("of all queues together leaves room for the web in an account's thousand", () => {
    const most = mappings().reduce((sum, sqs) => sum + Number(sqs["maximumConcurrency"]), 0);
    expect(most).toBeLessThanOrEqual(850);
  });
});

describe("the table", () => {
  it("has the keys and the index that the contracts were run on", () => {
    const { AttributeDefinitions, KeySchema, GlobalSecondaryIndexes, BillingMode } = TABLE;
    expect(resource("Table")).toMatchObject({
      AttributeDefinitions,
      KeySchema,
      GlobalSecondaryIndexes,
      BillingMode,
    });
  });

  it("is kept, encrypted, recoverable, forgets what has expired, and tells its changes", () => {
    expect(service.resources.Resources["Table"]).toMatchObject({ DeletionPolicy: "Retain" });
    expect(resource("Table")).toMatchObject({
      StreamSpecification: { StreamViewType: "NEW_IMAGE" },
      TimeToLiveSpecification: { AttributeName: "expiresAt", Enabled: true },
      PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: true },
      SSESpecification: { SSEEnabled: true },
      DeletionProtectionEnabled: true,
    });
  });

  it("tells only changes that carry a feed, halves what fails, ends within the stream's day, and then says so", () => {
    const stream = service.functions["dispatch"]?.events[0]?.["stream"];
    expect(stream).toMatchObject({
      arn: attribute("Table", "StreamArn"),
      startingPosition: "TRIM_HORIZON",
      functionResponseType: "ReportBatchItemFailures",
      bisectBatchOnFunctionError: true,
      destinations: { onFailure: { arn: attribute("DispatchDeadQueue", "Arn") } },
      filterPatterns: [{ dynamodb: { NewImage: { feed: { S: [{ exists: true }] } } } }],
    });
    expect(stream?.["maximumRetryAttempts"]).toBeGreaterThan(0);
    expect(stream?.["maximumRecordAgeInSeconds"]).toBeLessThan(86_400);
    expect(resource("DispatchAgeAlarm")["MetricName"]).toBe("IteratorAge");
  });
});

describe("the bucket", () => {
  it("is private, encrypted, reached by TLS only, and clears what was left unfinished", () => {
    expect(resource("Bucket")["PublicAccessBlockConfiguration"]).toEqual({
      BlockPublicAcls: true,
      BlockPublicPolicy: true,
      IgnorePublicAcls: true,
      RestrictPublicBuckets: true,
    });
    expect(resource("Bucket")["BucketEncryption"]).toBeDefined();
    expect(JSON.stringify(resource("Bucket")["LifecycleConfiguration"])).toContain("AbortIncompleteMultipartUpload");
    const policy = resource("BucketPolicy")["PolicyDocument"] as { Statement: Json[] };
    expect(policy.Statement).toMatchObject([
      { Effect: "Deny", Principal: "*", Condition: { Bool: { "aws:SecureTransport": "false" } } },
    ]);
  });
});

it("asks a county to install few packages: sixty at most, without the bot", () => {
  const { packages } = JSON.parse(readFileSync("package-lock.json", "utf8")) as {
    packages: Record<string, { dev?: true; optional?: true; devOptional?: true }>;
  };
  const installed = Object.entries(packages).filter(
    ([path, { dev, optional, devOptional }]) => path !== "" && !dev && !optional && !devOptional,
  );
  expect(installed.length).toBeGreaterThan(20);
  expect(installed.length).toBeLessThanOrEqual(60);
});
