import { planCorrection } from "#src/domain/announcements/publish-direct.ts";
import { AppError } from "#src/errors.ts";
import { announced } from "./announced.ts";
import type { Report, SponsorOpinion } from "./annual-report.ts";
import { applyChanges, derived } from "./apply.ts";
import type { FieldChanges } from "./fields.ts";
import { missingIn } from "./missing.ts";
import { signed } from "./opinion.ts";
import { revisionOf } from "./revision.ts";
import { opinionMissing, otherContent, type StepDeps, type StepInput, takeStep, unacceptable } from "./step.ts";
import { noSuchReport, readRevision, revisionWrites } from "./store.ts";

export type CorrectInput = Omit<StepInput, "contentHash"> & {
  contentHash: string;
  reason: string;
  opinion?: SponsorOpinion;
  changes: FieldChanges;
};

/**
 * Publishes the working copy (prepared by edits, or with the changes given here) as the next revision. The sponsor signs it:
 * `contentHash` is that of the resulting content, or with changes that of the content they start from. What was
 * published before stays readable.
 */
export function correctReport(deps: StepDeps, input: CorrectInput): Promise<Report> {
  const { contentHash: approved, ...rest } = input;
  const from: Report["state"][] = ["published", "corrected"];
  const rule = { action: "correct", roles: ["sponsor" as const], from };
  return takeStep(deps, rest, rule, async ({ report, unit }, at) => {
    const before = await readRevision(deps, report.id, report.revision);
    if (!before || !report.announcementId) throw noSuchReport();
    const { fields, errors } = applyChanges(report.fields, input.changes, { unit, now: deps.now() });
    const wrong = [...errors, ...missingIn(fields), ...unchanged(fields.reportYear, before.fields.reportYear)];
    if (wrong.length > 0) throw unacceptable(wrong);
    const made = await derived(deps, fields, unit, report.id);
    const start = Object.keys(input.changes).length > 0 ? report.contentHash : made.contentHash;
    if (approved !== made.contentHash && approved !== start) throw otherContent();
    if (made.contentHash === before.contentHash) throw noChange();
    if (input.opinion === undefined) throw opinionMissing();
    const opinion = signed(input.opinion, { contentHash: made.contentHash, by: input.caller.id, at });
    const next: Report = {
      ...report,
      ...made,
      state: "corrected",
      opinion,
      revision: report.revision + 1,
      publishedAt: at,
    };
    const { reason } = input;
    const revision = revisionOf(next, { kind: "corrected", reason, firstPublishedAt: before.firstPublishedAt });
    const planned = await planCorrection(deps, { id: report.announcementId, content: announced(next), reason });
    return { report: next, reason, writes: [...revisionWrites(revision), ...planned.writes] };
  });
}

function unchanged(year: number, published: number) {
  if (year === published) return [];
  const detail = { zh: "更正不得改变报告年度", en: "a correction cannot change the report year" };
  return [{ pointer: "/reportYear", code: "REPORT_YEAR", detail }];
}

function noChange(): AppError {
  const zh = "内容与已公布的相同，无须更正";
  return new AppError("conflict", "NO_CHANGE", { zh, en: "the content is what is published already" });
}
