// The real engine over `:memory:` ports that count what AWS would bill; only what leaves for the receivers is scripted.
import { makeChannels } from "#src/channels/index.ts";
import type { Channel, ChannelName, Outcome } from "#src/domain/deliveries/channel.ts";
import { ledger } from "#src/domain/deliveries/ledger.ts";
import { endpointKey } from "#src/domain/subscriptions/endpoint.ts";
import type { Subscription } from "#src/domain/subscriptions/subscription.ts";
import { sha256 } from "#src/ids.ts";
import { silentLog } from "#src/log.ts";
import { keys } from "#src/platform/keys.ts";
import { type Counts, meter, type Use } from "#src/platform/meter.ts";
import { QUEUES, type QueueName } from "#src/platform/queue.ts";
import { pushWorld, type Seen, testLinks, type World } from "#tests/units/push-world.ts";

/** One way to be pushed to, with the limits, chunks and promises of the real channel. */
export type Kind = {
  what: string;
  channel: ChannelName;
  address: (i: number) => string;
  subscription?: Partial<Subscription>;
  outcome?: (push: Seen) => Outcome;
  /** Which endpoints failed before. */
  failing?: (address: string) => boolean;
  /** A provider's receipt follows for each. */
  receipts?: true;
  /** Announcements before the one message that is counted. */
  announcements?: number;
};

const DELIVERED: Outcome = { kind: "delivered", status: 200 };
const hook = (i: number) => `https://receiver-${i}.example.org/hooks/announcements`;
const uuid = (i: number) => sha256(`robot ${i}`).replace(/^(.{8})(.{4})(.{4})(.{4})(.{12}).*/, "$1-$2-$3-$4-$5");
const share = (address: string, percent: number) => Number.parseInt(sha256(address).slice(0, 8), 16) % 100 < percent;

export const KINDS: Kind[] = [
  { what: "webhook", channel: "webhook", address: hook },
  {
    what: "webhook, 10 % answer 503 once",
    channel: "webhook",
    address: hook,
    outcome: ({ attempt, target }) =>
      attempt === 1 && share(target.address, 10) ? { kind: "retry", status: 503, detail: "busy" } : DELIVERED,
  },
  {
    what: "webhook, 1 % failed before",
    channel: "webhook",
    address: hook,
    failing: (address) => share(address, 1),
  },
  {
    what: "browser notification",
    channel: "web-push",
    address: (i) => `https://push.example.net/wpush/v2/${sha256(`browser ${i}`).repeat(2)}`,
    subscription: { secrets: [`${"B".repeat(87)}.${"a".repeat(22)}`] },
  },
  {
    what: "group robot, 20 a minute each",
    channel: "wecom-robot",
    address: (i) => `https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=${uuid(i)}`,
  },
  {
    what: "e-mail with a receipt for each",
    channel: "email",
    address: (i) => `reader-${i}@example.org`,
    outcome: ({ deliveryId }) => ({ kind: "accepted", status: 200, receipt: `mail-${deliveryId}` }),
    receipts: true,
  },
  {
    what: "webhook, a daily digest of 5",
    channel: "webhook",
    address: hook,
    subscription: { frequency: "daily" },
    announcements: 5,
  },
];

export type PerPush = Pick<Counts, "writeUnits" | "readUnits" | "queueRequests" | "invocations">;

/** What a fan-out used of one kind of partition: in all, in the partition that got most, and the largest item there. */
export type Place = {
  partitions: number;
  writeUnits: number;
  readUnits: number;
  busiest: { writeUnits: number; readUnits: number };
  largest: number;
};

export type Counted = {
  perPush: PerPush;
  places: Record<string, Place>;
  messageBytes: number;
  messages: Record<string, number>;
};

/** Fans one announcement (or one digest) out to so many endpoints, hands the messages over as AWS would, and counts until the ledger is closed. */
export async function countPushes(kind: Kind, endpoints: number): Promise<Counted> {
  const uses = new Map<string, { writeUnits: number; readUnits: number; largest: number }>();
  const tell = (use: Use): void => {
    const name = `${use.index ? "index " : ""}${use.pk}`;
    const known = uses.get(name) ?? { writeUnits: 0, readUnits: 0, largest: 0 };
    known.writeUnits += use.writeUnits;
    known.readUnits += use.readUnits;
    if (use.writeUnits > 0) known.largest = Math.max(known.largest, use.bytes);
    uses.set(name, known);
  };
  const { counts, reset, ...wrap } = meter(tell);
  const messages: Record<string, number> = {};
  let messageBytes = 0;
  const world = pushWorld({
    ...realChannels(),
    wrap: ({ table, queue, channels }) => ({
      table: wrap.table(table),
      queue: (name) => {
        const inner = wrap.queue(queue(name));
        return {
          ...inner,
          send: (list) => {
            messages[name] = (messages[name] ?? 0) + list.length;
            for (const { body } of list) messageBytes = Math.max(messageBytes, JSON.stringify(body).length);
            return inner.send(list);
          },
        };
      },
      channels,
    }),
  });
  const { outcome = () => DELIVERED } = kind;
  world.channels[kind.channel].answer(outcome);
  for (let from = 0; from < endpoints; from += 500)
    await Promise.all(
      Array.from({ length: Math.min(500, endpoints - from) }, (_, i) =>
        world.subscribe(kind.address(from + i), { channel: kind.channel, ...kind.subscription }),
      ),
    );
  for (let i = 0; i < endpoints; i++) {
    const address = kind.address(i);
    if (!kind.failing?.(address)) continue;
    const mark = { state: "failing", since: new Date(0).toISOString(), lasting: false, version: 1 };
    await world.platform.table.write([{ put: { ...keys.ended(endpointKey(kind.channel, address)), ...mark } }]);
  }
  reset();
  await world.handlers().sweep();
  const idle = { ...counts };
  uses.clear();
  reset();

  const ids = Array.from({ length: kind.announcements ?? 1 }, (_, n) => `ann_${String(n + 1).padStart(26, "0")}`);
  for (const announcementId of ids) {
    await world.publish({ announcementId });
    counts.invocations++; // the change feed's
    await handOver(world, counts);
  }
  if (kind.receipts)
    for (const { deliveryId } of [...world.channels[kind.channel].seen])
      await world.handlers().receipt({ channel: kind.channel, receipt: `mail-${deliveryId}`, outcome: "delivered" });
  await untilClosed(world, counts, ids, kind.announcements === undefined ? 60 : 1800, idle);
  const sent = new Set(world.channels[kind.channel].seen.map(({ target }) => target.endpoint)).size;
  if (sent !== endpoints) throw new Error(`${kind.what}: ${sent} of ${endpoints} were pushed to`);
  await world.platform.stop(0);
  return { perPush: divided(counts, endpoints), places: placesOf(uses), messageBytes, messages };
}

