import type { Caller, Role } from "#src/domain/members/member.ts";
import { AppError, type InputError } from "#src/errors.ts";
import type { Commit, Table, Write } from "#src/platform/table.ts";
import type { Report, State, Step } from "./annual-report.ts";
import { type Opened, openReport } from "./rights.ts";
import { reportWrites } from "./store.ts";

export type StepDeps = { table: Table; now: () => Date; commit?: Commit<Report> };
export type StepInput = { id: string; caller: Caller; contentHash?: string };

const HISTORY = 200;

/** What a step changes, and what else goes into its transaction. */
export type Change = { report: Report; reason?: string; writes?: Write[] };

/**
 * One move of the state machine: the right person, the right state, the right bytes, one conditional transaction.
 * 403 FORBIDDEN, 404, 409 STATE, 409 CONTENT_HASH_MISMATCH when the caller names other bytes than those that stand.
 */
export async function takeStep(
  deps: StepDeps,
  input: StepInput,
  rule: { action: string; roles: Role[]; from: State[] },
  change: (opened: Opened, at: string) => Change | Promise<Change>,
): Promise<Report> {
  const opened = await openReport(deps, input.caller, input.id, rule.roles);
  const before = opened.report;
  if (!rule.from.includes(before.state)) throw wrongState(before.state);
  if (input.contentHash !== undefined && input.contentHash !== before.contentHash) throw otherContent();
  const at = deps.now().toISOString();
  const { report, reason, writes = [] } = await change(opened, at);
  const step: Step = { at, by: input.caller.id, action: rule.action, from: before.state, to: report.state };
  if (reason !== undefined) step.reason = reason;
  const after = moved(report, before, step);
  const commit = deps.commit ?? ((all) => deps.table.write(all));
  if (!(await commit([...reportWrites(after, before), ...writes], after)).ok) throw overtaken();
  return after;
}

/** The next version, with one more line of history. */
export function moved(report: Report, before: Report, step: Step): Report {
  const history = [...before.history, step].slice(-HISTORY);
  return { ...report, version: before.version + 1, updatedAt: step.at, history };
}

export function wrongState(state: State): AppError {
  const zh = `当前状态（${state}）不允许此操作`;
  return new AppError("conflict", "STATE", { zh, en: `the report is in state ${state}, which does not allow this` });
}

export function otherContent(): AppError {
  const zh = "内容已变更，与所核对的不是同一份";
  return new AppError("conflict", "CONTENT_HASH_MISMATCH", { zh, en: "the content is not the one that was looked at" });
}

export function opinionMissing(): AppError {
  const zh = "缺少举办单位对当前内容的审查意见";
  return new AppError("conflict", "SPONSOR_OPINION_MISSING", { zh, en: "the sponsor has not approved this content" });
}

export function unacceptable(errors: InputError[]): AppError {
  return new AppError("invalid", "INPUT", { zh: "内容有误", en: "the input is not acceptable" }, { errors });
}

export function overtaken(): AppError {
  const zh = "刚刚有人处理过，请重新读取";
  return new AppError("conflict", "STATE", { zh, en: "somebody else acted on it just now; read it again" });
}
