import type { Log } from "#src/log.ts";
import { told } from "./told.ts";

/** Runs a task again and again, never two at once; what goes wrong is logged, and the next round comes. */
export function everyRound(milliseconds: number, log: Log, task: () => Promise<void>): NodeJS.Timeout {
  let running = false;
  return setInterval(async () => {
    if (running) return;
    running = true;
    await task().catch((error) => log.warn("bot-round", { error: told(error) }));
    running = false;
  }, milliseconds);
}
