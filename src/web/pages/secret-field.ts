import type { ChannelName } from "#src/domain/deliveries/channel.ts";
import type { Subscription } from "#src/domain/subscriptions/subscription.ts";
import type { Text } from "#src/text.ts";
import { isOpen } from "./fallback-fields.ts";
import { type Faults, textField } from "./form.ts";
import { type Html, html, NOTHING } from "./html.ts";
import type { View } from "./view.ts";

type Filled = { values: URLSearchParams; faults: Faults };

/** Robots whose group may demand that what is sent to them is signed, and where its secret is found. */
const SIGNED: Partial<Record<ChannelName, Text>> = {
  dingtalk: {
    zh: "在钉钉群机器人的安全设置“加签”中，以 SEC 开头。",
    en: "In the DingTalk robot's security settings; it begins with SEC.",
  },
  feishu: {
    zh: "在飞书群机器人的安全设置“签名校验”中。",
    en: "In the Feishu robot's security settings, under signature verification.",
  },
};

const whereOf = ({ channel }: Pick<Subscription, "channel">): Text | undefined =>
  Object.hasOwn(SIGNED, channel) ? SIGNED[channel as ChannelName] : undefined;

/** What the field asks for: nothing while it is empty. */
export function secretIn(form: URLSearchParams, known: Pick<Subscription, "channel">): object {
  const secret = form.get("secret")?.trim() ?? "";
  return secret === "" || !whereOf(known) ? {} : { endpoint: { secret } };
}

/** The field that a pointer of a subscription stands for; undefined when it is not this one. */
export function secretFieldOf(path: string): string | undefined {
  return path === "endpoint/secret" ? "secret" : undefined;
}

/** A new signing secret for a robot. The stored one is never shown. */
export function secretChange(view: View, filled: Filled, known: Pick<Subscription, "channel" | "secrets">): Html {
  const { t } = view;
  const where = whereOf(known);
  if (!where) return NOTHING;
  const hasOne = known.secrets.length > 0;
  const stays = hasOne
    ? t("已有密钥，不显示；不填则不变。", "There is one, which is not shown; left empty, it stays.")
    : t("现在没有密钥，推送不加签。", "There is none now, and nothing is signed.");
  return html`<details${isOpen(filled, ["secret"])}><summary>${t("机器人的加签密钥", "The robot's signing secret")}</summary>
${textField(view, filled, "secret", t("新的密钥", "New secret"), {
  ...{ type: "password", max: 300, autocomplete: "off" },
  hint: `${view.say(where)}${t("", " ")}${stays}`,
})}</details>`;
}
