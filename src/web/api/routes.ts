import type { ApiDeps, PlainDeps } from "./deps.ts";
import type { Route } from "./route.ts";

export const API = "/api/v1";

type Made = (deps: PlainDeps) => Route[] | Promise<Route[]>;

/**
 * The calls below `/api/v1` by the first part of their path. A noun's routes, its schemas and its verbs are loaded when it is
 * called for the first time: nobody waits at the start for what nobody asks for.
 */
const ROOMS: { nouns: readonly string[]; load: () => Promise<Made> }[] = [
  { nouns: ["tokens"], load: async () => (await import("./tokens.ts")).tokenRoutes },
  { nouns: ["units"], load: async () => (await import("./units.ts")).unitRoutes },
  { nouns: ["columns"], load: async () => (await import("./columns.ts")).columnRoutes },
  { nouns: ["annual-reports"], load: async () => (await import("./annual-reports.ts")).annualReportRoutes },
  {
    nouns: ["announcements", "desk"],
    load: async () => withChannels((await import("./announcements.ts")).announcementRoutes),
  },
  { nouns: ["cases"], load: async () => (await import("./cases.ts")).caseRoutes },
  { nouns: ["cases"], load: async () => (await import("./case-desk.ts")).caseDeskRoutes },
  { nouns: ["events"], load: async () => (await import("./events.ts")).eventRoutes },
  { nouns: ["subscriptions"], load: async () => withChannels((await import("./subscriptions.ts")).subscriptionRoutes) },
  {
    nouns: ["announcements", "deliveries", "subscriptions"],
    load: async () => withChannels((await import("./redelivery.ts")).redeliveryRoutes),
  },
  { nouns: ["status"], load: async () => (await import("./status.ts")).statusRoutes },
  { nouns: ["push-key"], load: async () => (await import("./push-key.ts")).pushKeyRoutes },
  { nouns: ["channels"], load: async () => withChannels((await import("./channels.ts")).channelRoutes) },
  {
    nouns: ["announcements", "deliveries"],
    load: async () => withChannels((await import("./deliveries.ts")).deliveryRoutes),
  },
];

/** What a path below `/api/v1/` begins with. */
export function wordOf(path: string): string {
  return /^[a-z-]*/.exec(path)?.[0] ?? "";
}

/** Whether a call begins with it. */
export function isNoun(word: string): boolean {
  return ROOMS.some(({ nouns }) => nouns.includes(word));
}

/** The calls of one noun (and those beside them), or of all. */
export async function apiRoutes(deps: PlainDeps, noun?: string): Promise<Route[]> {
  const rooms = ROOMS.filter(({ nouns }) => noun === undefined || nouns.includes(noun));
  const makers = await Promise.all(rooms.map(({ load }) => load()));
  return (await Promise.all(makers.map((routes) => routes(deps)))).flat();
}

function withChannels(routes: (deps: ApiDeps) => Route[]): Made {
  return async (deps) => routes({ ...deps, channels: await deps.channels() });
}
