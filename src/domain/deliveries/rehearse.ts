import type { Reach } from "#src/domain/subscriptions/reach.ts";
import type { Table } from "#src/platform/table.ts";
import { audience, topicSource } from "./audience.ts";
import type { Channel, ChannelName, Limits } from "./channel.ts";
import { END, place } from "./hash-space.ts";
import { breaksIn, heldUntil } from "./hold.ts";

export type Rehearsed = {
  /** True when the audience was too large to count to the end; then it is computed from the part that was. */
  estimated: boolean;
  channels: Record<string, { endpoints: number; held: number; drainSeconds: number; quotaLeft: number | null }>;
};

const COUNTED = 20_000;
// What an answer of a receiver usually takes, where the channel has no rate of its own.
const ANSWER_SECONDS = 0.3;

/** Who would get a text on these topics now, and how long that takes at each channel's own limit. Sends nothing. */
export async function rehearse(
  deps: { table: Table; channels: Record<ChannelName, Channel>; now: () => Date },
  topics: string[],
  text: { mayBreakQuietHours: boolean; content: { urgency: string } },
): Promise<Rehearsed> {
  const now = deps.now();
  const counts: Record<string, { endpoints: number; held: number }> = {};
  let counted = 0;
  let last = END;
  const sources = topics.map((topic) => topicSource(deps.table, topic, "", END));
  for await (const { channel, endpoint, reach } of audience(sources, topics)) {
    counts[channel] ??= { endpoints: 0, held: 0 };
    counts[channel].endpoints++;
    if (reach && isHeld(reach, text, now)) counts[channel].held++;
    if (++counted < COUNTED) continue;
    last = endpoint;
    break;
  }
  const scale = 1 / Math.max(place(last), 1e-6);
  const channels: Rehearsed["channels"] = {};
  for (const [name, { endpoints, held }] of Object.entries(counts)) {
    const whole = Math.round(endpoints * scale);
    const channel = deps.channels[name as ChannelName];
    if (!channel) continue;
    channels[name] = {
      endpoints: whole,
      held: Math.round(held * scale),
      drainSeconds: drainSeconds(channel.limits, whole),
      quotaLeft: null,
    };
  }
  return { estimated: last !== END, channels };
}

function isHeld({ frequency, quietHours }: Reach, text: Parameters<typeof heldUntil>[1], now: Date): boolean {
  if (frequency !== "now") return !breaksIn(text);
  return heldUntil(quietHours ? { quietHours } : {}, text, now) !== undefined;
}

/** Endpoints of one channel share its credential in the worst case; of several windows the slowest counts. */
export function drainSeconds(limits: Limits, endpoints: number): number {
  const { windows = [], inFlight } = limits;
  const inParallel = (endpoints / inFlight) * ANSWER_SECONDS;
  const atTheLimit = windows.map(({ seconds, count }) => ((endpoints - count) / count) * seconds);
  return Math.ceil(Math.max(inParallel, ...atTheLimit));
}
