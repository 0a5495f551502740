import type { Report, SponsorOpinion } from "./annual-report.ts";
import { signed } from "./opinion.ts";
import { type StepDeps, type StepInput, takeStep } from "./step.ts";

/** The sponsor signs that exactly this content is true, holds no secrets and may be published. */
export function sponsorApprove(
  deps: StepDeps,
  input: StepInput & { contentHash: string; opinion: SponsorOpinion },
): Promise<Report> {
  const rule = { action: "sponsor-approve", roles: ["sponsor" as const], from: ["sponsor_review" as const] };
  return takeStep(deps, input, rule, ({ report }, at) => {
    const { contentHash } = report;
    const opinion = signed(input.opinion, { contentHash, by: input.caller.id, at });
    return { report: { ...report, state: "sponsor_approved", opinion } };
  });
}
