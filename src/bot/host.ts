import type { Log } from "#src/log.ts";
import type { MessageHandler, Queue, QueueSpec } from "#src/platform/queue.ts";

export type QueueHost = { stop(): Promise<void> };

/**
 * Takes messages of one queue until it is stopped: the loop of a long-lived host (the bot) beside AWS. What the handler
 * names as failed, and everything when it throws, is seen again after the visibility of the queue.
 */
export function hostQueue(deps: {
  queue: Queue;
  spec: QueueSpec;
  handler: MessageHandler;
  log: Log;
  waitSeconds?: number;
  /** After the queue itself could not answer. */
  pauseMs?: number;
}): QueueHost {
  const { queue, spec, handler, log, waitSeconds = 10, pauseMs = 5000 } = deps;
  let stopped = false;
  let wake = () => {};

  async function once() {
    const messages = await queue.receive({ max: spec.batch, waitSeconds, visibleAfterSeconds: spec.visibilitySeconds });
    if (messages.length === 0) return;
    if (stopped) {
      for (const message of messages) await queue.postpone(message.receipt, 0);
      return;
    }
    const failed = await handler(messages).then(
      (answer) => new Set(answer.failed),
      (error) => {
        log.warn("queue-handler", { queue: spec.name, error: String(error).slice(0, 200) });
        return new Set(messages.map(({ id }) => id));
      },
    );
    await queue.done(messages.filter(({ id }) => !failed.has(id)).map(({ receipt }) => receipt));
  }

  async function run() {
    while (!stopped) {
      try {
        await once();
      } catch (error) {
        log.warn("queue-host", { queue: spec.name, error: String(error).slice(0, 200) });
        await new Promise<void>((resolve) => {
          wake = resolve;
          setTimeout(resolve, pauseMs);
        });
      }
    }
  }

  const running = run();
  return {
    stop() {
      stopped = true;
      wake();
      return running;
    },
  };
}
