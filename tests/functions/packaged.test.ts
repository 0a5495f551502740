import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { Webhook } from "standardwebhooks";
import { afterAll, beforeAll, expect, it } from "vitest";
import { type MockWechat, mockWechat } from "#src/bot/mock.ts";
import { hostBot } from "#src/host-bot.ts";
import { AWS_ENV, type AwsServers, describeOnAws, startAws } from "#tests/contracts/aws-servers.ts";
import { startWebhookSink, type WebhookSink } from "#tests/receivers/webhook-sink.ts";
import { until } from "#tests/world.ts";
import { type Deployment, deploy, packageAll } from "./deployment.ts";

const ADMIN = "an-admin-token-of-at-least-32-characters";
const page = readFileSync("src/demo/annual-report-page.txt", "utf8");

// biome-ignore lint/suspicious/noExplicitAny: a test reads answers as a caller would, without our types.
type Answer = { status: number; body: any; etag: string; replayed: boolean };

describeOnAws("the packaged functions", { timeout: 120_000 }, () => {
  let aws: AwsServers;
  let deployment: Deployment;
  let sink: WebhookSink;
  let wechat: MockWechat;
  let bot: Awaited<ReturnType<typeof hostBot>>;
  let ticking: NodeJS.Timeout;
  let names: Record<string, string>;

  beforeAll(async () => {
    const template = packageAll();
    aws = await startAws();
    sink = await startWebhookSink();
    const env = { GAOSHI_ADMIN_TOKEN: ADMIN, GAOSHI_EGRESS_ALLOW: "127.0.0.0/8" };
    deployment = await deploy(template, aws, env);
    Object.assign(process.env, AWS_ENV, {
      AWS_ENDPOINT_URL_DYNAMODB: aws.dynamodb,
      AWS_ENDPOINT_URL_SQS: aws.sqs,
      AWS_ENDPOINT_URL_S3: aws.s3,
    });
    wechat = await mockWechat();
    names = {
      GAOSHI_TABLE: deployment.tableName,
      GAOSHI_BUCKET: deployment.bucketName,
      GAOSHI_BASE_URL: deployment.url,
      GAOSHI_QUEUE_DELIVER_WECHATY: deployment.queues.get("DeliverWechatyQueue")?.url ?? "",
    };
    bot = await hostBot(names, { puppet: wechat.puppet, pace: { perMinute: 60_000, seconds: [0, 0] } });
    wechat.login();
    // A minute of the schedule is a second here.
    const tick = deployment.invoke("tick");
    ticking = setInterval(() => void tick({}).catch(() => {}), 1_000);
  }, 300_000);

  afterAll(async () => {
    clearInterval(ticking);
    await bot?.stop();
    await deployment?.stop();
    await sink?.close();
    await aws?.stop();
  }, 60_000);

  async function call(
    token: string | undefined,
    method: string,
    path: string,
    body?: unknown,
    headers: Record<string, string> = {},
  ): Promise<Answer> {
    const type = { "content-type": typeof body === "string" ? "text/plain; charset=utf-8" : "application/json" };
    const answer = await fetch(`${deployment.url}/api/v1${path}`, {
      method,
      headers: {
        ...(token ? { authorization: `Bearer ${token}` } : {}),
        ...(body === undefined ? {} : type),
        ...headers,
      },
      ...(body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) }),
    });
    const text = await answer.text();
    return {
      status: answer.status,
      body: text === "" ? undefined : JSON.parse(text),
      etag: answer.headers.get("etag") ?? "",
      replayed: answer.headers.get("idempotency-replayed") === "true",
    };
  }

  async function token(role: string, unitId?: string): Promise<string> {
    const { status, body } = await call(ADMIN, "POST", "/tokens", {
      name: role,
      roles: [role],
      ...(unitId ? { unitId } : {}),
    });
    expect(status).toBe(201);
    return body.token;
  }

  async function subscribed(path: string, topics: string[]): Promise<string> {
    const asked = await call(undefined, "POST", "/subscriptions", {
      endpoint: { channel: "webhook", address: sink.url(path) },
      topics,
    });
    expect(asked.status, JSON.stringify(asked.body)).toBe(202);
    const { id, manageToken, secret } = asked.body;
    await until(async () => (await call(manageToken, "GET", `/subscriptions/${id}`)).body.status === "confirmed", 30);
    return secret;
  }

  /** Drafted, reviewed by another person and published; answers the id. */
  async function publishedIn(column: string, title: string, tags: string[]): Promise<string> {
    const [editor, reviewer] = [await token("editor"), await token("reviewer")];
    const unitId = "county-office";
    const draft = await call(editor, "POST", "/announcements", { title, body: "正文。", column, unitId, tags });
    expect(draft.status, JSON.stringify(draft.body)).toBe(201);
    const { id, contentHash } = draft.body;
    await call(reviewer, "POST", `/announcements/${id}/review`, { contentHash, decision: "approve" });
    const published = await call(editor, "POST", `/announcements/${id}/publish`, { contentHash });
    expect(published.status, JSON.stringify(published.body)).toBe(202);
    return id;
  }

  it("answer over HTTP that they are well, and refuse like the API does", async () => {
    const answer = await fetch(`${deployment.url}/healthz`);
    expect(answer.status).toBe(200);
    expect(await answer.json()).toMatchObject({ status: "ok" });
    expect((await call(undefined, "POST", "/tokens", {})).status).toBe(401);
    const nowhere = await fetch(`${deployment.url}/api/v1/nowhere`);
    expect([nowhere.status, nowhere.headers.get("content-type")]).toEqual([404, "application/problem+json"]);
  });

  it("let the first administrator in by a link that the operator makes", async () => {
    const { stdout, stderr } = spawnSync(process.execPath, ["infra/first-admin.ts"], {
      encoding: "utf8",
      env: { ...process.env, ...names },
    });
    const link = stdout.trim();
    expect(link, stderr).toMatch(/^http.*\/sign-in\/[\w-]{43}$/);
    expect((await fetch(link)).status).toBe(200);
    const origin = deployment.url;
    const signIn = () => fetch(link, { method: "POST", headers: { origin }, redirect: "manual" });
    const signedIn = await signIn();
    expect(signedIn.headers.getSetCookie()).toHaveLength(1);
    expect((await signIn()).headers.getSetCookie()).toHaveLength(0);
  });

  it("serve the portal's pages and feeds", async () => {
    for (const [path, type] of [
      ["/", "text/html"],
      ["/feed.atom", "application/atom+xml"],
      ["/openapi.json", "application/json"],
    ] as const) {
      const answer = await fetch(deployment.url + path);
      expect(answer.status, path).toBe(200);
      expect(answer.headers.get("content-type"), path).toContain(type);
    }
  });

  it("make one object of one Idempotency-Key, whichever instance answers", async () => {
    const headers = { "idempotency-key": "the-same-key-for-both" };
    const body = { name: "twice", roles: ["editor"] };
    const [first, second] = [
      await call(ADMIN, "POST", "/tokens", body, headers),
      await call(ADMIN, "POST", "/tokens", body, headers),
    ];
    expect([first.status, second.status]).toEqual([201, 201]);
    expect(second.body.id).toBe(first.body.id);
    expect([first.replayed, second.replayed]).toEqual([false, true]);
  });

  it("take an annual report from a copied page to a webhook and a chat, and the ledger balances", async () => {
    await call(ADMIN, "PUT", "/units/county-office", { name: "县委宣传部" });
    await call(ADMIN, "PUT", "/units/county-centre", { name: "县互联网信息中心", parentId: "county-office" });
    const [clerk, sponsor, registrar] = [
      await token("clerk", "county-centre"),
      await token("sponsor", "county-office"),
      await token("registrar"),
    ];
    const secret = await subscribed("/hook", ["column:annual-reports"]);
    const room = "r1@chatroom";
    wechat.room(room, "网信员工作群");
    const line = {
      endpoint: { channel: "wechaty", address: `room:${room}` },
      topics: ["column:annual-reports"],
      confirmed: true,
      basis: "工作群登记表",
    };
    const imported = await call(ADMIN, "POST", "/subscriptions/import", JSON.stringify(line), {
      "content-type": "application/x-ndjson",
    });
    expect(imported.body).toMatchObject({ accepted: 1, rejected: 0 });

    const draft = await call(clerk, "POST", "/annual-reports/import", page);
    expect(draft.status, JSON.stringify(draft.body)).toBe(201);
    const report = `/annual-reports/${draft.body.id}`;
    await call(clerk, "PATCH", report, { uscc: "12610424436900018C" }, { "if-match": draft.etag });
    const submitted = await call(clerk, "POST", `${report}/submit`, {});
    expect(submitted.status, JSON.stringify(submitted.body)).toBe(200);
    const { contentHash } = submitted.body;
    const opinion = { truthful: true, confidentialityChecked: true, mayPublish: true, signer: "张某" };
    for (const [who, step, body] of [
      [sponsor, "sponsor-approve", { contentHash, opinion }],
      [clerk, "file", { contentHash }],
      [registrar, "accept", { contentHash }],
    ] as const) {
      const answer = await call(who, "POST", `${report}/${step}`, body);
      expect(answer.status, `${step} ${JSON.stringify(answer.body)}`).toBe(200);
    }
    const published = await call(registrar, "POST", `${report}/publish`, { contentHash });
    expect(published.status, JSON.stringify(published.body)).toBe(200);
    const id: string = published.body.announcementId;

    const [pushed] = await sink.until(1, "/hook");
    new Webhook(secret.replace(/^whsec_/, "")).verify(
      pushed?.body.toString() ?? "",
      (pushed?.headers ?? {}) as Record<string, string>,
    );
    expect(JSON.parse(pushed?.body.toString() ?? "")).toMatchObject({
      specversion: "1.0",
      type: "cn.gaoshi.announcement.published",
      subject: id,
    });
    await until(async () => wechat.sent.some(({ to }) => to === room), 30);
    expect(wechat.sent.find(({ to }) => to === room)).toMatchObject({ url: `${deployment.url}/announcements/${id}` });

    const ledger = async () => (await call(ADMIN, "GET", `/announcements/${id}/ledger`)).body;
    await until(async () => (await ledger()).closed, 30);
    expect(await ledger()).toMatchObject({
      matched: 2,
      delivered: 2,
      waiting: 0,
      held: 0,
      failed: 0,
      unknown: 0,
      channels: { webhook: { delivered: 1 }, wechaty: { delivered: 1 } },
    });
    expect(sink.received.filter(({ path }) => path === "/hook")).toHaveLength(1);
    expect(wechat.sent.filter(({ to }) => to === room)).toHaveLength(1);
  });

  it("try a receiver again that was busy, under the same id, and leave the others alone", async () => {
    await subscribed("/well", ["tag:again"]);
    await subscribed("/busy", ["tag:again"]);
    sink.answer("/busy", { status: [503, 204] });
    const id = await publishedIn("notices", "停水通知", ["again"]);
    const tries = await sink.until(2, "/busy");
    expect(new Set(tries.map(({ headers }) => headers["webhook-id"])).size).toBe(1);
    await until(async () => (await call(ADMIN, "GET", `/announcements/${id}/ledger`)).body.closed, 30);
    expect((await call(ADMIN, "GET", `/announcements/${id}/ledger`)).body).toMatchObject({ matched: 2, delivered: 2 });
    expect(sink.received.filter(({ path }) => path === "/well")).toHaveLength(1);
  });

  it("reach 300 receivers once each, although every event came twice", async () => {
    const lines = Array.from({ length: 300 }, (_, n) => ({
      endpoint: { channel: "webhook", address: sink.url(`/many/${n}`) },
      topics: ["column:policies"],
      confirmed: true,
      basis: "名册",
    }));
    const ndjson = { "content-type": "application/x-ndjson" };
    const body = lines.map((line) => JSON.stringify(line)).join("\n");
    const imported = await call(ADMIN, "POST", "/subscriptions/import", body, ndjson);
    expect(imported.body).toMatchObject({ accepted: 300, rejected: 0 });
    const id = await publishedIn("policies", "惠农政策", []);
    const ledger = async () => (await call(ADMIN, "GET", `/announcements/${id}/ledger`)).body;
    await until(async () => (await ledger()).closed, 60);
    expect(await ledger()).toMatchObject({ matched: 300, delivered: 300, waiting: 0 });
    const paths = sink.received.map(({ path }) => path).filter((path) => path.startsWith("/many/"));
    expect([paths.length, new Set(paths).size]).toEqual([300, 300]);
  });

  it("take a case with a picture that never passes through a function on its way in", async () => {
    const png = Buffer.from(
      "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR4nGNgYGD4DwABBAEAX+XDSwAAAABJRU5ErkJggg==",
      "base64",
    );
    const sha256 = createHash("sha256").update(png).digest("hex");
    const sent = await call(undefined, "POST", "/cases", {
      type: "scam_site",
      title: "仿冒网站",
      description: "有一个冒充县政府的网站在收集身份证号。",
      attachments: [{ name: "截图.png", type: "image/png", size: png.length, sha256 }],
    });
    expect(sent.status, JSON.stringify(sent.body)).toBe(201);
    const [{ url, method, headers }] = sent.body.uploads;
    expect(new URL(url).origin).toBe(aws.s3);
    const put = async (body: Uint8Array<ArrayBuffer>) => (await fetch(url, { method, headers, body })).status;
    expect(await put(new Uint8Array(png).fill(0, 20))).toBe(400);
    expect(await put(new Uint8Array(png))).toBe(200);
    // Slowly: whoever asks often is taken for somebody who guesses.
    const state = async () => {
      await sleep(1_500);
      const { status, body } = await call(undefined, "POST", "/cases/status", sent.body.receipt);
      expect(status, JSON.stringify(body)).toBe(200);
      return body.attachments[0].state as string;
    };
    await until(async () => (await state()) === "received", 30);
  });
});
