import { type Caller, hasRole, type Role, sees } from "#src/domain/members/member.ts";
import { getUnit } from "#src/domain/units/read.ts";
import type { Unit } from "#src/domain/units/unit.ts";
import { AppError } from "#src/errors.ts";
import type { Report } from "./annual-report.ts";
import { noSuchReport, type Reads, readReport } from "./store.ts";

export type Opened = { report: Report; unit: Unit };

/**
 * A report for somebody who acts on it: its unit's people, the sponsors of the unit above, registrars of any unit.
 * For everybody else it does not exist (404); who sees it but may not act gets 403.
 */
export async function openReport(deps: Reads, caller: Caller, id: string, roles: Role[]): Promise<Opened> {
  const report = await readReport(deps, id);
  const unit = report && (await getUnit(deps, report.unitId));
  if (!report || !unit || !mayKnow(caller, unit)) throw noSuchReport();
  if (!roles.some((role) => hasRole(caller, role) && reaches(caller, unit, role))) throw notYours(roles);
  return { report, unit };
}

/** Whether the reports of a unit exist for the caller at all. */
export function mayKnow(caller: Caller, unit: Unit): boolean {
  return sees(caller, unit.id) || hasRole(caller, "registrar") || reaches(caller, unit, "sponsor");
}

function reaches(caller: Caller, unit: Unit, role: Role): boolean {
  if (role === "registrar" || sees(caller, unit.id)) return true;
  return role === "sponsor" && hasRole(caller, "sponsor") && caller.unitId === unit.parentId;
}

function notYours(roles: Role[]): AppError {
  const zh = `需要以下角色之一：${roles.join("、")}`;
  return new AppError("forbidden", "FORBIDDEN", { zh, en: `this takes one of the roles ${roles.join(", ")}` });
}
