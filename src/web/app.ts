import type { Readable } from "node:stream";
import { type Context, Hono } from "hono";
import type { Config } from "#src/config.ts";
import type { Channel, ChannelName } from "#src/domain/deliveries/channel.ts";
import type { SettingsReader } from "#src/domain/deliveries/channel-settings.ts";
import type { ReceiptNote } from "#src/domain/deliveries/mail-notice.ts";
import type { ServiceStatus } from "#src/domain/deliveries/service-status.ts";
import { AppError } from "#src/errors.ts";
import type { NewId } from "#src/ids.ts";
import type { Log } from "#src/log.ts";
import type { Bucket } from "#src/platform/bucket.ts";
import type { Queue, QueueName } from "#src/platform/queue.ts";
import type { Table } from "#src/platform/table.ts";
import { type Language, preferredLanguage } from "#src/text.ts";
import type { ApiDoor, RoutesOf } from "./api/door.ts";
import { API, apiRoutes } from "./api/routes.ts";
import { apiHeaders, secured } from "./headers.ts";
import type { Policy, PolicyName } from "./limits.ts";
import { faultProblem, problemHeaders, problemOf, problemResponse, unknownPlace } from "./problem.ts";

type Channels = Record<ChannelName, Channel>;

export type WebDeps = {
  table: Table;
  bucket: Bucket;
  queue: (name: QueueName) => Queue;
  now: () => Date;
  newId: NewId;
  log: Log;
  config: Config;
  version: string;
  channels: Channels;
  settings: SettingsReader;
  /** How the channels did lately; counted at most every few seconds, however many ask. */
  status: () => Promise<ServiceStatus>;
  /** 32 bytes, the instance's own key: cursors, kept answers, links. */
  secret: Uint8Array;
  objectDoor?: (request: Request) => Promise<Response | undefined>;
  /** The address of whoever calls: the connection's own, or what a trusted proxy says; never what anybody else's header claims. */
  remoteAddress?: (c: Context) => string | undefined;
  /** The message as the connection brings it, where there is one: its body is then read without a copy. */
  connection?: (c: Context) => Readable | undefined;
  /** Whether an answer can be written bit by bit; a function behind a gateway answers whole. */
  streams?: boolean;
  /** Takes the word of a provider about a message that it had accepted. */
  receipt?: ReceiptNote;
  /** Opens an address once, under the guard of all outgoing requests; whether it answered 2xx. */
  visit?: (url: string) => Promise<boolean>;
  /** Answers what somebody wrote in a chat: the text to send back, or undefined for nothing. */
  answer?: (said: Said) => Promise<string | undefined>;
  /** Limits other than `POLICIES`. */
  policies?: Partial<Record<PolicyName, Policy>>;
};

/** The same, the channels loaded by the first call that needs them. */
export type DoorDeps = Omit<WebDeps, "channels"> & { channels: () => Promise<Channels> };

/** `address`: where it was said, in the channel's own form. `mayManage`: its word decides about its own subscriptions. */
export type Said = { channel: ChannelName; address: string; text: string; mayManage: boolean };

export type App = { fetch(request: Request, ...rest: unknown[]): Response | Promise<Response> };

const HEALTH = "/healthz";
const WECHAT = "/wechat/";

