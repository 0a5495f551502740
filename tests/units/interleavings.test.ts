import fc from "fast-check";
import { expect, it } from "vitest";
import type { Item, Write } from "#src/platform/table.ts";
import { type Plant, type Step, story } from "./push-story.ts";
import type { Ports } from "./push-world.ts";

const often = (kind: Step["kind"], weight: number) => ({
  weight,
  arbitrary: fc.record({ kind: fc.constant(kind), n: fc.nat(4095) }),
});

const anyStep: fc.Arbitrary<Step> = fc.oneof(
  often("go", 40),
  often("deliver", 16),
  often("deliver twice", 4),
  often("tell", 4),
  often("crash before", 4),
  often("crash after", 4),
  often("pass", 8),
  often("sweep", 5),
  often("correct", 1),
  often("withdraw", 1),
  often("receipt", 4),
  often("leave", 3),
  often("join and replay", 1),
  often("retry", 2),
  often("retry all", 2),
  often("settle", 2),
  often("mood", 5),
  often("overtake", 2),
);

const anyStory = fc.array(anyStep, { minLength: 20, maxLength: 160, size: "max" });

const SEED = Number(process.env["SEED"] ?? 20_260_302);
const SECONDS = Number(process.env["SECONDS"] ?? 30);

const SHRINK_SECONDS = 40;

/** Stories until the time is up; the first that fails is made smaller for a while. */
async function search(seconds: number, seed: number, plant?: Plant) {
  let until = Date.now() + seconds * 1000;
  let failure: string | undefined;
  let runs = 0;
  const found = await fc.check(
    fc.asyncProperty(anyStory, async (steps) => {
      if (Date.now() > until) return;
      runs++;
      try {
        await story(steps, plant ? { plant } : {});
      } catch (error) {
        if (failure === undefined) until = Date.now() + SHRINK_SECONDS * 1000;
        failure = error instanceof Error ? error.message : String(error);
        throw error;
      }
    }),
    { seed, numRuns: 50 * seconds, endOnFailure: plant !== undefined },
  );
  return { ...found, runs, failure };
}

it("keeps every promise however two processes interleave, crash and are told twice", { timeout: 300_000 }, async () => {
  const found = await search(SECONDS, SEED);
  if (found.failed) {
    const log: string[] = [];
    const [steps] = found.counterexample ?? [[]];
    const why = await story(steps, { log }).catch((error: Error) => error.stack);
    expect.fail(
      `seed ${found.seed}, story ${found.runs}: ${found.failure}\n${JSON.stringify(steps)}\n${log.join("\n")}\n${why}`,
    );
  }
  console.info(`${found.runs} stories`);
  expect(found.runs).toBeGreaterThan(20);
});

const puts = (ports: Ports, change: (put: Item) => Item | undefined): Ports => ({
  ...ports,
  table: {
    ...ports.table,
    write: async (writes) => {
      const changed = writes.flatMap((write): Write[] => {
        if (!("put" in write)) return [write];
        const put = change(write.put);
        return put ? [{ ...write, put }] : [];
      });
      return changed.length === 0 ? { ok: true } : ports.table.write(changed);
    },
  },
});

/** Faults of a house that would be built wrong: each must be found out. */
const PLANTS: Record<string, Plant> = {
  "two workers hold one chunk": (_, ports) => ({
    ...ports,
    table: {
      ...ports.table,
      get: async (key) => {
        const item = await ports.table.get(key);
        if (!key.sk.startsWith("RESULT#") || !item) return item;
        const { until: _until, ...free } = item;
        return free;
      },
    },
  }),
  "what is about to be sent is not written down": (_, ports) =>
    puts(ports, (put) =>
      typeof put["letters"] === "string" ? { ...put, letters: put["letters"].replaceAll("i", "w") } : put,
    ),
  "workers do not hear of a newer text": (_, ports) => ({
    ...ports,
    table: {
      ...ports.table,
      get: async (key) => {
        const item = await ports.table.get(key);
        if (key.sk !== "FANOUT" || !item) return item;
        const { supersededBy: _by, ...deaf } = item;
        return deaf;
      },
    },
  }),
  "a newer text does not wait for the older one's pushes": (_, ports) => ({
    ...ports,
    table: {
      ...ports.table,
      query: async (query) => {
        const page = await ports.table.query(query);
        // All results of a range at once: that is who looks for leases.
        if (query.prefix !== "RESULT#" || !query.fresh) return page;
        return { ...page, items: page.items.map(({ until: _until, ...free }) => free as Item) };
      },
    },
  }),
  "those who left are not looked up": (_, ports) => ({
    ...ports,
    table: {
      ...ports.table,
      query: (query) => (query.pk === "ENDED" ? Promise.resolve({ items: [] }) : ports.table.query(query)),
    },
  }),
  "rows of those who need one are not stored": (_, ports) =>
    puts(ports, (put) => (put.sk.startsWith("DELIVERY#") ? undefined : put)),
  "what an account sends is not counted": (_, ports) => puts(ports, (put) => (put.sk === "PACE" ? undefined : put)),
  "receipts are not linked": (_, ports) => puts(ports, (put) => (put.sk === "RECEIPT" ? undefined : put)),
};

for (const [fault, plant] of Object.entries(PLANTS))
  it(`would notice that ${fault}`, { timeout: 120_000 }, async () => {
    const found = await search(60, SEED, plant);
    console.info(`${fault}: story ${found.runs}: ${found.failure}`);
    expect(found.failed).toBe(true);
  });
