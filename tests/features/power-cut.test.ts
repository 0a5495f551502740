import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type Server } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { freePort, type Program, startProgram } from "#tests/program.ts";

let data: string;
let port: number;
let program: Program;

beforeEach(async () => {
  data = mkdtempSync(join(tmpdir(), "gaoshi-power-cut-"));
  port = await freePort();
  program = await startProgram({ data, port });
});

afterEach(async () => {
  await program.kill();
  rmSync(data, { recursive: true, force: true });
});

const pause = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));

async function powerCut(): Promise<void> {
  await program.kill();
  program = await startProgram({ data, port });
}

it("keeps every report it acknowledged, whole, over three power cuts in a burst of 500", async () => {
  type Acknowledged = { n: number; receipt: { number: string; secret: string } };
  const acknowledged: Acknowledged[] = [];
  let sent = 0;
  let over = false;

  const submitter = async () => {
    while (sent < 500) {
      const n = sent++;
      try {
        const answer = await program.ask("POST", "/cases", {
          type: "rumour",
          title: `第${n}件 停水通知是真的吗`,
          description: `有人在群里说明天停水，请核实。编号${n}。${"详情".repeat(200)}`,
        });
        if (answer.status === 201) acknowledged.push({ n, receipt: answer.body.receipt });
      } catch {
        // the power was cut under this request: it was not acknowledged, the next one waits for the restart
        while (!over && !(await fetch(`${program.url}/healthz`).catch(() => undefined))?.ok) await pause(20);
      }
    }
  };
  const burst = Promise.all(Array.from({ length: 16 }, submitter));
  for (const at of [90, 210, 330]) {
    const until = Date.now() + 10_000;
    while (sent < at && Date.now() < until) await pause(1);
    await pause(Math.random() * 10);
    await powerCut();
  }
  await burst;
  over = true;
  await powerCut();

  expect(acknowledged.length).toBeGreaterThan(300);
  expect(new Set(acknowledged.map(({ receipt }) => receipt.number)).size).toBe(acknowledged.length);
  for (const { n, receipt } of acknowledged) {
    const status = await program.ask("POST", "/cases/status", receipt);
    expect(status.status, `case ${n}`).toBe(200);
    expect(status.body.title).toBe(`第${n}件 停水通知是真的吗`);
  }
}, 120_000);

it("brings a publication to 1,000 webhooks over power cuts: none lost, one id each, at most one repeat per cut", async () => {
  const RECEIVERS = 1_000;
  const arrivals = new Map<string, string[]>();
  const receiver: Server = createServer((request, response) => {
    let body = "";
    request.on("data", (chunk: Buffer) => (body += chunk.toString()));
    request.on("end", () => {
      const id = String(request.headers["webhook-id"]);
      arrivals.set(request.url ?? "", [...(arrivals.get(request.url ?? "") ?? []), id]);
      setTimeout(() => response.writeHead(body === "" ? 400 : 200).end(), 30);
    });
  });
  await new Promise<void>((resolve) => receiver.listen(0, "127.0.0.1", resolve));
  const address = receiver.address();
  const sinkPort = typeof address === "object" && address ? address.port : 0;

  try {
    expect((await program.ask("PUT", "/units/centre", { name: "云岭县互联网信息中心" })).status).toBe(201);
    const column = { name: "防电诈", kind: "alert", mayBreakQuietHours: true, approvals: 0 };
    expect((await program.ask("PUT", "/columns/alerts", column)).status).toBe(201);
    const lines = Array.from({ length: RECEIVERS }, (_, i) =>
      JSON.stringify({
        endpoint: { channel: "webhook", address: `http://127.0.0.1:${sinkPort}/r/${i}` },
        topics: ["column:alerts"],
        confirmed: true,
        basis: "test",
      }),
    );
    const imported = await program.ask("POST", "/subscriptions/import", lines.join("\n"));
    expect(imported.body).toMatchObject({ accepted: RECEIVERS, rejected: 0 });
    const { body: draft } = await program.ask("POST", "/announcements", {
      title: "警惕冒充客服的电话",
      body: "请勿转账。",
      column: "alerts",
      unitId: "centre",
    });
    const published = await program.ask("POST", `/announcements/${draft.id}/publish`, {
      contentHash: draft.contentHash,
    });
    expect(published.status).toBe(202);

    let cuts = 0;
    for (const share of [0.1, 0.5]) {
      const until = Date.now() + 10_000;
      while (arrivals.size < RECEIVERS * share && Date.now() < until) await pause(1);
      await pause(Math.random() * 20);
      await powerCut();
      cuts++;
    }

    let ledger: Record<string, number | boolean> = {};
    const until = Date.now() + 60_000;
    do {
      await pause(100);
      ledger = (await program.ask("GET", `/announcements/${draft.id}/ledger`)).body;
      const { matched, delivered, suppressed, failed, unknown, held, waiting } = ledger as Record<string, number>;
      expect(matched).toBe(
        [delivered, suppressed, failed, unknown, held, waiting].reduce((sum: number, n) => sum + (n ?? Number.NaN), 0),
      );
    } while (ledger["closed"] !== true && Date.now() < until);
    expect(ledger).toMatchObject({ closed: true, matched: RECEIVERS, delivered: RECEIVERS });

    expect(arrivals.size).toBe(RECEIVERS);
    const ids = [...arrivals.values()];
    expect(ids.filter((received) => new Set(received).size !== 1)).toEqual([]);
    expect(Math.max(...ids.map((received) => received.length))).toBeLessThanOrEqual(1 + cuts);
    expect(new Set(ids.map((received) => received[0])).size).toBe(RECEIVERS);
  } finally {
    receiver.closeAllConnections();
    receiver.close();
  }
}, 120_000);
