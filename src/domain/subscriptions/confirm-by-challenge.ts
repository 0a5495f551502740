import { timingSafeEqual } from "node:crypto";
import { AppError } from "#src/errors.ts";
import { sha256 } from "#src/ids.ts";
import { type ConfirmDeps, confirm, countWrongCode } from "./confirm.ts";
import { findSubscription } from "./store.ts";
import type { Subscription } from "./subscription.ts";

/** Whether this is the secret that the subscription's endpoint was sent; compared in constant time. */
export function isChallengeOf(subscription: Subscription, challenge: string): boolean {
  const known = subscription.challengeHash ?? "0".repeat(64);
  return timingSafeEqual(Buffer.from(known), Buffer.from(sha256(challenge)));
}

/**
 * A challenge that came back from its endpoint: answers the subscription, now confirmed. Undefined when it is wrong (which is
 * counted; the fifth wrong one voids it), or when the subscription is over, expired or confirmed already.
 */
export async function confirmByChallenge(
  deps: ConfirmDeps,
  { subscriptionId, challenge }: { subscriptionId: string; challenge: string },
): Promise<Subscription | undefined> {
  let right = false;
  for (let tries = 0; tries < 10; tries++) {
    const found = await findSubscription(deps.table, subscriptionId);
    // The second click of two at once finds the work of the first.
    if (found?.status === "confirmed" && right) return found;
    if (found?.status !== "pending") return undefined;
    right = isChallengeOf(found, challenge);
    if (!right) {
      await countWrongCode(deps, found);
      return undefined;
    }
    if (await confirm(deps, found)) return findSubscription(deps.table, subscriptionId);
  }
  throw new AppError("unavailable", "BUSY", { zh: "请稍后再试", en: "try again in a moment" });
}
