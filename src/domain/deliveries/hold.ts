import { addDays, shanghaiDate, shanghaiInstant, shanghaiMinute, weekday } from "#src/domain/calendar/dates.ts";
import type { Frequency, QuietHours } from "#src/domain/subscriptions/subscription.ts";

const DIGEST_CLOCK = "08:00";

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

/**
 * Until when a delivery is held: for its digest (unless this is the digest's release), then for quiet hours, which only
 * an urgent text of a column that may break them passes.
 */
export function heldUntil(
  target: { frequency?: "daily" | "weekly"; quietHours?: QuietHours },
  revision: { mayBreakQuietHours: boolean; content: { urgency: string } },
  now: Date,
  released: boolean,
): Date | undefined {
  if (target.frequency && !released) return nextDigest(target.frequency, now);
  const breaks = revision.mayBreakQuietHours && revision.content.urgency === "urgent";
  return target.quietHours && !breaks ? quietUntil(target.quietHours, now) : undefined;
}
