import { listColumns } from "#src/domain/announcements/columns.ts";
import type { Channel, ChannelName } from "#src/domain/deliveries/channel.ts";
import { FREQUENCIES } from "#src/domain/subscriptions/subscription.ts";
import type { WebDeps } from "#src/web/app.ts";
import { SCRIPT_POLICY } from "#src/web/headers.ts";
import { channelName, frequencyName, largest, promise, rate } from "./channel-words.ts";
import { choices, type Faults, faultSummary, textField } from "./form.ts";
import { type Html, html } from "./html.ts";
import type { Page } from "./page.ts";
import { pushSection } from "./push-section.ts";
import type { View } from "./view.ts";
import { columnName } from "./words.ts";

export type SubscribeDeps = Pick<WebDeps, "table" | "channels" | "config">;

/** The same data that the senders obey. */
function channelTable(view: View, channels: Record<ChannelName, Channel>): Html {
  const { t } = view;
  return html`<div class="scroll" tabindex="0" role="region" aria-label="${t("渠道与保证", "Channels and what they promise")}"><table class="table">
<thead><tr><th scope="col">${t("渠道", "Channel")}</th><th scope="col">${t("保证", "Promise")}</th><th scope="col">${t("速率", "Rate")}</th><th scope="col">${t("单条上限", "Largest message")}</th></tr></thead>
<tbody>${Object.values(channels).map(
    (channel) =>
      html`<tr><th scope="row">${channelName(view, channel.name)}</th><td>${promise(view, channel.guarantee)}</td><td>${rate(view, channel.limits.windows ?? [])}</td><td class="num">${largest(view, channel)}</td></tr>`,
  )}</tbody></table></div>`;
}

/** Browsers and hubs subscribe themselves: nobody types in what these need. */
const NOT_TYPED: ChannelName[] = ["web-push", "websub"];

/** How to subscribe, and a form that works without script. */
export async function subscribePage(
  deps: SubscribeDeps,
  view: View,
  values = new URLSearchParams({ channel: "webhook", topics: "all", frequency: "now" }),
  faults: Faults = {},
): Promise<Page> {
  const { t } = view;
  const columns = (await listColumns(deps)).filter((column) => column.slug !== "home");
  const topics: [string, string][] = [
    ["all", t("全部公告", "All announcements")],
    ["urgency:urgent", t("仅紧急公告", "Urgent ones only")],
    ...columns.map((column): [string, string] => [`column:${column.slug}`, columnName(view, column.slug, column.name)]),
  ];
  const filled = { values, faults };
  const isWrong = Object.keys(faults).length > 0;
  const title = t("订阅推送", "Subscribe");
  const base = deps.config.baseUrl;
  return {
    head: {
      title,
      crumbs: [{ name: title }],
      feeds: [{ folder: "/", title: view.say(view.site.name) }],
      hidden: isWrong,
    },
    ...(isWrong ? { status: 422, personal: true } : {}),
    headers: { "content-security-policy": SCRIPT_POLICY },
    main: html`${faultSummary(view, faults)}<section class="card article">
<div class="head"><h1>${title}</h1></div>
<p class="lead">${t("公告发布后，推送到每一位订阅人，每条一次。更正和撤回也会送达看过原文的人。", "Every announcement goes to everyone who asked for it, once. Corrections and withdrawals reach those who got the first text.")}</p>
<h2>${t("用阅读器订阅", "In a feed reader")}</h2>
<p>${t("复制地址到阅读器即可，无需登记。每个栏目、每个单位的页面上也有各自的地址。", "Copy an address into your reader; no sign-up. Every column and unit has its own on its page.")}</p>
<dl class="pairs">
<dt>Atom</dt><dd><a class="code" href="/feed.atom">${base}/feed.atom</a></dd>
<dt>RSS</dt><dd><a class="code" href="/feed.rss">${base}/feed.rss</a></dd>
<dt>JSON Feed</dt><dd><a class="code" href="/feed.json">${base}/feed.json</a></dd>
</dl>
</section>
${pushSection(view, topics, (frequency) => frequencyName(view, frequency))}
<section class="card article" aria-labelledby="push">
<h2 id="push">${t("登记推送", "Have it pushed")}</h2>
<form class="stacked" method="post" action="${view.to("/subscribe")}">
${choices(view, filled, "channel", t("渠道", "Channel"), {
  kind: "radio",
  required: true,
  of: (Object.keys(deps.channels) as ChannelName[])
    .filter((name) => !NOT_TYPED.includes(name))
    .map((name) => [name, channelName(view, name)]),
})}
${textField(view, filled, "address", t("接收地址", "Address"), {
  required: true,
  max: 2048,
  autocomplete: "off",
  hint: t(
    "Webhook 填 https 网址；电子邮件填邮箱地址；微信填 room:群编号 或 contact:联系人编号；企业微信、钉钉、飞书群机器人填其设置页上的 Webhook 地址。",
    "A webhook: an https address. E-mail: a mail address. WeChat: room:… or contact:… A WeCom, DingTalk or Feishu robot: the webhook address on its settings page.",
  ),
})}
${textField(view, filled, "secret", t("密钥（选填）", "Secret (optional)"), {
  max: 200,
  autocomplete: "off",
  hint: t(
    "钉钉、飞书机器人开启了加签（签名校验）时填写；Webhook 不填则由系统生成。",
    "For a DingTalk or Feishu robot that demands signatures. A webhook without one gets one made.",
  ),
})}
${choices(view, filled, "topics", t("订阅内容", "What you want"), {
  kind: "checkbox",
  of: topics,
})}
${choices(view, filled, "frequency", t("频率", "How often"), {
  kind: "radio",
  of: FREQUENCIES.map((frequency) => [frequency, frequencyName(view, frequency)]),
})}
<p class="hint">${t("提交后，系统会向该地址发出确认请求；确认之前不会推送任何内容。", "The address itself is asked to confirm first; nothing is pushed before it does.")}</p>
<button>${t("订阅", "Subscribe")}</button>
</form>
</section>
<section class="card article" aria-labelledby="promise">
<h2 id="promise">${t("渠道与保证", "Channels and what they promise")}</h2>
${channelTable(view, deps.channels)}
<p class="small muted">${t("程序接入见", "For programs: ")}<a href="/docs">${t("开放接口说明", "the API")}</a>${t("。", ".")}</p>
</section>`,
  };
}
