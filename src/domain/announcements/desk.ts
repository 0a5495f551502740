import type { Caller } from "#src/domain/members/member.ts";
import { keys } from "#src/platform/keys.ts";
import { attributionOf } from "./attribution.ts";
import type { Manuscript } from "./draft.ts";
import { DeskEntry, noSuchAnnouncement, type Reads, readForCaller, readRevision } from "./store.ts";

/** What a member of the unit works with: the text in work, else the published one. */
export async function readManuscript(deps: Reads, caller: Caller, id: string): Promise<Manuscript> {
  const announcement = await readForCaller(deps, caller, id);
  const text = announcement.work ?? (await readRevision(deps, id, announcement.revision));
  if (!text) throw noSuchAnnouncement();
  const { content, contentHash } = text;
  return { announcement, content, contentHash, ...(await attributionOf(deps, content)) };
}

/** Drafts and everything else that was worked on, the newest first: of the caller's unit, or of all units. */
export async function listDesk(
  deps: Reads,
  caller: Caller,
  request: { limit: number; after?: string },
): Promise<{ items: DeskEntry[]; next?: string }> {
  const query = {
    reverse: true,
    limit: request.limit,
    ...(request.after === undefined ? {} : { after: request.after }),
  };
  const page =
    caller.unitId === undefined
      ? await deps.table.queryIndex({ pk: "DESK", ...query })
      : await deps.table.query({ pk: keys.desk(caller.unitId, "").pk, ...query });
  const items = page.items.map((item) => DeskEntry().parse(item));
  return page.next === undefined ? { items } : { items, next: page.next };
}
