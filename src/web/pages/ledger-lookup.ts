import type { Announcement, Revision } from "#src/domain/announcements/announcement.ts";
import { type HistoryEntry, readHistory } from "#src/domain/announcements/read.ts";
import { noSuchAnnouncement, readForLedger, readRevision } from "#src/domain/announcements/store.ts";
import { type Absence, whyAbsent } from "#src/domain/deliveries/absent.ts";
import { type DigestName, digestNamed } from "#src/domain/deliveries/digest.ts";
import { type Ledger, ledger } from "#src/domain/deliveries/ledger.ts";
import { type DeliveryRow, deliveriesTo, listDeliveries } from "#src/domain/deliveries/list.ts";
import { DELIVERY_STATES, type DeliveryState } from "#src/domain/deliveries/states.ts";
import { type Fanout, findFanout } from "#src/domain/deliveries/store.ts";
import type { Caller } from "#src/domain/members/member.ts";
import { shownAddress } from "#src/domain/subscriptions/channel.ts";
import { findEndpoints } from "#src/domain/subscriptions/find-endpoints.ts";
import { subscriptionsOf } from "#src/domain/subscriptions/store.ts";
import { AppError } from "#src/errors.ts";
import type { WebDeps } from "#src/web/app.ts";

type Reads = Pick<WebDeps, "table" | "channels">;

const ROWS = 50;

/** What a ledger is of: a revision of an announcement, or a digest, which is of all units. */
export type Subject =
  | { kind: "revision"; revision: number; announcement: Announcement; text: Revision; history: HistoryEntry[] }
  | { kind: "digest"; revision: 1; name: DigestName };

/** Rows in one state, from a place on; or those of one endpoint, as somebody typed it. */
export type Wanted = { state: DeliveryState | undefined; endpoint: string; after: string | undefined };

/** An endpoint somebody looked up that can be given what it missed, and how it is called. */
export type Found = { endpoint: string; channel: string; address: string };

/** `found`: whom somebody looked up, of those with a confirmed subscription. `absent`: why an endpoint has none. `supersededBy`: which revision took over from each that rows are of. */
export type Rows = {
  items: DeliveryRow[];
  next?: string;
  found?: Found[];
  absent?: Absence;
  supersededBy: Map<number, number>;
};

/** Everything that the page of a ledger shows; AppError "not-found" for what this caller may not follow. */
export async function lookUpLedger(
  deps: Reads,
  caller: Caller,
  { id, query }: { id: string; query: URLSearchParams },
): Promise<{ subject: Subject; counts: Ledger | undefined; wanted: Wanted; rows: Rows }> {
  const subject = await subjectOf(deps, caller, id, query.get("revision"));
  const { revision } = subject;
  const counts = await ledger(deps, id, revision);
  const wanted = wantedIn(query, "state");
  return { subject, counts, wanted, rows: await rowsFor(deps, id, revision, wanted) };
}

/** Which rows are asked for; the state stands under this name. */
export function wantedIn(from: URLSearchParams, stateName: "state" | "shown"): Wanted {
  return {
    state: DELIVERY_STATES.find((one) => one === from.get(stateName)),
    endpoint: from.get("endpoint")?.trim() ?? "",
    after: /^[A-Za-z0-9_-]{1,16}$/.exec(from.get("after") ?? "")?.[0],
  };
}

/** The announcement, or the name of a digest, which only those who act for every unit may follow. */
export async function mayFollow(
  deps: Reads,
  caller: Caller,
  id: string,
): Promise<{ announcement: Announcement } | { digest: DigestName }> {
  const digest = digestNamed(id);
  if (!digest) return { announcement: await readForLedger(deps, caller, id) };
  if (caller.unitId === undefined) return { digest };
  throw noSuchAnnouncement();
}

async function subjectOf(deps: Reads, caller: Caller, id: string, asked: string | null): Promise<Subject> {
  const followed = await mayFollow(deps, caller, id);
  if ("digest" in followed) return { kind: "digest", revision: 1, name: followed.digest };
  const { announcement } = followed;
  const revision = Number(asked ?? announcement.revision);
  const [text, history] = await Promise.all([readRevision(deps, id, revision), readHistory(deps, id)]);
  if (!text) throw new AppError("not-found", "NOT_FOUND", { zh: "没有这个版本", en: "there is no such revision" });
  return { kind: "revision", revision, announcement, text, history };
}

/** Rows of this revision, or of all of them for one endpoint. */
async function rowsFor(deps: Reads, id: string, revision: number, { state, endpoint, after }: Wanted): Promise<Rows> {
  if (endpoint !== "") return rowsOfEndpoint(deps, id, revision, endpoint);
  const fanout = await findFanout(deps.table, id, revision);
  if (!fanout) return { items: [], supersededBy: new Map() };
  const request = { limit: ROWS, ...(state ? { state } : {}), ...(after === undefined ? {} : { after }) };
  return { ...(await listDeliveries(deps, fanout, request)), supersededBy: takenOver([fanout]) };
}

async function rowsOfEndpoint(deps: Reads, id: string, revision: number, typed: string): Promise<Rows> {
  const keys = await findEndpoints(deps, typed);
  const items = (await Promise.all(keys.map((key) => deliveriesTo(deps, id, revision, key)))).flat();
  const revisions = [...new Set(items.map((row) => row.revision))];
  const fanouts = await Promise.all(revisions.map((one) => findFanout(deps.table, id, one)));
  const absent = items.length > 0 ? undefined : await whyAbsent(deps, { id, revision, endpoints: keys });
  const found = (await Promise.all(keys.map((key) => foundAt(deps, key)))).flat();
  return { items, supersededBy: takenOver(fanouts), found, ...(absent ? { absent } : {}) };
}

async function foundAt(deps: Reads, endpoint: string): Promise<Found[]> {
  const one = (await subscriptionsOf(deps.table, endpoint)).find(({ status }) => status === "confirmed");
  if (!one) return [];
  const { channel, address } = one;
  return [{ endpoint, channel, address: shownAddress(deps.channels, channel, address) }];
}

function takenOver(fanouts: (Fanout | undefined)[]): Map<number, number> {
  return new Map(
    fanouts.flatMap((one): [number, number][] =>
      one?.supersededBy === undefined ? [] : [[one.revision, one.supersededBy]],
    ),
  );
}
