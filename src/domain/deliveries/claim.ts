import { randomSecret } from "#src/ids.ts";
import { type Clock, heldFor, steadyTime } from "#src/platform/clock.ts";
import type { Table } from "#src/platform/table.ts";
import { type ChunkRef, findResult, type Result, resultItem } from "./store.ts";

/** Longer than any lease is: one that ends later is of another clock. */
const LONGEST_LEASE_MS = 180_000;

/** A lease covers the longest push twice; it is renewed with everything that is written down. */
export function leaseMs(totalSeconds: number): number {
  return Math.min(LONGEST_LEASE_MS, Math.max(60, 2 * totalSeconds + 20) * 1000);
}

/**
 * `onlyHost` names the one process there is, where there is only one (an embedded house holds a lock on its folder):
 * a lease that bears another name is of a process that died, and need not run out.
 */
export type LeaseDeps = Clock & { table: Table; onlyHost?: string };

/** Milliseconds for which somebody may still be at work under this lease; 0: nobody is. */
export function leaseLeft(deps: Omit<LeaseDeps, "table">, lease: Pick<Result, "by" | "until">): number {
  if (lease.until === undefined || (deps.onlyHost !== undefined && !lease.by?.startsWith(`${deps.onlyHost}.`)))
    return 0;
  return heldFor(lease.until, steadyTime(deps), LONGEST_LEASE_MS);
}

export type Claim =
  /**
   * `doubt`: a worker before died, so members who were never written down may have been sent to. `diedBefore`: its lease ran
   * until then (milliseconds since 1970), and nobody has looked yet whom it tried again.
   */
  | { kind: "mine"; result: Result; doubt: boolean; diedBefore?: number }
  /** Somebody has it for so many more milliseconds. */
  | { kind: "taken"; ms: number }
  /** `result`: nothing is left to do. */
  | { kind: "done"; result: Result }
  | { kind: "none" };

/**
 * Takes a chunk for one worker. `wanted` says whether there is work in a result as it stands; without `members` only a
 * chunk that was begun before is taken.
 */
export async function claim(
  deps: LeaseDeps,
  ref: ChunkRef,
  options: { members?: number; leaseMs: number; wanted: (letters: string) => boolean },
): Promise<Claim> {
  const by = `${deps.onlyHost ?? ""}.${randomSecret(48)}`;
  const until = steadyTime(deps) + options.leaseMs;
  let known: Result | undefined;
  if (options.members === undefined) known = await findResult(deps.table, ref);
  for (;;) {
    if (!known && options.members === undefined) return { kind: "none" };
    const left = known && known.by !== by ? leaseLeft(deps, known) : 0;
    if (left > 0) return { kind: "taken", ms: left };
    const open = known?.until !== undefined;
    if (known && !open && !options.wanted(known.letters)) return { kind: "done", result: known };
    const result: Result = known
      ? { ...known, by, until, ...(open ? { lost: true } : {}), version: known.version + 1 }
      : { letters: "w".repeat(options.members ?? 0), by, until, startedAt: deps.now().getTime(), version: 1 };
    const written = await deps.table
      .write([{ put: resultItem(ref, result), if: known ? { version: known.version } : { absent: true } }])
      .catch(() => ({ ok: false }));
    const dead = open ? { diedBefore: known?.until ?? 0 } : {};
    if (written.ok) return { kind: "mine", result, doubt: result.lost === true, ...dead };
    // Either somebody was faster, or the store did it without saying so.
    const stored = await findResult(deps.table, ref);
    if (stored?.by === by) return { kind: "mine", result: stored, doubt: stored.lost === true, ...dead };
    known = stored;
  }
}
