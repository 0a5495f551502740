import { createDecipheriv, createECDH, createHmac, createPublicKey, type ECDH, randomBytes, verify } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** How the push service answers for one browser; statuses one after another, the last one stays. Default 201. */
export type PushBehaviour = {
  status?: number | number[];
  headers?: Record<string, string>;
  body?: string;
  fault?: "hang" | "reset" | "garbage";
};

export type PushMessage = {
  path: string;
  headers: IncomingMessage["headers"];
  /** Bytes of the encrypted body. */
  bytes: number;
  /** Bytes of the decrypted text with its padding. */
  padded: number;
  text: string;
  // biome-ignore lint/suspicious/noExplicitAny: read as a service worker would, without our types.
  json: any;
  claims: { aud: string; exp: number; sub: string };
};

/** A subscription as a browser hands it out. */
export type TestBrowser = {
  endpoint: string;
  path: string;
  keys: { p256dh: string; auth: string };
  /** As our API takes them. */
  secret: string;
  messages: PushMessage[];
  next(count?: number): Promise<PushMessage[]>;
};

export type PushService = {
  origin: string;
  /** `applicationServerKey`: the only key that may push to it, as a push service holds it (RFC 8292 4.2). */
  browser(applicationServerKey?: string): TestBrowser;
  answer(browser: TestBrowser, behaviour: PushBehaviour): void;
  /** Requests that a real service would have refused, and why; they are answered 400, 401, 403 or 413. */
  refused: string[];
  /** Every request, refused or not. */
  requests: number;
  close(): Promise<void>;
};

type Known = { browser: TestBrowser; curve: ECDH; auth: Buffer; key: string | undefined; served: number };

