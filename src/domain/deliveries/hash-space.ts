import { SHARDS } from "#src/domain/subscriptions/endpoint.ts";

/** Endpoint keys are hashes, so they lie evenly: a key's place tells how much of the audience is before it. */

const DIGITS = 4;
const SPAN = 64 ** DIGITS;
/** Behind every endpoint key. */
export const END = "~";
const VALUE = new Map(SHARDS.map((character, value) => [character, value]));

/** 0 for "" to 1 for END. */
export function place(key: string): number {
  if (key === END) return 1;
  let value = 0;
  for (let i = 0; i < DIGITS; i++) value = value * 64 + (VALUE.get(key.charAt(i)) ?? 0);
  return value / SPAN;
}

/** The first four characters of the keys at a place; a border between ranges, shorter than any key. */
export function border(at: number): string {
  let rest = Math.min(SPAN - 1, Math.max(0, Math.round(at * SPAN)));
  let text = "";
  for (let i = 0; i < DIGITS; i++) {
    text = (SHARDS[rest % 64] ?? "-") + text;
    rest = Math.floor(rest / 64);
  }
  return text;
}

/** The least sort key behind `after`, whether that is a whole key (16 characters) or a border. */
export function behind(after: string): string {
  return after.length === 16 ? `${after}~` : after;
}
