import { z } from "zod";
import { keys } from "#src/platform/keys.ts";
import type { Table, Write } from "#src/platform/table.ts";
import type { ChannelName } from "./channel.ts";
import type { ChannelSetup } from "./channel-settings.ts";
import type { PaceState } from "./pace-rules.ts";

const Paused = z.object({
  until: z.number(),
  because: z.enum(["rate", "quota", "configuration"]),
  since: z.number(),
  setup: z.number(),
});
type Paused = z.infer<typeof Paused>;

/** What a vendor has stopped on a channel, by reason: nobody learns here which credential it was. */
export type PausedCredentials = { because: Paused["because"]; credentials: number; since: string; until: string };

const KEPT_SECONDS = 7 * 86_400;
const MOST_READ = 1000;

export function pausedWrite(channel: string, hash: string, pause: NonNullable<PaceState["pause"]>): Write {
  const { until, because, since, setup } = pause;
  const expiresAt = Math.ceil(until / 1000) + KEPT_SECONDS;
  return { put: { ...keys.pausedPace(channel, hash), until, because, since, setup, expiresAt } };
}

/**
 * The pauses of a channel that hold now. One for its configuration holds until a push went well or the settings changed:
 * `until` is then the moment of the next trial.
 */
export async function pausedCredentials(
  deps: { table: Table; now: () => Date },
  channel: ChannelName,
  setup: ChannelSetup | undefined,
): Promise<PausedCredentials[]> {
  const now = deps.now().getTime();
  const { items } = await deps.table.query({ pk: keys.pausedPace(channel, "").pk, limit: MOST_READ });
  const holding = items
    .map((item) => Paused.parse(item))
    .filter(({ because, until, setup: then }) =>
      because === "configuration" ? then === (setup?.version ?? 0) : until > now,
    );
  return [...Map.groupBy(holding, ({ because }) => because)].map(([because, some]) => ({
    because,
    credentials: some.length,
    since: new Date(Math.min(...some.map(({ since }) => since))).toISOString(),
    until: new Date(Math.max(...some.map(({ until }) => until))).toISOString(),
  }));
}
