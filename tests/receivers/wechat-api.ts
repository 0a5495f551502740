import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { exactJson } from "./exact-json.ts";

// biome-ignore lint/suspicious/noExplicitAny: what came in is read as the platform would, without our types.
type Json = any;

export type ApiCall = { method: string; path: string; query: URLSearchParams; raw: Buffer; json: Json };

/** How one call is answered instead of as usual. */
export type Odd =
  | { errcode: number; [more: string]: unknown }
  | { ok: Record<string, unknown> }
  /** Somebody between us and the platform, which hears nothing of it. */
  | { status: number; headers?: Record<string, string> }
  | { fault: "html" | "cut" | "empty" | "hang" | "reset" | "huge" | "text" | "gateway" };

export type WechatApi = {
  origin: string;
  calls: ApiCall[];
  /** Calls of a path, in order. */
  at(path: string): ApiCall[];
  /** The next calls of a path are answered so, one after another; then as usual again. */
  next(path: string, ...odd: Odd[]): void;
  /** Every call of a path is answered so from now on; undefined: as usual. */
  always(path: string, odd: Odd | undefined): void;
  /** The platform ends the token it gave. `stuck`: and goes on handing it out until it is forced. */
  endToken(options?: { stuck?: boolean }): void;
  /** How long new tokens are good, in seconds. */
  tokenSeconds: number;
  tokensGiven: number;
  /** Mass messages left. */
  massLeft: number;
  /** Drafts that lie in the box, and clientmsgids with the message they made. */
  drafts: Map<string, Json>;
  masses: Map<string, string>;
  /** Ids of template messages, in order. */
  templates: string[];
  /** Pictures of articles: their bytes by the address they got. */
  pictures: Map<string, Buffer>;
  /** What became of messages and publications, by their ids: `msg_status`, `publish_status`. As usual: all went well. */
  became: Map<string, string | number>;
  close(): Promise<void>;
};

const PNG = Buffer.from([0x89, 0x50, 0x4e, 0x47]);
// Ids are as long as the platform's own: 64 bits, next to each other.
const FIRST = {
  mass: 3_147_483_648_000_000_001n,
  publish: 2_247_483_650_000_000_001n,
  template: 1_226_691_075_109_289_985n,
};
const TOKEN_PATHS = ["/cgi-bin/stable_token", "/cgi-bin/gettoken"];