/** All doors of the product as one function from request to response. What is behind a door is loaded by its first request. */
export function createApp(deps: DoorDeps, routesOf: RoutesOf = apiRoutes): App {
  const https = deps.config.baseUrl.startsWith("https:");
  const base = apiHeaders(https);
  const refused = (c: Context, error: unknown, headers: Record<string, string> = {}) =>
    refuse(deps, c.req.raw, error, { ...base, ...headers });
  let api: Promise<ApiDoor> | undefined;
  let apiAt: ApiDoor | undefined;
  let site: Promise<Hono> | undefined;
  let wechat: Promise<Hono> | undefined;
  const health = refusing(new Hono().get(HEALTH, (c) => c.json({ status: "ok", version: deps.version })));

  function refusing(app: Hono): Hono {
    app.notFound((c) => refused(c, nothingHere(app, c), allowOf(app, c)));
    app.onError((error, c) => refused(c, error));
    return app;
  }

  async function loadApi(): Promise<ApiDoor> {
    const { apiDoor } = await import("./api/door.ts");
    apiAt = apiDoor(deps, { headers: base, refuse: refused, refusing, routesOf });
    return apiAt;
  }

  /** Once it is loaded a call goes straight through: every promise on the way costs each call. */
  function calledAt(path: string): Hono | Promise<Hono> {
    if (apiAt) return apiAt(path);
    api ??= loadApi();
    return api.then((at) => at(path));
  }

  function siteAt(path: string): Hono | Promise<Hono> {
    if (path.startsWith(HEALTH)) return health;
    if (path.startsWith(WECHAT)) {
      // On its own: the platform waits five seconds, also for a process that has just begun.
      wechat ??= import("./wechat/door.ts").then(({ wechatDoor }) => refusing(wechatDoor(deps)));
      return wechat;
    }
    site ??= siteOf(deps, routesOf).then(refusing);
    return site;
  }

  async function anywhere(request: Request, path: string, rest: []): Promise<Response> {
    const object = await deps.objectDoor?.(request);
    return secured(object ?? (await (await siteAt(path)).fetch(request, ...rest)), https);
  }

  return {
    fetch(request, ...rest) {
      const path = request.url.slice(request.url.indexOf("/", 8));
      if (!path.startsWith(`${API}/`)) return anywhere(request, path, rest as []);
      const app = calledAt(path);
      return app instanceof Promise
        ? app.then((loaded) => loaded.fetch(request, ...(rest as [])))
        : app.fetch(request, ...(rest as []));
    },
  };
}

async function siteOf(deps: DoorDeps, routesOf: RoutesOf): Promise<Hono> {
  const { version, config } = deps;
  const [{ apiDocs }, { documentOf }, { feeds }, { mailDoor }, { pages }] = await Promise.all([
    import("./api/docs.ts"),
    import("./api/document.ts"),
    import("./feeds/feeds.ts"),
    import("./mail/door.ts"),
    import("./pages/pages.ts"),
  ]);
  // Only described here, never called.
  const routes = { ...deps, channels: async () => ({}) as Channels, forgetToken: () => {} };
  const document = async () => documentOf(await routesOf(routes), { version, server: config.baseUrl });
  return new Hono()
    .route("/", apiDocs(document))
    .route("/", feeds(deps))
    .route("/", mailDoor(deps))
    .route("/", pages(deps));
}

const METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"];

function methodsAt(app: Hono, c: Context): string[] {
  const found = METHODS.filter((method) =>
    app.router.match(method, c.req.path)[0].some(([[, { method: registered }]]) => registered !== "ALL"),
  );
  return found.includes("GET") ? ["HEAD", ...found] : found;
}

function allowOf(app: Hono, c: Context): Record<string, string> {
  const methods = methodsAt(app, c);
  return methods.length > 0 ? { allow: methods.join(", ") } : {};
}

function nothingHere(app: Hono, c: Context): AppError {
  return methodsAt(app, c).length > 0
    ? new AppError("method", "METHOD", { zh: "此地址不支持该方法", en: "this address does not take that method" })
    : unknownPlace();
}

/** Whether a refusal is read by a person: the client asks for HTML, and not of the API. */
function wantsPage(request: Request): boolean {
  const accept = request.headers.get("accept") ?? "";
  return accept.includes("text/html") && !new URL(request.url).pathname.startsWith("/api/");
}

/** Every refusal as a problem document; what nobody expected is logged under a request id, and answered plainly. */
async function refuse(
  deps: DoorDeps,
  request: Request,
  error: unknown,
  headers: Record<string, string>,
): Promise<Response> {
  const language: Language = preferredLanguage(request.headers.get("accept-language") ?? undefined);
  const page = wantsPage(request) ? (await import("./pages/refusal.ts")).refusalPage : undefined;
  if (error instanceof AppError && page) return page(deps, request, { error, headers });
  if (error instanceof AppError)
    return problemResponse(problemOf(error, language), language, { ...headers, ...problemHeaders(error) });
  const id = deps.newId("req");
  const { name, message, stack } = error instanceof Error ? error : new Error(String(error));
  deps.log.error("http.fault", { id, method: request.method, name, message, stack: stack?.slice(0, 2000) });
  if (page) return page(deps, request, { requestId: id, headers });
  return problemResponse(faultProblem(id, language), language, headers);
}
