/** `every`: how often to look who is due; a task runs after `first`, then ever more seldom down to every `slowest`. Milliseconds. */
export type Rhythm = { every: number; first: number; slowest: number };

/** One task among others: `stop` resolves when it has ended. */
export type Repeated = { stop(): Promise<void> };

/**
 * Runs tasks from time to time, those that are due in the same turn of the event loop, so that they can share what they read
 * and write. None runs twice at once; one that fails runs again.
 */
export function nowAndThen({ every, first, slowest }: Rhythm): (task: () => Promise<void>) => Repeated {
  type Entry = { task: () => Promise<void>; at: number; wait: number; running: Promise<void> | undefined };
  const entries = new Set<Entry>();
  let clock: NodeJS.Timeout | undefined;

  function run(entry: Entry) {
    entry.running = entry
      .task()
      .catch(() => undefined)
      .then(() => {
        entry.wait = Math.min(slowest, entry.wait * 2);
        entry.at = performance.now() + entry.wait;
        entry.running = undefined;
      });
  }

  function look() {
    const now = performance.now();
    for (const entry of entries) if (!entry.running && entry.at <= now) run(entry);
  }

  return (task) => {
    const entry: Entry = { task, at: performance.now() + first, wait: first, running: undefined };
    entries.add(entry);
    clock ??= setInterval(look, every);
    return {
      async stop() {
        entries.delete(entry);
        if (entries.size === 0) {
          clearInterval(clock);
          clock = undefined;
        }
        await entry.running;
      },
    };
  };
}
