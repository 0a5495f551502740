import { subscriptionsOf } from "#src/domain/subscriptions/store.ts";
import type { Fallback } from "#src/domain/subscriptions/subscription.ts";
import { wants } from "#src/domain/subscriptions/topic.ts";
import type { Table } from "#src/platform/table.ts";
import type { Channel, ChannelName } from "./channel.ts";
import { readSetup } from "./channel-settings.ts";
import type { ChunkLedger } from "./chunk-ledger.ts";
import { type DigestName, digestAt } from "./digest.ts";
import { type FoundMember, findMember } from "./find-member.ts";
import {
  type ChunkRef,
  chunkKey,
  Delivery,
  deliveryItem,
  deliveryKey,
  type Fanout,
  findFanout,
  findResult,
  membersOf,
  type Result,
  rangesOf,
  resultItem,
} from "./store.ts";

/** What becomes of a delivery that stands in for a first choice. */
export type Verdict = { kind: "send" } | { kind: "reached" } | { kind: "hold"; until: Date };

export type StandInDeps = { table: Table; now: () => Date; channels: Record<ChannelName, Channel> };

/** The chunk that asks, open: its own members are read and written there. */
type Own = { ref: ChunkRef; ledger: ChunkLedger; running: ReadonlySet<string> };
type Asking = { fanout: Fanout; own: Own; endpoint: string; after: Fallback };

const MINUTE_MS = 60_000;
const SOON_MS = 15_000;
const SEND: Verdict = { kind: "send" };
const REACHED: Verdict = { kind: "reached" };
const MOST_LINKS = 10;

/**
 * Whether an endpoint gets what its first choice may have got. Never both: what the first choice has not begun is taken
 * from it in the same write that says who took it, and what it has begun is waited for. `due`: its minutes are over.
 */
export async function judge(deps: StandInDeps, asking: Asking, due: boolean): Promise<Verdict> {
  const { fanout, after } = asking;
  const now = deps.now().getTime();
  const end = Date.parse(fanout.plannedAt) + after.minutes * MINUTE_MS;
  const until = (at: number): Verdict => ({ kind: "hold", until: new Date(Math.max(at, now + SOON_MS)) });
  // Who saw the text hears of its correction, whoever else does.
  if (await sawEarlier(deps.table, asking)) return SEND;
  const found = await findMember(deps.table, fanout, after.endpoint);
  if (!found) {
    if (due && (await rangesOf(deps.table, fanout)).every(({ done }) => done)) return SEND;
    if (fanout.revision === 1 && !(await matches(deps.table, fanout, after.endpoint))) return SEND;
    return due ? until(0) : until(end);
  }
  const state = await stateOfFirst(deps, asking, found);
  if (state === "in flight") return until(due ? 0 : end);
  const { letter, row, result } = state;
  if (letter === "d") return REACHED;
  if (letter === "a") {
    const follows = await receiptsOf(deps, found);
    if (!follows || (due && follows === "failures")) return REACHED;
    return due ? SEND : until(end);
  }
  if (letter === "n") return REACHED;
  if (letter === "t") return row?.takenBy === asking.endpoint ? SEND : REACHED;
  if ("fe".includes(letter)) return SEND;
  if (letter === "h" && (await waitsForMe(deps, asking, row))) return due ? SEND : until(end);
  // Quiet hours and digests are the reader's wish: the minutes begin when they end.
  if (letter === "h") return until(Date.parse(row?.dueAt ?? "") + after.minutes * MINUTE_MS);
  if (letter === "g" || letter === "k") return until(digestEnd(letter, result) + after.minutes * MINUTE_MS);
  if (!due) return until(end);
  if (letter === "u" || letter === "x") return SEND;
  return (await takeOver(deps, asking, found, state)) ? SEND : until(0);
}

async function receiptsOf({ table, channels }: StandInDeps, { ref }: FoundMember) {
  const channel = channels[ref.channel as ChannelName];
  return channel.receipts?.((await readSetup(table, channel.name))?.settings ?? {});
}

