import { readRevision } from "#src/domain/announcements/store.ts";
import { combinedReach } from "#src/domain/subscriptions/reach.ts";
import type { Table } from "#src/platform/table.ts";
import { digestNamed } from "./digest.ts";
import { A_DIGEST } from "./digest-text.ts";
import { breaksIn, quietUntil } from "./hold.ts";
import type { Fanout } from "./store.ts";

type Reads = { table: Table; now: () => Date };
type Text = Pick<Fanout, "announcementId" | "revision">;

/** Whether a text waits for the end of its readers' quiet hours, whoever has it sent. */
export async function respectsQuietHours(deps: Reads, text: Text): Promise<boolean> {
  const { announcementId, revision } = text;
  const found = digestNamed(announcementId) ? A_DIGEST : await readRevision(deps, announcementId, revision);
  return !found || !breaksIn(found);
}

/** Until when the quiet hours of this endpoint hold it, by its wishes as they are now; undefined when it may go. */
export async function quietNow(deps: Reads, text: Text, endpoint: string): Promise<Date | undefined> {
  const [found, holds] = await Promise.all([combinedReach(deps.table, endpoint), respectsQuietHours(deps, text)]);
  const quiet = found?.reach.quietHours;
  return quiet && holds ? quietUntil(quiet, deps.now()) : undefined;
}
