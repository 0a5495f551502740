import { createHmac } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

export type RobotVendorName = "wecom-robot" | "dingtalk" | "feishu";

/** A message as a group would see it: nothing of it depends on our own code. */
export type SaidInGroup = {
  vendor: RobotVendorName;
  /** The robot's key. */
  key: string;
  /** The markup, or what of a `post` is read. */
  text: string;
  /** Whom the client would call. */
  mentions: string[];
  links: string[];
  // biome-ignore lint/suspicious/noExplicitAny: a vendor's JSON, read as it came.
  json: any;
  bytes: number;
  at: number;
};

/** How a robot answers from now on; what is not named is as the vendor does it. */
export type RobotBehaviour = {
  /** The vendor's own code, over HTTP 200 unless `status` says otherwise. */
  code?: number;
  message?: string;
  status?: number;
  headers?: Record<string, string>;
  /** Instead of JSON. */
  body?: string;
  /** hang: never. reset: after the request was read. cut: half of the JSON, then the connection breaks. half: half of it, complete. */
  fault?: "hang" | "reset" | "cut" | "half";
  /** Demands signatures with it, as the vendor checks them. */
  secret?: string;
  /** Demands one of these words. */
  keywords?: string[];
  /** What somebody did to the robot or to its group. */
  state?: "removed" | "disabled" | "dissolved";
};

export type RobotVendors = {
  origin: string;
  origins: Record<RobotVendorName, string>;
  /** Messages that the group got, in order. */
  said: SaidInGroup[];
  /** Every request, taken or not: path and body. */
  requests: { url: string; body: string; headers: IncomingMessage["headers"] }[];
  answer(key: string, behaviour: RobotBehaviour): void;
  in(key: string): SaidInGroup[];
  close(): Promise<void>;
};

const HOUR_MS = 3_600_000;
const WINDOWS: Record<RobotVendorName, [seconds: number, count: number, code: number][]> = {
  "wecom-robot": [[60, 20, 45009]],
  dingtalk: [[60, 20, 130101]],
  feishu: [
    [60, 100, 11232],
    [1, 5, 11232],
  ],
};

