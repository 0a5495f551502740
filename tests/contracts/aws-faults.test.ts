import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from "vitest";
import { type Log, silentLog } from "#src/log.ts";
import { awsBucket } from "#src/platform/aws/bucket.ts";
import { awsQueue, sqsCalls } from "#src/platform/aws/queue.ts";
import { awsTable } from "#src/platform/aws/table.ts";
import type { Message } from "#src/platform/queue.ts";
import type { Item, Table } from "#src/platform/table.ts";
import { type AwsServers, clientSettings, describeOnAws, makeQueue, makeTable, startAws } from "./aws-servers.ts";
import { awsError, type Call, type FaultProxy, startFaultProxy } from "./fault-proxy.ts";

const key = (sk: string) => ({ pk: "P", sk });
const unavailable = { name: "AppError", kind: "unavailable" };

describeOnAws("what DynamoDB, SQS and S3 do on a bad day", { timeout: 60_000 }, () => {
  let aws: AwsServers;
  beforeAll(async () => {
    aws = await startAws();
  });
  afterAll(() => aws.stop());

  describeOnAws("the table", () => {
    let proxy: FaultProxy;
    let tableName: string;
    let table: Table;
    let now: Date;
    beforeEach(async () => {
      now = new Date("2026-03-01T00:00:00Z");
      proxy = await startFaultProxy(aws.dynamodb);
      tableName = await makeTable(aws.dynamodb);
      table = awsTable({ client: clientSettings(proxy.endpoint), tableName, now: () => now, log: silentLog });
    });
    afterEach(() => proxy.stop());
    const actions = () => proxy.calls.map((call) => call.action);

    it("writes one item with one plain put and several with one transaction", async () => {
      await table.write([{ put: { ...key("a"), n: 1 } }]);
      await table.write([{ put: { ...key("b") } }, { put: { ...key("c") } }]);
      await table.write([{ remove: key("b") }]);
      await table.write([{ add: key("n"), numbers: { count: 2 } }]);
      expect(actions()).toEqual(["PutItem", "TransactWriteItems", "DeleteItem", "UpdateItem"]);
    });

    it("asks again when the table throttles, and gives up with 'unavailable' when it never stops", async () => {
      const throttled = awsError("ProvisionedThroughputExceededException");
      proxy.decide((_, number) => (number <= 3 ? throttled : "pass"));
      expect(await table.write([{ put: key("a"), if: { absent: true } }])).toEqual({ ok: true });
      expect(proxy.calls.length).toBe(4);
      proxy.decide(() => throttled);
      await expect(table.write([{ put: key("b") }])).rejects.toMatchObject(unavailable);
      await expect(table.get(key("a"))).rejects.toMatchObject(unavailable);
      proxy.decide(() => "pass");
      expect(await table.get(key("b"))).toBeUndefined();
    });

    it("says 'unavailable' of a store that takes the call and never answers", async () => {
      proxy.decide(() => new Promise(() => {}));
      const begun = performance.now();
      await expect(table.get(key("a"))).rejects.toMatchObject(unavailable);
      expect(performance.now() - begun).toBeLessThan(16_000);
    });

    it("knows its own put again when the first answer was lost", async () => {
      proxy.decide((_, number) => (number === 1 ? "lose" : "pass"));
      expect(await table.write([{ put: { ...key("a"), text: "mine" }, if: { absent: true } }])).toEqual({ ok: true });
      expect(await table.get(key("a"))).toMatchObject({ text: "mine" });
    });

    it("does not claim that nothing was written when an answer was lost and somebody else's item stands there", async () => {
      await table.write([{ put: { ...key("a"), text: "theirs" } }]);
      proxy.decide((_, number) => (number === 2 ? "cut" : "pass"));
      await expect(table.write([{ put: { ...key("a"), text: "mine" }, if: { absent: true } }])).rejects.toMatchObject(
        unavailable,
      );
    });

    it("repeats a transaction whose answer was lost without doing it twice", async () => {
      proxy.decide((_, number) => (number === 1 ? "lose" : "pass"));
      const writes = [
        { put: key("a"), if: { absent: true as const } },
        { add: key("n"), numbers: { count: 1 } },
      ];
      expect(await table.write(writes)).toEqual({ ok: true });
      expect(actions()).toEqual(["TransactWriteItems", "TransactWriteItems"]);
      expect(await table.get(key("n"))).toMatchObject({ count: 1 });
    });

    it("never counts twice: an addition whose answer was lost is not repeated", async () => {
      proxy.decide((_, number) => (number === 1 ? "lose" : "pass"));
      await expect(table.write([{ add: key("n"), numbers: { count: 1 } }])).rejects.toMatchObject(unavailable);
      expect(await table.get(key("n"))).toMatchObject({ count: 1 });
    });

    it("tells the positions of failed conditions from conflicts that pass", async () => {
      await table.write([{ put: { ...key("b"), version: 3 } }]);
      const writes = [
        { put: key("a"), if: { absent: true as const } },
        { put: { ...key("b"), version: 3 }, if: { version: 2 } },
        { check: key("c"), if: { present: true as const } },
      ];
      expect(await table.write(writes)).toEqual({ ok: false, failed: [1, 2] });
      const conflict = JSON.stringify({
        __type: "com.amazonaws.dynamodb.v20120810#TransactionCanceledException",
        message:
          "Transaction cancelled, please refer cancellation reasons for specific reasons [None, TransactionConflict]",
        CancellationReasons: [{ Code: "None" }, { Code: "TransactionConflict", Message: "busy" }],
      });
      const before = proxy.calls.length;
      proxy.decide((_, number) => (number === before + 1 ? { status: 400, body: conflict } : "pass"));
      expect(await table.write([{ put: key("d") }, { put: key("e") }])).toEqual({ ok: true });
      expect(proxy.calls.length).toBe(before + 2);
    });

    it("sends again what a batch left unprocessed, in reads and in writes", async () => {
      const items: Item[] = Array.from({ length: 60 }, (_, i) => ({ ...key(`i${i}`), n: i }));
      proxy.decide((call) => half(call));
      await table.putAll(items);
      const found = await table.getMany(items.map(({ pk, sk }) => ({ pk, sk })));
      expect(found.map((item) => item?.["n"])).toEqual(items.map((item) => item["n"]));
      expect(actions().filter((action) => action === "BatchWriteItem").length).toBeGreaterThan(3);
      expect(actions().filter((action) => action === "BatchGetItem").length).toBeGreaterThan(1);
    });

    it("gives up on a batch that is never taken", async () => {
      proxy.decide((call) => ({
        status: 200,
        body: JSON.stringify({ UnprocessedItems: (JSON.parse(call.body) as { RequestItems: object }).RequestItems }),
      }));
      await expect(table.putAll([key("a")])).rejects.toMatchObject(unavailable);
    });

    /** Takes half of a batch, as a throttled table does. */
    async function half({ action, body }: Call) {
      const asked = JSON.parse(body) as { RequestItems: Record<string, unknown> };
      const [name, of] = Object.entries(asked.RequestItems)[0] ?? [];
      if (action === "BatchWriteItem") {
        const requests = of as unknown[];
        if (requests.length < 2) return "pass" as const;
        const middle = Math.ceil(requests.length / 2);
        await send(action, { RequestItems: { [name ?? ""]: requests.slice(0, middle) } });
        return answer({ UnprocessedItems: { [name ?? ""]: requests.slice(middle) } });
      }
      if (action === "BatchGetItem") {
        const { Keys, ...rest } = of as { Keys: unknown[] };
        if (Keys.length < 2) return "pass" as const;
        const middle = Math.ceil(Keys.length / 2);
        const { Responses } = await send(action, { RequestItems: { [name ?? ""]: { Keys: Keys.slice(0, middle) } } });
        return answer({ Responses, UnprocessedKeys: { [name ?? ""]: { ...rest, Keys: Keys.slice(middle) } } });
      }
      return "pass" as const;
    }

    function answer(body: unknown) {
      return { status: 200, body: JSON.stringify(body) };
    }

    async function send(action: string, body: unknown): Promise<{ Responses?: unknown }> {
      const answered = await fetch(aws.dynamodb, {
        method: "POST",
        headers: {
          "content-type": "application/x-amz-json-1.0",
          "x-amz-target": `DynamoDB_20120810.${action}`,
          authorization:
            "AWS4-HMAC-SHA256 Credential=test/20260301/us-east-1/dynamodb/aws4_request, SignedHeaders=host, Signature=0",
        },
        body: JSON.stringify(body),
      });
      return (await answered.json()) as { Responses?: unknown };
    }

    it("does not miss in the table what the index does not show yet", async () => {
      const entry = { ...key("a"), index: { pk: "I", sk: "1" } };
      // The index learns of a write one second later: until then it answers as if nothing were there.
      const written = Date.now();
      proxy.decide((call) =>
        call.action === "Query" && call.body.includes("IndexName") && Date.now() < written + 1_000
          ? { status: 200, body: JSON.stringify({ Items: [], Count: 0 }) }
          : "pass",
      );
      await table.write([{ put: entry, if: { absent: true } }]);
      expect((await table.queryIndex({ pk: "I" })).items).toEqual([]);
      expect(await table.get(key("a"))).toEqual(entry);
      expect((await table.query({ pk: "P", fresh: true })).items).toEqual([entry]);
      expect(await table.write([{ put: entry, if: { absent: true } }])).toEqual({ ok: false, failed: [0] });
      await sleep(1_100);
      expect((await table.queryIndex({ pk: "I" })).items).toEqual([entry]);
    });

    it("treats an expired row as absent while it still lies there, and when it is gone early", async () => {
      const expiresAt = now.getTime() / 1000 + 60;
      await table.write([{ put: { ...key("a"), version: 1, expiresAt, index: { pk: "I", sk: "a" } } }]);
      await table.write([{ add: key("n"), numbers: { count: 5 }, expiresAt }]);
      now = new Date(now.getTime() + 60_000);
      expect(await table.get(key("a"))).toBeUndefined();
      expect(await table.getMany([key("a")])).toEqual([undefined]);
      expect((await table.query({ pk: "P" })).items).toEqual([]);
      expect((await table.queryIndex({ pk: "I" })).items).toEqual([]);
      expect(await table.write([{ check: key("a"), if: { present: true } }])).toEqual({ ok: false, failed: [0] });
      expect(await table.write([{ put: key("a"), if: { version: 1 } }])).toEqual({ ok: false, failed: [0] });
      // A counter whose window has ended starts from nothing, alone and inside a transaction.
      expect(await table.write([{ add: key("n"), numbers: { count: 1 }, expiresAt: expiresAt + 60 }])).toEqual({
        ok: true,
      });
      expect(await table.get(key("n"))).toMatchObject({ count: 1 });
      expect(await table.write([{ put: { ...key("a"), version: 7 }, if: { absent: true } }])).toEqual({ ok: true });
      expect(await table.get(key("a"))).toEqual({ ...key("a"), version: 7 });
      now = new Date(now.getTime() + 60_000);
      const both = [
        { check: key("x"), if: { absent: true as const } },
        { add: key("n"), numbers: { count: 3 } },
      ];
      expect(await table.write(both)).toEqual({ ok: true });
      expect(await table.get(key("n"))).toMatchObject({ count: 3 });
      await table.write([{ remove: key("n") }]);
      expect(await table.get(key("n"))).toBeUndefined();
    });

    it("keeps its own attributes out of what it returns", async () => {
      const item = {
        ...key("a"),
        version: 1,
        feed: "x",
        index: { pk: "I", sk: "a" },
        nested: { __proto: [1, null, ""] },
      };
      await table.write([{ put: item }]);
      expect(await table.get(key("a"))).toEqual(item);
    });
  });

  describeOnAws("the queue", () => {
    let proxy: FaultProxy;
    beforeEach(async () => {
      proxy = await startFaultProxy(aws.sqs);
    });
    afterEach(() => proxy.stop());

    function queue(attributes: Record<string, string> = {}, log: Log = silentLog) {
      const made = makeQueue(aws, `q-${crypto.randomUUID()}`, attributes);
      const call = sqsCalls(clientSettings(proxy.endpoint));
      return { ...made, queue: awsQueue({ call, url: made.url.replace(aws.sqs, proxy.endpoint), log }) };
    }

    async function drain(from: { receive: ReturnType<typeof queue>["queue"]["receive"] }): Promise<Message[]> {
      const all: Message[] = [];
      for (;;) {
        const some = await from.receive({ max: 10, waitSeconds: 0, visibleAfterSeconds: 60 });
        if (some.length === 0) return all;
        all.push(...some);
      }
    }

    it("sends again only those messages of a batch that were not taken", async () => {
      const { queue: q } = queue();
      proxy.decide((call, number) => {
        if (call.action !== "SendMessageBatch" || number > 1) return "pass";
        return (answer) => {
          const { Successful } = JSON.parse(answer.body) as { Successful: { Id: string }[] };
          return { ...answer, body: JSON.stringify({ Successful: Successful.slice(2), Failed: fail(Successful) }) };
        };
      });
      const fail = (entries: { Id: string }[]) =>
        entries.slice(0, 2).map(({ Id }) => ({ Id, Code: "InternalError", SenderFault: false }));
      await q.send(Array.from({ length: 10 }, (_, n) => ({ body: { n } })));
      const second = JSON.parse(proxy.calls[1]?.body ?? "{}") as { Entries: unknown[] };
      expect(second.Entries.length).toBe(2);
      const numbers = new Set((await drain(q)).map(({ body }) => (body as { n: number }).n));
      expect([...numbers].sort((a, b) => a - b)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    });

    it("says 'unavailable' when a message is never taken, and says plainly when a message is wrong", async () => {
      const { queue: q } = queue();
      const failed = (SenderFault: boolean) => ({
        status: 200,
        body: JSON.stringify({ Successful: [], Failed: [{ Id: "0", Code: "X", SenderFault }] }),
      });
      proxy.decide(() => failed(false));
      await expect(q.send([{ body: 1 }])).rejects.toMatchObject(unavailable);
      proxy.decide(() => failed(true));
      await expect(q.send([{ body: 1 }])).rejects.toThrow("refuses");
    });

    it("packs at most ten messages and 256 KB into a call", async () => {
      const { queue: q } = queue();
      await q.send(Array.from({ length: 25 }, (_, n) => ({ body: { n } })));
      expect(proxy.calls.length).toBe(3);
      await q.send(Array.from({ length: 6 }, () => ({ body: "字".repeat(30_000) })));
      expect(proxy.calls.length).toBe(6);
      expect((await drain(q)).length).toBe(31);
    });

    it("carries every text that JSON can carry", async () => {
      const { queue: q } = queue();
      const body = "\u0000\u001f\ufffe\uffff\ud800 ]]> 告示 🏮";
      await q.send([{ body }]);
      expect((await drain(q)).map((message) => message.body)).toEqual([body]);
    });

    it("hands a message out again, with a higher count, when it was not finished in time", async () => {
      const { queue: q } = queue();
      await q.send([{ body: "once" }]);
      const take = () => q.receive({ max: 1, waitSeconds: 3, visibleAfterSeconds: 1 });
      const [first] = await take();
      const [second] = await take();
      expect([first?.receives, second?.receives]).toEqual([1, 2]);
      expect(second?.id).toBe(first?.id);
      await q.done([second?.receipt ?? "", "no receipt of ours"]);
      await sleep(1_100);
      expect(await q.receive({ max: 1, waitSeconds: 0, visibleAfterSeconds: 1 })).toEqual([]);
      await q.postpone(first?.receipt ?? "", 0);
    });

    it("gives the same message twice and in any order without telling them apart by anything but the id", async () => {
      const { queue: q } = queue();
      await q.send([{ body: 1 }, { body: 2 }, { body: 3 }]);
      proxy.decide((call) => {
        if (call.action !== "ReceiveMessage") return "pass";
        return (answer) => {
          const { Messages = [] } = JSON.parse(answer.body) as { Messages?: unknown[] };
          return { ...answer, body: JSON.stringify({ Messages: [...Messages, ...Messages].reverse() }) };
        };
      });
      const messages = await q.receive({ max: 10, waitSeconds: 1, visibleAfterSeconds: 30 });
      expect(messages.map(({ body }) => body)).toEqual([3, 2, 1, 3, 2, 1]);
      expect(new Set(messages.map(({ id }) => id)).size).toBe(3);
      await q.done(messages.map(({ receipt }) => receipt));
    });

    it("leaves a message that is not JSON to the dead-letter queue and says so", async () => {
      const dead = makeQueue(aws, `dlq-${crypto.randomUUID()}`);
      const errors: string[] = [];
      const log = { ...silentLog, error: (event: string) => void errors.push(event) };
      const redrive = JSON.stringify({ deadLetterTargetArn: dead.arn, maxReceiveCount: 2 });
      const { queue: q, name } = queue({ RedrivePolicy: redrive }, log);
      aws.fauxqs.sendMessage(name, "{not json");
      for (let i = 0; i < 3; i++)
        expect(await q.receive({ max: 1, waitSeconds: 0, visibleAfterSeconds: 0 })).toEqual([]);
      expect(errors).toEqual(["queue.malformed", "queue.malformed"]);
      expect(aws.fauxqs.inspectQueue(dead.name)?.messages.ready.length).toBe(1);
    });
  });

  describeOnAws("the bucket", () => {
    const bytes = new TextEncoder().encode("附件");
    const upload = { key: "cases/a/1", contentType: "text/plain", size: bytes.length, seconds: 60 };
    let now = new Date();
    const bucket = () => {
      aws.fauxqs.createBucket("objects");
      return awsBucket({ client: clientSettings(aws.s3), bucketName: "objects", now: () => now });
    };

    it("takes exactly the announced bytes, type and checksum, and nothing under a changed key", async () => {
      const { sha256 } = await import("#src/ids.ts");
      const b = bucket();
      const link = await b.signUpload({ ...upload, sha256: sha256(bytes) });
      const put = (url: string, headers: Record<string, string>, body: Uint8Array<ArrayBuffer>) =>
        fetch(url, { method: "PUT", headers, body }).then((answer) => answer.status);
      const { "content-length": _, ...headers } = link.headers;
      expect(await put(link.url, { ...headers, "content-type": "text/html" }, bytes)).toBe(403);
      expect(await put(link.url, headers, new TextEncoder().encode("附件more"))).toBe(403);
      expect(await put(link.url, headers, new TextEncoder().encode("件附"))).toBe(400);
      expect(await put(link.url.replace("cases/a/1", "cases/a/2"), headers, bytes)).toBe(403);
      const { "x-amz-checksum-sha256": __, ...unchecked } = headers;
      expect(await put(link.url, unchecked, bytes)).toBe(403);
      expect(await put(link.url, headers, bytes)).toBe(200);
      expect(await b.head("cases/a/1")).toMatchObject({ size: bytes.length, contentType: "text/plain" });
      expect(await b.get("cases/a/1")).toEqual({ bytes, contentType: "text/plain" });
    });

    it("ends a link at its time", async () => {
      const b = bucket();
      now = new Date(Date.now() - 61_000);
      const link = await b.signUpload(upload);
      now = new Date();
      expect(link.expiresAt < now.toISOString()).toBe(true);
      const { "content-length": _, ...headers } = link.headers;
      expect((await fetch(link.url, { method: "PUT", headers, body: bytes })).status).toBe(403);
    });

    it("serves downloads as attachments under their own name", async () => {
      const b = bucket();
      await b.put("docs/x", { bytes, contentType: "text/html" });
      const answer = await fetch(await b.signDownload({ key: "docs/x", fileName: '报告 "1".html', seconds: 60 }));
      expect(answer.status).toBe(200);
      expect(answer.headers.get("content-disposition")).toMatch(
        /^attachment; filename="____1_\.html"; filename\*=UTF-8''%E6%8A%A5%E5%91%8A%20%221%22\.html$/,
      );
    });
  });
});
