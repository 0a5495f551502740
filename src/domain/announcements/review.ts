import { z } from "zod";
import type { Caller } from "#src/domain/members/member.ts";
import { AppError } from "#src/errors.ts";
import { keys } from "#src/platform/keys.ts";
import type { Commit, Write } from "#src/platform/table.ts";
import { type Announcement, type Review, statusOf } from "./announcement.ts";
import { attributionOf } from "./attribution.ts";
import type { Manuscript } from "./draft.ts";
import { contentHashMismatch } from "./permission.ts";
import { announcementItem, changedMeanwhile, deskWrites, type Reads, readForCaller, wrongState } from "./store.ts";

export const ContentHash = z.string().regex(/^[0-9a-f]{64}$/);

export const NewReview = z.strictObject({
  contentHash: ContentHash,
  decision: z.enum(["approve", "return"]),
  comment: z.string().trim().max(1000).optional(),
});
export type NewReview = z.infer<typeof NewReview>;

type Deps = Reads & { now: () => Date; commit?: Commit<Manuscript> };

/** One reviewer's decision on exactly these bytes. Who wrote any of them may not review; a return calls off a schedule. */
export async function review(
  deps: Deps,
  input: { caller: Caller; id: string; review: NewReview },
): Promise<Manuscript> {
  const { caller } = input;
  const { contentHash, decision, comment } = input.review;
  const old = await readForCaller(deps, caller, input.id);
  const { work } = old;
  if (!work || statusOf(old) === "returned") throw wrongState(statusOf(old));
  if (work.contentHash !== contentHash) throw contentHashMismatch();
  if (work.authorIds.includes(caller.id))
    throw new AppError("forbidden", "SELF_REVIEW", {
      zh: "不能审核自己撰写或修改过的内容",
      en: "nobody reviews a text that they wrote or changed",
    });
  if (work.reviews.some(({ reviewerId }) => reviewerId === caller.id))
    throw new AppError("conflict", "ALREADY_REVIEWED", {
      zh: "您已经审核过这份内容",
      en: "you have reviewed this text already",
    });
  const at = deps.now().toISOString();
  const said: Review = {
    reviewerId: caller.id,
    reviewerName: caller.name,
    decision,
    ...(comment ? { comment } : {}),
    at,
  };
  const { publishAt, ...open } = work;
  const off = decision === "return" ? publishAt : undefined;
  const announcement: Announcement = {
    ...old,
    version: old.version + 1,
    work: { ...(off ? open : work), reviews: [...work.reviews, said] },
    updatedAt: at,
  };
  const result = { announcement, content: work.content, contentHash, ...(await attributionOf(deps, work.content)) };
  const writes: Write[] = [
    { put: announcementItem(announcement), if: { version: old.version } },
    ...deskWrites(announcement, work),
    ...(off ? [{ remove: keys.scheduled(off, old.id) }] : []),
  ];
  const commit = deps.commit ?? ((all) => deps.table.write(all));
  if (!(await commit(writes, result)).ok) throw changedMeanwhile();
  return result;
}
