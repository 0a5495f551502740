import { createServer, type Server } from "node:http";
import { type AddressInfo, createServer as createTcpServer, type Socket, type Server as TcpServer } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, expect, test } from "vitest";
import { makeEgress } from "#src/channels/egress.ts";
import { makeOutgoing, type Outgoing } from "#src/channels/outgoing.ts";

const opened: { server?: Server | TcpServer | undefined; outgoing?: Outgoing } = {};
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

const FINAL = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
const HEARD = { kind: "answer", status: 200, body: "ok", whole: true };

/** A receiver that answers every request with these pieces, one after another. */
async function says(...pieces: string[]) {
  let requests = 0;
  let connections = 0;
  async function answer(socket: Socket) {
    for (const piece of pieces) {
      socket.write(piece);
      await sleep(20);
    }
  }
  const server = createTcpServer((socket) => {
    connections++;
    socket.setNoDelay(true).on("error", () => undefined);
    socket.on("data", () => {
      requests++;
      void answer(socket);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const outgoing = makeOutgoing(makeEgress(["127.0.0.0/8"]), { answer: 2, total: 3 });
  Object.assign(opened, { server, outgoing });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  const send = (reads = true) => outgoing.send({ method: "POST", url, headers: [], body: Buffer.from("x"), reads });
  return { send, requests: () => requests, connections: () => connections };
}

test.each([
  ["100 Continue", ["HTTP/1.1 100 Continue\r\n\r\n", FINAL]],
  ["100 Continue in the same packet", [`HTTP/1.1 100 Continue\r\n\r\n${FINAL}`]],
  ["100 Continue in pieces", ["HTTP/1.1 10", "0 Continue\r\nx: y\r\n", `\r\n${FINAL.slice(0, 9)}`, FINAL.slice(9)]],
  ["100 Continue twice", ["HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n", FINAL]],
  ["100 Continue with a length", ["HTTP/1.1 100\r\nConnection: Keep-Alive\r\nContent-Length: 0\r\n\r\n", FINAL]],
  ["103 Early Hints", ["HTTP/1.1 103 Early Hints\r\nlink: </a.css>\r\n\r\n", FINAL]],
  [
    "100, 102 and 103",
    ["HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n", `HTTP/1.1 103 Early Hints\r\n\r\n${FINAL}`],
  ],
])("who says %s before its answer is heard, and keeps its connection", async (_name, pieces) => {
  const { send, requests, connections } = await says(...pieces);
  expect(await send()).toMatchObject(HEARD);
  await sleep(20);
  expect(await send(false)).toMatchObject({ kind: "answer", status: 200 });
  expect([requests(), connections()]).toEqual([2, 1]);
});

test("an answer's text is left as it is, whatever it looks like", async () => {
  const text = "HTTP/1.1 100 Continue\r\n\r\n";
  const { send } = await says(`HTTP/1.1 200 OK\r\ncontent-length: ${text.length}\r\n\r\n`, text);
  expect(await send()).toMatchObject({ status: 200, body: text });
});

test("who only ever says that it goes on has its time, and no more", async () => {
  const { send } = await says(...Array.from({ length: 250 }, () => "HTTP/1.1 100 Continue\r\n\r\n"));
  expect(await send(false)).toEqual({ kind: "silent", detail: "time-out" });
});

test("who switches to another protocol has not answered", async () => {
  const { send } = await says("HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n");
  expect(await send(false)).toEqual({ kind: "silent", detail: "broken" });
});
