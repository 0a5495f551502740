import { everSubscribed } from "#src/domain/subscriptions/store.ts";
import type { EndReason, Subscription } from "#src/domain/subscriptions/subscription.ts";
import type { Table } from "#src/platform/table.ts";
import { findFanout } from "./store.ts";

/** Why an endpoint is no member of a fan-out, the reason that comes nearest to being one first. */
export const ABSENCES = [
  "other topics",
  "confirmed later",
  "switched off",
  "ended",
  "not confirmed",
  "not subscribed",
] as const;
/** `reason`: why it ended. */
export type Absence = { because: (typeof ABSENCES)[number]; at?: string; reason?: EndReason };

/**
 * Why none of these endpoints is a member of the revision, by what is known of their subscriptions now; undefined while it
 * is not planned. `at`: when it was confirmed, asked for, or ended (RFC 3339).
 */
export async function whyAbsent(
  deps: { table: Table },
  { id, revision, endpoints }: { id: string; revision: number; endpoints: string[] },
): Promise<Absence | undefined> {
  const fanout = await findFanout(deps.table, id, revision);
  if (!fanout) return undefined;
  const known = (await Promise.all(endpoints.map((endpoint) => everSubscribed(deps.table, endpoint)))).flat();
  const told = known.map((one) => absenceOf(one, fanout.publishedAt ?? fanout.plannedAt));
  told.sort((a, b) => ABSENCES.indexOf(a.because) - ABSENCES.indexOf(b.because));
  return told[0] ?? { because: "not subscribed" };
}

function absenceOf(
  { status, requestedAt, confirmedAt, endedAt, endedBecause }: Subscription,
  publishedAt: string,
): Absence {
  if (status === "pending") return { because: "not confirmed", at: requestedAt };
  if (status === "switched-off") return { because: "switched off" };
  if (status === "ended")
    return {
      because: "ended",
      ...(endedAt === undefined ? {} : { at: endedAt }),
      ...(endedBecause === undefined ? {} : { reason: endedBecause }),
    };
  if (confirmedAt !== undefined && confirmedAt > publishedAt) return { because: "confirmed later", at: confirmedAt };
  return { because: "other topics" };
}