type FirstState = { letter: string; row: Delivery | undefined; result: Result | undefined };

async function stateOfFirst(deps: StandInDeps, { own, after }: Asking, found: FoundMember) {
  const item = await deps.table.get(deliveryKey(found.ref, after.endpoint));
  const row = item && Delivery().parse(item);
  if (isOwn(own, found.ref)) {
    if (own.running.has(after.endpoint)) return "in flight" as const;
    return { letter: own.ledger.letter(found.member), row, result: await findResult(deps.table, found.ref) };
  }
  const result = await findResult(deps.table, found.ref);
  const letter = result?.letters.charAt(found.member) ?? "w";
  // Under a lease what is not over may be on its way; a worker that died is found by the sweep first.
  if (result?.until !== undefined && "wir".includes(letter)) return "in flight" as const;
  if (letter === "i" || (letter === "w" && result?.lost)) return "in flight" as const;
  return { letter, row, result };
}

function isOwn(own: Own, ref: ChunkRef): boolean {
  const [a, b] = [chunkKey(own.ref), chunkKey(ref)];
  return a.pk === b.pk && a.sk === b.sk;
}

/** The first choice has not begun, and never will. */
async function takeOver(deps: StandInDeps, asking: Asking, found: FoundMember, state: FirstState): Promise<boolean> {
  const { ref, member, chunk } = found;
  const { own, after, endpoint } = asking;
  const { dueAt: _, ...known } = state.row ?? { ref, endpoint: after.endpoint, attempts: [], version: 0 };
  const row: Delivery = { ...known, state: "suppressed", takenBy: endpoint, version: known.version + 1 };
  if (isOwn(own, ref)) {
    own.ledger.note(member, "t", { row });
    await own.ledger.save();
    return true;
  }
  const before: Result = state.result ?? {
    letters: "w".repeat(membersOf(chunk).length),
    startedAt: deps.now().getTime(),
    version: 0,
  };
  const letters = `${before.letters.slice(0, member)}t${before.letters.slice(member + 1)}`;
  const { ok } = await deps.table.write([
    {
      put: resultItem(ref, { ...before, letters, version: before.version + 1 }),
      if: state.result ? { version: before.version } : { absent: true },
    },
    { put: deliveryItem(row, undefined) },
  ]);
  return ok;
}

/** Two that stand in for each other would wait for ever. */
async function waitsForMe(deps: StandInDeps, { fanout, endpoint }: Asking, first: Delivery | undefined) {
  let row = first;
  for (let links = 0; row?.after && links < MOST_LINKS; links++) {
    if (row.after.endpoint === endpoint) return true;
    const next = await findMember(deps.table, fanout, row.after.endpoint);
    const item = next && (await deps.table.get(deliveryKey(next.ref, row.after.endpoint)));
    row = item ? Delivery().parse(item) : undefined;
  }
  return false;
}

function digestEnd(letter: "g" | "k", result: Result | undefined): number {
  const frequency: DigestName["frequency"] = letter === "g" ? "daily" : "weekly";
  const date = result?.digests?.[frequency];
  return date === undefined ? 0 : digestAt({ frequency, date }).getTime();
}

async function sawEarlier(table: Table, { fanout, endpoint }: Asking): Promise<boolean> {
  for (let revision = fanout.revision - 1; revision >= 1; revision--) {
    const earlier = await findFanout(table, fanout.announcementId, revision);
    const found = earlier && (await findMember(table, earlier, endpoint));
    const result = found && (await findResult(table, found.ref));
    if (found && "dau".includes(result?.letters.charAt(found.member) ?? "w")) return true;
  }
  return false;
}

async function matches(table: Table, { topics }: Fanout, endpoint: string): Promise<boolean> {
  const all = await subscriptionsOf(table, endpoint);
  return all.some(({ status, topics: wanted }) => status === "confirmed" && wants(wanted, topics));
}
