import { keys } from "#src/platform/keys.ts";
import type { Item } from "#src/platform/table.ts";

/** The names of the desk's lists: of all cases, and of those that name a unit. */
export const EVERY_UNIT = "all";
export const ofUnit = (unitId: string) => `unit:${unitId}`;

/** The rows of new cases in the lists of the desk; they hold the number only, so a case may change without them. */
export function listingItems(cases: Item[]): Item[] {
  return cases.flatMap(({ number, receivedAt, unitId }) => {
    if (typeof number !== "string" || typeof receivedAt !== "string") return [];
    const lists = [EVERY_UNIT, ...(typeof unitId === "string" ? [ofUnit(unitId)] : [])];
    return lists.map((list): Item => ({ ...keys.caseListing(list, receivedAt, number), number }));
  });
}
