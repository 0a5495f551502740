// The floor for a push: a loop that only POSTs the same bytes with the same client, nothing stored, nothing signed.
import { Agent, request } from "undici";

const [url = "", count = "0", inFlight = "64", subject = "bare", bytes = "900"] = process.argv.slice(2);
const dispatcher = new Agent({ connections: Number(inFlight), pipelining: 1 });
const headers = {
  "content-type": "application/cloudevents+json",
  "webhook-id": "bare",
  "webhook-timestamp": "1700000000",
  "webhook-signature": `v1,${"s".repeat(44)}`,
};

/** One round to every receiver; answers when it began (milliseconds since 1970). */
async function round(about: string): Promise<number> {
  const body = Buffer.from(`{"subject":"${about}","pad":"${"x".repeat(Number(bytes))}"}`);
  let next = 0;
  async function worker(): Promise<void> {
    while (next < Number(count)) {
      const answer = await request(`${url}/${next++}`, { method: "POST", body, headers, dispatcher });
      await answer.body.dump();
    }
  }
  const begin = performance.timeOrigin + performance.now();
  await Promise.all(Array.from({ length: Number(inFlight) }, worker));
  return begin;
}

// The server it is compared with has run for a while too.
await round(`${subject}-warm-up`);
const cpu = process.cpuUsage();
const begin = await round(subject);
const { user, system } = process.cpuUsage(cpu);
const peak = process.resourceUsage().maxRSS / 1024;
console.log(JSON.stringify({ begin, cpuPerPush: (user + system) / Number(count), peak }));
await dispatcher.close();
