import { readRevision } from "#src/domain/announcements/store.ts";
import { AppError } from "#src/errors.ts";
import type { Log } from "#src/log.ts";
import { type Clock, steadyTime } from "#src/platform/clock.ts";
import type { Call, Queue, QueueName } from "#src/platform/queue.ts";
import type { Table } from "#src/platform/table.ts";
import type { Language } from "#src/text.ts";
import { makeAdmission } from "./admission.ts";
import type { Channel, ChannelName, Links } from "./channel.ts";
import type { SettingsReader } from "./channel-settings.ts";
import type { ChunkLedger } from "./chunk-ledger.ts";
import { DIGEST_FREQUENCIES, digestNamed } from "./digest.ts";
import { A_DIGEST, digestRenderings, linksFor } from "./digest-text.ts";
import { makeExposure } from "./exposure.ts";
import type { Slot } from "./gate.ts";
import { makeHanging } from "./hanging.ts";
import { breaksIn } from "./hold.ts";
import { digestJoiner } from "./join-digest.ts";
import { marksReader } from "./marks.ts";
import type { ChunkMessage, RetryMessage } from "./message.ts";
import { nowAndThen } from "./now-and-then.ts";
import { originOf } from "./origin-of.ts";
import type { Pace } from "./pace.ts";
import type { Turn, TurnAsk } from "./pace-turns.ts";
import { makePusher } from "./push-member.ts";
import { applyEarly } from "./receipts.ts";
import { recent, together } from "./recent.ts";
import { judge, type Verdict } from "./stand-in.ts";
import { type Fanout, findFanout } from "./store.ts";
import { wakeFallbacks } from "./wake-fallbacks.ts";
import { type Batch, isUrgent, type Job, LONGEST_DELAY_SECONDS, OPEN_MS, type Work } from "./work.ts";
import { grouped, lateQueueOf } from "./work-queue.ts";

export type RunDeps = Clock & {
  table: Table;
  queue: (name: QueueName) => Queue;
  settings: SettingsReader;
  /** How long a push may wait in place for its turn (2 s), and what draws spacings and jitter. */
  patienceMs?: number;
  random?: () => number;
  /** See `LeaseDeps`. */
  onlyHost?: string;
  /** So many routine pushes of one channel are in flight at most, and so many that hang may stand aside of them (256). */
  room?: { inFlight: number; aside: number };
  log: Log;
  links: Links;
  channels: Record<ChannelName, Channel>;
};

/** So many receivers at most get a push twice for a power cut of the one process there is; a function has a few chunks. */
const MOST_EXPOSED = 512;
/** So many of an announcement wait for a slot at most before its next chunk is claimed: as many as begin while that is done. */
const AHEAD = 64;
/** Where others are open, they soon close or have others claimed, and one sync serves them all. */
const SEVERAL_OPEN = 2;
/** Who has not answered for so long is tried again in any case, power cut or not, and takes no room from the others. */
const HANGS_MS = 1000;
const LOOK_MS = 250;
/** Where nothing is said about it. */
const ROOM = { inFlight: Number.POSITIVE_INFINITY, aside: 256 };
/** Where more than may stand aside hang, an answer is waited for only so long. */
const SHORT_PATIENCE_MS = 3000;
const SAVES = { every: 100, first: 1100, slowest: 5000 };

export type Runner = {
  /** `launched` is called when everybody of the batch stands at the gate. */
  run(ledger: ChunkLedger, batch: Batch, call?: Call, launched?: () => void): Promise<void>;
  /** When the chunk may be claimed; see `Admission`. */
  admit(message: ChunkMessage, urgent: boolean): Promise<(() => void) | undefined>;
  /** This revision has taken over: what waits of older ones is not sent. Chunks find out by themselves, too, within seconds. */
  supersede(announcementId: string, revision: number): void;
};

