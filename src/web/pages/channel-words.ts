import type { Channel, ChannelName, Guarantee, Quota, Window } from "#src/domain/deliveries/channel.ts";
import type { Frequency } from "#src/domain/subscriptions/subscription.ts";
import type { View } from "./view.ts";

export function channelName(view: View, channel: ChannelName): string {
  const { t } = view;
  const names: Record<ChannelName, string> = {
    webhook: t("系统接口（Webhook）", "Webhook"),
    wechaty: t("微信群或联系人", "WeChat room or contact"),
    "wecom-robot": t("企业微信群机器人", "WeCom group robot"),
    "wecom-app": t("企业微信应用消息", "WeCom app message"),
    "official-account": t("微信公众号", "WeChat Official Account"),
    dingtalk: t("钉钉群机器人", "DingTalk group robot"),
    feishu: t("飞书群机器人", "Feishu group robot"),
    "web-push": t("浏览器通知", "Browser notification"),
    email: t("电子邮件", "E-mail"),
    websub: t("WebSub 订阅方", "WebSub subscriber"),
  };
  return names[channel];
}

export function frequencyName(view: View, frequency: Frequency): string {
  const { t } = view;
  const names: Record<Frequency, string> = {
    now: t("立即", "At once"),
    daily: t("每天一次", "Once a day"),
    weekly: t("每周一次", "Once a week"),
  };
  return names[frequency];
}

export function promise(view: View, guarantee: Guarantee): string {
  const { t } = view;
  const promises: Record<Guarantee, string> = {
    "at-most-once": t(
      "至多一次：不会重复，极少数情况下可能漏发",
      "At most once: never twice, in rare cases not at all",
    ),
    "at-least-once": t(
      "至少一次：不会漏发，可能重复，按推送编号去重",
      "At least once: never lost, perhaps twice under the same delivery id",
    ),
    "provider-deduplicated": t("由平台去重，恰好一次", "Once: the provider drops repeats"),
  };
  return promises[guarantee];
}

export function rate(view: View, windows: readonly Window[]): string {
  const { t } = view;
  if (windows.length === 0) return t("不限", "no limit");
  return windows
    .map(({ seconds, count }) =>
      seconds === 60
        ? t(`每分钟${count}条`, `${count} a minute`)
        : t(`每${seconds}秒${count}条`, `${count} in ${seconds} s`),
    )
    .join(t("，", ", "));
}

export function largest(view: View, { limits }: Pick<Channel, "limits">): string {
  const bytes = limits.bytes.toLocaleString("en-US");
  return view.t(`${bytes}字节`, `${bytes} bytes`);
}

export function quotaWords(view: View, quotas: readonly Quota[]): string {
  const { t } = view;
  return quotas
    .map(({ per, of, count }) => {
      const whose = of === "endpoint" ? t("每个接收端", " for each receiver") : "";
      return per === "day"
        ? t(`${whose}每天${count}条`, `${count} a day${whose}`)
        : t(`${whose}每月${count}条`, `${count} a month${whose}`);
    })
    .join(t("，", ", "));
}
