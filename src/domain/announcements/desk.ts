import type { Caller } from "#src/domain/members/member.ts";
import { keys } from "#src/platform/keys.ts";
import type { Key } from "#src/platform/table.ts";
import { attributionOf } from "./attribution.ts";
import type { Manuscript } from "./draft.ts";
import { DeskEntry, IN_WORK, noSuchAnnouncement, type Reads, readForCaller, readRevision } from "./store.ts";

/** What a member of the unit works with: the text in work, else the published one. */
export async function readManuscript(deps: Reads, caller: Caller, id: string): Promise<Manuscript> {
  const announcement = await readForCaller(deps, caller, id);
  const text = announcement.work ?? (await readRevision(deps, id, announcement.revision));
  if (!text) throw noSuchAnnouncement();
  const { content, contentHash } = text;
  return { announcement, content, contentHash, ...(await attributionOf(deps, content)) };
}

type Request = { limit: number; after?: string };
type Entries = { items: DeskEntry[]; next?: string };

/** Drafts and everything else that was worked on, the newest first: of the caller's unit, or of all units. */
export function listDesk(deps: Reads, caller: Caller, request: Request): Promise<Entries> {
  return entries(deps, caller, request, { index: "DESK", of: keys.desk });
}

/** Drafts and corrections in work, the newest announcement first, however much else there is: of the caller's unit, or of all units. */
export function listInWork(deps: Reads, caller: Caller, request: Request): Promise<Entries> {
  return entries(deps, caller, request, { index: IN_WORK, of: keys.inWork });
}

async function entries(
  deps: Reads,
  { unitId }: Caller,
  request: Request,
  list: { index: string; of: (unitId: string, id: string) => Key },
): Promise<Entries> {
  const query = { reverse: true, ...request };
  const page =
    unitId === undefined
      ? await deps.table.queryIndex({ pk: list.index, ...query })
      : await deps.table.query({ pk: list.of(unitId, "").pk, ...query });
  const items = page.items.map((item) => DeskEntry().parse(item));
  return page.next === undefined ? { items } : { items, next: page.next };
}
