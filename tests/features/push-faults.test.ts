import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { freePort, type Program, startProgram } from "#tests/program.ts";
import { until } from "#tests/world.ts";

let data: string;
let port: number;
let program: Program;
let receiver: Receiver;

beforeEach(async () => {
  data = mkdtempSync(join(tmpdir(), "gaoshi-push-faults-"));
  port = await freePort();
  program = await startProgram({ data, port });
  receiver = await startReceiver();
});

afterEach(async () => {
  await program.kill();
  receiver.close();
  rmSync(data, { recursive: true, force: true });
});

type Arrival = { to: number; id: string; announcement: string; at: number; status: number };

type Receiver = Awaited<ReturnType<typeof startReceiver>>;

/** One process behind many endpoints; `answer` says with which status it answers, 0: never. */
async function startReceiver() {
  const arrivals: Arrival[] = [];
  const own = {
    answer: (_to: number, _nth: number): number => 204,
    delayMs: 0,
  };
  const hanging: { id: string; response: ServerResponse }[] = [];
  const times = new Map<string, number>();
  const server = createServer((request, response) => {
    request.resume();
    request.on("end", () => {
      const id = String(request.headers["webhook-id"]);
      const to = Number(request.url?.slice(1));
      const nth = (times.get(id) ?? 0) + 1;
      times.set(id, nth);
      const status = own.answer(to, nth);
      arrivals.push({ to, id, announcement: id.split(".")[0] ?? "", at: performance.now(), status });
      if (status === 0) hanging.push({ id, response });
      else if (own.delayMs === 0) response.writeHead(status).end();
      else setTimeout(() => response.writeHead(status).end(), own.delayMs);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", 4096, resolve));
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return Object.assign(own, {
    arrivals,
    url: (to: number) => `${origin}/${to}`,
    of: (announcement: string) => arrivals.filter((one) => one.announcement === announcement),
    /** Breaks the connections of whoever waits for an answer to this announcement. */
    cutOff: (announcement: string) => {
      for (const { id, response } of hanging) if (id.startsWith(announcement)) response.destroy();
    },
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  });
}

async function subscribed(count: number): Promise<void> {
  await program.ask("PUT", "/units/centre", { name: "云岭县互联网信息中心" });
  await program.ask("PUT", "/columns/alerts", {
    ...{ name: "防电诈", kind: "alert", mayBreakQuietHours: true, approvals: 0 },
  });
  const lines = Array.from({ length: count }, (_, to) =>
    JSON.stringify({
      endpoint: { channel: "webhook", address: receiver.url(to) },
      topics: ["column:alerts"],
      confirmed: true,
      basis: "登记表",
    }),
  );
  const imported = await program.ask("POST", "/subscriptions/import", lines.join("\n"));
  expect(imported.body).toMatchObject({ accepted: count, rejected: 0 });
}

async function published(): Promise<{ id: string; at: number }> {
  const text = { title: "警惕冒充客服的电话", body: "请勿转账。", column: "alerts", unitId: "centre" };
  const { id, contentHash } = (await program.ask("POST", "/announcements", text)).body;
  const at = performance.now();
  expect((await program.ask("POST", `/announcements/${id}/publish`, { contentHash })).status).toBe(202);
  return { id, at };
}

/** The ledger, which balances at every read. */
async function ledgerOf(id: string) {
  const ledger = (await program.ask("GET", `/announcements/${id}/ledger`)).body;
  for (const counts of [ledger, ...Object.values(ledger.channels)]) {
    const { matched, delivered, suppressed, failed, unknown, held, waiting } = counts;
    expect(delivered + suppressed + failed + unknown + held + waiting).toBe(matched);
  }
  return ledger;
}

const numbers = (list: Arrival[]) => list.map(({ to }) => to).sort((a, b) => a - b);

it("reaches everybody but those who never answer, nobody twice who said yes, and keeps nobody waiting for the silent", async () => {
  const ENDPOINTS = 2_000;
  const silent = (to: number) => to % 100 === 55;
  const busyOnce = (to: number) => to % 10 === 3;
  const well = Array.from({ length: ENDPOINTS }, (_, to) => to).filter((to) => !silent(to));
  const undisturbedOnes = well.filter((to) => !busyOnce(to));
  await subscribed(ENDPOINTS);

  const lastOf = async ({ id, at }: { id: string; at: number }, whom: number[]): Promise<number> => {
    const meant = new Set(whom);
    const came = () => receiver.of(id).filter(({ to }) => meant.has(to));
    await until(async () => came().length >= whom.length, 15);
    return Math.max(...came().map((one) => one.at)) - at;
  };
  const calm = await lastOf(await published(), undisturbedOnes);

  receiver.answer = (to, nth) => (silent(to) ? 0 : busyOnce(to) && nth === 1 ? 503 : 204);
  const first = await published();
  expect(await lastOf(first, undisturbedOnes)).toBeLessThan(3 * calm + 500);
  expect(await ledgerOf(first.id)).toMatchObject({ matched: ENDPOINTS, closed: false });

  const saidYes = (id: string) => receiver.of(id).filter(({ status }) => status === 204);
  const settledButTheSilent = async (id: string) => {
    await until(async () => (await ledgerOf(id)).delivered === well.length, 15);
    expect(await ledgerOf(id)).toMatchObject({ waiting: ENDPOINTS - well.length, closed: false });
    expect(numbers(saidYes(id))).toEqual(well);
  };
  await settledButTheSilent(first.id);
  expect(numbers(receiver.of(first.id).filter(({ status }) => status === 503))).toEqual(well.filter(busyOnce));

  // Seconds later the silent ones hold their connections still: the receiver's other addresses must not pay for it.
  await new Promise((resolve) => setTimeout(resolve, 3500));
  receiver.answer = (to) => (silent(to) ? 0 : 204);
  const second = await published();
  expect(await lastOf(second, well)).toBeLessThan(3 * calm + 500);
  await settledButTheSilent(second.id);

  receiver.answer = () => 204;
  receiver.cutOff(second.id);
  for (const { id } of [first, second]) {
    await until(async () => (await ledgerOf(id)).delivered === ENDPOINTS, 30);
    expect(numbers(saidYes(id))).toEqual(Array.from({ length: ENDPOINTS }, (_, to) => to));
    expect(new Set(receiver.of(id).map((one) => one.id)).size).toBe(ENDPOINTS);
  }
}, 90_000);

it("loses nobody when the power is cut in the middle of 10,000, and repeats no more than 512", async () => {
  const ENDPOINTS = 10_000;
  await subscribed(ENDPOINTS);
  receiver.delayMs = 20;
  const { id } = await published();
  await ledgerOf(id);
  await until(async () => receiver.arrivals.length >= ENDPOINTS / 2, 30);
  await program.kill();
  expect(receiver.arrivals.length).toBeLessThan(ENDPOINTS);

  program = await startProgram({ data, port });
  const restartAt = performance.now();
  await until(async () => (await ledgerOf(id)).closed, 30);
  const doneMs = performance.now() - restartAt;

  expect(await ledgerOf(id)).toMatchObject({ matched: ENDPOINTS, delivered: ENDPOINTS, waiting: 0 });
  const byEndpoint = Map.groupBy(receiver.arrivals, ({ to }) => to);
  expect(byEndpoint.size).toBe(ENDPOINTS);
  const ids = [...byEndpoint.values()].map((list) => new Set(list.map((one) => one.id)));
  expect(ids.filter((own) => own.size !== 1)).toEqual([]);
  expect(new Set(receiver.arrivals.map((one) => one.id)).size).toBe(ENDPOINTS);
  const doubled = receiver.arrivals.length - ENDPOINTS;
  expect(Math.max(...[...byEndpoint.values()].map((list) => list.length))).toBeLessThanOrEqual(2);
  // In flight, or answered and not stored yet.
  expect(doubled).toBeLessThanOrEqual(512);
  expect(doneMs).toBeLessThan(15_000);
}, 90_000);
