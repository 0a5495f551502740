import { z } from "zod";
import { addDays, shanghaiDate } from "#src/domain/calendar/dates.ts";
import { keys } from "#src/platform/keys.ts";
import type { Item, Key, Table } from "#src/platform/table.ts";
import { schema } from "#src/schema.ts";
import type { Fanout } from "./store.ts";

/** One fan-out in the list of its day; `totals` and `canaries` once it is closed. */
export const FanoutOfDay = schema(() =>
  z.object({
    announcementId: z.string(),
    revision: z.number(),
    /** When it was published. */
    at: z.string(),
    /** For named people; no public figure counts it. */
    internal: z.literal(true).exactOptional(),
    totals: z.record(z.string(), z.record(z.string(), z.number())).exactOptional(),
    /** Per channel: milliseconds from publication until its canary had it; null when it never got it. */
    canaries: z.record(z.string(), z.number().nullable()).exactOptional(),
  }),
);
export type FanoutOfDay = z.infer<ReturnType<typeof FanoutOfDay>>;

export function dayItem(fanout: Fanout, canaries?: Record<string, number | null>): Item {
  const { announcementId, revision, totals, internal } = fanout;
  const at = publishedAt(fanout);
  return {
    ...keyInDay(fanout),
    announcementId,
    revision,
    at,
    ...(internal ? { internal } : {}),
    ...(totals ? { totals } : {}),
    ...(canaries ? { canaries } : {}),
  };
}

function publishedAt(fanout: Pick<Fanout, "publishedAt" | "plannedAt">): string {
  return fanout.publishedAt ?? fanout.plannedAt;
}

function keyInDay(fanout: Fanout): Key {
  return keys.fanoutOfDay(dayOf(fanout), publishedAt(fanout), fanout.announcementId, fanout.revision);
}

/** The day of Asia/Shanghai in whose list a fan-out stands. */
export function dayOf(fanout: Pick<Fanout, "publishedAt" | "plannedAt">): string {
  return shanghaiDate(new Date(publishedAt(fanout)));
}

/** The fan-outs of a day of Asia/Shanghai, in the order of publication; a page, and where to go on. */
export async function fanoutsOfDay(
  table: Table,
  day: string,
  options: { after?: string; limit?: number } = {},
): Promise<{ items: FanoutOfDay[]; next?: string }> {
  const page = await table.query({ pk: keys.fanoutOfDay(day, "", "", 0).pk, fresh: true, ...options });
  return {
    items: page.items.map((item) => FanoutOfDay().parse(item)),
    ...(page.next === undefined ? {} : { next: page.next }),
  };
}

/** So many days up to today, the oldest first. */
export function lastDays(now: Date, days: number): string[] {
  const today = shanghaiDate(now);
  return Array.from({ length: days }, (_, i) => addDays(today, i - days + 1));
}

export async function* everyFanoutOfDay(table: Table, day: string): AsyncGenerator<FanoutOfDay> {
  for (let after: string | undefined; ; ) {
    const page = await fanoutsOfDay(table, day, after === undefined ? {} : { after });
    yield* page.items;
    if (page.next === undefined) return;
    after = page.next;
  }
}

/** How these fan-outs stand in the lists of their days. */
export async function itemsInDays(table: Table, fanouts: Fanout[]): Promise<FanoutOfDay[]> {
  const items = await table.getMany(fanouts.map((fanout) => keyInDay(fanout)));
  return items.flatMap((item) => (item ? [FanoutOfDay().parse(item)] : []));
}
