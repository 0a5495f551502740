// npm run demo: a throw-away house, one annual report from the copied page to every subscriber, as a timeline.
import { createHmac } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readConfig } from "#src/config.ts";
import { randomSecret } from "#src/ids.ts";
import { silentLog } from "#src/log.ts";
import { run } from "#src/start.ts";
import { timeline } from "./timeline.ts";

const RECEIVERS = ["县融媒体中心", "县政府门户", "镇便民服务中心"];
const data = mkdtempSync(join(tmpdir(), "gaoshi-demo-"));
const adminToken = randomSecret();
const config = readConfig({
  PORT: process.env["PORT"] ?? "0",
  GAOSHI_DATA: data,
  GAOSHI_ADMIN_TOKEN: adminToken,
  GAOSHI_EGRESS_ALLOW: "127.0.0.0/8",
});
const running = await run(config, silentLog, { puppet: "mock", pace: { perMinute: 600, seconds: [0.1, 0.3] } });
const { wechat } = running;
if (!wechat) throw new Error("the demo needs the optional packages wechaty and wechaty-puppet-mock: npm install");
const show = timeline((line) => process.stdout.write(`${line}\n`));

type Body = Record<string, unknown> & { id: string };

async function call(
  token: string,
  method: string,
  path: string,
  body?: unknown,
  type = "application/json",
): Promise<Body> {
  const payload = typeof body === "string" ? body : JSON.stringify(body);
  const response = await fetch(`${running.url}/api/v1${path}`, {
    method,
    headers: { authorization: `Bearer ${token}`, ...(body === undefined ? {} : { "content-type": type }) },
    ...(body === undefined ? {} : { body: payload }),
  });
  const answer = (await response.json()) as Body;
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${JSON.stringify(answer)}`);
  return answer;
}
const admin = (method: string, path: string, body?: unknown, type?: string) =>
  call(adminToken, method, path, body, type);

const secrets = new Map<string, string>();
const sink = await startSink();
const sinkPort = (sink.address() as AddressInfo).port;

async function startSink(): Promise<Server> {
  const server = createServer((request, response) => {
    let text = "";
    request.on("data", (chunk: Buffer) => {
      text += chunk.toString();
    });
    request.on("end", () => {
      const body = JSON.parse(text) as { challenge?: string };
      const name = decodeURIComponent(request.url?.slice(1) ?? "");
      if (body.challenge === undefined) show.webhook(name, signed(name, text, request.headers));
      response.end(body.challenge ?? "ok");
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return server;
}

/** What a receiver does: checks that the bytes carry the signature of the secret it agreed on (Standard Webhooks). */
function signed(name: string, text: string, headers: NodeJS.Dict<string | string[]>): boolean {
  const key = Buffer.from((secrets.get(name) ?? "").replace(/^whsec_/, ""), "base64");
  const message = `${headers["webhook-id"]}.${headers["webhook-timestamp"]}.${text}`;
  const signature = createHmac("sha256", key).update(message).digest("base64");
  return String(headers["webhook-signature"]).split(" ").includes(`v1,${signature}`);
}

const pause = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));

async function until(holds: () => Promise<boolean>): Promise<void> {
  for (let tries = 0; tries < 200; tries++) {
    if (await holds()) return;
    await pause(25);
  }
  throw new Error("the demo waited in vain");
}

async function main(): Promise<void> {
  show.title(running.url);
  show.chapter("准备", "units, people, subscribers");
  await admin("PUT", "/units/publicity", { name: "中共云岭县委宣传部", division: "610424" });
  await admin("PUT", "/units/centre", { name: "云岭县互联网信息中心", division: "610424", parentId: "publicity" });
  const person = async (role: string, unitId?: string) =>
    String((await admin("POST", "/tokens", { name: role, roles: [role], ...(unitId ? { unitId } : {}) }))["token"]);
  const [clerk, sponsor, registrar] = [
    await person("clerk", "centre"),
    await person("sponsor", "publicity"),
    await person("registrar"),
  ];
  show.step("两个单位，三个角色：填报、举办单位审核、登记机关", "two units, three roles");

  for (const name of RECEIVERS) {
    const asked = await admin("POST", "/subscriptions", {
      endpoint: { channel: "webhook", address: `http://127.0.0.1:${sinkPort}/${encodeURIComponent(name)}` },
      topics: ["column:annual-reports", "unit:centre"],
    });
    secrets.set(name, String(asked["secret"]));
    await until(async () => (await admin("GET", `/subscriptions/${asked.id}`))["status"] === "confirmed");
    show.step(`${name} 订阅并回显质询，已确认`, "a webhook asked for it and confirmed itself");
  }
  wechat?.room("liaisons@chatroom", "网信员工作群");
  wechat?.contact("duty", "值班员");
  const chats = ["room:liaisons@chatroom", "contact:duty"].map((address) =>
    JSON.stringify({
      endpoint: { channel: "wechaty", address },
      topics: ["all"],
      confirmed: true,
      basis: "工作群登记表",
    }),
  );
  await admin("POST", "/subscriptions/import", chats.join("\n"), "application/x-ndjson");
  show.step("微信：一个群、一位联系人登记入册", "WeChat: a room and a contact, imported");

  show.chapter("年报", "the annual report, from a copied page to its publication");
  const page = readFileSync(new URL("./annual-report-page.txt", import.meta.url), "utf8");
  const draft = await call(clerk, "POST", "/annual-reports/import", page, "text/plain; charset=utf-8");
  const warnings = draft["warnings"] as { code: string; detail: string }[];
  show.step(`导入 ${draft["reportYear"]} 年度报告，逾期 ${draft["daysLate"]} 天`, "imported, days late counted");
  for (const { code, detail } of warnings) show.warning(detail, code);
  const completed = await fetch(`${running.url}/api/v1/annual-reports/${draft.id}`, {
    method: "PATCH",
    headers: {
      authorization: `Bearer ${clerk}`,
      "content-type": "application/json",
      "if-match": `"${draft["version"]}"`,
    },
    body: JSON.stringify({ uscc: "12610424436900018C" }),
  });
  if (!completed.ok) throw new Error(await completed.text());
  show.step("补录统一社会信用代码 12610424436900018C", "the missing code is filled in");
  const report = `/annual-reports/${draft.id}`;
  const { contentHash } = await call(clerk, "POST", `${report}/submit`, {});
  show.step(`提交，内容指纹 ${String(contentHash).slice(0, 12)}…`, "submitted; every decision is bound to this hash");
  const opinion = { truthful: true, confidentialityChecked: true, mayPublish: true, signer: "周明" };
  await call(sponsor, "POST", `${report}/sponsor-approve`, { contentHash, opinion });
  await call(clerk, "POST", `${report}/file`, { contentHash });
  await call(registrar, "POST", `${report}/accept`, { contentHash });
  show.step("举办单位同意 → 报送 → 登记机关受理", "sponsor approved, filed, accepted");

  show.chapter("公示", "published: every push, as it happens");
  let told = 0;
  const watching = setInterval(() => {
    for (const chat of wechat?.sent.slice(told) ?? [])
      show.chat(chat.to, chat.kind === "link" ? `${chat.title} ${chat.url}` : chat.text);
    told = wechat?.sent.length ?? 0;
  }, 5);
  show.start();
  const published = await call(registrar, "POST", `${report}/publish`, { contentHash });
  const id = String(published["announcementId"]);
  await until(async () => (await admin("GET", `/announcements/${id}/ledger`))["closed"] === true);
  await pause(20);
  clearInterval(watching);

  show.ledger((await admin("GET", `/announcements/${id}/ledger`)) as never);
  show.footer([
    [`${running.url}/announcements/${id}`, "公告页", "the announcement"],
    [`${running.url}/`, "门户", "the portal"],
    [`${running.url}/feed.atom`, "订阅源", "the feed"],
  ]);
}

async function end(code: number): Promise<never> {
  sink.close();
  sink.closeAllConnections();
  await running.stop();
  rmSync(data, { recursive: true, force: true });
  process.exit(code);
}

process.once("SIGINT", () => void end(0));
process.once("SIGTERM", () => void end(0));
try {
  await main();
  if (process.argv.includes("--exit")) await end(0);
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`);
  await end(1);
}
