import { setTimeout as sleep } from "node:timers/promises";
import { readRevision } from "#src/domain/announcements/store.ts";
import { endEndpoint } from "#src/domain/subscriptions/end-endpoint.ts";
import { clearFailure, noteFailure } from "#src/domain/subscriptions/failing.ts";
import type { EndpointMark } from "#src/domain/subscriptions/store.ts";
import { AppError } from "#src/errors.ts";
import type { Log } from "#src/log.ts";
import type { Queue, QueueName } from "#src/platform/queue.ts";
import type { Table } from "#src/platform/table.ts";
import type { Language } from "#src/text.ts";
import type { Channel, ChannelName, Links, Outcome } from "./channel.ts";
import type { SettingsReader } from "./channel-settings.ts";
import type { ChunkLedger } from "./chunk-ledger.ts";
import { DIGEST_FREQUENCIES, DIGEST_LETTER, type DigestName, digestNamed } from "./digest.ts";
import { A_DIGEST, digestRenderings, linksFor } from "./digest-text.ts";
import { makeExposure } from "./exposure.ts";
import { makeGate, originOf } from "./gate.ts";
import { breaksIn, heldUntil } from "./hold.ts";
import { digestJoiner } from "./join-digest.ts";
import { marksReader } from "./marks.ts";
import type { MessageTarget, RetryMessage } from "./message.ts";
import type { Pace } from "./pace.ts";
import type { Turn, TurnAsk } from "./pace-turns.ts";
import { applyEarly } from "./receipts.ts";
import { recent, together } from "./recent.ts";
import { lostAttempt, mayHaveArrived, settle } from "./settle.ts";
import { judge, type Verdict } from "./stand-in.ts";
import { type Attempt, type Chunk, type ChunkRef, type Delivery, type Fanout, findFanout, matchedOf } from "./store.ts";
import { wakeFallbacks } from "./wake-fallbacks.ts";
import { grouped, queueOf } from "./work-queue.ts";

export type RunDeps = {
  table: Table;
  queue: (name: QueueName) => Queue;
  settings: SettingsReader;
  now: () => Date;
  /** How long a push may wait in place for its turn (2 s), and what draws spacings and jitter. */
  patienceMs?: number;
  random?: () => number;
  /** See `LeaseDeps`. */
  onlyHost?: string;
  log: Log;
  links: Links;
  channels: Record<ChannelName, Channel>;
};

/** A chunk stays open so long, and one push longer; then it goes back with what was not begun (a function has 60 s). */
const OPEN_MS = 30_000;
/** So many receivers at most get a push twice for a power cut of the one process there is; a function has a few chunks. */
const MOST_EXPOSED = 512;
const FIRST_SAVE_MS = 700;
const SLOWEST_SAVE_MS = 5000;
const LONGEST_DELAY_SECONDS = 900;
const SWEEP_GRACE_MS = 60_000;
// Longer only where a channel has one account: elsewhere who waits holds a worker from other credentials.
const PATIENCE_MS = 2000;
// A grant is for a push that starts at once.
const STALE_MS = 400;
const URGENT_ROOM = 64;

/** One member to be pushed to. No target: nothing is wanted there any more. A row: it was tried or held before. */
export type Job = { member: number; endpoint: string; target: MessageTarget | undefined; row?: Delivery };

/** `doubt`: the worker before died, and may have sent what it did not write down. */
export type Batch = { ref: ChunkRef; chunk: Chunk; jobs: Job[]; doubt: boolean };

type Wait = Extract<Turn, { kind: "wait" }>;

type Work = {
  ledger: ChunkLedger;
  batch: Batch;
  text: Parameters<typeof heldUntil>[1];
  digest: DigestName | undefined;
  marks: Map<string, EndpointMark>;
  /** A newer revision has taken over. */
  stopped: boolean;
  /** Of a digest: items that a newer revision has replaced. */
  dropped: readonly string[];
  /** Of those that stand in for a first choice. */
  verdicts: Map<string, Verdict>;
  openUntil: number;
  /** Resolves when nobody may wait for a slot any longer. */
  over: Promise<undefined>;
  running: number;
  /** Answered since the ledger was stored last. */
  unstored: number;
  storing: boolean;
  ended: () => void;
  broken: unknown;
  /** When members are due for a further attempt (milliseconds since 1970), and what does it while the chunk is open. */
  due: Map<string, { at: number; timer?: NodeJS.Timeout }>;
  /** What concerns the endpoints themselves, once the outcomes are stored. */
  after: (() => Promise<void>)[];
};

