import { z } from "zod";
import { keys } from "#src/platform/keys.ts";
import type { Item, Table } from "#src/platform/table.ts";
import { schema } from "#src/schema.ts";
import { type DigestName, digestAt, type ItemName } from "./digest.ts";

/** One digest of one day. While nobody claimed it, revisions may still join; from then on its list stands still. */
export const DigestRun = schema(() =>
  z.object({
    frequency: z.enum(["daily", "weekly"]),
    date: z.string(),
    claimedAt: z.string().exactOptional(),
    version: z.number(),
  }),
);
export type DigestRun = z.infer<ReturnType<typeof DigestRun>>;

export function runItem(run: DigestRun): Item {
  const { frequency, date, claimedAt } = run;
  return {
    ...keys.digest(frequency, date),
    ...run,
    ...(claimedAt === undefined ? { index: keys.dueDigest(digestAt(run).toISOString(), frequency) } : {}),
  };
}

export async function findRun(table: Table, { frequency, date }: DigestName): Promise<DigestRun | undefined> {
  const item = await table.get(keys.digest(frequency, date));
  return item && DigestRun().parse(item);
}

const Joined = schema(() => z.object({ announcementId: z.string(), revision: z.number() }));

/** That a revision waits for a digest, to be found from either. */
export function joinedItems({ frequency, date }: DigestName, { announcementId, revision }: ItemName): [Item, Item] {
  return [
    { ...keys.digestItem(frequency, date, announcementId, revision), announcementId, revision },
    { ...keys.digestOf(announcementId, revision, frequency, date), frequency, date },
  ];
}

export async function itemsOf(table: Table, { frequency, date }: DigestName): Promise<ItemName[]> {
  return (await all(table, keys.digest(frequency, date).pk, "ITEM#")).map((item) => Joined().parse(item));
}

/** The digests that members of a revision wait for or waited for. */
export async function digestsOf(table: Table, { announcementId, revision }: ItemName): Promise<DigestName[]> {
  const found = await all(table, keys.fanout(announcementId, revision).pk, "DIGEST#");
  return found.map((item) => DigestRun().pick({ frequency: true, date: true }).parse(item));
}

async function all(table: Table, pk: string, prefix: string): Promise<Item[]> {
  const found: Item[] = [];
  for (let after: string | undefined; ; ) {
    const page = await table.query({ pk, prefix, fresh: true, ...(after === undefined ? {} : { after }) });
    found.push(...page.items);
    if (page.next === undefined) return found;
    after = page.next;
  }
}
