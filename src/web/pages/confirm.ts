import { confirmByChallenge, isChallengeOf } from "#src/domain/subscriptions/confirm-by-challenge.ts";
import { findSubscription } from "#src/domain/subscriptions/store.ts";
import type { Subscription } from "#src/domain/subscriptions/subscription.ts";
import type { WebDeps } from "#src/web/app.ts";
import { channelName, frequencyName } from "./channel-words.ts";
import { type Html, html, NOTHING } from "./html.ts";
import type { Page } from "./page.ts";
import { quietText } from "./quiet-fields.ts";
import { topicWords } from "./topics.ts";
import type { View } from "./view.ts";

type Deps = Pick<WebDeps, "table" | "now" | "channels">;

/** Headers of every page behind a link that carries a secret. */
export const SECRET_PAGE = { personal: true, headers: { "referrer-policy": "no-referrer" } } as const;

/** Behind the link of a confirmation: what is asked for, and a button. Whoever only opens it changes nothing. */
export async function confirmPage(deps: Deps, view: View, query: URLSearchParams): Promise<Page> {
  const { t } = view;
  const [id, challenge] = [query.get("s") ?? "", query.get("c") ?? ""];
  const found = await known(deps, id);
  if (found?.status === "confirmed") return confirmedPage(view);
  if (found?.status !== "pending" || !isChallengeOf(found, challenge)) return overPage(view);
  const words = await topicWords(deps, view, found.topics);
  const title = t("确认订阅", "Confirm the subscription");
  return {
    head: { title, hidden: true },
    ...SECRET_PAGE,
    main: html`<section class="card article">
<h1>${title}</h1>
<p class="lead">${t("有人（可能是您）申请了下面的推送。按下按钮之前，不会推送任何内容。", "Somebody, probably you, asked for the following. Nothing is sent before you press the button.")}</p>
${wishes(view, deps, found, words.say)}
<form class="stacked" method="post" action="${view.to("/confirm")}">
<input type="hidden" name="s" value="${id}"><input type="hidden" name="c" value="${challenge}">
<button>${t("确认订阅", "Confirm")}</button>
</form>
<p class="hint">${t("不是您本人申请的，关闭本页即可。", "If you did not ask for this, just close the page.")}</p>
</section>`,
  };
}

/** The button was pressed. */
export async function confirmByForm(deps: Deps, view: View, form: URLSearchParams): Promise<Page> {
  const { t } = view;
  const [subscriptionId, challenge] = [form.get("s") ?? "", form.get("c") ?? ""];
  const before = await known(deps, subscriptionId);
  if (before?.status === "confirmed") return confirmedPage(view);
  const confirmed = before && (await confirmByChallenge(deps, { subscriptionId, challenge }));
  if (!confirmed) return overPage(view);
  const words = await topicWords(deps, view, confirmed.topics);
  const title = t("订阅已生效", "You are subscribed");
  return {
    head: { title, hidden: true },
    ...SECRET_PAGE,
    main: html`<section class="card article">
<div class="notice green" role="status"><p class="title">${title}</p><p>${t("今后符合下列条件的公告会推送给您。", "From now on you get what is published on the following.")}</p></div>
<h1>${title}</h1>
${wishes(view, deps, confirmed, words.say)}
<p>${t("每封邮件末尾都有退订和更改订阅的链接。", "Every mail ends with links to unsubscribe and to change this.")}</p>
<p class="row"><a class="button quiet" href="${view.to("/announcements")}">${t("浏览公告", "Read announcements")}</a></p>
</section>`,
  };
}

async function known(deps: Deps, id: string): Promise<Subscription | undefined> {
  return /^sub_[0-9A-Z]{26}$/.test(id) ? findSubscription(deps.table, id) : undefined;
}

function wishes(
  view: View,
  deps: Deps,
  subscription: Subscription,
  say: (topic: Subscription["topics"][number]) => string,
): Html {
  const { t } = view;
  const { channel, address, topics, frequency, quietHours } = subscription;
  const found = Object.hasOwn(deps.channels, channel) ? deps.channels[channel as keyof Deps["channels"]] : undefined;
  return html`<dl class="pairs">
<dt>${t("渠道", "Channel")}</dt><dd>${found ? channelName(view, found.name) : channel}</dd>
<dt>${t("接收地址", "Address")}</dt><dd class="code">${found?.shown?.(address) ?? address}</dd>
<dt>${t("订阅内容", "What")}</dt><dd>${topics.map((topic, i) => html`${i > 0 ? html`<br>` : NOTHING}${say(topic)}`)}</dd>
<dt>${t("频率", "How often")}</dt><dd>${frequencyName(view, frequency)}</dd>
${quietHours ? html`<dt>${t("免打扰时段", "Quiet hours")}</dt><dd>${quietText(view, quietHours)}</dd>` : NOTHING}
</dl>`;
}

function confirmedPage(view: View): Page {
  const { t } = view;
  const title = t("订阅已确认", "Already confirmed");
  return {
    head: { title, hidden: true },
    ...SECRET_PAGE,
    main: html`<section class="card article"><h1>${title}</h1>
<p class="lead">${t("这项订阅早已确认，无需再做什么。", "This subscription is confirmed; there is nothing left to do.")}</p>
<p class="row"><a class="button quiet" href="${view.to("/announcements")}">${t("浏览公告", "Read announcements")}</a></p></section>`,
  };
}

function overPage(view: View): Page {
  const { t } = view;
  const title = t("链接已失效", "This link is over");
  return {
    head: { title, hidden: true },
    ...SECRET_PAGE,
    status: 404,
    main: html`<section class="card article"><h1>${title}</h1>
<p class="lead">${t("确认链接24小时内有效，且只认最新一封邮件中的链接。请检查链接是否完整，或重新申请订阅。", "A confirmation link is good for 24 hours, and only the one in the newest mail counts. Please check that it is complete, or subscribe again.")}</p>
<p class="row"><a class="button" href="${view.to("/subscribe")}">${t("重新申请", "Subscribe again")}</a></p></section>`,
  };
}
