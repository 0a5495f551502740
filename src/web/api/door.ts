import { Hono } from "hono";
import type { DoorDeps } from "#src/web/app.ts";
import { bearers } from "#src/web/auth.ts";
import { limiter } from "#src/web/limits.ts";
import type { PlainDeps } from "./deps.ts";
import { type Door, handlerOf } from "./handle.ts";
import type { Route } from "./route.ts";
import { API, isNoun, wordOf } from "./routes.ts";

export type RoutesOf = (deps: PlainDeps, noun?: string) => Route[] | Promise<Route[]>;

export type ApiDoor = (path: string) => Hono | Promise<Hono>;

/** Where a path of the API leads: each noun is an app of its own, made for the first call. */
export function apiDoor(
  deps: DoorDeps,
  options: Pick<Door, "headers" | "refuse"> & { routesOf: RoutesOf; refusing: (app: Hono) => Hono },
): ApiDoor {
  const { routesOf, refusing, headers, refuse } = options;
  const door: Door = { deps, bearers: bearers(deps), limiter: limiter(deps), headers, refuse };
  const apps = new Map<string, Hono | Promise<Hono>>();

  async function appOf(noun: string): Promise<Hono> {
    const app = refusing(new Hono());
    for (const route of await routesOf({ ...deps, forgetToken: door.bearers.forget }, noun)) {
      const path = `${API}${route.spec.path.replace(/\{(\w+)\}/g, ":$1")}`;
      app.on(route.spec.method.toUpperCase(), path, handlerOf(door, route));
    }
    apps.set(noun, app);
    return app;
  }

  return (path) => {
    const word = wordOf(path.slice(API.length + 1));
    const open = apps.get(word);
    if (open) return open;
    const noun = isNoun(word) ? word : "";
    const app = apps.get(noun) ?? appOf(noun);
    if (!apps.has(noun)) apps.set(noun, app);
    return app;
  };
}
