import { addDays, shanghaiDate, shanghaiInstant, shanghaiMinute, weekday } from "#src/domain/calendar/dates.ts";
import type { Frequency, QuietHours } from "#src/domain/subscriptions/subscription.ts";

export const DIGEST_CLOCK = "08:00";

/** When a digest of this frequency is next due: 08:00 in Asia/Shanghai of the next day, or of the next Monday. */
export function nextDigest(frequency: Exclude<Frequency, "now">, now: Date): Date {
  const today = shanghaiDate(now);
  if (frequency === "daily") return shanghaiInstant(addDays(today, 1), DIGEST_CLOCK);
  return shanghaiInstant(addDays(today, (8 - weekday(today)) % 7 || 7), DIGEST_CLOCK);
}

/** The end of the quiet window that `now` is in, in Asia/Shanghai; undefined outside. */
export function quietUntil(quiet: QuietHours, now: Date): Date | undefined {
  const clock = shanghaiMinute(now).slice(11);
  const today = shanghaiDate(now);
  const overnight = quiet.from > quiet.to;
  if (!overnight && clock >= quiet.from && clock < quiet.to) return shanghaiInstant(today, quiet.to);
  if (overnight && clock >= quiet.from) return shanghaiInstant(addDays(today, 1), quiet.to);
  if (overnight && clock < quiet.to) return shanghaiInstant(today, quiet.to);
  return undefined;
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
