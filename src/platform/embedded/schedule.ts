import type { Log } from "#src/log.ts";

/** Tasks that come round by the clock of the machine; one that still runs is not started again. */
export function schedule(log: Log) {
  const timers: NodeJS.Timeout[] = [];
  const running = new Set<Promise<void>>();
  return {
    every: (seconds: number, task: () => Promise<void>): void => {
      let busy = false;
      const turn = async (): Promise<void> => {
        busy = true;
        try {
          await task();
        } catch (error) {
          log.error("task-failed", { error: String(error) });
        } finally {
          busy = false;
        }
      };
      timers.push(
        setInterval(() => {
          if (busy) return;
          const run = turn().finally(() => running.delete(run));
          running.add(run);
        }, seconds * 1000),
      );
    },
    stop: async (): Promise<void> => {
      for (const timer of timers) clearInterval(timer);
      await Promise.all(running);
    },
  };
}
