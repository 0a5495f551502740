import { createServer } from "node:https";
import { getCACertificates, setDefaultCACertificates } from "node:tls";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { afterAll, beforeAll, expect, test } from "vitest";
import { makeEgress } from "#src/channels/egress.ts";
import { makeOutgoing } from "#src/channels/outgoing.ts";
import { selfSigned } from "#tests/receivers/certificate.ts";

const trusted = selfSigned(["hook.example.com", "127.0.0.1"]);
const reused: boolean[] = [];
const server = createServer(trusted, (request, response) => {
  reused.push((request.socket as unknown as { isSessionReused(): boolean }).isSessionReused());
  response.setHeader("connection", "close").end(request.headers.host);
});
const strange = createServer(selfSigned(["hook.example.com"]), (_request, response) => response.end());

beforeAll(async () => {
  setDefaultCACertificates([...getCACertificates("default"), trusted.cert]);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  await new Promise<void>((resolve) => strange.listen(0, "127.0.0.1", resolve));
});
const outgoing = makeOutgoing(makeEgress(["127.0.0.1"], async () => ["127.0.0.1"]));
afterAll(async () => {
  await outgoing.close();
  server.close();
  strange.close();
});

const portOf = (of: typeof server) => (of.address() as { port: number }).port;
const send = (url: string) => outgoing.send({ method: "POST", url, headers: [], body: Buffer.from("x"), reads: true });

test("the certificate must be the host's, and known", async () => {
  expect(await send(`https://hook.example.com:${portOf(server)}/`)).toMatchObject({ kind: "answer", status: 200 });
  expect(await send(`https://127.0.0.1:${portOf(server)}/`)).toMatchObject({ kind: "answer", status: 200 });
  expect(await send(`https://other.example.com:${portOf(server)}/`)).toMatchObject({ kind: "unreachable" });
  expect(await send(`https://hook.example.com:${portOf(strange)}/`)).toMatchObject({ kind: "unreachable" });
});

test("a new connection resumes the session of the one before, also after the garbage was collected", async () => {
  const url = `https://hook.example.com:${portOf(server)}/`;
  await send(url);
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  await new Promise((resolve) => setTimeout(resolve, 50));
  collect();
  await new Promise((resolve) => setTimeout(resolve, 50));
  collect();
  reused.length = 0;
  await send(url);
  expect(reused).toEqual([true]);
});
