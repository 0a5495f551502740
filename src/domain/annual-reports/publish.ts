import { planPublish } from "#src/domain/announcements/publish-direct.ts";
import { announced } from "./announced.ts";
import type { Report } from "./annual-report.ts";
import { revisionOf } from "./revision.ts";
import { otherContent, type StepDeps, type StepInput, takeStep, wrongState } from "./step.ts";
import { revisionWrites } from "./store.ts";

/** Publishes an accepted report: its first revision and the announcement of it, in one transaction, once. */
export function publishReport(deps: StepDeps, input: StepInput): Promise<Report> {
  const roles = ["registrar" as const, "sponsor" as const, "clerk" as const];
  return takeStep(deps, input, { action: "publish", roles, from: ["accepted"] }, async ({ report }, at) => {
    if (report.opinion?.contentHash !== report.contentHash) throw otherContent();
    const { writes, result, found } = await planPublish(deps, {
      content: announced(report),
      audience: { kind: "public" },
      idSeed: ["annual-report", report.id],
    });
    if (found !== "nothing") throw wrongState("published");
    const next: Report = { ...report, state: "published", revision: 1, publishedAt: at, announcementId: result.id };
    return { report: next, writes: [...revisionWrites(revisionOf(next, { kind: "published" })), ...writes] };
  });
}
