/**
 * One sleeper at a time; a wake-up before the sleep is not lost. Whoever wakes it goes on first: the sleeper follows in the
 * next turn of the event loop.
 */
export function sleeper() {
  let woken = false;
  let end: (() => void) | undefined;
  return {
    sleep: (milliseconds: number): Promise<void> => {
      if (woken) {
        woken = false;
        return new Promise((resolve) => setImmediate(resolve));
      }
      return new Promise((resolve) => {
        const timer = setTimeout(() => end?.(), Math.max(0, milliseconds));
        end = () => {
          clearTimeout(timer);
          end = undefined;
          setImmediate(resolve);
        };
      });
    },
    wake: (): void => {
      if (end) end();
      else woken = true;
    },
  };
}

/** Repeats a step every second until it succeeds or there is no point any more. */
export async function insist(step: () => Promise<void>, pointless: () => boolean): Promise<void> {
  for (;;) {
    try {
      return await step();
    } catch {
      if (pointless()) return;
      await new Promise((resolve) => setTimeout(resolve, 1_000));
    }
  }
}
