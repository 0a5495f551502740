import { type ChangeDeps, changeSubscription } from "./change.ts";
import { subscriptionsOf } from "./store.ts";
import type { Topic } from "./topic.ts";
import { unsubscribe } from "./unsubscribe.ts";

const MOST_TOPICS = 20;

/**
 * The same wishes without one column: `all` becomes all the others, and what was named beside it would only bring the column
 * back. Undefined when they have nothing to do with the column; "too many" when the others are more than can be named.
 */
export function withoutColumn(
  topics: readonly Topic[],
  slug: string,
  columns: readonly string[],
): Topic[] | "too many" | undefined {
  const named = `column:${slug}`;
  const concerns = (topic: Topic) =>
    topic === "all" || (typeof topic === "string" ? [topic] : topic.all).includes(named);
  if (!topics.some(concerns)) return undefined;
  if (!topics.includes("all")) return topics.filter((topic) => !concerns(topic));
  const others = columns.filter((one) => one !== slug).map((one) => `column:${one}`);
  return others.length > MOST_TOPICS ? "too many" : others;
}

/** Whether something that is left may bring a text of any column: a unit, a tag, what is urgent. */
export function bringsColumns(topics: readonly Topic[]): boolean {
  return topics.some((topic) => ![topic].flatMap((one) => (typeof one === "string" ? [one] : one.all)).some(isColumn));
}

const isColumn = (topic: string): boolean => topic.startsWith("column:");

/** Takes one column out of everything an endpoint subscribes to; a subscription that wants nothing else ends. */
export async function leaveColumn(
  deps: ChangeDeps,
  { endpoint, slug, columns }: { endpoint: string; slug: string; columns: readonly string[] },
): Promise<void> {
  for (const known of await subscriptionsOf(deps.table, endpoint)) {
    const topics = known.status === "confirmed" ? withoutColumn(known.topics, slug, columns) : undefined;
    if (!topics || topics === "too many") continue;
    if (topics.length === 0) await unsubscribe(deps, known);
    else await changeSubscription(deps, known, known.version, { topics });
  }
}
