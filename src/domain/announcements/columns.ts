import { AppError } from "#src/errors.ts";
import { keys } from "#src/platform/keys.ts";
import type { Commit, Item } from "#src/platform/table.ts";
import { Column, DEFAULT_COLUMNS, DUTY_COLUMN, type NewColumn } from "./column.ts";
import { changedMeanwhile, type Reads } from "./store.ts";

/** A column by its slug: the stored one, else the one that exists from the first start. */
export async function getColumn(deps: Reads, slug: string): Promise<Column | undefined> {
  if (slug === DUTY_COLUMN.slug) return undefined;
  const item = await deps.table.get(keys.column(slug));
  return item ? Column().parse(item) : DEFAULT_COLUMNS.find((column) => column.slug === slug);
}

/** All columns: those of the first start in their order, then the county's own by slug. */
export async function listColumns(deps: Reads): Promise<Column[]> {
  const stored = new Map<string, Column>();
  let after: string | undefined;
  do {
    const page = await deps.table.query({ pk: keys.column("").pk, limit: 1000, ...(after ? { after } : {}) });
    for (const item of page.items) {
      const column = Column().parse(item);
      stored.set(column.slug, column);
    }
    after = page.next;
  } while (after);
  const first = DEFAULT_COLUMNS.map((column) => stored.get(column.slug) ?? column);
  const own = [...stored.values()].filter((column) => !DEFAULT_COLUMNS.some(({ slug }) => slug === column.slug));
  return [...first, ...own];
}

export type PutColumnResult = { column: Column; created: boolean };

/** Makes a column or replaces its policy; `version` (If-Match) must be the one that stands, when given. */
export async function putColumn(
  deps: Reads & { commit?: Commit<PutColumnResult> },
  slug: string,
  input: NewColumn,
  version?: number,
): Promise<PutColumnResult> {
  if (slug === DUTY_COLUMN.slug)
    throw new AppError("conflict", "SLUG_RESERVED", {
      zh: "该栏目标识已被系统占用",
      en: "this slug is the system's own",
    });
  const [stored, before] = await Promise.all([deps.table.get(keys.column(slug)), getColumn(deps, slug)]);
  if (version !== undefined && before?.version !== version)
    throw new AppError("stale", "VERSION", changedMeanwhile().detail);
  const column: Column = { ...input, slug, version: (before?.version ?? 0) + 1 };
  const item: Item = { ...keys.column(slug), ...column };
  const result = { column, created: before === undefined };
  const commit = deps.commit ?? ((writes) => deps.table.write(writes));
  const unchanged = stored && before ? { version: before.version } : ({ absent: true } as const);
  if (!(await commit([{ put: item, if: unchanged }], result)).ok) throw changedMeanwhile();
  return result;
}
