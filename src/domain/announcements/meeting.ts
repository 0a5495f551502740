import type { Item, Query, Table } from "#src/platform/table.ts";

/** Sort keys below `after`, from `from` on and before `to`. */
export type Stretch = { after?: string | undefined; from?: string | undefined; to?: string | undefined };

export type Meeting = {
  /** The next place's rows, one of each list that was walked; undefined at the end, and when `most` rows were read. */
  next(): Promise<Item[] | undefined>;
  /** Where to go on: all places from there on were looked at. Undefined at the end. */
  behind(): string | undefined;
};

type List = { pk: string; rows: Item[]; at: number; next: string | undefined; size: number };

/** A page becomes larger when the one before was not enough. */
const LARGER = 4;
const LARGEST_PAGE = 300;
/** The rarest of many lists leave next to nothing for the others to sort out. */
const WALKED = 5;

/**
 * The places at which all of these partitions have a row, backwards: each list goes on where the others can follow, and reads no
 * more pages than that takes, the first of `size` rows. Of many lists only the rarest are walked: whoever asks looks
 * at what was found. Ends the reading when `most` rows were read, the first pages not counted.
 */
export async function meetingOf(
  table: Table,
  partitions: string[],
  stretch: Stretch,
  { size, most }: { size: number; most: number },
): Promise<Meeting> {
  let { after: behind } = stretch;
  let ended = false;
  let read = 0;

  async function readPage(list: List, after: string | undefined): Promise<void> {
    const query: Query = { pk: list.pk, reverse: true, limit: list.size };
    if (after !== undefined) query.after = after;
    if (stretch.from !== undefined) query.from = stretch.from;
    if (stretch.to !== undefined) query.to = stretch.to;
    const page = await table.query(query);
    Object.assign(list, { rows: page.items, at: 0, next: page.next, size: Math.min(list.size * LARGER, LARGEST_PAGE) });
  }

  /** Brings the list to its first row below `behind`, if it was read that far. */
  function isThere(list: List): boolean {
    while (behind !== undefined && (list.rows[list.at]?.sk ?? "") >= behind) list.at++;
    return list.at < list.rows.length;
  }

  async function reach(list: List): Promise<boolean> {
    while (!isThere(list)) {
      if (list.next === undefined) ended = true;
      if (list.next === undefined || read >= most) return false;
      await readPage(list, behind === undefined || list.next < behind ? list.next : behind);
      read += list.rows.length;
    }
    return true;
  }

  const first = partitions.map((pk): List => ({ pk, rows: [], at: 0, next: undefined, size }));
  await Promise.all(first.map((list) => readPage(list, behind)));
  const lists = first.sort((a, b) => (endOf(a) < endOf(b) ? -1 : 1)).slice(0, WALKED);

  return {
    next: async () => {
      for (;;) {
        for (const list of lists) if (!isThere(list) && !(await reach(list))) return undefined;
        const rows = lists.flatMap(({ rows, at }) => rows[at] ?? []);
        const oldest = rows.reduce((least, { sk }) => (sk < least ? sk : least), rows[0]?.sk ?? "");
        const together = rows.every(({ sk }) => sk === oldest);
        behind = together ? oldest : `${oldest}~`;
        if (together) return rows;
      }
    },
    behind: () => (ended ? undefined : behind),
  };
}

/** The further back one page reaches, the rarer is the word. */
function endOf({ rows, next }: List): string {
  return next === undefined ? "" : (rows.at(-1)?.sk ?? "");
}
