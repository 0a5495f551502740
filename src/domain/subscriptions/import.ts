import { AppError } from "#src/errors.ts";
import { derivedId } from "#src/ids.ts";
import type { Log } from "#src/log.ts";
import { keys } from "#src/platform/keys.ts";
import type { Item, Table } from "#src/platform/table.ts";
import type { Text } from "#src/text.ts";
import { type AddressedChannels, channelOf, checkedAddress, checkedEndpoint } from "./channel.ts";
import { spelledKey } from "./endpoint.ts";
import { entryItems, fallbackItems, presenceItems } from "./entry.ts";
import { fallbackOf } from "./fallback.ts";
import { knownEndpoint } from "./known-endpoint.ts";
import type { ImportedSubscription } from "./new-subscription.ts";
import { EndpointMark, parseSubscription, pointerItem, subscriptionItem } from "./store.ts";
import { pendingItems } from "./subscribe.ts";
import type { EndReason, Subscription } from "./subscription.ts";
import { mailboxKey } from "./suppress.ts";
import { canonicalTopics } from "./topic.ts";

export type LineError = { line: number; code: string; detail: Text };
export type ImportResult = { accepted: number; rejected: number; errors: LineError[] };

export type ImportDeps = {
  table: Table;
  channels: AddressedChannels;
  now: () => Date;
  log: Log;
  /** A line as the schema reads it; throws AppError when it is not one. */
  readLine: (text: string) => ImportedSubscription;
};

const BATCH = 500;
const LINE_LIMIT = 16_000;

/**
 * Takes in one subscription a line (NDJSON). A bad line is refused alone. The id is made of endpoint and topics, so the
 * same line again changes nothing; whoever unsubscribed stays unsubscribed.
 */
export async function importSubscriptions(deps: ImportDeps, text: string, importedBy: string): Promise<ImportResult> {
  const result: ImportResult = { accepted: 0, rejected: 0, errors: [] };
  const lines = text.split("\n");
  for (let from = 0; from < lines.length; from += BATCH)
    await importBatch(deps, lines.slice(from, from + BATCH), { from, importedBy }, result);
  deps.log.info("subscriptions-imported", { by: importedBy, accepted: result.accepted, rejected: result.rejected });
  return result;
}

async function importBatch(
  deps: ImportDeps,
  lines: string[],
  at: { from: number; importedBy: string },
  result: ImportResult,
): Promise<void> {
  const batch: { line: number; subscription: Subscription }[] = [];
  for (const [i, text] of lines.entries()) {
    if (text.trim() === "") continue;
    const line = at.from + i + 1;
    try {
      batch.push({ line, subscription: await subscriptionIn(deps, text, at.importedBy) });
    } catch (error) {
      refuse(result, { line, ...reasonOf(error) });
    }
  }
  const known = await deps.table.getMany(batch.map(({ subscription }) => keys.subscription(subscription.id)));
  const suppressed = await suppressions(deps, batch);
  const fresh = new Map<string, Subscription>();
  for (const [i, { line, subscription }] of batch.entries()) {
    const before = known[i] && parseSubscription(known[i]);
    const because = before?.status === "ended" ? before.endedBecause : undefined;
    const own = suppressed[i];
    const said =
      REFUSED[because ?? "gone"] ?? (subscription.status === "confirmed" ? REFUSED[own ?? "gone"] : undefined);
    if (said) refuse(result, { line, ...said });
    else {
      result.accepted++;
      if (replaces(subscription, before))
        fresh.set(subscription.id, { ...subscription, version: (before?.version ?? 0) + 1 });
    }
  }
  await store(deps, [...fresh.values()]);
}

/** What is remembered of each address itself, and of the mailbox that it is one spelling of. */
async function suppressions(
  { table, channels }: ImportDeps,
  batch: { subscription: Subscription }[],
): Promise<(EndReason | undefined)[]> {
  const all = batch.map(({ subscription }) => [
    subscription.endpoint,
    mailboxKey(channelOf(channels, subscription.channel), subscription),
    spelledKey(subscription.channel, subscription.address),
  ]);
  const items = await table.getMany([...new Set(all.flat())].map((endpoint) => keys.suppression(endpoint)));
  const because = new Map(items.flatMap((item) => (item ? [[item.pk, item["because"] as EndReason]] : [])));
  const of = (endpoint: string) => because.get(keys.suppression(endpoint).pk);
  return all.map((some) => some.map(of).find((one) => one !== undefined));
}

