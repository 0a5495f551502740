import { z } from "zod";
import { type Caller, sees } from "#src/domain/members/member.ts";
import { findUnitNamed, getUnit } from "#src/domain/units/read.ts";
import { type Unit, UnitId } from "#src/domain/units/unit.ts";
import type { NewId } from "#src/ids.ts";
import type { Commit, Table } from "#src/platform/table.ts";
import type { Report, Warning } from "./annual-report.ts";
import { applyChanges, derived } from "./apply.ts";
import { emptyFields, FieldChanges } from "./fields.ts";
import { overtaken, unacceptable } from "./step.ts";
import { reportWrites } from "./store.ts";

export type DraftDeps = { table: Table; now: () => Date; newId: NewId; commit?: Commit<Report> };

/** A draft may leave anything open but its year; `unitId` for callers who act for every unit. */
export const NewReport = z.strictObject({
  ...FieldChanges.shape,
  reportYear: FieldChanges.shape.reportYear.unwrap(),
  unitId: UnitId.exactOptional(),
});
export type NewReport = z.infer<typeof NewReport>;

/** `origin`: what an imported page says about itself. */
export type Origin = { originalDate?: string; division?: string; warnings?: Warning[] };

/** Opens a report of the caller's unit (or the one named) on an ended year; what is missing becomes warnings. */
export async function draftReport(
  deps: DraftDeps,
  input: { caller: Caller; report: NewReport; origin?: Origin },
): Promise<Report> {
  const { unitId, ...changes } = input.report;
  const unit = await unitFor(deps, input.caller, { unitId, institutionName: changes.institutionName });
  const { fields, errors } = applyChanges(emptyFields(changes.reportYear), changes, { unit, now: deps.now() });
  if (errors.length > 0) throw unacceptable(errors);
  const at = deps.now().toISOString();
  const { originalDate, warnings = [], division = unit.division } = input.origin ?? {};
  const made = await derived(deps, fields, unit);
  const report: Report = {
    id: deps.newId("rep"),
    version: 1,
    unitId: unit.id,
    unitName: unit.name,
    state: "draft",
    ...made,
    warnings: [...made.warnings, ...warnings],
    ...(division === undefined ? {} : { division }),
    ...(originalDate === undefined ? {} : { originalDate }),
    createdAt: at,
    updatedAt: at,
    revision: 0,
    history: [{ at, by: input.caller.id, action: input.origin ? "import" : "draft", to: "draft" }],
  };
  const commit = deps.commit ?? ((all) => deps.table.write(all));
  if (!(await commit(reportWrites(report), report)).ok) throw overtaken();
  return report;
}

type Wanted = { unitId: string | undefined; institutionName: string | null | undefined };

/** A caller without a unit names one, or the institution's name decides when just one unit bears it. */
async function unitFor(deps: DraftDeps, caller: Caller, wanted: Wanted): Promise<Unit> {
  const id = wanted.unitId ?? caller.unitId;
  if (id !== undefined && !sees(caller, id)) throw unknownUnit();
  const name = wanted.institutionName;
  const unit = id === undefined ? name && (await findUnitNamed(deps, name)) : await getUnit(deps, id);
  if (unit) return unit;
  if (id !== undefined) throw unknownUnit();
  const detail = { zh: "请指明单位（unitId）", en: "name the unit (unitId)" };
  throw unacceptable([{ pointer: "/unitId", code: "UNIT_REQUIRED", detail }]);
}

export function unknownUnit() {
  const detail = { zh: "没有这个单位", en: "there is no such unit" };
  return unacceptable([{ pointer: "/unitId", code: "UNIT_UNKNOWN", detail }]);
}