/** The minute's checks belong to a fan-out, what a check reads on an idle day does not. */
async function untilClosed(world: World, counts: Counts, ids: string[], step: number, idle: Counts): Promise<void> {
  for (let looks = 0; looks < 200; looks++) {
    const open = await Promise.all(ids.map((id) => ledger({ table: world.platform.table }, id, 1)));
    if (open.every((one) => one?.closed)) break;
    world.pass(step + 1);
    await world.handlers().sweep();
    counts.readUnits -= idle.readUnits;
    await handOver(world, counts);
  }
  world.pass(70);
  await world.handlers().sweep();
  counts.readUnits -= idle.readUnits;
  for (const id of ids)
    if (!(await ledger({ table: world.platform.table }, id, 1))?.closed) throw new Error(`${id} never closed`);
}

/** As AWS would: so many messages a call, an invocation each; asking a queue that stays empty is no push's price. */
async function handOver(world: World, counts: Counts): Promise<void> {
  for (let taken = 1; taken > 0; ) {
    taken = 0;
    for (const name of Object.keys(QUEUES) as QueueName[]) {
      const inner = world.platform.queue(name);
      const found = await inner.receive({ max: QUEUES[name].batch, waitSeconds: 0, visibleAfterSeconds: 360 });
      if (found.length === 0) continue;
      taken += found.length;
      counts.invocations++;
      counts.queueRequests += 1 + Math.ceil(JSON.stringify(found.map(({ body }) => body)).length / 65_536);
      const { failed } = await world.handlerOf(name)(found);
      if (failed.length > 0) throw new Error(`${name}: ${failed.length} messages failed`);
      await inner.done(found.map(({ receipt }) => receipt));
    }
  }
}

/** Limits, chunks and promises of the real channels, without their network. */
function realChannels(): Partial<Record<ChannelName, Partial<Channel>>> {
  const never = () => Promise.reject(new Error("nothing leaves here"));
  const real = makeChannels({
    ...{
      egress: { check: never } as never,
      memory: { windows: () => ({}) } as never,
      pushKey: never,
      secret: never,
      links: testLinks,
    },
    ...{ baseUrl: testLinks.source, settings: async () => undefined, now: () => new Date(0), log: silentLog },
  });
  return Object.fromEntries(
    Object.entries(real).map(([name, { guarantee, limits, retrySeconds, retriesUnknown, credential, lateQueue }]) => [
      name,
      {
        ...{ guarantee, limits, retrySeconds, retriesUnknown },
        ...(credential ? { credential } : {}),
        ...(lateQueue ? { lateQueue } : {}),
      },
    ]),
  );
}

function divided(counts: Counts, pushes: number): PerPush {
  const { writeUnits, readUnits, queueRequests, invocations } = counts;
  const each = (count: number) => Math.round((count / pushes) * 1e5) / 1e5;
  return {
    writeUnits: each(writeUnits),
    readUnits: each(readUnits),
    queueRequests: each(queueRequests),
    invocations: each(invocations),
  };
}

/** Partitions by the word that their key begins with. */
function placesOf(
  uses: Map<string, { writeUnits: number; readUnits: number; largest: number }>,
): Record<string, Place> {
  const places: Record<string, Place> = {};
  for (const [pk, use] of uses) {
    const name = pk.split("#")[0] ?? "";
    places[name] ??= {
      partitions: 0,
      writeUnits: 0,
      readUnits: 0,
      busiest: { writeUnits: 0, readUnits: 0 },
      largest: 0,
    };
    const place = places[name];
    place.partitions++;
    place.writeUnits += use.writeUnits;
    place.readUnits += use.readUnits;
    place.busiest.writeUnits = Math.max(place.busiest.writeUnits, use.writeUnits);
    place.busiest.readUnits = Math.max(place.busiest.readUnits, use.readUnits);
    place.largest = Math.max(place.largest, use.largest);
  }
  return places;
}
