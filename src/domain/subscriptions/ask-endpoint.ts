import { randomBytes } from "node:crypto";
import { randomSecret, sha256 } from "#src/ids.ts";
import type { Log } from "#src/log.ts";
import { keys } from "#src/platform/keys.ts";
import type { Queue, QueueName } from "#src/platform/queue.ts";
import type { Table } from "#src/platform/table.ts";
import type { AddressedChannel, AddressedChannels, VendorPause } from "./channel.ts";
import { confirm } from "./confirm.ts";
import { endpointItem, findEndpoint, findSubscription, parseSubscription, subscriptionsOf } from "./store.ts";
import { PENDING_SECONDS } from "./subscribe.ts";
import type { Subscription } from "./subscription.ts";
import { mailboxKey, suppressionOf } from "./suppress.ts";
import { unsubscribe } from "./unsubscribe.ts";

export type AskDeps = {
  table: Table;
  queue: (name: QueueName) => Queue;
  now: () => Date;
  log: Log;
  channel: AddressedChannel;
  /** When the account that asks may send (milliseconds since 1970); undefined: now. `ticket`: it was promised this turn. */
  turn?(asked: Pick<Subscription, "address" | "secrets">, ticket: boolean): Promise<number | undefined>;
  /** The vendor's word against that account, as the answer to a question. */
  paused?(address: string, pause: VendorPause): Promise<void>;
  /** That word was said to a secret that is another one by now. */
  unpaused?(address: string): Promise<void>;
};

type Question = {
  subscriptionId: string;
  tries: number;
  leaving?: "asked" | "denied";
  turnAt?: number;
  countedAt?: string;
};

// A machine answers the challenge at once; people must not be flooded with questions they did not ask for.
const CODE_GAP_MS = 600_000;
const CODES_A_DAY = 3;
const DAY_MS = 86_400_000;
// After a bounce or a complaint strangers must not be able to go on writing to somebody who does not want it.
const SUPPRESSED_GAP_MS = 7 * DAY_MS;
// A mail server may ask a stranger to come again in five minutes (greylisting).
const AGAIN_SECONDS = { echo: [10, 60], code: [10, 60], link: [60, 300, 900] };
const LONGEST_DELAY_SECONDS = 900;
const CODE_LETTERS = "23456789ABCDEFGHJKMNPQRSTVWXYZ";

/** Queues the question whether the endpoint of a subscription wants it; told by the change feed. */
export async function queueQuestion(
  deps: { channels: AddressedChannels; queue: (name: QueueName) => Queue },
  item: Parameters<typeof parseSubscription>[0],
): Promise<void> {
  const { id, channel, status } = parseSubscription(item);
  const found = Object.hasOwn(deps.channels, channel) ? deps.channels[channel] : undefined;
  if (!found || status !== "pending") return;
  await deps.queue(found.queue).send([{ body: { kind: "confirm", subscriptionId: id, tries: 0 } }]);
}

/** Asks the endpoint itself. An echo confirms at once; a code has to come back; a refusal is asked about a few times more. */
export async function askEndpoint(deps: AskDeps, message: Question): Promise<void> {
  const { channel } = deps;
  if (message.leaving === "asked") return askWhetherItLeaves(deps, message);
  if (message.leaving === "denied") return tellDenial(deps, message);
  const pending = await findSubscription(deps.table, message.subscriptionId);
  if (pending?.status !== "pending") return;
  const counts = channel.confirms !== "echo";
  // Who waited for a turn was counted before.
  const counted = message.countedAt ?? (counts ? await countQuestion(deps, pending) : undefined);
  if (counts && counted === undefined) return;
  if (await waitsForTurn(deps, message, pending, counted)) return;
  const challenge = channel.confirms === "code" ? newCode() : randomSecret(192);
  const asked = await rememberChallenge(deps, pending, challenge);
  if (!asked) return;
  const { endpoint, address, language, secrets, id } = asked;
  const outcome = await channel
    .confirm({ endpoint, address, language, secrets, matched: [] }, challenge, id)
    .catch((error: unknown) => {
      deps.log.warn("confirm-failed", { channel: channel.name, subscription: id, detail: String(error).slice(0, 200) });
      return "refused" as const;
    });
  if (outcome === "confirmed") await confirmAsked(deps, asked);
  if (outcome === "confirmed" || outcome === "sent") return;
  if (typeof outcome === "object" && !(await saidToItAlone(deps, asked, outcome.paused))) {
    await deps.paused?.(address, outcome.paused);
    // Whoever corrects a secret ends the stop after it is stored: one of both sees the other.
    if (await saidToItAlone(deps, asked, outcome.paused)) await deps.unpaused?.(address);
  }
  if (counted !== undefined) await uncountQuestion(deps, asked, counted);
  await askAgain(deps, message);
}

