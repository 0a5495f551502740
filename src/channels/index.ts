import type { Channel, ChannelName } from "#src/domain/deliveries/channel.ts";
import type { Log } from "#src/log.ts";
import type { Egress } from "./egress.ts";
import { makeWebhook } from "./webhook.ts";
import { makeWechaty, type WechatyOptions } from "./wechaty.ts";

export type ChannelDeps = {
  egress: Egress;
  baseUrl: string;
  now: () => Date;
  log: Log;
  /** What a host with a bot gives, and tests and the demo set. */
  wechaty?: WechatyOptions;
};

/** Every channel, kept complete by the compiler. */
export function makeChannels(deps: ChannelDeps): Record<ChannelName, Channel> {
  return {
    webhook: makeWebhook(deps),
    wechaty: makeWechaty({ now: deps.now, log: deps.log, ...deps.wechaty }),
  };
}
