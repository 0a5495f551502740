import { keys } from "#src/platform/keys.ts";
import type { Table } from "#src/platform/table.ts";
import type { Channel } from "./channel.ts";
import type { ChannelSetup } from "./channel-settings.ts";
import { paceRules, pausedHash } from "./pace.ts";
import { type Because, isPaused, PaceState } from "./pace-rules.ts";

export type ChannelPause = { because: Because; until: string };

/** A channel with one account for all answers it for any address; the Official Account has a second one for replies. */
const ANYBODY = ["", "openid:"];

/**
 * Whether a vendor stopped the operator's own account of a channel, or that of its canary, and the longest such stop. The
 * credentials of single receivers (a group's robot) are theirs and not looked at.
 */
export async function channelPause(
  deps: { table: Table; now: () => Date },
  channel: Channel,
  setup: ChannelSetup | undefined,
): Promise<ChannelPause | undefined> {
  if (!channel.credential) return undefined;
  const addresses = setup?.canary === undefined ? ANYBODY : [...ANYBODY, setup.canary];
  const hashes = new Set(addresses.map((address) => pausedHash(channel, address)));
  const items = await deps.table.getMany([...hashes].map((hash) => keys.pace(channel.name, hash)));
  const rules = await paceRules(async () => setup, channel, "", channel.account ? "account" : "credential");
  const pauses = items.flatMap((item) => {
    const pause = item && isPaused(PaceState().parse(item), rules, deps.now().getTime());
    return pause ? [pause] : [];
  });
  const [longest] = pauses.sort((a, b) => b.until - a.until);
  return longest && { because: longest.because, until: new Date(longest.until).toISOString() };
}
