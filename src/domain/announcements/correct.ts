import { z } from "zod";
import type { Caller } from "#src/domain/members/member.ts";
import { AppError, fault } from "#src/errors.ts";
import type { Commit } from "#src/platform/table.ts";
import {
  type Announcement,
  type Content,
  type ContentChange,
  changed,
  isReturned,
  type Revision,
  statusOf,
} from "./announcement.ts";
import { attributionOf } from "./attribution.ts";
import { contentHash } from "./content-hash.ts";
import { contentHashMismatch, mayChangeHere, mayGoOut, mayWriteFor } from "./permission.ts";
import { type Published, planRevision } from "./plan-revision.ts";
import { changedMeanwhile, noSuchAnnouncement, type Reads, readForCaller, readRevision, wrongState } from "./store.ts";

export const Reason = z
  .string()
  .trim()
  .min(1, fault("REASON_REQUIRED", "请说明原因", "a reason is needed"))
  .max(500, fault("REASON_LENGTH", "原因不得超过500个字", "the reason must have at most 500 characters"));

type Deps = Reads & { now: () => Date; commit?: Commit<Published> };

export type Correction = {
  caller: Caller;
  id: string;
  contentHash: string;
  reason: string;
  change?: ContentChange;
};

/**
 * Publishes the correction that was prepared by edits and reviewed, or the one that `change` makes of the text.
 * `contentHash` names the resulting content; with a `change` it may name the content that the change starts from.
 * Approvals count only for the resulting bytes in either case.
 */
export async function correct(deps: Deps, input: Correction): Promise<Published> {
  const announcement = await readForCaller(deps, input.caller, input.id);
  mayChangeHere(announcement);
  if (announcement.state !== "published" || (announcement.work && isReturned(announcement.work)))
    throw wrongState(statusOf(announcement));
  const last = await readRevision(deps, announcement.id, announcement.revision);
  if (!last) throw noSuchAnnouncement();
  const content = resulting(announcement, last, input);
  const hash = contentHash(content);
  if (hash === last.contentHash)
    throw new AppError("conflict", "UNCHANGED", {
      zh: "内容与已发布的相同",
      en: "this is what is published already",
    });
  mayWriteFor(input.caller, content.unitId);
  const { column, unitName } = await attributionOf(deps, content);
  mayGoOut(announcement.work, hash, column);
  const { writes, result } = planRevision(
    {
      id: announcement.id,
      kind: "corrected",
      content,
      contentHash: hash,
      audience: announcement.audience,
      unitName,
      column,
      reason: input.reason,
      at: deps.now().toISOString(),
    },
    { announcement, last },
  );
  const commit = deps.commit ?? ((all) => deps.table.write(all));
  if (!(await commit(writes, result)).ok) throw changedMeanwhile();
  return result;
}

function resulting({ work }: Announcement, last: Revision, { contentHash: named, change }: Correction): Content {
  for (const base of work ? [work.content, last.content] : [last.content]) {
    const content = change ? changed(base, change) : base;
    if (contentHash(content) === named || (change && contentHash(base) === named)) return content;
  }
  throw contentHashMismatch();
}
