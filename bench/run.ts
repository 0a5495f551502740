// npm run bench: every figure beside its floor, in one run on one machine. Quote the ratios, not the absolutes.
import { type ChildProcess, execFileSync, fork } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { productionInstall, startsOfFunctions } from "./bundles.ts";
import { load } from "./load.ts";

const ADMIN = "bench-admin-token-0123456789abcdef0123";
const SECONDS = Number(process.env["BENCH_SECONDS"] ?? 5);
const ROUNDS = Number(process.env["BENCH_ROUNDS"] ?? 3);

type Started = { process: ChildProcess; port: number; milliseconds: number };

function start(script: string, env: Record<string, string> = {}, args: string[] = []): Promise<Started> {
  const began = performance.now();
  return new Promise((resolve, reject) => {
    const child = fork(script, args, {
      env: { ...process.env, ...env },
      // As npm start does.
      execArgv: script.startsWith("dist/program/") ? ["--max-semi-space-size=8"] : [],
      stdio: ["ignore", "pipe", "inherit", "ipc"],
    });
    let text = "";
    child.stdout?.on("data", (chunk: Buffer) => {
      text += chunk.toString();
      const port = /"port":(\d+)|http:\/\/127\.0\.0\.1:(\d+)/.exec(text)?.slice(1).find(Boolean);
      if (port) resolve({ process: child, port: Number(port), milliseconds: performance.now() - began });
    });
    child.on("exit", (code) => reject(new Error(`${script} ended with ${code}: ${text}`)));
  });
}

function stop(started: Started): Promise<void> {
  return new Promise((resolve) => {
    started.process.removeAllListeners("exit");
    started.process.on("exit", () => resolve());
    started.process.kill("SIGTERM");
  });
}

async function call(port: number, method: string, path: string, body?: unknown, type = "application/json") {
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
function memory(pid: number): number {
  const kb = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
  return Number(kb) / 1024;
}
function peakMemory(pid: number): number {
  return Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]) / 1024;
}
function cpu(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.split(" ") ?? [];
  return (Number(fields[11]) + Number(fields[12])) * 10_000;
}

const gaoshi = (data: string, env: Record<string, string> = {}) =>
  start("dist/program/index.mjs", {
    PORT: "0",
    GAOSHI_DATA: data,
    GAOSHI_ADMIN_TOKEN: ADMIN,
    GAOSHI_EGRESS_ALLOW: "127.0.0.0/8",
    ...env,
  });

const median = (values: number[]) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;

type Row = { what: string; ours: string; floor: string; ratio: string };
const rows: Row[] = [];
function row(what: string, ours: number, floor: number, unit: string): void {
  const show = (n: number) => `${n >= 100 ? Math.round(n).toLocaleString("en") : n.toFixed(2)} ${unit}`;
  rows.push({ what, ours: show(ours), floor: show(floor), ratio: (ours / floor).toFixed(2) });
}

const pad = "互联网信息中心收到群众反映，请核实。".repeat(36);
const report = (n: number) =>
  JSON.stringify({ type: "suggestion", title: `测试事项 ${n}`, description: pad, publish: false });

async function accepting(data: string): Promise<void> {
  const floor = await start("bench/bare-hono.ts");
  const ours = await gaoshi(data);
  const headers = { "content-type": "application/json", authorization: `Bearer ${ADMIN}` };
  for (const connections of [1, 16]) {
    const bare = await load({
      port: floor.port,
      path: "/reports",
      headers,
      bodyOf: report,
      connections,
      seconds: SECONDS,
    });
    const before = cpu(ours.process.pid ?? 0);
    const full = await load({
      port: ours.port,
      path: "/api/v1/cases",
      headers,
      bodyOf: report,
      connections,
      seconds: SECONDS,
    });
    const used = (cpu(ours.process.pid ?? 0) - before) / full.requests;
    if (bare.bad + full.bad > 0) throw new Error(`refused: ${bare.bad} of the floor, ${full.bad} of ours`);
    row(`accept 2 KB report, stored and synced, ${connections} connection(s)`, full.perSecond, bare.perSecond, "/s");
    row(`  median answer, ${connections} connection(s)`, full.p50, bare.p50, "ms");
    row(`  99th percentile, ${connections} connection(s)`, full.p99, bare.p99, "ms");
    rows.push({ what: "  CPU a report", ours: `${used.toFixed(0)} µs`, floor: "", ratio: "" });
  }
  await stop(ours);
  await stop(floor);
}

type Stats = { received: number; first: number; last: number; repeats: number };

async function stats(sink: Started, announcement: string): Promise<Stats> {
  return (
    await fetch(`http://127.0.0.1:${sink.port}/__stats/${encodeURIComponent(announcement)}`)
  ).json() as Promise<Stats>;
}

