import { timingSafeEqual } from "node:crypto";
import { AppError } from "#src/errors.ts";
import { sha256 } from "#src/ids.ts";
import type { Table } from "#src/platform/table.ts";
import { findSubscription } from "./store.ts";
import type { Subscription } from "./subscription.ts";

/** Who asks: an admin, or whoever holds the token that was shown when the subscription was made. */
export type Manager = { admin: true } | { manageToken: string };

/** AppError "unauthenticated" for a wrong token, the same whether or not there is such a subscription. */
export async function readSubscription(deps: { table: Table }, id: string, by: Manager): Promise<Subscription> {
  const found = await findSubscription(deps.table, id);
  if (!("admin" in by)) {
    const known = Buffer.from(found?.manageTokenHash ?? "0".repeat(64));
    if (!timingSafeEqual(known, Buffer.from(sha256(by.manageToken))) || !found) {
      throw new AppError("unauthenticated", "MANAGE_TOKEN", {
        zh: "管理令牌无效",
        en: "the manage token is not valid",
      });
    }
  }
  if (!found || found.endedBecause === "unsubscribed")
    throw new AppError("not-found", "NOT_FOUND", { zh: "没有这个订阅", en: "there is no such subscription" });
  return found;
}
