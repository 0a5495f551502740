import { endpointKey } from "#src/domain/subscriptions/endpoint.ts";
import { keys } from "#src/platform/keys.ts";
import type { Item, Table } from "#src/platform/table.ts";
import type { ChannelName } from "./channel.ts";

/**
 * Some platforms let us speak only to who has just spoken to us: so many messages for so long after a message, fewer and
 * shorter after an action (a menu, a follow, a scan).
 */
export type WindowRule = Record<Heard, { seconds: number; messages: number }>;
export type Heard = "message" | "action";

export type ReplyWindows = {
  /** Whether a message may be sent there now; counts it. */
  take(address: string): Promise<boolean>;
  /** The platform says that the window is closed. */
  close(address: string): Promise<void>;
};

type Kept = Partial<Record<Heard, { at: number; left: number }>> & { version: number };

const KEPT_SECONDS = 7 * 86_400;

/** Notes that somebody spoke; an older word than the one known changes nothing. */
export async function noteHeard(
  deps: { table: Table },
  {
    channel,
    address,
    heard,
    at,
    rule,
  }: { channel: ChannelName; address: string; heard: Heard; at: Date; rule: WindowRule },
): Promise<void> {
  await change(deps.table, endpointKey(channel, address), at.getTime(), (kept) =>
    (kept[heard]?.at ?? 0) >= at.getTime()
      ? undefined
      : { ...kept, [heard]: { at: at.getTime(), left: rule[heard].messages } },
  );
}

export function replyWindows(
  deps: { table: Table; now: () => Date },
  channel: ChannelName,
  rule: WindowRule,
): ReplyWindows {
  const now = () => deps.now().getTime();
  return {
    async take(address) {
      // The one that closes first.
      for (const heard of ["action", "message"] as const) {
        const taken = await change(deps.table, endpointKey(channel, address), now(), (kept) => {
          const open = kept[heard];
          if (!open || open.left < 1 || now() - open.at >= rule[heard].seconds * 1000) return undefined;
          return { ...kept, [heard]: { ...open, left: open.left - 1 } };
        });
        if (taken) return true;
      }
      return false;
    },
    async close(address) {
      await change(deps.table, endpointKey(channel, address), now(), (kept) => ({
        version: kept.version,
        ...(kept.action ? { action: { ...kept.action, left: 0 } } : {}),
        ...(kept.message ? { message: { ...kept.message, left: 0 } } : {}),
      }));
    },
  };
}

/** False when `next` wants no change. */
async function change(
  table: Table,
  endpoint: string,
  at: number,
  next: (kept: Kept) => Kept | undefined,
): Promise<boolean> {
  for (;;) {
    const { pk: _, sk: _s, expiresAt: _e, ...item } = (await table.get(keys.replyWindow(endpoint))) ?? ({} as Item);
    const kept = { version: 0, ...item } as Kept;
    const wanted = next(kept);
    if (!wanted) return false;
    const put = {
      ...keys.replyWindow(endpoint),
      ...wanted,
      version: kept.version + 1,
      expiresAt: Math.floor(at / 1000) + KEPT_SECONDS,
    };
    const written = await table.write([{ put, if: kept.version === 0 ? { absent: true } : { version: kept.version } }]);
    if (written.ok) return true;
  }
}
