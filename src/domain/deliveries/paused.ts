import { z } from "zod";
import { keys } from "#src/platform/keys.ts";
import type { Table, Write } from "#src/platform/table.ts";
import type { Channel } from "./channel.ts";
import type { ChannelSetup } from "./channel-settings.ts";
import type { PaceState } from "./pace-book.ts";
import { pausedHash } from "./paced-by.ts";

const Paused = z.object({
  sk: z.string(),
  until: z.number(),
  because: z.enum(["rate", "quota", "configuration"]),
  since: z.number(),
  setup: z.number(),
});
type Paused = z.infer<typeof Paused>;

/** What a vendor has stopped on a channel, by reason: nobody learns here which credential it was. */
export type PausedCredentials = { because: Paused["because"]; credentials: number; since: string; until: string };

/** That a vendor has stopped the operator's own account. */
export type ChannelPause = { because: Paused["because"]; until: string };

const KEPT_SECONDS = 7 * 86_400;
const MOST_READ = 1000;

export function pausedWrite(channel: string, hash: string, pause: NonNullable<PaceState["pause"]>): Write {
  const { until, because, since, setup } = pause;
  const expiresAt = Math.ceil(until / 1000) + KEPT_SECONDS;
  return { put: { ...keys.pausedPace(channel, hash), until, because, since, setup, expiresAt } };
}

/** All credentials of a channel that are stopped now, together by reason. */
export async function pausedCredentials(
  deps: { table: Table; now: () => Date },
  channel: Channel,
  setup: ChannelSetup | undefined,
): Promise<PausedCredentials[]> {
  const holding = await pausesNow(deps, channel, setup);
  return [...Map.groupBy(holding, ({ because }) => because)].map(([because, some]) => ({
    because,
    credentials: some.length,
    since: new Date(Math.min(...some.map(({ since }) => since))).toISOString(),
    until: new Date(Math.max(...some.map(({ until }) => until))).toISOString(),
  }));
}

/** A channel with one account for all answers it for any address; the Official Account has a second one for replies. */
const ANYBODY = ["", "openid:"];

/**
 * The longest stop of the operator's own account, or of its canary's; the credentials of single receivers (a group's robot) are
 * theirs and not looked at.
 */
export async function channelPause(
  deps: { table: Table; now: () => Date },
  channel: Channel,
  setup: ChannelSetup | undefined,
): Promise<ChannelPause | undefined> {
  if (!channel.credential) return undefined;
  const addresses = setup?.canary === undefined ? ANYBODY : [...ANYBODY, setup.canary];
  const own = new Set(addresses.map((address) => keys.pausedPace(channel.name, pausedHash(channel, address)).sk));
  const holding = (await pausesNow(deps, channel, setup)).filter(({ sk }) => own.has(sk));
  const longest = holding.toSorted((a, b) => a.until - b.until).at(-1);
  return longest && { because: longest.because, until: new Date(longest.until).toISOString() };
}

/**
 * One for its configuration holds until a push went well or the settings changed: `until` is then the moment of the next
 * trial, which may be now.
 */
async function pausesNow(
  { table, now }: { table: Table; now: () => Date },
  channel: Channel,
  setup: ChannelSetup | undefined,
): Promise<Paused[]> {
  const at = now().getTime();
  const { items } = await table.query({ pk: keys.pausedPace(channel.name, "").pk, limit: MOST_READ });
  return items
    .map((item) => Paused.parse(item))
    .filter(({ because, until, setup: then }) =>
      because === "configuration" ? then === (setup?.version ?? 0) : until > at,
    )
    .map((one) => ({ ...one, until: Math.max(one.until, at) }));
}
