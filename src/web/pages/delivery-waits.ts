import type { ChannelName } from "#src/domain/deliveries/channel.ts";
import type { DeliveryRow } from "#src/domain/deliveries/list.ts";
import { type Html, html, NOTHING } from "./html.ts";
import type { View } from "./view.ts";

type Because = NonNullable<DeliveryRow["waitsFor"]>;

/** Robots, each with a credential of its own: who runs the group sets it right, not the operator. */
const ROBOTS: Partial<Record<string, { signs: boolean }>> = {
  "wecom-robot": { signs: false },
  dingtalk: { signs: true },
  feishu: { signs: true },
} satisfies Partial<Record<ChannelName, { signs: boolean }>>;

/** What a delivery waits for. */
export function waitingWords(view: View, because: Because, channel = ""): string {
  const { t } = view;
  const known: Record<Because, string> = {
    rate: t("排队中：渠道限速", "in the queue: the channel's pace"),
    quota: t("等待配额：服务方今日或本月的额度已用完", "waits for the vendor's quota of the day or month"),
    configuration: ROBOTS[channel]
      ? t("等待设置：群机器人拒绝了推送", "waits for a setting: the group's robot refuses the push")
      : t("等待设置：服务方拒绝了账号或权限", "waits for a setting: the vendor refuses the credential"),
  };
  return known[because];
}

/** What has to be set right, and where; nothing where waiting is enough. */
export function whereToCorrect(view: View, { channel, waitsFor }: DeliveryRow, isAdmin: boolean): Html {
  const { t } = view;
  if (waitsFor !== "configuration") return NOTHING;
  const robot = ROBOTS[channel];
  if (robot?.signs)
    return html`${t("请订阅人核对这项订阅的加签密钥，在", "Its subscriber has to check this subscription's signing secret, and correct it under ")}<a href="${view.to("/manage")}">${t("管理订阅", "Your subscriptions")}</a>${t("中更正；由名单导入的，由管理员通过接口更正。密钥无误的，检查群机器人的安全设置（关键词、IP 地址段）和是否停用。", "; one that was imported, an administrator corrects by the API. If the secret is right, look at the robot's security settings in its group (keywords, IP addresses), and whether it is switched off.")}`;
  if (robot)
    return html`${t("请在群中检查机器人是否已停用。", "Look in its group whether the robot is switched off.")}`;
  if (isAdmin)
    return html`${t("请更正", "To be corrected in the ")}<a href="${view.to(`/console/channels/${channel}`)}">${t("渠道设置", "settings of the channel")}</a>${t("，保存后自动续推。", "; once saved, it goes on by itself.")}`;
  return html`${t("请管理员更正渠道设置，保存后自动续推。", "An administrator has to correct the settings of the channel; then it goes on by itself.")}`;
}
