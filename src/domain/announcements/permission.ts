import { type Caller, sees } from "#src/domain/members/member.ts";
import { AppError } from "#src/errors.ts";
import { type Announcement, approvalsOf, type Work } from "./announcement.ts";
import type { Column } from "./column.ts";

/** For a caller that is bound to a unit, other units do not exist. */
export function mayWriteFor(caller: Caller, unitId: string): void {
  if (!sees(caller, unitId))
    throw new AppError("not-found", "UNIT_UNKNOWN", { zh: "没有这个单位", en: "there is no such unit" });
}

/** A text that was approved elsewhere, an annual report's, is changed there; only an event's may be mended here. */
export function mayChangeHere({ origin }: Announcement): void {
  if (origin !== undefined && origin !== "event")
    throw new AppError("conflict", "ORIGIN", {
      zh: "该公告由其他业务发布，请在原业务中更正或撤回",
      en: "this was published from elsewhere; correct or withdraw it there",
    });
}

export function contentHashMismatch(): AppError {
  return new AppError("conflict", "CONTENT_HASH_MISMATCH", {
    zh: "内容已经变化，与所确认的不一致，请重新核对",
    en: "the content is not the one that was decided on; read it again",
  });
}

/** What was approved is what goes out: as many approvals of these very bytes as the column asks for. */
export function mayGoOut(work: Work | undefined, contentHash: string, column: Column): void {
  const given = work?.contentHash === contentHash ? approvalsOf(work) : 0;
  if (given < column.approvals)
    throw new AppError("conflict", "APPROVALS_MISSING", {
      zh: `栏目“${column.name}”需要${column.approvals}人审核通过，现有${given}人`,
      en: `the column needs ${column.approvals} approvals, ${given} given`,
    });
}
