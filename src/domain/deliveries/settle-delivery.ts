import type { AddressedChannels } from "#src/domain/subscriptions/channel.ts";
import { AppError } from "#src/errors.ts";
import type { Queue, QueueName } from "#src/platform/queue.ts";
import type { Commit, Table } from "#src/platform/table.ts";
import { amendWrites, isTaken, rowOf } from "./amend.ts";
import { digestNamed } from "./digest.ts";
import { queueOutcome } from "./digest-outcome.ts";
import { findDelivery } from "./find-delivery.ts";
import { type DeliveryRow, memberRow } from "./list.ts";
import { type Attempt, findResult } from "./store.ts";

/** What a person found out about a push of unknown outcome, by asking its receiver. */
export type Finding = { state: "delivered" | "failed"; reason: string; by: string; byName?: string };

/** Settles an `unknown` by hand; the reason and the person stay with the delivery. Refused ("conflict") in any other state. */
export async function settleDelivery(
  deps: {
    table: Table;
    queue: (name: QueueName) => Queue;
    channels: AddressedChannels;
    now: () => Date;
    commit?: Commit<DeliveryRow>;
  },
  id: string,
  finding: Finding,
): Promise<DeliveryRow> {
  const { fanout, found, endpoint } = await findDelivery(deps.table, id);
  const { ref, member, range } = found;
  const result = await findResult(deps.table, ref);
  const now = deps.now();
  if (result && isTaken(deps, result)) throw busy();
  if (result?.letters.charAt(member) !== "u") throw new AppError("conflict", "STATE", NOT_UNKNOWN);
  const { dueAt: _, ...known } = await rowOf(deps.table, found, endpoint);
  const attempt: Attempt = {
    at: now.toISOString(),
    outcome: finding.state === "delivered" ? "delivered" : "rejected",
    ms: 0,
    trigger: "person",
    note: finding.reason,
    by: finding.by,
    ...(finding.byName === undefined ? {} : { byName: finding.byName }),
  };
  const attempts = [...known.attempts, attempt];
  const row = { ...known, state: finding.state, attempts, version: known.version + 1 };
  const letter = finding.state === "delivered" ? "d" : "f";
  const shown: DeliveryRow = { ...(await memberRow(deps, found)), state: finding.state, attempts };
  const commit = deps.commit ?? ((writes) => deps.table.write(writes));
  const writes = amendWrites(deps, { fanout, range, ref, result }, [{ member, letter, row }]);
  const digest = digestNamed(ref.announcementId) ? { digest: ref.announcementId, endpoint } : undefined;
  if (digest) await queueOutcome(deps, digest, "surely");
  if (!(await commit(writes, shown)).ok) throw busy();
  if (digest) await queueOutcome(deps, digest, "now");
  return shown;
}

const NOT_UNKNOWN = {
  zh: "只有结果未知的推送可以人工认定",
  en: "only a push of unknown outcome can be settled by hand",
};

function busy(): AppError {
  const detail = {
    zh: "同一批的其他推送正在进行，请几秒后再认定",
    en: "others of its chunk are being sent at this moment; settle it in a few seconds",
  };
  return new AppError("conflict", "IN_FLIGHT", detail);
}
