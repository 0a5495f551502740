import { checkedSecrets } from "#src/domain/subscriptions/channel.ts";
import { activeRows } from "#src/domain/subscriptions/confirm.ts";
import { presenceItems } from "#src/domain/subscriptions/entry.ts";
import { knownEndpoint } from "#src/domain/subscriptions/known-endpoint.ts";
import { findSubscription, subscriptionItem } from "#src/domain/subscriptions/store.ts";
import type { Subscription } from "#src/domain/subscriptions/subscription.ts";
import { unsubscribe } from "#src/domain/subscriptions/unsubscribe.ts";
import { derivedId } from "#src/ids.ts";
import type { Table } from "#src/platform/table.ts";
import { CHANNELS, type Channel, type ChannelName } from "./channel.ts";
import { readSetup, type SettingsReader } from "./channel-settings.ts";
import { findMember } from "./find-member.ts";
import { type Fanout, findResult } from "./store.ts";
import { unpackTimings } from "./timing.ts";

type Deps = { table: Table; now: () => Date };

const idOf = (channel: ChannelName, address: string) => derivedId("sub", "canary", channel, address);

/**
 * The operator's own endpoint gets every public announcement from now on; the one before it no longer does. Neither is a reader's
 * wish: who once left that address has left it, and who did not may be entered there.
 */
export async function moveCanary(
  deps: Deps,
  { name: channel, ...rules }: Channel,
  { from, to, by }: { from: string | undefined; to: string | undefined; by: string },
): Promise<void> {
  if (from !== undefined && from !== to) {
    const before = await findSubscription(deps.table, idOf(channel, from));
    if (before) await unsubscribe(deps, before, "retired");
  }
  if (to === undefined) return;
  for (;;) {
    const known = await findSubscription(deps.table, idOf(channel, to));
    if (known?.status === "confirmed") return;
    const now = deps.now().toISOString();
    const canary: Subscription = {
      id: idOf(channel, to),
      channel,
      address: to,
      endpoint: known?.endpoint ?? (await knownEndpoint(deps.table, channel, to)),
      topics: ["all"],
      frequency: "now",
      language: "zh-CN",
      status: "confirmed",
      secrets: known?.secrets ?? checkedSecrets({ name: channel, ...rules }, undefined),
      requestedAt: now,
      confirmedAt: now,
      basis: "canary",
      importedBy: by,
      version: (known?.version ?? 0) + 1,
    };
    await deps.table.putAll(presenceItems(canary));
    const condition = known ? { version: known.version } : { absent: true as const };
    const writes = [{ put: subscriptionItem(canary), if: condition }, ...activeRows(canary)];
    if ((await deps.table.write(writes)).ok) return;
  }
}

/** The operator's own endpoints, one a channel at most. */
export async function canaryEndpoints(deps: {
  table: Table;
  channels: Partial<Record<ChannelName, Channel>>;
}): Promise<ReadonlySet<string>> {
  const names = CHANNELS.filter((name) => deps.channels[name] !== undefined);
  const setups = await Promise.all(names.map((name) => readSetup(deps.table, name)));
  const endpoints = names.map((name, i) => {
    const address = setups[i]?.canary;
    return address === undefined ? [] : knownEndpoint(deps.table, name, address);
  });
  return new Set((await Promise.all(endpoints)).flat());
}

/** How long after publication each channel's canary had the text, in milliseconds; null when it did not get it. */
export async function canaryTimes(
  deps: { table: Table; settings?: SettingsReader },
  fanout: Fanout,
): Promise<Record<string, number | null>> {
  const times: Record<string, number | null> = {};
  for (const channel of deps.settings ? CHANNELS : []) {
    const address = (await deps.settings?.(channel))?.canary;
    if (address === undefined) continue;
    const found = await findMember(deps.table, fanout, await knownEndpoint(deps.table, channel, address));
    if (!found) continue; // set after this was planned, or an internal text
    const result = await findResult(deps.table, found.ref);
    const timing = result && unpackTimings(result, result.letters.length)[found.member];
    const arrived = result && timing && "da".includes(result.letters.charAt(found.member));
    const since = Date.parse(fanout.publishedAt ?? fanout.plannedAt);
    times[channel] = arrived ? result.startedAt + timing.start + timing.took - since : null;
  }
  return times;
}
