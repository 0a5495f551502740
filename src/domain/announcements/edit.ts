import type { Caller } from "#src/domain/members/member.ts";
import { AppError } from "#src/errors.ts";
import { keys } from "#src/platform/keys.ts";
import type { Commit, Write } from "#src/platform/table.ts";
import { type Announcement, type Content, type ContentChange, changed, type Work } from "./announcement.ts";
import { attributionOf } from "./attribution.ts";
import { contentHash } from "./content-hash.ts";
import type { Manuscript } from "./draft.ts";
import { mayChangeHere, mayWriteFor } from "./permission.ts";
import {
  announcementItem,
  changedMeanwhile,
  deskWrites,
  noSuchAnnouncement,
  type Reads,
  readForCaller,
  readRevision,
  wrongState,
} from "./store.ts";

type Deps = Reads & { now: () => Date; commit?: Commit<Manuscript> };

export type Edit = { caller: Caller; id: string; version: number; change: ContentChange };

/**
 * Changes a draft, or prepares the correction of what is published. Reviews start anew and a schedule is called off:
 * they were for other bytes. A correction that says what is published already is no longer in work. `version` is any since the text last changed, for a review does not make an edit stale.
 */
export async function edit(deps: Deps, input: Edit): Promise<Manuscript> {
  const { caller } = input;
  const old = await readForCaller(deps, caller, input.id);
  if (input.version > old.version || input.version < (old.work?.editedVersion ?? old.version)) throw stale();
  mayChangeHere(old);
  if (old.state === "withdrawn") throw wrongState(old.state);
  const content = changed(await textOf(deps, old), input.change);
  mayWriteFor(caller, content.unitId);
  const attribution = await attributionOf(deps, content);
  const hash = contentHash(content);
  const version = old.version + 1;
  const work: Work = {
    content,
    contentHash: hash,
    authorIds: [...new Set([...(old.work?.authorIds ?? []), caller.id])],
    reviews: [],
    editedVersion: version,
  };
  const { work: _, ...kept } = old;
  const isUndone = old.state === "published" && hash === old.contentHash;
  const announcement: Announcement = {
    ...kept,
    version,
    unitId: old.state === "draft" ? content.unitId : old.unitId,
    ...(isUndone ? {} : { work }),
    updatedAt: deps.now().toISOString(),
  };
  const result = { announcement, content, contentHash: hash, ...attribution };
  const scheduled = old.work?.publishAt;
  const writes: Write[] = [
    { put: announcementItem(announcement), if: { version: old.version } },
    ...deskWrites(announcement, result, old),
    ...(scheduled ? [{ remove: keys.scheduled(scheduled, old.id) }] : []),
  ];
  const commit = deps.commit ?? ((all) => deps.table.write(all));
  if (!(await commit(writes, result)).ok) throw stale();
  return result;
}

async function textOf(deps: Reads, announcement: Announcement): Promise<Content> {
  if (announcement.work) return announcement.work.content;
  const last = await readRevision(deps, announcement.id, announcement.revision);
  if (!last) throw noSuchAnnouncement();
  return last.content;
}

function stale(): AppError {
  return new AppError("stale", "VERSION", changedMeanwhile().detail);
}
