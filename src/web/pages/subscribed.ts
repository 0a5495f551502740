import { shownAddress } from "#src/domain/subscriptions/channel.ts";
import { NewSubscription } from "#src/domain/subscriptions/new-subscription.ts";
import { type Subscribed, subscribe } from "#src/domain/subscriptions/subscribe.ts";
import { AppError } from "#src/errors.ts";
import type { WebDeps } from "#src/web/app.ts";
import { checked } from "#src/web/input.ts";
import { channelName } from "./channel-words.ts";
import { fallbackField, fallbackIn } from "./fallback-fields.ts";
import { faultsOf } from "./form.ts";
import { html, NOTHING } from "./html.ts";
import type { Page } from "./page.ts";
import { quietField, quietIn } from "./quiet-fields.ts";
import { type SubscribeDeps, subscribePage } from "./subscribe-page.ts";
import type { View } from "./view.ts";

type Deps = SubscribeDeps & Pick<WebDeps, "now" | "newId">;

function subscriptionOf(view: View, form: URLSearchParams): unknown {
  const given = (name: string) => form.get(name)?.trim() ?? "";
  const quietHours = quietIn(form);
  return {
    endpoint: {
      channel: form.get("channel") ?? "",
      address: form.get("address") ?? "",
      ...(given("secret") === "" ? {} : { secret: given("secret") }),
    },
    topics: form.getAll("topics"),
    frequency: form.get("frequency") ?? "now",
    ...(quietHours ? { quietHours } : {}),
    language: form.get("language") ?? view.language,
    ...fallbackIn(form),
  };
}

function fieldOf(path: string): string {
  if (path.startsWith("topics")) return "topics";
  return fallbackField(path) ?? quietField(path) ?? path.replace(/^endpoint\//, "");
}

/** Takes the form in; the page that follows shows token and secret once. */
export async function subscribeByForm(deps: Deps, view: View, form: URLSearchParams): Promise<Page> {
  try {
    return donePage(deps, view, await subscribe(deps, checked(NewSubscription, subscriptionOf(view, form))));
  } catch (error) {
    if (!(error instanceof AppError) || error.kind !== "invalid") throw error;
    return subscribePage(deps, view, form, faultsOf(error.errors, fieldOf));
  }
}

function donePage(deps: Deps, view: View, { subscription, manageToken, secret }: Subscribed): Page {
  const { t } = view;
  const title = t("等待确认", "Waiting for the confirmation");
  return {
    head: { title, hidden: true },
    personal: true,
    main: html`<section class="card article">
<div class="notice green" role="status"><p class="title">${t("已登记", "Noted")}</p><p>${nextStep(view, subscription.channel)}</p></div>
<h1>${title}</h1>
<p>${t("确认之前不会推送任何内容；24小时内未确认则自动失效。没有收到确认消息时，请检查地址是否写对，10分钟后再申请一次。", "Nothing is pushed before you confirm; without it this ends after 24 hours. If no message came, check the address and ask again after 10 minutes.")}</p>
<p class="lead">${t("请现在保存下面的内容：令牌和密钥只显示这一次。", "Please keep this now: token and secret are shown only once.")}</p>
<dl class="pairs">
<dt>${t("渠道", "Channel")}</dt><dd>${channelName(view, subscription.channel as Parameters<typeof channelName>[1])}</dd>
<dt>${t("接收地址", "Address")}</dt><dd class="code">${shownAddress(deps.channels, subscription.channel, subscription.address)}</dd>
<dt>${t("订阅编号", "Subscription")}</dt><dd class="code">${subscription.id}</dd>
<dt>${t("管理令牌", "Manage token")}</dt><dd class="code">${manageToken}</dd>
${secret && subscription.channel === "webhook" ? html`<dt>${t("签名密钥", "Signing secret")}</dt><dd class="code">whsec_${secret}</dd>` : NOTHING}
</dl>
<p><a href="${view.to("/manage")}">${t("凭编号和管理令牌可随时修改或退订。", "Id and manage token change or end the subscription at any time.")}</a></p>
</section>`,
  };
}

/** What happens now, and what the reader has to do. */
function nextStep(view: View, channel: string): string {
  const { t } = view;
  const inGroup = t(
    "机器人正在向群里发送一个确认链接，请打开它并按下按钮。",
    "The robot is sending a link to its group; please open it and press the button.",
  );
  const next: Record<string, string> = {
    webhook: t(
      "系统正在向该网址发送确认请求，对方原样返回其中的 challenge 即确认，无需人工操作。",
      "The address is being sent a challenge; it confirms by sending it back. Nobody has to do anything.",
    ),
    email: t(
      "系统正在向该邮箱发送确认邮件，请打开其中的链接并按下按钮。一两分钟没有收到，请看看垃圾邮件箱。",
      "The mailbox is being sent a link; please open it and press the button there. If it does not come in a minute or two, look into the junk folder.",
    ),
    wechaty: t(
      "系统正在向该群或联系人发送一个确认码，请在同一会话中回复它。",
      "The room or contact is being sent a code; please reply with it there.",
    ),
    "wecom-app": t(
      "企业微信正在收到一条应用消息，请点开它并按下确认按钮。",
      "WeCom is getting an app message; please open it and press the button.",
    ),
    "official-account": t(
      "公众号正在向您发送一个确认链接，请打开它并按下按钮。",
      "The Official Account is sending you a link; please open it and press the button.",
    ),
    "wecom-robot": inGroup,
    dingtalk: inGroup,
    feishu: inGroup,
  };
  return next[channel] ?? "";
}
