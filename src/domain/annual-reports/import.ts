import type { Caller } from "#src/domain/members/member.ts";
import { divisionsNamed } from "#src/domain/units/divisions.ts";
import { getUnit } from "#src/domain/units/read.ts";
import type { Report, Warning } from "./annual-report.ts";
import { type DraftDeps, draftReport } from "./draft.ts";
import { importPage } from "./import-page.ts";
import { unacceptable } from "./step.ts";

/** Makes a draft of the text of a published page; labels that are not there and values that cannot be are 422, all at once. */
export async function importReport(
  deps: DraftDeps,
  input: { caller: Caller; text: string; unitId?: string },
): Promise<Report> {
  const page = importPage(input.text);
  if ("errors" in page) throw unacceptable(page.errors);
  const unitId = input.unitId ?? input.caller.unitId;
  const unit = unitId === undefined ? undefined : await getUnit(deps, unitId);
  const place = divisionOf(page.divisionName, unit?.division);
  return draftReport(deps, {
    caller: input.caller,
    report: { ...page.fields, ...(unitId === undefined ? {} : { unitId }) },
    origin: {
      warnings: [...page.warnings, ...place.warnings],
      ...(place.division === undefined ? {} : { division: place.division }),
      ...(page.originalDate === undefined ? {} : { originalDate: page.originalDate }),
    },
  });
}

/** A name that several divisions bear is the unit's own division, if that is one of them. */
function divisionOf(name: string | undefined, own: string | undefined): { division?: string; warnings: Warning[] } {
  if (name === undefined) return { warnings: [] };
  const found = divisionsNamed(name);
  const division = found.length === 1 ? found[0] : found.find(({ code }) => code === own);
  if (division !== undefined) return { division: division.code, warnings: [] };
  const detail =
    found.length === 0
      ? { zh: `没有名为“${name}”的行政区划`, en: `no division is called ${name}` }
      : { zh: `有${found.length}个行政区划名为“${name}”`, en: `${found.length} divisions are called ${name}` };
  return { warnings: [{ code: "DIVISION_UNKNOWN", detail }] };
}
