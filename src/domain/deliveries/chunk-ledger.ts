import { setTimeout as sleep } from "node:timers/promises";
import { AppError } from "#src/errors.ts";
import { type Clock, steadyTime } from "#src/platform/clock.ts";
import type { Queue, QueueName } from "#src/platform/queue.ts";
import type { Table, Write } from "#src/platform/table.ts";
import { codeOf, packCodes } from "./codes.ts";
import { DIGEST_LETTER, type DigestFrequency } from "./digest.ts";
import { withOmitted } from "./omitted.ts";
import { linkReceipt } from "./receipts.ts";
import type { Letter } from "./states.ts";
import { type ChunkRef, type Delivery, deliveryItem, findResult, type Result, resultItem } from "./store.ts";
import { packTimings, type Timing, unpackTimings } from "./timing.ts";

/** The open book of a chunk that one worker claimed: it notes in memory, and stores what it noted in few writes. */
export type ChunkLedger = {
  letter(member: number): Letter;
  note(
    member: number,
    letter: Letter,
    more?: { row?: Delivery; lookAt?: Date; timing?: Timing; code?: number; receipt?: string },
  ): void;
  /** Members `g` or `k` of this chunk wait for the digest of that date; one that others wait for already stays. */
  holdFor(frequency: DigestFrequency, date: string): void;
  /** Of a digest: the message to this member left these items out; what they came to for it. */
  omit(member: number, items: string[], letter: "x" | "u"): void;
  /** Stores everything noted before this call and renews the lease. Throws when the lease is lost. `patient`: see `Table.write`. */
  save(patient?: boolean): Promise<void>;
  /** Stores the rest and gives the chunk back. */
  close(patient?: boolean): Promise<void>;
  /** Whether something was noted since the last save began. */
  isBehind(): boolean;
  /** The lease's end, by the clock of leases (`steadyTime`). */
  until(): number;
  /** Milliseconds since 1970: timings count from here. */
  startedAt(): number;
  /** Receipts that came before the ledger had heard of their messages. */
  early(): string[];
};

const NO_CODE = 0;
// One transaction holds 100 writes: the result and the rows of members who need one.
const ROWS_A_WRITE = 90;
// Outcomes that nobody wrote down are pushes sent twice, so a sick store gets half a minute.
const PAUSES_MS = [20, 100, 400, 1000, 2000, 5000, 5000, 5000, 5000, 5000];

