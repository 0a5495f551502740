import { randomBytes } from "node:crypto";
import { randomSecret, sha256 } from "#src/ids.ts";
import type { Log } from "#src/log.ts";
import { keys } from "#src/platform/keys.ts";
import type { Queue, QueueName } from "#src/platform/queue.ts";
import type { Table } from "#src/platform/table.ts";
import type { AddressedChannel, AddressedChannels } from "./channel.ts";
import { confirm } from "./confirm.ts";
import { endpointItem, findEndpoint, findSubscription, parseSubscription } from "./store.ts";
import { PENDING_SECONDS } from "./subscribe.ts";
import type { Subscription } from "./subscription.ts";

export type AskDeps = {
  table: Table;
  queue: (name: QueueName) => Queue;
  now: () => Date;
  log: Log;
  channel: AddressedChannel;
  /** When the account that asks may send (milliseconds since 1970); undefined: now. `ticket`: it was promised this turn. */
  turn?(address: string, ticket: boolean): Promise<number | undefined>;
};

// A machine answers the challenge at once; people must not be flooded with questions they did not ask for.
const CODE_GAP_MS = 600_000;
const CODES_A_DAY = 3;
const DAY_MS = 86_400_000;
const AGAIN_SECONDS = [10, 60];
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

type Question = { subscriptionId: string; tries: number; turnAt?: number };

/** Asks the endpoint itself. An echo confirms at once; a code has to come back; a refusal is asked about twice more. */
export async function askEndpoint(deps: AskDeps, message: Question): Promise<void> {
  const { channel } = deps;
  const pending = await findSubscription(deps.table, message.subscriptionId);
  if (pending?.status !== "pending") return;
  // Who waits for a turn was counted before.
  if (channel.confirms !== "echo" && message.turnAt === undefined && !(await mayAsk(deps, pending))) return;
  if (await waitsForTurn(deps, message, pending.address)) return;
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
  const again = AGAIN_SECONDS[message.tries];
  if (outcome !== "refused" || again === undefined) return;
  const body = { kind: "confirm", subscriptionId: id, tries: message.tries + 1 };
  await deps.queue(channel.queue).send([{ body, delaySeconds: again }]);
}

async function waitsForTurn(deps: AskDeps, message: Question, address: string): Promise<boolean> {
  const now = deps.now().getTime();
  const early = message.turnAt !== undefined && message.turnAt > now + 1000;
  const turnAt = early ? message.turnAt : await deps.turn?.(address, message.turnAt !== undefined);
  if (turnAt === undefined) return false;
  const { subscriptionId, tries } = message;
  const body = { kind: "confirm", subscriptionId, tries, turnAt };
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

/** At most one code in ten minutes and three a day to one address; counted before it is sent. */
async function mayAsk(deps: AskDeps, { endpoint, channel, address }: Subscription): Promise<boolean> {
  for (;;) {
    const now = deps.now().getTime();
    const known = await findEndpoint(deps.table, endpoint);
    const asked = (known?.asked ?? []).filter((at) => now - Date.parse(at) < DAY_MS);
    const last = asked.at(-1);
    if (asked.length >= CODES_A_DAY || (last !== undefined && now - Date.parse(last) < CODE_GAP_MS)) return false;
    const value = {
      channel,
      address,
      asked: [...asked, new Date(now).toISOString()],
      version: (known?.version ?? 0) + 1,
    };
    const put = endpointItem(endpoint, value, Math.floor(now / 1000) + PENDING_SECONDS);
    const written = await deps.table.write([{ put, if: known ? { version: known.version } : { absent: true } }]);
    if (written.ok) return true;
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
