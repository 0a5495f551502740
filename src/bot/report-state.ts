import { type BotState, putBotState } from "#src/domain/conversations/bot-state.ts";
import type { Log } from "#src/log.ts";
import type { Table } from "#src/platform/table.ts";
import { told } from "./told.ts";

type State = Omit<BotState, "at">;
/** Undefined takes a member away. */
export type StateChange = { [name in keyof State]?: State[name] | undefined };

export type Reporter = {
  state(): State;
  /** `later`: with the next beat; what changes with every message must not be a write each. */
  change(change: StateChange, when?: "soon" | "later"): void;
  stop(): Promise<void>;
};

/** Keeps the table told how the bot is: soon after a change, often enough to show that it lives, never faster than that. */
export function makeReporter(deps: {
  table: Table;
  now: () => Date;
  log: Log;
  puppet: string;
  timing: { reportMs: number; beatMs: number };
}): Reporter {
  const { table, now, log, timing } = deps;
  let state: State = { phase: "starting", since: now().toISOString(), puppet: deps.puppet, failedStarts: 0 };
  let soon: NodeJS.Timeout | undefined;
  let writing: Promise<void> = Promise.resolve();

  function write() {
    clearTimeout(soon);
    soon = undefined;
    writing = writing
      .then(() => putBotState({ table, now }, state))
      .catch((error) => log.warn("bot-state", { error: told(error) }));
  }
  const beat = setInterval(write, timing.beatMs);

  return {
    state: () => state,
    change(change, when = "soon") {
      const since = change.phase === undefined || change.phase === state.phase ? state.since : now().toISOString();
      const next = Object.entries({ ...state, ...change, since }).filter(([, value]) => value !== undefined);
      state = Object.fromEntries(next) as State;
      if (when === "soon") soon ??= setTimeout(write, timing.reportMs);
    },
    stop() {
      clearInterval(beat);
      write();
      return writing;
    },
  };
}
