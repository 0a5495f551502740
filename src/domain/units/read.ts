import { keys } from "#src/platform/keys.ts";
import type { Table } from "#src/platform/table.ts";
import { Unit } from "./unit.ts";

type Reads = { table: Table };

export async function getUnit(deps: Reads, id: string): Promise<Unit | undefined> {
  const item = await deps.table.get(keys.unit(id));
  return item && Unit.parse(item);
}

/** Units in the order of their ids. `after` is the `next` of the page before. */
export async function listUnits(
  deps: Reads,
  page: { limit: number; after?: string },
): Promise<{ items: Unit[]; next?: string }> {
  const { items, next } = await deps.table.query({ pk: keys.unitListing("").pk, ...page });
  return { items: items.map((item) => Unit.parse(item)), ...(next === undefined ? {} : { next }) };
}

/** The unit of exactly this name, when there is one and only one. */
export async function findUnitNamed(deps: Reads, name: string): Promise<Unit | undefined> {
  const found: Unit[] = [];
  let after: string | undefined;
  do {
    const page = await listUnits(deps, { limit: 1000, ...(after === undefined ? {} : { after }) });
    found.push(...page.items.filter((unit) => unit.name === name));
    after = page.next;
  } while (after !== undefined);
  return found.length === 1 ? found[0] : undefined;
}
