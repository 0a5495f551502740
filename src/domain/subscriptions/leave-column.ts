import { type ChangeDeps, changeSubscription } from "./change.ts";
import { subscriptionsOf } from "./store.ts";
import type { Topic } from "./topic.ts";
import { unsubscribe } from "./unsubscribe.ts";

const MOST_TOPICS = 20;

/**
 * The same wishes without one column: `all` becomes all the others. Undefined when they have nothing to do with the column,
 * or the others are too many to be named.
 */
export function withoutColumn(topics: readonly Topic[], slug: string, columns: readonly string[]): Topic[] | undefined {
  const named = `column:${slug}`;
  const concerns = (topic: Topic) =>
    topic === "all" || (typeof topic === "string" ? [topic] : topic.all).includes(named);
  if (!topics.some(concerns)) return undefined;
  const others = columns.filter((one) => one !== slug).map((one) => `column:${one}`);
  const kept = topics.filter((topic) => !concerns(topic));
  const next = topics.includes("all") ? [...new Set([...kept, ...others])] : kept;
  return next.length > MOST_TOPICS ? undefined : next;
}

/** Takes one column out of everything an endpoint subscribes to; a subscription that wants nothing else ends. */
export async function leaveColumn(
  deps: ChangeDeps,
  { endpoint, slug, columns }: { endpoint: string; slug: string; columns: readonly string[] },
): Promise<void> {
  for (const known of await subscriptionsOf(deps.table, endpoint)) {
    const topics = known.status === "confirmed" ? withoutColumn(known.topics, slug, columns) : undefined;
    if (!topics) continue;
    if (topics.length === 0) await unsubscribe(deps, known);
    else await changeSubscription(deps, known, known.version, { topics });
  }
}
