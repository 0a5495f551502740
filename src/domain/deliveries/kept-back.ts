import { DIGEST_LETTER } from "./digest.ts";
import { breaksIn, heldUntil } from "./hold.ts";
import { lostAttempt } from "./settle.ts";
import type { Letter } from "./states.ts";
import type { Delivery } from "./store.ts";
import { wakeFallbacks } from "./wake-fallbacks.ts";
import { contentsOf, type Job, perhapsSeen, triggerOf, type Work } from "./work.ts";

type Deps = Parameters<typeof wakeFallbacks>[0] & { now: () => Date };

/**
 * Notes why nothing may be sent to this member now, if something forbids it: a newer revision, an endpoint that ended, a
 * first choice that was reached, a digest or quiet hours to wait for. `once`: the channel must not send twice.
 */
export function keptBack(deps: Deps, work: Work, job: Job, once: boolean): boolean {
  const { ledger, batch } = work;
  const { member, endpoint, row, target } = job;
  if (work.stopped || (work.digest && contentsOf(work, member).length === 0)) {
    if (perhapsSeen(work, job, once)) end(deps, work, job, "u", batch.doubt && !once);
    else end(deps, work, job, "x", false);
    return true;
  }
  if (!target || target.address === "" || work.marks.get(endpoint)?.state === "ended") {
    work.after.push(() => wakeFallbacks(deps, batch.ref, endpoint));
    end(deps, work, job, "e", false);
    return true;
  }
  const verdict = work.verdicts.size > 0 ? work.verdicts.get(endpoint) : undefined;
  if (verdict?.kind === "reached") {
    end(deps, work, job, "n", false);
    return true;
  }
  if (target.frequency && !work.digest && !row && !breaksIn(work.text)) {
    ledger.note(member, DIGEST_LETTER[target.frequency]);
    return true;
  }
  if (!target.quietHours && !verdict) return false;
  const until = verdict?.kind === "hold" ? verdict.until : heldUntil(target, work.text, deps.now());
  if (!until) return false;
  const after = row?.after ?? target.after;
  const held: Delivery = {
    ref: batch.ref,
    endpoint,
    attempts: row?.attempts ?? [],
    state: "held",
    dueAt: until.toISOString(),
    ...(after && verdict ? { after } : {}),
    version: (row?.version ?? 0) + 1,
  };
  ledger.note(member, "h", { row: held, lookAt: until });
  return true;
}

/** `lost`: the attempt of a worker that died counts as one whose outcome is unknown. */
function end(deps: Deps, { ledger, batch }: Work, { member, endpoint, row }: Job, letter: Letter, lost: boolean): void {
  if (row === undefined && letter !== "u") {
    ledger.note(member, letter);
    return;
  }
  const { dueAt: _, ...known } = row ?? { ref: batch.ref, endpoint, attempts: [], version: 0 };
  const attempts = lost ? [...known.attempts, lostAttempt(deps.now(), triggerOf(row))] : known.attempts;
  const state = letter === "u" ? "unknown" : "suppressed";
  ledger.note(member, letter, { row: { ...known, attempts, state, version: known.version + 1 } });
}
