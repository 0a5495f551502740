import { addDays, isDate, shanghaiDate, shanghaiInstant } from "#src/domain/calendar/dates.ts";
import { countMissed } from "#src/domain/deliveries/missed.ts";
import { type ReplayDeps, replay } from "#src/domain/deliveries/replay.ts";
import { AppError } from "#src/errors.ts";
import type { Text } from "#src/text.ts";
import { dateText } from "./dates.ts";
import type { Faults } from "./form.ts";
import { textField } from "./form.ts";
import { type Html, html } from "./html.ts";
import type { View } from "./view.ts";

/** The first of them begins within the 30 days that a replay goes back. */
const DAYS = 30;

const firstDay = (now: Date) => addDays(shanghaiDate(now), 1 - DAYS);

/** `since`: the day that the field begins with, or that was typed; `forWhom`: somebody else's endpoint, not the reader's own. */
export type CatchUp = { since: string | undefined; forWhom?: string | Html; faults?: Faults; index?: number };

/** What a form for it holds: what will happen, since when, and the button. */
export function catchUpFields(view: View, now: Date, { since, forWhom, faults = {}, index = 0 }: CatchUp): Html {
  const { t } = view;
  const [min, max] = [firstDay(now), shanghaiDate(now)];
  const name = index === 0 ? "since" : `since-${index}`;
  const shown = since === undefined || since === "" ? addDays(max, -7) : since;
  const what = forWhom
    ? html`<p>${t("向", "Sends ")}${forWhom}${t(" 补发它自所选日期零时起错过的公告：推送失败的、停用期间的、订阅之前发布的；已收到或可能已收到的不再发。", " what it missed from the beginning of that day on: what failed, what was left out while it was switched off, what came before it subscribed. What it has, or may have, is not sent again.")}</p>`
    : html`<p>${t("把您自所选日期零时起错过的公告补发给您：没送到的、停用期间的、订阅之前发布的；已收到或可能已收到的不再发。", "Sends you what you missed from the beginning of that day on: what did not arrive, what was left out while you were switched off, what came before you subscribed. What you have, or may have, is not sent again.")}</p>`;
  return html`${what}${textField(
    view,
    { values: new URLSearchParams({ [name]: clamped(shown, min, max, faults) }), faults },
    name,
    t("自哪天起（北京时间）", "Since which day (Beijing time)"),
    {
      ...{ type: "date", required: true, between: [min, max], posted: "since" },
      hint: t(`最早${spoken(view, min)}`, `Not before ${spoken(view, min)}`),
    },
  )}<button class="quiet" name="act" value="catch-up">${forWhom ? t("补发错过的", "Send what it missed") : t("补发给我", "Send me what I missed")}</button>`;
}

/** A day of our own choosing has to be one that may be chosen; what somebody typed stands beside its fault. */
function clamped(day: string, min: string, max: string, faults: Faults): string {
  if (Object.keys(faults).length > 0) return isDate(day) ? day : "";
  return day < min || day > max ? addDays(max, -7) : day;
}

const spoken = (view: View, day: string) => dateText(shanghaiInstant(day).toISOString(), view.language);

/** Has it done, and says what is under way. AppError "invalid" for a day that cannot be chosen, "conflict" where nobody subscribes. */
export async function catchUp(deps: ReplayDeps, endpoint: string, day: string): Promise<Text> {
  const now = deps.now();
  if (!isDate(day) || day < firstDay(now) || day > shanghaiDate(now)) throw notThatDay(now);
  const since = shanghaiInstant(day);
  // Before they are on their way: then they are missed no more.
  const { count, more } = await countMissed(deps, endpoint, since);
  await replay(deps, endpoint, since);
  return more ? manyWords(count) : count === 0 ? NONE : someWords(count);
}

function notThatDay(now: Date): AppError {
  const [min, max] = [firstDay(now), shanghaiDate(now)].map((day) => shanghaiInstant(day).toISOString());
  const [from, to] = [min ?? "", max ?? ""];
  const detail = {
    zh: `请选择${dateText(from, "zh-CN")}至${dateText(to, "zh-CN")}之间的日期`,
    en: `choose a day from ${dateText(from, "en")} to ${dateText(to, "en")}`,
  };
  return new AppError("invalid", "INVALID", detail, { errors: [{ pointer: "/since", code: "SINCE", detail }] });
}

const NONE = {
  zh: "自那天起没有错过的公告，无须补发。",
  en: "Nothing was missed since then, so there is nothing to send.",
};

const someWords = (count: number): Text => ({
  zh: `正在补发自那天起错过的${count}条公告。正处于免打扰时段的，到时段结束时送达。`,
  en: `${count === 1 ? "1 announcement that was missed is" : `${count} announcements that were missed are`} being sent. In quiet hours they arrive when those end.`,
});

const manyWords = (count: number): Text => ({
  zh: `正在补发自那天起错过的公告。公告很多，已查看的部分中有${count}条，其余边查边推。`,
  en: `What was missed since then is being sent: ${count} among those looked at so far; there are too many to count them all now.`,
});
