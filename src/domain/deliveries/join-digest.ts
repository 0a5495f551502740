import { shanghaiDate } from "#src/domain/calendar/dates.ts";
import type { Table } from "#src/platform/table.ts";
import { type DigestFrequency, type DigestName, digestAt, type ItemName } from "./digest.ts";
import { findRun, joinedItems, runItem } from "./digest-store.ts";
import { nextDigest } from "./hold.ts";

export type JoinDeps = { table: Table; now: () => Date };

export const UNCLAIMED = 1;

/**
 * Enters a revision into the digest that is next at `from`, or, when that one is on its way or its hour has passed, into
 * the one that is next from now on. Answers which it was. May run any number of times.
 */
export async function joinDigest(
  deps: JoinDeps,
  item: ItemName,
  frequency: DigestFrequency,
  from: Date,
): Promise<DigestName> {
  const { table } = deps;
  for (let at = nextDigest(frequency, from); ; ) {
    const name: DigestName = { frequency, date: shanghaiDate(at) };
    const run = await findRun(table, name);
    const now = deps.now();
    if (run?.claimedAt !== undefined || (!run && at <= now)) {
      at = nextDigest(frequency, at > now ? at : now);
      continue;
    }
    const [entered, pointer] = joinedItems(name, item);
    const { ok } = await table.write([
      run
        ? { check: { pk: entered.pk, sk: runItem(run).sk }, if: { version: UNCLAIMED } }
        : { put: runItem({ ...name, version: UNCLAIMED }), if: { absent: true } },
      { put: entered },
      { put: pointer },
    ]);
    if (ok) return name;
  }
}

/**
 * The same for the chunks of one process: a fan-out asks once per frequency and day. A run that somebody claims too early
 * all the same is noticed when the digest is settled.
 */
export function digestJoiner(deps: JoinDeps) {
  const joined = new Map<string, Promise<DigestName>>();
  return async (item: ItemName & { plannedAt: string }, frequency: DigestFrequency): Promise<DigestName> => {
    const key = `${item.announcementId}#${item.revision}#${frequency}`;
    const known = await joined.get(key);
    if (known && digestAt(known) > deps.now()) return known;
    const next = joinDigest(deps, item, frequency, new Date(item.plannedAt));
    joined.set(key, next);
    if (joined.size > MOST) joined.delete(joined.keys().next().value ?? "");
    next.catch(() => joined.delete(key));
    return next;
  };
}

const MOST = 64;
