import { type Caller, hasRole, type Role, sees } from "#src/domain/members/member.ts";
import { AppError } from "#src/errors.ts";
import { keys } from "#src/platform/keys.ts";
import type { Item } from "#src/platform/table.ts";
import { type Case, caseId } from "./case.ts";
import { newestCases } from "./newest.ts";
import { parseCase, type Reads, readCase } from "./store.ts";

/** Who works with cases: of the unit that a case names, or, without a unit of their own, of all. An admin always. */
export const CASE_STAFF = ["duty-officer", "liaison", "clerk"] as const satisfies readonly Role[];

/** Cases as staff may see them, the newest first; `after` is the `next` of the page before, a number. */
export async function listCases(
  deps: Reads,
  caller: Caller,
  request: { limit: number; after?: string },
): Promise<{ items: Case[]; next?: string }> {
  mayWork(caller);
  const { unitId } = caller;
  const page = unitId === undefined ? await newestCases(deps.table, request) : await casesOf(deps, unitId, request);
  const items = page.items.map(parseCase);
  return page.next === undefined ? { items } : { items, next: page.next };
}

async function casesOf(
  deps: Reads,
  unitId: string,
  request: { limit: number; after?: string },
): Promise<{ items: Item[]; next?: string }> {
  const { pk } = keys.caseOfUnit(unitId, "");
  const { items: rows, ...more } = await deps.table.query({ pk, reverse: true, ...request });
  const found = await deps.table.getMany(rows.map(({ number }) => keys.case(String(number))));
  return { items: found.filter((item) => item !== undefined), ...more };
}

/** The case by its id or its number. AppError "not-found" for one of another unit as well: for the caller there is none. */
export async function caseForStaff(deps: Reads, caller: Caller, id: string): Promise<Case> {
  mayWork(caller);
  const number = numberIn(id);
  const found = number === undefined ? undefined : await readCase(deps, number);
  if (!found || !(found.unitId === undefined ? caller.unitId === undefined : sees(caller, found.unitId)))
    throw new AppError("not-found", "NOT_FOUND", { zh: "没有这个事项", en: "there is no such case" });
  return found;
}

function mayWork(caller: Caller): void {
  if (!hasRole(caller, ...CASE_STAFF))
    throw new AppError("forbidden", "FORBIDDEN", { zh: "没有执行此操作的权限", en: "you may not do this" });
}

/** The number of a case, from itself or from an id; undefined for what cannot be either. */
export function numberIn(id: string): string | undefined {
  const [, day, rest] = /^(?:case_)?(\d{8})-?([0-9A-HJKMNP-TV-Z]{10})$/.exec(id) ?? [];
  const number = `${day}-${rest}`;
  return day !== undefined && (id === number || id === caseId(number)) ? number : undefined;
}
