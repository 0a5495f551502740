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

/**
 * `canaries`: endpoints of the operator's own, which take their turn like all others and are no readers: not in `endpoints`.
 * Of `endpoints`, `held` wait for their quiet hours or digest, and `fallbacks` stand in for a first choice that gets it as well:
 * they get it only when that one did not within its minutes. All others get it at once.
 */
export type RehearsedChannel = Forecast & {
  endpoints: number;
  canaries: number;
  held: number;
  fallbacks: number;
  languages: Language[];
};

const COUNTED = 20_000;

type Counted = Pick<RehearsedChannel, "endpoints" | "canaries" | "held" | "fallbacks"> & {
  languages: Set<Language>;
  load: Load;
};

/** One who stands in for another: whether that one gets the text is known when all are counted. */
type StandIn = { known: Counted; channel: Channel | undefined; endpoint: string; reach: Reach; first: string };

/** Who would get a text on these topics now, and how long that takes at each channel's pace as it is now. Sends nothing. */
export async function rehearse(
  deps: { table: Table; channels: Record<ChannelName, Channel>; now: () => Date },
  topics: string[],
  text: { mayBreakQuietHours: boolean; content: { urgency: string } },
): Promise<Rehearsed> {
  const now = deps.now();
  const counts: Record<string, Counted> = {};
  const canaries = await canaryEndpoints(deps);
  const met = new Set<string>();
  const standIns: StandIn[] = [];
  let last = END;
  const sources = topics.map((topic) => topicSource(deps.table, topic, "", END));
  counting: for await (const members of audience(sources, topics))
    for (const { channel, endpoint, reach } of members) {
      counts[channel] ??= blank();
      const known = counts[channel];
      const found = deps.channels[channel as ChannelName];
      const isReader = !canaries.has(endpoint);
      if (isReader) known.endpoints++;
      else known.canaries++;
      if (reach) known.languages.add(reach.language);
      if (reach && isHeld(reach, text, now)) known.held += isReader ? 1 : 0;
      else if (reach?.after) standIns.push({ known, channel: found, endpoint, reach, first: reach.after.endpoint });
      else if (reach && found) addLoad(known.load, found, endpoint, reach.address);
      met.add(endpoint);
      if (met.size < COUNTED) continue;
      last = endpoint;
      break counting;
    }
  for (const { known, channel, endpoint, reach, first } of standIns) {
    if (met.has(first) || first > last) known.fallbacks += canaries.has(endpoint) ? 0 : 1;
    else if (channel) addLoad(known.load, channel, endpoint, reach.address);
  }
  const scale = 1 / Math.max(place(last), 1e-6);
  const channels: Rehearsed["channels"] = {};
  for (const [name, { endpoints, canaries, held, fallbacks, languages, load }] of Object.entries(counts)) {
    const channel = deps.channels[name as ChannelName];
    if (!channel) continue;
    channels[name] = {
      endpoints: Math.round(endpoints * scale),
      canaries,
      held: Math.round(held * scale),
      fallbacks: Math.round(fallbacks * scale),
      languages: [...languages],
      ...(await forecast(deps, channel, load, scale)),
    };
  }
  return { estimated: last !== END, channels };
}

function blank(): Counted {
  return { endpoints: 0, canaries: 0, held: 0, fallbacks: 0, languages: new Set(), load: new Map() };
}

function isHeld({ frequency, quietHours }: Reach, text: Parameters<typeof heldUntil>[1], now: Date): boolean {
  if (frequency !== "now") return !breaksIn(text);
  return heldUntil(quietHours ? { quietHours } : {}, text, now) !== undefined;
}
