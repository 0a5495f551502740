import { planWithdrawal } from "#src/domain/announcements/publish-direct.ts";
import type { Report } from "./annual-report.ts";
import { type StepDeps, type StepInput, takeStep } from "./step.ts";
import { noSuchReport, readRevision, revisionWrites } from "./store.ts";

/** Withdraws a published report with a reason: the next revision says so, the texts before it stay readable. */
export function withdrawReport(deps: StepDeps, input: StepInput & { reason: string }): Promise<Report> {
  const from: Report["state"][] = ["published", "corrected"];
  const rule = { action: "withdraw", roles: ["sponsor" as const, "registrar" as const], from };
  return takeStep(deps, input, rule, async ({ report }, at) => {
    const before = await readRevision(deps, report.id, report.revision);
    if (!before || !report.announcementId) throw noSuchReport();
    const { reason } = input;
    const next: Report = { ...report, state: "withdrawn", revision: report.revision + 1, publishedAt: at };
    const revision = { ...before, kind: "withdrawn" as const, revision: next.revision, publishedAt: at, reason };
    const planned = await planWithdrawal(deps, { id: report.announcementId, reason });
    return { report: next, reason, writes: [...revisionWrites(revision), ...planned.writes] };
  });
}
