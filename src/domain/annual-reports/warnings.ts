import type { Unit } from "#src/domain/units/unit.ts";
import { checkInstitutionUscc } from "#src/domain/units/uscc.ts";
import type { InputError } from "#src/errors.ts";
import { shownAmount } from "./amount.ts";
import type { Warning } from "./annual-report.ts";
import { NONE_DECLARED } from "./declared.ts";
import type { Fields } from "./fields.ts";
import { figuresIn } from "./figures.ts";
import { missingIn } from "./missing.ts";
import { mismatches } from "./registry.ts";

/**
 * `priorClosing`: fen at the end of the year before, from the report that was published on it; `another`: the report that
 * stands published on the same year.
 */
type Context = { unit: Unit; priorClosing?: number | null; another?: string | undefined };

/** Everything a clerk, a sponsor and a registrar should look at in a report; nothing of it refuses a draft. */
export function warningsOf(fields: Fields, context: Context): Warning[] {
  return [
    ...asWarnings(missingIn(fields)),
    ...asWarnings(mismatches(fields, context.unit, { withName: true })),
    ...usccWarnings(fields, context.unit),
    ...amountWarnings(fields, context.priorClosing ?? null),
    ...qualificationWarnings(fields),
    ...figureWarnings(fields),
    ...(context.another === undefined ? [] : [twice(fields.reportYear, context.another)]),
  ];
}

function asWarnings(errors: InputError[]): Warning[] {
  return errors.map(({ code, pointer, detail }) => ({ code, pointer, detail }));
}

function usccWarnings(fields: Fields, unit: Unit): Warning[] {
  if (fields.uscc === null) return [];
  const { warnings } = checkInstitutionUscc(fields.uscc, { legacyAccepted: unit.legacyAccepted !== undefined });
  return warnings.map(({ code, detail }) => ({ code, pointer: "/uscc", detail }));
}

function unitWarnings(fields: Fields): Warning[] {
  const { registeredCapital: capital } = fields;
  if (capital === null || capital <= 0) return [];
  return (["netAssetsOpening", "netAssetsClosing"] as const).flatMap((name) => {
    const factor = Math.abs(fields[name] ?? 0) / capital;
    if (!(factor > 2000 && factor < 50_000) && !(factor > 1 / 50_000 && factor < 1 / 2000)) return [];
    const zh = "开办资金与净资产相差约一万倍，请核对是否误将元填作万元";
    return [warning("AMOUNT_UNIT_SUSPECT", `/${name}`, zh, "yuan may have been typed as 万元")];
  });
}

/** Capital off by more than a fifth asks for a change of registration (实施细则 2005, Art. 45). */
function amountWarnings(fields: Fields, priorClosing: number | null): Warning[] {
  const { registeredCapital: capital, netAssetsOpening: opening, netAssetsClosing: closing } = fields;
  const warnings = unitWarnings(fields);
  if (capital !== null && capital > 0 && closing !== null) {
    const drift = (closing - capital) / capital;
    if (Math.abs(drift) > 0.2) {
      const percent = `${(drift * 100).toFixed(2)}%`;
      const zh = `净资产与开办资金相差${percent}，超过20%，应说明或办理变更登记`;
      const en = `net assets differ from the registered capital by ${percent}: more than 20 % needs a statement or a change`;
      warnings.push(warning("CAPITAL_DRIFT", "/netAssetsClosing", zh, en));
    }
  }
  if (priorClosing !== null && opening !== null && opening !== priorClosing) {
    const zh = `年初数与上一年度的年末数（${shownAmount(priorClosing)}）不一致，请说明`;
    const en = `the opening figure is not last year's closing figure (${shownAmount(priorClosing)})`;
    warnings.push(warning("OPENING_NE_PRIOR", "/netAssetsOpening", zh, en));
  }
  return warnings;
}

function qualificationWarnings(fields: Fields): Warning[] {
  if (fields.qualifications === null || fields.qualifications === NONE_DECLARED) return [];
  const lastDay = `${fields.reportYear}-12-31`;
  return fields.qualifications.flatMap(({ name, to }, i) => {
    if (to === undefined || to >= lastDay) return [];
    const zh = `“${name}”在报告年度内已到期`;
    return [warning("QUALIFICATION_EXPIRED", `/qualifications/${i}/to`, zh, `"${name}" ran out within the year`)];
  });
}

function figureWarnings(fields: Fields): Warning[] {
  return figuresIn(fields.activities ?? "")
    .filter((figure) => figure.contradictory)
    .map(({ text }) => {
      const zh = `“${text}”的修饰词互相矛盾`;
      return warning("CONTRADICTORY_QUALIFIER", "/activities", zh, `the qualifiers of "${text}" contradict each other`);
    });
}

function twice(year: number, id: string): Warning {
  const zh = `${year}年度已有公示的报告（${id}），更正请在原报告上进行`;
  return warning("YEAR_ALREADY_PUBLISHED", "/reportYear", zh, `a report on ${year} is published already: ${id}`);
}

function warning(code: string, pointer: string, zh: string, en: string): Warning {
  return { code, pointer, detail: { zh, en } };
}
