/** First attempts of a chunk in few bytes: when each began and how long it took, in base 36. */
export type Timing = { start: number; took: number };

/** `starts` are differences from the member before (milliseconds), `took` milliseconds; nothing for no attempt. */
export function packTimings(timings: (Timing | undefined)[]): { starts: string; took: string } {
  let before = 0;
  const starts = timings.map((timing) => {
    if (!timing) return "";
    const step = timing.start - before;
    before = timing.start;
    return step === 0 ? "0" : step.toString(36);
  });
  return { starts: starts.join(), took: timings.map((timing) => timing?.took.toString(36) ?? "").join() };
}

export function unpackTimings(packed: { starts?: string; took?: string }, members: number): (Timing | undefined)[] {
  if (packed.starts === undefined || packed.took === undefined) return new Array(members).fill(undefined);
  const took = packed.took.split(",");
  let before = 0;
  return packed.starts.split(",").map((step, i) => {
    if (step === "") return undefined;
    before += Number.parseInt(step, 36);
    return { start: before, took: Number.parseInt(took[i] ?? "0", 36) };
  });
}
