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
  /** Asks to store what was answered when there is little room left: soon enough that nobody has to wait for it. */
  relieve(): void;
  isHigh(): boolean;
};

const HIGH = 3 / 4;

/** `store` stores what was answered; it is not asked again before it has ended, however it ends. */
export function makeExposure(most: number, store: () => Promise<unknown>): Exposure {
  let exposed = 0;
  let storing = false;
  let released = false;
  const waiting: (() => void)[] = [];
  const ask = (): void => {
    if (storing) return;
    storing = true;
    released = false;
    const ended = (): void => {
      storing = false;
      // What was answered meanwhile; a store that failed is left alone until somebody else is answered or comes.
      if (released && waiting.length > 0) ask();
    };
    store().then(ended, ended);
  };
  return {
    enter(urgent) {
      if (!urgent && exposed >= most) return false;
      exposed++;
      return true;
    },
    wait(go) {
      waiting.push(go);
      ask();
    },
    leave(pushes) {
      exposed -= pushes;
      released = true;
      while (waiting.length > 0 && exposed < most) {
        exposed++;
        waiting.shift()?.();
      }
      if (waiting.length > 0) ask();
    },
    relieve() {
      if (exposed >= most * HIGH) ask();
    },
    isHigh: () => exposed >= most * HIGH,
  };
}