async function arrived(sink: Started, announcement: string, count: number, seconds: number): Promise<Stats> {
  const until = performance.now() + seconds * 1000;
  for (;;) {
    const now = await stats(sink, announcement);
    if (now.received >= count) return now;
    if (performance.now() > until) throw new Error(`${now.received} of ${count} arrived`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

async function publishOnce(port: number, n: number): Promise<{ id: string; began: number }> {
  const draft = await call(port, "POST", "/api/v1/announcements", {
    title: `防电诈提醒 ${n}`,
    body: "近期有人冒充客服打来电话，请勿转账。".repeat(20),
    column: "bench",
    unitId: "bench",
  });
  const began = performance.timeOrigin + performance.now();
  await call(port, "POST", `/api/v1/announcements/${draft.id}/publish`, { contentHash: draft.contentHash });
  return { id: draft.id, began };
}

async function fanOut(
  count: number,
  options: { sink?: Record<string, string>; inFlight: number; label: string },
): Promise<void> {
  const data = mkdtempSync(join(tmpdir(), "gaoshi-bench-"));
  const sink = await start("bench/sink.ts", options.sink ?? {});
  const ours = await gaoshi(data);
  const pid = ours.process.pid ?? 0;
  try {
    await call(ours.port, "PUT", "/api/v1/units/bench", { name: "测试单位" });
    await call(ours.port, "PUT", "/api/v1/columns/bench", {
      name: "测试",
      kind: "news",
      mayBreakQuietHours: false,
      approvals: 0,
    });
    const idle = memory(pid);
    const lines = Array.from({ length: count }, (_, i) =>
      JSON.stringify({
        endpoint: { channel: "webhook", address: `http://127.0.0.1:${sink.port}/s/${i}` },
        topics: ["column:bench"],
        confirmed: true,
        basis: "bench",
      }),
    );
    for (let i = 0; i < lines.length; i += 1000)
      await call(
        ours.port,
        "POST",
        "/api/v1/subscriptions/import",
        lines.slice(i, i + 1000).join("\n"),
        "application/x-ndjson",
      );

    const lasts: number[] = [];
    const floors: number[] = [];
    const used: number[] = [];
    const floorUsed: number[] = [];
    for (let n = 0; n < ROUNDS; n++) {
      const bare = execFileSync(process.execPath, [
        "bench/bare-loop.ts",
        `http://127.0.0.1:${sink.port}/b`,
        String(count),
        String(options.inFlight),
        `bare-${n}`,
      ]);
      const floor = JSON.parse(bare.toString()) as { begin: number; cpuPerPush: number };
      floors.push((await arrived(sink, `bare-${n}`, count, 10)).last - floor.begin);
      floorUsed.push(floor.cpuPerPush);

      const before = cpu(pid);
      const { id, began } = await publishOnce(ours.port, n);
      const done = await arrived(sink, id, count, 120);
      await new Promise((resolve) => setTimeout(resolve, 1500));
      lasts.push(done.last - began);
      used.push((cpu(pid) - before) / count);
      const after = await stats(sink, id);
      const ledger = await call(ours.port, "GET", `/api/v1/announcements/${id}/ledger`);
      if (after.repeats > 0 || ledger.delivered !== count || !ledger.closed)
        throw new Error(`${after.repeats} repeats, ledger ${JSON.stringify(ledger)}`);
    }
    row(
      `publish → last of ${count.toLocaleString("en")} webhooks${options.label}`,
      median(lasts),
      median(floors),
      "ms",
    );
    row("  CPU a push", median(used), median(floorUsed), "µs");
    rows.push({
      what: "  memory idle, peak",
      ours: `${idle.toFixed(0)}, ${peakMemory(pid).toFixed(0)} MiB`,
      floor: "",
      ratio: "",
    });
  } finally {
    await stop(ours);
    await stop(sink);
    rmSync(data, { recursive: true, force: true });
  }
}

async function starting(): Promise<void> {
  const ours: number[] = [];
  const floors: number[] = [];
  const data = mkdtempSync(join(tmpdir(), "gaoshi-bench-"));
  for (let n = 0; n < ROUNDS + 1; n++) {
    for (const [times, begin] of [
      [floors, () => start("bench/bare-hono.ts")],
      [ours, () => gaoshi(data)],
    ] as const) {
      const started = await begin();
      await fetch(`http://127.0.0.1:${started.port}/healthz`);
      if (n > 0) times.push(started.milliseconds);
      await stop(started);
    }
  }
  rmSync(data, { recursive: true, force: true });
  row("start to first answer", median(ours), median(floors), "ms");
}

const load0 = loadavg()[0]?.toFixed(2);
const wanted = process.argv.slice(2);
const parts: [string, () => Promise<void>][] = [
  ["start", starting],
  [
    "bundle",
    async () => {
      for (const { what, ours, floor } of await startsOfFunctions(10)) row(what, ours, floor, "ms");
      const { packages, bytes } = productionInstall();
      const ours = `${packages} packages, ${(bytes / 2 ** 20).toFixed(0)} MiB`;
      rows.push({ what: "production install without the bot", ours, floor: "", ratio: "" });
    },
  ],
  [
    "accept",
    async () => {
      const data = mkdtempSync(join(tmpdir(), "gaoshi-bench-"));
      await accepting(data);
      rmSync(data, { recursive: true, force: true });
    },
  ],
  [
    "web-push",
    async () => {
      const { webPushRates } = await import("./web-push.ts");
      const { known, unknown, peer } = webPushRates();
      row(
        "browser notifications encrypted and signed a second of CPU (floor: the web-push package)",
        known,
        peer,
        "/s",
      );
      row("  to browsers never pushed to before", unknown, peer, "/s");
    },
  ],
  ["scale", async () => (await import("./scale.ts")).printScale([10_000, 100_000])],
  ["push-1000", () => fanOut(1_000, { inFlight: 64, label: "" })],
  ["push-10000", () => fanOut(10_000, { inFlight: 64, label: "" })],
  [
    "push-slow",
    () => fanOut(10_000, { inFlight: 512, label: ", each answers after 50 ms", sink: { SINK_DELAY_MS: "50" } }),
  ],
];
for (const [name, run] of parts) {
  if (wanted.length > 0 && !wanted.includes(name)) continue;
  process.stderr.write(`${name} …\n`);
  await run();
}
console.log(`\nNode ${process.version}, load average ${load0} before, ${loadavg()[0]?.toFixed(2)} after\n`);
console.log("| what | Gaoshi | floor in the same run | ratio |\n|---|---:|---:|---:|");
for (const r of rows) console.log(`| ${r.what} | ${r.ours} | ${r.floor} | ${r.ratio} |`);
