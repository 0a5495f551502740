import { addDays, shanghaiDate, shanghaiInstant } from "#src/domain/calendar/dates.ts";
import type { Quota } from "./channel.ts";

/** Pushes by calendar period of Asia/Shanghai: `2026-03-02` for a day, `2026-03` for a month. */
export type Used = Record<string, number>;

/** So long around midnight a push counts on both sides: the vendor's clock may be another. */
const MARGIN_MS = 2000;
const KEPT_DAYS = 40;

function period(per: Quota["per"], at: number): string {
  return shanghaiDate(new Date(at)).slice(0, per === "day" ? 10 : 7);
}

export function periodsAt(per: Quota["per"], at: number): string[] {
  return [...new Set([period(per, at - MARGIN_MS), period(per, at + MARGIN_MS)])];
}

/** When the next day or month has begun for everybody. */
export function nextPeriod(per: Quota["per"], at: number): number {
  const today = shanghaiDate(new Date(at + MARGIN_MS));
  const first = per === "day" ? addDays(today, 1) : `${addDays(`${today.slice(0, 7)}-28`, 4).slice(0, 7)}-01`;
  return shanghaiInstant(first).getTime() + MARGIN_MS;
}

/** When the day or month of a moment began for everybody. */
export function periodStart(per: Quota["per"], at: number): number {
  const today = shanghaiDate(new Date(at - MARGIN_MS));
  return shanghaiInstant(per === "day" ? today : `${today.slice(0, 7)}-01`).getTime() + MARGIN_MS;
}

/** What the quotas leave at a moment; `used` are counts that are added up. */
export function leftAt(quotas: readonly Quota[], at: number, ...used: (Used | undefined)[]): number {
  let left = Number.POSITIVE_INFINITY;
  for (const { per, count } of quotas) {
    const most = Math.max(...periodsAt(per, at).map((name) => used.reduce((sum, one) => sum + (one?.[name] ?? 0), 0)));
    left = Math.min(left, count - most);
  }
  return Math.max(0, left);
}

/** The first moment from `at` on that the quotas leave one for. */
export function quotaAt(quotas: readonly Quota[], at: number, ...used: (Used | undefined)[]): number {
  let next = at;
  while (quotas.length > 0 && leftAt(quotas, next, ...used) <= 0)
    next = Math.max(
      ...quotas.filter((one) => leftAt([one], next, ...used) <= 0).map(({ per }) => nextPeriod(per, next)),
    );
  return next;
}

export function counted(used: Used | undefined, quotas: readonly Quota[], at: number, pushes: number): Used {
  const oldest = shanghaiDate(new Date(at - KEPT_DAYS * 86_400_000)).slice(0, 7);
  const next = Object.fromEntries(Object.entries(used ?? {}).filter(([name]) => name >= oldest));
  for (const name of new Set(quotas.flatMap(({ per }) => periodsAt(per, at))))
    next[name] = Math.max(0, (next[name] ?? 0) + pushes);
  return next;
}