/** What is there already stays as it is, unless this line turns on what was not. */
function replaces(next: Subscription, before: Subscription | undefined): boolean {
  if (!before) return true;
  return before.status !== "confirmed" && next.status === "confirmed";
}

async function store(deps: ImportDeps, subscriptions: Subscription[]): Promise<void> {
  const now = deps.now();
  const presence = new Map<string, Item>();
  const items: Item[] = [];
  const confirmed: Subscription[] = [];
  for (const subscription of subscriptions) {
    if (subscription.status === "pending") items.push(...pendingItems(subscription, now));
    else {
      confirmed.push(subscription);
      for (const item of presenceItems(subscription)) presence.set(item.pk + item.sk, item);
      items.push(
        subscriptionItem(subscription),
        pointerItem(subscription),
        ...entryItems(subscription),
        ...fallbackItems(subscription),
      );
    }
  }
  await deps.table.putAll([...presence.values()]);
  await forgetEnds(deps, confirmed);
  await deps.table.putAll(items);
}

/** An address that had ended is wanted again. */
async function forgetEnds(deps: ImportDeps, subscriptions: Subscription[]): Promise<void> {
  const marks = [...new Set(subscriptions.map(({ endpoint }) => endpoint))].map((endpoint) => keys.ended(endpoint));
  for (const item of await deps.table.getMany(marks))
    if (item && EndpointMark().parse(item).state === "ended")
      await deps.table.write([{ remove: { pk: item.pk, sk: item.sk } }]);
}

async function subscriptionIn(deps: ImportDeps, text: string, importedBy: string): Promise<Subscription> {
  if (text.length > LINE_LIMIT)
    throw new AppError("invalid", "LINE_LENGTH", {
      zh: "一行不得超过16000个字符",
      en: "a line has at most 16,000 characters",
    });
  const { endpoint, confirmed, basis, fallbackFor, afterMinutes, ...wishes } = deps.readLine(text);
  const { address, secrets } = await checkedEndpoint(deps.channels, endpoint, { textOnly: true });
  const key = await knownEndpoint(deps.table, endpoint.channel, address);
  const first =
    fallbackFor &&
    (await knownEndpoint(
      deps.table,
      fallbackFor.channel,
      await checkedAddress(deps.channels, fallbackFor.channel, fallbackFor.address, { textOnly: true }),
    ));
  const after = fallbackOf(key, first, afterMinutes);
  const now = deps.now().toISOString();
  return {
    ...wishes,
    id: derivedId("sub", "import", endpoint.channel, address, canonicalTopics(wishes.topics)),
    channel: endpoint.channel,
    address,
    endpoint: key,
    status: confirmed ? "confirmed" : "pending",
    secrets,
    requestedAt: now,
    ...(confirmed ? { confirmedAt: now } : {}),
    ...(basis === undefined ? {} : { basis }),
    ...(after ? { after } : {}),
    importedBy,
    version: 1,
  };
}

/** What nobody may enter again for somebody else: the endpoint has to say yes itself. */
const REFUSED: Partial<Record<EndReason, { code: string; detail: Text }>> = {
  unsubscribed: {
    code: "UNSUBSCRIBED",
    detail: { zh: "该接收端已自行退订", en: "this endpoint unsubscribed itself" },
  },
  bounced: {
    code: "BOUNCED",
    detail: { zh: "该地址曾被退回，须由其本人重新确认", en: "this address bounced; it has to confirm itself again" },
  },
  complained: {
    code: "COMPLAINED",
    detail: {
      zh: "该接收端曾投诉，须由其本人重新确认",
      en: "this endpoint complained; it has to confirm itself again",
    },
  },
  blocked: {
    code: "BLOCKED",
    detail: {
      zh: "该接收端已屏蔽推送，须由其本人重新确认",
      en: "this endpoint blocked us; it has to confirm itself again",
    },
  },
};

function reasonOf(error: unknown): { code: string; detail: Text } {
  if (!(error instanceof AppError) || error.kind === "unavailable") throw error;
  const first = error.errors[0];
  if (!first) return { code: error.code, detail: error.detail };
  const { pointer, code, detail } = first;
  return { code, detail: { zh: `${pointer} ${detail.zh}`, en: `${pointer} ${detail.en}` } };
}

function refuse(result: ImportResult, error: LineError): void {
  result.rejected++;
  result.errors.push(error);
}
