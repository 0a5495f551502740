/**
 * Counts what a power cut would repeat: pushes in flight, and those answered whose outcome is not stored yet. Where that
 * may be no more, whoever would add to it waits, and what was answered is stored. Urgent pushes count, but never wait.
 */
export type Exposure = {
  /** Whether there is room now; it is taken then. */
  enter(urgent: boolean): boolean;
  /** Calls back when there is room; it is taken then. */
  wait(go: () => void): void;
  /** So many are stored, or were not pushed after all. */
  leave(pushes: number): void;
  isFull(): boolean;
};

/** `store`: asks that what was answered be stored. */
export function makeExposure(most: number, store: () => void): Exposure {
  let exposed = 0;
  const waiting: (() => void)[] = [];
  return {
    enter(urgent) {
      if (!urgent && exposed >= most) return false;
      exposed++;
      return true;
    },
    wait(go) {
      waiting.push(go);
      store();
    },
    leave(pushes) {
      exposed -= pushes;
      while (waiting.length > 0 && exposed < most) {
        exposed++;
        waiting.shift()?.();
      }
      if (waiting.length > 0) store();
    },
    isFull: () => exposed >= most,
  };
}
