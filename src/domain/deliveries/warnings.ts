import { topicsOf } from "#src/domain/announcements/announcement.ts";
import type { Manuscript } from "#src/domain/announcements/draft.ts";
import { shanghaiMinute } from "#src/domain/calendar/dates.ts";
import { readEntry, type TopicEntry } from "#src/domain/subscriptions/entry.ts";
import type { InputError } from "#src/errors.ts";
import type { Log } from "#src/log.ts";
import { keys } from "#src/platform/keys.ts";
import type { Table } from "#src/platform/table.ts";
import type { Language } from "#src/text.ts";
import { CHANNELS, type Channel, type ChannelName, type Links } from "./channel.ts";
import { isSetUp, readSetup } from "./channel-settings.ts";
import { addLoad, type Forecast, forecast, type Load } from "./forecast.ts";
import { asRevision, shownTexts } from "./shown-text.ts";

export type Warning = InputError & { channel: ChannelName };

export type WarningDeps = {
  table: Table;
  channels: Record<ChannelName, Channel>;
  links: Links;
  now: () => Date;
  log: Log;
};

// Endpoint keys are hashes: the first ones of a few shards are a fair sample of many. Few are read to the last one, or a
// channel that only one of them uses would be missed.
const SHARDS_READ = 4;
const ENTRIES_READ = 50;
const ENOUGH = 100;

/**
 * What a writer should know before the text goes further, from the channels that somebody uses for it or that are set up:
 * what will be cut, what a vendor's quota has no room for, what is switched off. Reads a sample, never the whole audience.
 */
export async function warningsOf(deps: WarningDeps, manuscript: Manuscript): Promise<Warning[]> {
  const topics = topicsOf({ content: manuscript.content, audience: manuscript.announcement.audience });
  const entries = (await Promise.all(topics.map((topic) => sampled(deps.table, topic)))).flat();
  const revision = asRevision(manuscript, deps.now());
  const found = await Promise.all(
    CHANNELS.map(async (name): Promise<Warning[]> => {
      const channel = deps.channels[name];
      const users = entries.filter((entry) => entry.channel === name);
      try {
        const known = users.length > 0 ? await stateOf(deps, channel, users) : undefined;
        if (!known && !(await isChosen(deps.table, channel))) return [];
        const languages = new Set<Language>(users.map(({ language }) => language));
        if (languages.size === 0) languages.add(revision.content.language);
        const texts = await shownTexts(channel, revision, languages, deps.links);
        const faults = texts.flatMap((text) => text.faults);
        return [...(known ? troubles(known) : []), ...distinct(faults)].map((one) => ({ channel: name, ...one }));
      } catch (error) {
        // A text that a channel cannot show must not keep anybody from writing it.
        deps.log.error("preview-failed", { channel: name, detail: String(error).slice(0, 200) });
        return [];
      }
    }),
  );
  return found.flat();
}

async function sampled(table: Table, topic: string): Promise<TopicEntry[]> {
  const { items } = await table.query({ pk: keys.topicPresence(topic, "-").pk, limit: 64 });
  const found: TopicEntry[] = [];
  for (let from = 0; from < items.length && found.length < ENOUGH; from += SHARDS_READ) {
    const shards = items.slice(from, from + SHARDS_READ);
    const pages = await Promise.all(
      shards.map(({ sk }) => table.query({ pk: keys.topicShard(topic, sk), limit: ENTRIES_READ })),
    );
    found.push(...pages.flatMap((page) => page.items.flatMap((item) => readEntry(topic, item) ?? [])));
  }
  return found;
}

async function stateOf(deps: WarningDeps, channel: Channel, users: TopicEntry[]): Promise<Forecast> {
  const load: Load = new Map();
  for (const { endpoint, address } of users) addLoad(load, channel, endpoint, address);
  return forecast(deps, channel, load, 1);
}

/** Somebody entered what the channel needs, so it is meant to be used. */
async function isChosen(table: Table, channel: Channel): Promise<boolean> {
  if (!channel.settings?.some(({ required }) => required)) return false;
  return isSetUp(channel, (await readSetup(table, channel.name))?.settings);
}

function troubles({ ready, paused, quotaLeft, quotaResetsAt = "" }: Forecast): InputError[] {
  const found: InputError[] = [];
  if (!ready) found.push({ pointer: "", code: "CHANNEL_NOT_SET_UP", detail: NOT_SET_UP });
  if (paused && paused.because !== "quota") {
    const at = shanghaiMinute(new Date(paused.until));
    const detail = { zh: `该渠道已暂停，${at}起再试`, en: `this channel is paused, next try at ${at} (Shanghai)` };
    found.push({ pointer: "", code: "CHANNEL_PAUSED", detail });
  }
  if (quotaLeft === 0 || paused?.because === "quota") {
    const at = shanghaiMinute(new Date(paused?.because === "quota" ? paused.until : quotaResetsAt));
    const detail = {
      zh: `该渠道配额已用完，最早${at}可发`,
      en: `the quota is used up, the next free slot is ${at} (Shanghai)`,
    };
    found.push({ pointer: "", code: "CHANNEL_QUOTA", detail });
  }
  return found;
}

/** Two languages cut the same title for the same reason. */
function distinct(faults: InputError[]): InputError[] {
  return [...new Map(faults.map((one) => [`${one.pointer} ${one.code}`, one])).values()];
}

const NOT_SET_UP = {
  zh: "已有接收端，但该渠道尚未设置完成",
  en: "there are receivers, but this channel is not set up completely",
};
