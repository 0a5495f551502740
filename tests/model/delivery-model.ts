/**
 * One delivery, two workers: the states of docs/delivery-states.md and every step between them. A step is one write or
 * one reading; whatever may happen in between is another step. Time is only this: a lease may run out, except under a
 * push, because a push begins only when its longest time still fits into the lease.
 */
export type Rules = {
  once: boolean;
  /** Rules that a test switches off, to see what they are good for. */
  without?: "lease" | "intent" | "lost" | "superseded" | "waiting" | "unanswered";
};

type Place = "idle" | "claimed" | "may push" | "must stop" | "intent" | "pushing" | "arrived" | "closing";
/** `doubt`: another worker died over this delivery, which is in no row yet. */
type Worker = { at: Place; notes: string; doubt: boolean };

export type State = {
  letter: string;
  /** Whose lease it is (0, 1), and whether it has run out. */
  lease: number | undefined;
  out: boolean;
  /** A worker lost the chunk, and not all that it may have sent is in rows. */
  lost: boolean;
  /** Attempts in its row that were never answered, and whether one stands there for those of lost workers. */
  unanswered: number;
  lostInRow: boolean;
  workers: [Worker, Worker];
  superseded: boolean;
  /** The newer text is planned: it goes to this endpoint as to one who saw the older, or not. */
  newer: "no" | "saw" | "did not see";
  arrived: number;
  tries: number;
  /** Workers that died or slept through their lease. */
  crashes: number;
  hands: number;
  /** What excuses a further arrival where nothing forbids it: a crash, a lost lease, silence, a person. */
  excuses: number;
  broken: string;
};

const IDLE: Worker = { at: "idle", notes: "", doubt: false };
const MOST = { tries: 2, crashes: 2, hands: 1 };

export const START: State = {
  ...{ letter: "w", lease: undefined, out: false, lost: false, unanswered: 0, lostInRow: false, workers: [IDLE, IDLE] },
  ...{ superseded: false, newer: "no", arrived: 0, tries: 0, crashes: 0, hands: 0, excuses: 0, broken: "" },
};

export const isFinal = ({ letter, lease, workers }: State): boolean =>
  "dafux".includes(letter) && lease === undefined && workers.every(({ at }) => at === "idle");

