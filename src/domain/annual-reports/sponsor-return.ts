import type { Report } from "./annual-report.ts";
import type { ReturnInput } from "./return.ts";
import { type StepDeps, takeStep } from "./step.ts";

/** The sponsor sends it back to the unit, with reasons, per field where that helps. */
export function sponsorReturn(deps: StepDeps, input: ReturnInput): Promise<Report> {
  const rule = { action: "sponsor-return", roles: ["sponsor" as const], from: ["sponsor_review" as const] };
  return takeStep(deps, input, rule, ({ report }, at) => {
    const returned = { by: "sponsor" as const, reason: input.reason, fields: input.fields ?? [], at };
    return { report: { ...report, state: "sponsor_returned", returned }, reason: input.reason };
  });
}
