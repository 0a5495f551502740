// What every part needs: processes to start and to stop, their memory and CPU, the HTTP of the house, and the table of results.
import { type ChildProcess, execFile, fork, spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";

export const ADMIN = "bench-admin-token-0123456789abcdef0123";
export const SECONDS = Number(process.env["BENCH_SECONDS"] ?? 5);
/** BENCH_PROGRAM names an older build to compare with. */
const PROGRAM = process.env["BENCH_PROGRAM"] ?? "dist/program/index.mjs";
/** BENCH_PROFILE names a folder: every house writes its CPU profile there when it stops. */
const PROFILE = process.env["BENCH_PROFILE"] ? ["--cpu-prof", `--cpu-prof-dir=${process.env["BENCH_PROFILE"]}`] : [];
export const ROUNDS = Number(process.env["BENCH_ROUNDS"] ?? 3);

/** What `npm start` gives Node. */
const FLAGS: string[] = JSON.parse(readFileSync("package.json", "utf8")).scripts.start.split(" ").slice(1, -1);

/** `statsPort`: of a sink that speaks TLS to those who push. */
export type Started = { process: ChildProcess; port: number; statsPort?: number; milliseconds: number };

export function start(script: string, env: Record<string, string> = {}, args: string[] = []): Promise<Started> {
  const began = performance.now();
  return new Promise((resolve, reject) => {
    const child = fork(script, args, {
      env: { ...process.env, ...env },
      execArgv: script === PROGRAM ? [...FLAGS, ...PROFILE] : [],
      stdio: ["ignore", "pipe", "inherit", "ipc"],
    });
    let text = "";
    child.stdout?.on("data", (chunk: Buffer) => {
      text += chunk.toString();
      const port = /"port":(\d+)|http:\/\/127\.0\.0\.1:(\d+)/.exec(text)?.slice(1).find(Boolean);
      const statsPort = /"statsPort":(\d+)/.exec(text)?.[1];
      if (port)
        resolve({
          ...{ process: child, port: Number(port), milliseconds: performance.now() - began },
          ...(statsPort ? { statsPort: Number(statsPort) } : {}),
        });
    });
    child.on("exit", (code) => reject(new Error(`${script} ended with ${code}: ${text}`)));
  });
}

export function stop(started: Started): Promise<void> {
  return new Promise((resolve) => {
    started.process.removeAllListeners("exit");
    started.process.on("exit", () => resolve());
    started.process.kill("SIGTERM");
  });
}

export async function call(port: number, method: string, path: string, body?: unknown, type = "application/json") {
  const response = await fetch(`http://127.0.0.1:${port}${path}`, {
    method,
    headers: { authorization: `Bearer ${ADMIN}`, ...(body === undefined ? {} : { "content-type": type }) },
    ...(body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) }),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
  return text === "" ? {} : JSON.parse(text);
}

/** MiB of private memory of a process, and the CPU time it has used in microseconds (Linux). */
export function memory(pid: number): number {
  const kb = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
  return Number(kb) / 1024;
}
export function peakMemory(pid: number): number {
  return Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]) / 1024;
}
export function cpu(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.split(" ") ?? [];
  return (Number(fields[11]) + Number(fields[12])) * 10_000;
}

export const gaoshi = (data: string, env: Record<string, string> = {}) =>
  start(PROGRAM, {
    PORT: "0",
    GAOSHI_DATA: data,
    GAOSHI_ADMIN_TOKEN: ADMIN,
    GAOSHI_EGRESS_ALLOW: "127.0.0.0/8",
    ...env,
  });

export const median = (values: number[]) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;

type Row = { what: string; ours: string; floor: string; ratio: string };
export const rows: Row[] = [];
export function row(what: string, ours: number, floor: number, unit: string): void {
  const show = (n: number) => `${n >= 100 ? Math.round(n).toLocaleString("en") : n.toFixed(2)} ${unit}`;
  rows.push({ what, ours: show(ours), floor: show(floor), ratio: (ours / floor).toFixed(2) });
}

/** `healthy`: the last arrival at a receiver that had refused nothing. */
export type Stats = { received: number; first: number; last: number; healthy: number; repeats: number };

export async function stats(sink: Started, announcement: string): Promise<Stats> {
  const asked = `http://127.0.0.1:${sink.statsPort ?? sink.port}/__stats/${encodeURIComponent(announcement)}`;
  return (await fetch(asked)).json() as Promise<Stats>;
}

export async function arrived(sink: Started, announcement: string, count: number, seconds: number): Promise<Stats> {
  const until = performance.now() + seconds * 1000;
  for (;;) {
    const now = await stats(sink, announcement);
    if (now.received >= count) return now;
    if (performance.now() > until) throw new Error(`${now.received} of ${count} arrived`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

export async function publishOnce(
  port: number,
  n: number,
  urgency = "routine",
): Promise<{ id: string; began: number }> {
  const draft = await call(port, "POST", "/api/v1/announcements", {
    title: `防电诈提醒 ${n}`,
    body: "近期有人冒充客服打来电话，请勿转账。".repeat(20),
    column: "bench",
    unitId: "bench",
    urgency,
  });
  const began = performance.timeOrigin + performance.now();
  await call(port, "POST", `/api/v1/announcements/${draft.id}/publish`, { contentHash: draft.contentHash });
  return { id: draft.id, began };
}

/** A house with one column and so many webhooks at this address, `<base>/<number>`. */
export async function furnish(port: number, count: number, base: string): Promise<void> {
  await call(port, "PUT", "/api/v1/units/bench", { name: "测试单位" });
  await call(port, "PUT", "/api/v1/columns/bench", {
    name: "测试",
    kind: "news",
    mayBreakQuietHours: false,
    approvals: 0,
  });
  const lines = Array.from({ length: count }, (_, i) =>
    JSON.stringify({
      endpoint: { channel: "webhook", address: `${base}/${i}` },
      topics: ["column:bench"],
      confirmed: true,
      basis: "bench",
    }),
  );
  for (let i = 0; i < lines.length; i += 1000)
    await call(
      port,
      "POST",
      "/api/v1/subscriptions/import",
      lines.slice(i, i + 1000).join("\n"),
      "application/x-ndjson",
    );
}

/** What `bench/usual-queue.ts` needs. */
export const hasRedis = spawnSync("redis-server", ["--version"]).status === 0;

export type Floor = { last: number; cpuPerPush: number; peak: number };

/** A floor's program, which pushes to `<base>/<number>`: milliseconds until the last arrival, CPU (µs), memory at the peak (MiB). */
export async function floorRun(
  script: "bench/bare-loop.ts" | "bench/plain-queue.ts" | "bench/usual-queue.ts",
  sink: Started,
  options: { base: string; count: number; inFlight: number; subject: string; env?: Record<string, string> },
): Promise<Floor> {
  const { base, count, inFlight, subject, env } = options;
  const out = await new Promise<string>((resolve, reject) => {
    execFile(
      process.execPath,
      [script, base, String(count), String(inFlight), subject],
      { env: { ...process.env, ...env } },
      (error, stdout) => (error ? reject(error) : resolve(stdout)),
    );
  });
  const { begin, cpuPerPush, peak } = JSON.parse(out) as { begin: number; cpuPerPush: number; peak: number };
  return { last: (await arrived(sink, subject, count, 10)).last - begin, cpuPerPush, peak };
}
