import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { createServer as createTlsServer, type ServerOptions } from "node:https";
import type { AddressInfo } from "node:net";

/** What came in, untouched: names and values of the headers in turn, and the bytes of the body. */
export type Received = {
  method: string;
  path: string;
  rawHeaders: string[];
  headers: Record<string, string | string[] | undefined>;
  body: Buffer;
  at: number;
};

/** How a path answers an event. Statuses are taken one after another; the last one stays. */
export type Behaviour = {
  status?: number | number[];
  delayMs?: number;
  headers?: Record<string, string>;
  body?: string | Buffer;
  /** hang: never answers. reset: cuts the connection after the request. garbage: no HTTP. drip: one byte a second. */
  fault?: "hang" | "reset" | "garbage" | "drip" | "empty";
  /** How a confirmation is answered: by echo, as JSON, by OPTIONS only, or not at all. Default echo. */
  confirm?: "echo" | "json" | "options" | "no";
};

export type WebhookSink = {
  origin: string;
  url(path: string): string;
  /** Events in the order of their arrival; confirmations stand apart. */
  received: Received[];
  confirmations: Received[];
  /** Scripts a path (or `*` for all others) from now on. */
  answer(path: string, behaviour: Behaviour): void;
  /** Resolves when so many events came in on all paths or on one. */
  until(count: number, path?: string): Promise<Received[]>;
  connections(): number;
  /** Paths of the answers that the other side did not let us finish. */
  cutOff: string[];
  close(): Promise<void>;
};

/** A real HTTP receiver on a loopback address. It verifies nothing: tests do, on the raw bytes. */
export async function startWebhookSink(
  options: { host?: string; port?: number; tls?: ServerOptions; keep?: number; paths?: Record<string, Behaviour> } = {},
): Promise<WebhookSink> {
  const behaviours = new Map<string, Behaviour>(Object.entries(options.paths ?? {}));
  const served = new Map<string, number>();
  const received: Received[] = [];
  const confirmations: Received[] = [];
  const watchers = new Set<() => void>();
  let connections = 0;
  const cutOff: string[] = [];

  async function onRequest(request: IncomingMessage, response: ServerResponse) {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const path = request.url ?? "/";
    const event: Received = {
      method: request.method ?? "",
      path,
      rawHeaders: request.rawHeaders,
      headers: request.headers,
      body: Buffer.concat(chunks),
      at: performance.now(),
    };
    const behaviour = behaviours.get(path) ?? behaviours.get("*") ?? {};
    if (event.method === "OPTIONS") return handshake(event, behaviour, response);
    if (request.headers["content-type"]?.startsWith("application/json") === true && isConfirmation(event.body)) {
      confirmations.push(event);
      return confirm(event, behaviour, response);
    }
    received.push(event);
    if (received.length > (options.keep ?? Number.POSITIVE_INFINITY)) received.shift();
    response.on("close", () => {
      if (response.headersSent && !response.writableFinished) cutOff.push(path);
    });
    const nth = served.get(path) ?? 0;
    served.set(path, nth + 1);
    for (const watcher of watchers) watcher();
    if (behaviour.delayMs) setTimeout(() => reply(nth, behaviour, response), behaviour.delayMs);
    else reply(nth, behaviour, response);
  }

  const listener = (request: IncomingMessage, response: ServerResponse) => {
    onRequest(request, response).catch(() => response.destroy());
  };
  const server: Server = options.tls ? createTlsServer(options.tls, listener) : createServer(listener);
  server.on(options.tls ? "secureConnection" : "connection", () => connections++);
  server.keepAliveTimeout = 60_000;
  const host = options.host ?? "127.0.0.1";
  await new Promise<void>((resolve) => server.listen(options.port ?? 0, host, 4096, resolve));
  const { port } = server.address() as AddressInfo;
  const origin = `http${options.tls ? "s" : ""}://${host.includes(":") ? `[${host}]` : host}:${port}`;

  return {
    origin,
    url: (path) => origin + path,
    received,
    confirmations,
    answer: (path, behaviour) => {
      behaviours.set(path, behaviour);
      served.delete(path);
    },
    until(count, path) {
      const found = () => (path === undefined ? received : received.filter((event) => event.path === path));
      return new Promise((resolve) => {
        const watcher = () => {
          const events = found();
          if (events.length < count) return;
          watchers.delete(watcher);
          resolve([...events]);
        };
        watchers.add(watcher);
        watcher();
      });
    },
    connections: () => connections,
    cutOff,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function isConfirmation(body: Buffer): boolean {
  return body.includes('"cn.gaoshi.endpoint.confirm"');
}

function confirm({ body }: Received, { confirm = "echo" }: Behaviour, response: ServerResponse) {
  const { challenge } = JSON.parse(body.toString()) as { challenge: string };
  if (confirm === "echo") response.end(challenge);
  else if (confirm === "json")
    response.setHeader("content-type", "application/json").end(JSON.stringify({ challenge }));
  else response.writeHead(confirm === "options" ? 405 : 200).end("no");
}

function handshake(event: Received, { confirm }: Behaviour, response: ServerResponse) {
  const origin = event.headers["webhook-request-origin"];
  if (confirm === "options" && typeof origin === "string") response.setHeader("webhook-allowed-origin", origin);
  response.writeHead(confirm === "options" ? 200 : 405).end();
}

function reply(nth: number, behaviour: Behaviour, response: ServerResponse) {
  const { status = 204, headers = {}, body = "" } = behaviour;
  const code = typeof status === "number" ? status : (status[Math.min(nth, status.length - 1)] ?? 204);
  const socket = response.socket;
  switch (behaviour.fault) {
    case "hang":
      return;
    case "reset":
      socket?.resetAndDestroy();
      return;
    case "empty":
      socket?.end();
      return;
    case "garbage":
      socket?.end("\u0000\u0001 this is no HTTP at all \r\n\r\n<html>");
      return;
    case "drip": {
      response.writeHead(code, headers).flushHeaders();
      const timer = setInterval(() => response.write("."), 1000);
      response.on("close", () => clearInterval(timer));
      return;
    }
    default:
      response.writeHead(code, headers).end(body);
  }
}
