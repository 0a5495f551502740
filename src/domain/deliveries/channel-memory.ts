import type { Table } from "#src/platform/table.ts";
import type { ChannelName } from "./channel.ts";
import { type PushSteps, pushSteps } from "./push-steps.ts";
import { type ReplyWindows, replyWindows, type WindowRule } from "./reply-window.ts";
import { type SharedTokens, sharedTokens } from "./shared-token.ts";

/** What channels keep in the table, which they do not know: all workers and processes see the same. */
export type ChannelMemory = {
  tokens: SharedTokens;
  steps: PushSteps;
  windows(channel: ChannelName, rule: WindowRule): ReplyWindows;
};

/** Make it once per process: tokens are remembered here, too. */
export function channelMemory(deps: { table: Table; now: () => Date }): ChannelMemory {
  return {
    tokens: sharedTokens(deps),
    steps: pushSteps(deps),
    windows: (channel, rule) => replyWindows(deps, channel, rule),
  };
}
