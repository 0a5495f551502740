import type { Table } from "#src/platform/table.ts";
import type { Language } from "#src/text.ts";
import { subscriptionsOf } from "./store.ts";
import type { Fallback, Frequency, QuietHours } from "./subscription.ts";

/** Where and how an endpoint is reached. */
export type Reach = {
  address: string;
  language: Language;
  secrets: string[];
  frequency: Frequency;
  quietHours?: QuietHours;
  /** Only where every subscription of it stands in for another endpoint. */
  after?: Fallback;
};

const SOONEST: Record<Frequency, number> = { now: 0, daily: 1, weekly: 2 };

/** Several subscriptions of one endpoint: the soonest decides when, all their secrets sign. */
export function sooner(known: Reach | undefined, next: Reach): Reach {
  const secrets = known ? [...new Set([...known.secrets, ...next.secrets])] : next.secrets;
  const wait = known ? waitOf(next) - waitOf(known) : -1;
  const first = wait < 0 || (wait === 0 && !next.quietHours) ? next : (known ?? next);
  const { address, language, frequency, quietHours, after } = first;
  return {
    ...{ address, language, secrets, frequency },
    ...(quietHours ? { quietHours } : {}),
    ...(after ? { after } : {}),
  };
}

function waitOf({ frequency, after }: Reach): number {
  return after ? after.minutes / 1440 : SOONEST[frequency];
}

/** How an endpoint is reached by now, read from its confirmed subscriptions; undefined when it has none. */
export async function combinedReach(
  table: Table,
  endpoint: string,
): Promise<{ channel: string; reach: Reach } | undefined> {
  let channel = "";
  let reach: Reach | undefined;
  for (const subscription of await subscriptionsOf(table, endpoint)) {
    if (subscription.status !== "confirmed") continue;
    channel = subscription.channel;
    reach = sooner(reach, subscription);
  }
  return reach && { channel, reach };
}
