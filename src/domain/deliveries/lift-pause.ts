import { keys } from "#src/platform/keys.ts";
import type { Table } from "#src/platform/table.ts";
import type { Channel } from "./channel.ts";
import { PaceState } from "./pace-book.ts";
import { pausedHash } from "./paced-by.ts";

const KEPT_SECONDS = 40 * 86_400;
const TRIES = 100;

/**
 * Ends the stop of an address's credential for its configuration, if there is one: its owner says that it is right now. Turns
 * behind the stop are dropped with it, as when a channel's settings change: whoever was promised one is woken and asks anew.
 */
export async function liftPause(
  { table, now }: { table: Table; now: () => Date },
  channel: Channel,
  address: string,
): Promise<boolean> {
  if (!channel.credential) return false;
  const hash = pausedHash(channel, address);
  const key = keys.pace(channel.name, hash);
  for (let tries = 0; tries < TRIES; tries++) {
    const item = await table.get(key);
    const state = item && PaceState().parse(item);
    if (state?.pause?.because !== "configuration") return false;
    const { pause: _p, line: _l, ahead: _a, lineFrom: _f, urgent: _u, mending: _m, promised: _o, ...others } = state;
    const { again: _g, anew: _n, ...kept } = others;
    const expiresAt = Math.floor(now().getTime() / 1000) + KEPT_SECONDS;
    const put = { ...key, ...kept, version: state.version + 1, expiresAt };
    const written = await table.write([
      { put, if: { version: state.version } },
      { remove: keys.pausedPace(channel.name, hash) },
    ]);
    if (written.ok) return true;
  }
  throw new Error("the pace changed too often to be lifted");
}

/** Whether an address's credential is stopped for its configuration. */
export async function isStoppedForSetup(table: Table, channel: Channel, address: string): Promise<boolean> {
  const item = await table.get(keys.pace(channel.name, pausedHash(channel, address)));
  return item !== undefined && PaceState().parse(item).pause?.because === "configuration";
}
