import { connect } from "node:net";
import { afterAll, beforeAll, expect, it } from "vitest";
import { readConfig } from "#src/config.ts";
import { silentLog } from "#src/log.ts";
import { type Running, run } from "#src/start.ts";

let running: Running;
let port: number;

beforeAll(async () => {
  const config = readConfig({ PORT: "0", GAOSHI_DATA: ":memory:" });
  const timeouts = { headersTimeout: 200, requestTimeout: 600, connectionsCheckingInterval: 50 };
  running = await run(config, silentLog, { timeouts });
  port = Number(new URL(running.url).port);
});
afterAll(() => running.stop());

/** Sends one more byte every 100 ms, and answers what came back when the other side had enough. */
function drip(start: string): Promise<{ answer: string; after: number }> {
  return new Promise((resolve) => {
    const since = performance.now();
    const socket = connect(port, "127.0.0.1", () => socket.write(start));
    const dripping = setInterval(() => socket.writable && socket.write("a"), 100);
    let answer = "";
    socket.on("data", (bytes) => (answer += bytes));
    socket.on("error", () => {}); // a reset is an end like any other
    socket.on("close", () => {
      clearInterval(dripping);
      resolve({ answer, after: performance.now() - since });
    });
  });
}

it("does not wait for headers that never end", async () => {
  const { answer, after } = await drip("GET /healthz HTTP/1.1\r\nhost: x\r\nx-long: ");
  expect(answer).not.toContain("200 OK");
  expect(after).toBeGreaterThan(150);
  expect(after).toBeLessThan(3000);
});

it("does not wait for a body that trickles in", async () => {
  const head =
    "POST /api/v1/cases HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 5000\r\n\r\n{";
  const { answer, after } = await drip(head);
  expect(answer).toMatch(/^(HTTP\/1\.1 4\d\d |$)/);
  expect(after).toBeGreaterThan(500);
  expect(after).toBeLessThan(3000);
});

it("keeps a connection that is used again", async () => {
  const answer = await fetch(`${running.url}/healthz`);
  expect(answer.headers.get("keep-alive")).toBe("timeout=65");
});