/** Pushes to members of claimed chunks of one channel, many at once, and closes their ledgers. */
export function makeRunner(
  deps: RunDeps,
  channel: Channel,
  pace?: Pace & { turn(ask: TurnAsk): Promise<Turn> },
): Runner {
  const once = channel.guarantee === "at-most-once";
  const open = new Set<Work>();
  let clock: NodeJS.Timeout | undefined;
  const fromTimeToTime = nowAndThen(SAVES);
  // What must not be sent twice is written down before; of the rest a power cut repeats no more than this.
  const bounded = !once && deps.onlyHost !== undefined;
  const exposure = makeExposure(bounded ? MOST_EXPOSED : Number.POSITIVE_INFINITY, () =>
    Promise.all([...open].map(storeSoon)),
  );
  const hanging = makeHanging(() => steadyTime(deps));
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
  const pusher = makePusher(
    { ...deps, exposure, hanging, room: deps.room ?? ROOM, render, moved: (id) => admission.moved(id) },
    channel,
    pace,
  );
  const admission = makeAdmission(pusher.gateFor, AHEAD);
  // Read after the claim, or a newer revision's fan-out and this worker could miss each other.
  const fanoutOf = together((key) => {
    const [id = "", revision] = key.split("#");
    return findFanout(deps.table, id, Number(revision));
  });

  async function run(ledger: ChunkLedger, batch: Batch, call?: Call, launched?: () => void): Promise<void> {
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
    const openUntil = steadyTime(deps) + OPEN_MS;
    const { promise: end, resolve: ended } = Promise.withResolvers<void>();
    const work: Work = {
      ...{ ledger, batch, digest, ...prepared, urgent: isUrgent(prepared.text), openUntil, ended },
      ...{ rendered: new Map(), waiting: [], due: new Map(), unreached: [], after: [] },
      // Launching counts as one, so that the chunk is not over before all were launched.
      ...{
        running: 1,
        flying: new Map<string, Slot>(),
        queued: new Map(),
        patience: new AbortController(),
        apart: new Set<string>(),
        waits: () => call?.waits(),
        unstored: 0,
        storing: false,
        isOver: false,
        broken: undefined,
      },
    };
    const timer = setTimeout(() => {
      work.isOver = true;
      for (const leave of work.waiting) leave();
    }, OPEN_MS);
    const saving = fromTimeToTime(async () => {
      const { marks, stopped, dropped } = await circumstances();
      Object.assign(work, { marks, stopped, dropped });
      if (ledger.isBehind()) await stored(work, () => ledger.save(true));
    });
    open.add(work);
    clock ??= setInterval(lookAfterHanging, LOOK_MS);
    for (const job of jobs) pusher.launch(work, job);
    pusher.finish(work);
    launched?.();
    await end;
    clearTimeout(timer);
    for (const { timer } of work.due.values()) clearTimeout(timer);
    await saving.stop();
    await stored(work, () => ledger.close(open.size >= SEVERAL_OPEN && !exposure.isHigh())).finally(() => {
      open.delete(work);
      exposure.leave(work.unstored);
      if (open.size > 0) return;
      clearInterval(clock);
      clock = undefined;
    });
    if (work.unreached.length > 0) work.after.push(() => wakeFallbacks(deps, ref, work.unreached));
    for (const receipt of ledger.early()) work.after.push(() => applyEarly(deps, channel.name, receipt));
    try {
      for (const step of work.after) await step();
    } finally {
      // Last, so that who tries again knows how its endpoint fares.
      await queueDue(work);
    }
    if (work.broken !== undefined) throw work.broken;
  }

  function lookAfterHanging(): void {
    const since = steadyTime(deps) - HANGS_MS;
    for (const work of open) {
      pusher.setAside(work, since);
      if (work.stopped) pusher.giveUpHanging(work);
    }
    if (pusher.isCrowded()) channel.giveUp?.(SHORT_PATIENCE_MS);
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

  async function storeSoon(work: Work): Promise<void> {
    if (work.unstored === 0 || work.storing) return;
    work.storing = true;
    await stored(work, () => work.ledger.save()).catch(() => undefined); // it is tried again from time to time, and at the end
    work.storing = false;
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

  async function render(work: Work, { language }: { language: Language }, items: string[]): Promise<unknown> {
    if (work.digest) return digests(work.digest, language, items);
    const { announcementId, revision } = work.batch.ref;
    const rendered = await renderings(`${announcementId}#${revision}#${language}`);
    work.rendered.set(language, rendered);
    return rendered;
  }

  async function queueDue({ batch: { ref }, due, urgent }: Work): Promise<void> {
    if (due.size === 0) return;
    const now = steadyTime(deps);
    const secondsTo = (at: number) => Math.min(LONGEST_DELAY_SECONDS, Math.max(0, Math.ceil((at - now) / 1000)));
    const bySeconds = Map.groupBy(due, ([, { at }]) => secondsTo(at));
    const messages = [...bySeconds].map(([delaySeconds, members]) => {
      const body: RetryMessage = { kind: "retry", ref, endpoints: members.map(([endpoint]) => endpoint) };
      return { body, delaySeconds };
    });
    // Who did not answer the first time may not answer again: such calls hold no worker of the others.
    await deps.queue(lateQueueOf(channel, urgent)).send(grouped(ref.announcementId, messages));
  }

  function admit({ ref, targets }: ChunkMessage, urgent: boolean): Promise<(() => void) | undefined> {
    const origins = new Map<string, number>();
    for (const { address } of targets ?? []) {
      const origin = originOf(address);
      origins.set(origin, (origins.get(origin) ?? 0) + 1);
    }
    return admission.admit({ group: ref.announcementId, urgent, origins });
  }

  function supersede(announcementId: string, revision: number): void {
    admission.open(announcementId);
    for (const work of open) {
      const { ref } = work.batch;
      if (ref.announcementId !== announcementId || ref.revision >= revision) continue;
      work.stopped = true;
      pusher.dropQueued(work);
    }
  }

  return { run, admit, supersede };
}
