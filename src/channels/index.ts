import type { Channel, ChannelName, Links } from "#src/domain/deliveries/channel.ts";
import type { ChannelMemory } from "#src/domain/deliveries/channel-memory.ts";
import type { SettingsReader } from "#src/domain/deliveries/channel-settings.ts";
import type { PushKey } from "#src/domain/deliveries/push-key.ts";
import type { Log } from "#src/log.ts";
import { makeDingtalk } from "./dingtalk.ts";
import type { Egress } from "./egress.ts";
import { makeEmail } from "./email.ts";
import { makeFeishu } from "./feishu.ts";
import { makeOfficialAccount } from "./official-account.ts";
import type { SendBySes } from "./ses.ts";
import { makeWebPush } from "./web-push.ts";
import { makeWebhook } from "./webhook.ts";
import { makeWebsub } from "./websub.ts";
import { makeWechaty, type WechatyOptions } from "./wechaty.ts";
import { makeWecomApp } from "./wecom-app.ts";
import { makeWecomRobot } from "./wecom-robot.ts";

export type ChannelDeps = {
  egress: Egress;
  /** See `makeOutgoing`. */
  mostIdle?: number;
  baseUrl: string;
  links: Pick<Links, "confirm">;
  settings: SettingsReader;
  memory: ChannelMemory;
  pushKey: () => Promise<PushKey>;
  now: () => Date;
  log: Log;
  /** The instance's own key (32 bytes). */
  secret: () => Promise<Uint8Array>;
  /** Absent where mails cannot go by Amazon SES. */
  ses?: SendBySes;
  /** What a host with a bot gives, and tests and the demo set. */
  wechaty?: WechatyOptions;
  /** Where a vendor is, for tests: its addresses stay the vendor's own, the requests go there. */
  origins?: Partial<Record<ChannelName, string>>;
};

/** Every channel, kept complete by the compiler. */
export function makeChannels(deps: ChannelDeps): Record<ChannelName, Channel> {
  const at = (name: ChannelName) => {
    const origin = deps.origins?.[name];
    return { ...deps, ...(origin === undefined ? {} : { origin }) };
  };
  return {
    webhook: makeWebhook(deps),
    wechaty: makeWechaty({ now: deps.now, log: deps.log, ...deps.wechaty }),
    "wecom-robot": makeWecomRobot({ ...deps, origin: deps.origins?.["wecom-robot"] }),
    "wecom-app": makeWecomApp(at("wecom-app")),
    "official-account": makeOfficialAccount(at("official-account")),
    dingtalk: makeDingtalk({ ...deps, origin: deps.origins?.dingtalk }),
    feishu: makeFeishu({ ...deps, origin: deps.origins?.feishu }),
    "web-push": makeWebPush(deps),
    email: makeEmail(deps),
    websub: makeWebsub(deps),
  };
}