/** Pushes to members of claimed chunks of one channel, many at once, and closes their ledgers. */
export function makeRunner(
  deps: RunDeps,
  channel: Channel,
  pace?: Pace & { turn(ask: TurnAsk): Promise<Turn> },
): (ledger: ChunkLedger, batch: Batch) => Promise<void> {
  const { inFlight, inFlightPerOrigin, spacing } = channel.limits;
  const routineGate = makeGate(channel.limits);
  // Room of their own, so that no number of hanging routine pushes holds the urgent ones; an account that takes one at a time takes one.
  const room = Math.min(URGENT_ROOM, Math.ceil(inFlight / 8));
  const urgentGate =
    inFlight === 1 ? routineGate : makeGate({ inFlight: room, inFlightPerOrigin: Math.min(room, inFlightPerOrigin) });
  const patienceMs = deps.patienceMs ?? (spacing ? OPEN_MS : PATIENCE_MS);
  const once = channel.guarantee === "at-most-once";
  const open = new Set<Work>();
  // What must not be sent twice is written down before; of the rest a power cut repeats no more than this.
  const bounded = !once && deps.onlyHost !== undefined;
  const exposure = makeExposure(bounded ? MOST_EXPOSED : Number.POSITIVE_INFINITY, () => {
    for (const work of open) storeSoon(work);
  });
  const marksOf = marksReader(deps.table);
  const revisionOf = recent(64, async (key) => {
    const [id = "", revision] = key.split("#");
    const found = await readRevision(deps, id, Number(revision));
    if (!found) throw new AppError("not-found", "REVISION", { zh: "没有该版本", en: "no such revision" });
    return found;
  });
  const linksOf = linksFor(deps.links);
  const renderings = recent(32, async (key) => {
    const [id, revision, language] = key.split("#");
    const text = await revisionOf(`${id}#${revision}`);
    return channel.render(text, language as Language, linksOf([text]));
  });
  const digests = digestRenderings(channel, linksOf, revisionOf);
  const join = digestJoiner(deps);
  // Read after the claim, or a newer revision's fan-out and this worker could miss each other.
  const fanoutOf = together((key) => {
    const [id = "", revision] = key.split("#");
    return findFanout(deps.table, id, Number(revision));
  });

  async function run(ledger: ChunkLedger, batch: Batch): Promise<void> {
    const { ref, jobs } = batch;
    if (jobs.length === 0) return ledger.close();
    const key = `${ref.announcementId}#${ref.revision}`;
    const digest = digestNamed(ref.announcementId);
    const circumstances = async () => {
      const [marks, fanout] = await Promise.all([
        marksOf(ref, jobs[0]?.endpoint ?? "", jobs.at(-1)?.endpoint ?? ""),
        fanoutOf(key),
      ]);
      return { fanout, marks, stopped: fanout?.supersededBy !== undefined, dropped: fanout?.dropped ?? [] };
    };
    const prepare = async () => {
      const [{ fanout, ...first }, text] = await Promise.all([circumstances(), digest ? A_DIGEST : revisionOf(key)]);
      const alone = digest || !fanout || first.stopped;
      if (!alone) await holdForDigests(ledger, fanout, text, jobs);
      return { ...first, text, verdicts: alone ? new Map() : await verdictsOn(ledger, fanout, batch) };
    };
    const prepared = await prepare().catch(async (error) => {
      await ledger.close();
      throw error;
    });
    const openUntil = deps.now().getTime() + OPEN_MS;
    let ended = () => {};
    const end = new Promise<void>((resolve) => {
      ended = resolve;
    });
    let timer: NodeJS.Timeout | undefined;
    const over = new Promise<undefined>((resolve) => {
      timer = setTimeout(resolve, OPEN_MS, undefined);
    });
    const work: Work = {
      ...{ ledger, batch, digest, ...prepared, openUntil, over, ended },
      ...{ running: 0, unstored: 0, storing: false, broken: undefined, due: new Map(), after: [] },
    };
    const saving = nowAndThen(async () => {
      const { marks, stopped, dropped } = await circumstances();
      Object.assign(work, { marks, stopped, dropped });
      await stored(work, () => ledger.save());
    });
    open.add(work);
    for (const job of jobs) launch(work, job);
    await end;
    clearTimeout(timer);
    for (const { timer } of work.due.values()) clearTimeout(timer);
    await saving.stop();
    await stored(work, () => ledger.close()).finally(() => {
      open.delete(work);
      exposure.leave(work.unstored);
    });
    await queueDue(work);
    for (const receipt of ledger.early()) work.after.push(() => applyEarly(deps, channel.name, receipt));
    for (const step of work.after) await step();
    if (work.broken !== undefined) throw work.broken;
  }

  /** What was answered before the ledger was stored is no longer exposed then. */
  async function stored(work: Work, store: () => Promise<void>): Promise<void> {
    const { unstored } = work;
    work.unstored = 0;
    await store().catch((error) => {
      work.unstored += unstored;
      throw error;
    });
    exposure.leave(unstored);
  }

  function storeSoon(work: Work): void {
    if (work.unstored === 0 || work.storing) return;
    work.storing = true;
    stored(work, () => work.ledger.save())
      .catch(() => undefined) // it is tried again from time to time, and at the end
      .finally(() => {
        work.storing = false;
      });
  }

  /** Before a member's letter says that it waits for a digest, the revision stands among that digest's. */
  async function holdForDigests(
    ledger: ChunkLedger,
    fanout: Fanout,
    text: Parameters<typeof breaksIn>[0],
    jobs: Job[],
  ): Promise<void> {
    if (breaksIn(text)) return;
    for (const frequency of DIGEST_FREQUENCIES) {
      if (!jobs.some(({ target, row }) => target?.frequency === frequency && !row)) continue;
      ledger.holdFor(frequency, (await join(fanout, frequency)).date);
    }
  }

  /** A fallback is judged when it is met, and again when its minutes are over. */
  async function verdictsOn(ledger: ChunkLedger, fanout: Fanout, { ref, jobs }: Batch) {
    const verdicts = new Map<string, Verdict>();
    const running = new Set(jobs.map(({ endpoint }) => endpoint));
    const own = { ref, ledger, running };
    for (const { endpoint, target, row } of jobs) {
      const after = row ? (row.state === "held" ? row.after : undefined) : target?.after;
      if (after) verdicts.set(endpoint, await judge(deps, { fanout, own, endpoint, after }, row !== undefined));
    }
    return verdicts;
  }

  /** The chunk is open as long as something of it runs. */
  function launch(work: Work, job: Job): void {
    work.running++;
    attempt(work, job)
      .catch((error: unknown) => {
        work.broken ??= error;
      })
      .finally(() => {
        if (--work.running === 0) work.ended();
      });
  }

  async function queueDue({ batch: { ref }, due, text }: Work): Promise<void> {
    if (due.size === 0) return;
    const now = deps.now().getTime();
    const bySeconds = Map.groupBy(due, ([, { at }]) => Math.max(0, Math.ceil((at - now) / 1000)));
    const messages = [...bySeconds].map(([delaySeconds, members]) => {
      const body: RetryMessage = { kind: "retry", ref, endpoints: members.map(([endpoint]) => endpoint) };
      return { body, delaySeconds };
    });
    await deps.queue(queueOf(channel, isUrgent(text))).send(grouped(ref.announcementId, messages));
  }

  async function attempt(work: Work, job: Job): Promise<void> {
    const { target } = job;
    if (keptBack(work, job) || !target) return;
    for (let ticket = job.row?.waitsFor !== undefined; ; ticket = true) {
      const turn = await pushInTurn(work, job, target, ticket);
      if (!turn) return;
      if (turn.until > Math.min(work.openUntil, deps.now().getTime() + patienceMs)) return awaitTurn(work, job, turn);
      await Promise.race([sleep(Math.max(1, turn.until - deps.now().getTime())), work.over]);
      if (keptBack(work, job)) return;
      if (!mayStart(work)) return awaitTurn(work, job, turn);
    }
  }

  /** Pushes once there is room in this process and its credential's pace allows; else answers when that will be. */
  async function pushInTurn(work: Work, job: Job, target: MessageTarget, ticket: boolean): Promise<Wait | undefined> {
    const urgent = isUrgent(work.text);
    const gate = urgent ? urgentGate : routineGate;
    const entered = gate.enter(originOf(target.address), work.batch.ref.announcementId);
    const waited = entered instanceof Promise;
    const slot = waited ? await Promise.race([entered, work.over]) : entered;
    if (!slot) {
      void Promise.resolve(entered).then((unused) => gate.leave(unused, undefined));
      return undefined;
    }
    let answeredMs: number | undefined;
    try {
      if (waited && keptBack(work, job)) return undefined;
      if (!mayStart(work)) return undefined;
      const ask = { address: target.address, endpoint: job.endpoint, urgent };
      let turn = await pace?.turn({ ...ask, ticket });
      if (turn?.kind === "wait") return turn;
      const before = work.ledger.letter(job.member);
      if (once && !(await noteIntent(work, job))) return undefined;
      // What took long in between would reach the vendor nearer to the next one than was reckoned.
      if (turn && deps.now().getTime() - turn.at > STALE_MS) {
        await pace?.giveBack(target.address, turn.at, job.endpoint);
        turn = await pace?.turn({ ...ask, ticket: true });
      }
      if (turn?.kind === "wait") {
        work.ledger.note(job.member, before);
        return turn;
      }
      const room = exposure.enter(urgent);
      if (room && !(await Promise.race([room.then(() => true), work.over]))) {
        void room.then(() => exposure.leave(1));
        return undefined;
      }
      if (room && (keptBack(work, job) || !mayStart(work))) {
        exposure.leave(1);
        return undefined;
      }
      answeredMs = await push(work, job, target, turn).finally(() => {
        work.unstored++;
        if (exposure.isFull()) storeSoon(work);
      });
    } finally {
      gate.leave(slot, answeredMs);
    }
    return undefined;
  }

  /** Its turn is too far away to keep the chunk open for: a row of its own waits, nothing was attempted. */
  function awaitTurn(work: Work, job: Job, { until, because }: Wait): void {
    const { ref } = work.batch;
    const { member, endpoint } = job;
    const known = job.row ?? { ref, endpoint, attempts: [], version: 0 };
    const row: Delivery = {
      ...known,
      state: "waiting",
      dueAt: new Date(until).toISOString(),
      waitsFor: because,
      version: known.version + 1,
    };
    const soon = until - deps.now().getTime() <= LONGEST_DELAY_SECONDS * 1000;
    // The sweep looks a minute ahead, so that a turn is not missed for its sake.
    work.ledger.note(member, "r", { row, lookAt: new Date(until + (soon ? SWEEP_GRACE_MS : -SWEEP_GRACE_MS)) });
    if (soon) again(work, { ...job, row }, until);
  }

  /** Answers whether it may still be sent: the store may have taken long to write that down. */
  async function noteIntent(work: Work, job: Job): Promise<boolean> {
    const { ledger } = work;
    const { member } = job;
    const before = ledger.letter(member);
    ledger.note(member, "i");
    await ledger.save().catch((error) => {
      ledger.note(member, before);
      throw error;
    });
    if (mayStart(work) && !keptBack(work, job)) return true;
    if (ledger.letter(member) === "i") ledger.note(member, before);
    return false;
  }

  /** Notes why nothing may be sent to this member now, if something forbids it. */
  function keptBack(work: Work, job: Job): boolean {
    const { ledger, batch } = work;
    const { member, endpoint, row, target } = job;
    const end = (letter: "x" | "e" | "n" | "u", state: "suppressed" | "unknown"): true => {
      const { dueAt: _, ...known } = row ?? { ref: batch.ref, endpoint, attempts: [], version: 0 };
      const needsRow = row !== undefined || letter === "u";
      const attempts =
        letter === "u" && lost ? [...known.attempts, lostAttempt(deps.now(), triggerOf(row))] : known.attempts;
      ledger.note(member, letter, needsRow ? { row: { ...known, attempts, state, version: known.version + 1 } } : {});
      return true;
    };
    // What a worker before may have sent was seen, perhaps: its reader gets the newer text.
    const lost = batch.doubt && !once;
    const left = work.digest && contentsOf(work, member);
    if (work.stopped || left?.length === 0)
      return lost || (row && mayHaveArrived(row)) ? end("u", "unknown") : end("x", "suppressed");
    if (!target || target.address === "" || work.marks.get(endpoint)?.state === "ended") {
      work.after.push(() => wakeFallbacks(deps, batch.ref, endpoint));
      return end("e", "suppressed");
    }
    const verdict = work.verdicts.get(endpoint);
    if (verdict?.kind === "reached") return end("n", "suppressed");
    if (target.frequency && !work.digest && !row && !breaksIn(work.text)) {
      ledger.note(member, DIGEST_LETTER[target.frequency]);
      return true;
    }
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

  /** Of a digest: the items that this member gets. */
  function contentsOf({ batch, dropped }: Work, member: number): string[] {
    const items = matchedOf(batch.chunk, member);
    return dropped.length === 0 ? items : items.filter((item) => !dropped.includes(item));
  }

  function mayStart(work: Work): boolean {
    const now = deps.now().getTime();
    return now < work.openUntil && now + channel.limits.seconds.total * 1000 < work.ledger.until();
  }

  /** Answers how long the receiver took to say anything; undefined when it said nothing. */
  async function push(
    work: Work,
    job: Job,
    target: MessageTarget,
    turn: Extract<Turn, { kind: "go" }> | undefined,
  ): Promise<number | undefined> {
    const { ref, chunk } = work.batch;
    const { member, endpoint, row } = job;
    const { address, language, secrets } = target;
    const matched = work.digest ? contentsOf(work, member) : matchedOf(chunk, member);
    const rendered = work.digest
      ? await digests(work.digest, language, matched)
      : await renderings(`${ref.announcementId}#${ref.revision}#${language}`);
    const startedAt = deps.now();
    const outcome = await channel
      .push(rendered, {
        deliveryId: deliveryId(ref, endpoint),
        attempt: (row?.attempts.length ?? 0) + 1,
        target: { endpoint, address, language, secrets, matched },
      })
      .catch((error: unknown): Outcome => {
        const detail = error instanceof Error ? error.message : "";
        deps.log.error("push-threw", { channel: channel.name, announcement: ref.announcementId, detail });
        return { kind: "unknown", detail };
      });
    const ms = Math.max(0, deps.now().getTime() - startedAt.getTime());
    await heed(work, { address, endpoint }, outcome, turn);
    const settled = settle(channel, { ref, endpoint, row, startedAt, ms, trigger: triggerOf(row) }, outcome);
    const soon = settled.inSeconds !== undefined && settled.inSeconds <= LONGEST_DELAY_SECONDS;
    const dueAt = settled.row?.dueAt === undefined ? undefined : Date.parse(settled.row.dueAt);
    work.ledger.note(member, settled.letter, {
      ...(settled.row ? { row: settled.row } : {}),
      ...(dueAt === undefined ? {} : { lookAt: new Date(dueAt + (soon ? SWEEP_GRACE_MS : 0)) }),
      ...(row && !"da".includes(settled.letter)
        ? {}
        : { timing: { start: startedAt.getTime() - work.ledger.startedAt(), took: ms } }),
      ...("receipt" in outcome && outcome.receipt !== undefined && outcome.kind !== "delivered"
        ? { receipt: outcome.receipt }
        : {}),
      ...("status" in outcome && outcome.status !== undefined ? { code: outcome.status } : {}),
    });
    if (work.digest) noteOmitted(work, job, matched);
    if (soon && settled.row && dueAt !== undefined) again(work, { ...job, row: settled.row }, dueAt);
    if (settled.letter === "f") work.after.push(() => wakeFallbacks(deps, ref, endpoint));
    careForEndpoint(work, endpoint, outcome, settled.row?.attempts.length ?? 1);
    const silent = outcome.kind === "unknown" || (outcome.kind === "retry" && outcome.status === undefined);
    return silent ? undefined : ms;
  }

  function noteOmitted({ ledger, batch }: Work, { member, row }: Job, sent: string[]): void {
    const omitted = matchedOf(batch.chunk, member).filter((item) => !sent.includes(item));
    const lost = batch.doubt && !once;
    ledger.omit(member, omitted, lost || (row && mayHaveArrived(row)) ? "u" : "x");
  }

  /** Tried again here if others keep the chunk open until then; else by a message that is queued when it closes. */
  function again(work: Work, job: Job, at: number): void {
    const due: { at: number; timer?: NodeJS.Timeout } = { at };
    work.due.set(job.endpoint, due);
    if (at >= work.openUntil) return;
    due.timer = setTimeout(() => {
      if (work.running === 0) return;
      work.due.delete(job.endpoint);
      launch(work, job);
    }, at - deps.now().getTime());
  }

  /** What the outcome says of the whole credential counts for every worker before anything else is done about it. */
  async function heed(
    work: Work,
    { address, endpoint }: { address: string; endpoint: string },
    outcome: Outcome,
    turn: Extract<Turn, { kind: "go" }> | undefined,
  ): Promise<void> {
    if (!pace || !turn) return;
    try {
      if (outcome.kind === "retry") await pace.giveBack(address, turn.at, endpoint);
      if (turn.probe && (outcome.kind === "delivered" || outcome.kind === "accepted")) await pace.well(address);
      if (outcome.kind !== "retry" || !outcome.pause) return;
      const { because, seconds } = outcome.pause;
      const { first, since } = await pace.pause(address, outcome.pause);
      deps.log.warn("channel-paused", { channel: channel.name, because, seconds, first, detail: outcome.detail });
      if (because !== "configuration") return;
      // Told again after a crash, the same words make the same one alarm.
      work.after.push(async () => {
        const { alarmPaused } = await import("./alarm-paused.ts");
        await alarmPaused(deps, channel, { address, since, detail: outcome.detail });
      });
    } catch (error) {
      deps.log.error("pause-not-kept", { channel: channel.name, detail: String(error).slice(0, 200) });
    }
  }

  function careForEndpoint(work: Work, endpoint: string, outcome: Outcome, attempts: number): void {
    const mark = work.marks.get(endpoint);
    const failing = mark?.state === "failing" ? mark : undefined;
    const failed = outcome.kind === "retry" || (outcome.kind === "unknown" && channel.retriesUnknown);
    // The credential is at fault, not the one endpoint.
    if (outcome.kind === "retry" && outcome.pause) return;
    if (outcome.kind === "gone") work.after.push(() => endEndpoint(deps, endpoint, "gone"));
    else if (failed && (attempts > 1 || failing))
      work.after.push(async () => {
        if (await noteFailure(deps, endpoint, failing))
          deps.log.warn("endpoint-switched-off", { channel: channel.name, endpoint, since: failing?.since });
      });
    else if (failing && (outcome.kind === "delivered" || outcome.kind === "accepted"))
      work.after.push(() => clearFailure(deps, endpoint));
  }

  return run;
}

function isUrgent({ content }: { content: { urgency: string } }): boolean {
  return content.urgency === "urgent";
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

/** Runs a task from time to time, ever more seldom, never twice at once. A task that fails runs again. */
function nowAndThen(task: () => Promise<void>): { stop(): Promise<void> } {
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
      return running;
    },
  };
}
