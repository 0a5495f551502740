import { keys } from "#src/platform/keys.ts";
import type { Table } from "#src/platform/table.ts";

export type AllowanceDeps = { table: Table; now: () => Date };

/** So many in so many seconds, per chat. */
const ALLOWANCES = {
  /** Whatever makes us work or answer. */
  words: { count: 20, seconds: 60 },
  /** Tries of receipts. */
  guesses: { count: 10, seconds: 60 },
} as const;

export type Allowed = "yes" | "first-over" | "over";

/** Counts one more of a chat, in the table: its words may come in through several processes. */
export async function allow(deps: AllowanceDeps, name: keyof typeof ALLOWANCES, endpoint: string): Promise<Allowed> {
  const { count, seconds } = ALLOWANCES[name];
  const window = Math.floor(deps.now().getTime() / 1000 / seconds);
  const key = keys.rateWindow(`chat-${name}|${endpoint}`, window);
  await deps.table.write([{ add: key, numbers: { count: 1 }, expiresAt: (window + 2) * seconds }]);
  const taken = Number((await deps.table.get(key))?.["count"] ?? 0);
  return taken <= count ? "yes" : taken === count + 1 ? "first-over" : "over";
}

const HELP_SECONDS = 3600;

/** Whether the short help may be given unasked: once an hour, so that two machines cannot talk to each other for long. */
export async function mayHelp(deps: AllowanceDeps, endpoint: string): Promise<boolean> {
  const expiresAt = Math.floor(deps.now().getTime() / 1000) + HELP_SECONDS;
  return (await deps.table.write([{ put: { ...keys.chatHelp(endpoint), expiresAt }, if: { absent: true } }])).ok;
}
