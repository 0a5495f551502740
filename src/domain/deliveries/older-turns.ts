import type { Table } from "#src/platform/table.ts";
import type { Channel, ChannelName } from "./channel.ts";
import type { SettingsReader } from "./channel-settings.ts";
import { type Met, metIn } from "./met.ts";
import { holdsBack } from "./pace.ts";
import { seenSource } from "./seen.ts";
import { Delivery, deliveryKey, type Fanout, findFanout } from "./store.ts";
import type { Job, Work } from "./work.ts";

type Deps = { table: Table; settings: SettingsReader; channels: Record<ChannelName, Channel> };
type Wait = { until: number; because: NonNullable<Delivery["waitsFor"]>; setup: number };

/**
 * What a member has of the revisions before: `mends`, its reader may have a text that is wrong now; `ticket`, a turn that was
 * promised to it then (`wait`: one that is still to come). Whose push was superseded never asks again, so the turn is free.
 */
export type Standing = { mends: boolean; ticket: boolean; wait?: Wait };

const NEW: Standing = { mends: false, ticket: false };

/**
 * How the members of an open chunk stand with their pace. Read once for a chunk, and only where pushes may have to wait: by then
 * every lease of the earlier revisions has run out, so that they stand still; whoever reads again finds the same.
 */
export function olderTurns(deps: Deps, channel: Channel): (work: Work, job: Job) => Promise<Standing> {
  const known = new WeakMap<Work, Promise<Map<string, Standing>>>();
  return async (work, { endpoint, row, target }) => {
    if (row && (row.waitsFor !== undefined || row.attempts.length > 0)) return { ...NEW, mends: row.mends === true };
    if (work.batch.ref.revision === 1 || work.digest) return NEW;
    if (!(await holdsBack(deps.settings, channel, target?.address ?? ""))) return NEW;
    let standings = known.get(work);
    if (!standings) {
      standings = standingsOf(deps, work);
      known.set(work, standings);
    }
    return (await standings).get(endpoint) ?? NEW;
  };
}

async function standingsOf(deps: Deps, { batch, urgent }: Work): Promise<Map<string, Standing>> {
  const { table } = deps;
  const { announcementId, revision } = batch.ref;
  const endpoints = batch.jobs.map(({ endpoint }) => endpoint).sort();
  // One character less: the first one itself is meant, too.
  const from = (endpoints[0] ?? "").slice(0, -1);
  const to = `${endpoints.at(-1) ?? ""}~`;
  const wanted = new Set(endpoints);
  const saw = new Set<string>();
  const newest = new Map<string, Delivery>();
  for (let number = revision - 1; number >= 1; number--) {
    const earlier = await findFanout(table, announcementId, number);
    if (!earlier) continue;
    const seen = seenSource(deps, earlier, from, to);
    for (let page = await seen.next(); !page.done; page = await seen.next())
      for (const { endpoint } of page.value) if (wanted.has(endpoint)) saw.add(endpoint);
    // Another line: an urgent text and a routine one do not wait for the same turns.
    for (const row of await waitersIn(table, earlier, from, to))
      if (!newest.has(row.endpoint) && (earlier.urgent === true) === urgent) newest.set(row.endpoint, row);
  }
  return new Map(endpoints.map((endpoint) => [endpoint, standing(saw.has(endpoint), newest.get(endpoint))]));
}

/** Rows of those who were promised a turn and have not used it, or would have had it after their text was superseded. */
async function waitersIn(table: Table, earlier: Fanout, from: string, to: string): Promise<Delivery[]> {
  const met: Met[] = [];
  const gather = async (one: Met) => {
    if ("rx".includes(one.result?.letters.charAt(one.member) || "w")) met.push(one);
    return undefined;
  };
  for await (const _ of metIn(table, earlier, from, to, gather));
  const items = await table.getMany(met.map(({ ref, endpoint }) => deliveryKey(ref, endpoint)));
  return items
    .flatMap((item) => (item ? [Delivery().parse(item)] : []))
    .filter(({ state, waitsFor }) => waitsFor !== undefined && (state === "waiting" || state === "suppressed"));
}

/** A turn is taken over within its own line only: whoever mends asks anew, before the others, and leaves its turn behind them unused. */
function standing(mends: boolean, row: Delivery | undefined): Standing {
  if (!row?.waitsFor || (row.mends === true) !== mends) return { mends, ticket: false };
  if (row.dueAt === undefined) return { mends, ticket: true };
  return { mends, ticket: true, wait: { until: Date.parse(row.dueAt), because: row.waitsFor, setup: row.setup ?? 0 } };
}
