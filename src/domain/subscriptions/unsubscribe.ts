import { AppError } from "#src/errors.ts";
import type { Table } from "#src/platform/table.ts";
import { isLast } from "./change.ts";
import { endedWrite, stopWrites, suppressionWrites } from "./end-endpoint.ts";
import { findSubscription } from "./store.ts";
import type { Subscription } from "./subscription.ts";

/**
 * Ends a subscription. From the answer on no push to its endpoint begins, if nothing else is confirmed there. Remembered for good as
 * a reader's wish, unless it is an operator who has `retired` a test endpoint.
 */
export async function unsubscribe(
  deps: { table: Table; now: () => Date },
  known: Subscription,
  because: "unsubscribed" | "retired" = "unsubscribed",
): Promise<void> {
  const now = deps.now();
  let current: Subscription | undefined = known;
  for (let tries = 0; tries < 10 && current && current.status !== "ended"; tries++) {
    const writes = stopWrites(current, "ended", because, now);
    if (await isLast(deps, current))
      writes.push(
        endedWrite(current.endpoint, because, now),
        ...suppressionWrites(current.endpoint, because, now, current),
      );
    if ((await deps.table.write(writes)).ok) return;
    current = await findSubscription(deps.table, known.id);
  }
  if (current && current.status !== "ended")
    throw new AppError("unavailable", "BUSY", { zh: "请稍后再试", en: "try again in a moment" });
}
