import { fault } from "#src/errors.ts";
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

/** The month of the newest list in the table. */
export const DIVISIONS_UNTIL = { zh: "2023年6月", en: "June 2023" };

const prefectures = new Set<string>();

/**
 * Whether a code may be that of a county made since the table ends: six digits of a prefecture that is in it (its first four). Such
 * a code is taken as it is, for nobody here can say that it is wrong; its name is not known.
 */
export function mayBeNewer(code: string): boolean {
  if (prefectures.size === 0) for (const known of divisions().keys()) prefectures.add(known.slice(0, 4));
  return /^\d{6}$/.test(code) && !code.endsWith("00") && !divisions().has(code) && prefectures.has(code.slice(0, 4));
}

/** Whether somebody may enter it: a code in use, retired, or newer than the table. */
export function isDivisionCode(code: string): boolean {
  return findDivision(code) !== undefined || mayBeNewer(code);
}

export const DIVISION_UNKNOWN = fault(
  "DIVISION_UNKNOWN",
  `没有这个行政区划代码（代码表截至${DIVISIONS_UNTIL.zh}，不确定可不填）`,
  `there is no such division code (the list is of ${DIVISIONS_UNTIL.en}; leave it out when in doubt)`,
);

/** Divisions in use that bear the name; a name such as 城关区 stands for several. */
export function divisionsNamed(name: string): Division[] {
  return [...divisions().values()].filter((division) => division.name === name && division.validTo === undefined);
}
