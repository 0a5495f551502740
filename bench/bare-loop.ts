// The floor for a push: a loop that only POSTs the same bytes with the same client, nothing stored, nothing signed.
import { Agent, request } from "undici";

const [url = "", count = "0", inFlight = "64", subject = "bare", bytes = "900"] = process.argv.slice(2);
const dispatcher = new Agent({ connections: Number(inFlight), pipelining: 1 });
const body = Buffer.from(`{"subject":"${subject}","pad":"${"x".repeat(Number(bytes))}"}`);
const headers = {
  "content-type": "application/cloudevents+json",
  "webhook-id": "bare",
  "webhook-timestamp": "1700000000",
  "webhook-signature": `v1,${"s".repeat(44)}`,
};

let next = 0;
async function worker(): Promise<void> {
  while (next < Number(count)) {
    const answer = await request(`${url}/${next++}`, { method: "POST", body, headers, dispatcher });
    await answer.body.dump();
  }
}

const cpu = process.cpuUsage();
const begin = performance.timeOrigin + performance.now();
await Promise.all(Array.from({ length: Number(inFlight) }, worker));
const { user, system } = process.cpuUsage(cpu);
console.log(JSON.stringify({ begin, cpuPerPush: (user + system) / Number(count) }));
await dispatcher.close();