/** A push service (RFC 8030) with its browsers: it checks who pushes (RFC 8292) and decrypts as a browser does (RFC 8291). */
export async function startPushService(now: () => Date = () => new Date()): Promise<PushService> {
  const browsers = new Map<string, Known>();
  const behaviours = new Map<string, PushBehaviour>();
  const watchers = new Set<() => void>();
  const refused: string[] = [];
  let requests = 0;

  const server = createServer((request, response) => {
    onPush(request, response).catch(() => response.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", 4096, resolve));
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

  async function onPush(request: IncomingMessage, response: ServerResponse) {
    requests++;
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const body = Buffer.concat(chunks);
    const path = request.url ?? "";
    const known = browsers.get(path);
    if (!known) return void response.writeHead(404).end();
    const claims = claimsOf(String(request.headers.authorization), origin, now(), known.key);
    const fault = typeof claims === "string" ? ([403, claims] as const) : faultOf(request, body);
    if (fault) {
      refused.push(fault[1]);
      return void response.writeHead(fault[0]).end(fault[1]);
    }
    const behaviour = behaviours.get(path) ?? {};
    const { status = 201, headers = {}, body: text = "" } = behaviour;
    const code = typeof status === "number" ? status : (status[Math.min(known.served, status.length - 1)] ?? 201);
    known.served++;
    const plain = decrypt(body, known.curve, known.auth);
    const { messages } = known.browser;
    messages.push({
      path,
      headers: request.headers,
      bytes: body.length,
      padded: plain.padded,
      text: plain.text,
      json: JSON.parse(plain.text),
      claims: claims as PushMessage["claims"],
    });
    for (const watcher of watchers) watcher();
    if (behaviour.fault === "hang") return;
    if (behaviour.fault === "reset") return void response.socket?.resetAndDestroy();
    if (behaviour.fault === "garbage") return void response.socket?.end("\u0000\u0001 no HTTP\r\n\r\n<html>");
    const location = code === 201 ? { location: `${origin}/m/${messages.length}` } : {};
    response.writeHead(code, { ...location, ...headers }).end(text);
  }

  function next(browser: TestBrowser, count = 1): Promise<PushMessage[]> {
    return new Promise((resolve) => {
      const watcher = () => {
        if (browser.messages.length < count) return;
        watchers.delete(watcher);
        resolve([...browser.messages]);
      };
      watchers.add(watcher);
      watcher();
    });
  }

  return {
    origin,
    browser(key) {
      const path = `/push/${randomBytes(24).toString("base64url")}`;
      const curve = createECDH("prime256v1");
      const auth = randomBytes(16);
      const keys = { p256dh: curve.generateKeys("base64url"), auth: auth.toString("base64url") };
      const browser: TestBrowser = {
        endpoint: origin + path,
        path,
        keys,
        secret: `${keys.p256dh}.${keys.auth}`,
        messages: [],
        next: (count) => next(browser, count),
      };
      browsers.set(path, { browser, curve, auth, key, served: 0 });
      return browser;
    },
    answer: (browser, behaviour) => {
      behaviours.set(browser.path, behaviour);
      const known = browsers.get(browser.path);
      if (known) known.served = 0;
    },
    refused,
    get requests() {
      return requests;
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** The claims of a VAPID header whose signature holds, or what is wrong with it. */
export function claimsOf(
  authorization: string,
  origin: string,
  now: Date,
  onlyKey: string | undefined,
): PushMessage["claims"] | string {
  const [, token = "", key = ""] = /^vapid t=([\w.-]+), ?k=([\w-]{87})$/.exec(authorization) ?? [];
  const [head = "", claims = "", signature = ""] = token.split(".");
  if (signature === "") return "no token";
  const point = Buffer.from(key, "base64url");
  const jwk = {
    ...{ kty: "EC", crv: "P-256" },
    x: point.subarray(1, 33).toString("base64url"),
    y: point.subarray(33).toString("base64url"),
  };
  const publicKey = createPublicKey({ key: jwk, format: "jwk" });
  const signed = Buffer.from(`${head}.${claims}`);
  const how = { key: publicKey, dsaEncoding: "ieee-p1363" as const };
  if (!verify("sha256", signed, how, Buffer.from(signature, "base64url"))) return "signature";
  const { typ, alg } = JSON.parse(Buffer.from(head, "base64url").toString());
  if (typ !== "JWT" || alg !== "ES256") return "algorithm";
  const read = JSON.parse(Buffer.from(claims, "base64url").toString()) as PushMessage["claims"];
  const seconds = now.getTime() / 1000;
  if (read.aud !== origin) return `audience ${read.aud}`;
  if (read.exp <= seconds || read.exp > seconds + 86_400) return "expiry";
  if (!/^(mailto:|https?:)/.test(read.sub)) return "subject";
  return onlyKey !== undefined && onlyKey !== key ? "another key" : read;
}

function faultOf({ method, headers }: IncomingMessage, body: Buffer): readonly [number, string] | undefined {
  if (method !== "POST") return [405, "method"];
  if (body.length > 4096) return [413, "size"];
  if (!/^\d{1,8}$/.test(String(headers["ttl"]))) return [400, "ttl"];
  if (!/^(very-low|low|normal|high)$/.test(String(headers["urgency"] ?? "normal"))) return [400, "urgency"];
  if (headers["topic"] !== undefined && !/^[\w-]{1,32}$/.test(String(headers["topic"]))) return [400, "topic"];
  if (headers["content-encoding"] !== "aes128gcm") return [415, "encoding"];
  return undefined;
}

const hmac = (key: Buffer, message: Buffer) => createHmac("sha256", key).update(message).digest();

/** The receiving half of RFC 8291: one record, its padding taken off. */
export function decrypt(body: Buffer, curve: ECDH, auth: Buffer): { text: string; padded: number } {
  const salt = body.subarray(0, 16);
  if (body.readUInt32BE(16) < body.length - 86) throw new Error("more than one record");
  if (body[20] !== 65) throw new Error("no key of the sender");
  const sender = body.subarray(21, 86);
  const info = Buffer.concat([Buffer.from("WebPush: info\0"), curve.getPublicKey(), sender, Buffer.from([1])]);
  const material = hmac(hmac(auth, curve.computeSecret(sender)), info);
  const random = hmac(salt, material);
  const key = hmac(random, Buffer.from("Content-Encoding: aes128gcm\0\x01")).subarray(0, 16);
  const nonce = hmac(random, Buffer.from("Content-Encoding: nonce\0\x01")).subarray(0, 12);
  const decipher = createDecipheriv("aes-128-gcm", key, nonce);
  decipher.setAuthTag(body.subarray(-16));
  const record = Buffer.concat([decipher.update(body.subarray(86, -16)), decipher.final()]);
  const end = record.findLastIndex((byte) => byte !== 0);
  if (record[end] !== 2) throw new Error("not the last record");
  return { text: record.subarray(0, end).toString("utf8"), padded: record.length - 1 };
}
