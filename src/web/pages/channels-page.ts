import { readBotState } from "#src/domain/conversations/bot-state.ts";
import { CHANNELS, type Channel } from "#src/domain/deliveries/channel.ts";
import { type ChannelSetup, isSetUp, readSetup } from "#src/domain/deliveries/channel-settings.ts";
import { type ChannelPause, channelPause } from "#src/domain/deliveries/paused.ts";
import type { WebDeps } from "#src/web/app.ts";
import { adminOf } from "./access.ts";
import { channelName, largest, promise, quotaWords, rate } from "./channel-words.ts";
import { time } from "./dates.ts";
import { type Html, html, NOTHING } from "./html.ts";
import type { Page } from "./page.ts";
import type { View } from "./view.ts";

export type ChannelsDeps = Pick<WebDeps, "table" | "now" | "config" | "log" | "channels" | "settings">;

/** How a channel stands: `bot` is its login where it has one. */
export type ChannelState = {
  channel: Channel;
  setup: ChannelSetup | undefined;
  ready: boolean;
  pause: ChannelPause | undefined;
  hasBot?: boolean;
};

export async function channelState(deps: ChannelsDeps, channel: Channel): Promise<ChannelState> {
  const setup = await readSetup(deps.table, channel.name);
  const [pause, bot] = await Promise.all([
    channelPause(deps, channel, setup),
    channel.name === "wechaty" ? readBotState(deps) : undefined,
  ]);
  const ready = isSetUp(channel, setup?.settings);
  if (channel.name !== "wechaty") return { channel, setup, ready, pause };
  return { channel, setup, ready: ready && bot?.phase === "in", pause, hasBot: bot !== undefined };
}

/** For admins: all channels, what each promises and how it stands. */
export async function channelsPage(deps: ChannelsDeps, view: View, request: Request): Promise<Page> {
  await adminOf(deps, request);
  const { t } = view;
  const title = t("推送渠道", "Channels");
  const states = await Promise.all(CHANNELS.map((name) => channelState(deps, deps.channels[name])));
  return {
    head: { title, hidden: true },
    personal: true,
    main: html`<div class="head"><h1>${title}</h1><a href="${view.to("/console")}">${t("返回工作台", "Back to the console")}</a></div>
<p class="lead">${t("点名称进入设置：账号与密钥、限速、测试接收端。保存后约10秒在各处生效。", "Open a channel to enter its credentials, its pace and its test endpoint. A change counts everywhere within some 10 seconds.")}</p>
<section class="card" aria-label="${title}"><ul class="list">${states.map((state) => entry(view, state))}</ul></section>`,
  };
}

function entry(view: View, state: ChannelState): Html {
  const { t } = view;
  const { channel, setup } = state;
  const quotas = quotaWords(view, quotasOf(state));
  return html`<li><h2><a href="${view.to(`/console/channels/${channel.name}`)}">${channelName(view, channel.name)}</a> ${stateBadge(view, state)}</h2>
<p>${promise(view, channel.guarantee)}</p>
<ul class="facts"><li>${t("速率：", "Rate: ")}${rateOf(view, state)}</li>${quotas ? html`<li>${t("配额：", "Quota: ")}${quotas}</li>` : NOTHING}<li>${t("单条上限：", "Largest message: ")}${largest(view, channel)}</li><li>${t("测试接收端：", "Test endpoint: ")}${setup?.canary === undefined ? t("未设", "none") : html`<span class="code">${shownCanary(channel, setup.canary)}</span>`}</li></ul>
${pauseLine(view, state)}</li>`;
}

export function rateOf(view: View, { channel, setup }: Pick<ChannelState, "channel" | "setup">): string {
  const own = rate(view, setup?.windows ?? channel.limits.windows ?? []);
  return setup?.windows ? view.t(`${own}（已调整）`, `${own} (changed here)`) : own;
}

export function quotasOf({ channel, setup }: Pick<ChannelState, "channel" | "setup">) {
  return [...(channel.limits.quotas ?? []), ...(channel.quotas?.(setup?.settings ?? {}) ?? [])];
}

export function shownCanary(channel: Channel, address: string): string {
  return channel.shown?.(address) ?? address;
}

export function stateBadge(view: View, { ready, pause, hasBot }: ChannelState): Html {
  const { t } = view;
  if (pause) return html`<span class="badge urgent">${t("已暂停", "paused")}</span>`;
  if (ready) return html`<span class="badge good">${t("就绪", "ready")}</span>`;
  if (hasBot) return html`<span class="badge late">${t("机器人未登录", "bot not logged in")}</span>`;
  return html`<span class="badge late">${t("未设置", "not set up")}</span>`;
}

export function pauseLine(view: View, { pause }: Pick<ChannelState, "pause">): Html {
  if (!pause) return NOTHING;
  const { t } = view;
  const why = {
    rate: t("服务方说发得太快", "the vendor says it is too fast"),
    quota: t("服务方的配额已用完", "the vendor's quota is used up"),
    configuration: t(
      "服务方拒绝：账号、权限或设置有误，请检查后保存",
      "the vendor refuses: a credential, right or setting is wrong",
    ),
  };
  return html`<p class="wrong">${why[pause.because]}${t("。下次尝试：", ". Next try: ")}${time(pause.until, view.language)}</p>`;
}
