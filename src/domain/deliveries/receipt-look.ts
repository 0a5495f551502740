import { z } from "zod";
import { keys } from "#src/platform/keys.ts";
import type { Item, Key, Table } from "#src/platform/table.ts";
import { schema } from "#src/schema.ts";
import { ChunkRef } from "./store.ts";

/** The item of a receipt about which its provider can be asked; it stands in the index as long as it is to be. */
export const Look = schema(() =>
  z.object({
    ref: ChunkRef(),
    endpoint: z.string(),
    receipt: z.string(),
    /** How often it was asked. */
    looks: z.number(),
    expiresAt: z.number(),
    version: z.number(),
  }),
);
export type Look = z.infer<ReturnType<typeof Look>>;

// From the push to the first question, and on from one to the next: 22 hours in all.
const LOOKS_SECONDS = [300, 600, 1200, 2400, 3600, 7200, 14_400, 21_600, 28_800];

/** With the time of its next look, if there is to be one. */
export function lookItem(look: Look, now: Date): Item {
  const key = keys.receipt(look.ref.channel, look.receipt);
  const seconds = LOOKS_SECONDS[look.looks];
  if (seconds === undefined) return { ...key, ...look };
  const at = new Date(now.getTime() + seconds * 1000).toISOString();
  return { ...key, ...look, index: keys.receiptToAsk(at, look.ref.channel, look.receipt) };
}

/** Nobody is asked about this receipt any more. */
export async function stopLooking(deps: { table: Table }, key: Key): Promise<void> {
  for (;;) {
    const item = await deps.table.get(key);
    if (!item?.index) return;
    const { index: _, ...rest } = item;
    const version = item.version ?? 0;
    if ((await deps.table.write([{ put: { ...rest, version: version + 1 }, if: { version } }])).ok) return;
  }
}
