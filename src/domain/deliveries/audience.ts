import { readEntry, type TopicEntry } from "#src/domain/subscriptions/entry.ts";
import { type Reach, sooner } from "#src/domain/subscriptions/reach.ts";
import { keys } from "#src/platform/keys.ts";
import type { Page, Table } from "#src/platform/table.ts";
import { behind, END } from "./hash-space.ts";

/** `reach` is absent in a member who is known by name or by an earlier revision only. */
export type Member = { endpoint: string; channel: string; matched: string[]; saw: boolean; reach?: Reach };

/** One mention of an endpoint by one source: a topic's row, an earlier revision that it saw, an item of its digest. */
export type Mention = { endpoint: string } & (
  | { entry: TopicEntry }
  | { saw: true; channel: string; matched: string[] }
  /** One item (`itemName`) that waits for this endpoint's digest. */
  | { item: string; channel: string }
  | { named: true }
);

/** Pages of mentions in the order of endpoint keys. */
export type Source = AsyncIterator<Mention[]>;

const PAGE = 1000;
const AHEAD = 16;

async function presentShards(table: Table, topic: string, after: string, to: string): Promise<string[]> {
  const { items } = await table.query({ pk: keys.topicPresence(topic, "-").pk, limit: 64 });
  return items.map(({ sk }) => sk).filter((shard) => shard >= after.charAt(0) && (to === END || shard <= to.charAt(0)));
}

/** The rows of a topic, shard after shard; short shards are read several at once, so that a rare topic costs one wait. */
export async function* topicSource(
  table: Table,
  topic: string,
  after: string,
  to: string,
): AsyncGenerator<Mention[], undefined> {
  const shards = await presentShards(table, topic, after, to);
  const page = (shard: string, behindKey?: string): Promise<Page> => {
    const asked = table.query({
      pk: keys.topicShard(topic, shard),
      from: behind(after),
      to,
      limit: PAGE,
      ...(behindKey === undefined ? {} : { after: behindKey }),
    });
    asked.catch(() => undefined); // awaited later, or never when the window is full: not an unhandled rejection
    return asked;
  };
  const ahead: { shard: string; page: Promise<Page> }[] = [];
  let next = 0;
  let usual = 1;
  for (;;) {
    while (next < shards.length && ahead.length < AHEAD && ahead.length * usual < PAGE) {
      const shard = shards[next++] ?? "";
      ahead.push({ shard, page: page(shard) });
    }
    const first = ahead.shift();
    if (!first) return;
    let read = await first.page;
    usual = Math.max(usual, read.items.length);
    for (;;) {
      yield read.items.flatMap((item) => {
        const entry = readEntry(topic, item);
        return entry ? [{ endpoint: entry.endpoint, entry }] : [];
      });
      if (read.next === undefined) break;
      read = await page(first.shard, read.next);
    }
  }
}

export async function* namedSource(
  endpoints: string[],
  after: string,
  to: string,
): AsyncGenerator<Mention[], undefined> {
  const named = [...new Set(endpoints)].filter((endpoint) => endpoint > behind(after) && endpoint < to).sort();
  yield named.map((endpoint) => ({ endpoint, named: true }));
}

/** Merges the sources; every endpoint comes once, with all its mentions. */
async function* merged(sources: Source[]): AsyncGenerator<Mention[], undefined> {
  let heads = await Promise.all(sources.map(async (source) => ({ source, page: await nextPage(source), at: 0 })));
  for (;;) {
    for (const head of heads)
      if (head.page && head.at >= head.page.length) Object.assign(head, { page: await nextPage(head.source), at: 0 });
    heads = heads.filter(({ page }) => page !== undefined);
    let least: string | undefined;
    for (const { page, at } of heads) {
      const endpoint = page?.[at]?.endpoint;
      if (endpoint !== undefined && (least === undefined || endpoint < least)) least = endpoint;
    }
    if (least === undefined) return;
    const mentions: Mention[] = [];
    for (const head of heads) {
      for (;;) {
        const mention = head.page?.[head.at];
        if (mention?.endpoint !== least) break;
        mentions.push(mention);
        head.at++;
        if (head.page && head.at >= head.page.length) Object.assign(head, { page: await nextPage(head.source), at: 0 });
      }
    }
    yield mentions;
  }
}

/** The next page that holds something. */
async function nextPage(source: Source): Promise<Mention[] | undefined> {
  for (;;) {
    const { value, done } = await source.next();
    if (done) return undefined;
    if (value.length > 0) return value;
  }
}

/** One member of all that mention the endpoint; undefined when only conjunctions do, and none of them holds. */
export function memberOf(mentions: Mention[], spoken: ReadonlySet<string>): Member | undefined {
  const matched = new Set<string>();
  const items = new Set<string>();
  let member: Member | undefined;
  for (const mention of mentions) {
    if ("entry" in mention) {
      const { entry } = mention;
      const topics = entry.filters
        ? entry.filters.filter((all) => all.every((topic) => spoken.has(topic))).flat()
        : [entry.topic];
      if (topics.length === 0) continue;
      for (const topic of topics) matched.add(topic);
      member ??= { endpoint: entry.endpoint, channel: entry.channel, matched: [], saw: false };
      member.reach = sooner(member.reach, entry);
    } else {
      member ??= { endpoint: mention.endpoint, channel: "", matched: [], saw: false };
      if ("item" in mention) {
        member.channel = mention.channel;
        items.add(mention.item);
      }
      if ("saw" in mention) {
        member.saw = true;
        member.channel = mention.channel;
        if (member.matched.length === 0) member.matched = mention.matched;
      }
    }
  }
  // Every reason once, in the order in which the revision speaks of them.
  if (member && matched.size > 0) member.matched = [...spoken].filter((topic) => matched.has(topic));
  if (member && items.size > 0) member.matched = [...items].sort();
  return member;
}

/** Members in the order of endpoint keys. */
export async function* audience(sources: Source[], topics: string[]): AsyncGenerator<Member, undefined> {
  const spoken = new Set(topics);
  for await (const mentions of merged(sources)) {
    const member = memberOf(mentions, spoken);
    if (member) yield member;
  }
}
