import { z } from "zod";
import { type AddressedChannels, shownAddress } from "#src/domain/subscriptions/channel.ts";
import { everSubscribed } from "#src/domain/subscriptions/store.ts";
import type { Table } from "#src/platform/table.ts";
import { DIGEST_FREQUENCIES, DIGEST_LETTER, digestAt, digestId, itemName } from "./digest.ts";
import { digestReader } from "./digest-reader.ts";
import { digestsOf } from "./digest-store.ts";
import { type FoundMember, findMember } from "./find-member.ts";
import { firstAttempt } from "./first-attempt.ts";
import { endOfWindow } from "./met.ts";
import { resultsOf } from "./results.ts";
import { DELIVERY_STATES, type DeliveryState, REASON, REASONS, stateOf } from "./states.ts";
import {
  Attempt,
  type Chunk,
  type ChunkRef,
  chunksOf,
  Delivery,
  deliveryKey,
  type Fanout,
  findFanout,
  findResult,
  matchedOf,
  membersOf,
  type Result,
  rangesOf,
} from "./store.ts";
import { deliveryId } from "./work.ts";

export const DeliveryRow = z.object({
  id: z.string(),
  announcement: z.string(),
  revision: z.number(),
  endpoint: z.string(),
  channel: z.string(),
  address: z.string().optional(),
  state: z.enum(DELIVERY_STATES),
  /** Why it is suppressed. */
  reason: z.enum(REASONS).optional(),
  matched: z.array(z.string()),
  attempts: z.array(Attempt()),
  dueAt: z.string().optional(),
  waitsFor: z.enum(["rate", "quota", "configuration"]).optional(),
  /** Why it is held, where it waits for no digest. */
  heldFor: z.enum(["quiet hours", "first choice"]).optional(),
  /** Answered to a person's retry: the reader has quiet hours, and it goes out when they end. */
  heldUntil: z.string().optional(),
  /** Answered to a person's retry or finding: others of its chunk are being sent at this moment, and it follows them. */
  afterChunk: z.literal(true).optional(),
  /** The delivery of the digest that this one waits for or went out in. */
  digest: z.string().optional(),
});
export type DeliveryRow = z.infer<typeof DeliveryRow>;

type Reads = { table: Table; channels: AddressedChannels };

/** What became of one endpoint, for every revision of the announcement that it was a member of; the newest first. */
export async function deliveriesTo(
  deps: Reads,
  announcementId: string,
  newest: number,
  endpoint: string,
): Promise<DeliveryRow[]> {
  const rows: DeliveryRow[] = [];
  for (let revision = newest; revision >= 1; revision--) {
    const fanout = await findFanout(deps.table, announcementId, revision);
    const found = fanout && (await findMember(deps.table, fanout, endpoint));
    if (found) rows.push(await memberRow(deps, found));
  }
  return rows;
}

export async function memberRow(deps: Reads, { ref, chunk, member }: FoundMember): Promise<DeliveryRow> {
  const result = await findResult(deps.table, ref);
  const [row] = await rowsOf(deps, ref, chunk, result, [member]);
  if (!row) throw new Error("a member has a row");
  return row;
}

// Looking for the few failed among many delivered ends somewhere; the cursor goes on.
const WINDOWS_A_PAGE = 20;

/** Deliveries of one revision in the order of the fan-out; `state` leaves out the others. */
export async function listDeliveries(
  deps: Reads,
  fanout: Fanout,
  request: { limit: number; after?: string; state?: DeliveryState },
): Promise<{ items: DeliveryRow[]; next?: string }> {
  const items: DeliveryRow[] = [];
  const { after, state, limit } = request;
  let looked = 0;
  for (const range of await rangesOf(deps.table, fanout, false)) {
    for (const [i, window] of range.windows.entries()) {
      if (after !== undefined && endOfWindow(range, i) <= after) continue;
      if (looked++ >= WINDOWS_A_PAGE) return { items, next: window.after };
      for (const { ref, chunk, result, member } of await membersIn(deps, fanout, range.from, window, {
        after,
        state,
      })) {
        items.push(...(await rowsOf(deps, ref, chunk, result, [member])));
        if (items.length >= limit) return { items, next: items.at(-1)?.endpoint ?? "" };
      }
    }
  }
  return { items };
}

