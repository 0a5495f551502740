import { AppError, type InputError } from "#src/errors.ts";
import type { Commit, Key, Table, Write } from "#src/platform/table.ts";
import { type AddressedChannels, channelOf, checkedEndpoint, checkedSecrets, invalid } from "./channel.ts";
import { confirmedRows } from "./confirm.ts";
import { endedWrite } from "./end-endpoint.ts";
import { entryKeys, presenceItems } from "./entry.ts";
import { changedFallback, notForAFallback } from "./fallback.ts";
import { SUBSCRIPTION_FEED } from "./feed.ts";
import { knownEndpoint } from "./known-endpoint.ts";
import type { SubscriptionChange } from "./new-subscription.ts";
import { secretWordWrite } from "./secret-feed.ts";
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
  const own = Object.hasOwn(deps.channels, known.channel) ? deps.channels[known.channel] : undefined;
  if (own?.fixedWishes) throw invalid(Object.keys(change).map(fixed));
  const changed = await changedSubscription(deps, known, change);
  if (changed.after && changed.frequency !== "now") throw notForAFallback();
  const moved = changed.endpoint !== known.endpoint;
  const asks = moved || known.status === "switched-off";
  if (asks) {
    changed.status = "pending";
    delete changed.challengeHash;
  }
  if (moved && (await isLast(deps, known))) changed.movedFrom = known.endpoint;
  if (changed.movedFrom === changed.endpoint) delete changed.movedFrom;
  if (changed.status === "confirmed") await deps.table.putAll(presenceItems(changed));
  const named = own?.secret !== undefined && change.endpoint !== undefined && !asks;
  const writes = [
    { put: stored(changed, asks || (named && changed.status === "pending"), deps.now()), if: { version } },
    ...(await leftBehind(deps, known, changed, moved)),
    ...rowsOf(changed, deps.now()),
    // What the old secret has stopped goes on, also where somebody only says that it is right now; who has not confirmed is only asked anew.
    ...(named && changed.status === "confirmed" ? [secretWordWrite(changed, deps.now())] : []),
  ];
  const commit = deps.commit ?? ((all) => deps.table.write(all));
  const written = await commit(writes, changed);
  if (written.ok) return changed;
  throw new AppError("stale", "VERSION", {
    zh: "订阅已被他人修改，请重新读取",
    en: "the subscription has changed; read it again",
  });
}

function fixed(name: string): InputError {
  const detail = {
    zh: "该订阅由订阅方在 /websub 约定，只能取消",
    en: "the subscriber agrees on this subscription at /websub; it can only be ended here",
  };
  return { pointer: `/${name}`, code: "AT_THE_HUB", detail };
}

async function changedSubscription(
  deps: ChangeDeps,
  known: Subscription,
  change: SubscriptionChange,
): Promise<Subscription> {
  const { endpoint = {}, quietHours, fallbackFor: _, afterMinutes: _a, ...wishes } = change;
  const channel = endpoint.channel ?? known.channel;
  const { address, secrets } = await changedEndpoint(deps, known, endpoint);
  const { quietHours: before, after: _b, ...kept } = known;
  const quiet = quietHours === undefined ? before : quietHours;
  const stays = channel === known.channel && address === known.address;
  const key = stays ? known.endpoint : await knownEndpoint(deps.table, channel, address);
  const after = await changedFallback(deps, { ...known, endpoint: key }, change);
  return {
    ...kept,
    ...wishes,
    ...(quiet ? { quietHours: quiet } : {}),
    ...(after ? { after } : {}),
    channel,
    address,
    endpoint: key,
    secrets,
    version: known.version + 1,
  };
}

/**
 * Where a channel has secrets of its own they belong to the address: another one comes with its own or with none. Signing
 * secrets are the subscriber's and move along; who moves here without one would get pushes that nobody can check.
 */
async function changedEndpoint(
  deps: ChangeDeps,
  known: Subscription,
  { channel: name = known.channel, ...change }: NonNullable<SubscriptionChange["endpoint"]>,
): Promise<{ address: string; secrets: string[] }> {
  const { secret } = change;
  const moves = name !== known.channel || change.address !== undefined;
  if (!moves && secret === undefined) return known;
  const channel = channelOf(deps.channels, name);
  const { address, secrets } = moves
    ? await checkedEndpoint(deps.channels, { channel: name, address: change.address ?? known.address, secret })
    : { address: known.address, secrets: checkedSecrets(channel, secret) };
  if (channel.secret) return { address, secrets };
  const before = channelOf(deps.channels, known.channel).secret ? [] : known.secrets;
  if (secret !== undefined) return { address, secrets: rotated(before, secrets[0] ?? "") };
  if (before.length > 0) return { address, secrets: before };
  const detail = { zh: "改用该渠道须同时给出密钥", en: "name a secret when you move to this channel" };
  throw invalid([{ pointer: "/endpoint/secret", code: "SECRET_REQUIRED", detail }]);
}

/** Both secrets sign from a new one on, until that one is named again. */
function rotated([newest]: string[], secret: string): string[] {
  return newest === undefined || secret === newest ? [secret] : [secret, newest];
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
    if (await isLast(deps, known)) writes.push(endedWrite(known.endpoint, "unsubscribed", deps.now()));
  }
  return writes;
}

/** Whether no other confirmed subscription holds this one's endpoint. */
export async function isLast(deps: { table: Table }, known: Subscription): Promise<boolean> {
  if (known.status !== "confirmed") return false;
  const all = await subscriptionsOf(deps.table, known.endpoint);
  return !all.some(({ id, status }) => id !== known.id && status === "confirmed");
}
