import { connect } from "node:net";
import { afterAll, beforeAll, expect, it } from "vitest";
import { readConfig } from "#src/config.ts";
import { jsonLog } from "#src/log.ts";
import { type Running, run } from "#src/start.ts";

let running: Running;
let port: number;
const lines: string[] = [];

beforeAll(async () => {
  const config = readConfig({ PORT: "0", GAOSHI_DATA: ":memory:" });
  const timeouts = { headersTimeout: 200, requestTimeout: 600, connectionsCheckingInterval: 50 };
  running = await run(
    config,
    jsonLog(
      (line) => lines.push(line),
      () => new Date(),
    ),
    { timeouts },
  );
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

const CASE = Buffer.from(
  JSON.stringify({ type: "rumour", title: "关于停水的传言", description: "群里说明天全城停水,请核实是否属实。" }),
);
const HEAD = `POST /api/v1/cases HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: ${CASE.length}\r\n\r\n`;

it("takes a body that comes in pieces as one, wherever a character is cut", async () => {
  const socket = connect(port, "127.0.0.1");
  socket.setNoDelay(true);
  socket.write(HEAD);
  for (let from = 0; from < CASE.length; from += 50) {
    socket.write(CASE.subarray(from, from + 50));
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  const answer = await new Promise<string>((resolve) => socket.once("data", (bytes) => resolve(bytes.toString())));
  socket.destroy();
  expect(answer).toMatch(/^HTTP\/1\.1 201 /);
  const receipt = JSON.parse(answer.slice(answer.indexOf("\r\n\r\n") + 4)).receipt;
  const status = await fetch(`${running.url}/api/v1/cases/status`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(receipt),
  });
  expect(await status.json()).toMatchObject({ title: "关于停水的传言" });
});

it("does not take a caller who hangs up in the middle of a body for a fault of its own", async () => {
  for (const hangUp of ["end", "destroy"] as const) {
    const socket = connect(port, "127.0.0.1");
    socket.on("error", () => {});
    socket.write(HEAD);
    socket.write(CASE.subarray(0, 50));
    await new Promise((resolve) => setTimeout(resolve, 50));
    socket[hangUp]();
    await new Promise((resolve) => setTimeout(resolve, 100));
    socket.destroy();
  }
  expect((await fetch(`${running.url}/healthz`)).status).toBe(200);
  expect(lines.filter((line) => line.includes('"error"'))).toEqual([]);
});

it("keeps a connection that is used again", async () => {
  const answer = await fetch(`${running.url}/healthz`);
  expect(answer.headers.get("keep-alive")).toBe("timeout=65");
});

/** What came back for bytes that are no request, or one that is too much. */
function raw(bytes: string): Promise<string> {
  return new Promise((resolve) => {
    let answer = "";
    const socket = connect(port, "127.0.0.1", () => socket.write(bytes));
    socket.on("data", (chunk) => (answer += chunk));
    socket.on("error", () => {});
    socket.on("close", () => resolve(answer));
  });
}

it.each([
  ["what is no HTTP", "hello\r\n\r\n", 400, "HTTP"],
  [
    "headers that are too long",
    `GET / HTTP/1.1\r\nhost: x\r\nx-long: ${"a".repeat(20_000)}\r\n\r\n`,
    431,
    "HEADER_SIZE",
  ],
  ["headers that never end", "GET / HTTP/1.1\r\nhost: x\r\nx-long: ", 408, "REQUEST_TIMEOUT"],
  [
    "two lengths of one body",
    "POST /api/v1/cases HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
    400,
    "HTTP",
  ],
])("says in a problem document why it does not take %s", async (_, bytes, status, code) => {
  const [head = "", body = ""] = (await raw(bytes)).split("\r\n\r\n");
  expect(head).toContain(`HTTP/1.1 ${status} `);
  expect(head.toLowerCase()).toContain("content-type: application/problem+json");
  expect(head.toLowerCase()).toContain(`content-length: ${Buffer.byteLength(body)}`);
  expect(JSON.parse(body)).toMatchObject({ type: "about:blank", status, code, detail: expect.any(String) });
});
