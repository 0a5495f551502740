import { listColumns } from "#src/domain/announcements/columns.ts";
import type { Channel } from "#src/domain/deliveries/channel.ts";
import { FREQUENCIES } from "#src/domain/subscriptions/subscription.ts";
import type { WebDeps } from "#src/web/app.ts";
import { SCRIPT_POLICY } from "#src/web/headers.ts";
import { channelName, frequencyName, largest, promise, rate } from "./channel-words.ts";
import { fallbackFields, isOpen } from "./fallback-fields.ts";
import { choices, type Faults, faultSummary, textField } from "./form.ts";
import { type Html, html } from "./html.ts";
import { channelChoices, offered } from "./offered.ts";
import type { Page } from "./page.ts";
import { pushSection } from "./push-section.ts";
import { quietFields } from "./quiet-fields.ts";
import type { View } from "./view.ts";
import { columnName } from "./words.ts";

export type SubscribeDeps = Pick<WebDeps, "table" | "channels" | "config" | "settings" | "now">;

/** The same data that the senders obey. */
function channelList(view: View, channels: Channel[]): Html {
  const { t } = view;
  return html`<ul class="list">${channels.map(
    (channel) =>
      html`<li><h3>${channelName(view, channel.name)}</h3><p>${promise(view, channel.guarantee)}</p>
<ul class="facts"><li>${t("速率：", "Rate: ")}${rate(view, channel.limits.windows ?? [])}</li><li>${t("单条上限：", "Largest message: ")}${largest(view, channel)}</li></ul></li>`,
  )}</ul>`;
}

/** How to subscribe, and a form that works without script. */
export async function subscribePage(
  deps: SubscribeDeps,
  view: View,
  given?: URLSearchParams,
  faults: Faults = {},
): Promise<Page> {
  const { t } = view;
  const columns = (await listColumns(deps)).filter((column) => column.slug !== "home");
  const topics: [string, string][] = [
    ["all", t("全部公告", "All announcements")],
    ["urgency:urgent", t("仅紧急公告", "Urgent ones only")],
    ...columns.map((column): [string, string] => [`column:${column.slug}`, columnName(view, column.slug, column.name)]),
  ];
  const names = await offered(deps);
  const [first = "webhook"] = names;
  const values = new URLSearchParams(
    given ?? { channel: first, topics: "all", frequency: "now", language: view.language },
  );
  values.delete("firstToken");
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
</section>
<section class="card article" aria-labelledby="push">
<h2 id="push">${t("登记推送", "Have it pushed")}</h2>
<form class="stacked" method="post" action="${view.to("/subscribe")}">
${channelChoices(view, filled, names)}
${textField(view, filled, "address", t("接收地址", "Address"), {
  required: true,
  max: 2048,
  autocomplete: "off",
  hint: t("按上面所选渠道的说明填写。", "As it says at the channel that you chose."),
})}
${choices(view, filled, "topics", t("订阅内容", "What you want"), {
  kind: "checkbox",
  of: topics,
})}
${choices(view, filled, "frequency", t("频率", "How often"), {
  kind: "radio",
  of: FREQUENCIES.map((frequency) => [frequency, frequencyName(view, frequency)]),
})}
${quietFields(view, filled)}
${choices(view, filled, "language", t("推送用的语言", "Language of the messages"), {
  kind: "radio",
  of: [
    ["zh-CN", "中文"],
    ["en", "English"],
  ],
})}
${secretField(view, filled)}
${fallbackFields(view, filled)}
<p class="hint">${t("提交后，系统会向该地址发出确认请求；确认之前不会推送任何内容。", "The address itself is asked to confirm first; nothing is pushed before it does.")}</p>
<button>${t("订阅", "Subscribe")}</button>
</form>
</section>
${pushSection(view, topics, (frequency) => frequencyName(view, frequency))}
<section class="card article" aria-labelledby="feeds">
<h2 id="feeds">${t("用阅读器订阅", "In a feed reader")}</h2>
<p>${t("复制地址到阅读器即可，无需登记。每个栏目、每个单位的页面上也有各自的地址。", "Copy an address into your reader; no sign-up. Every column and unit has its own on its page.")}</p>
<dl class="pairs">
<dt>Atom</dt><dd><a class="code" href="/feed.atom">${base}/feed.atom</a></dd>
<dt>RSS</dt><dd><a class="code" href="/feed.rss">${base}/feed.rss</a></dd>
<dt>JSON Feed</dt><dd><a class="code" href="/feed.json">${base}/feed.json</a></dd>
</dl>
</section>
<section class="card article" aria-labelledby="promise">
<h2 id="promise">${t("渠道与保证", "Channels and what they promise")}</h2>
${channelList(
  view,
  [...names].map((name) => deps.channels[name]),
)}
<p class="small muted">${t("程序接入见", "For programs: ")}<a href="/docs">${t("开放接口说明", "the API")}</a>${t("。", ".")}</p>
</section>`,
  };
}

type Filled = { values: URLSearchParams; faults: Faults };

function secretField(view: View, filled: Filled): Html {
  const { t } = view;
  return html`<details${isOpen(filled, ["secret"])}><summary>${t("密钥（仅机器人加签或系统需要）", "Secret (only for robots that demand signatures, and systems)")}</summary>
${textField(view, filled, "secret", t("密钥", "Secret"), {
  max: 200,
  autocomplete: "off",
  hint: t(
    "钉钉、飞书机器人开启了加签（签名校验）时填写；系统接口不填则自动生成。",
    "For a DingTalk or Feishu robot that demands signatures. A webhook without one gets one made.",
  ),
})}</details>`;
}