/**
 * What a guard refuses of one secret says nothing of the others that its address goes by: whoever may ask would stop them all. Nor
 * does it of the one that it goes by since.
 */
async function saidToItAlone({ table }: AskDeps, asked: Subscription, { because }: VendorPause): Promise<boolean> {
  if (because !== "configuration") return false;
  const all = await subscriptionsOf(table, asked.endpoint);
  return all.some(
    ({ id, status, secrets }) => (status === "confirmed" || id === asked.id) && `${secrets}` !== `${asked.secrets}`,
  );
}

async function askAgain({ queue, channel }: AskDeps, message: Question): Promise<void> {
  const delaySeconds = AGAIN_SECONDS[channel.confirms][message.tries];
  if (delaySeconds === undefined) return;
  const { turnAt: _t, countedAt: _c, ...question } = message;
  const body = { kind: "confirm", ...question, tries: message.tries + 1 };
  await queue(channel.queue).send([{ body, delaySeconds }]);
}

/** Who confirms that it leaves loses this subscription and what it asked for before it, but nothing it asked for since. */
async function askWhetherItLeaves(deps: AskDeps, message: Question): Promise<void> {
  const known = await findSubscription(deps.table, message.subscriptionId);
  if (!known || known.status === "ended" || !deps.channel.leave) return;
  const outcome = await deps.channel.leave(targetOf(known), randomSecret(192));
  if (outcome !== "confirmed") return askAgain(deps, message);
  for (const one of await subscriptionsOf(deps.table, known.endpoint))
    if (one.requestedAt <= known.requestedAt) await unsubscribe(deps, one);
}

async function tellDenial({ table, channel }: AskDeps, { subscriptionId }: Question): Promise<void> {
  const ended = await findSubscription(table, subscriptionId);
  if (ended) await channel.deny?.(targetOf(ended));
}

function targetOf({ endpoint, address, language, secrets }: Subscription) {
  return { endpoint, address, language, secrets, matched: [] };
}

/** Queues the question whether an endpoint really leaves, or the word that its subscription was ended here, where a channel has it. */
export async function queueLeaving(
  deps: { channels: AddressedChannels; queue: (name: QueueName) => Queue },
  { id, channel }: Subscription,
  leaving: "asked" | "denied",
): Promise<void> {
  const found = Object.hasOwn(deps.channels, channel) ? deps.channels[channel] : undefined;
  if (!(leaving === "asked" ? found?.leave : found?.deny) || !found) return;
  await deps.queue(found.queue).send([{ body: { kind: "confirm", subscriptionId: id, tries: 0, leaving } }]);
}

async function waitsForTurn(
  deps: AskDeps,
  message: Question,
  pending: Subscription,
  countedAt: string | undefined,
): Promise<boolean> {
  const now = deps.now().getTime();
  const early = message.turnAt !== undefined && message.turnAt > now + 1000;
  const turnAt = early ? message.turnAt : await deps.turn?.(pending, message.turnAt !== undefined);
  if (turnAt === undefined) return false;
  const { subscriptionId, tries } = message;
  const body = { kind: "confirm", subscriptionId, tries, turnAt, ...(countedAt === undefined ? {} : { countedAt }) };
  const delaySeconds = Math.min(LONGEST_DELAY_SECONDS, Math.max(1, Math.ceil((turnAt - now) / 1000)));
  await deps.queue(deps.channel.queue).send([{ body, delaySeconds }]);
  return true;
}

