import type { AddressedChannels } from "#src/domain/subscriptions/channel.ts";
import { AppError } from "#src/errors.ts";
import type { Log } from "#src/log.ts";
import type { Queue, QueueName } from "#src/platform/queue.ts";
import type { Commit, Table } from "#src/platform/table.ts";
import { amendWrites, isTaken, rowOf } from "./amend.ts";
import { digestNamed } from "./digest.ts";
import { queueOutcome } from "./digest-outcome.ts";
import { findDelivery } from "./find-delivery.ts";
import { type DeliveryRow, memberRow } from "./list.ts";
import type { SettleOneMessage } from "./message.ts";
import { type Attempt, findResult } from "./store.ts";

/** What a person found out about a push of unknown outcome, by asking its receiver. */
export type Finding = { state: "delivered" | "failed"; reason: string; by: string; byName?: string };

export type SettleDeps = {
  table: Table;
  queue: (name: QueueName) => Queue;
  channels: AddressedChannels;
  now: () => Date;
  commit?: Commit<DeliveryRow>;
};

/** While others of the chunk are on their way it is looked at again after so long. */
const BUSY_SECONDS = 2;

/**
 * Settles an `unknown` by hand; the reason and the person stay with the delivery. While others of its chunk are being sent it is
 * entered after them (`afterChunk`), if nothing else was heard of it by then. Refused ("conflict") in any other state.
 */
export async function settleDelivery(
  deps: SettleDeps,
  id: string,
  finding: Finding,
  { attempts: known }: { attempts?: number } = {},
): Promise<DeliveryRow> {
  const { fanout, found, endpoint } = await findDelivery(deps.table, id);
  const { ref, member, range } = found;
  const result = await findResult(deps.table, ref);
  const now = deps.now();
  if (result?.letters.charAt(member) !== "u") throw new AppError("conflict", "STATE", NOT_UNKNOWN);
  const before = await memberRow(deps, found);
  if (known !== undefined && before.attempts.length !== known) throw new AppError("conflict", "STATE", NOT_UNKNOWN);
  const afterChunk = async (): Promise<DeliveryRow> => {
    await queueLater(deps, id, finding, before.attempts.length);
    return { ...before, afterChunk: true };
  };
  if (isTaken(deps, result)) return afterChunk();
  const { dueAt: _, ...stored } = await rowOf(deps.table, found, endpoint);
  const attempt: Attempt = {
    at: now.toISOString(),
    outcome: finding.state === "delivered" ? "delivered" : "rejected",
    ms: 0,
    trigger: "person",
    note: finding.reason,
    by: finding.by,
    ...(finding.byName === undefined ? {} : { byName: finding.byName }),
  };
  const attempts = [...stored.attempts, attempt];
  const row = { ...stored, state: finding.state, attempts, version: stored.version + 1 };
  const letter = finding.state === "delivered" ? "d" : "f";
  const shown: DeliveryRow = { ...before, state: finding.state, attempts };
  const commit = deps.commit ?? ((writes) => deps.table.write(writes));
  const writes = amendWrites(deps, { fanout, range, ref, result }, [{ member, letter, row }]);
  const digest = digestNamed(ref.announcementId) ? { digest: ref.announcementId, endpoint } : undefined;
  if (digest) await queueOutcome(deps, digest, "surely");
  if (!(await commit(writes, shown)).ok) {
    // Somebody took the chunk a moment ago, or settled one of it: this one, if it is unknown no more.
    if ((await findResult(deps.table, ref))?.letters.charAt(member) === "u") return afterChunk();
    throw new AppError("conflict", "STATE", NOT_UNKNOWN);
  }
  if (digest) await queueOutcome(deps, digest, "now");
  return shown;
}

const NOT_UNKNOWN = {
  zh: "只有结果未知的推送可以人工认定",
  en: "only a push of unknown outcome can be settled by hand",
};

async function queueLater({ queue }: SettleDeps, delivery: string, finding: Finding, attempts: number): Promise<void> {
  const body: SettleOneMessage = { kind: "settle-one", delivery, attempts, ...finding };
  await queue("fanout").send([{ body, delaySeconds: BUSY_SECONDS }]);
}

/** A finding that had to wait for its chunk. May run twice: what was settled, or attempted since it was uttered, is left alone. */
export async function settleOne(deps: SettleDeps & { log: Log }, message: SettleOneMessage): Promise<void> {
  const { kind: _, delivery: id, attempts, ...finding } = message;
  try {
    await settleDelivery(deps, id, finding, { attempts });
  } catch (error) {
    if (!(error instanceof AppError) || error.kind !== "conflict") throw error;
    deps.log.info("finding-not-needed", { id, code: error.code, by: finding.by });
  }
}
