import { isDate, shanghaiInstant } from "#src/domain/calendar/dates.ts";
import { DIGEST_CLOCK } from "./hold.ts";
import type { Letter } from "./states.ts";

export type DigestFrequency = "daily" | "weekly";

/** `date` is the day in Asia/Shanghai on which it goes out. */
export type DigestName = { frequency: DigestFrequency; date: string };

/** One revision as an item of digests. */
export type ItemName = { announcementId: string; revision: number };

/** What stands for a member who waits for its digest. */
export const DIGEST_LETTER = { daily: "g", weekly: "k" } as const satisfies Record<DigestFrequency, Letter>;

export const DIGEST_FREQUENCIES = Object.keys(DIGEST_LETTER) as DigestFrequency[];

/** A digest is a fan-out of its own; this stands where others have their announcement's id. Its revision is 1. */
export function digestId({ frequency, date }: DigestName): string {
  return `digest_${frequency}_${date}`;
}

export function digestNamed(id: string): DigestName | undefined {
  const [, frequency, date = ""] = /^digest_(daily|weekly)_(\d{4}-\d{2}-\d{2})$/.exec(id) ?? [];
  return isDate(date) ? { frequency: frequency as DigestFrequency, date } : undefined;
}

export function digestAt({ date }: DigestName): Date {
  return shanghaiInstant(date, DIGEST_CLOCK);
}

/** As it stands in the lists of a digest's chunks: `<announcement id>.<revision>`. */
export function itemName({ announcementId, revision }: ItemName): string {
  return `${announcementId}.${revision}`;
}

export function itemNamed(name: string): ItemName {
  const dot = name.lastIndexOf(".");
  return { announcementId: name.slice(0, dot), revision: Number(name.slice(dot + 1)) };
}
