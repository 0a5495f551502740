import type { Caller } from "#src/domain/members/member.ts";
import { AppError } from "#src/errors.ts";
import { keys } from "#src/platform/keys.ts";
import type { Commit, Write } from "#src/platform/table.ts";
import { type Announcement, statusOf, type Work } from "./announcement.ts";
import { attributionOf } from "./attribution.ts";
import { contentHashMismatch, mayGoOut } from "./permission.ts";
import { type Planned, type Published, planRevision } from "./plan-revision.ts";
import { announcementItem, changedMeanwhile, deskWrites, type Reads, readForCaller, wrongState } from "./store.ts";

const YEAR_MS = 366 * 86_400_000;

export type Scheduled = { id: string; revision: 0; contentHash: string; publishAt: string };

type Deps = Reads & { now: () => Date; commit?: Commit<Published | Scheduled> };

/** Publishes the draft of these bytes now, or at a time to come; the server's clock gives the date. */
export async function publish(
  deps: Deps,
  input: { caller: Caller; id: string; contentHash: string; at?: Date },
): Promise<Published | Scheduled> {
  const announcement = await readForCaller(deps, input.caller, input.id);
  const status = statusOf(announcement);
  if (!announcement.work || (status !== "draft" && status !== "scheduled")) throw wrongState(status);
  if (announcement.work.contentHash !== input.contentHash) throw contentHashMismatch();
  const now = deps.now();
  const { writes, result } = input.at
    ? await planSchedule(deps, announcement, announcement.work, now, input.at)
    : await planRelease(deps, announcement, announcement.work, now);
  const commit = deps.commit ?? ((all) => deps.table.write(all));
  if (!(await commit(writes, result)).ok) throw changedMeanwhile();
  return result;
}

/** The first revision of a draft, if it may go out by now. */
export async function planRelease(deps: Reads, announcement: Announcement, work: Work, now: Date): Promise<Planned> {
  const { column, unitName } = await attributionOf(deps, work.content);
  mayGoOut(work, work.contentHash, column);
  return planRevision(
    {
      id: announcement.id,
      kind: "published",
      content: work.content,
      contentHash: work.contentHash,
      audience: announcement.audience,
      unitName,
      column,
      at: now.toISOString(),
    },
    { announcement },
  );
}

async function planSchedule(
  deps: Reads,
  announcement: Announcement,
  work: Work,
  now: Date,
  at: Date,
): Promise<{ writes: Write[]; result: Scheduled }> {
  const wait = at.getTime() - now.getTime();
  if (!(wait > 0 && wait < YEAR_MS)) throw wrongTime();
  const { column } = await attributionOf(deps, work.content);
  mayGoOut(work, work.contentHash, column);
  const publishAt = at.toISOString();
  const scheduled: Announcement = {
    ...announcement,
    version: announcement.version + 1,
    work: { ...work, publishAt },
    updatedAt: now.toISOString(),
  };
  const before = work.publishAt;
  return {
    writes: [
      { put: announcementItem(scheduled), if: { version: announcement.version } },
      { put: { ...keys.scheduled(publishAt, announcement.id), id: announcement.id, publishAt } },
      ...(before && before !== publishAt ? [{ remove: keys.scheduled(before, announcement.id) }] : []),
      ...deskWrites(scheduled, work),
    ],
    result: { id: announcement.id, revision: 0, contentHash: work.contentHash, publishAt },
  };
}

function wrongTime(): AppError {
  const detail = { zh: "定时发布的时间须在今后一年之内", en: "a time to publish at lies in the coming year" };
  return new AppError("invalid", "AT", detail, { errors: [{ pointer: "/at", code: "AT", detail }] });
}
