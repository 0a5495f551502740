import type { ChannelName, Settings } from "./channel.ts";
import type { SettingsReader } from "./channel-settings.ts";

const JUST_NOW_MS = 1000;

/**
 * What a channel makes of its settings. Where it can make nothing of those it remembers they are read again: they may have
 * been entered a moment ago, and whoever did so tries them at once.
 */
export async function settingsInUse<Used>(
  settings: SettingsReader,
  channel: ChannelName,
  use: (settings: Settings | undefined) => Used | undefined,
): Promise<Used | undefined> {
  const used = use((await settings(channel))?.settings);
  return used === undefined ? use((await settings(channel, JUST_NOW_MS))?.settings) : used;
}
