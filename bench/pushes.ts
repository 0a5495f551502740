// Parts about pushes: publish through HTTP, receive in a process of its own, beside the bare loop and the plain queue.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { selfSigned } from "#tests/receivers/certificate.ts";
import {
  arrived,
  call,
  cpu,
  type Floor,
  floorRun,
  furnish,
  gaoshi,
  hasRedis,
  median,
  memory,
  peakMemory,
  publishOnce,
  ROUNDS,
  row,
  rows,
  type Started,
  start,
  stats,
  stop,
} from "./house.ts";

const SETTLE_MS = 1500;

type Round = { last: number; cpuPerPush: number };

/** One publication to all, and the proof that it is in the ledger as it was received. */
async function publishRound(ours: Started, sink: Started, count: number, n: number): Promise<Round> {
  const pid = ours.process.pid ?? 0;
  const before = cpu(pid);
  const { id, began } = await publishOnce(ours.port, n);
  const done = await arrived(sink, id, count, 120);
  await sleep(SETTLE_MS);
  const used = (cpu(pid) - before) / count;
  const after = await stats(sink, id);
  const ledger = await call(ours.port, "GET", `/api/v1/announcements/${id}/ledger`);
  if (after.repeats > 0 || ledger.delivered !== count || !ledger.closed)
    throw new Error(`${after.repeats} repeats, ledger ${JSON.stringify(ledger)}`);
  return { last: done.last - began, cpuPerPush: used };
}

const medianOf = <Name extends string>(rounds: Record<Name, number>[], name: Name) =>
  median(rounds.map((round) => round[name]));

export async function fanOut(
  count: number,
  options: { sink?: Record<string, string>; inFlight: number; label: string },
): Promise<void> {
  const { inFlight, label } = options;
  const data = mkdtempSync(join(tmpdir(), "gaoshi-bench-"));
  const sink = await start("bench/sink.ts", options.sink ?? {});
  const ours = await gaoshi(data);
  const pid = ours.process.pid ?? 0;
  const idle = memory(pid);
  try {
    await furnish(ours.port, count, `http://127.0.0.1:${sink.port}/s`);
    const mine: Round[] = [];
    const bare: Floor[] = [];
    const plain: Floor[] = [];
    const usual: Floor[] = [];
    for (let n = 0; n < ROUNDS; n++) {
      const to = { base: `http://127.0.0.1:${sink.port}/b`, count, inFlight };
      bare.push(await floorRun("bench/bare-loop.ts", sink, { ...to, subject: `bare-${n}` }));
      plain.push(await floorRun("bench/plain-queue.ts", sink, { ...to, subject: `plain-${n}` }));
      if (hasRedis) usual.push(await floorRun("bench/usual-queue.ts", sink, { ...to, subject: `usual-${n}` }));
      mine.push(await publishRound(ours, sink, count, n));
    }
    const what = `publish → last of ${count.toLocaleString("en")} webhooks${label}`;
    row(`${what} (floor: a bare loop, ${inFlight} in flight)`, medianOf(mine, "last"), medianOf(bare, "last"), "ms");
    row("  (floor: a plain queue and worker)", medianOf(mine, "last"), medianOf(plain, "last"), "ms");
    if (hasRedis) {
      row("  (floor: BullMQ on redis, every write synced)", medianOf(mine, "last"), medianOf(usual, "last"), "ms");
      row("  CPU a push (BullMQ, redis included)", medianOf(mine, "cpuPerPush"), medianOf(usual, "cpuPerPush"), "µs");
    } else rows.push({ what: "  (BullMQ: no redis-server on the PATH)", ours: "", floor: "", ratio: "" });
    row("  CPU a push (bare loop)", medianOf(mine, "cpuPerPush"), medianOf(bare, "cpuPerPush"), "µs");
    row("  CPU a push (plain queue)", medianOf(mine, "cpuPerPush"), medianOf(plain, "cpuPerPush"), "µs");
    row("  memory at the peak (plain queue)", peakMemory(pid), Math.max(...plain.map(({ peak }) => peak)), "MiB");
    rows.push({ what: "  memory idle", ours: `${idle.toFixed(0)} MiB`, floor: "", ratio: "" });
  } finally {
    await stop(ours);
    await stop(sink);
    rmSync(data, { recursive: true, force: true });
  }
}

/**
 * 1 % never answer and 10 % answer 503 once; the floor is the same house without them, taken in turn. `apartMs` between two
 * texts: a silent push takes 15 s, so that shortly after one text its pushes hang beside those of the next.
 */
