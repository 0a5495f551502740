import type { Revision } from "#src/domain/announcements/announcement.ts";
import { DEFAULT_COLUMNS } from "#src/domain/announcements/column.ts";
import { contentHash } from "#src/domain/announcements/content-hash.ts";
import type { Manuscript } from "#src/domain/announcements/draft.ts";
import { revisionItem } from "#src/domain/announcements/store.ts";
import {
  CHANNELS,
  type Channel,
  type ChannelName,
  type Digest,
  type Links,
  type Outcome,
  type Push,
} from "#src/domain/deliveries/channel.ts";
import { readSetup } from "#src/domain/deliveries/channel-settings.ts";
import { deliveryHandlers } from "#src/domain/deliveries/handlers.ts";
import { endpointKey } from "#src/domain/subscriptions/endpoint.ts";
import { entryItems, fallbackItems, presenceItems } from "#src/domain/subscriptions/entry.ts";
import { pointerItem, subscriptionItem } from "#src/domain/subscriptions/store.ts";
import type { Subscription } from "#src/domain/subscriptions/subscription.ts";
import { derivedId, randomIds } from "#src/ids.ts";
import { silentLog } from "#src/log.ts";
import { embeddedPlatform } from "#src/platform/embedded/platform.ts";
import { QUEUES, type Queue, type QueueName } from "#src/platform/queue.ts";
import type { Table } from "#src/platform/table.ts";

/** `items`: of a digest, `<announcement id>.<revision>` in the order of its text. */
export type Seen = Push & { at: number; revision: number; items?: string[] };

export type Script = (push: Seen) => Outcome | Promise<Outcome>;

/** A channel that answers as the script says and remembers what it was given: a real one, without a network. */
export function scriptedChannel(
  name: ChannelName,
  now: () => Date,
  options: Partial<Channel> = {},
): Channel & { seen: Seen[]; answer: (script: Script) => void } {
  const seen: Seen[] = [];
  let script: Script = () => ({ kind: "delivered", status: 200 });
  const channel: Channel = {
    name,
    guarantee: name === "webhook" ? "at-least-once" : "at-most-once",
    limits: {
      inFlight: 64,
      inFlightPerOrigin: 64,
      bytes: 20_000,
      chunk: name === "webhook" ? 100 : 20,
      seconds: { connect: 5, answer: 15, total: 20 },
    },
    queue: `deliver-${name}`,
    ...(name === "webhook" ? { lateQueue: "deliver-late" } : {}),
    retrySeconds: [5, 300, 1800, 7200, 18_000, 36_000, 36_000],
    retriesUnknown: false,
    confirms: name === "wechaty" ? "code" : "echo",
    address: async (address) => ({ address }),
    confirm: async () => "confirmed",
    render: (revision) => revision,
    renderDigest: (digest) => digest,
    preview: ({ content }) => ({ text: content.title, bytes: content.title.length, limit: 20_000, faults: [] }),
    push: async (rendered, push) => {
      const text = rendered as Revision | Digest;
      const one: Seen = { ...push, at: now().getTime(), revision: "revision" in text ? text.revision : 0 };
      if ("revisions" in text) one.items = text.revisions.map((item) => `${item.announcementId}.${item.revision}`);
      seen.push(one);
      return script(one);
    },
    close: async () => {},
    ...options,
  };
  return Object.assign(channel, {
    seen,
    answer: (next: Script) => {
      script = next;
    },
  });
}

export const testLinks: Links = {
  announcement: (id) => `https://example.org/announcements/${id}`,
  confirm: (id, challenge) => `https://example.org/confirm?s=${id}&c=${challenge}`,
  source: "https://example.org",
};

export type Ports = {
  table: Table;
  queue: (name: QueueName) => Queue;
  channels: Record<ChannelName, Channel>;
};

/** A message by which deliveries are tried again: on which queue, and for whom. */
export type Retried = { queue: QueueName; endpoints: string[] };

/** Ports that note each of those as it is queued. */
export const notingRetries =
  (noted: Retried[]) =>
  (ports: Ports): Ports => ({
    ...ports,
    queue: (name) => ({
      ...ports.queue(name),
      send: async (messages) => {
        for (const { body } of messages) {
          const { kind, endpoints = [] } = body as { kind?: string; endpoints?: string[] };
          if (kind === "retry") noted.push({ queue: name, endpoints });
        }
        await ports.queue(name).send(messages);
      },
    }),
  });

export type World = ReturnType<typeof pushWorld>;

