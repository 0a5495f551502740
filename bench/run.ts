// npm run bench: every figure beside its floor, in one run on one machine. Quote the ratios, not the absolutes.
import { mkdtempSync, rmSync } from "node:fs";
import { loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { productionInstall, startsOfFunctions } from "./bundles.ts";
import { ADMIN, cpu, gaoshi, median, ROUNDS, row, rows, SECONDS, start, stop } from "./house.ts";
import { load } from "./load.ts";
import { fanOut, firstToSilent, overTls, sickReceivers } from "./pushes.ts";

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
  [
    "push-sick",
    async () => {
      await sickReceivers(10_000, 10_000);
      await sickReceivers(10_000, 1_500);
    },
  ],
  [
    "push-silent",
    async () => {
      await firstToSilent(50_000, "routine");
      await firstToSilent(20_000, "urgent");
    },
  ],
  ["push-tls", () => overTls(1_000)],
  ["growth", async () => (await import("./growth.ts")).growth()],
];
for (const [name, run] of parts) {
  if (wanted.length > 0 && !wanted.includes(name)) continue;
  process.stderr.write(`${name} …\n`);
  await run();
}
console.log(`\nNode ${process.version}, load average ${load0} before, ${loadavg()[0]?.toFixed(2)} after\n`);
console.log("| what | Gaoshi | floor in the same run | ratio |\n|---|---:|---:|---:|");
for (const r of rows) console.log(`| ${r.what} | ${r.ours} | ${r.floor} | ${r.ratio} |`);
