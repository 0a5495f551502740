import { DIVISION_TABLE } from "./division-table.ts";

/** `validFrom` and `validTo` are months `YYYY-MM`; without `validTo` the code is in use. */
export type Division = { code: string; name: string; validFrom?: string; validTo?: string; successors: string[] };

const LINE = /^(\d{6}) (\S+)(?: (\S*?)\.\.(\S*))?(?: >(\S+))?$/;

function readDivisions(): Map<string, Division> {
  const divisions = new Map<string, Division>();
  for (const line of DIVISION_TABLE.trim().split("\n")) {
    const [, code = "", name = "", validFrom, validTo, successors] = LINE.exec(line) ?? [];
    const division: Division = { code, name, successors: successors?.split(",") ?? [] };
    if (validFrom) division.validFrom = validFrom;
    if (validTo) division.validTo = validTo;
    divisions.set(code, division);
  }
  return divisions;
}

let loaded: Map<string, Division> | undefined;

export function divisions(): ReadonlyMap<string, Division> {
  loaded ??= readDivisions();
  return loaded;
}

/** The division of a six-digit code, in use or retired: a code of its day stays right on what was issued then. */
export function findDivision(code: string): Division | undefined {
  return divisions().get(code);
}

/** Divisions in use that bear the name; a name such as 城关区 stands for several. */
export function divisionsNamed(name: string): Division[] {
  return [...divisions().values()].filter((division) => division.name === name && division.validTo === undefined);
}
