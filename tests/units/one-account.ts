/** `seconds`: the least and the most between the starts of two messages; both 0: as fast as it goes. */
export type Pace = { perMinute: number; seconds: readonly [number, number] };

/** Runs a task when its turn comes. */
export type InTurn = <T>(task: () => Promise<T>) => Promise<T>;

type PaceDeps = {
  pace: Pace;
  now: () => Date;
  wait: (milliseconds: number) => Promise<unknown>;
  random: () => number;
};

/** Runs tasks one after another, in the order they came, no faster than the pace of one account allows. */
export function makePace({ pace, now, wait, random }: PaceDeps): InTurn {
  let last: Promise<unknown> = Promise.resolve();
  let starts: number[] = [];
  let notBefore = 0;

  async function turn() {
    const [least, most] = pace.seconds;
    for (;;) {
      const at = now().getTime();
      starts = starts.filter((start) => at - start < 60_000 && start <= at);
      const full = starts.length >= pace.perMinute ? (starts[0] ?? at) + 60_000 : 0;
      const pause = Math.max(full, Math.min(notBefore, at + most * 1000)) - at;
      if (pause <= 0) break;
      await wait(pause);
    }
    const start = now().getTime();
    starts.push(start);
    notBefore = start + (least + random() * (most - least)) * 1000;
  }

  return (task) => {
    const mine = last.then(turn).then(task);
    last = mine.catch(() => {});
    return mine;
  };
}
