import { createHmac, timingSafeEqual } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** How a callback answers the question whether it asked: like a good subscriber, or in one of the ways that mean no. */
export type Intent = "echo" | "echo more" | "other" | "not found" | "echo in 500" | "redirect" | "hang";

export type Delivered = { contentType: string; link: string; signature: string; body: string; at: number };

export type Callback = {
  url: string;
  path: string;
  /** Every GET, as its parameters. */
  asked: URLSearchParams[];
  /** Contents whose signature was right, or that had none where none was agreed on. */
  delivered: Delivered[];
  /** Contents that were thrown away because of their signature (WebSub 7.1). */
  distrusted: Delivered[];
  intent: Intent;
  /** What content is answered with, one after another; the last one stays. */
  statuses: number[];
  secret: string | undefined;
};

export type WebsubSubscriber = {
  callback(query?: string): Callback;
  /** Finds hub and address of a topic from its `Link` header (WebSub 4). */
  discover(topic: string): Promise<{ hub: string; self: string }>;
  /** Sends a request to a hub as a form. */
  request(hub: string, parameters: Record<string, string>): Promise<Response>;
  close(): Promise<void>;
};

/** A WebSub subscriber with as many callbacks as wanted. */
export async function startWebsubSubscriber(): Promise<WebsubSubscriber> {
  const callbacks = new Map<string, Callback>();
  const server = createServer((request, response) => {
    onRequest(request, response).catch(() => response.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

  async function onRequest(request: IncomingMessage, response: ServerResponse) {
    const url = new URL(request.url ?? "/", origin);
    const callback = callbacks.get(url.pathname);
    if (!callback) return void response.writeHead(404).end();
    if (request.method === "GET") {
      callback.asked.push(url.searchParams);
      return void answer(callback.intent, url.searchParams.get("hub.challenge") ?? "", response);
    }
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const body = Buffer.concat(chunks);
    const signature = String(request.headers["x-hub-signature"] ?? "");
    const content: Delivered = {
      contentType: String(request.headers["content-type"]),
      link: String(request.headers["link"]),
      signature,
      body: body.toString("utf8"),
      at: performance.now(),
    };
    const status = callback.statuses.length > 1 ? callback.statuses.shift() : callback.statuses[0];
    (isTrusted(callback.secret, signature, body) ? callback.delivered : callback.distrusted).push(content);
    response.writeHead(status ?? 204).end();
  }

  return {
    callback(query = "") {
      const path = `/callback/${callbacks.size}`;
      const callback: Callback = {
        ...{ url: `${origin}${path}${query}`, path, asked: [], delivered: [], distrusted: [] },
        ...{ intent: "echo" as const, statuses: [204], secret: undefined },
      };
      callbacks.set(path, callback);
      return callback;
    },
    async discover(topic) {
      const link = (await fetch(topic)).headers.get("link") ?? "";
      const named = (rel: string) => new RegExp(`<([^>]+)>; ?rel="${rel}"`).exec(link)?.[1] ?? "";
      return { hub: named("hub"), self: named("self") };
    },
    request: (hub, parameters) => fetch(hub, { method: "POST", body: new URLSearchParams(parameters) }),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function isTrusted(secret: string | undefined, signature: string, body: Buffer): boolean {
  if (secret === undefined) return signature === "";
  const [, algorithm = "", digest = ""] = /^(sha(?:256|384|512))=([0-9a-f]+)$/.exec(signature) ?? [];
  if (algorithm === "") return false;
  const expected = createHmac(algorithm, secret).update(body).digest();
  const given = Buffer.from(digest, "hex");
  return given.length === expected.length && timingSafeEqual(given, expected);
}

function answer(intent: Intent, challenge: string, response: ServerResponse) {
  switch (intent) {
    case "echo":
      return response.end(challenge);
    case "echo more":
      return response.end(`${challenge}\n<p>and more</p>`);
    case "other":
      return response.end("ok");
    case "not found":
      return response.writeHead(404).end();
    case "echo in 500":
      return response.writeHead(500).end(challenge);
    case "redirect":
      return response.writeHead(302, { location: "/elsewhere" }).end(challenge);
    case "hang":
      return;
  }
}
