import { expect, it } from "vitest";
import { isFinal, next, type Rules, START, type State, wrong } from "../model/delivery-model.ts";

type Found = { state: State; by: string; from: string | undefined };

/** Every state that can be reached; answers the first wrong one with the way to it, and those from which nothing ends. */
function explore(rules: Rules) {
  const found = new Map<string, Found>([[JSON.stringify(START), { state: START, by: "start", from: undefined }]]);
  const before = new Map<string, string[]>();
  const queue = [...found.keys()];
  const way = (key: string): string[] => {
    const steps: string[] = [];
    for (let at: string | undefined = key; at !== undefined; at = found.get(at)?.from)
      steps.unshift(found.get(at)?.by ?? "");
    return steps;
  };
  for (let at = 0; at < queue.length; at++) {
    const key = queue[at] ?? "";
    const { state } = found.get(key) as Found;
    const fault = wrong(state, rules);
    if (fault) return { states: found.size, fault, way: way(key), endless: 0 };
    for (const [by, after] of next(state, rules)) {
      const reached = JSON.stringify(after);
      before.set(reached, [...(before.get(reached) ?? []), key]);
      if (found.has(reached)) continue;
      found.set(reached, { state: after, by, from: key });
      queue.push(reached);
    }
  }
  // Backwards from the ends: what is not met there can never end.
  const ends = new Set([...found].flatMap(([key, { state }]) => (isFinal(state) ? [key] : [])));
  for (const key of ends) for (const one of before.get(key) ?? []) ends.add(one);
  return { states: found.size, fault: undefined, way: [], endless: found.size - ends.size };
}

for (const once of [true, false])
  it(`has no state that breaks a promise, and none that cannot end, on a channel that sends at ${once ? "most" : "least"} once`, () => {
    const { states, ...rest } = explore({ once });
    console.info(`${states} states`);
    expect(rest).toEqual({ fault: undefined, way: [], endless: 0 });
    expect(states).toBeGreaterThan(1000);
  });

it.each([
  ["intent", true],
  ["lease", false],
  ["lost", false],
  ["superseded", false],
  ["waiting", false],
  ["unanswered", false],
] as const)("breaks a promise without the rule of %s", (without, once) => {
  const { fault, way } = explore({ once, without });
  console.info(`${without}: ${fault}: ${way.join(", ")}`);
  expect(fault).toBeDefined();
});
