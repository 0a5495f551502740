import type { Reach } from "#src/domain/subscriptions/reach.ts";
import type { Table } from "#src/platform/table.ts";
import type { Language } from "#src/text.ts";
import { audience, topicSource } from "./audience.ts";
import { canaryEndpoints } from "./canary.ts";
import type { Channel, ChannelName } from "./channel.ts";
import { addLoad, type Forecast, forecast, type Load } from "./forecast.ts";
import { END, place } from "./hash-space.ts";
import { breaksIn, heldUntil } from "./hold.ts";

export type Rehearsed = {
  /** True when the audience was too large to count to the end; then it is computed from the part that was. */
  estimated: boolean;
  channels: Record<string, RehearsedChannel>;
};

/** `canaries`: endpoints of the operator's own, which take their turn like all others and are no readers: not in `endpoints`. */
export type RehearsedChannel = Forecast & { endpoints: number; canaries: number; held: number; languages: Language[] };

const COUNTED = 20_000;

type Counted = { endpoints: number; canaries: number; held: number; languages: Set<Language>; load: Load };

/** Who would get a text on these topics now, and how long that takes at each channel's pace as it is now. Sends nothing. */
export async function rehearse(
  deps: { table: Table; channels: Record<ChannelName, Channel>; now: () => Date },
  topics: string[],
  text: { mayBreakQuietHours: boolean; content: { urgency: string } },
): Promise<Rehearsed> {
  const now = deps.now();
  const counts: Record<string, Counted> = {};
  const canaries = await canaryEndpoints(deps);
  let counted = 0;
  let last = END;
  const sources = topics.map((topic) => topicSource(deps.table, topic, "", END));
  counting: for await (const members of audience(sources, topics))
    for (const { channel, endpoint, reach } of members) {
      counts[channel] ??= { endpoints: 0, canaries: 0, held: 0, languages: new Set(), load: new Map() };
      const known = counts[channel];
      const found = deps.channels[channel as ChannelName];
      const isReader = !canaries.has(endpoint);
      if (isReader) known.endpoints++;
      else known.canaries++;
      if (reach) known.languages.add(reach.language);
      if (reach && isHeld(reach, text, now)) known.held += isReader ? 1 : 0;
      else if (reach && found) addLoad(known.load, found, endpoint, reach.address);
      if (++counted < COUNTED) continue;
      last = endpoint;
      break counting;
    }
  const scale = 1 / Math.max(place(last), 1e-6);
  const channels: Rehearsed["channels"] = {};
  for (const [name, { endpoints, canaries, held, languages, load }] of Object.entries(counts)) {
    const channel = deps.channels[name as ChannelName];
    if (!channel) continue;
    channels[name] = {
      endpoints: Math.round(endpoints * scale),
      canaries,
      held: Math.round(held * scale),
      languages: [...languages],
      ...(await forecast(deps, channel, load, scale)),
    };
  }
  return { estimated: last !== END, channels };
}

function isHeld({ frequency, quietHours }: Reach, text: Parameters<typeof heldUntil>[1], now: Date): boolean {
  if (frequency !== "now") return !breaksIn(text);
  return heldUntil(quietHours ? { quietHours } : {}, text, now) !== undefined;
}
