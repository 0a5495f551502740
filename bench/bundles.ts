import { execFile } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { bundle, bundled, FUNCTIONS } from "#infra/bundle.ts";
import { queueVariable } from "#src/platform/aws/settings.ts";
import { QUEUES, type QueueName } from "#src/platform/queue.ts";
import { type First, firstMessages } from "./first-messages.ts";
import { type StubAws, stubAws } from "./stub-aws.ts";

const run = promisify(execFile);
/** BENCH_PROFILE names a folder: every process writes its CPU profile there. */
const PROFILE = process.env["BENCH_PROFILE"]
  ? ["--cpu-prof", "--cpu-prof-interval=100", `--cpu-prof-dir=${process.env["BENCH_PROFILE"]}`]
  : [];

export type Cost = { what: string; ours: number; floor: number };
type Modules = { ours: string[]; clients: string[]; floor: string[] };

/**
 * CPU milliseconds before a function works, ours and the floor in turns: the machine's load is then the same for both. The
 * floor is Hono and the clients that the first message needs, without any of our bundler's plugins.
 */
export async function startsOfFunctions(rounds: number, names: string[] = FUNCTIONS): Promise<Cost[]> {
  const folder = mkdtempSync(join(tmpdir(), "gaoshi-bundles-"));
  const aws = await stubAws();
  const { firsts, stop } = await firstMessages(`${aws.url}/hook`);
  try {
    writeFileSync(join(folder, "authority.pem"), aws.cert);
    // The loader, too: taking the types out of a file costs more than loading it, and goes on in other threads.
    for (const name of ["load-bundle", "bare-api", "bare-worker"])
      await bundled(`bench/${name}.ts`, join(folder, name), [], []);
    const costs: Cost[] = [];
    for (const name of names) {
      const first = firsts[name];
      if (!first) throw new Error(`no first message for ${name}`);
      const modules = await modulesOf(folder, name, first);
      costs.push(await compared(`load of ${name}`, rounds, modules, (files) => spent(folder, aws, files, first)));
      const event = join(folder, `${name}.json`);
      writeFileSync(event, JSON.stringify(first.event));
      const whole = { ...modules, clients: [] }; // the first message loads them itself
      const what = `load of ${name} and its first ${name === "api" ? "report" : "message"}`;
      costs.push(await compared(what, rounds, whole, (files) => spent(folder, aws, files, first, event)));
    }
    return costs;
  } finally {
    aws.close();
    await stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** A worker's clients are loaded by its first message; `api` reads its key with one before. */
async function modulesOf(folder: string, name: string, { needs }: First): Promise<Modules> {
  const { outputs } = await bundle(name, folder);
  const client = (file: string): string => {
    const found = Object.entries(outputs).find(([, { entryPoint }]) =>
      entryPoint?.endsWith(`src/platform/aws/${file}`),
    );
    if (!found) throw new Error(`${name} has no ${file}`);
    return resolve(found[0]);
  };
  const clients = [
    client("dynamo.ts"),
    ...(needs.includes("queue") ? [client("sqs.ts")] : []),
    ...(needs.includes("bucket") ? [client("s3.ts")] : []),
  ];
  return {
    ours: [join(folder, name, "index.mjs")],
    clients: name === "api" ? [] : clients,
    floor: [join(folder, name === "api" ? "bare-api" : "bare-worker", "index.mjs")],
  };
}

async function compared(
  what: string,
  rounds: number,
  { ours, clients, floor }: Modules,
  spend: (files: string[]) => Promise<number>,
): Promise<Cost> {
  const times = { ours: [] as number[], floor: [] as number[] };
  for (let n = 0; n < rounds; n++) {
    if (n % 2 === 0) times.floor.push(await spend(floor));
    times.ours.push(await spend([...ours, ...clients]));
    if (n % 2 === 1) times.floor.push(await spend(floor));
  }
  if (process.env["BENCH_TIMES"]) console.error(what, JSON.stringify(times));
  return { what: `${what}, CPU`, ours: median(times.ours), floor: median(times.floor) };
}

/** CPU milliseconds of a process that loads these and is called with the event in this file. */
async function spent(folder: string, aws: StubAws, files: string[], first: First, event?: string): Promise<number> {
  aws.answerFrom(first.table);
  const before = aws.pushes();
  const env = {
    ...process.env,
    ...environment(aws.url),
    NODE_EXTRA_CA_CERTS: join(folder, "authority.pem"),
    BENCH_NEEDS: first.needs.join(),
    ...(event === undefined ? {} : { BENCH_FIRST: event }),
  };
  const { stdout } = await run(process.execPath, [...PROFILE, join(folder, "load-bundle/index.mjs"), ...files], {
    env,
  });
  const pushed = aws.pushes() - before;
  if (pushed !== Number(event !== undefined && first.needs.includes("push")))
    throw new Error(`${files}: ${pushed} pushes`);
  return Number(stdout.trim().split("\n").at(-1));
}

function environment(url: string): Record<string, string> {
  const queues = Object.keys(QUEUES) as QueueName[];
  return {
    AWS_REGION: "us-east-1",
    AWS_ACCESS_KEY_ID: "bench",
    AWS_SECRET_ACCESS_KEY: "bench",
    AWS_ENDPOINT_URL: url,
    GAOSHI_TABLE: "table",
    GAOSHI_BUCKET: "bucket",
    GAOSHI_BASE_URL: "https://bench.example",
    GAOSHI_EGRESS_ALLOW: "127.0.0.0/8",
    BENCH_HOOK: `${url}/hook`,
    ...Object.fromEntries(queues.map((name) => [queueVariable(name), `${url}/000000000000/${name}`])),
  };
}

type Lock = { packages: Record<string, { dev?: true; optional?: true; devOptional?: true }> };

/** What `npm ci --omit=dev --omit=optional` installs, by the lock file; its bytes as they lie in node_modules here. */
export function productionInstall(): { packages: number; bytes: number } {
  const { packages } = JSON.parse(readFileSync("package-lock.json", "utf8")) as Lock;
  const paths = Object.keys(packages).filter((path) => {
    const { dev, optional, devOptional } = packages[path] ?? {};
    return path !== "" && !dev && !optional && !devOptional;
  });
  return { packages: paths.length, bytes: paths.reduce((sum, path) => sum + bytesOf(path), 0) };
}

/** Without the packages inside: the lock file names those itself. */
function bytesOf(folder: string): number {
  return readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.name !== "node_modules")
    .map((entry) => join(folder, entry.name))
    .reduce((sum, path) => sum + (statSync(path).isDirectory() ? bytesOf(path) : statSync(path).size), 0);
}

const median = (values: number[]) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
