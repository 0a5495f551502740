/** One sleeper at a time; a wake-up before the sleep is not lost. */
export function sleeper() {
  let woken = false;
  let end: (() => void) | undefined;
  return {
    sleep: (milliseconds: number): Promise<void> =>
      new Promise((resolve) => {
        const timer = setTimeout(() => end?.(), Math.max(0, milliseconds));
        end = () => {
          clearTimeout(timer);
          end = undefined;
          woken = false;
          resolve();
        };
        if (woken) end();
      }),
    wake: (): void => {
      woken = true;
      end?.();
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