/** Members of a window by endpoint key, whatever their channel. */
async function membersIn(
  deps: Reads,
  fanout: Fanout,
  range: string,
  window: { after: string; chunks: Record<string, number> },
  wanted: { after: string | undefined; state: DeliveryState | undefined },
) {
  const { announcementId, revision } = fanout;
  const results = await resultsOf(deps.table, announcementId, revision, range, { window: window.after, fresh: false });
  const chunks = await chunksOf(deps.table, announcementId, revision, range, window.after);
  return chunks
    .filter(({ ref }) => ref.n < (window.chunks[ref.channel] ?? 0))
    .flatMap(({ ref, chunk }) => {
      const result = results.get(`${ref.channel}#${ref.n}`);
      return membersOf(chunk).map((endpoint, member) => ({ ref, chunk, result, endpoint, member }));
    })
    .filter(({ endpoint }) => wanted.after === undefined || endpoint > wanted.after)
    .filter(({ result, member }) => !wanted.state || stateOf(result?.letters.charAt(member) ?? "w") === wanted.state)
    .sort((a, b) => (a.endpoint < b.endpoint ? -1 : 1));
}

async function rowsOf(
  deps: Reads,
  ref: ChunkRef,
  chunk: Chunk,
  result: Result | undefined,
  members: number[],
): Promise<DeliveryRow[]> {
  const endpoints = membersOf(chunk);
  const digestOf = result?.digests ? await digestFinder(deps, ref, result) : undefined;
  return Promise.all(
    members.map(async (member) => {
      const endpoint = endpoints[member] ?? "";
      const item = await deps.table.get(deliveryKey(ref, endpoint));
      const own = item && Delivery().parse(item);
      const letter = result?.letters.charAt(member) ?? "w";
      const first = result ? firstAttempt(result, member) : [];
      const inDigest = own || first.length > 0 ? undefined : await digestOf?.(endpoint, letter);
      const address = await addressOf(deps, ref.channel, endpoint);
      return {
        id: deliveryId(ref, endpoint),
        announcement: ref.announcementId,
        revision: ref.revision,
        endpoint,
        channel: ref.channel,
        ...(address === undefined ? {} : { address }),
        state: stateOf(letter),
        ...(letter in REASON ? { reason: REASON[letter as keyof typeof REASON] } : {}),
        matched: matchedOf(chunk, member),
        attempts: own?.attempts ?? first,
        ...inDigest,
        ...(own?.dueAt === undefined || !"rh".includes(letter) ? {} : { dueAt: own.dueAt }),
        ...(own?.waitsFor === undefined || letter !== "r" ? {} : { waitsFor: own.waitsFor }),
        ...(own && letter === "h" ? { heldFor: own.after ? ("first choice" as const) : ("quiet hours" as const) } : {}),
      };
    }),
  );
}

async function addressOf(deps: Reads, channel: string, endpoint: string): Promise<string | undefined> {
  const address = (await everSubscribed(deps.table, endpoint))[0]?.address;
  return address && shownAddress(deps.channels, channel, address);
}

/** How a member of this chunk stands in its digest; the newest that has it, or the one that it waits for. */
async function digestFinder(deps: Reads, ref: ChunkRef, result: Result) {
  const names = (await digestsOf(deps.table, ref)).sort((a, b) => (a.date < b.date ? 1 : -1));
  const reader = digestReader(deps.table);
  return async (endpoint: string, letter: string): Promise<Partial<DeliveryRow> | undefined> => {
    for (const name of names) {
      const got = await reader.of(name, endpoint, itemName(ref));
      if (!got) continue;
      const [row] = await rowsOf(deps, got.ref, got.chunk, got.result, [got.member]);
      if (row) return { digest: row.id, attempts: row.attempts, ...(row.dueAt ? { dueAt: row.dueAt } : {}) };
    }
    const frequency = DIGEST_FREQUENCIES.find((one) => DIGEST_LETTER[one] === letter);
    const date = frequency && result.digests?.[frequency];
    if (!frequency || date === undefined) return undefined;
    const name = { frequency, date };
    const digest = deliveryId({ announcementId: digestId(name), revision: 1 }, endpoint);
    return { digest, dueAt: digestAt(name).toISOString() };
  };
}
