import type { Channel, ChannelName } from "#src/domain/deliveries/channel.ts";
import type { SettingsReader } from "#src/domain/deliveries/channel-settings.ts";
import type { PushKey } from "#src/domain/deliveries/push-key.ts";
import type { Log } from "#src/log.ts";
import type { Egress } from "./egress.ts";
import { makeWebPush } from "./web-push.ts";
import { makeWebhook } from "./webhook.ts";
import { makeWebsub } from "./websub.ts";
import { makeWechaty, type WechatyOptions } from "./wechaty.ts";

export type ChannelDeps = {
  egress: Egress;
  baseUrl: string;
  settings: SettingsReader;
  pushKey: () => Promise<PushKey>;
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
    "wecom-robot": notBuilt("wecom-robot"),
    "wecom-app": notBuilt("wecom-app"),
    "official-account": notBuilt("official-account"),
    dingtalk: notBuilt("dingtalk"),
    feishu: notBuilt("feishu"),
    "web-push": makeWebPush(deps),
    email: notBuilt("email"),
    websub: makeWebsub(deps),
  };
}

// SCAFFOLD: every use of it is replaced before this branch is merged.
function notBuilt(name: ChannelName): Channel {
  const refusal = { zh: "该渠道尚未开通", en: "this channel is not set up here" };
  return {
    name,
    guarantee: "at-least-once",
    limits: {
      inFlight: 16,
      inFlightPerOrigin: 16,
      bytes: 2000,
      chunk: 20,
      seconds: { connect: 5, answer: 15, total: 20 },
    },
    queue: `deliver-${name}`,
    retrySeconds: [],
    retriesUnknown: false,
    confirms: "link",
    address: async () => ({ errors: [{ pointer: "/endpoint/channel", code: "CHANNEL_NOT_SET_UP", detail: refusal }] }),
    confirm: async () => "refused",
    render: () => "",
    renderDigest: () => "",
    preview: () => ({ text: "", bytes: 0, limit: 0, faults: [] }),
    push: async () => ({ kind: "rejected", detail: "not built" }),
    close: async () => {},
  };
}
