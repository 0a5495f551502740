import { z } from "zod";
import { keys } from "#src/platform/keys.ts";
import type { Item, Write } from "#src/platform/table.ts";
import { schema } from "#src/schema.ts";

/** The value of `feed` on the word that a channel's settings have changed. */
export const SETUP_FEED = "channel-setup";

const SetupWord = schema(() =>
  z.object({ channel: z.string(), setup: z.number(), paced: z.literal(true).exactOptional() }),
);
/** `setup`: the version of the settings that it tells of; `paced`: other windows or quotas hold with it. */
export type SetupWord = z.infer<ReturnType<typeof SetupWord>>;

/** Written together with the settings. An item of its own: settings are secrets, and what the feed tells may end among dead letters. */
export function setupWordWrite(channel: string, setup: number, paced = false): Write {
  return { put: { ...keys.setupWord(channel), channel, setup, ...(paced ? { paced } : {}), feed: SETUP_FEED } };
}

export function parseSetupWord(item: Item): SetupWord {
  return SetupWord().parse(item);
}
