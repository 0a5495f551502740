import { announcementRoutes } from "./announcements.ts";
import { annualReportRoutes } from "./annual-reports.ts";
import { caseRoutes } from "./cases.ts";
import { columnRoutes } from "./columns.ts";
import { deliveryRoutes } from "./deliveries.ts";
import type { ApiDeps } from "./deps.ts";
import { eventRoutes } from "./events.ts";
import type { Route } from "./route.ts";
import { subscriptionRoutes } from "./subscriptions.ts";
import { tokenRoutes } from "./tokens.ts";
import { unitRoutes } from "./units.ts";

/** Every call of `/api/v1`, a line per noun. */
export function apiRoutes(deps: ApiDeps): Route[] {
  return [
    tokenRoutes(deps),
    unitRoutes(deps),
    columnRoutes(deps),
    annualReportRoutes(deps),
    announcementRoutes(deps),
    caseRoutes(deps),
    eventRoutes(deps),
    subscriptionRoutes(deps),
    deliveryRoutes(deps),
  ].flat();
}
