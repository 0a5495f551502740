import { readBotState } from "#src/domain/conversations/bot-state.ts";
import type { ChannelName } from "#src/domain/deliveries/channel.ts";
import { isSetUp } from "#src/domain/deliveries/channel-settings.ts";
import type { WebDeps } from "#src/web/app.ts";
import { channelName } from "./channel-words.ts";
import { type Faults, wrong } from "./form.ts";
import { type Html, html, NOTHING, trusted } from "./html.ts";
import type { View } from "./view.ts";

/** In the order of who reads it: people first, systems last. Browsers, hubs and followers subscribe by themselves. */
const GROUPS: { zh: string; en: string; of: ChannelName[] }[] = [
  { zh: "给个人", en: "For one person", of: ["email", "wecom-app"] },
  { zh: "给群", en: "For a group", of: ["wechaty", "wecom-robot", "dingtalk", "feishu"] },
  { zh: "给系统", en: "For systems", of: ["webhook"] },
];

/** The channels that somebody can enter an address of here and now. */
export async function offered(
  deps: Pick<WebDeps, "table" | "now" | "channels" | "settings">,
): Promise<ReadonlySet<ChannelName>> {
  const names = GROUPS.flatMap(({ of }) => of).filter((name) => deps.channels[name] !== undefined);
  const ready = await Promise.all(
    names.map(async (name) => {
      if (!isSetUp(deps.channels[name], (await deps.settings(name))?.settings)) return false;
      return name !== "wechaty" || (await readBotState(deps)) !== undefined;
    }),
  );
  return new Set(names.filter((_, i) => ready[i]));
}

/** Every channel on offer with what to enter for it. */
export function channelChoices(
  view: View,
  filled: { values: URLSearchParams; faults: Faults },
  names: ReadonlySet<ChannelName>,
): Html {
  const { t } = view;
  const chosen = filled.values.get("channel");
  const groups = GROUPS.map((group) => ({ ...group, of: group.of.filter((name) => names.has(name)) })).filter(
    ({ of }) => of.length > 0,
  );
  const choice = (name: ChannelName) =>
    html`<label class="choice"><input type="radio" name="channel" value="${name}" required${chosen === name ? trusted(" checked") : NOTHING}><span>${channelName(view, name)}<br><small class="muted">${addressHint(view, name)}</small></span></label>`;
  return html`<fieldset id="channel"${filled.faults["channel"] ? html` aria-describedby="channel-wrong"` : NOTHING}><legend>${t("用什么接收", "How you want it")}<span class="need">${t("（必填）", "(needed)")}</span></legend>
${groups.map(({ zh, en, of }) => html`<fieldset class="inner"><legend class="small muted">${t(zh, en)}</legend><div class="choices">${of.map(choice)}</div></fieldset>`)}${wrong(view, filled, "channel")}</fieldset>`;
}

function addressHint(view: View, name: ChannelName): string {
  const { t } = view;
  const hints: Partial<Record<ChannelName, string>> = {
    email: t("地址填您的邮箱，如 zhang@example.com", "Enter your mail address, as zhang@example.com"),
    "wecom-app": t(
      "地址填 user:成员账号，部门填 party:编号",
      "Enter user:… (your account), or party:… for a department",
    ),
    wechaty: t(
      "更简便：直接在群里或私聊中对机器人说“订阅”。也可填 room:群编号",
      "Easier: write “subscribe” to the bot in the chat itself. Or enter room:…",
    ),
    "wecom-robot": t(
      "地址填群机器人设置页上的 Webhook 地址",
      "Enter the webhook address from the robot's settings page",
    ),
    dingtalk: t("地址填群机器人设置页上的 Webhook 地址", "Enter the webhook address from the robot's settings page"),
    feishu: t("地址填群机器人设置页上的 Webhook 地址", "Enter the webhook address from the robot's settings page"),
    webhook: t("地址填您系统的 https 网址", "Enter an https address of your system"),
  };
  return hints[name] ?? "";
}
