export const LATE = Symbol("late");

/** What a task comes to, or LATE after so long; what it comes to later is nobody's. */
export async function within<T>(milliseconds: number, task: () => Promise<T>): Promise<T | typeof LATE> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<typeof LATE>((resolve) => {
    timer = setTimeout(resolve, milliseconds, LATE);
  });
  try {
    const running = task();
    running.catch(() => {});
    return await Promise.race([running, late]);
  } finally {
    clearTimeout(timer);
  }
}
