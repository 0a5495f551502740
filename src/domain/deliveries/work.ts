import type { EndpointMark } from "#src/domain/subscriptions/store.ts";
import type { ChunkLedger } from "./chunk-ledger.ts";
import type { DigestName } from "./digest.ts";
import type { Gate, Slot, Waiter } from "./gate.ts";
import type { heldUntil } from "./hold.ts";
import type { MessageTarget } from "./message.ts";
import { mayHaveArrived } from "./settle.ts";
import type { Verdict } from "./stand-in.ts";
import { type Attempt, type Chunk, type ChunkRef, type Delivery, matchedOf } from "./store.ts";

/**
 * One member to be pushed to. No target: nothing is wanted there any more. A row: it was tried or held before. `lost`: what a
 * worker that died may have sent it, in no row yet.
 */
export type Job = {
  member: number;
  endpoint: string;
  target: MessageTarget | undefined;
  row?: Delivery;
  lost?: Attempt;
};

export type Batch = { ref: ChunkRef; chunk: Chunk; jobs: Job[] };

/** A chunk stays open so long, and one push longer; then it goes back with what was not begun (a function has 60 s). */
export const OPEN_MS = 30_000;
/** Who is due within so many seconds gets a message; the sweep finds the others. */
export const LONGEST_DELAY_SECONDS = 900;

/** An open chunk: whom it is for, what is known about them, and how far it is. */
export type Work = {
  ledger: ChunkLedger;
  batch: Batch;
  text: Parameters<typeof heldUntil>[1];
  urgent: boolean;
  digest: DigestName | undefined;
  marks: Map<string, EndpointMark>;
  /** A newer revision has taken over. */
  stopped: boolean;
  /** Of a digest: items that a newer revision has replaced. */
  dropped: readonly string[];
  /** Of those that stand in for a first choice. */
  verdicts: Map<string, Verdict>;
  /** The text as the channel rendered it, by language. */
  rendered: Map<string, unknown>;
  /** By the clock of leases (`steadyTime`). */
  openUntil: number;
  /** Nobody may wait for a slot or a turn any longer. */
  isOver: boolean;
  /** What ends the waiting of each who waited then; those who do no longer know it. */
  waiting: (() => void)[];
  running: number;
  /** Endpoints with a push on its way that counts as exposed, in the order of beginning. */
  flying: Map<string, Slot>;
  /** Who waits at a gate. */
  queued: Map<string, { job: Job; gate: Gate; waiter: Waiter }>;
  /** Aborted when nobody waits for the answers of those on their way any more. */
  patience: AbortController;
  /** Endpoints that hang, or wait with those who do: when nobody else is left, the chunk only waits. */
  apart: Set<string>;
  waits: () => void;
  /** Answered since the ledger was stored last. */
  unstored: number;
  storing: boolean;
  ended: () => void;
  broken: unknown;
  /** When members are due for a further attempt (`steadyTime`), and what does it while the chunk is open. */
  due: Map<string, { at: number; timer?: NodeJS.Timeout }>;
  /** Endpoints that have failed for good or ended: who stands in for them goes at once. */
  unreached: string[];
  /** What concerns the endpoints themselves, once the outcomes are stored. */
  after: (() => Promise<void>)[];
};

export function isUrgent({ content }: { content: { urgency: string } }): boolean {
  return content.urgency === "urgent";
}

/** Of a digest: the items that this member gets. */
export function contentsOf({ batch, dropped }: Pick<Work, "batch" | "dropped">, member: number): string[] {
  const items = matchedOf(batch.chunk, member);
  return dropped.length === 0 ? items : items.filter((item) => !dropped.includes(item));
}

/** What a worker before may have sent was seen, perhaps: its reader gets the newer text. */
export function perhapsSeen({ row, lost }: Job): boolean {
  return lost !== undefined || (row !== undefined && mayHaveArrived(row));
}

/** All that is known of a member before its next attempt, as a row. */
export function knownOf({ batch }: Pick<Work, "batch">, { endpoint, row, lost }: Job): Delivery {
  const known: Delivery = row ?? { ref: batch.ref, endpoint, state: "waiting", attempts: [], version: 0 };
  return lost ? { ...known, attempts: [...known.attempts, lost] } : known;
}

export function triggerOf(row: Delivery | undefined): Attempt["trigger"] {
  if (!row) return "plan";
  if (row.byHand) return "person";
  if (row.waitsFor && row.attempts.length === 0) return "plan";
  return row.state === "held" ? "release" : "schedule";
}

/** Stable over every attempt; receivers drop repeats by it. */
export function deliveryId(ref: { announcementId: string; revision: number }, endpoint: string): string {
  return `${ref.announcementId}.${ref.revision}.${endpoint}`;
}

/** `leave` is called once the chunk is over. */
export function whenOver(work: Pick<Work, "isOver" | "waiting">, leave: () => void): void {
  if (work.isOver) leave();
  else work.waiting.push(leave);
}