/** `members`: endpoint keys in the order of the letters. `canAsk`: whether the provider can be asked about a receipt. */
export function openLedger(
  deps: Clock & { table: Table; queue: (name: QueueName) => Queue },
  { ref, members, canAsk }: { ref: ChunkRef; members: readonly string[]; canAsk: (receipt: string) => boolean },
  claimed: Result,
  leaseMs: number,
): ChunkLedger {
  let stored = claimed;
  const letters = [...claimed.letters] as Letter[];
  const timings = unpackTimings(claimed, letters.length);
  const codes = letters.map((_, member) => codeOf(claimed, member));
  let { digests, without } = claimed;
  const rows = new Map<number, { row: Delivery; lookAt: Date | undefined }>();
  const receipts = new Map<number, string>();
  const early: string[] = [];
  let dirty = false;
  let behind = false;
  let saving: Promise<void> | undefined;

  const next = (rest: Set<number>, closing: boolean): Result => {
    const { starts: _s, took: _t, usual: _n, codes: _c, until: _u, lost, ...kept } = stored;
    // A letter whose row is not in this write keeps what was stored before.
    const now =
      rest.size === 0
        ? letters.join("")
        : letters.map((letter, i) => (rest.has(i) ? stored.letters.charAt(i) : letter)).join("");
    return {
      ...kept,
      letters: now,
      // Whom a worker that died may have sent to has a row by now that says so.
      ...(lost && !(closing && !now.includes("w")) ? { lost } : {}),
      ...(closing ? {} : { until: steadyTime(deps) + leaseMs }),
      ...(timings.some(Boolean) ? packTimings(timings) : {}),
      ...packCodes(codes),
      ...(digests ? { digests } : {}),
      ...(without ? { without } : {}),
      version: stored.version + 1,
    };
  };

  const write = async (closing: boolean, patient: boolean): Promise<boolean> => {
    dirty = false;
    behind = false;
    await linkReceipts();
    const part = [...rows].slice(0, ROWS_A_WRITE);
    const rest = new Set([...rows.keys()].slice(ROWS_A_WRITE));
    const result = next(rest, closing && rest.size === 0);
    const writes: Write[] = [{ put: resultItem(ref, result), if: { version: stored.version } }];
    for (const [, { row, lookAt }] of part) writes.push({ put: deliveryItem(row, lookAt) });
    await persist(writes, result, patient);
    stored = result;
    for (const [member, entry] of part) if (rows.get(member) === entry) rows.delete(member);
    return rest.size === 0;
  };

  /** Before the outcome itself: a receipt without a delivery does no harm, a delivery whose receipt finds nothing would. */
  const linkReceipts = async (): Promise<void> => {
    const fresh = [...receipts];
    await Promise.all(
      fresh.map(async ([member, receipt]) => {
        const endpoint = members[member] ?? "";
        const link = { ref, endpoint, receipt, asked: canAsk(receipt) };
        if ((await linkReceipt(deps, link)) === "early") early.push(receipt);
        if (receipts.get(member) === receipt) receipts.delete(member);
      }),
    );
  };

  /** The store may fail with or without having done it: reading tells. */
  const persist = async (writes: Write[], result: Result, patient: boolean): Promise<void> => {
    for (let tries = 0; ; tries++) {
      let failure: unknown;
      try {
        if ((await deps.table.write(writes, { patient })).ok) return;
      } catch (error) {
        failure = error;
      }
      const found = await findResult(deps.table, ref).catch(() => undefined);
      if (found && found.by === result.by && found.version === result.version) return;
      if (found && found.version !== stored.version) throw lostLease();
      const pause = PAUSES_MS[tries];
      if (pause === undefined) throw failure ?? lostLease();
      await sleep(pause);
    }
  };

  const saveAll = async (closing: boolean, patient = false): Promise<void> => {
    try {
      while (!(await write(closing, patient)));
    } catch (error) {
      behind = true;
      throw error;
    }
  };

  const save = async (patient = false): Promise<void> => {
    dirty = true;
    while (dirty || saving !== undefined) {
      saving ??= saveAll(false, patient).finally(() => {
        saving = undefined;
      });
      await saving;
    }
  };

  return {
    letter: (member) => letters[member] ?? "w",
    note: (member, letter, more = {}) => {
      behind = true;
      letters[member] = letter;
      if (more.row) rows.set(member, { row: more.row, lookAt: more.lookAt });
      if (more.timing && (!timings[member] || "da".includes(letter))) timings[member] = more.timing;
      if (more.receipt !== undefined) receipts.set(member, more.receipt);
      codes[member] = "da".includes(letter) ? (more.code ?? NO_CODE) : undefined;
    },
    holdFor: (frequency, date) => {
      behind = true;
      if (!digests?.[frequency] || !letters.includes(DIGEST_LETTER[frequency]))
        digests = { ...digests, [frequency]: date };
    },
    omit: (member, items, letter) => {
      behind = true;
      without = withOmitted(without, member, items, letter);
    },
    save,
    close: async (patient = false) => {
      await saving?.catch(() => undefined);
      await saveAll(true, patient);
    },
    isBehind: () => behind,
    until: () => stored.until ?? 0,
    startedAt: () => stored.startedAt,
    early: () => early,
  };
}

function lostLease(): AppError {
  return new AppError("conflict", "LEASE_LOST", {
    zh: "另一个进程已接手这一批推送",
    en: "another worker has taken over this chunk",
  });
}
