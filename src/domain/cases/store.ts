import { keys } from "#src/platform/keys.ts";
import type { Item, Table } from "#src/platform/table.ts";
import { Case } from "./case.ts";
import { CASE_FEED } from "./feed.ts";

export type Reads = { table: Table };

export function caseItem(stored: Case): Item {
  return { ...stored, ...keys.case(stored.number), feed: CASE_FEED };
}

export function parseCase(item: Item): Case {
  return Case.parse(item);
}

export async function readCase(deps: Reads, number: string): Promise<Case | undefined> {
  const item = await deps.table.get(keys.case(number));
  return item && parseCase(item);
}
