import type { Table } from "#src/platform/table.ts";
import { type DigestName, digestId } from "./digest.ts";
import { type Met, membersOfWindow } from "./met.ts";
import { omitted } from "./omitted.ts";
import { recent } from "./recent.ts";
import type { Letter } from "./states.ts";
import { findFanout, matchedOf, rangesOf } from "./store.ts";

/** What an item came to for one endpoint: the letter of its digest, or that of the item where it was left out. */
export type Got = Omit<Met, "endpoint"> & { letter: Letter };

const WINDOWS = 8;

/** Looks up what digests came to, in the order of endpoint keys best. Reads each digest once, so make it anew each time. */
export function digestReader(table: Table) {
  const digest = recent(16, async (id) => {
    const fanout = await findFanout(table, id, 1);
    const ranges = fanout ? await rangesOf(table, fanout) : [];
    return { fanout, ranges, planned: fanout !== undefined && ranges.every(({ done }) => done) };
  });
  const members = recent(WINDOWS, async (key) => {
    const [id = "", from, after] = key.split("#");
    const range = (await digest(id)).ranges.find((one) => one.from === from);
    const window = range?.windows.find((one) => one.after === after);
    if (!range || !window) return new Map<string, Met>();
    const met = await membersOfWindow(table, { announcementId: id, revision: 1 }, range, window);
    return new Map(met.map((one) => [one.endpoint, one]));
  });
  return {
    /** `planned`: whoever is not a member of it by now never will be. */
    async state(name: DigestName): Promise<"to come" | "being planned" | "planned"> {
      const { fanout, planned } = await digest(digestId(name));
      if (!fanout) return "to come";
      return planned ? "planned" : "being planned";
    },
    /** Undefined: the digest holds no such item for this endpoint. */
    async of(name: DigestName, endpoint: string, item: string): Promise<Got | undefined> {
      const id = digestId(name);
      const range = (await digest(id)).ranges.findLast(({ from }) => from < endpoint);
      const window = range?.windows.findLast(({ after }) => after < endpoint);
      if (!range || !window) return undefined;
      const met = (await members(`${id}#${range.from}#${window.after}`)).get(endpoint);
      if (!met || !matchedOf(met.chunk, met.member).includes(item)) return undefined;
      const { result, member } = met;
      const letter = (result?.letters.charAt(member) ?? "w") as Letter;
      return { ...met, letter: (result && omitted(result, member, item)) ?? letter };
    },
  };
}
export type DigestReader = ReturnType<typeof digestReader>;