/** Everything that pushes, on a clock that the test moves, with queues that the test empties. */
export function pushWorld(
  options: {
    /** Called for every process that is started, with the ports it would get. */
    wrap?: (ports: Ports) => Ports;
    /** One process on one folder, with a clock that nobody sets; else functions, whose queues alone have such a clock. */
    house?: boolean;
  } & Partial<Record<ChannelName, Partial<Channel>>> = {},
) {
  let clock = Date.parse("2026-03-02T02:00:00Z"); // a Monday, 10:00 in Shanghai
  let set = 0;
  const now = () => new Date(clock + set);
  const steady = () => clock;
  const platform = embeddedPlatform({ data: ":memory:", now, steady, log: silentLog });
  const channels = Object.fromEntries(
    CHANNELS.map((name) => [name, scriptedChannel(name, now, options[name])]),
  ) as Record<ChannelName, ReturnType<typeof scriptedChannel>>;
  const plain: Ports = { table: platform.table, queue: platform.queue, channels };
  let houses = 0;
  const start = () => ({
    ...(options.wrap?.(plain) ?? plain),
    now,
    ...(options.house ? { steady, onlyHost: `house${++houses}` } : {}),
    newId: randomIds(now),
    log: silentLog,
    links: testLinks,
    settings: (channel: ChannelName) => readSetup(platform.table, channel),
    // The clock stands still while a push runs: whoever has to wait does so in a row.
    patienceMs: 0,
  });
  const deps = start();
  let handlers = deliveryHandlers(deps);
  const handlerOf = (name: QueueName) => {
    if (name === "fanout" || name === "urgent") return handlers[name];
    if (name === "deliver-late") return handlers.late;
    return handlers.deliver(name.slice("deliver-".length) as ChannelName);
  };
  const pass = (seconds: number) => {
    clock += seconds * 1000;
  };
  /** Somebody sets the machine's clock. */
  const jump = (seconds: number) => {
    set += seconds * 1000;
  };
  /** One round over all queues; the number of messages taken. */
  const round = async (): Promise<number> => {
    let taken = 0;
    for (const name of Object.keys(QUEUES) as QueueName[]) {
      const source = platform.queue(name);
      const messages = await source.receive({ max: 10, waitSeconds: 0, visibleAfterSeconds: 30 });
      if (messages.length === 0) continue;
      taken += messages.length;
      const { failed } = await handlerOf(name)(messages);
      await source.done(messages.filter(({ id }) => !failed.includes(id)).map(({ receipt }) => receipt));
    }
    return taken;
  };
  /** Works until nothing is left that is due now. */
  const drain = async (): Promise<void> => {
    while ((await round()) > 0);
  };
  return {
    platform,
    deps,
    channels,
    now,
    pass,
    jump,
    round,
    drain,
    handlerOf,
    handlers: () => handlers,
    handlerDeps: start,
    /** A process that was killed starts again: nothing in memory, the same store. */
    restart: () => {
      handlers = deliveryHandlers(start());
    },
    /** Lets time pass in steps, with a sweep a minute. */
    live: async (seconds: number, step = 1): Promise<void> => {
      for (let passed = 0; passed < seconds; passed += step) {
        const minute = Math.floor(clock / 60_000);
        pass(step);
        if (Math.floor(clock / 60_000) !== minute) await handlers.sweep();
        await drain();
      }
    },
    publish: async (more: MoreRevision = {}): Promise<Revision> => {
      const revision = revisionOf(now(), more);
      await platform.table.write([{ put: revisionItem(revision) }]);
      await handlers.planFanout(revision);
      return revision;
    },
    subscribe: (address: string, more: Partial<Subscription> = {}) => confirmed(platform.table, address, more),
  };
}

export type MoreRevision = Partial<Omit<Revision, "content">> & { content?: Partial<Revision["content"]> };

export function revisionOf(now: Date, more: MoreRevision): Revision {
  return {
    announcementId: "ann_00000000000000000000000001",
    revision: 1,
    kind: "published",
    contentHash: "0".repeat(64),
    unitName: "某县互联网信息中心",
    columnName: "通知公告",
    columnKind: "notice",
    mayBreakQuietHours: false,
    audience: { kind: "public" },
    publishedAt: now.toISOString(),
    firstPublishedAt: now.toISOString(),
    ...more,
    content: {
      title: "停水通知",
      body: "周三停水。",
      column: "notices",
      unitId: "center",
      tags: [],
      urgency: "routine",
      language: "zh-CN",
      ...more.content,
    },
  };
}

/** Puts a confirmed subscription straight into the store. */
export async function confirmed(
  table: Table,
  address: string,
  more: Partial<Subscription> = {},
): Promise<Subscription> {
  const channel = more.channel ?? "webhook";
  const topics = more.topics ?? ["column:notices"];
  const subscription: Subscription = {
    id: derivedId("sub", channel, address, JSON.stringify(topics)),
    channel,
    address,
    endpoint: endpointKey(channel, address),
    topics,
    frequency: "now",
    language: "zh-CN",
    status: "confirmed",
    secrets: ["c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LXNlY3JldA=="],
    requestedAt: "2026-03-01T00:00:00.000Z",
    version: 1,
    ...more,
  };
  await table.putAll([
    subscriptionItem(subscription),
    pointerItem(subscription),
    ...entryItems(subscription),
    ...fallbackItems(subscription),
    ...presenceItems(subscription),
  ]);
  return subscription;
}

/** A draft of the same text. */
export function manuscript(title = "停水通知"): Manuscript {
  const { content, audience } = revisionOf(new Date("2026-03-02T02:00:00Z"), { content: { title } });
  const hash = contentHash(content);
  const at = "2026-03-02T02:00:00.000Z";
  const column = DEFAULT_COLUMNS.find(({ slug }) => slug === "notices");
  if (!column) throw new Error("no column");
  return {
    announcement: {
      ...{ id: "ann_00000000000000000000000001", version: 1, unitId: "center", audience, state: "draft", revision: 0 },
      ...{ createdAt: at, updatedAt: at },
    },
    ...{ content, contentHash: hash, column, unitName: "某县互联网信息中心" },
  };
}
