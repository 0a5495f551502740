import type { Key } from "#src/platform/table.ts";

/**
 * Every key of the single table, on one page. A part is escaped, so no part can reach another item:
 * `%`, `#`, `|`, `/` and control characters become `%XX`, unpaired surrogates (UTF-8 would make them all alike)
 * `%uXXXX`, and the parts are joined with `#`.
 */

const PLAIN = /^[\w.:-]*$/;
const ESCAPED = /[%#|/\u0000-\u001f\u007f]|\p{Surrogate}/gu;

export function part(text: string): string {
  if (PLAIN.test(text)) return text; // nearly all are
  return text.replace(ESCAPED, (c) => {
    const hex = c.charCodeAt(0).toString(16).toUpperCase();
    return hex.length > 2 ? `%u${hex}` : `%${hex.padStart(2, "0")}`;
  });
}

export function unpart(text: string): string {
  return text.replace(/%(?:u([0-9A-F]{4})|([0-9A-F]{2}))/g, (_, unit: string | undefined, byte: string) =>
    String.fromCharCode(Number.parseInt(unit ?? byte, 16)),
  );
}

/** Joins escaped parts; an empty part is legal and stays apart from its neighbours. */
export function join(...parts: (string | number)[]): string {
  return parts.map((p) => (typeof p === "number" ? String(p) : part(p))).join("#");
}

/** Sorts as text in the order of the numbers (up to 999,999). */
export function padded(number: number): string {
  return String(number).padStart(6, "0");
}

/**
 * One partition takes 1,000 write units a second wherever its sort keys rise: 333 cases of 2 KB, so 2,667 in eight.
 */
export const CASE_SHARDS = 8;

/** By the character of the number that goes round in 82 ms: those of one moment lie together, those of a second everywhere. */
function shardOfCase(number: string): number {
  return "0123456789ABCDEFGHJKMNPQRSTVWXYZ".indexOf(number.charAt("YYYYMMDD-TTTT".length)) >> 2;
}

export const keys = {
  // units and members
  unit: (id: string): Key => ({ pk: join("UNIT", id), sk: "UNIT" }),
  unitListing: (id: string): Key => ({ pk: "UNITS", sk: join(id) }),
  token: (hash: string): Key => ({ pk: join("TOKEN", hash), sk: "TOKEN" }),
  tokenById: (id: string): Key => ({ pk: "TOKENS", sk: join(id) }),
  signInLink: (hash: string): Key => ({ pk: join("SIGNIN", hash), sk: "SIGNIN" }),
  session: (hash: string): Key => ({ pk: join("SESSION", hash), sk: "SESSION" }),

  // doors
  setting: (name: string): Key => ({ pk: "SETTINGS", sk: join(name) }),
  idempotency: (scope: string): Key => ({ pk: join("IDEMPOTENCY", scope), sk: "ANSWER" }),
  rateWindow: (bucket: string, window: number): Key => ({ pk: join("RATE", bucket), sk: padded(window) }),

  // columns and announcements
  column: (slug: string): Key => ({ pk: "COLUMNS", sk: join(slug) }),
  announcement: (id: string): Key => ({ pk: join("ANNOUNCEMENT", id), sk: "CURRENT" }),
  revision: (id: string, revision: number): Key => ({
    pk: join("ANNOUNCEMENT", id),
    sk: join("REVISION", padded(revision)),
  }),
  /** The short record of a revision: kind, time, reason. */
  revisionHistory: (id: string, revision: number): Key => ({
    pk: join("ANNOUNCEMENT", id),
    sk: join("HISTORY", padded(revision)),
  }),
  /** A published announcement in one public list: `all`, `column:<slug>`, `unit:<id>`, `tag:<text>`; newest last. */
  listing: (list: string, publishedAt: string, id: string): Key => ({
    pk: join("LIST", list),
    sk: join(publishedAt, id),
  }),
  /** A public announcement at its newest revision, withdrawn or not, for its unit's staff; the one that moved last is last. */
  moved: (unitId: string, publishedAt: string, id: string): Key => ({
    pk: join("MOVED", unitId),
    sk: join(publishedAt, id),
  }),
  /** One word that a published announcement shows in lists; sorts as its listing does. */
  word: (word: string, publishedAt: string, id: string): Key => ({ pk: join("WORD", word), sk: join(publishedAt, id) }),
  /** Drafts and everything else an editor works on, per unit, newest last. */
  desk: (unitId: string, id: string): Key => ({ pk: join("DESK", unitId), sk: join(id) }),
  /** Those of them that have a text in work: drafts, and corrections of what is published. */
  inWork: (unitId: string, id: string): Key => ({ pk: join("IN-WORK", unitId), sk: join(id) }),
  scheduled: (at: string, id: string): Key => ({ pk: "SCHEDULED", sk: join(at, id) }),

  // annual reports
  report: (id: string): Key => ({ pk: join("REPORT", id), sk: "CURRENT" }),
  reportRevision: (id: string, revision: number): Key => ({
    pk: join("REPORT", id),
    sk: join("REVISION", padded(revision)),
  }),
  reportOf: (unitId: string, year: number, id: string): Key => ({
    pk: join("REPORTS", unitId),
    sk: join(String(year), id),
  }),
  /** Index of the rows of `reportOf` by what is to be done next, the longest waiting first. */
  reportInState: (state: string, since: string, id: string): Key => ({
    pk: join("REPORT-STATE", state),
    sk: join(since, id),
  }),
  publishedReport: (year: number, id: string): Key => ({ pk: "PUBLISHED-REPORTS", sk: join(String(year), id) }),

  // cases: a receipt's number begins with its moment, so the case is its own row in the list of all, newest last
  case: (number: string): Key => ({ pk: join("CASES", shardOfCase(number)), sk: join(number) }),
  caseShard: (shard: number): string => join("CASES", shard),
  caseEvent: (number: string, sequence: number): Key => ({
    pk: join("CASE", number),
    sk: join("EVENT", padded(sequence)),
  }),

  /** A case in the list of the unit that it names. */
  caseOfUnit: (unitId: string, number: string): Key => ({ pk: join("CASES-OF", unitId), sk: join(number) }),

  /** The cases of ten minutes that got a duty alarm of their own. */
  dutyWindow: (startsAt: string): Key => ({ pk: join("DUTY", startsAt), sk: "WINDOW" }),

  // conversations: `endpoint` is the endpoint key of the chat's channel and address
  dialogue: (endpoint: string): Key => ({ pk: join("CHAT", endpoint), sk: "DIALOGUE" }),
  /** That the short help was given there lately. */
  chatHelp: (endpoint: string): Key => ({ pk: join("CHAT", endpoint), sk: "HELP" }),
  /** Who may manage a room whose chat names no owner: `person` is a hash. */
  chatManager: (endpoint: string, person: string): Key => ({
    pk: join("CHAT", endpoint),
    sk: join("MANAGER", person),
  }),
  botState: (bot: string): Key => ({ pk: join("BOT", bot), sk: "STATE" }),
  botOrder: (bot: string): Key => ({ pk: join("BOT", bot), sk: "ORDER" }),

  // subscriptions: `endpoint` is the 16 characters of `endpointKey`, its first one is the shard of the topic index
  subscription: (id: string): Key => ({ pk: join("SUBSCRIPTION", id), sk: "SUBSCRIPTION" }),
  endpoint: (endpoint: string): Key => ({ pk: join("ENDPOINT", endpoint), sk: "ENDPOINT" }),
  endpointSubscription: (endpoint: string, id: string): Key => ({
    pk: join("ENDPOINT", endpoint),
    sk: join("SUBSCRIPTION", id),
  }),
  /** That an address must not be pushed to before it says yes again. */
  suppression: (endpoint: string): Key => ({ pk: join("ENDPOINT", endpoint), sk: "SUPPRESSED" }),
  /** What its platform said last of whether it follows us. */
  followWord: (endpoint: string): Key => ({ pk: join("ENDPOINT", endpoint), sk: "FOLLOW-WORD" }),
  /** From an endpoint to those that stand in for it. */
  fallback: (endpoint: string, fallback: string): Key => ({
    pk: join("ENDPOINT", endpoint),
    sk: join("FALLBACK", fallback),
  }),
  /** Index of all subscriptions that have not ended, over eight partitions. */
  subscriptionListing: (partition: number, id: string): Key => ({
    pk: join("SUBSCRIPTIONS", partition),
    sk: join(id),
  }),
  topicEntry: (topic: string, endpoint: string, id: string): Key => ({
    pk: join("TOPIC", topic, endpoint.charAt(0)),
    sk: join(endpoint, id),
  }),
  topicShard: (topic: string, shard: string): string => join("TOPIC", topic, shard),
  /** Which shards of a topic hold entries: a fan-out asks this once, and reads no empty shard. */
  topicPresence: (topic: string, shard: string): Key => ({ pk: join("TOPIC-SHARDS", topic), sk: join(shard) }),
  /** Endpoints that ended or keep failing, in the order of the fan-out: a chunk reads its interval in one query. */
  ended: (endpoint: string): Key => ({ pk: "ENDED", sk: join(endpoint) }),

  /** The word for the change feed that an endpoint's secret was named anew. */
  secretWord: (endpoint: string): Key => ({ pk: join("ENDPOINT", endpoint), sk: "SECRET-WORD" }),
  /** Endpoints that were switched off after days of failures and wait for their owner. */
  switchedOff: (endpoint: string, id: string): Key => ({ pk: "SWITCHED-OFF", sk: join(endpoint, id) }),
  // what channels keep between pushes
  /** An access token that all workers share; `credential` names account and secret without holding either. */
  sharedToken: (credential: string): Key => ({ pk: join("SHARED-TOKEN", credential), sk: "TOKEN" }),
  /** What a push of several calls has made so far. */
  pushSteps: (push: string): Key => ({ pk: join("PUSH-STEPS", push), sk: "STEPS" }),
  /** When somebody last spoke to us on a channel that may only answer. */
  replyWindow: (endpoint: string): Key => ({ pk: join("REPLY-WINDOW", endpoint), sk: "WINDOW" }),
  /** A call or a message of another system that was taken already. */
  heard: (name: string): Key => ({ pk: join("HEARD", name), sk: "HEARD" }),

  // the ledger of one revision
  fanout: (id: string, revision: number): Key => ({ pk: join("FANOUT", id, padded(revision)), sk: "FANOUT" }),
  /** Index of fan-outs that are not closed, by the time of their next check. */
  openFanout: (at: string, id: string, revision: number): Key => ({ pk: "OPEN-FANOUTS", sk: join(at, id, revision) }),
  range: (id: string, revision: number, from: string): Key => ({
    pk: join("FANOUT", id, padded(revision)),
    sk: join("RANGE", from),
  }),
  /** `range` is the first endpoint key of the range, `window` that of the window. */
  chunkPartition: (id: string, revision: number, range: string): string => join("CHUNKS", id, padded(revision), range),
  chunk: (id: string, revision: number, range: string, window: string, channel: string, n: number): Key => ({
    pk: join("CHUNKS", id, padded(revision), range),
    sk: join("CHUNK", window, channel, padded(n)),
  }),
  result: (id: string, revision: number, range: string, window: string, channel: string, n: number): Key => ({
    pk: join("CHUNKS", id, padded(revision), range),
    sk: join("RESULT", window, channel, padded(n)),
  }),
  /** How fast one credential (its hash) of a channel may push, and what an endpoint has had of a quota of its own. */
  pace: (channel: string, credential: string): Key => ({ pk: join("PACE", channel, credential), sk: "PACE" }),
  paceEndpoint: (channel: string, credential: string, endpoint: string): Key => ({
    pk: join("PACE", channel, credential),
    sk: join("ENDPOINT", endpoint),
  }),
  /** The word for the change feed that a channel's settings have changed. */
  setupWord: (channel: string): Key => ({ pk: "SETUP-WORDS", sk: join(channel) }),
  /** Credentials (their hashes) that a vendor has stopped, for whoever runs the service. */
  pausedPace: (channel: string, credential: string): Key => ({ pk: join("PAUSED", channel), sk: join(credential) }),
  /** A delivery that needs a row of its own: retry, held, unknown, failed. */
  delivery: (id: string, revision: number, range: string, endpoint: string): Key => ({
    pk: join("CHUNKS", id, padded(revision), range),
    sk: join("DELIVERY", endpoint),
  }),
  /** A provider's own id of a message, until its receipt comes; or the receipt, where that was faster than our ledger. */
  receipt: (channel: string, receipt: string): Key => ({ pk: join("RECEIPT", channel, receipt), sk: "RECEIPT" }),
  /** Index of receipts that do not come by themselves, perhaps, by the time at which their provider is asked. */
  receiptToAsk: (at: string, channel: string, receipt: string): Key => ({
    pk: "RECEIPTS-TO-ASK",
    sk: join(at, channel, receipt),
  }),
  /** Every fan-out of a day of Asia/Shanghai, in the order of publication, with what came of it once it is closed. */
  fanoutOfDay: (day: string, at: string, id: string, revision: number): Key => ({
    pk: join("FANOUTS", day),
    sk: join(at, id, revision),
  }),
  /** What came to an end on a day, as it was summed last; and how often the list of that day has changed. */
  daySum: (day: string): Key => ({ pk: join("DAY", day), sk: "SUM" }),
  dayChanges: (day: string): Key => ({ pk: join("DAY", day), sk: "CHANGES" }),
  /** A digest's run, the revisions that wait for it, and from a revision's fan-out the runs that it waits for. */
  digest: (frequency: string, date: string): Key => ({ pk: join("DIGEST", frequency, date), sk: "RUN" }),
  digestItem: (frequency: string, date: string, id: string, revision: number): Key => ({
    pk: join("DIGEST", frequency, date),
    sk: join("ITEM", id, padded(revision)),
  }),
  digestOf: (id: string, revision: number, frequency: string, date: string): Key => ({
    pk: join("FANOUT", id, padded(revision)),
    sk: join("DIGEST", frequency, date),
  }),
  /** Index of digests that nobody claimed yet, by the time they go out. */
  dueDigest: (at: string, frequency: string): Key => ({ pk: "DUE-DIGESTS", sk: join(at, frequency) }),
  /** How far the weekly look at endpoints and topics has come. */
  weeklyLook: (): Key => ({ pk: "WEEKLY-LOOK", sk: "STATE" }),
  /** Index of deliveries that are due, by time, over eight partitions. */
  due: (at: string, id: string, revision: number, endpoint: string): Key => ({
    pk: join("DUE", endpoint.charCodeAt(0) % 8),
    sk: join(at, id, revision, endpoint),
  }),
};
