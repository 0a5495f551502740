import { timingSafeEqual } from "node:crypto";
import { sha256 } from "#src/ids.ts";
import { type ConfirmDeps, confirm, countWrongCode } from "./confirm.ts";
import { findSubscription } from "./store.ts";
import type { Subscription } from "./subscription.ts";

const NO_HASH = "0".repeat(64);
// Shorter ones are codes, which must come back from the chat that they were sent to and not through a door.
const LEAST_CHARACTERS = 32;

/**
 * The challenge that was sent to an endpoint comes back: by the service worker of a browser, by a person's press of a button.
 * Answers the confirmed subscription, the second time too; undefined for a wrong or outdated challenge, for what expired or
 * ended and for what there never was. A wrong one is counted, and after five the challenge is void.
 */
export async function confirmByChallenge(
  deps: ConfirmDeps,
  { subscriptionId, challenge }: { subscriptionId: string; challenge: string },
): Promise<Subscription | undefined> {
  if (challenge.length < LEAST_CHARACTERS) return undefined;
  const hash = Buffer.from(sha256(challenge));
  for (;;) {
    const known = await findSubscription(deps.table, subscriptionId);
    const expected = known?.status === "confirmed" ? known.answeredHash : known?.challengeHash;
    const right = timingSafeEqual(hash, Buffer.from(expected ?? NO_HASH));
    if (!known || expected === undefined) return undefined;
    if (known.status === "confirmed") return right ? known : undefined;
    if (known.status !== "pending") return undefined;
    if (!right) {
      await countWrongCode(deps, known);
      return undefined;
    }
    await confirm(deps, known); // when its wishes changed meanwhile, the challenge still stands
  }
}
