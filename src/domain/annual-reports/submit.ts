import type { Report } from "./annual-report.ts";
import { missingIn } from "./missing.ts";
import { mismatches } from "./registry.ts";
import { type StepDeps, type StepInput, takeStep, unacceptable } from "./step.ts";

/** Hands a complete draft to the sponsor. 422 names every field that is missing or differs from the registry. */
export function submitReport(deps: StepDeps, input: StepInput): Promise<Report> {
  const rule = { action: "submit", roles: ["clerk" as const], from: STARTS };
  return takeStep(deps, input, rule, ({ report, unit }) => {
    const errors = [...missingIn(report.fields), ...mismatches(report.fields, unit)];
    if (errors.length > 0) throw unacceptable(errors);
    const { opinion: _voided, returned: _answered, ...rest } = report;
    return { report: { ...rest, state: "sponsor_review" } };
  });
}

const STARTS: Report["state"][] = ["draft", "sponsor_returned", "returned"];
