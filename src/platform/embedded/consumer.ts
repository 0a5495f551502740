import type { Log } from "#src/log.ts";
import { type Call, type Message, type MessageHandler, QUEUES, type QueueName } from "#src/platform/queue.ts";
import { LOOK_MS, type LocalQueue } from "./queue.ts";

export type Consumer = {
  /** Takes nothing more; resolves when the calls in flight have ended. */ stop(): Promise<void>;
};

// What a call that waits still holds in memory is a chunk of a hundred addresses.
const MOST_WAITING = 1024;

/**
 * Hands visible messages to `handler`, one a call, up to `concurrency` calls at once beside those that only wait; what fails stays
 * hidden for its visibility.
 */
export function consumer(deps: {
  queue: LocalQueue;
  name: QueueName;
  handler: MessageHandler;
  concurrency: number;
  log: Log;
}): Consumer {
  const { queue, name, handler, concurrency, log } = deps;
  const { visibilitySeconds } = QUEUES[name];
  const running = new Set<Promise<void>>();
  let busy = 0;
  let waiting = 0;
  let stopped = false;

  const handle = async (messages: Message[]): Promise<void> => {
    let waits = false;
    busy++;
    const call: Call = {
      waits: () => {
        if (waits) return;
        waits = true;
        busy--;
        waiting++;
        pump();
      },
    };
    try {
      const failed = new Set((await handler(messages, call)).failed);
      const ended = messages.filter(({ id }) => !failed.has(id)).map(({ receipt }) => receipt);
      queue.done(ended).catch((error) => log.warn("queue-done-failed", { queue: name, error: String(error) }));
    } catch (error) {
      log.warn("queue-handler-failed", { queue: name, messages: messages.length, error: String(error) });
    } finally {
      if (waits) waiting--;
      else busy--;
    }
  };

  const pump = (): void => {
    try {
      while (!stopped && busy + Math.max(0, waiting - MOST_WAITING) < concurrency) {
        const messages = queue.take(1, visibilitySeconds);
        if (messages.length === 0) return;
        const call = handle(messages).finally(() => {
          running.delete(call);
          pump();
        });
        running.add(call);
      }
    } catch (error) {
      log.error("queue-unreadable", { queue: name, error: String(error) });
    }
  };

  const timer = setInterval(pump, LOOK_MS);
  const deaf = queue.onArrival(pump);
  setImmediate(pump);
  return {
    stop: async () => {
      stopped = true;
      clearInterval(timer);
      deaf();
      await Promise.all(running);
    },
  };
}
