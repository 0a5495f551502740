import { codeOf } from "./codes.ts";
import type { Attempt, Result } from "./store.ts";
import { unpackTimings } from "./timing.ts";

/** The one attempt of a delivery that its chunk says enough of; none for any but a good answer. */
export function firstAttempt(result: Result, member: number): Attempt[] {
  const letter = result.letters.charAt(member);
  const timing = unpackTimings(result, result.letters.length)[member];
  if (!timing || !"da".includes(letter)) return [];
  const status = codeOf(result, member);
  return [
    {
      at: new Date(result.startedAt + timing.start).toISOString(),
      outcome: letter === "a" ? "accepted" : "delivered",
      ...(status ? { status } : {}),
      ms: timing.took,
      trigger: "plan",
    },
  ];
}
