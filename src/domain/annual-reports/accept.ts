import type { Report } from "./annual-report.ts";
import { type StepDeps, type StepInput, takeStep } from "./step.ts";

/** The registrar's formal check is passed; the unit answers for the truth. */
export function acceptReport(deps: StepDeps, input: StepInput): Promise<Report> {
  const rule = { action: "accept", roles: ["registrar" as const], from: ["filed" as const] };
  return takeStep(deps, input, rule, ({ report }, at) => ({
    report: { ...report, state: "accepted", acceptedAt: at },
  }));
}
