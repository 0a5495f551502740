import { sha256 } from "#src/ids.ts";
import type { Channel, Outcome, Pause } from "./channel.ts";
import { place } from "./hash-space.ts";
import type { Letter } from "./states.ts";
import type { Attempt, ChunkRef, Delivery } from "./store.ts";

/** What one attempt makes of a delivery. `row` when it needs one; `inSeconds` when it is to be tried again. */
export type Settled = { letter: Letter; row?: Delivery; inSeconds?: number };

export type Tried = {
  ref: ChunkRef;
  endpoint: string;
  row: Delivery | undefined;
  startedAt: Date;
  ms: number;
  trigger: Attempt["trigger"];
};

/**
 * So often a pause of the whole credential costs a delivery none of its tries, at growing distances: most of a day where the
 * vendor says a minute each time, days where it says more. From then on it costs one, so that every delivery ends.
 */
const FREE_PAUSES = 20;
const LONGEST_GROWN_SECONDS = 3600;
/** Into so many parts at most do times that the receiver names divide a step of the schedule. */
const PARTS_OF_A_STEP = 20;

/**
 * The rules from outcome to state. Retries follow the channel's schedule with ±20 % of jitter; when that is used up the delivery
 * has failed. A receiver's own Retry-After (a day at most, up to 10 % on top) says not before when: one that is over sooner than
 * the schedule's step gives tries in between, which cost none of the schedule. A pause of the whole credential (`Outcome.pause`)
 * is waited for and leaves the schedule where it was.
 */
export function settle(channel: Channel, tried: Tried, outcome: Outcome): Settled {
  const { ref, endpoint, row } = tried;
  const pause = outcome.kind === "retry" ? outcome.pause : undefined;
  const letter = GOOD[outcome.kind];
  // Nearly all of them: the chunk itself says enough.
  if (letter && !row) return { letter };
  const attempt: Attempt = {
    at: tried.startedAt.toISOString(),
    outcome: outcome.kind,
    ms: tried.ms,
    trigger: tried.trigger,
    ...("status" in outcome && outcome.status !== undefined ? { status: outcome.status } : {}),
    ...("detail" in outcome ? { error: outcome.detail.slice(0, 300) } : {}),
    ...(pause ? { pause: pause.because } : {}),
  };
  const attempts = [...(row?.attempts ?? []), attempt];
  const pauses = attempts.filter((one) => one.pause !== undefined).length;
  const made = (letter: Letter, state: Delivery["state"], dueAt?: Date): Settled => ({
    letter,
    row: {
      ref,
      endpoint,
      state,
      attempts,
      ...(dueAt ? { dueAt: dueAt.toISOString() } : {}),
      ...(dueAt && pause ? { waitsFor: pause.because } : {}),
      version: (row?.version ?? 0) + 1,
    },
  });
  if (letter) return made(letter, "delivered");
  if (outcome.kind === "gone" || outcome.kind === "rejected") return made("f", "failed");
  const usedUp = outcome.kind === "unknown" ? made("u", "unknown") : made("f", "failed");
  if (outcome.kind === "unknown" && !channel.retriesUnknown) return usedUp;
  const free = attempts.filter(({ sooner, lost }) => sooner || lost).length;
  const wait = channel.retrySeconds[attempts.length - free - Math.min(pauses, FREE_PAUSES) - 1];
  if (wait === undefined && (!pause || pauses > FREE_PAUSES)) return usedUp;
  const asked = outcome.kind === "retry" ? (outcome.retryAfterSeconds ?? (pause && grown(pause, pauses))) : undefined;
  const seed = seedOf(tried, outcome);
  let inSeconds: number;
  if (asked === undefined) inSeconds = jittered(wait ?? 0, seed, attempts.length);
  else if (pause || wait === undefined) inSeconds = patient(asked, endpoint);
  else {
    inSeconds = patient(Math.max(asked, wait / PARTS_OF_A_STEP), endpoint);
    const left = leftOfStep(attempts, wait, seed);
    if (inSeconds < left) attempt.sooner = true;
    else inSeconds = Math.max(inSeconds, Math.ceil(left));
  }
  return { ...made("r", "waiting", new Date(tried.startedAt.getTime() + tried.ms + inSeconds * 1000)), inSeconds };
}

/** Seconds from the last attempt until the schedule's own one; the step began with the first that was not made in between. */
function leftOfStep(attempts: Attempt[], wait: number, seed: string): number {
  const first = attempts.slice(0, -1).findLastIndex(({ sooner }) => !sooner) + 1;
  const endOf = (one: Attempt | undefined) => (one ? Date.parse(one.at) + one.ms : 0);
  // Never less than no time: the clock may have been set back in between.
  const passed = Math.max(0, endOf(attempts.at(-1)) - endOf(attempts[first]));
  return jittered(wait, seed, first + 1) - passed / 1000;
}

/** A vendor that says the same to one delivery again and again is asked ever more seldom. */
function grown({ seconds }: Pause, times: number): number {
  return Math.max(seconds, Math.min(LONGEST_GROWN_SECONDS, seconds * 2 ** (times - 1)));
}

/** The attempt that a worker that was lost may have made: it may have arrived, and costs none of the schedule. `now`: when that was noticed. */
export function lostAttempt(now: Date, trigger: Attempt["trigger"]): Attempt {
  return { at: now.toISOString(), outcome: "unknown", ms: 0, trigger, lost: true, error: "the worker was lost" };
}

/** Whether a worker whose lease ran until then (milliseconds since 1970) may have begun what was due at that time. */
export function mayHaveBegun({ dueAt }: Pick<Delivery, "dueAt">, until: number): boolean {
  return dueAt !== undefined && Date.parse(dueAt) <= until;
}

/**
 * Whether an attempt may have arrived: a receipt denies the one it speaks of, a person all of them. What several workers lost one
 * after the other may stand there as one, so no receipt denies that.
 */
export function mayHaveArrived({ attempts }: Pick<Delivery, "attempts">): boolean {
  let open = 0;
  let inDoubt = false;
  for (const { outcome, trigger, note, lost } of attempts) {
    if (lost) inDoubt = true;
    else if (["unknown", "accepted", "delivered"].includes(outcome)) open++;
    else if (note !== undefined) [open, inDoubt] = [0, false];
    else if (trigger === "receipt") open--;
  }
  return inDoubt || open > 0;
}

const GOOD: Partial<Record<Outcome["kind"], Letter>> = { delivered: "d", accepted: "a" };

const STEPS = 24;
const DAY = 86_400;

/**
 * In steps, so that neighbours can share a message. Who gave no answer is tried again together with those of its chunk who gave
 * none: they hang in one call. Who did answer may be many at one overloaded place, and each has a throw of its own.
 */
function jittered(seconds: number, seed: string, attempt: number): number {
  const fair = Number.parseInt(sha256(`${seed} ${attempt}`).slice(0, 6), 16) / 0x1000000;
  return Math.round(seconds * (0.8 + (0.4 * Math.floor(fair * (STEPS + 1))) / STEPS));
}

function seedOf({ ref, endpoint }: Tried, outcome: Outcome): string {
  return "status" in outcome && outcome.status !== undefined ? endpoint : JSON.stringify(ref);
}

function patient(seconds: number, endpoint: string): number {
  return Math.min(DAY, Math.ceil(seconds * (1 + 0.1 * place(endpoint.slice(6, 10)))));
}
