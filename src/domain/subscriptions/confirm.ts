import { timingSafeEqual } from "node:crypto";
import { sha256 } from "#src/ids.ts";
import { keys } from "#src/platform/keys.ts";
import type { Table, Write } from "#src/platform/table.ts";
import type { AddressedChannels } from "./channel.ts";
import { stopWrites } from "./end-endpoint.ts";
import { endpointKey, keysOf } from "./endpoint.ts";
import { entryItems, fallbackItems, presenceItems } from "./entry.ts";
import { moveFallbacks } from "./move-fallbacks.ts";
import { secretWordWrite } from "./secret-feed.ts";
import { parseSubscription, pointerItem, subscriptionItem, subscriptionsOf } from "./store.ts";
import type { Subscription } from "./subscription.ts";

/** `channels`: where an endpoint may have a secret of its own, so that what another one has stopped goes on with it. */
export type ConfirmDeps = { table: Table; now: () => Date; channels?: AddressedChannels };

const MOST_WRONG_CODES = 5;

/** Turns a pending subscription on; false when it expired, ended or changed meanwhile. */
export async function confirm(deps: ConfirmDeps, pending: Subscription): Promise<boolean> {
  if (pending.status !== "pending") return false;
  const { challengeHash, movedFrom, wrongCodes: _w, endedAt: _a, endedBecause: _b, answeredHash: _, ...kept } = pending;
  const confirmed: Subscription = {
    ...kept,
    status: "confirmed",
    confirmedAt: deps.now().toISOString(),
    ...(challengeHash === undefined ? {} : { answeredHash: challengeHash }),
    version: pending.version + 1,
  };
  if (movedFrom !== undefined) await moveFallbacks(deps, movedFrom, confirmed.endpoint);
  // A shard named as present may be empty, never the other way round: so these go first.
  await deps.table.putAll(presenceItems(confirmed));
  const written = await deps.table.write([
    { put: subscriptionItem(confirmed), if: { version: pending.version } },
    ...confirmedRows(confirmed),
    ...(await renewedWrites(deps, confirmed)),
    ...(hasOwnSecret(deps, confirmed) ? [secretWordWrite(confirmed, deps.now())] : []),
  ]);
  return written.ok;
}

function hasOwnSecret({ channels = {} }: ConfirmDeps, { channel, secrets }: Subscription): boolean {
  return secrets.length > 0 && Object.hasOwn(channels, channel) && channels[channel]?.secret !== undefined;
}

/** Whoever asks again for what it has on a lease gets a new one instead (WebSub 5.1). */
async function renewedWrites(deps: ConfirmDeps, confirmed: Subscription): Promise<Write[]> {
  if (confirmed.leaseUntil === undefined) return [];
  const older = (await subscriptionsOf(deps.table, confirmed.endpoint)).filter(
    ({ id, status }) => id !== confirmed.id && status === "confirmed",
  );
  return older.flatMap((one) => stopWrites(one, "ended", "renewed", deps.now()));
}

/** Everything that hangs on a subscription that its endpoint has confirmed, its own item left out. */
export function confirmedRows(confirmed: Subscription): Write[] {
  const known = new Set([confirmed.endpoint, ...keysOf(confirmed.channel, confirmed.address)]);
  return [...activeRows(confirmed), ...[...known].map((one): Write => ({ remove: keys.suppression(one) }))];
}

/** The same where it was not the endpoint that said yes: what is remembered of its wishes stays. */
export function activeRows(confirmed: Subscription): Write[] {
  return [
    { put: pointerItem(confirmed) },
    { remove: keys.ended(confirmed.endpoint) },
    { remove: keys.switchedOff(confirmed.endpoint, confirmed.id) },
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

/** Counts a guess against the challenge that it was made at; too many void it. Guesses made at once are all counted. */
export async function countWrongCode(deps: ConfirmDeps, pending: Subscription): Promise<void> {
  for (let tries = 0; tries < 10; tries++) {
    const item = await deps.table.get(keys.subscription(pending.id));
    const current = item && parseSubscription(item);
    if (!item || current?.status !== "pending" || current.challengeHash !== pending.challengeHash) return;
    const wrongCodes = (current.wrongCodes ?? 0) + 1;
    const { challengeHash, feed: _f, ...kept } = item;
    const put =
      wrongCodes < MOST_WRONG_CODES && challengeHash !== undefined
        ? { ...kept, challengeHash, wrongCodes }
        : { ...kept, wrongCodes };
    const version = current.version + 1;
    if ((await deps.table.write([{ put: { ...put, version }, if: { version: current.version } }])).ok) return;
  }
}
