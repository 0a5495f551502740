import { keys } from "#src/platform/keys.ts";
import type { Item, Key } from "#src/platform/table.ts";
import type { Language } from "#src/text.ts";
import { leaseEnd } from "./store.ts";
import type { Fallback, Frequency, QuietHours, Subscription } from "./subscription.ts";
import { indexRows } from "./topic.ts";

/** A row of the topic index: all that a push to this endpoint needs, so that a fan-out reads nothing else. */
export type TopicEntry = {
  topic: string;
  endpoint: string;
  channel: string;
  address: string;
  language: Language;
  secrets: string[];
  frequency: Frequency;
  quietHours?: QuietHours;
  after?: Fallback;
  /** One of these lists of topics must hold as a whole; absent: the row's topic is enough. */
  filters?: string[][];
};

const USUAL_CHANNEL = "webhook";

/** The rows of a confirmed subscription. What is usual is left out: a fan-out pays for every byte it reads. */
export function entryItems(subscription: Subscription): Item[] {
  const { id, endpoint, channel, address, language, secrets, frequency, quietHours, after } = subscription;
  return indexRows(subscription.topics).map(({ topic, filters }) => ({
    ...keys.topicEntry(topic, endpoint, id),
    address,
    secrets,
    ...(channel === USUAL_CHANNEL ? {} : { channel }),
    ...(language === "zh-CN" ? {} : { language }),
    ...(frequency === "now" ? {} : { frequency }),
    ...(quietHours ? { quietHours } : {}),
    ...(after ? { after } : {}),
    ...(filters ? { filters } : {}),
    ...leaseEnd(subscription),
  }));
}

export function entryKeys(subscription: Subscription): Key[] {
  return indexRows(subscription.topics).map(({ topic }) =>
    keys.topicEntry(topic, subscription.endpoint, subscription.id),
  );
}

/** By which a first choice that fails finds who stands in for it. One that is left behind names nobody who waits. */
export function fallbackItems({ endpoint, after }: Subscription): Item[] {
  return after ? [keys.fallback(after.endpoint, endpoint)] : [];
}

/** One tiny row per topic and shard, told to fan-outs before they read the shard itself. Never removed. */
export function presenceItems(subscription: Subscription): Item[] {
  return indexRows(subscription.topics).map(({ topic }) => keys.topicPresence(topic, subscription.endpoint.charAt(0)));
}

/** Read by the ten thousand, so checked by hand; undefined for a row that is not one. */
export function readEntry(topic: string, item: Item): TopicEntry | undefined {
  const { channel = USUAL_CHANNEL, address, secrets, language, frequency, quietHours, after, filters } = item;
  if (typeof channel !== "string" || typeof address !== "string" || !Array.isArray(secrets)) return undefined;
  const entry: TopicEntry = {
    topic,
    endpoint: item.sk.slice(0, 16),
    channel,
    address,
    language: language === "en" ? "en" : "zh-CN",
    secrets,
    frequency: frequency === "daily" || frequency === "weekly" ? frequency : "now",
  };
  if (quietHours) entry.quietHours = quietHours as QuietHours;
  if (after) entry.after = after as Fallback;
  if (filters) entry.filters = filters as string[][];
  return entry;
}
