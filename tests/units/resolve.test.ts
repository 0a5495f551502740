import { createSocket } from "node:dgram";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { makeResolve } from "#src/channels/resolve.ts";
import { hostsFile } from "#src/platform/embedded/hosts-file.ts";

const A = 1;
const AAAA = 28;
const RECORDS: Record<string, Partial<Record<number, string[]>>> = {
  "portal.county.cn": { [A]: ["01020304"], [AAAA]: ["26064700000000000000000000001111"] },
  "six.county.cn": { [A]: [], [AAAA]: ["26064700000000000000000000001111"] },
  // Its servers answer for IPv4 and never for IPv6.
  "half.county.cn": { [A]: ["01020305"] },
};
RECORDS["other-half.county.cn"] = { [AAAA]: ["26064700000000000000000000001112"] };
const asked: string[] = [];

// The part of RFC 1035 that one question needs. Names of silent.cn are never answered.
const server = createSocket("udp4").on("message", (query, { port, address }) => {
  const labels: string[] = [];
  let at = 12;
  for (let length = query[at]; length; length = query[at]) {
    labels.push(query.toString("latin1", at + 1, at + 1 + length));
    at += length + 1;
  }
  const name = labels.join(".");
  const type = query.readUInt16BE(at + 1);
  asked.push(name);
  const known = RECORDS[name];
  if (name.endsWith("silent.cn") || (known && !known[type])) return;
  const found = (known?.[type] ?? []).map((hex) => Buffer.from(hex, "hex"));
  const head = Buffer.alloc(12);
  query.copy(head, 0, 0, 2);
  head.writeUInt16BE(known ? 0x8180 : 0x8183, 2);
  head.writeUInt16BE(1, 4);
  head.writeUInt16BE(found.length, 6);
  const answers = found.map((data) => {
    const record = Buffer.from("c00c0000000100000000" + "0000", "hex");
    record.writeUInt16BE(type, 2);
    record.writeUInt16BE(data.length, 10);
    return Buffer.concat([record, data]);
  });
  server.send(Buffer.concat([head, query.subarray(12, at + 5), ...answers]), port, address);
});
let resolve: ReturnType<typeof makeResolve>;
const dir = mkdtempSync(join(tmpdir(), "hosts-"));
const hosts = join(dir, "hosts");

beforeAll(async () => {
  await new Promise<void>((done) => server.bind(0, "127.0.0.1", done));
  writeFileSync(
    hosts,
    "127.0.0.1 localhost\n10.1.2.3\tIntranet.county.cn oa.county.cn # the office\n\n#10.9.9.9 x.cn\n",
  );
  resolve = makeResolve(hostsFile(hosts), [`127.0.0.1:${(server.address() as AddressInfo).port}`]);
});
afterAll(() => {
  server.close();
  rmSync(dir, { recursive: true });
});

test("answers every address, IPv4 first", async () => {
  expect(await resolve("portal.county.cn")).toEqual(["1.2.3.4", "2606:4700::1111"]);
  expect(await resolve("six.county.cn")).toEqual(["2606:4700::1111"]);
});

test("hundreds of names whose servers do not answer hold up nobody else", async () => {
  const waiting: Promise<string>[] = [];
  for (let i = 0; i < 300; i++) {
    waiting.push(resolve(`n${i}.silent.cn`).catch((error) => error.code));
    // The server of this test reads in between.
    if (i % 25 === 0) await new Promise((go) => setTimeout(go, 5));
  }
  const first = await Promise.race([resolve("portal.county.cn"), ...waiting]);
  expect(first).toEqual(["1.2.3.4", "2606:4700::1111"]);
  expect(new Set(await Promise.all(waiting))).toEqual(new Set(["ETIMEOUT"]));
}, 30_000);

test("does not wait for IPv6 addresses where there is another", async () => {
  const slow = resolve("n1.silent.cn").catch(() => "silent");
  expect(await Promise.race([resolve("half.county.cn"), slow])).toEqual(["1.2.3.5"]);
  await slow;
}, 30_000);

test("waits for IPv4 addresses no longer than a connection can", async () => {
  const slow = resolve("n2.silent.cn").catch(() => "silent");
  expect(await Promise.race([resolve("other-half.county.cn"), slow])).toEqual(["2606:4700::1112"]);
  await slow;
}, 30_000);

test("says that a name is not known", async () => {
  await expect(resolve("nobody.cn")).rejects.toMatchObject({ code: "ENOTFOUND" });
});

test("the machine's own table comes first, and is read again when it changes", async () => {
  asked.length = 0;
  expect(await resolve("INTRANET.county.cn")).toEqual(["10.1.2.3"]);
  expect(await resolve("oa.county.cn")).toEqual(["10.1.2.3"]);
  expect(asked).toEqual([]);
  await expect(resolve("x.cn")).rejects.toMatchObject({ code: "ENOTFOUND" });
  expect(hostsFile(join(dir, "none"))("oa.county.cn")).toEqual([]);
});

test("many connections to one host ask once", async () => {
  asked.length = 0;
  await Promise.all(Array.from({ length: 50 }, () => resolve("portal.county.cn")));
  expect(asked).toEqual(["portal.county.cn", "portal.county.cn"]);
});
