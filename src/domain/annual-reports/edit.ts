import type { Caller } from "#src/domain/members/member.ts";
import { AppError } from "#src/errors.ts";
import type { Table } from "#src/platform/table.ts";
import type { Report, State } from "./annual-report.ts";
import { applyChanges, derived } from "./apply.ts";
import type { FieldChanges } from "./fields.ts";
import { openReport } from "./rights.ts";
import { moved, unacceptable, wrongState } from "./step.ts";
import { reportWrites } from "./store.ts";

/** What a change of content makes of a state: it takes a review or an approval back; absent: no change is possible. */
const AFTER_EDIT: Partial<Record<State, State>> = {
  draft: "draft",
  sponsor_review: "draft",
  sponsor_approved: "draft",
  sponsor_returned: "sponsor_returned",
  returned: "returned",
  published: "published",
  corrected: "corrected",
};

/**
 * Changes fields of the working copy under If-Match (412 VERSION). Any change voids the sponsor's opinion; on a published
 * report it prepares a correction, and what was published stays as it is.
 */
export async function editReport(
  deps: { table: Table; now: () => Date },
  input: { id: string; caller: Caller; version: number; changes: FieldChanges },
): Promise<Report> {
  const { report: before, unit } = await openReport(deps, input.caller, input.id, ["clerk"]);
  if (before.version !== input.version) throw stale();
  const state = AFTER_EDIT[before.state];
  if (state === undefined) throw wrongState(before.state);
  const { fields, errors } = applyChanges(before.fields, input.changes, { unit, now: deps.now() });
  if (errors.length > 0) throw unacceptable(errors);
  const made = await derived(deps, fields, unit, before.id);
  if (made.contentHash === before.contentHash) return before;
  const at = deps.now().toISOString();
  const { opinion, ...rest } = before;
  const step = {
    at,
    by: input.caller.id,
    action: opinion ? "edit-voids-opinion" : "edit",
    from: before.state,
    to: state,
  };
  const after = moved({ ...rest, ...made, state }, before, step);
  if (!(await deps.table.write(reportWrites(after, before))).ok) throw stale();
  return after;
}

function stale(): AppError {
  const zh = "报告已被他人修改，请重新读取";
  return new AppError("stale", "VERSION", { zh, en: "the report was changed meanwhile; read it again" });
}
