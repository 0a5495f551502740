import { contentHash } from "#src/domain/announcements/content-hash.ts";
import type { Unit } from "#src/domain/units/unit.ts";
import { checkInstitutionUscc } from "#src/domain/units/uscc.ts";
import { AppError, type InputError } from "#src/errors.ts";
import { keys } from "#src/platform/keys.ts";
import type { Report } from "./annual-report.ts";
import type { FieldChanges, Fields } from "./fields.ts";
import { lastEndedYear } from "./lateness.ts";
import { ReportRow } from "./rows.ts";
import type { Reads } from "./store.ts";
import { warningsOf } from "./warnings.ts";

/** An item of the table holds 400 KB; the rest is for history and opinion. */
const MAX_BYTES = 300_000;

/** Fields with changes applied, and what is wrong with the result: `USCC_*`, `REPORT_YEAR` for a year not yet over. */
export function applyChanges(
  before: Fields,
  changes: FieldChanges,
  context: { unit: Unit; now: Date },
): { fields: Fields; errors: InputError[] } {
  const fields: Fields = { ...before, ...changes };
  const errors: InputError[] = [];
  if (fields.uscc !== null) {
    const legacyAccepted = context.unit.legacyAccepted !== undefined;
    const { uscc, fault } = checkInstitutionUscc(fields.uscc, { legacyAccepted });
    fields.uscc = uscc;
    if (fault) errors.push({ pointer: "/uscc", ...fault });
  }
  const last = lastEndedYear(context.now);
  if (fields.reportYear > last) {
    const zh = `${fields.reportYear}年尚未结束，最近可报告的年度是${last}年`;
    const en = `${fields.reportYear} has not ended; the latest year to report on is ${last}`;
    errors.push({ pointer: "/reportYear", code: "REPORT_YEAR", detail: { zh, en } });
  }
  if (Buffer.byteLength(JSON.stringify(fields)) > MAX_BYTES)
    throw new AppError("too-large", "REPORT_SIZE", { zh: "报告过长", en: "the report is too long" });
  return { fields, errors };
}

/** What hangs on the fields: their hash and the warnings. `id`: the report's own, once it has one. */
export async function derived(
  deps: Reads,
  fields: Fields,
  unit: Unit,
  id?: string,
): Promise<Pick<Report, "fields" | "contentHash" | "warnings">> {
  const [prior, same] = await Promise.all([
    publishedOn(deps, unit.id, fields.reportYear - 1),
    publishedOn(deps, unit.id, fields.reportYear),
  ]);
  const context = {
    unit,
    priorClosing: prior[0]?.netAssetsClosing ?? null,
    another: same.find((row) => row.id !== id)?.id,
  };
  return { fields, contentHash: contentHash(fields), warnings: warningsOf(fields, context) };
}

/** The unit's reports on a year that stand published, the newest first. */
async function publishedOn(deps: Reads, unitId: string, year: number): Promise<ReportRow[]> {
  const { pk, sk } = keys.reportOf(unitId, year, "");
  const { items } = await deps.table.query({ pk, prefix: sk, limit: 100, reverse: true });
  const rows = items.map((item) => ReportRow.parse(item));
  return rows.filter(({ state }) => state === "published" || state === "corrected");
}
