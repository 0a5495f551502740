import type { Log } from "#src/log.ts";
import { type Message, type MessageHandler, QUEUES, type QueueName } from "#src/platform/queue.ts";
import { LOOK_MS, type LocalQueue } from "./queue.ts";

export type Consumer = {
  /** Takes nothing more; resolves when the calls in flight have ended. */ stop(): Promise<void>;
};

/** Hands visible messages to `handler`, one a call, up to `concurrency` calls at once; what fails stays hidden for its visibility. */
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
  let stopped = false;

  const handle = async (messages: Message[]): Promise<void> => {
    try {
      const failed = new Set((await handler(messages)).failed);
      const ended = messages.filter(({ id }) => !failed.has(id)).map(({ receipt }) => receipt);
      queue.done(ended).catch((error) => log.warn("queue-done-failed", { queue: name, error: String(error) }));
    } catch (error) {
      log.warn("queue-handler-failed", { queue: name, messages: messages.length, error: String(error) });
    }
  };

  const pump = (): void => {
    try {
      while (!stopped && running.size < concurrency) {
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
