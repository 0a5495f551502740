import { getUnit } from "#src/domain/units/read.ts";
import { AppError, type InputError } from "#src/errors.ts";
import type { Content } from "./announcement.ts";
import type { Column } from "./column.ts";
import { getColumn } from "./columns.ts";
import type { Reads } from "./store.ts";

export type Attribution = { column: Column; unitName: string };

/** The unit and the column that a content names, frozen into its revision; 422 where one of them does not exist. */
export async function attributionOf(deps: Reads, content: Pick<Content, "column" | "unitId">): Promise<Attribution> {
  const [column, unit] = await Promise.all([getColumn(deps, content.column), getUnit(deps, content.unitId)]);
  if (column && unit) return { column, unitName: unit.name };
  const errors: InputError[] = [];
  if (!column)
    errors.push({
      pointer: "/column",
      code: "COLUMN_UNKNOWN",
      detail: { zh: "没有这个栏目", en: "there is no such column" },
    });
  if (!unit)
    errors.push({
      pointer: "/unitId",
      code: "UNIT_UNKNOWN",
      detail: { zh: "没有这个单位", en: "there is no such unit" },
    });
  throw new AppError("invalid", "INPUT", { zh: "内容有误", en: "the input is not acceptable" }, { errors });
}
