// The usual queue and worker, the third floor: BullMQ on a redis that syncs every write, started for this run. The same client, nothing
// signed. `redis-server` has to be on the PATH; its CPU and memory count, as ours include our store's.
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Queue, Worker } from "bullmq";
import { Agent, request } from "undici";
import { cpu, peakMemory } from "./house.ts";

const [url = "", count = "0", inFlight = "64", subject = "usual"] = process.argv.slice(2);
const folder = mkdtempSync(join(tmpdir(), "usual-queue-"));
const connection = { host: "127.0.0.1", port: await freePort(), maxRetriesPerRequest: null };
const redis = await startRedis(connection.port);
const dispatcher = new Agent({ connections: Number(inFlight), pipelining: 1 });
const options = { removeOnComplete: true, attempts: 3, backoff: { type: "exponential" as const, delay: 50 } };
const queue = new Queue<{ url: string; body: string }>("push", { connection, defaultJobOptions: options });
const worker = new Worker<{ url: string; body: string }>(
  "push",
  async ({ data }) => {
    const headers = { "content-type": "application/json" };
    const answer = await request(data.url, { method: "POST", body: data.body, headers, dispatcher });
    await answer.body.dump();
    if (answer.statusCode >= 300) throw new Error(`status ${answer.statusCode}`);
  },
  { connection, concurrency: Number(inFlight) },
);
await Promise.all([queue.waitUntilReady(), worker.waitUntilReady()]);

/** Answers when the publication began (milliseconds since 1970). */
async function round(about: string): Promise<number> {
  const body = `{"subject":"${about}","pad":"${"x".repeat(900)}"}`;
  const begin = performance.timeOrigin + performance.now();
  for (let from = 0; from < Number(count); from += 500) {
    const some = Math.min(500, Number(count) - from);
    await queue.addBulk(
      Array.from({ length: some }, (_, i) => ({ name: "push", data: { url: `${url}/${from + i}`, body } })),
    );
  }
  while ((await queue.getActiveCount()) + (await queue.getWaitingCount()) > 0) await sleep(5);
  return begin;
}

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => resolve(typeof address === "object" && address ? address.port : 0));
    });
  });
}

async function startRedis(port: number): Promise<ChildProcess> {
  const settings = ["--save", "", "--appendonly", "yes", "--appendfsync", "always", "--dir", folder];
  const child = spawn("redis-server", ["--bind", "127.0.0.1", "--port", String(port), ...settings], {
    stdio: "ignore",
  });
  child.once("error", (error) => {
    throw error;
  });
  return child;
}

const pid = redis.pid ?? 0;
const spent = (): number => cpu(pid) + Object.values(process.cpuUsage()).reduce((sum, one) => sum + one);
// The server it is compared with has run for a while too.
await round(`${subject}-warm-up`);
const before = spent();
const begin = await round(subject);
const cpuPerPush = (spent() - before) / Number(count);
const peak = process.resourceUsage().maxRSS / 1024 + peakMemory(pid);
console.log(JSON.stringify({ begin, cpuPerPush, peak }));
await Promise.all([worker.close(), queue.close(), dispatcher.close()]);
redis.kill();
rmSync(folder, { recursive: true });
