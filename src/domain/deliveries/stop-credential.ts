import { combinedReach } from "#src/domain/subscriptions/reach.ts";
import type { Table } from "#src/platform/table.ts";
import type { Channel, Pause } from "./channel.ts";
import { liftPause } from "./lift-pause.ts";
import type { MessageTarget } from "./message.ts";
import type { Pace, Stopped } from "./pace.ts";

type Deps = { table: Table; now: () => Date };
type Refused = { target: MessageTarget; endpoint: string; pause: Pause; setup: number };

/**
 * Stops a credential by the vendor's word, unless that was said to a secret which somebody has corrected since: then `target` has
 * the new one afterwards, nothing is stopped, and the answer is "older", as for settings that have changed. It is looked at before
 * and after the stop is written, and whoever corrects lifts it after the correction is: one of both sees the other.
 */
export async function stopCredential(
  deps: Deps,
  channel: Channel,
  pace: Pace,
  { target, endpoint, pause, setup }: Refused,
): Promise<Stopped | "older"> {
  const hasOwn = pause.because === "configuration" && channel.secret !== undefined;
  if (hasOwn && (await refreshed(deps, target, endpoint))) return "older";
  const stopped = await pace.pause(target.address, pause, setup);
  if (!hasOwn || stopped === "older" || !(await refreshed(deps, target, endpoint))) return stopped;
  await liftPause(deps, channel, target.address);
  return "older";
}

/** Gives a member the secrets that its endpoint has by now; whether one is among them that it was not pushed with. */
async function refreshed({ table }: Deps, target: MessageTarget, endpoint: string): Promise<boolean> {
  const now = await combinedReach(table, endpoint);
  if (!now) return false;
  const { secrets } = now.reach;
  // To push without any is another way, too.
  const isNew = secrets.length === 0 ? target.secrets.length > 0 : secrets.some((one) => !target.secrets.includes(one));
  if (isNew) target.secrets = secrets;
  return isNew;
}
