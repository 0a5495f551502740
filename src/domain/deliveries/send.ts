import { combinedReach } from "#src/domain/subscriptions/reach.ts";
import type { Call, QueueName } from "#src/platform/queue.ts";
import type { Channel } from "./channel.ts";
import { type ChunkLedger, openLedger } from "./chunk-ledger.ts";
import { type Claim, claim, type LeaseDeps, leaseMs } from "./claim.ts";
import type { ChunkMessage, RetryMessage } from "./message.ts";
import { makePace, type Pace } from "./pace.ts";
import { makeTurns, type Turn, type TurnAsk } from "./pace-turns.ts";
import { makeRunner, type RunDeps } from "./run-chunk.ts";
import { isDue } from "./set-back.ts";
import { lostAttempt, mayHaveBegun } from "./settle.ts";
import { type Chunk, type ChunkRef, Delivery, deliveryKey, findChunk, membersOf, SWEEP_GRACE_MS } from "./store.ts";
import { type Job, triggerOf } from "./work.ts";
import { grouped } from "./work-queue.ts";

/** Sends what a message names: it is over then, or its work goes on in a message that was queued instead, on the same queue. */
export type Sender = {
  chunk(message: ChunkMessage, queue: QueueName, call?: Call): Promise<void>;
  retry(message: RetryMessage, queue: QueueName, call?: Call): Promise<void>;
  /** See `Runner`. */
  supersede(announcementId: string, revision: number): void;
  /** Undefined for a channel without one. */
  pace: (Pace & { turn(ask: TurnAsk): Promise<Turn> }) | undefined;
};

const LATEST_LOOK_SECONDS = 5;

export type SendDeps = RunDeps & LeaseDeps;

