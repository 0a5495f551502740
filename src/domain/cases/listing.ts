import { keys } from "#src/platform/keys.ts";
import type { Item } from "#src/platform/table.ts";

/** The rows of new cases in the lists of the units that they name; they hold the number only, so a case may change without them. */
export function unitListItems(cases: Item[]): Item[] {
  return cases.flatMap(({ number, unitId }) =>
    typeof number === "string" && typeof unitId === "string" ? [{ ...keys.caseOfUnit(unitId, number), number }] : [],
  );
}
