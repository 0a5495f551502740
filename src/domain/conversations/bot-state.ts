import { z } from "zod";
import { keys } from "#src/platform/keys.ts";
import type { Table } from "#src/platform/table.ts";

/**
 * How a chat host says it is; it may run in another process, so that it says so in the table.
 * - starting: connects. waiting: shows a QR code. scanned: the phone has still to confirm. in: logged in.
 * - cooling: the chat said "too often", nothing is sent until `coolUntil`. sick: logged in, but what it sends does not
 *   leave. out: logged out. stopped: ended by its operator.
 */
export const BotPhase = z.enum(["starting", "waiting", "scanned", "in", "cooling", "sick", "out", "stopped"]);
export type BotPhase = z.infer<typeof BotPhase>;

export const BotState = z.object({
  phase: BotPhase,
  /** Since when. */
  since: z.string(),
  puppet: z.string(),
  /** The name of the account that is logged in. */
  account: z.string().exactOptional(),
  /** The login's QR code: a secret for as long as it is good. */
  qr: z.object({ code: z.string(), until: z.string() }).exactOptional(),
  lastGoodSendAt: z.string().exactOptional(),
  lastError: z.object({ at: z.string(), detail: z.string() }).exactOptional(),
  coolUntil: z.string().exactOptional(),
  failedStarts: z.number(),
  /** When the host last said so. */
  at: z.string(),
});
export type BotState = z.infer<typeof BotState>;

/** What a console asks of a host that may run elsewhere. */
export const BotOrder = z.object({ kind: z.literal("drop-session"), by: z.string(), at: z.string() });
export type BotOrder = z.infer<typeof BotOrder>;

export const BOT = "wechaty";
/** A host says how it is at least this often; three times as long without a word, and there is none. */
export const BEAT_SECONDS = 60;
const ORDER_SECONDS = 600;

type Deps = { table: Table; now: () => Date };

const secondsFrom = (now: Date, seconds: number): number => Math.floor(now.getTime() / 1000) + seconds;

export async function putBotState({ table, now }: Deps, state: Omit<BotState, "at">, bot = BOT): Promise<void> {
  const at = now().toISOString();
  await table.putAll([{ ...keys.botState(bot), ...state, at, expiresAt: secondsFrom(now(), 3 * BEAT_SECONDS) }]);
}

/** Undefined when no host has said anything lately. A QR code that has run out is left out. */
export async function readBotState({ table, now }: Deps, bot = BOT): Promise<BotState | undefined> {
  const item = await table.get(keys.botState(bot));
  if (!item) return undefined;
  const { qr, ...state } = BotState.parse(item);
  return qr && Date.parse(qr.until) > now().getTime() ? { ...state, qr } : state;
}

/** Leaves an order for the host; it is forgotten when no host takes it within ten minutes. */
export async function orderBot({ table, now }: Deps, order: Omit<BotOrder, "at">, bot = BOT): Promise<void> {
  const expiresAt = secondsFrom(now(), ORDER_SECONDS);
  await table.putAll([
    { ...keys.botOrder(bot), ...order, at: now().toISOString(), version: now().getTime(), expiresAt },
  ]);
}

export async function openBotOrder({ table }: Pick<Deps, "table">, bot = BOT): Promise<BotOrder | undefined> {
  const item = await table.get(keys.botOrder(bot));
  return item && BotOrder.parse(item);
}

/** The order, for one taker once. */
export async function takeBotOrder({ table }: Pick<Deps, "table">, bot = BOT): Promise<BotOrder | undefined> {
  const item = await table.get(keys.botOrder(bot));
  if (!item) return undefined;
  const remove = { pk: item.pk, sk: item.sk };
  const { ok } = await table.write([{ remove, if: { version: item.version ?? 0 } }]);
  return ok ? BotOrder.parse(item) : undefined;
}