/** Sends chunks of one channel. One per process and channel: the limits in flight are counted here. */
export function makeSender(deps: SendDeps, channel: Channel): Sender {
  const made = makePace(deps, channel);
  const pace = made && { ...made, turn: makeTurns(channel, made) };
  const { run, admit, supersede } = makeRunner(deps, channel, pace);
  let freeing: Promise<(addresses: string[]) => Promise<void>> | undefined;
  const lease = leaseMs(channel.limits.seconds.total);
  const once = channel.guarantee === "at-most-once";

  async function chunk(message: ChunkMessage, queue: QueueName, call?: Call): Promise<void> {
    const { ref } = message;
    const chunk = message.chunk ?? (await findChunk(deps.table, ref));
    if (!chunk) return;
    // Where pushes are written down first, a chunk that was claimed says nothing of those who were not.
    const launched = once || queue === "deliver-late" ? () => {} : await admit(message, queue === "urgent");
    if (!launched) return deps.queue(queue).send(grouped(ref.announcementId, [{ body: message, delaySeconds: 1 }]));
    try {
      await begin(message, chunk, queue, call, launched);
    } finally {
      launched();
    }
  }

  async function begin(
    message: ChunkMessage,
    chunk: Chunk,
    queue: QueueName,
    call: Call | undefined,
    launched: () => void,
  ): Promise<void> {
    const { ref } = message;
    const endpoints = membersOf(chunk);
    const claimed = await claim(deps, ref, {
      members: endpoints.length,
      leaseMs: lease,
      wanted: (letters) => /[wi]/.test(letters),
    });
    if (claimed.kind !== "mine") return putOff(claimed, message, queue);
    const ledger = await open(ref, endpoints, claimed);
    // Who must not be sent to twice has a letter of its own before a push.
    const lost = claimed.doubt && !once ? { lost: lostAttempt(deps.now(), "plan") } : {};
    const jobs = endpoints.flatMap((endpoint, member): Job[] =>
      ledger.letter(member) === "w" ? [{ member, endpoint, target: message.targets?.[member], ...lost }] : [],
    );
    if (!message.targets) await lookUp(jobs);
    if (claimed.diedBefore !== undefined) await freeTurns(jobs);
    await run(ledger, { ref, chunk, jobs }, call, launched);
    if (endpoints.some((_, member) => ledger.letter(member) === "w"))
      await deps.queue(queue).send(grouped(ref.announcementId, [{ body: message, delaySeconds: 1 }]));
  }

  async function retry(message: RetryMessage, queue: QueueName, call?: Call): Promise<void> {
    const { ref } = message;
    const chunk = await findChunk(deps.table, ref);
    if (!chunk) return;
    const endpoints = membersOf(chunk);
    const due = await dueRows(message);
    if (due.length === 0) return;
    const claimed = await claim(deps, ref, { leaseMs: lease, wanted: (letters) => /[rh]/.test(letters) });
    // A turn that is missed is nobody's, and where turns are not waited for in place the chunk is soon free.
    const hurries = !channel.limits.spacing && due.some(({ waitsFor }) => waitsFor !== undefined);
    if (claimed.kind !== "mine") return putOff(claimed, message, queue, hurries ? 1 : LATEST_LOOK_SECONDS);
    const ledger = await open(ref, endpoints, claimed);
    const jobs = (await dueRows(message)).flatMap((row): Job[] => {
      const member = endpoints.indexOf(row.endpoint);
      return "rh".includes(ledger.letter(member)) ? [{ member, endpoint: row.endpoint, target: undefined, row }] : [];
    });
    jobs.sort((a, b) => a.member - b.member);
    await lookUp(jobs);
    if (claimed.diedBefore !== undefined) await freeTurns(jobs);
    await run(ledger, { ref, chunk, jobs }, call);
  }

  /** A worker that died had this chunk open: what it promised to members is free before they ask anew. */
  async function freeTurns(jobs: Job[]): Promise<void> {
    if (!pace) return;
    freeing ??= import("./move-up.ts").then(({ afterDeath }) => afterDeath(deps, channel, pace));
    const addresses = jobs.flatMap(({ target }) => (target ? [target.address] : []));
    // They wait for longer where that fails, and nothing else.
    await (await freeing)(addresses).catch((error: unknown) =>
      deps.log.warn("turns-not-freed", { channel: channel.name, detail: String(error).slice(0, 200) }),
    );
  }

  async function dueRows({ ref, endpoints }: RetryMessage): Promise<Delivery[]> {
    const items = await deps.table.getMany(endpoints.map((endpoint) => deliveryKey(ref, endpoint)));
    const now = deps.now().getTime();
    return items.flatMap((item) => (item ? [Delivery().parse(item)] : [])).filter((row) => isDue(row, now));
  }

  /** Somebody else has the chunk: look again when that may have ended. */
  async function putOff(
    claimed: Claim,
    message: ChunkMessage | RetryMessage,
    queue: QueueName,
    most = LATEST_LOOK_SECONDS,
  ): Promise<void> {
    if (claimed.kind !== "taken") return;
    const delaySeconds = Math.min(most, Math.max(1, Math.ceil(claimed.ms / 1000)));
    await deps.queue(queue).send(grouped(message.ref.announcementId, [{ body: message, delaySeconds }]));
  }

  /**
   * What a worker was about to send when it died may have been sent, and is written down as that: where it must not go out twice,
   * nobody repeats it; elsewhere it is tried again.
   */
  async function open(
    ref: ChunkRef,
    endpoints: string[],
    { result, doubt, diedBefore }: Extract<Claim, { kind: "mine" }>,
  ): Promise<ChunkLedger> {
    const canAsk = (receipt: string) => channel.ask !== undefined && (channel.canAsk?.(receipt) ?? true);
    const ledger = openLedger(deps, { ref, members: endpoints, canAsk }, result, lease);
    if (once ? !doubt : diedBefore === undefined) return ledger;
    const letters = once ? "i" : "rh";
    const members = endpoints.map((_, member) => member).filter((member) => letters.includes(ledger.letter(member)));
    if (members.length === 0) return ledger;
    const rows = await deps.table.getMany(members.map((member) => deliveryKey(ref, endpoints[member] ?? "")));
    for (const [i, member] of members.entries()) {
      const found = rows[i] && Delivery().parse(rows[i]);
      const endpoint = endpoints[member] ?? "";
      const known: Delivery = found ?? { ref, endpoint, state: "waiting", attempts: [], version: 0 };
      if (!once && !mayHaveBegun(known, diedBefore ?? 0)) continue;
      const attempts = [...known.attempts, lostAttempt(deps.now(), triggerOf(found))];
      const { dueAt, ...ended } = { ...known, attempts, version: known.version + 1 };
      if (once || dueAt === undefined) ledger.note(member, "u", { row: { ...ended, state: "unknown" } });
      else
        ledger.note(member, ledger.letter(member), {
          row: { ...ended, dueAt },
          lookAt: new Date(Date.parse(dueAt) + SWEEP_GRACE_MS),
        });
    }
    // Rows are read again before the next attempt.
    if (!once && ledger.isBehind()) await ledger.save();
    return ledger;
  }

  async function lookUp(jobs: Job[]): Promise<void> {
    await Promise.all(
      jobs.map(async (job) => {
        const found = await combinedReach(deps.table, job.endpoint);
        if (!found || found.channel !== channel.name) return;
        const { frequency, ...reach } = found.reach;
        job.target = frequency === "now" ? reach : { ...reach, frequency };
      }),
    );
  }

  return { chunk, retry, supersede, pace };
}
