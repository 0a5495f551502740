import { DIGEST_LETTER } from "./digest.ts";
import { breaksIn, heldUntil } from "./hold.ts";
import type { Letter } from "./states.ts";
import type { Delivery } from "./store.ts";
import { contentsOf, type Job, knownOf, perhapsSeen, type Work } from "./work.ts";

type Deps = { now: () => Date };

/**
 * Notes why nothing may be sent to this member now, if something forbids it: a newer revision, an endpoint that ended, a
 * first choice that was reached, a digest or quiet hours to wait for.
 */
export function keptBack(deps: Deps, work: Work, job: Job): boolean {
  const { ledger, batch } = work;
  const { member, endpoint, row, target } = job;
  if (work.stopped || (work.digest && contentsOf(work, member).length === 0)) {
    end(work, job, perhapsSeen(job) ? "u" : "x");
    return true;
  }
  if (!target || target.address === "" || work.marks.get(endpoint)?.state === "ended") {
    work.unreached.push(endpoint);
    end(work, job, "e");
    return true;
  }
  const verdict = work.verdicts.size > 0 ? work.verdicts.get(endpoint) : undefined;
  if (verdict?.kind === "reached") {
    end(work, job, "n");
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
    attempts: knownOf(work, job).attempts,
    state: "held",
    dueAt: until.toISOString(),
    ...(after && verdict ? { after } : {}),
    version: (row?.version ?? 0) + 1,
  };
  ledger.note(member, "h", { row: held, lookAt: until });
  return true;
}

/** Whom a worker that died may have sent to is not said to have got nothing, whatever keeps it back now. */
function end(work: Work, job: Job, reason: Letter): void {
  const letter = job.lost ? "u" : reason;
  if (job.row === undefined && letter !== "u") {
    work.ledger.note(job.member, letter);
    return;
  }
  const { dueAt: _, ...known } = knownOf(work, job);
  const state = letter === "u" ? "unknown" : "suppressed";
  work.ledger.note(job.member, letter, { row: { ...known, state, version: known.version + 1 } });
}