/** The endpoint agreed, whatever of the wishes its owner changed meanwhile; another endpoint did not. */
async function confirmAsked(deps: AskDeps, asked: Subscription): Promise<void> {
  for (let current: Subscription | undefined = asked; current?.status === "pending"; ) {
    if (current.endpoint !== asked.endpoint || (await confirm(deps, current))) return;
    current = await findSubscription(deps.table, asked.id);
  }
}

/**
 * At most one code or link in ten minutes and three a day to one address; counted before it is sent. Answers under which
 * time it was counted; undefined: not now.
 */
async function countQuestion(deps: AskDeps, pending: Subscription): Promise<string | undefined> {
  const { channel, address } = pending;
  const endpoint = mailboxKey(deps.channel, pending);
  const suppressed = (await suppressionOf(deps.table, pending.endpoint)) ?? (await suppressionOf(deps.table, endpoint));
  for (;;) {
    const now = deps.now().getTime();
    const known = await findEndpoint(deps.table, endpoint);
    const asked = (known?.asked ?? []).filter((at) => now - Date.parse(at) < DAY_MS);
    const last = known?.asked.at(-1);
    const gap = suppressed && suppressed !== "unsubscribed" ? SUPPRESSED_GAP_MS : CODE_GAP_MS;
    if (asked.length >= CODES_A_DAY || (last !== undefined && now - Date.parse(last) < gap)) return undefined;
    const at = new Date(now).toISOString();
    const value = {
      channel,
      address: suppressed ? "" : address,
      asked: [...asked, at],
      version: (known?.version ?? 0) + 1,
    };
    const kept = suppressed ? SUPPRESSED_GAP_MS / 1000 : PENDING_SECONDS;
    const put = endpointItem(endpoint, value, Math.floor(now / 1000) + kept);
    const written = await deps.table.write([{ put, if: known ? { version: known.version } : { absent: true } }]);
    if (written.ok) return at;
  }
}

/** Nobody was bothered by a question that surely did not arrive: it may be asked again soon. */
async function uncountQuestion(deps: AskDeps, asked: Subscription, at: string): Promise<void> {
  const endpoint = mailboxKey(deps.channel, asked);
  for (;;) {
    const known = await findEndpoint(deps.table, endpoint);
    if (!known?.asked.includes(at)) return;
    const value = { ...known, asked: known.asked.filter((one) => one !== at), version: known.version + 1 };
    const put = endpointItem(endpoint, value, Math.floor(deps.now().getTime() / 1000) + PENDING_SECONDS);
    if ((await deps.table.write([{ put, if: { version: known.version } }])).ok) return;
  }
}

/** The subscription as it is now, with the challenge; undefined when it ended or moved to an address that is asked on its own. */
async function rememberChallenge(
  deps: AskDeps,
  pending: Subscription,
  challenge: string,
): Promise<Subscription | undefined> {
  for (;;) {
    const item = await deps.table.get(keys.subscription(pending.id));
    const current = item && parseSubscription(item);
    if (!item || current?.status !== "pending" || current.endpoint !== pending.endpoint) return undefined;
    const { feed: _, ...kept } = item;
    const put = { ...kept, challengeHash: sha256(challenge), wrongCodes: 0, version: current.version + 1 };
    const written = await deps.table.write([{ put, if: { version: current.version } }]);
    if (written.ok) return parseSubscription(put);
  }
}

function newCode(): string {
  let code = "";
  for (const byte of randomBytes(8)) code += CODE_LETTERS.charAt(byte % CODE_LETTERS.length);
  return code;
}
