import type { Subscription } from "#src/domain/subscriptions/subscription.ts";
import { type Faults, textField } from "./form.ts";
import { type Html, html, NOTHING, trusted } from "./html.ts";
import type { View } from "./view.ts";

type Filled = { values: URLSearchParams; faults: Faults };

/** Whether the fold with these fields is open: somebody filled one in, or something is wrong there. */
export const isOpen = ({ values, faults }: Filled, fields: string[]) =>
  fields.some((field) => values.get(field) || faults[field]) ? trusted(" open") : NOTHING;

const FIELDS = ["firstId", "firstToken", "minutes"];

/** What the fields ask for; `known` is the subscription that is changed: what stays as it is goes unsaid. */
export function fallbackIn(form: URLSearchParams, known?: Pick<Subscription, "after">): object {
  const [id = "", token = "", minutes = ""] = FIELDS.map((name) => form.get(name)?.trim() ?? "");
  if (form.has("noFallback")) return { fallbackFor: null };
  const named = id === "" && token === "" ? {} : { fallbackFor: { subscriptionId: id, manageToken: token } };
  // An emptied field of somebody who still waits for a first choice is a mistake, not a wish.
  const waits = minutes === "" ? (known?.after ? { afterMinutes: Number.NaN } : {}) : { afterMinutes: Number(minutes) };
  return { ...named, ...waits };
}

/** The field that a pointer of a subscription stands for; undefined when it is none of these. */
export function fallbackField(path: string): string | undefined {
  if (path.startsWith("fallbackFor")) return "firstId";
  return path === "afterMinutes" ? "minutes" : undefined;
}

/** Folded away: who is to be reached first, and how long to wait. */
export function fallbackFields(view: View, filled: Filled): Html {
  const { t } = view;
  return html`<details${isOpen(filled, FIELDS)}><summary>${t("作为另一订阅的备用", "As a fallback of another subscription")}</summary>
<p class="hint">${t("您已有一个订阅（首选）时可填：首选在规定时间内没有收到，才发到这里。", "If you have a subscription already: what it did not get in time is sent here instead.")}</p>
${firstFields(view, filled)}${minutesField(view, filled)}</details>`;
}

/** The same on a subscription that is there: `first` is where its first choice is, as its owner may see it. */
export function fallbackChange(
  view: View,
  filled: Filled,
  { after }: Pick<Subscription, "after">,
  first: string | undefined,
): Html {
  const { t } = view;
  if (!after) return fallbackFields(view, filled);
  const where = first === undefined ? t("一个已结束的订阅", "a subscription that has ended") : first;
  const isGiven = filled.values.has("noFallback") ? trusted(" checked") : NOTHING;
  return html`<fieldset><legend>${t("备用", "Fallback")}</legend>
<p>${t("首选：", "First choice: ")}<span class="code">${where}</span></p>
<p class="hint">${t("首选在规定时间内没有收到，才发到这里。", "What it did not get in time is sent here instead.")}</p>
${minutesField(view, filled)}
<label class="choice"><input type="checkbox" name="noFallback" value="yes"${isGiven}><span>${t("不再作为备用：每条都直接发到这里", "No fallback any more: everything comes here at once")}</span></label>
<details${isOpen(filled, ["firstId"])}><summary>${t("更换首选", "Another first choice")}</summary>${firstFields(view, filled)}</details></fieldset>`;
}

function firstFields(view: View, filled: Filled): Html {
  const { t } = view;
  return html`${textField(view, filled, "firstId", t("首选订阅的编号", "The first choice's subscription"), { max: 64, autocomplete: "off", hint: t("申请首选时显示，以 sub_ 开头。", "Shown when you subscribed; it begins with sub_") })}
${textField(view, filled, "firstToken", t("首选订阅的管理令牌", "Its manage token"), { type: "password", max: 100, autocomplete: "off", hint: t("以 gsm_ 开头，证明那是您的订阅。", "It begins with gsm_ and shows that it is yours.") })}`;
}

function minutesField(view: View, filled: Filled): Html {
  const { t } = view;
  return textField(view, filled, "minutes", t("等多少分钟", "Wait so many minutes"), {
    ...{ inputmode: "numeric" as const, max: 4 },
    hint: t("1至1440。", "1 to 1440."),
  });
}
