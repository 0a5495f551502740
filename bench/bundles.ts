import { execFile } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { bundle, bundled, FUNCTIONS } from "#infra/bundle.ts";

const run = promisify(execFile);

export type Cost = { what: string; ours: number; floor: number };

/** CPU milliseconds before a function works, ours and the floor in turns: the machine's load is then the same for both. */
export async function startsOfFunctions(rounds: number): Promise<Cost[]> {
  const folder = mkdtempSync(join(tmpdir(), "gaoshi-bundles-"));
  const item = JSON.stringify({ Item: { value: { S: "A".repeat(43) } } });
  const store = createServer((request, response) => {
    request.resume().on("end", () => response.setHeader("content-type", "application/x-amz-json-1.0").end(item));
  }).listen(0, "127.0.0.1");
  try {
    for (const name of FUNCTIONS) await bundle(name, folder);
    for (const name of ["bare-api", "bare-worker"]) await bundled(`bench/${name}.ts`, join(folder, name), []);
    const url = `http://127.0.0.1:${(store.address() as AddressInfo).port}`;
    const load = async (names: string[], first?: string) => {
      const files = names.map((name) => join(folder, name, "index.mjs"));
      const env = { ...process.env, ...environment(url), ...(first === undefined ? {} : { BENCH_FIRST: first }) };
      const { stdout } = await run(process.execPath, ["bench/load-bundle.ts", ...files], { env });
      return JSON.parse(stdout.trim().split("\n").at(-1) ?? "") as { loaded: number; answered: number };
    };

    const pairs = [
      { what: "load of api", ours: () => load(["api"]), floor: () => load(["bare-api"]) },
      {
        what: "load of api and its first report",
        ours: () => load(["api"], "/api/v1/cases"),
        floor: () => load(["bare-api"], "/reports"),
      },
      ...FUNCTIONS.filter((name) => name !== "api").map((name) => ({
        what: `load of ${name} and its clients`,
        ours: () => load([name, "bare-worker"]),
        floor: () => load(["bare-worker"]),
      })),
    ];
    const costs: Cost[] = [];
    for (const { what, ours, floor } of pairs) {
      const times: { ours: number[]; floor: number[] } = { ours: [], floor: [] };
      for (let n = 0; n < rounds; n++) {
        times.floor.push((await floor()).answered);
        times.ours.push((await ours()).answered);
      }
      costs.push({ what: `${what}, CPU`, ours: median(times.ours), floor: median(times.floor) });
    }
    return costs;
  } finally {
    store.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

function environment(url: string): Record<string, string> {
  return {
    AWS_REGION: "us-east-1",
    AWS_ACCESS_KEY_ID: "bench",
    AWS_SECRET_ACCESS_KEY: "bench",
    AWS_ENDPOINT_URL: url,
    GAOSHI_TABLE: "table",
    GAOSHI_BUCKET: "bucket",
    GAOSHI_BASE_URL: "https://bench.example",
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
