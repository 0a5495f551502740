import { z } from "zod";

export const ROLES = [
  "clerk",
  "sponsor",
  "registrar",
  "editor",
  "reviewer",
  "duty-officer",
  "liaison",
  "publisher",
  "admin",
] as const;

export const Role = z.enum(ROLES);
export type Role = z.infer<typeof Role>;

/**
 * Who acts: the bearer of a token or of a console session. Without `unitId` a caller acts for every unit
 * (an admin, or automation that an admin made so); with it, objects of other units do not exist for the caller.
 */
export type Caller = { id: string; name: string; roles: Role[]; unitId?: string };

// What an admin of one unit is not: these act on every unit whatever theirs is.
const ABOVE_UNITS: readonly Role[] = ["admin", "registrar"];

/** An admin has every role; one of a single unit has those that a unit can have. */
export function hasRole(caller: Caller | undefined, ...roles: Role[]): caller is Caller {
  if (caller === undefined) return false;
  const ofOneUnit = caller.unitId !== undefined;
  if (caller.roles.includes("admin") && roles.some((role) => !ofOneUnit || !ABOVE_UNITS.includes(role))) return true;
  return roles.some((role) => caller.roles.includes(role) && !(role === "admin" && ofOneUnit));
}

/** Whether an object of this unit exists for the caller at all. */
export function sees(caller: Caller, unitId: string): boolean {
  return caller.unitId === undefined || caller.unitId === unitId;
}
