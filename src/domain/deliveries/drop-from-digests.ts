import type { Table } from "#src/platform/table.ts";
import { digestId, type ItemName, itemName } from "./digest.ts";
import { digestsOf } from "./digest-store.ts";
import { fanoutItem, findFanout } from "./store.ts";

/**
 * Takes a revision out of the digests that are on their way: called once its own fan-out is marked as superseded, so a
 * digest that is planned later leaves it out by itself.
 */
export async function dropFromDigests(deps: { table: Table; now: () => Date }, item: ItemName): Promise<void> {
  for (const name of await digestsOf(deps.table, item)) {
    for (;;) {
      const digest = await findFanout(deps.table, digestId(name), 1);
      if (!digest || digest.closedAt !== undefined || digest.dropped?.includes(itemName(item))) break;
      const dropped = [...(digest.dropped ?? []), itemName(item)];
      const put = fanoutItem({ ...digest, dropped, version: digest.version + 1 }, deps.now());
      if ((await deps.table.write([{ put, if: { version: digest.version } }])).ok) break;
    }
  }
}
