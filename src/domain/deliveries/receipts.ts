import { z } from "zod";
import type { Log } from "#src/log.ts";
import { keys } from "#src/platform/keys.ts";
import type { Queue, QueueName } from "#src/platform/queue.ts";
import type { Table } from "#src/platform/table.ts";
import { schema } from "#src/schema.ts";
import { amendWrites, isTaken, rowOf } from "./amend.ts";
import { digestNamed } from "./digest.ts";
import { queueOutcome } from "./digest-outcome.ts";
import { memberAt } from "./find-member.ts";
import { firstAttempt } from "./first-attempt.ts";
import type { ReceiptMessage } from "./message.ts";
import { lookItem, stopLooking } from "./receipt-look.ts";
import { type Attempt, ChunkRef, findFanout, findResult } from "./store.ts";
import { type WakeDeps, wakeFallbacks } from "./wake-fallbacks.ts";

/** A provider's later word on a message it took: `receipt` is the id it gave it then. */
export type Receipt = { channel: string; receipt: string; outcome: "delivered" | "failed"; detail?: string };

const Place = schema(() =>
  z.union([
    z.object({ ref: ChunkRef(), endpoint: z.string() }),
    z.object({ early: z.object({ outcome: z.enum(["delivered", "failed"]), detail: z.string().exactOptional() }) }),
  ]),
);

const KEPT_SECONDS = 30 * 86_400;
// The message's own ledger is written within seconds; what nobody asks for by then was not ours.
const EARLY_SECONDS = 2 * 86_400;
const BUSY_SECONDS = 5;

type Early = Pick<Receipt, "outcome" | "detail">;
type LinkDeps = { table: Table; now: () => Date };

const expiry = (deps: LinkDeps, seconds: number) => Math.floor(deps.now().getTime() / 1000) + seconds;

/**
 * Notes which delivery a provider's id stands for. `asked`: its provider is asked should the receipt not come. `early`: the
 * receipt is here already, and is to be applied.
 */
export async function linkReceipt(
  deps: LinkDeps & { queue: (name: QueueName) => Queue },
  { ref, endpoint, receipt, asked }: { ref: ChunkRef; endpoint: string; receipt: string; asked: boolean },
): Promise<"linked" | "early"> {
  const key = keys.receipt(ref.channel, receipt);
  const put = { ...key, ref, endpoint, expiresAt: expiry(deps, KEPT_SECONDS) };
  const first = asked ? lookItem({ ...put, receipt, looks: 0, version: 1 }, deps.now()) : put;
  const { ok } = await deps.table.write([{ put: first, if: { absent: true } }]);
  if (ok) return "linked";
  const known = await deps.table.get(key);
  if (!known || !("early" in known)) {
    // The same message was reported failed, and stands for its delivery once more.
    const version = known?.version ?? 0;
    if (known && asked && !known.index)
      await deps.table.write([{ put: { ...first, version: version + 1 }, if: { version } }]);
    return "linked";
  }
  await deps.table.write([{ put: { ...put, early: known["early"] } }]);
  // Should this worker die before it applies the receipt, the message does.
  const { outcome, detail } = known["early"] as Early;
  const body: ReceiptMessage = {
    kind: "receipt",
    channel: ref.channel,
    receipt,
    outcome,
    ...(detail ? { detail } : {}),
  };
  await deps.queue("fanout").send([{ body, delaySeconds: BUSY_SECONDS }]);
  return "early";
}

export type ReceiptDeps = WakeDeps & { log: Log };

/**
 * Settles the delivery that a receipt speaks of: `accepted` and `unknown` become delivered or failed, and a push that
 * waits for another attempt is not sent again once it has arrived. Any other state stands. A receipt may come twice,
 * before its message is in the ledger, or for a message that is not ours: each is harmless.
 */
export async function applyReceipt(deps: ReceiptDeps, receipt: Receipt): Promise<void> {
  const key = keys.receipt(receipt.channel, receipt.receipt);
  const item = await deps.table.get(key);
  if (!item) {
    const { outcome, detail } = receipt;
    const early = { outcome, ...(detail === undefined ? {} : { detail }) };
    const put = { ...key, early, expiresAt: expiry(deps, EARLY_SECONDS) };
    if ((await deps.table.write([{ put, if: { absent: true } }])).ok) return;
    return applyReceipt(deps, receipt);
  }
  const place = Place().parse(item);
  if (!("ref" in place)) return;
  if ((await settleBy(deps, place, receipt)) === "done" && item.index) await stopLooking(deps, key);
}

/** The receipt that was faster than the ledger. */
export async function applyEarly(deps: ReceiptDeps, channel: string, receipt: string): Promise<void> {
  const item = await deps.table.get(keys.receipt(channel, receipt));
  const early = item?.["early"] as Early | undefined;
  if (early) await applyReceipt(deps, { channel, receipt, ...early });
}

/** Where the delivery of a receipt stands now; undefined when there is none. `busy`: a worker has it. */
export async function standingOf(deps: LinkDeps, { ref, endpoint }: { ref: ChunkRef; endpoint: string }) {
  const [fanout, found, result] = await Promise.all([
    findFanout(deps.table, ref.announcementId, ref.revision),
    memberAt(deps.table, ref, endpoint),
    findResult(deps.table, ref),
  ]);
  if (!fanout || !found || !result) return undefined;
  const letter = result.letters.charAt(found.member);
  return { fanout, found, result, letter, busy: isTaken(deps, result) || "wi".includes(letter) };
}

/** `later`: a message will do it. */
async function settleBy(
  deps: ReceiptDeps,
  { ref, endpoint }: { ref: ChunkRef; endpoint: string },
  receipt: Receipt,
): Promise<"done" | "later"> {
  for (;;) {
    const standing = await standingOf(deps, { ref, endpoint });
    if (!standing) return "done";
    const { fanout, found, result, letter, busy } = standing;
    if (busy) {
      const body: ReceiptMessage = { kind: "receipt", ...receipt };
      await deps.queue("fanout").send([{ body, delaySeconds: BUSY_SECONDS }]);
      return "later";
    }
    const settles = receipt.outcome === "delivered" ? "aur" : "au";
    if (!settles.includes(letter)) return "done";
    const { dueAt: _, ...known } = await rowOf(deps.table, found, endpoint);
    const attempt: Attempt = {
      at: deps.now().toISOString(),
      outcome: receipt.outcome === "delivered" ? "delivered" : "rejected",
      ms: 0,
      trigger: "receipt",
      ...(receipt.detail === undefined ? {} : { error: receipt.detail.slice(0, 300) }),
    };
    const before = known.version > 0 ? known.attempts : firstAttempt(result, found.member);
    const attempts = [...before, attempt];
    const row = { ...known, state: receipt.outcome, attempts, version: known.version + 1 };
    const amendment = { member: found.member, letter: receipt.outcome === "delivered" ? "d" : "f", row } as const;
    const at = { fanout, range: found.range, ref: found.ref, result };
    const digest = digestNamed(ref.announcementId) ? { digest: ref.announcementId, endpoint } : undefined;
    if (digest) await queueOutcome(deps, digest, "surely");
    if ((await deps.table.write(amendWrites(deps, at, [amendment]))).ok) {
      deps.log.info("receipt", {
        channel: receipt.channel,
        announcement: ref.announcementId,
        outcome: receipt.outcome,
      });
      if (digest) await queueOutcome(deps, digest, "now");
      if (receipt.outcome === "failed") await wakeFallbacks(deps, ref, [endpoint]);
      return "done";
    }
  }
}
