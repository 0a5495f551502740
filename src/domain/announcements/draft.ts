import type { Caller } from "#src/domain/members/member.ts";
import type { NewId } from "#src/ids.ts";
import type { Commit } from "#src/platform/table.ts";
import type { Announcement, Content } from "./announcement.ts";
import { type Attribution, attributionOf } from "./attribution.ts";
import { contentHash } from "./content-hash.ts";
import { mayWriteFor } from "./permission.ts";
import { announcementItem, changedMeanwhile, deskWrites, type Reads } from "./store.ts";

export type Manuscript = { announcement: Announcement; content: Content; contentHash: string } & Attribution;

type Deps = Reads & { now: () => Date; newId: NewId; commit?: Commit<Manuscript> };

/** A new text on the desk of its unit, to be reviewed and published. */
export async function draft(deps: Deps, input: { caller: Caller; content: Content }): Promise<Manuscript> {
  const { caller, content } = input;
  mayWriteFor(caller, content.unitId);
  const attribution = await attributionOf(deps, content);
  const at = deps.now().toISOString();
  const hash = contentHash(content);
  const announcement: Announcement = {
    id: deps.newId("ann"),
    version: 1,
    unitId: content.unitId,
    audience: { kind: "public" },
    state: "draft",
    revision: 0,
    work: { content, contentHash: hash, authorIds: [caller.id], reviews: [], editedVersion: 1 },
    createdAt: at,
    updatedAt: at,
  };
  const result = { announcement, content, contentHash: hash, ...attribution };
  const commit = deps.commit ?? ((writes) => deps.table.write(writes));
  const written = await commit(
    [{ put: announcementItem(announcement), if: { absent: true } }, ...deskWrites(announcement, result)],
    result,
  );
  if (!written.ok) throw changedMeanwhile();
  return result;
}
