import { type Context, Hono } from "hono";
import type { Config } from "#src/config.ts";
import type { Channel, ChannelName } from "#src/domain/deliveries/channel.ts";
import { AppError } from "#src/errors.ts";
import type { NewId } from "#src/ids.ts";
import type { Log } from "#src/log.ts";
import type { Bucket } from "#src/platform/bucket.ts";
import type { Queue, QueueName } from "#src/platform/queue.ts";
import type { Table } from "#src/platform/table.ts";
import { type Language, preferredLanguage } from "#src/text.ts";
import type { ApiDeps } from "./api/deps.ts";
import { apiDocs } from "./api/docs.ts";
import { documentOf } from "./api/document.ts";
import { handlerOf } from "./api/handle.ts";
import { type Route, unknownPlace } from "./api/route.ts";
import { apiRoutes } from "./api/routes.ts";
import { bearers } from "./auth.ts";
import { feeds } from "./feeds/feeds.ts";
import { apiHeaders, secured } from "./headers.ts";
import { limiter, type Policy, type PolicyName } from "./limits.ts";
import { pages } from "./pages/pages.ts";
import { refusalPage, wantsPage } from "./pages/refusal.ts";
import { faultProblem, problemHeaders, problemOf, problemResponse } from "./problem.ts";

export type WebDeps = {
  table: Table;
  bucket: Bucket;
  queue: (name: QueueName) => Queue;
  now: () => Date;
  newId: NewId;
  log: Log;
  config: Config;
  version: string;
  channels: Record<ChannelName, Channel>;
  /** 32 bytes, the instance's own key: cursors, kept answers, links. */
  secret: Uint8Array;
  objectDoor?: (request: Request) => Promise<Response | undefined>;
  /** The address the connection itself comes from; never one that a header claims. */
  remoteAddress?: (c: Context) => string | undefined;
  /** Limits other than `POLICIES`. */
  policies?: Partial<Record<PolicyName, Policy>>;
};

export type App = { fetch(request: Request, ...rest: unknown[]): Response | Promise<Response> };

const API = "/api/v1";

/** All doors of the product as one function from request to response. */
export function createApp(deps: WebDeps, routesOf: (deps: ApiDeps) => Route[] = apiRoutes): App {
  const https = deps.config.baseUrl.startsWith("https:");
  const base = apiHeaders(https);
  const door = {
    deps,
    bearers: bearers(deps),
    limiter: limiter(deps),
    headers: base,
    refuse: (c: Context, error: unknown, headers: Record<string, string> = {}) =>
      refuse(deps, c.req.raw, error, { ...base, ...headers }),
  };
  const api = new Hono();
  const routes = routesOf({ ...deps, forgetToken: door.bearers.forget });
  for (const route of routes) {
    const path = `${API}${route.spec.path.replace(/\{(\w+)\}/g, ":$1")}`;
    api.on(route.spec.method.toUpperCase(), path, handlerOf(door, route));
  }
  const site = siteOf(deps, routes);
  for (const app of [api, site]) {
    app.notFound((c) => door.refuse(c, nothingHere(app, c), allowOf(app, c)));
    app.onError((error, c) => door.refuse(c, error));
  }

  async function anywhere(request: Request, rest: unknown[]): Promise<Response> {
    const object = await deps.objectDoor?.(request);
    return secured(object ?? (await site.fetch(request, ...(rest as []))), https);
  }

  return {
    fetch(request, ...rest) {
      const path = request.url.indexOf("/", 8);
      return request.url.startsWith(`${API}/`, path) ? api.fetch(request, ...(rest as [])) : anywhere(request, rest);
    },
  };
}

function siteOf(deps: WebDeps, routes: Route[]): Hono {
  const { version, config } = deps;
  return new Hono()
    .get("/healthz", (c) => c.json({ status: "ok", version }))
    .route(
      "/",
      apiDocs(() => documentOf(routes, { version, server: config.baseUrl })),
    )
    .route("/", feeds(deps))
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

/** Every refusal as a problem document; what nobody expected is logged under a request id, and answered plainly. */
function refuse(deps: WebDeps, request: Request, error: unknown, headers: Record<string, string>): Response {
  const language: Language = preferredLanguage(request.headers.get("accept-language") ?? undefined);
  const asPage = wantsPage(request);
  if (error instanceof AppError && asPage) return refusalPage(deps, request, { error, headers });
  if (error instanceof AppError)
    return problemResponse(problemOf(error, language), language, { ...headers, ...problemHeaders(error) });
  const id = deps.newId("req");
  const { name, message, stack } = error instanceof Error ? error : new Error(String(error));
  deps.log.error("http.fault", { id, method: request.method, name, message, stack: stack?.slice(0, 2000) });
  if (asPage) return refusalPage(deps, request, { requestId: id, headers });
  return problemResponse(faultProblem(id, language), language, headers);
}
