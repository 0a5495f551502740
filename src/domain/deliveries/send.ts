import type { Revision } from "#src/domain/announcements/announcement.ts";
import { readRevision } from "#src/domain/announcements/store.ts";
import { endEndpoint } from "#src/domain/subscriptions/end-endpoint.ts";
import { clearFailure, noteFailure } from "#src/domain/subscriptions/failing.ts";
import { combinedReach } from "#src/domain/subscriptions/reach.ts";
import type { EndpointMark } from "#src/domain/subscriptions/store.ts";
import { AppError } from "#src/errors.ts";
import type { Log } from "#src/log.ts";
import type { Queue, QueueName } from "#src/platform/queue.ts";
import type { Table } from "#src/platform/table.ts";
import type { Language } from "#src/text.ts";
import type { Channel, Links, Outcome } from "./channel.ts";
import { type ChunkLedger, openLedger } from "./chunk-ledger.ts";
import { type Claim, claim, leaseMs } from "./claim.ts";
import { makeGate, originOf } from "./gate.ts";
import { heldUntil } from "./hold.ts";
import { marksReader } from "./marks.ts";
import type { ChunkMessage, MessageTarget, RetryMessage } from "./message.ts";
import { recent, together } from "./recent.ts";
import { settle } from "./settle.ts";
import {
  type Attempt,
  type Chunk,
  type ChunkRef,
  type Delivery,
  Delivery as DeliverySchema,
  deliveryKey,
  findChunk,
  findFanout,
  matchedOf,
  membersOf,
} from "./store.ts";

export type SendDeps = {
  table: Table;
  queue: (name: QueueName) => Queue;
  now: () => Date;
  /** See `LeaseDeps`. */
  onlyHost?: string;
  log: Log;
  links: Links;
};

/** A chunk stays open so long; then it goes back to the queue with what was not begun. */
const OPEN_MS = 40_000;
const FIRST_SAVE_MS = 700;
const SLOWEST_SAVE_MS = 10_000;
const LONGEST_DELAY_SECONDS = 900;
const SWEEP_GRACE_MS = 60_000;

type Job = { member: number; endpoint: string; target: MessageTarget | undefined; row?: Delivery };

type Batch = { ref: ChunkRef; chunk: Chunk; jobs: Job[]; trigger: Attempt["trigger"] };

/** What sending a message came to: it is over, or its work goes on in a message that was queued instead. */
export type Sender = { chunk(message: ChunkMessage): Promise<void>; retry(message: RetryMessage): Promise<void> };