/** The three vendors at one loopback address, told apart by their paths; they refuse what the real ones refuse. */
export async function startRobotVendors(now: () => number = Date.now): Promise<RobotVendors> {
  const behaviours = new Map<string, RobotBehaviour>();
  const said: SaidInGroup[] = [];
  const requests: RobotVendors["requests"] = [];

  async function onRequest(request: IncomingMessage, response: ServerResponse) {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const body = Buffer.concat(chunks);
    const url = new URL(request.url ?? "/", "http://vendor");
    requests.push({ url: request.url ?? "", body: body.toString(), headers: request.headers });
    const [vendor, key] = robotAt(url) ?? [];
    if (!vendor || key === undefined || request.method !== "POST") return void response.writeHead(404).end("no");
    const behaviour = behaviours.get(key) ?? {};
    const code = behaviour.code ?? judged(vendor, key, url, body, behaviour);
    if (code === 0) said.push(seen(vendor, key, body, now()));
    reply(vendor, { ...behaviour, code }, response);
  }

  function judged(vendor: RobotVendorName, key: string, url: URL, body: Buffer, behaviour: RobotBehaviour): number {
    const json = parsed(body);
    const { guard, size, format, states } = CODES[vendor];
    if (behaviour.state) return states[behaviour.state];
    if (json === undefined) return format;
    if (vendor === "wecom-robot" ? Buffer.byteLength(json.markdown?.content ?? "") > 4096 : body.length > 20_000)
      return size;
    if (behaviour.secret !== undefined && !isSigned(vendor, url, json, behaviour.secret, now())) return guard.sign;
    const message = seen(vendor, key, body, now());
    if (behaviour.keywords && !behaviour.keywords.some((word) => message.text.includes(word))) return guard.keyword;
    for (const [seconds, count, over] of WINDOWS[vendor])
      if (said.filter((one) => one.key === key && message.at - one.at < seconds * 1000).length >= count) return over;
    return 0;
  }

  const server = createServer((request, response) => {
    onRequest(request, response).catch(() => response.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    origin,
    origins: { "wecom-robot": origin, dingtalk: origin, feishu: origin },
    said,
    requests,
    answer: (key, behaviour) => void behaviours.set(key, behaviour),
    in: (key) => said.filter((one) => one.key === key),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function robotAt({ pathname, searchParams }: URL): [RobotVendorName, string] | undefined {
  const hook = /^\/open-apis\/bot\/v2\/hook\/([^/]+)$/.exec(pathname)?.[1];
  if (hook !== undefined) return ["feishu", hook];
  const key = searchParams.get("key");
  if (pathname === "/cgi-bin/webhook/send" && key !== null) return ["wecom-robot", key];
  const token = searchParams.get("access_token");
  return pathname === "/robot/send" && token !== null ? ["dingtalk", token] : undefined;
}

// biome-ignore lint/suspicious/noExplicitAny: as above.
function parsed(body: Buffer): any {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(body));
  } catch {
    return undefined;
  }
}

const CODES = {
  "wecom-robot": {
    ...{ guard: { sign: 93000, keyword: 93000 }, size: 40058, format: 40008 },
    states: { removed: 93000, disabled: 93004, dissolved: 93008 },
  },
  dingtalk: {
    ...{ guard: { sign: 310000, keyword: 310000 }, size: 460101, format: 101002 },
    states: { removed: 400106, disabled: 400102, dissolved: 400013 },
  },
  // It tells no more than that there is no such address.
  feishu: {
    ...{ guard: { sign: 19021, keyword: 19024 }, size: 9499, format: 9499 },
    states: { removed: 19001, disabled: 19001, dissolved: 19001 },
  },
};

// biome-ignore lint/suspicious/noExplicitAny: as above.
function isSigned(vendor: RobotVendorName, url: URL, json: any, secret: string, at: number): boolean {
  const feishu = vendor === "feishu";
  const stamp = String(feishu ? json.timestamp : url.searchParams.get("timestamp"));
  const sign = feishu ? json.sign : url.searchParams.get("sign");
  if (Math.abs(at - Number(stamp) * (feishu ? 1000 : 1)) > HOUR_MS) return false;
  const line = `${stamp}\n${secret}`;
  const hmac = feishu ? createHmac("sha256", line) : createHmac("sha256", secret).update(line);
  return sign === hmac.digest("base64");
}

type PostPiece = { tag: string; text?: string; href?: string; user_id?: string };

function seen(vendor: RobotVendorName, key: string, body: Buffer, at: number): SaidInGroup {
  const json = parsed(body);
  const common = { vendor, key, json, bytes: body.length, at };
  if (vendor === "feishu") {
    const { title, content } = (json.content.post.zh_cn ?? json.content.post.en_us) as {
      title: string;
      content: PostPiece[][];
    };
    const pieces = content.flat();
    const text = [title, ...content.map((line) => line.map((piece) => piece.text ?? "").join(""))].join("\n");
    const called = pieces.filter(({ tag }) => tag === "at").map(({ user_id }) => user_id ?? "");
    return {
      ...common,
      text,
      mentions: [...called, ...(text.match(/<at\b[^>]*>/gi) ?? [])],
      links: pieces.flatMap(({ href }) => href ?? []),
    };
  }
  const text: string = vendor === "dingtalk" ? json.markdown.text : json.markdown.content;
  const at_ = json.at ?? {};
  const called = [...(json.markdown.mentioned_list ?? []), ...(at_.atMobiles ?? []), ...(at_.atUserIds ?? [])];
  if (at_.isAtAll) called.push("all");
  return {
    ...common,
    text,
    // Whatever a client could take for a call: `<@id>`, `@` before a word.
    mentions: [...called, ...(text.match(/<@[^>]*>|@\S+/g) ?? [])],
    links: [...text.matchAll(/\[[^\]]*\]\(([^)]*)\)/g)].map(([, href]) => href ?? ""),
  };
}

const WORDS: Record<number, string> = {
  0: "ok",
  93000:
    "invalid webhook url, hint: [1700000000000000000000], from ip: 192.0.2.1, more info at https://open.work.weixin.qq.com/devtool/query?e=93000",
  310000: "keywords not in content, more: [https://ding-doc.dingtalk.com/doc#/serverapi2/qf2nxq]",
  300001: "token is not exist",
  300005: "token is not exist",
  400013: "群已被解散",
  400102: "机器人已停用",
  400106: "机器人不存在",
  19001: "param invalid: incoming webhook access token invalid",
  19024: "Key Words Not Found",
  99991400: "request trigger frequency limit",
};

function reply(vendor: RobotVendorName, behaviour: RobotBehaviour, response: ServerResponse): void {
  const { code = 0, message = WORDS[code] ?? "no", status = 200, headers = {}, fault } = behaviour;
  const json =
    vendor !== "feishu"
      ? { errcode: code, errmsg: message }
      : code === 0
        ? { StatusCode: 0, StatusMessage: "success", code: 0, data: {}, msg: "success" }
        : { code, data: {}, msg: message };
  const text = behaviour.body ?? JSON.stringify(json);
  if (fault === "hang") return;
  if (fault === "reset") return void response.socket?.resetAndDestroy();
  response.writeHead(status, { "content-type": "application/json", ...headers });
  if (fault === "half") return void response.end(text.slice(0, text.length / 2));
  if (fault !== "cut") return void response.end(text);
  response.flushHeaders();
  response.write(text.slice(0, text.length / 2), () => response.socket?.resetAndDestroy());
}
