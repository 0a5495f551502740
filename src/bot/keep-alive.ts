import type { Log } from "#src/log.ts";
import type { Connection } from "./connect.ts";
import type { Reporter } from "./report-state.ts";
import type { BotTiming } from "./timing.ts";
import { told } from "./told.ts";
import { LATE, within } from "./within.ts";

const LOGOUT_MS = 10_000;
const BRIEF_MS = 60_000;

export type Keeper = {
  begin(): Promise<void>;
  scanned(): void;
  loggedIn(): void;
  loggedOut(): void;
  /** Messages do not leave any more. */
  sick(): void;
  /** A message left: whatever went wrong before is over. */
  proven(): void;
  dropSession(): Promise<void>;
  stop(): Promise<void>;
};

/**
 * Keeps a bot connected: stops and starts it when it is sick, when a start shows neither QR code nor login, or when
 * nothing follows a logout, each time after a longer pause. After several starts in vain the kept session goes.
 */
export function makeKeeper(deps: {
  connection: () => Connection;
  /** Makes the connection anew, where that is possible. */
  renew: () => Promise<void>;
  reporter: Reporter;
  timing: BotTiming;
  now: () => Date;
  log: Log;
  random?: () => number;
}): Keeper {
  const { connection, reporter, timing, log, random = Math.random } = deps;
  let attempt = 0;
  let failed = 0;
  let busy = false;
  let stopped = false;
  let loggedInAt = 0;
  let startedAt = "";
  let deadline: NodeJS.Timeout | undefined;
  let wake = () => {};

  function expectWithin(milliseconds: number, otherwise: string) {
    clearTimeout(deadline);
    deadline = setTimeout(() => failedStart(otherwise), milliseconds);
  }

  function failedStart(reason: string) {
    clearTimeout(deadline);
    if (stopped) return;
    failed++;
    log.warn("bot-start-failed", { failed, reason });
    // What the puppet itself said since then tells more.
    const said = (reporter.state().lastError?.at ?? "") >= startedAt;
    const lastError = { at: deps.now().toISOString(), detail: reason };
    reporter.change({ failedStarts: failed, ...(said ? {} : { lastError }) });
    void again();
  }

  async function quietly(milliseconds: number, what: string, task: () => Promise<unknown>): Promise<void> {
    const ended = await within(milliseconds, async () => task()).catch((error) => {
      log.warn("bot-quiet", { what, error: told(error) });
    });
    if (ended === LATE) log.warn("bot-quiet", { what, error: "took too long" });
  }

  function pause(): Promise<void> {
    const least = timing.backoffMs[Math.min(attempt++, timing.backoffMs.length - 1)] ?? 0;
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, least * (0.8 + 0.4 * random()));
      wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  async function again(): Promise<void> {
    if (busy || stopped) return;
    busy = true;
    clearTimeout(deadline);
    try {
      await quietly(timing.stopMs, "stop", () => connection().stop());
      if (failed >= timing.failedStarts && (await connection().session.holds())) {
        log.warn("bot-session-dropped", { failed });
        await quietly(LOGOUT_MS, "forget", () => connection().session.forget());
        failed = 0;
      }
      await pause();
      if (!stopped) await deps.renew();
    } catch (error) {
      log.warn("bot-renew", { error: told(error) });
    } finally {
      busy = false;
    }
    if (!stopped) await begin();
  }

  async function begin(): Promise<void> {
    startedAt = deps.now().toISOString();
    reporter.change({ phase: "starting", account: undefined, qr: undefined });
    expectWithin(2 * timing.startMs, "neither QR code nor login");
    try {
      const started = await within(timing.startMs, () => connection().start());
      if (started === LATE || !connection().isUp()) return failedStart("the puppet did not start");
      if (reporter.state().phase === "starting") expectWithin(timing.startMs, "neither QR code nor login");
    } catch (error) {
      failedStart(told(error));
    }
  }

  return {
    begin,
    scanned() {
      clearTimeout(deadline);
      failed = 0;
      reporter.change({ failedStarts: 0 });
    },
    loggedIn() {
      clearTimeout(deadline);
      loggedInAt = performance.now();
    },
    loggedOut() {
      if (busy || stopped) return;
      const brief = performance.now() - loggedInAt < BRIEF_MS;
      if (brief && ++failed >= timing.failedStarts) void again();
      else expectWithin(timing.logoutMs, "no QR code after a logout");
    },
    sick() {
      void again();
    },
    proven() {
      attempt = 0;
      if (failed > 0) reporter.change({ failedStarts: 0 });
      failed = 0;
    },
    async dropSession() {
      attempt = 0;
      failed = 0;
      if (!busy) await quietly(LOGOUT_MS, "logout", () => connection().logout());
      await connection().session.forget();
      wake();
      void again();
    },
    async stop() {
      stopped = true;
      clearTimeout(deadline);
      wake();
      await quietly(timing.stopMs, "stop", () => connection().stop());
    },
  };
}