export async function sickReceivers(count: number, apartMs: number): Promise<void> {
  const mute = Array.from({ length: count }, (_, i) => i).filter((i) => i % 100 < 1).length;
  const sides = await Promise.all(
    [{ SINK_FAIL_PCT: "10", SINK_MUTE_PCT: "1" }, {}].map(async (env) => {
      const data = mkdtempSync(join(tmpdir(), "gaoshi-bench-"));
      const [sink, ours] = [await start("bench/sink.ts", env), await gaoshi(data)];
      await furnish(ours.port, count, `http://127.0.0.1:${sink.port}/s`);
      return { data, sink, ours, expected: "SINK_MUTE_PCT" in env ? count - mute : count, healthy: [] as number[] };
    }),
  );
  try {
    // Round 0 warms both up.
    for (let n = 0; n <= ROUNDS; n++)
      for (const { sink, ours, expected, healthy } of sides) {
        const { id, began } = await publishOnce(ours.port, n);
        const done = await arrived(sink, id, expected, 60);
        if (n > 0) healthy.push(done.healthy - began);
        await sleep(apartMs);
        if ((await stats(sink, id)).repeats > 0) throw new Error("sent twice");
      }
    const [sick, sound] = sides.map(({ healthy }) => median(healthy));
    const what = `last of the healthy of ${count.toLocaleString("en")}, 1 % never answer, 10 % answer 503 once, ${apartMs / 1000} s after the text before`;
    row(`${what} (floor: without them)`, sick ?? 0, sound ?? 0, "ms");
  } finally {
    for (const { data, sink, ours } of sides) {
      await stop(ours);
      await stop(sink);
      rmSync(data, { recursive: true, force: true });
    }
  }
}

/** The first announcement of a house, when nobody knows yet who never answers; the floor is the same house without them. */
export async function firstToSilent(count: number, urgency: "routine" | "urgent"): Promise<void> {
  const share = 0.01;
  const healthy: Record<"sick" | "sound", number[]> = { sick: [], sound: [] };
  for (let n = 0; n < Math.min(ROUNDS, 3); n++)
    for (const side of n % 2 ? (["sick", "sound"] as const) : (["sound", "sick"] as const)) {
      const data = mkdtempSync(join(tmpdir(), "gaoshi-bench-"));
      const sink = await start("bench/sink.ts", side === "sick" ? { SINK_MUTE_PCT: String(share * 100) } : {});
      const ours = await gaoshi(data);
      try {
        await furnish(ours.port, count, `http://127.0.0.1:${sink.port}/s`);
        const { id, began } = await publishOnce(ours.port, n, urgency);
        const done = await arrived(sink, id, side === "sick" ? count * (1 - share) : count, 120);
        healthy[side].push(done.healthy - began);
      } finally {
        await stop(ours);
        await stop(sink);
        rmSync(data, { recursive: true, force: true });
      }
    }
  const what = `the first ${urgency} text to ${count.toLocaleString("en")}, 1 % never answer: last of the healthy (floor: without them)`;
  row(what, median(healthy.sick), median(healthy.sound), "ms");
}

/** Every push a new TLS connection that resumes nothing. */
export async function overTls(count: number): Promise<void> {
  const data = mkdtempSync(join(tmpdir(), "gaoshi-bench-"));
  const certificate = selfSigned(["127.0.0.1"]);
  const authority = join(data, "authority.pem");
  writeFileSync(authority, certificate.cert);
  const trust = { NODE_EXTRA_CA_CERTS: authority };
  const sink = await start("bench/sink.ts", { SINK_TLS: JSON.stringify(certificate) });
  const ours = await gaoshi(data, trust);
  const base = `https://127.0.0.1:${sink.port}`;
  try {
    await furnish(ours.port, count, `${base}/s`);
    const mine: Round[] = [];
    const bare: Floor[] = [];
    for (let n = 0; n < ROUNDS; n++) {
      const to = { base: `${base}/b`, count, inFlight: 64, subject: `bare-${n}`, env: trust };
      bare.push(await floorRun("bench/bare-loop.ts", sink, to));
      mine.push(await publishRound(ours, sink, count, n));
    }
    const what = `${count.toLocaleString("en")} webhooks, a new TLS connection each: last`;
    row(`${what} (floor: a bare loop)`, medianOf(mine, "last"), medianOf(bare, "last"), "ms");
    row("  CPU a push", medianOf(mine, "cpuPerPush"), medianOf(bare, "cpuPerPush"), "µs");
  } finally {
    await stop(ours);
    await stop(sink);
    rmSync(data, { recursive: true, force: true });
  }
}