export function next(state: State, rules: Rules): [step: string, state: State][] {
  const steps: [string, State][] = [];
  const add = (step: string, change: Partial<State>) => steps.push([step, { ...state, ...change }]);
  const { letter, lease, out, lost, unanswered, lostInRow, superseded, workers, without } = { ...state, ...rules };
  const free = lease === undefined || out;
  const mayHaveArrived = (unanswered > 0 || lostInRow) && without !== "unanswered";

  for (const me of [0, 1] as const) {
    const { at, notes, doubt } = workers[me];
    const mine = lease === me || without === "lease";
    const step = (name: string, worker: Partial<Worker>, change: Partial<State> = {}) => {
      const changed = workers.map((one, i) => (i === me ? { ...one, ...worker } : one)) as State["workers"];
      add(`${me} ${name}`, { workers: changed, ...change });
    };
    // A message may come at any time and any number of times: the queue repeats it, the sweep sends it again.
    if (at === "idle" && (free || without === "lease") && "wir".includes(letter)) {
      const died = (lost || lease !== undefined) && without !== "lost";
      const lostIntent = rules.once && letter === "i" && lease !== undefined;
      const inNoRow = died && !rules.once;
      step("claims", lostIntent ? { at: "closing", notes: "u" } : { at: "claimed", notes: letter, doubt: inNoRow }, {
        ...{ lease: me, out: false, lost: died, lostInRow: lostInRow || lostIntent },
      });
    }
    // Who has a row already: before it is read for the next attempt.
    if (at === "claimed" && doubt && letter === "r") {
      if (mine) step("writes down what may have been sent", { doubt: false }, { lostInRow: true });
      else step("finds its lease gone", IDLE);
    } else if (at === "claimed")
      step("reads", { at: superseded && without !== "superseded" ? "must stop" : "may push" });
    if (at === "must stop") {
      const u = doubt || mayHaveArrived;
      step("keeps back", { at: "closing", notes: u ? "u" : "x" });
    }
    if (at === "may push") {
      if (!rules.once || without === "intent") step("goes on", { at: "intent" });
      else if (mine) step("writes its intent", { at: "intent" }, { letter: "i" });
      else step("finds its lease gone", IDLE);
    }
    if (at === "intent" && state.tries < MOST.tries) {
      if ((lease === me && !out) || without === "lease")
        step("begins to push", { at: "pushing" }, { tries: state.tries + 1 });
      else step("is too late", { at: "closing", notes });
    }
    if (at === "intent" && state.tries === MOST.tries) step("gives up", { at: "closing", notes: "f" });
    if (at === "pushing") {
      const broken = state.newer !== "no" ? "an older text after a newer" : state.broken;
      step("arrives", { at: "arrived" }, { arrived: state.arrived + 1, broken });
      step("is told: later", { at: "closing", notes: state.tries < MOST.tries ? "r" : "f" });
      step("is told: never", { at: "closing", notes: "f" });
    }
    if (at === "arrived" || at === "pushing") {
      const silent = rules.once || state.tries === MOST.tries ? "u" : "r";
      step(
        "hears nothing",
        { at: "closing", notes: silent },
        { unanswered: unanswered + 1, excuses: state.excuses + 1 },
      );
    }
    if (at === "arrived") {
      step("hears yes", { at: "closing", notes: "d" });
      step("hears that a receipt follows", { at: "closing", notes: "a" });
    }
    if (at === "closing")
      if (mine)
        step("writes down", IDLE, {
          ...{ letter: notes, lease: undefined, out: false, lost: lost && notes === "w" },
          lostInRow: lostInRow || (doubt && notes !== "w"),
        });
      else step("finds its lease gone", IDLE);
    if (at !== "idle" && state.crashes < MOST.crashes)
      step("dies", IDLE, { crashes: state.crashes + 1, excuses: state.excuses + 1 });
  }

  const holder = lease === undefined ? undefined : workers[lease as 0 | 1];
  const sleeps = holder !== undefined && holder.at !== "idle";
  if (holder && !out && !["pushing", "arrived"].includes(holder.at) && (!sleeps || state.crashes < MOST.crashes))
    add("the lease runs out", {
      out: true,
      ...(sleeps ? { crashes: state.crashes + 1, excuses: state.excuses + 1 } : {}),
    });
  if (!superseded) add("a newer text is published", { superseded: true });
  if (superseded && state.newer === "no" && (free || without === "waiting")) {
    const died = lease !== undefined || (lost && without !== "lost");
    const open = died && (rules.once ? "i" : lost ? "wrf" : "wr").includes(letter);
    const saw = "dau".includes(letter) || open || mayHaveArrived;
    const broken = !saw && state.arrived > 0 ? "who has the older text is not told of the newer" : state.broken;
    add("the newer text is planned", { newer: saw ? "saw" : "did not see", broken });
  }
  // Whoever else writes does it under the version of the result, and takes the sleeping worker's name off it.
  if (free) {
    const word = { lease: lease === undefined ? undefined : 2, out: lease !== undefined };
    if (letter === "a" || letter === "u") {
      // A receipt speaks of one message that the provider took: it reached the reader, or it did not after all.
      if (state.arrived > 0) {
        add("a receipt says yes", { ...word, letter: "d" });
        const denied = letter === "u" && unanswered > 0 ? unanswered - 1 : unanswered;
        add("a receipt says no", { ...word, letter: "f", arrived: state.arrived - 1, unanswered: denied });
      }
    }
    if ("fu".includes(letter) && !superseded && state.hands < MOST.hands)
      add("a person has it tried again", {
        ...word,
        letter: "r",
        hands: state.hands + 1,
        excuses: state.excuses + 1,
        tries: 0,
      });
  }
  if (lease === 2) add("the chunk is given back", { lease: undefined, out: false, lost: true });
  return steps;
}

/** What may never be, in the words of the promises. */
export function wrong(state: State, { once }: Rules): string | undefined {
  if (state.broken !== "") return state.broken;
  if (once && state.arrived > 1 + state.hands) return "an at-most-once channel sends twice";
  if (!once && state.arrived > 1 + state.excuses) return "more arrivals than crashes explain";
  if (state.letter === "x" && state.arrived > 0) return "what arrived is called suppressed";
  if (state.letter === "d" && state.arrived === 0) return "what never arrived is called delivered";
  return undefined;
}
