import type { Queue, QueueName } from "#src/platform/queue.ts";
import { amendWrites, isTaken } from "./amend.ts";
import { itemNamed } from "./digest.ts";
import { findMember } from "./find-member.ts";
import { firstAttempt } from "./first-attempt.ts";
import type { OutcomeMessage } from "./message.ts";
import { omitted } from "./omitted.ts";
import type { Letter } from "./states.ts";
import { deliveryKey, findFanout, findResult, matchedOf } from "./store.ts";
import { type WakeDeps, wakeFallbacks } from "./wake-fallbacks.ts";

type QueueDeps = { queue: (name: QueueName) => Queue };
type DigestMember = Pick<OutcomeMessage, "digest" | "endpoint">;

// Longer than whoever writes the outcome down can take for it.
const SURELY_SECONDS = 60;
const BUSY_SECONDS = 5;
const OVER = "dafu";

/**
 * Has the items of a digest learn what became of it for one endpoint after they were settled. `surely`: before it is written,
 * so that a crash after that loses nothing; `now`: once it is.
 */
export async function queueOutcome({ queue }: QueueDeps, member: DigestMember, when: "surely" | "now"): Promise<void> {
  const body: OutcomeMessage = { kind: "outcome", ...member };
  await queue("fanout").send([{ body, ...(when === "surely" ? { delaySeconds: SURELY_SECONDS } : {}) }]);
}

/** Enters it. Any number of times: an item that says the same, or was tried by itself since, is left alone. */
export async function enterOutcome(deps: WakeDeps, message: OutcomeMessage): Promise<void> {
  const { table } = deps;
  const { digest, endpoint } = message;
  const again = () => deps.queue("fanout").send([{ body: message, delaySeconds: BUSY_SECONDS }]);
  const fanout = await findFanout(table, digest, 1);
  const found = fanout && (await findMember(table, fanout, endpoint));
  const result = found && (await findResult(table, found.ref));
  if (!found || !result) return;
  if (isTaken(deps, result)) return again();
  const letter = result.letters.charAt(found.member) as Letter;
  if (!OVER.includes(letter)) return;
  const items = matchedOf(found.chunk, found.member).filter((item) => !omitted(result, found.member, item));
  for (const item of items) if ((await enterItem(deps, item, endpoint, letter)) === "busy") return again();
}

async function enterItem(deps: WakeDeps, item: string, endpoint: string, letter: Letter): Promise<"done" | "busy"> {
  const { table } = deps;
  const { announcementId, revision } = itemNamed(item);
  for (;;) {
    const fanout = await findFanout(table, announcementId, revision);
    const found = fanout && (await findMember(table, fanout, endpoint));
    const result = found && (await findResult(table, found.ref));
    if (!found || !result) return "done";
    if (isTaken(deps, result)) return "busy";
    const { ref, range, member } = found;
    const known = result.letters.charAt(member);
    // Who waits for the digest still reads it when the item is settled; a row or a time of its own is of another push.
    if (known === letter || !OVER.includes(known) || firstAttempt(result, member).length > 0) return "done";
    if (await table.get(deliveryKey(ref, endpoint))) return "done";
    if (!(await table.write(amendWrites(deps, { fanout, range, ref, result }, [{ member, letter }]))).ok) continue;
    if (letter === "f") await wakeFallbacks(deps, { announcementId, revision }, [endpoint]);
    return "done";
  }
}
