import type { DatabaseSync } from "node:sqlite";
import type { QueueName } from "#src/platform/queue.ts";

/** `ahead`: what was read of a group and not handed out. Nothing else of it is visible before `soonest`. */
type Lane = { ahead: number[]; soonest: number };

const AHEAD = 100;

/** A message that somebody holds, until then; `group` is the lane it comes back to. */
export type Taken = { group: string; receives: number; until: number };

/**
 * The visible messages of a queue, of one group after another in turn. Until the next commit the file still shows what
 * was taken: a walk past it brings a hundred of a group at once, and a group with nothing visible is not asked before
 * it may have something, so walks are rare.
 */
export function lanes(sql: DatabaseSync, name: QueueName, taken: ReadonlyMap<number, Taken>) {
  const visible = sql.prepare(
    'SELECT id FROM messages WHERE queue = ? AND "group" = ? AND visible <= ? ORDER BY visible, id',
  );
  const next = sql.prepare(
    'SELECT visible FROM messages WHERE queue = ? AND "group" = ? AND visible > ? ORDER BY visible LIMIT 1',
  );
  const atStart = sql.prepare('SELECT "group", min(visible) AS soonest FROM messages WHERE queue = ? GROUP BY "group"');
  const turn = new Map<string, Lane>();
  for (const row of atStart.all(name)) turn.set(String(row["group"]), { ahead: [], soonest: Number(row["soonest"]) });

  const read = (group: string, lane: Lane, at: number): void => {
    lane.soonest = Number.POSITIVE_INFINITY;
    for (const row of visible.iterate(name, group, at)) {
      const id = Number(row["id"]);
      const until = taken.get(id)?.until ?? 0;
      if (until <= at) lane.ahead.push(id);
      else lane.soonest = Math.min(lane.soonest, until);
      if (lane.ahead.length >= AHEAD) break;
    }
    const later = Number(next.get(name, group, at)?.["visible"] ?? Number.POSITIVE_INFINITY);
    lane.soonest = lane.ahead.length > 0 ? 0 : Math.min(lane.soonest, later);
  };

  return {
    /** A message of this group is or becomes visible at `at`. */
    expect: (group: string, at: number): void => {
      const lane = turn.get(group);
      if (lane) lane.soonest = Math.min(lane.soonest, at);
      else turn.set(group, { ahead: [], soonest: at });
    },
    /** The next one, perhaps taken or gone by now; its group goes to the end of the row. */
    next: (at: number): { id: number; group: string } | undefined => {
      for (const [group, lane] of turn) {
        if (lane.ahead.length === 0 && lane.soonest <= at) read(group, lane, at);
        const id = lane.ahead.shift();
        if (id === undefined) {
          if (lane.soonest === Number.POSITIVE_INFINITY) turn.delete(group);
          continue;
        }
        turn.delete(group);
        turn.set(group, lane);
        return { id, group };
      }
      return undefined;
    },
  };
}
