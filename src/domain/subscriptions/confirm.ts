import { timingSafeEqual } from "node:crypto";
import { sha256 } from "#src/ids.ts";
import { keys } from "#src/platform/keys.ts";
import type { Table, Write } from "#src/platform/table.ts";
import { endpointKey } from "./endpoint.ts";
import { entryItems, fallbackItems, presenceItems } from "./entry.ts";
import { pointerItem, subscriptionItem, subscriptionsOf } from "./store.ts";
import type { Subscription } from "./subscription.ts";

export type ConfirmDeps = { table: Table; now: () => Date };

const MOST_WRONG_CODES = 5;

/** Turns a pending subscription on; false when it expired, ended or changed meanwhile. */
export async function confirm(deps: ConfirmDeps, pending: Subscription): Promise<boolean> {
  if (pending.status !== "pending") return false;
  const { challengeHash: _h, wrongCodes: _w, endedAt: _a, endedBecause: _b, ...kept } = pending;
  const confirmed: Subscription = {
    ...kept,
    status: "confirmed",
    confirmedAt: deps.now().toISOString(),
    version: pending.version + 1,
  };
  // A shard named as present may be empty, never the other way round: so these go first.
  await deps.table.putAll(presenceItems(confirmed));
  const written = await deps.table.write([
    { put: subscriptionItem(confirmed), if: { version: pending.version } },
    ...confirmedRows(confirmed),
  ]);
  return written.ok;
}

/** Everything that hangs on a confirmed subscription, its own item left out. */
export function confirmedRows(confirmed: Subscription): Write[] {
  return [
    { put: pointerItem(confirmed) },
    { remove: keys.ended(confirmed.endpoint) },
    { remove: keys.suppression(confirmed.endpoint) },
    ...[...entryItems(confirmed), ...fallbackItems(confirmed)].map((item): Write => ({ put: item })),
  ];
}

/** A code that came back from the very room it was sent to. Answers what it confirmed; a guess is counted. */
export async function confirmByCode(
  deps: ConfirmDeps,
  reply: { channel: string; address: string; code: string },
): Promise<Subscription[]> {
  const hash = Buffer.from(sha256(reply.code.trim().toUpperCase()));
  const endpoint = endpointKey(reply.channel, reply.address);
  const open = (await subscriptionsOf(deps.table, endpoint)).filter(
    ({ status, challengeHash }) => status === "pending" && challengeHash !== undefined,
  );
  const confirmed: Subscription[] = [];
  for (const pending of open) {
    const right = timingSafeEqual(hash, Buffer.from(pending.challengeHash ?? ""));
    if (right && (await confirm(deps, pending))) confirmed.push(pending);
  }
  if (confirmed.length === 0) for (const pending of open) await countWrongCode(deps, pending);
  return confirmed;
}

async function countWrongCode(deps: ConfirmDeps, pending: Subscription): Promise<void> {
  const item = await deps.table.get(keys.subscription(pending.id));
  if (!item) return;
  const wrongCodes = (pending.wrongCodes ?? 0) + 1;
  const { challengeHash: _, feed: _f, ...kept } = item;
  const put =
    wrongCodes < MOST_WRONG_CODES
      ? { ...kept, challengeHash: pending.challengeHash, wrongCodes }
      : { ...kept, wrongCodes };
  await deps.table.write([{ put: { ...put, version: pending.version + 1 }, if: { version: pending.version } }]);
}
