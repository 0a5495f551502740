import { columnRoutes } from "./columns.ts";
import type { ApiDeps } from "./deps.ts";
import type { Route } from "./route.ts";
import { tokenRoutes } from "./tokens.ts";
import { unitRoutes } from "./units.ts";

/** Every call of `/api/v1`, a line per noun. */
export function apiRoutes(deps: ApiDeps): Route[] {
  return [tokenRoutes(deps), unitRoutes(deps), columnRoutes(deps)].flat();
}
