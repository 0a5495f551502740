import { COOL_DOWN_SECONDS, type Messenger, TOO_OFTEN } from "#src/domain/deliveries/messenger.ts";
import type { Log } from "#src/log.ts";
import { told } from "./told.ts";
import { LATE, within } from "./within.ts";

export type InTurn = <T>(task: () => Promise<T>) => Promise<T>;

export type Replies = { answer(to: string, text: string): void; stop(): void };

const MOST_WAITING = 50;
const OLDEST_MS = 300_000;
const TRIES = 3;

/**
 * Sends answers one after another at the account's pace. At most one of them waits for a turn at a time, so that pushes
 * get every second turn however much is asked; what nobody can wait for any more is dropped.
 */
export function makeReplies(deps: {
  messenger: () => Messenger | undefined;
  inTurn: InTurn;
  now: () => Date;
  log: Log;
  patienceMs: number;
  againMs?: number;
}): Replies {
  const { now, log, inTurn, patienceMs, againMs = 5000 } = deps;
  const waiting: { to: string; text: string; at: number }[] = [];
  let running = false;
  let stopped = false;

  /** Undefined: it is settled. Milliseconds: it was not sent, and may be tried again after so long. */
  async function send(to: string, text: string): Promise<number | undefined> {
    const messenger = deps.messenger();
    if (!messenger) return againMs;
    try {
      const sent = await within(patienceMs, () => messenger.send(to, { kind: "text", text }));
      if (sent === LATE) log.warn("bot-reply-hangs");
      return undefined;
    } catch (error) {
      log.warn("bot-reply", { error: told(error) });
      return TOO_OFTEN.test(String(error)) ? COOL_DOWN_SECONDS * 1000 : againMs;
    }
  }

  async function settle(reply: { to: string; text: string; at: number }): Promise<void> {
    for (let tries = 0; tries < TRIES && !stopped; tries++) {
      if (now().getTime() - reply.at > OLDEST_MS) return;
      const again = await inTurn(() => send(reply.to, reply.text));
      if (again === undefined || again > OLDEST_MS) return;
      await new Promise((resolve) => setTimeout(resolve, again).unref());
    }
  }

  async function run(): Promise<void> {
    if (running) return;
    running = true;
    for (let next = waiting.shift(); next && !stopped; next = waiting.shift()) await settle(next);
    running = false;
  }

  return {
    answer(to, text) {
      if (stopped) return;
      if (waiting.length >= MOST_WAITING) return log.warn("bot-replies-full");
      waiting.push({ to, text, at: now().getTime() });
      run().catch((error) => log.warn("bot-reply", { error: told(error) }));
    },
    stop() {
      stopped = true;
      waiting.length = 0;
    },
  };
}
