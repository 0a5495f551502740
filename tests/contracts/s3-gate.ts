import { createHash, createHmac, timingSafeEqual } from "node:crypto";
import { once } from "node:events";
import { createServer, type IncomingMessage, request } from "node:http";

/**
 * What S3 does with a signed link and the test server does not: checks the signature over the signed headers, the
 * expiry and the checksum, and answers with the content disposition that the link names. Requests that carry credentials pass, all others are refused.
 */
export type S3Gate = { endpoint: string; stop(): Promise<void> };

function hmac(key: string | Buffer, text: string): Buffer {
  return createHmac("sha256", key).update(text).digest();
}

function encode(text: string): string {
  return encodeURIComponent(text).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);
}

/** AWS Signature Version 4, query form (docs.aws.amazon.com: sigv4-query-string-auth). */
function signature(incoming: IncomingMessage, url: URL, secretKey: string): string {
  const query = [...url.searchParams].filter(([name]) => name !== "X-Amz-Signature");
  const names = (url.searchParams.get("X-Amz-SignedHeaders") ?? "").split(";");
  const canonical = [
    incoming.method,
    url.pathname,
    query
      .map(([name, value]) => `${encode(name)}=${encode(value)}`)
      .sort()
      .join("&"),
    ...names.map((name) => `${name}:${String(incoming.headers[name] ?? "").trim()}`),
    "",
    names.join(";"),
    "UNSIGNED-PAYLOAD",
  ].join("\n");
  const [, ...scope] = (url.searchParams.get("X-Amz-Credential") ?? "").split("/");
  const key = scope.reduce<string | Buffer>((key, step) => hmac(key, step), `AWS4${secretKey}`);
  const digest = createHash("sha256").update(canonical).digest("hex");
  const text = ["AWS4-HMAC-SHA256", url.searchParams.get("X-Amz-Date"), scope.join("/"), digest].join("\n");
  return hmac(key, text).toString("hex");
}

function refusal(incoming: IncomingMessage, url: URL, secretKey: string, now: () => Date): string | undefined {
  const given = url.searchParams.get("X-Amz-Signature");
  if (given === null) return incoming.headers.authorization ? undefined : "AccessDenied";
  const signed = (url.searchParams.get("X-Amz-Date") ?? "").replace(
    /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/,
    "$1-$2-$3T$4:$5:$6Z",
  );
  const end = Date.parse(signed) + Number(url.searchParams.get("X-Amz-Expires")) * 1_000;
  if (!(now().getTime() < end)) return "AccessDenied";
  const right = signature(incoming, url, secretKey);
  const same = right.length === given.length && timingSafeEqual(Buffer.from(right), Buffer.from(given));
  return same ? undefined : "SignatureDoesNotMatch";
}

export async function startS3Gate(options: { target: string; secretKey: string; now: () => Date }): Promise<S3Gate> {
  const server = createServer((incoming, outgoing) => {
    void (async () => {
      const url = new URL(incoming.url ?? "/", `http://${incoming.headers.host}`);
      const body = Buffer.concat(await incoming.toArray());
      const refuse = (status: number, code: string) =>
        outgoing.writeHead(status, { "content-type": "application/xml" }).end(`<Error><Code>${code}</Code></Error>`);
      const code = refusal(incoming, url, options.secretKey, options.now);
      if (code) return refuse(403, code);
      const announced = incoming.headers["x-amz-checksum-sha256"];
      if (announced && announced !== createHash("sha256").update(body).digest("base64"))
        return refuse(400, "BadDigest");
      const forwarded = request(new URL(incoming.url ?? "/", options.target), {
        method: incoming.method ?? "GET",
        headers: incoming.headers,
      });
      forwarded.end(body);
      const [answer] = (await once(forwarded, "response")) as [IncomingMessage];
      const disposition = url.searchParams.get("response-content-disposition");
      outgoing.writeHead(answer.statusCode ?? 502, {
        ...answer.headers,
        ...(disposition ? { "content-disposition": disposition } : {}),
      });
      answer.pipe(outgoing);
    })().catch((error: Error) => outgoing.destroy(error));
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  const port = typeof address === "object" && address ? address.port : 0;
  return {
    endpoint: `http://127.0.0.1:${port}`,
    async stop() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}
