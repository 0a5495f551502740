import type { Clock } from "#src/platform/clock.ts";
import type { Table, Write } from "#src/platform/table.ts";
import { leaseLeft } from "./claim.ts";
import type { FoundMember } from "./find-member.ts";
import { type Letter, stateOf } from "./states.ts";
import {
  Delivery,
  deliveryItem,
  deliveryKey,
  type Fanout,
  fanoutItem,
  type Range,
  type Result,
  rangeItem,
  resultItem,
} from "./store.ts";

/** What becomes of a member otherwise than by a worker that has its chunk. No row: it has none, or it stays as it is. */
export type Amendment = { member: number; letter: Letter; row?: Delivery; lookAt?: Date };

const LOOK_MS = 60_000;

/** The delivery's row, or a blank one. */
export async function rowOf(table: Table, { ref }: Pick<FoundMember, "ref">, endpoint: string): Promise<Delivery> {
  const item = await table.get(deliveryKey(ref, endpoint));
  return item ? Delivery().parse(item) : { ref, endpoint, state: "waiting", attempts: [], version: 0 };
}

/** Whether a worker has the chunk now; nobody else writes to it then. */
export function isTaken(deps: Clock & { onlyHost?: string }, result: Result): boolean {
  return leaseLeft(deps, result) > 0;
}

/**
 * Amends up to 90 members of one chunk in one transaction, under the version of its result. Where that changes a sum,
 * its range and fan-out are opened again, and the sweep closes them when they balance.
 */
export function amendWrites(
  deps: { now: () => Date },
  at: { fanout: Fanout; range: Range; ref: FoundMember["ref"]; result: Result },
  amendments: Amendment[],
): Write[] {
  const { fanout, range, ref, result } = at;
  const letters = [...result.letters];
  for (const { member, letter } of amendments) letters[member] = letter;
  // A worker that comes back after its lease must not take this version for its own.
  const { by: _, ...kept } = result;
  const next = { ...kept, letters: letters.join(""), version: result.version + 1 };
  const writes: Write[] = [{ put: resultItem(ref, next), if: { version: result.version } }];
  for (const { row, lookAt } of amendments) if (row) writes.push({ put: deliveryItem(row, lookAt) });
  const sums = amendments.some(({ member, letter }) => stateOf(letter) !== stateOf(result.letters.charAt(member)));
  return sums ? [...writes, ...openedWrites(deps, fanout, range)] : writes;
}

/** The fan-out gets a new version even when it is open, or a sweep that counted before could close it with the old sums. */
export function openedWrites(deps: { now: () => Date }, fanout: Fanout, range: Range): Write[] {
  const { closedAt, totals: _t, ...open } = fanout;
  const soon = new Date(deps.now().getTime() + LOOK_MS);
  const lookAt = closedAt === undefined && fanout.checkAt !== undefined ? new Date(fanout.checkAt) : soon;
  const next = { ...open, sweeps: closedAt === undefined ? fanout.sweeps : 0, version: fanout.version + 1 };
  const writes: Write[] = [{ put: fanoutItem(next, lookAt), if: { version: fanout.version } }];
  const { settled, ...unsettled } = range;
  if (settled !== undefined) {
    const next = { ...unsettled, version: range.version + 1 };
    writes.push({ put: rangeItem(fanout.announcementId, fanout.revision, next), if: { version: range.version } });
  }
  return writes;
}
