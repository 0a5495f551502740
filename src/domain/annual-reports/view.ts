import { exactAmount, shownAmount } from "./amount.ts";
import type { Report, Warning } from "./annual-report.ts";
import { NONE_DECLARED } from "./declared.ts";
import { AMOUNTS, type Fields } from "./fields.ts";
import { figuresIn } from "./figures.ts";
import { type Lateness, lateness } from "./lateness.ts";
import { filedOn } from "./store.ts";

/** The fields as callers write them: amounts are exact decimals in 万元, of two places at least. */
export function fieldsView(fields: Fields) {
  const { donations } = fields;
  return {
    ...fields,
    registeredCapital: amountView(fields.registeredCapital),
    netAssetsOpening: amountView(fields.netAssetsOpening),
    netAssetsClosing: amountView(fields.netAssetsClosing),
    donations:
      donations === null || donations === NONE_DECLARED
        ? donations
        : donations.map((donation) => ({
            ...donation,
            amount: exactAmount(donation.amount),
            used: exactAmount(donation.used),
            balance: exactAmount(donation.balance),
          })),
  };
}

function amountView(fen: number | null): string | null {
  return fen === null ? null : exactAmount(fen);
}

/** The amounts once more, in whole fen and as readers see them. */
export function amountsView(fields: Fields): Record<string, { fen: number; text: string }> {
  const amounts: Record<string, { fen: number; text: string }> = {};
  for (const name of AMOUNTS) {
    const fen = fields[name];
    if (fen !== null) amounts[name] = { fen, text: shownAmount(fen) };
  }
  return amounts;
}

/** A report as its people see it: the fields at the top, then what hangs on them. Late is reckoned now while it is not filed. */
export function reportView(report: Report, now: Date) {
  const { fields, warnings, ...rest } = report;
  const due = lateness(fields.reportYear, filedOn(report, now));
  return {
    ...rest,
    ...fieldsView(fields),
    amounts: amountsView(fields),
    figures: figuresIn(fields.activities ?? ""),
    ...due,
    warnings: [...lateWarning(due), ...warnings],
  };
}
export type ReportView = ReturnType<typeof reportView>;

function lateWarning({ late, daysLate, dueDate }: Lateness): Warning[] {
  if (!late) return [];
  const detail = { zh: `逾期${daysLate}天（应于${dueDate}前报送）`, en: `${daysLate} days late (due by ${dueDate})` };
  return [{ code: "LATE", pointer: "/reportYear", detail, days: daysLate }];
}
