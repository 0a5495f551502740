import { AppError } from "#src/errors.ts";
import { derivedId } from "#src/ids.ts";
import type { Table } from "#src/platform/table.ts";
import type { Language } from "#src/text.ts";
import { changeSubscription } from "./change.ts";
import { confirmedRows } from "./confirm.ts";
import { endpointKey } from "./endpoint.ts";
import { presenceItems } from "./entry.ts";
import { findSubscription, subscriptionItem, subscriptionsOf } from "./store.ts";
import type { Subscription } from "./subscription.ts";
import type { Topic } from "./topic.ts";
import { unsubscribe } from "./unsubscribe.ts";

type Deps = { table: Table; now: () => Date };

const MOST_TOPICS = 20;
const TRIES = 10;

/** A wish that was said in the very place it is for: the words themselves are its basis and its confirmation. */
export type CommandedWish = { channel: string; address: string; language: Language; topics: string[] };

/**
 * Adds topics to what a chat wants: to one of its confirmed subscriptions, else to the one that commands made there. Who
 * said it is not kept. `already`: nothing was left to add; `too-many`: more topics than a subscription holds.
 */
export async function subscribeByCommand(
  deps: Deps,
  wish: CommandedWish,
): Promise<"subscribed" | "already" | "too-many"> {
  const endpoint = endpointKey(wish.channel, wish.address);
  const id = derivedId("sub", "chat", wish.channel, wish.address);
  for (let tries = 0; tries < TRIES; tries++) {
    const open = await confirmedOf(deps, endpoint);
    const wanted = open.flatMap(({ topics }) => topics);
    const missing = wish.topics.filter((topic) => !wanted.includes(topic) && !wanted.includes("all"));
    if (missing.length === 0) return "already";
    const known = open.find((one) => one.id === id) ?? open[0];
    const topics = withTopics(known?.topics ?? [], missing);
    if (topics.length > MOST_TOPICS) return "too-many";
    if (known ? await changed(deps, known, topics) : await made(deps, { ...wish, topics }, { id, endpoint }))
      return "subscribed";
  }
  throw busy();
}

/** `none`: it was not among what the chat wants. `all`: the chat wants everything, so one column cannot be left out. */
export async function unsubscribeTopics(
  deps: Deps,
  endpoint: string,
  topics: string[],
): Promise<"unsubscribed" | "none" | "all"> {
  for (let tries = 0; tries < TRIES; tries++) {
    const open = await confirmedOf(deps, endpoint);
    const meant = open.filter((one) => one.topics.some((topic) => typeof topic === "string" && topics.includes(topic)));
    const hasAll = open.some((one) => one.topics.includes("all"));
    if (meant.length === 0) return hasAll ? "all" : tries > 0 ? "unsubscribed" : "none";
    let done = true;
    for (const one of meant) {
      const rest = one.topics.filter((topic) => typeof topic !== "string" || !topics.includes(topic));
      if (rest.length === 0) await unsubscribe(deps, one);
      else done = (await changed(deps, one, rest)) && done;
    }
    if (done) return hasAll && !topics.includes("all") ? "all" : "unsubscribed";
  }
  throw busy();
}

/** Who wants everything needs no single topics beside it. */
function withTopics(known: readonly Topic[], missing: string[]): Topic[] {
  if (!missing.includes("all")) return [...known, ...missing];
  return [...known.filter((topic) => typeof topic !== "string"), "all"];
}

/** What a chat wants by now. */
export async function confirmedOf(deps: Pick<Deps, "table">, endpoint: string): Promise<Subscription[]> {
  return (await subscriptionsOf(deps.table, endpoint)).filter(({ status }) => status === "confirmed");
}

async function changed(deps: Deps, known: Subscription, topics: Topic[]): Promise<boolean> {
  try {
    await changeSubscription({ ...deps, channels: {} }, known, known.version, { topics });
    return true;
  } catch (error) {
    if (error instanceof AppError && error.kind === "stale") return false;
    throw error;
  }
}

async function made(
  deps: Deps,
  wish: Omit<CommandedWish, "topics"> & { topics: Topic[] },
  at: { id: string; endpoint: string },
): Promise<boolean> {
  const before = await findSubscription(deps.table, at.id);
  const now = deps.now().toISOString();
  const subscription: Subscription = {
    ...wish,
    ...at,
    frequency: "now",
    status: "confirmed",
    secrets: before?.secrets ?? [],
    requestedAt: now,
    confirmedAt: now,
    basis: "command in the chat",
    version: (before?.version ?? 0) + 1,
  };
  await deps.table.putAll(presenceItems(subscription));
  const condition = before ? { version: before.version } : ({ absent: true } as const);
  const written = await deps.table.write([
    { put: subscriptionItem(subscription), if: condition },
    ...confirmedRows(subscription),
  ]);
  return written.ok;
}

function busy(): AppError {
  return new AppError("unavailable", "BUSY", { zh: "请稍后再试", en: "try again in a moment" });
}
