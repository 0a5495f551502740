import type { ChannelName } from "./channel.ts";
import { FRESH_MS, readSetup } from "./channel-settings.ts";
import type { TurnsMessage, WakeMessage } from "./message.ts";
import { type QueueRowsDeps, queueRows } from "./queue-rows.ts";
import type { SetupWord } from "./setup-feed.ts";
import { Delivery, DUE_PARTITIONS, duePartition } from "./store.ts";

const LOOKED_AT_ONCE = 250;
const LOOKS_A_RUN = 10;
const LOOK_MS = 60_000;
// Once every worker reads the new settings.
const FIRST_SECONDS = FRESH_MS / 1000 + 2;
// Who pushed with the old ones until then has stored that, and the index shows it: an open chunk and one push more.
const AGAIN_SECONDS = 75;

/**
 * Has everything tried again that waits because of a channel's settings as they were: `word` tells that they have changed. Who
 * waits for a turn is told at once: whoever asks for one goes by the newest settings that anybody has asked by.
 */
export async function queueWaking(deps: Pick<QueueRowsDeps, "queue">, word: SetupWord): Promise<void> {
  const { channel, setup } = word;
  const body: WakeMessage = { kind: "wake", channel, setup, partition: 0 };
  const turns: TurnsMessage = { kind: "turns", channel, setup };
  await deps.queue("fanout").send([...(word.paced ? [{ body: turns }] : []), { body, delaySeconds: FIRST_SECONDS }]);
}

/**
 * One step of it: wakes some, then a message a second later for the rest, so that they reach the pace of their credential one
 * after the other, as if they were new. May run twice: who was woken waits for no setting any more.
 */
export async function wakeWaiting(deps: QueueRowsDeps, message: WakeMessage): Promise<void> {
  const setup = await readSetup(deps.table, message.channel as ChannelName);
  // What changed again has a word of its own on the way.
  if ((setup?.version ?? 0) > message.setup) return;
  let at: WakeMessage | undefined = message;
  let woken = 0;
  for (let looks = 0; at && woken === 0 && looks < LOOKS_A_RUN; looks++) {
    const { items, next } = await deps.table.queryIndex({
      pk: duePartition(at.partition),
      limit: LOOKED_AT_ONCE,
      ...(at.after === undefined ? {} : { after: at.after }),
    });
    const now = deps.now();
    const rows = items
      .map((item) => Delivery().parse(item))
      .filter(
        ({ ref, state, waitsFor }) =>
          ref.channel === message.channel && state === "waiting" && waitsFor === "configuration",
      )
      .filter(({ dueAt = "" }) => Date.parse(dueAt) > now.getTime());
    // Without a turn that was promised under the old settings.
    const due = rows.map(({ waitsFor: _, ...row }) => ({ ...row, dueAt: now.toISOString() }));
    woken = await queueRows(deps, due, LOOK_MS);
    at = nextPlace(at, next);
  }
  if (at) return deps.queue("fanout").send([{ body: at, ...(woken > 0 ? { delaySeconds: 1 } : {}) }]);
  if (message.again) return;
  const { channel } = message;
  const again: WakeMessage = { kind: "wake", channel, setup: message.setup, partition: 0, again: true };
  await deps.queue("fanout").send([{ body: again, delaySeconds: AGAIN_SECONDS }]);
}

function nextPlace({ after: _, ...at }: WakeMessage, next: string | undefined): WakeMessage | undefined {
  if (next !== undefined) return { ...at, after: next };
  return at.partition + 1 < DUE_PARTITIONS ? { ...at, partition: at.partition + 1 } : undefined;
}
