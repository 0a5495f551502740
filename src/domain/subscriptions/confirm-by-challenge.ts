import { timingSafeEqual } from "node:crypto";
import { AppError } from "#src/errors.ts";
import { sha256 } from "#src/ids.ts";
import { type ConfirmDeps, confirm, countWrongCode } from "./confirm.ts";
import { findSubscription } from "./store.ts";
import type { Subscription } from "./subscription.ts";

// Shorter ones are codes, which must come back from the chat that they were sent to and not through a door.
const LEAST_CHARACTERS = 32;

/** Whether this is the secret that the subscription's endpoint was sent; compared in constant time. */
export function isChallengeOf(subscription: Subscription, challenge: string): boolean {
  return isHashed(challenge, subscription.challengeHash);
}

function isHashed(challenge: string, hash: string | undefined): boolean {
  return timingSafeEqual(Buffer.from(hash ?? "0".repeat(64)), Buffer.from(sha256(challenge)));
}

/**
 * A challenge that came back from its endpoint, by a service worker or by a person's press of a button: answers the
 * subscription, now confirmed, the second time too. Undefined when it is wrong (which is counted; the fifth wrong one voids
 * it), or when the subscription is over or expired.
 */
export async function confirmByChallenge(
  deps: ConfirmDeps,
  { subscriptionId, challenge }: { subscriptionId: string; challenge: string },
): Promise<Subscription | undefined> {
  if (challenge.length < LEAST_CHARACTERS) return undefined;
  for (let tries = 0; tries < 10; tries++) {
    const found = await findSubscription(deps.table, subscriptionId);
    if (found?.status === "confirmed") return isHashed(challenge, found.answeredHash) ? found : undefined;
    if (found?.status !== "pending") return undefined;
    if (!isChallengeOf(found, challenge)) {
      await countWrongCode(deps, found);
      return undefined;
    }
    await confirm(deps, found); // when its wishes changed meanwhile, the challenge still stands
  }
  throw new AppError("unavailable", "BUSY", { zh: "请稍后再试", en: "try again in a moment" });
}
