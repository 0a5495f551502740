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
  const [only] = mentions;
  // Nearly all of them.
  if (only && mentions.length === 1 && "entry" in only && !only.entry.filters) {
    const { endpoint, channel, topic } = only.entry;
    return {
      endpoint,
      channel,
      matched: spoken.has(topic) ? [topic] : [],
      saw: false,
      reach: only.entry,
    };
  }
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

type Head = { source: Source; page: Mention[]; at: number };

/**
 * Members in the order of endpoint keys, every endpoint once with all its mentions, as many at a time as the pages that were read
 * hold: a promise for each of ten thousand members costs as much as reading them.
 */
export async function* audience(sources: Source[], topics: string[]): AsyncGenerator<Member[], undefined> {
  const spoken = new Set(topics);
  let heads: Head[] = sources.map((source) => ({ source, page: [], at: 0 }));
  let endpoint: string | undefined;
  let mentions: Mention[] = [];
  for (;;) {
    await Promise.all(heads.filter(isRead).map(turnPage));
    heads = heads.filter((head) => !isRead(head));
    const members: Member[] = [];
    for (;;) {
      endpoint ??= leastOf(heads);
      // A page that ends here may go on with the same endpoint.
      if (endpoint === undefined || (gather(heads, endpoint, mentions) && heads.length > 0)) break;
      const member = memberOf(mentions, spoken);
      if (member) members.push(member);
      endpoint = undefined;
      mentions = [];
    }
    if (members.length > 0) yield members;
    if (heads.length === 0) return;
  }
}

const isRead = ({ page, at }: Head): boolean => at >= page.length;

async function turnPage(head: Head): Promise<void> {
  head.page = (await nextPage(head.source)) ?? [];
  head.at = 0;
}

function leastOf(heads: Head[]): string | undefined {
  let least: string | undefined;
  for (const { page, at } of heads) {
    const endpoint = page[at]?.endpoint;
    if (endpoint !== undefined && (least === undefined || endpoint < least)) least = endpoint;
  }
  return least;
}

/** Moves what mentions this endpoint; answers whether a page was read to its end. */
function gather(heads: Head[], endpoint: string, mentions: Mention[]): boolean {
  let ended = false;
  for (const head of heads) {
    for (let mention = head.page[head.at]; mention?.endpoint === endpoint; mention = head.page[++head.at])
      mentions.push(mention);
    ended ||= isRead(head);
  }
  return ended;
}

/** Members of an audience, window after window. */
export type Members = {
  /** Takes those that `fits` while `wanted` says that there are not enough. `ended`: there are no more. */
  take(
    wanted: (taken: Member[]) => boolean,
    fits: (member: Member) => boolean,
  ): Promise<{ members: Member[]; ended: boolean }>;
};

export function membersIn(batches: AsyncGenerator<Member[], undefined>): Members {
  let ahead: Member[] = [];
  let at = 0;
  return {
    take: async (wanted, fits) => {
      const members: Member[] = [];
      while (wanted(members)) {
        const member = ahead[at++];
        if (!member) {
          const { value, done } = await batches.next();
          if (done) return { members, ended: true };
          ahead = value;
          at = 0;
        } else if (fits(member)) members.push(member);
      }
      return { members, ended: false };
    },
  };
}
