import { AppError } from "#src/errors.ts";
import { keys } from "#src/platform/keys.ts";
import type { Commit, Item, Table } from "#src/platform/table.ts";
import { Column, DEFAULT_COLUMNS, DUTY_COLUMN, type NewColumn } from "./column.ts";

type Reads = { table: Table };

/** A column by its slug: the stored one, else the one that exists from the first start. */
export async function getColumn(deps: Reads, slug: string): Promise<Column | undefined> {
  if (slug === DUTY_COLUMN.slug) return undefined;
  const item = await deps.table.get(keys.column(slug));
  return item ? Column.parse(item) : DEFAULT_COLUMNS.find((column) => column.slug === slug);
}

/** All columns: those of the first start in their order, then the county's own by slug. */
export async function listColumns(deps: Reads): Promise<Column[]> {
  const stored = new Map<string, Column>();
  let after: string | undefined;
  do {
    const page = await deps.table.query({ pk: keys.column("").pk, limit: 1000, ...(after ? { after } : {}) });
    for (const item of page.items) {
      const column = Column.parse(item);
      stored.set(column.slug, column);
    }
    after = page.next;
  } while (after);
  const first = DEFAULT_COLUMNS.map((column) => stored.get(column.slug) ?? column);
  const own = [...stored.values()].filter((column) => !DEFAULT_COLUMNS.some(({ slug }) => slug === column.slug));
  return [...first, ...own];
}

type PutColumnResult = { column: Column; created: boolean };

export async function putColumn(
  deps: Reads & { commit?: Commit<PutColumnResult> },
  slug: string,
  input: NewColumn,
): Promise<PutColumnResult> {
  if (slug === DUTY_COLUMN.slug)
    throw new AppError("conflict", "SLUG_RESERVED", {
      zh: "该栏目标识已被系统占用",
      en: "this slug is the system's own",
    });
  const commit = deps.commit ?? ((writes) => deps.table.write(writes));
  for (let tries = 0; tries < 5; tries++) {
    const stored = await deps.table.get(keys.column(slug));
    const before = await getColumn(deps, slug);
    const column: Column = { ...input, slug, version: (before?.version ?? 0) + 1 };
    const item: Item = { ...keys.column(slug), ...column };
    const condition = stored ? { version: before?.version ?? 0 } : ({ absent: true } as const);
    const result = { column, created: before === undefined };
    if ((await commit([{ put: item, if: condition }], result)).ok) return result;
  }
  throw new AppError(
    "unavailable",
    "BUSY",
    { zh: "请稍后再试", en: "try again in a moment" },
    { retryAfterSeconds: 1 },
  );
}
