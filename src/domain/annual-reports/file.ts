import type { Report } from "./annual-report.ts";
import { opinionMissing, otherContent, type StepDeps, type StepInput, takeStep } from "./step.ts";

/** Files what the sponsor approved with the registrar; nothing else can be filed. Late is taken and marked. */
export function fileReport(deps: StepDeps, input: StepInput): Promise<Report> {
  const from: Report["state"][] = ["draft", "sponsor_review", "sponsor_returned", "sponsor_approved"];
  const rule = { action: "file", roles: ["clerk" as const, "sponsor" as const], from };
  return takeStep(deps, input, rule, ({ report }, at) => {
    if (report.opinion === undefined) throw opinionMissing();
    if (report.opinion.contentHash !== report.contentHash) throw otherContent();
    return { report: { ...report, state: "filed", filedAt: at } };
  });
}
