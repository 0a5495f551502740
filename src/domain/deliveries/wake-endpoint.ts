import { queueQuestion } from "#src/domain/subscriptions/ask-endpoint.ts";
import type { SecretWord } from "#src/domain/subscriptions/secret-feed.ts";
import { subscriptionItem, subscriptionsOf } from "#src/domain/subscriptions/store.ts";
import type { Channel, ChannelName } from "./channel.ts";
import { isStoppedForSetup, liftPause } from "./lift-pause.ts";
import type { WakeEndpointMessage } from "./message.ts";
import { type QueueRowsDeps, queueRows } from "./queue-rows.ts";
import { Delivery, DUE_PARTITIONS, duePartition } from "./store.ts";

const LOOKED_AT_ONCE = 250;
const LOOK_MS = 60_000;
/** Looked for again so much later: a worker that was given a turn behind the stop stores that within seconds, or when its chunk closes. */
const AGAIN_SECONDS = [5, 75];

/**
 * An endpoint's secret was named anew: the stop of its credential ends, what waits for it is queued now, and who was asked in
 * vain whether it wants it is asked again. Told of confirmed subscriptions only: nobody else may have the vendor tried again. Each
 * credential with secrets of its own (a group's robot) is one endpoint's.
 */
export async function secretCorrected(deps: QueueRowsDeps, { channel: name, endpoint }: SecretWord): Promise<void> {
  const channel: Channel | undefined = deps.channels[name as ChannelName];
  const open = await subscriptionsOf(deps.table, endpoint);
  const address = open[0]?.address;
  if (!channel?.credential || address === undefined) return;
  const lifted = await liftPause(deps, channel, address);
  const body: WakeEndpointMessage = { kind: "wake-endpoint", channel: name, endpoint, times: 0 };
  await deps.queue("fanout").send([{ body }]);
  for (const one of open) if (lifted && one.status === "pending") await queueQuestion(deps, subscriptionItem(one));
}

/** One step of it. May run twice: who was woken waits for nothing any more. A correction that was none ends it. */
export async function wakeEndpoint(deps: QueueRowsDeps, message: WakeEndpointMessage): Promise<void> {
  const channel = deps.channels[message.channel as ChannelName];
  const { endpoint, times } = message;
  const [known] = times > 0 ? await subscriptionsOf(deps.table, endpoint) : [];
  if (known && (await isStoppedForSetup(deps.table, channel, known.address))) return;
  const { items, next } = await deps.table.queryIndex({
    pk: duePartition(endpoint.charCodeAt(0) % DUE_PARTITIONS),
    limit: LOOKED_AT_ONCE,
    ...(message.after === undefined ? {} : { after: message.after }),
  });
  const now = deps.now();
  const rows = items
    .filter((item) => item["endpoint"] === endpoint)
    .map((item) => Delivery().parse(item))
    .filter(({ state, waitsFor }) => state === "waiting" && waitsFor === "configuration")
    .filter(({ dueAt = "" }) => Date.parse(dueAt) > now.getTime());
  // Without a turn that was promised behind the stop.
  const due = rows.map(({ waitsFor: _, ...row }) => ({ ...row, dueAt: now.toISOString() }));
  await queueRows(deps, due, LOOK_MS);
  const { after: _, ...first } = message;
  if (next !== undefined) return deps.queue("fanout").send([{ body: { ...first, after: next } }]);
  const delaySeconds = AGAIN_SECONDS[times];
  if (delaySeconds === undefined) return;
  await deps.queue("fanout").send([{ body: { ...first, times: times + 1 }, delaySeconds }]);
}
