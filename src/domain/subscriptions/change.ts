import { AppError } from "#src/errors.ts";
import type { Commit, Key, Table, Write } from "#src/platform/table.ts";
import { type AddressedChannels, checkedAddress } from "./channel.ts";
import { confirmedRows } from "./confirm.ts";
import { endedWrite } from "./end-endpoint.ts";
import { endpointKey } from "./endpoint.ts";
import { entryKeys, presenceItems } from "./entry.ts";
import { SUBSCRIPTION_FEED } from "./feed.ts";
import { plainSecret, type SubscriptionChange } from "./new-subscription.ts";
import { pointerItem, subscriptionItem, subscriptionsOf } from "./store.ts";
import { PENDING_SECONDS, removedPointer } from "./subscribe.ts";
import type { Subscription } from "./subscription.ts";

export type ChangeDeps = {
  table: Table;
  channels: AddressedChannels;
  now: () => Date;
  commit?: Commit<Subscription>;
};

/** Changes what is wanted. Another address, and one that was switched off, must confirm again. */
export async function changeSubscription(
  deps: ChangeDeps,
  known: Subscription,
  version: number,
  change: SubscriptionChange,
): Promise<Subscription> {
  if (known.status === "ended")
    throw new AppError("conflict", "STATE", { zh: "订阅已结束", en: "the subscription has ended" });
  const changed = await changedSubscription(deps, known, change);
  const moved = changed.endpoint !== known.endpoint;
  const asks = moved || known.status === "switched-off";
  if (asks) {
    changed.status = "pending";
    delete changed.challengeHash;
  }
  if (changed.status === "confirmed") await deps.table.putAll(presenceItems(changed));
  const writes = [
    { put: stored(changed, asks, deps.now()), if: { version } },
    ...(await leftBehind(deps, known, changed, moved)),
    ...rowsOf(changed, deps.now()),
  ];
  const commit = deps.commit ?? ((all) => deps.table.write(all));
  const written = await commit(writes, changed);
  if (written.ok) return changed;
  throw new AppError("stale", "VERSION", {
    zh: "订阅已被他人修改，请重新读取",
    en: "the subscription has changed; read it again",
  });
}

async function changedSubscription(
  deps: ChangeDeps,
  known: Subscription,
  change: SubscriptionChange,
): Promise<Subscription> {
  const { endpoint = {}, quietHours, ...wishes } = change;
  const channel = endpoint.channel ?? known.channel;
  const same = endpoint.channel === undefined && endpoint.address === undefined;
  const address = same
    ? known.address
    : await checkedAddress(deps.channels, channel, endpoint.address ?? known.address);
  const secret = endpoint.secret === undefined ? undefined : plainSecret(endpoint.secret);
  const { quietHours: before, ...kept } = known;
  const quiet = quietHours === undefined ? before : quietHours;
  return {
    ...kept,
    ...wishes,
    ...(quiet ? { quietHours: quiet } : {}),
    channel,
    address,
    endpoint: endpointKey(channel, address),
    secrets: secret === undefined ? known.secrets : rotated(known.secrets, secret),
    version: known.version + 1,
  };
}

/** Both secrets sign from a new one on, until that one is named again. */
function rotated([newest = "", ..._older]: string[], secret: string): string[] {
  return secret === newest ? [secret] : [secret, newest];
}

function expiry(now: Date): number {
  return Math.floor(now.getTime() / 1000) + PENDING_SECONDS;
}

function stored(changed: Subscription, asks: boolean, now: Date) {
  return subscriptionItem(changed, {
    ...(asks ? { feed: SUBSCRIPTION_FEED } : {}),
    ...(changed.status === "pending" ? { expiresAt: expiry(now) } : {}),
  });
}

function rowsOf(changed: Subscription, now: Date): Write[] {
  return changed.status === "confirmed"
    ? confirmedRows(changed)
    : [{ put: pointerItem(changed, changed.status === "pending" ? expiry(now) : undefined) }];
}

/** Rows of the subscription as it was that the new ones do not replace. */
async function leftBehind(
  deps: ChangeDeps,
  known: Subscription,
  changed: Subscription,
  moved: boolean,
): Promise<Write[]> {
  const name = ({ pk, sk }: Key) => JSON.stringify([pk, sk]);
  const kept = new Set(changed.status === "confirmed" ? entryKeys(changed).map(name) : []);
  const writes: Write[] = entryKeys(known)
    .filter((key) => !kept.has(name(key)))
    .map((key) => ({ remove: key }));
  if (moved) {
    writes.push(removedPointer(known));
    if (await isLast(deps, known)) writes.push(endedWrite(known.endpoint, deps.now()));
  }
  return writes;
}

/** Whether no other confirmed subscription holds this one's endpoint. */
export async function isLast(deps: { table: Table }, known: Subscription): Promise<boolean> {
  if (known.status !== "confirmed") return false;
  const all = await subscriptionsOf(deps.table, known.endpoint);
  return !all.some(({ id, status }) => id !== known.id && status === "confirmed");
}