/** Sends chunks of one channel. One per process and channel: the limits in flight are counted here. */
export function makeSender(deps: SendDeps, channel: Channel): Sender {
  const gate = makeGate(channel.limits);
  const lease = leaseMs(channel.limits.seconds.total);
  const once = channel.guarantee === "at-most-once";
  const revisionOf = recent(16, async (key) => {
    const [id = "", revision] = key.split("#");
    const found = await readRevision(deps, id, Number(revision));
    if (!found) throw new AppError("not-found", "REVISION", { zh: "没有该版本", en: "no such revision" });
    return found;
  });
  const marksOf = marksReader(deps.table);
  // Read after the claim, or a newer revision's fan-out and this worker could miss each other.
  const isSuperseded = together(async (key) => {
    const [id = "", revision] = key.split("#");
    return (await findFanout(deps.table, id, Number(revision)))?.supersededBy !== undefined;
  });
  const renderings = recent(32, async (key) => {
    const [id, revision, language] = key.split("#");
    return channel.render(await revisionOf(`${id}#${revision}`), language as Language, deps.links);
  });

  async function chunk(message: ChunkMessage): Promise<void> {
    const { ref } = message;
    const chunk = message.chunk ?? (await findChunk(deps.table, ref));
    if (!chunk) return;
    const endpoints = membersOf(chunk);
    const claimed = await claim(deps, ref, {
      members: endpoints.length,
      leaseMs: lease,
      wanted: (letters) => /[wi]/.test(letters),
    });
    if (claimed.kind !== "mine") return putOff(claimed, message);
    const ledger = openLedger(deps, ref, claimed.result, lease);
    if (once && claimed.doubt) await leaveInDoubt(ledger, ref, endpoints);
    const jobs = endpoints.flatMap((endpoint, member): Job[] =>
      ledger.letter(member) === "w" ? [{ member, endpoint, target: message.targets?.[member] }] : [],
    );
    if (!message.targets) await lookUp(jobs);
    await run(ledger, { ref, chunk, jobs, trigger: "plan" }, claimed);
    if (/w/.test(endpoints.map((_, i) => ledger.letter(i)).join("")))
      await deps.queue(channel.queue).send([{ body: message, delaySeconds: 1 }]);
  }

  async function retry(message: RetryMessage): Promise<void> {
    const { ref } = message;
    const chunk = await findChunk(deps.table, ref);
    if (!chunk) return;
    const endpoints = membersOf(chunk);
    const due = async (): Promise<Delivery[]> => {
      const items = await deps.table.getMany(message.endpoints.map((endpoint) => deliveryKey(ref, endpoint)));
      const soon = deps.now().getTime() + 1000;
      return items
        .flatMap((item) => (item ? [DeliverySchema.parse(item)] : []))
        .filter(({ dueAt }) => dueAt !== undefined && Date.parse(dueAt) <= soon);
    };
    if ((await due()).length === 0) return;
    const claimed = await claim(deps, ref, { leaseMs: lease, wanted: (letters) => /[rh]/.test(letters) });
    if (claimed.kind !== "mine") return putOff(claimed, message);
    const ledger = openLedger(deps, ref, claimed.result, lease);
    if (once && claimed.doubt) await leaveInDoubt(ledger, ref, endpoints);
    const jobs = (await due()).flatMap((row): Job[] => {
      const member = endpoints.indexOf(row.endpoint);
      return "rh".includes(ledger.letter(member)) ? [{ member, endpoint: row.endpoint, target: undefined, row }] : [];
    });
    jobs.sort((a, b) => a.member - b.member);
    await lookUp(jobs);
    await run(ledger, { ref, chunk, jobs, trigger: "schedule" }, claimed);
  }

  /** Somebody else has the chunk: look again when that lease must have ended. */
  async function putOff(claimed: Claim, message: ChunkMessage | RetryMessage): Promise<void> {
    if (claimed.kind !== "taken") return;
    const delaySeconds = Math.min(5, Math.max(1, Math.ceil(claimed.ms / 1000)));
    await deps.queue(channel.queue).send([{ body: message, delaySeconds }]);
  }

  /** A worker died between its intent and an outcome: whether that was sent, nobody knows, and nobody sends it again. */
  async function leaveInDoubt(ledger: ChunkLedger, ref: ChunkRef, endpoints: string[]): Promise<void> {
    const members = endpoints.map((_, member) => member).filter((member) => ledger.letter(member) === "i");
    const rows = await deps.table.getMany(members.map((member) => deliveryKey(ref, endpoints[member] ?? "")));
    for (const [i, member] of members.entries()) {
      const known = rows[i] ? DeliverySchema.parse(rows[i]) : undefined;
      const { dueAt: _, ...kept } = known ?? { ref, endpoint: endpoints[member] ?? "", attempts: [], version: 0 };
      ledger.note(member, "u", { row: { ...kept, state: "unknown", version: kept.version + 1 } });
    }
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

  async function run(ledger: ChunkLedger, batch: Batch, claimed: { doubt: boolean }): Promise<void> {
    const { ref, jobs } = batch;
    if (jobs.length === 0) return ledger.close();
    const revision = revisionOf(`${ref.announcementId}#${ref.revision}`);
    const between = () => marksOf(ref, jobs[0]?.endpoint ?? "", jobs.at(-1)?.endpoint ?? "");
    const superseded = () => isSuperseded(`${ref.announcementId}#${ref.revision}`);
    const [marks, stopped, text] = await Promise.all([between(), superseded(), revision]).catch(async (error) => {
      await ledger.close();
      throw error;
    });
    const work: Work = {
      ledger,
      batch,
      marks,
      stopped,
      text,
      openUntil: deps.now().getTime() + OPEN_MS,
      after: [],
      due: new Map(),
    };
    const inDoubt = claimed.doubt && !once;
    const timer = saveNowAndThen(async () => {
      [work.marks, work.stopped] = await Promise.all([between(), superseded()]);
      await save(work);
    });
    const ends = await Promise.allSettled(jobs.map((job) => attempt(work, job, inDoubt)));
    timer.stop();
    await timer.idle();
    const broken = ends.find((end) => end.status === "rejected");
    await ledger.close();
    await finish(work);
    if (broken) throw broken.reason;
  }

  async function save(work: Work): Promise<void> {
    const due = work.due;
    work.due = new Map();
    await work.ledger.save();
    await queueDue(work.batch.ref, due);
  }

  async function finish(work: Work): Promise<void> {
    await queueDue(work.batch.ref, work.due);
    for (const step of work.after) await step();
  }

  async function queueDue(ref: ChunkRef, due: Map<number, string[]>): Promise<void> {
    if (due.size === 0) return;
    const messages = [...due].map(([delaySeconds, endpoints]) => ({
      body: { kind: "retry", ref, endpoints } satisfies RetryMessage,
      delaySeconds,
    }));
    await deps.queue(channel.queue).send(messages);
  }

  type Work = {
    ledger: ChunkLedger;
    batch: Batch;
    marks: Map<string, EndpointMark>;
    stopped: boolean;
    text: Revision;
    openUntil: number;
    /** Endpoints to try again, by the seconds until then. */
    due: Map<number, string[]>;
    /** What concerns the endpoints themselves, once the outcomes are stored. */
    after: (() => Promise<void>)[];
  };

  async function attempt(work: Work, job: Job, inDoubt: boolean): Promise<void> {
    const { ledger } = work;
    const suppressed = keptBack(work, job, inDoubt);
    if (suppressed) return;
    const { target } = job;
    if (!target) return;
    const origin = originOf(target.address);
    const wait = gate.enter(origin);
    if (wait !== undefined) await wait;
    try {
      if (wait !== undefined && keptBack(work, job, inDoubt)) return;
      if (!mayStart(work)) return;
      if (once) await noteIntent(ledger, job.member);
      await push(work, job, target);
    } finally {
      gate.leave(origin);
    }
  }

  async function noteIntent(ledger: ChunkLedger, member: number): Promise<void> {
    const before = ledger.letter(member);
    ledger.note(member, "i");
    await ledger.save().catch((error) => {
      ledger.note(member, before);
      throw error;
    });
  }

  /** Notes why nothing may be sent to this member now, if something forbids it. */
  function keptBack(work: Work, job: Job, inDoubt: boolean): boolean {
    const { ledger, batch } = work;
    const { member, endpoint, row, target } = job;
    const state = (letter: "x" | "e" | "u", name: "suppressed" | "unknown") => {
      if (!row && letter !== "u") return ledger.note(member, letter);
      const { dueAt: _, ...kept } = row ?? { ref: batch.ref, endpoint, attempts: [], version: 0 };
      ledger.note(member, letter, { row: { ...kept, state: name, version: kept.version + 1 } });
    };
    if (work.stopped) {
      // The worker before may have sent this; then its reader saw the older text, and gets the newer one.
      if (inDoubt) state("u", "unknown");
      else state("x", "suppressed");
      return true;
    }
    if (!target || target.address === "" || work.marks.get(endpoint)?.state === "ended") {
      state("e", "suppressed");
      return true;
    }
    const until = heldUntil(target, work.text, deps.now(), row !== undefined);
    if (!until) return false;
    ledger.note(member, "h", {
      row: {
        ref: batch.ref,
        endpoint,
        attempts: row?.attempts ?? [],
        state: "held",
        dueAt: until.toISOString(),
        version: (row?.version ?? 0) + 1,
      },
      lookAt: until,
    });
    return true;
  }

  function mayStart(work: Work): boolean {
    const now = deps.now().getTime();
    return now < work.openUntil && now + channel.limits.seconds.total * 1000 < work.ledger.until();
  }

  async function push(work: Work, job: Job, target: MessageTarget): Promise<void> {
    const { ref, chunk, trigger } = work.batch;
    const { member, endpoint, row } = job;
    const rendered = await renderings(`${ref.announcementId}#${ref.revision}#${target.language}`);
    const startedAt = deps.now();
    const outcome = await channel
      .push(rendered, {
        deliveryId: deliveryId(ref, endpoint),
        attempt: (row?.attempts.length ?? 0) + 1,
        target: {
          endpoint,
          address: target.address,
          language: target.language,
          secrets: target.secrets,
          matched: matchedOf(chunk, member),
        },
      })
      .catch((error: unknown): Outcome => {
        const detail = error instanceof Error ? error.message : "";
        deps.log.error("push-threw", { channel: channel.name, announcement: ref.announcementId, detail });
        return { kind: once ? "unknown" : "retry", detail };
      });
    const ms = Math.max(0, deps.now().getTime() - startedAt.getTime());
    const tried = { ref, endpoint, row, startedAt, ms, trigger: triggerOf(row) ?? trigger };
    const settled = settle(channel, tried, outcome);
    const code = "status" in outcome && outcome.status !== undefined ? { code: outcome.status } : {};
    const timing = row ? {} : { timing: { start: startedAt.getTime() - work.openUntil + OPEN_MS, took: ms } };
    const { inSeconds } = settled;
    const queued = inSeconds !== undefined && inSeconds <= LONGEST_DELAY_SECONDS;
    if (settled.row?.dueAt === undefined) {
      work.ledger.note(member, settled.letter, { ...(settled.row ? { row: settled.row } : {}), ...timing, ...code });
    } else {
      const lookAt = new Date(Date.parse(settled.row.dueAt) + (queued ? SWEEP_GRACE_MS : 0));
      work.ledger.note(member, settled.letter, { row: settled.row, lookAt, ...timing, ...code });
    }
    if (queued) work.due.set(inSeconds, [...(work.due.get(inSeconds) ?? []), endpoint]);
    careForEndpoint(work, endpoint, outcome, settled.row?.attempts.length ?? 1);
  }

  function careForEndpoint(work: Work, endpoint: string, outcome: Outcome, attempts: number): void {
    const mark = work.marks.get(endpoint);
    const failing = mark?.state === "failing" ? mark : undefined;
    if (outcome.kind === "gone") work.after.push(() => endEndpoint(deps, endpoint, "gone"));
    else if (outcome.kind === "retry" && (attempts > 1 || failing))
      work.after.push(() => noteFailure(deps, endpoint, failing));
    else if (failing && outcome.kind === "delivered") work.after.push(() => clearFailure(deps, endpoint));
  }

  return { chunk, retry };
}

function triggerOf(row: Delivery | undefined): Attempt["trigger"] | undefined {
  if (row?.byHand) return "person";
  return row?.state === "held" ? "release" : undefined;
}

/** Stable over every attempt; receivers drop repeats by it. */
export function deliveryId(ref: { announcementId: string; revision: number }, endpoint: string): string {
  return `${ref.announcementId}.${ref.revision}.${endpoint}`;
}

/** Runs a task from time to time, ever more seldom, never twice at once. A task that fails runs again. */
function saveNowAndThen(task: () => Promise<void>) {
  let wait = FIRST_SAVE_MS;
  let stopped = false;
  let running: Promise<void> = Promise.resolve();
  let timer = setTimeout(tick, wait);
  function tick() {
    running = task()
      .catch(() => undefined)
      .then(() => {
        wait = Math.min(SLOWEST_SAVE_MS, wait * 2);
        if (!stopped) timer = setTimeout(tick, wait);
      });
  }
  return {
    stop: () => {
      stopped = true;
      clearTimeout(timer);
    },
    idle: () => running,
  };
}
