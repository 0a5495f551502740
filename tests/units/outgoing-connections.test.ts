import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, expect, test } from "vitest";
import { makeEgress } from "#src/channels/egress.ts";
import { makeOutgoing, type Outgoing } from "#src/channels/outgoing.ts";

const opened: { server?: Server; outgoing?: Outgoing } = {};
afterEach(async () => {
  await opened.outgoing?.close();
  opened.server?.close();
});

async function world(mostIdle: number) {
  let connections = 0;
  const server = createServer((_request, response) => response.end("ok"));
  server.on("connection", () => connections++);
  await new Promise<void>((resolve) => server.listen(0, "0.0.0.0", resolve));
  const { port } = server.address() as AddressInfo;
  const outgoing = makeOutgoing(makeEgress(["127.0.0.0/8"]), { answer: 2, total: 3 }, mostIdle);
  Object.assign(opened, { server, outgoing });
  const send = (host: number) => {
    const url = `http://127.0.${host >> 7}.${1 + (host & 127)}:${port}/`;
    return outgoing.send({ method: "POST", url, headers: [], body: Buffer.from("x"), reads: true });
  };
  const open = () => new Promise<number>((resolve) => server.getConnections((_error, count) => resolve(count)));
  return { send, open, made: () => connections };
}

test("of thousands of hosts only so many keep their connection", async () => {
  const { send, open } = await world(20);
  for (let round = 0; round < 20; round++)
    for (const answer of await Promise.all(Array.from({ length: 50 }, (_, i) => send(round * 50 + i))))
      expect(answer).toMatchObject({ kind: "answer", status: 200 });
  // Twenty, and those that were on their way before it was known that they are too many.
  await expect.poll(open).toBeLessThanOrEqual(20 + 50);
});

test("one host keeps its connections", async () => {
  const { send, made } = await world(20);
  for (let i = 0; i < 200; i++) await send(1);
  expect(made()).toBeLessThanOrEqual(2);
});

test("who hangs does not take the connections from those who answer", async () => {
  const hangs = createServer(() => undefined);
  await new Promise<void>((resolve) => hangs.listen(0, "127.0.0.1", resolve));
  const { send, made } = await world(20);
  const url = `http://127.0.0.1:${(hangs.address() as AddressInfo).port}/`;
  const waiting = Array.from({ length: 60 }, () =>
    opened.outgoing?.send({ method: "POST", url, headers: [], reads: false }),
  );
  await expect.poll(() => new Promise((resolve) => hangs.getConnections((_e, count) => resolve(count)))).toBe(60);
  for (let i = 0; i < 50; i++) await send(1);
  expect(made()).toBeLessThanOrEqual(2);
  hangs.closeAllConnections();
  hangs.close();
  for (const one of waiting) expect(await one).toMatchObject({ kind: "silent" });
});
