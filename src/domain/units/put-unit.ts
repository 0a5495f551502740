import { AppError } from "#src/errors.ts";
import { keys } from "#src/platform/keys.ts";
import type { Commit, Table, Write } from "#src/platform/table.ts";
import { getUnit } from "./read.ts";
import type { NewUnit, Unit } from "./unit.ts";

const LEVELS = 16;

export type PutUnitResult = { unit: Unit; created: boolean };

type Deps = { table: Table; commit?: Commit<PutUnitResult> };

/** Makes a unit or replaces what is known of it; `version` (If-Match) must be the one that stands, when given. */
export async function putUnit(deps: Deps, id: string, input: NewUnit, version?: number): Promise<PutUnitResult> {
  const before = await getUnit(deps, id);
  if (version !== undefined && before?.version !== version) throw stale();
  if (input.parentId !== undefined) await checkParent(deps, id, input.parentId);
  const unit: Unit = { id, version: (before?.version ?? 0) + 1, ...input };
  const result = { unit, created: before === undefined };
  const writes: Write[] = [
    { put: { ...keys.unit(id), ...unit }, if: before ? { version: before.version } : { absent: true } },
    { put: { ...keys.unitListing(id), ...unit } },
  ];
  const commit = deps.commit ?? ((all) => deps.table.write(all));
  if (!(await commit(writes, result)).ok) throw stale();
  return result;
}

async function checkParent(deps: Deps, id: string, parentId: string): Promise<void> {
  let above: string | undefined = parentId;
  for (let level = 0; above !== undefined; level++) {
    if (above === id || level === LEVELS)
      throw wrongParent("PARENT_CYCLE", "上级单位不得循环", "a unit cannot stand above itself");
    const unit: Unit | undefined = await getUnit(deps, above);
    if (unit === undefined && level === 0)
      throw wrongParent("PARENT_UNKNOWN", "没有这个上级单位", "no such parent unit");
    above = unit?.parentId;
  }
}

function wrongParent(code: string, zh: string, en: string): AppError {
  const errors = [{ pointer: "/parentId", code, detail: { zh, en } }];
  return new AppError("invalid", "INPUT", { zh: "内容有误", en: "the input is not acceptable" }, { errors });
}

function stale(): AppError {
  const zh = "单位信息已被他人修改，请重新读取";
  return new AppError("stale", "VERSION", { zh, en: "the unit was changed meanwhile; read it again" });
}
