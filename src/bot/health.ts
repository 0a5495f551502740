import type { Log } from "#src/log.ts";

export type Health = {
  /** A message left: nothing has to be tried. */
  good(): void;
  /** A message did not leave; whose fault that is, a probe will show. */
  suspect(): void;
  /** Logged in anew. */
  begin(): void;
  /** Probes if it is time to; calls `sick` after two failed probes in a row. */
  check(): Promise<void>;
};

/**
 * Whether messages really leave. A puppet's `isLoggedIn` is not asked: after days it may say yes while nothing goes out
 * (wechaty/wechaty#2442). `probe` sends one message and answers whether it left.
 */
export function makeHealth(deps: {
  now: () => Date;
  log: Log;
  suspectMs: number;
  quietMs: () => Promise<number>;
  probe: () => Promise<boolean>;
  sick: () => void;
}): Health {
  const { now, log } = deps;
  let lastGood = now().getTime();
  let lastProbe = 0;
  let suspected = false;
  let failed = 0;

  async function isDue(): Promise<boolean> {
    if (failed > 0) return true;
    const at = now().getTime();
    if (suspected && at - lastProbe >= deps.suspectMs) return true;
    return at - Math.max(lastGood, lastProbe) >= (await deps.quietMs());
  }
  const good = () => {
    lastGood = now().getTime();
    suspected = false;
    failed = 0;
  };

  return {
    good,
    suspect() {
      suspected = true;
    },
    begin() {
      lastGood = now().getTime();
      failed = 0;
    },
    async check() {
      if (!(await isDue())) return;
      lastProbe = now().getTime();
      if (await deps.probe()) return good();
      failed++;
      log.warn("bot-probe-failed", { failed });
      if (failed < 2) return;
      failed = 0;
      suspected = true; // looked at again soon after the reconnection
      lastProbe = 0;
      log.error("bot-sick");
      deps.sick();
    },
  };
}
