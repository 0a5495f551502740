import { Hono } from "hono";
import type { WebDeps } from "#src/web/app.ts";
import { bearers } from "#src/web/auth.ts";
import { limiter } from "#src/web/limits.ts";
import type { ApiDeps } from "./deps.ts";
import { type Door, handlerOf } from "./handle.ts";
import type { Route } from "./route.ts";
import { API, nounOf } from "./routes.ts";

export type RoutesOf = (deps: ApiDeps, noun?: string) => Route[] | Promise<Route[]>;

/** Where a path of the API leads: each noun is an app of its own, made for the first call. */
export function apiDoor(
  deps: WebDeps,
  options: Pick<Door, "headers" | "refuse"> & { routesOf: RoutesOf; refusing: (app: Hono) => Hono },
): (path: string) => Promise<Hono> {
  const { routesOf, refusing, headers, refuse } = options;
  const door: Door = { deps, bearers: bearers(deps), limiter: limiter(deps), headers, refuse };
  const apps = new Map<string, Promise<Hono>>();

  async function appOf(noun: string): Promise<Hono> {
    const app = refusing(new Hono());
    for (const route of await routesOf({ ...deps, forgetToken: door.bearers.forget }, noun)) {
      const path = `${API}${route.spec.path.replace(/\{(\w+)\}/g, ":$1")}`;
      app.on(route.spec.method.toUpperCase(), path, handlerOf(door, route));
    }
    return app;
  }

  return (path) => {
    const noun = nounOf(path.slice(API.length + 1));
    const app = apps.get(noun) ?? appOf(noun);
    apps.set(noun, app);
    return app;
  };
}
