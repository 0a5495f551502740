import { keys } from "#src/platform/keys.ts";
import { type EndDeps, endEndpoint } from "./end-endpoint.ts";
import type { EndpointMark } from "./store.ts";

type Failing = Extract<EndpointMark, { state: "failing" }>;

const FAILING = 1;
const HOUR = 3_600_000;
const KEPT_SECONDS = 30 * 86_400;

/**
 * What one more failure means. The clock runs once two failures lie 12 to 24 hours apart, with no good answer between;
 * five days after the first of them the endpoint is switched off (the rule of Svix's senders).
 */
export function afterFailure(known: Failing | undefined, now: Date): Failing | "unchanged" | "switch-off" {
  const fresh: Failing = { state: "failing", since: now.toISOString(), lasting: false };
  if (!known) return fresh;
  const hours = (now.getTime() - Date.parse(known.since)) / HOUR;
  if (known.lasting) return hours >= 120 ? "switch-off" : "unchanged";
  if (hours > 24) return fresh;
  return hours >= 12 ? { ...known, lasting: true } : "unchanged";
}

/** For an attempt that failed `now`, which may be a while ago. Answers whether the endpoint was switched off by it. */
export async function noteFailure(
  deps: EndDeps,
  endpoint: string,
  known: Failing | undefined,
  now: Date,
): Promise<boolean> {
  const next = afterFailure(known, now);
  if (next === "unchanged") return false;
  if (next === "switch-off") {
    await endEndpoint(deps, endpoint, "failing", "switched-off");
    return true;
  }
  const expiresAt = Math.floor(now.getTime() / 1000) + KEPT_SECONDS;
  // An end that came in between stands: its row has another version.
  const condition = known ? { version: FAILING } : { absent: true as const };
  await deps.table.write([{ put: { ...keys.ended(endpoint), ...next, version: FAILING, expiresAt }, if: condition }]);
  return false;
}

export async function clearFailure(deps: EndDeps, endpoint: string): Promise<void> {
  await deps.table.write([{ remove: keys.ended(endpoint), if: { version: FAILING } }]);
}