/** A server that answers like api.weixin.qq.com and qyapi.weixin.qq.com: HTTP 200 with an errcode, whatever happened. */
export async function startWechatApi(): Promise<WechatApi> {
  const calls: ApiCall[] = [];
  const queued = new Map<string, Odd[]>();
  const standing = new Map<string, Odd>();
  let token = "";
  let stuck = false;
  let good = false;
  let serial = 0;

  function giveToken(forced: boolean): Json {
    if (!good && (!stuck || forced)) {
      token = `token-${++api.tokensGiven}-${"x".repeat(100)}`;
      good = true;
      stuck = false;
    }
    return { errcode: 0, errmsg: "ok", access_token: token, expires_in: api.tokenSeconds };
  }

  function usual(call: ApiCall): Json {
    if (TOKEN_PATHS.includes(call.path)) return giveToken(call.json?.force_refresh === true);
    if (call.query.get("access_token") !== token || !good) return { errcode: 40001, errmsg: `bad token ${token}` };
    switch (call.path) {
      case "/cgi-bin/material/add_material":
        return call.raw.includes(PNG)
          ? { media_id: `cover-${++serial}`, url: "http://mmbiz.qpic.cn/1" }
          : { errcode: 41005 };
      case "/cgi-bin/media/uploadimg": {
        const file = mediaIn(call.raw);
        if (!file) return { errcode: 41005, errmsg: "media data missing" };
        if (file.length >= 1_048_576) return { errcode: 40009, errmsg: "invalid image size" };
        if (!file.subarray(0, 4).equals(PNG) && file[0] !== 0xff) return { errcode: 40005 };
        const url = `http://mmbiz.qpic.cn/mmbiz_png/${++serial}/0?a=1&b=2`;
        api.pictures.set(url, file);
        return { url };
      }
      case "/cgi-bin/message/mass/get": {
        const id = String(call.json.msg_id);
        if (![...api.masses.values()].includes(id)) return { errcode: 40059, errmsg: "invalid msg id" };
        return { msg_id: BigInt(id), msg_status: api.became.get(id) ?? "SEND_SUCCESS" };
      }
      case "/cgi-bin/freepublish/get": {
        const id = String(call.json.publish_id);
        return { publish_id: id, publish_status: api.became.get(id) ?? 0, fail_idx: [] };
      }
      case "/cgi-bin/draft/add": {
        const article = call.json.articles[0];
        if ([...article.title].length > 32) return { errcode: 45003 };
        if (article.content.length >= 20_000) return { errcode: 45166 };
        const id = `draft-${++serial}`;
        api.drafts.set(id, article);
        return { media_id: id };
      }
      case "/cgi-bin/message/mass/sendall": {
        const before = api.masses.get(String(call.json.clientmsgid));
        if (before !== undefined) return { errcode: 45065, errmsg: "clientmsgid exist", msg_id: BigInt(before) };
        if (!api.drafts.has(call.json.mpnews.media_id)) return { errcode: 40007 };
        if (api.massLeft < 1) return { errcode: 45028, errmsg: "has no masssend quota" };
        api.massLeft--;
        api.drafts.delete(call.json.mpnews.media_id);
        const id = FIRST.mass + BigInt(++serial);
        api.masses.set(String(call.json.clientmsgid), String(id));
        return { errcode: 0, errmsg: "send job submission success", msg_id: id, msg_data_id: FIRST.mass };
      }
      case "/cgi-bin/freepublish/submit":
        if (!api.drafts.delete(call.json.media_id)) return { errcode: 53600 };
        return { errcode: 0, errmsg: "ok", publish_id: String(FIRST.publish + BigInt(++serial)) };
      case "/cgi-bin/message/template/send": {
        const id = FIRST.template + BigInt(++serial);
        api.templates.push(String(id));
        return { errcode: 0, errmsg: "ok", msgid: id };
      }
      case "/cgi-bin/message/send":
        return { errcode: 0, errmsg: "ok", invaliduser: "", invalidparty: "", invalidtag: "", msgid: `m${++serial}` };
      default:
        return { errcode: 0, errmsg: "ok" };
    }
  }

  async function onRequest(request: IncomingMessage, response: ServerResponse) {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const url = new URL(request.url ?? "/", "http://x");
    const raw = Buffer.concat(chunks);
    const isJson = request.headers["content-type"]?.startsWith("application/json") === true;
    const json: Json = isJson ? JSON.parse(raw.toString()) : undefined;
    const call: ApiCall = { method: request.method ?? "", path: url.pathname, query: url.searchParams, raw, json };
    calls.push(call);
    const odd = queued.get(call.path)?.shift() ?? standing.get(call.path);
    const end = (status: number, type: string, body: string) =>
      response.writeHead(status, { "content-type": type }).end(body);
    if (odd && "status" in odd && typeof odd.status === "number" && !("errcode" in odd))
      return void response
        .writeHead(odd.status, { "content-type": "text/html", ...(odd.headers as Record<string, string>) })
        .end("<html>no</html>");
    if (odd && "fault" in odd) return broken(String(odd.fault), call, response, end, usual);
    const body = !odd ? usual(call) : "ok" in odd ? odd.ok : { errmsg: `says access_token=${token}`, ...odd };
    end(200, "application/json; encoding=utf-8", exactJson(body));
  }

  const server = createServer((request, response) => {
    onRequest(request, response).catch(() => response.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const api: WechatApi = {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    calls,
    at: (path) => calls.filter((call) => call.path === path),
    next: (path, ...odd) => void queued.set(path, [...(queued.get(path) ?? []), ...odd]),
    always: (path, odd) => void (odd ? standing.set(path, odd) : standing.delete(path)),
    endToken: (options = {}) => {
      good = false;
      stuck = options.stuck === true;
    },
    ...{
      tokenSeconds: 7200,
      tokensGiven: 0,
      massLeft: 1,
      drafts: new Map<string, Json>(),
      masses: new Map<string, string>(),
      templates: [],
      pictures: new Map<string, Buffer>(),
      became: new Map<string, string | number>(),
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
  return api;
}

/** The bytes of the part `media` of form data. */
function mediaIn(raw: Buffer): Buffer | undefined {
  const boundary = raw.subarray(0, raw.indexOf("\r\n"));
  const head = raw.indexOf("\r\n\r\n");
  const end = raw.indexOf(Buffer.concat([Buffer.from("\r\n"), boundary, Buffer.from("--\r\n")]));
  const named = /name="media"; filename="[^"]+"/.test(raw.subarray(0, head).toString("latin1"));
  return named && head > 0 && end > head ? raw.subarray(head + 4, end) : undefined;
}

/** `cut` and `reset` happen after the platform did what it was asked. */
function broken(
  fault: string,
  call: ApiCall,
  response: ServerResponse,
  end: (status: number, type: string, body: string) => void,
  usual: (call: ApiCall) => Json,
) {
  if (fault === "hang") return;
  if (fault === "html") return end(200, "text/html", "<html><body>errcode: 0, system busy</body></html>");
  if (fault === "gateway") return end(502, "text/html", "<html>502 Bad Gateway</html>");
  if (fault === "empty") return end(200, "application/json", "");
  if (fault === "text") return end(200, "application/json", '{"errcode":"0","access_token":7}');
  if (fault === "huge") return end(200, "application/json", `{"errcode":0,"x":"${"y".repeat(200_000)}"}`);
  const body = exactJson(usual(call));
  if (fault === "reset") response.socket?.resetAndDestroy();
  else end(200, "application/json", body.slice(0, body.length / 2));
}
