import { addDays, shanghaiDate } from "#src/domain/calendar/dates.ts";
import { fanoutsOfDay } from "./day.ts";
import { findMember } from "./find-member.ts";
import { type ReplayDeps, rangeAt, wantedBy } from "./replay.ts";
import { findFanout, findResult } from "./store.ts";

type Deps = Pick<ReplayDeps, "table" | "channels" | "now">;

const PAGE = 50;
const MOST_LOOKED_AT = 1000;

/** `more`: there were too many to look at all; a replay does. */
export type Missed = { count: number; more: boolean };

/** How many texts a replay since then would give an endpoint now; those that wait for it anyway are not counted. */
export async function countMissed(deps: Deps, endpoint: string, since: Date): Promise<Missed> {
  let [count, looked] = [0, 0];
  const today = shanghaiDate(deps.now());
  for (let day = shanghaiDate(since); day <= today; day = addDays(day, 1))
    for (let after: string | undefined; ; ) {
      if (looked >= MOST_LOOKED_AT) return { count, more: true };
      const page = await fanoutsOfDay(deps.table, day, { limit: PAGE, ...(after === undefined ? {} : { after }) });
      const mine = page.items.filter(({ at }) => at >= since.toISOString());
      const missed = await Promise.all(mine.map((one) => isMissed(deps, one, endpoint)));
      count += missed.filter(Boolean).length;
      looked += mine.length;
      if (page.next === undefined) break;
      after = page.next;
    }
  return { count, more: false };
}

async function isMissed(
  deps: Deps,
  { announcementId, revision }: { announcementId: string; revision: number },
  endpoint: string,
): Promise<boolean> {
  const fanout = await findFanout(deps.table, announcementId, revision);
  if (!fanout || fanout.supersededBy !== undefined || fanout.kind === "withdrawn") return false;
  const found = await findMember(deps.table, fanout, endpoint);
  if (found) return "fe".includes((await findResult(deps.table, found.ref))?.letters.charAt(found.member) || "w");
  const range = (await wantedBy(deps, fanout, endpoint)) && (await rangeAt(deps.table, fanout, endpoint));
  return range !== undefined && (range.done === true || range.after >= endpoint);
}
