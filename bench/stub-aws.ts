// DynamoDB, SQS and an empty bucket as far as one message needs them, and the receiver that it pushes to: reads are answered from a table
// of `:memory:`, writes are taken and forgotten, so that every process meets the same store.
import { createHash } from "node:crypto";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { itemAttributes } from "#src/platform/aws/attributes.ts";
import type { Item, Table } from "#src/platform/table.ts";
import { selfSigned } from "#tests/receivers/certificate.ts";

type Keyed = Record<string, { S: string }>;
type Asked = {
  Key: Keyed;
  RequestItems: Record<string, { Keys?: Keyed[] }>;
  IndexName?: string;
  ExpressionAttributeValues: Keyed;
  Limit?: number;
  ScanIndexForward?: boolean;
  Entries: { Id: string; MessageBody: string }[];
};

export type StubAws = {
  url: string;
  cert: string;
  pushes: () => number;
  answerFrom(table: Table): void;
  close(): void;
};

/** Speaks TLS, as AWS does: over plain HTTP the SDK loads other parts of Node. */
export async function stubAws(): Promise<StubAws> {
  const { key, cert } = selfSigned(["127.0.0.1"]);
  let table: Table | undefined;
  let pushes = 0;
  const server = createServer({ key, cert }, async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const target = request.headers["x-amz-target"];
    if (target === undefined) {
      const isPush = request.url === "/hook";
      if (isPush) pushes++;
      response.end(isPush ? "" : "<ListBucketResult/>");
      return;
    }
    const asked = JSON.parse(Buffer.concat(chunks).toString()) as Asked;
    const answer = table ? await answerTo(String(target).split(".")[1] ?? "", asked, table) : {};
    response.setHeader("content-type", "application/x-amz-json-1.0").end(JSON.stringify(answer));
  }).listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  return {
    url: `https://127.0.0.1:${(server.address() as AddressInfo).port}`,
    cert,
    pushes: () => pushes,
    answerFrom: (next) => {
      table = next;
    },
    close: () => server.close(),
  };
}

async function answerTo(call: string, asked: Asked, table: Table): Promise<unknown> {
  if (call === "GetItem") return { Item: stored(await table.get(plain(asked.Key))) };
  if (call === "BatchGetItem") {
    const [[name, { Keys = [] }] = ["", {}]] = Object.entries(asked.RequestItems);
    const items = await table.getMany(Keys.map(plain));
    return { Responses: { [name]: items.filter((item) => item !== undefined).map(stored) } };
  }
  if (call === "Query") {
    const { ":pk": pk, ":from": from, ":to": to } = asked.ExpressionAttributeValues;
    const query = {
      pk: pk?.S ?? "",
      ...(from ? { from: from.S } : {}),
      ...(to ? { to: to.S } : {}),
      ...(asked.Limit === undefined ? {} : { limit: asked.Limit }),
      reverse: asked.ScanIndexForward === false,
    };
    const { items } = await (asked.IndexName ? table.queryIndex(query) : table.query(query));
    return { Items: items.map(stored), Count: items.length };
  }
  if (call === "SendMessageBatch") return { Successful: asked.Entries.map(taken), Failed: [] };
  return {};
}

const plain = ({ pk, sk }: Keyed) => ({ pk: pk?.S ?? "", sk: sk?.S ?? "" });
const stored = (item: Item | undefined) => item && itemAttributes(item, "0");
const taken = ({ Id, MessageBody }: Asked["Entries"][number]) => ({
  ...{ Id, MessageId: Id },
  MD5OfMessageBody: createHash("md5").update(MessageBody).digest("hex"),
});
