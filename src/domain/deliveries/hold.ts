import { addDays, shanghaiDate, shanghaiInstant, weekday } from "#src/domain/calendar/dates.ts";
import { clockChange, zoneClock } from "#src/domain/calendar/zones.ts";
import type { Frequency, QuietHours } from "#src/domain/subscriptions/subscription.ts";

export const DIGEST_CLOCK = "08:00";
const MINUTE_MS = 60_000;
const DAY_MINUTES = 1440;

/** When a digest of this frequency is next due: 08:00 in Asia/Shanghai of the next day, or of the next Monday. */
export function nextDigest(frequency: Exclude<Frequency, "now">, now: Date): Date {
  const today = shanghaiDate(now);
  if (frequency === "daily") return shanghaiInstant(addDays(today, 1), DIGEST_CLOCK);
  return shanghaiInstant(addDays(today, (8 - weekday(today)) % 7 || 7), DIGEST_CLOCK);
}

/**
 * The end of the quiet window that `now` is in; undefined outside. Quiet is whenever the reader's own clock shows a time
 * of the window: an hour that daylight saving leaves out ends with the leap, one that it repeats is quiet both times.
 */
export function quietUntil(quiet: QuietHours, now: Date): Date | undefined {
  const zone = quiet.timeZone ?? "Asia/Shanghai";
  const clock = zoneClock(zone, now);
  const to = minutesOf(quiet.to);
  if (!isQuiet(clock, minutesOf(quiet.from), to)) return undefined;
  const minute = Math.floor(now.getTime() / MINUTE_MS);
  const end = new Date((minute + ((to - clock + DAY_MINUTES) % DAY_MINUTES)) * MINUTE_MS);
  const change = clockChange(zone, now, end);
  return change ? (quietUntil(quiet, change) ?? change) : end;
}

function isQuiet(clock: number, from: number, to: number): boolean {
  return from < to ? clock >= from && clock < to : clock >= from || clock < to;
}

function minutesOf(clock: string): number {
  return Number(clock.slice(0, 2)) * 60 + Number(clock.slice(3, 5));
}

/** An urgent text of a column that may break quiet hours waits neither for a morning nor for a digest. */
export function breaksIn(revision: { mayBreakQuietHours: boolean; content: { urgency: string } }): boolean {
  return revision.mayBreakQuietHours && revision.content.urgency === "urgent";
}

/** Until when a delivery is held for quiet hours; undefined when it may go now. */
export function heldUntil(
  { quietHours }: { quietHours?: QuietHours },
  revision: Parameters<typeof breaksIn>[0],
  now: Date,
): Date | undefined {
  return quietHours && !breaksIn(revision) ? quietUntil(quietHours, now) : undefined;
}
