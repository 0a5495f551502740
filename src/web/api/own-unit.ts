import type { Caller } from "#src/domain/members/member.ts";
import { invalidInput } from "#src/web/input.ts";

/** The unit that is named, else the caller's own; 422 when there is neither. */
export function unitOf(caller: Caller, named: string | undefined): string {
  const unitId = named ?? caller.unitId;
  if (unitId !== undefined) return unitId;
  throw invalidInput([{ pointer: "/unitId", code: "REQUIRED", detail: { zh: "请指明单位", en: "name the unit" } }]);
}
