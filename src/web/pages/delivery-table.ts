import type { CHANNELS } from "#src/domain/deliveries/channel.ts";
import { digestNamed } from "#src/domain/deliveries/digest.ts";
import type { DeliveryRow } from "#src/domain/deliveries/list.ts";
import type { DeliveryState } from "#src/domain/deliveries/states.ts";
import { attempts } from "./attempts.ts";
import { channelName } from "./channel-words.ts";
import { time } from "./dates.ts";
import { waitingWords, whereToCorrect } from "./delivery-waits.ts";
import { type Html, html, NOTHING } from "./html.ts";
import { stackedTable } from "./stacked-table.ts";
import type { View } from "./view.ts";

export const stateNames = (view: View): Record<DeliveryState, string> => ({
  delivered: view.t("已送达", "delivered"),
  suppressed: view.t("免推", "suppressed"),
  failed: view.t("失败", "failed"),
  unknown: view.t("未知", "unknown"),
  held: view.t("暂缓", "held"),
  waiting: view.t("待推", "waiting"),
});

/**
 * `supersededBy`: which revision took over from one. `stay`: what a form gives back, so that the page stands where it stood.
 * `revisions`: rows of several, so each says of which it is. `say`: a topic in words.
 * `isAdmin`: who looks at it may open the settings of a channel.
 */
export type Shown = {
  say?: (topic: string) => string;
  supersededBy?: ReadonlyMap<number, number>;
  stay?: Html;
  revisions?: boolean;
  isAdmin?: boolean;
};

/** Each delivery with its state, why it is in it, what was tried, and what can be done. */
export function deliveryTable(view: View, rows: DeliveryRow[], shown: Shown = {}): Html {
  const { t } = view;
  const heads = [t("接收端", "Endpoint"), t("状态", "State"), t("每次尝试", "Attempts"), t("操作", "Action")];
  return stackedTable(
    t("推送明细", "The deliveries"),
    "wide",
    heads,
    rows.map((row) => ({
      head: html`${shown.revisions ? revisionLink(view, row) : NOTHING}${channelName(view, row.channel as (typeof CHANNELS)[number])}<br><span class="code">${row.address ?? row.endpoint}</span><br><small class="muted">${matched(view, row, shown)}</small>`,
      cells: [
        html`${stateNames(view)[row.state]}${because(view, row, shown)}`,
        attempts(view, row),
        actions(view, row, shown),
      ],
    })),
  );
}

/** Why it is a member; of a digest, how many announcements it gets. */
function matched({ t }: View, { announcement, matched }: DeliveryRow, { say = (topic) => topic }: Shown): string {
  if (!digestNamed(announcement)) return matched.map(say).join(t("；", "; "));
  return t(`${matched.length}条公告`, matched.length === 1 ? "1 announcement" : `${matched.length} announcements`);
}

function revisionLink(view: View, { announcement, revision }: DeliveryRow): Html {
  const path = view.to(`/console/announcements/${announcement}?revision=${revision}`);
  return html`<a href="${path}">${view.t(`第${revision}版`, `revision ${revision}`)}</a><br>`;
}

function because(view: View, row: DeliveryRow, { isAdmin = false }: Shown): Html {
  const { t } = view;
  const lines: (string | Html)[] = [];
  if (row.reason) lines.push(why(view, row.reason));
  if (row.waitsFor) lines.push(waitingWords(view, row.waitsFor, row.channel));
  if (row.waitsFor === "configuration") lines.push(whereToCorrect(view, row, isAdmin));
  if (row.heldFor) lines.push(heldFor(view, row.heldFor));
  if (row.digest) lines.push(inDigest(view, row));
  else if (row.dueAt) lines.push(html`${t("下次：", "next ")}${time(row.dueAt, view.language)}`);
  return html`${lines.map((line) => html`<br><small class="muted">${line}</small>`)}`;
}

function why(view: View, reason: NonNullable<DeliveryRow["reason"]>): string {
  const { t } = view;
  const known: Record<typeof reason, string> = {
    superseded: t("已有更新的版本", "a newer revision took over"),
    ended: t("接收端已退订或失效", "the endpoint has ended"),
    "first choice reached": t(
      "首选接收端已收到，备用的不必再发",
      "the first choice got it; the fallback is not needed",
    ),
    "fallback took over": t("首选未及时送达，已由备用接收端接替", "the first choice was late; the fallback took over"),
  };
  return known[reason];
}

function heldFor({ t }: View, because: NonNullable<DeliveryRow["heldFor"]>): string {
  return because === "quiet hours"
    ? t("接收人正在免打扰时段", "its reader has quiet hours")
    : t("备用接收端：先等首选接收端送达", "a fallback: it waits for the first choice to get it");
}

function inDigest(view: View, { digest = "", endpoint, dueAt, state }: DeliveryRow): Html {
  const { t } = view;
  const id = digest.split(".")[0] ?? "";
  const name = digestNamed(id);
  if (!name) return NOTHING;
  const kind = name.frequency === "daily" ? t("每日汇总", "the daily digest") : t("每周汇总", "the weekly digest");
  const link = html`<a href="${view.to(`/console/announcements/${id}?endpoint=${endpoint}`)}">${kind} ${name.date}</a>`;
  const waits = state === "held" || state === "waiting";
  return waits
    ? html`${t("等待", "waits for ")}${link}${dueAt ? html`${t("，", ", ")}${time(dueAt, view.language)}` : NOTHING}`
    : html`${t("随", "went out in ")}${link}${t("发出", "")}`;
}

function actions(view: View, row: DeliveryRow, { supersededBy, stay = NOTHING }: Shown): Html {
  const action = view.to(`/console/announcements/${row.announcement}`);
  const hidden = html`<input type="hidden" name="revision" value="${row.revision}"><input type="hidden" name="delivery" value="${row.id}">${stay}`;
  const settle =
    row.state === "unknown" ? finding(view, row, html`<form method="post" action="${action}">${hidden}`) : NOTHING;
  return html`${again(view, row, supersededBy?.get(row.revision), html`<form method="post" action="${action}">${hidden}`)}${settle}`;
}

/** What a person found out. It takes a choice, so that Enter in the field of the reason decides nothing. `form`: where it begins. */
function finding(view: View, row: DeliveryRow, form: Html): Html {
  const { t } = view;
  const id = `${row.revision}-${row.endpoint}`;
  const who = row.address ?? row.endpoint;
  const choice = (state: string, words: string) =>
    html`<label class="choice"><input type="radio" name="state" value="${state}" required><span>${words}</span></label>`;
  return html`${form}<fieldset><legend>${t("是否送达", "Did it arrive?")}</legend><div class="choices">${choice("delivered", t("已送达", "It arrived"))}${choice("failed", t("未送达", "It did not"))}</div></fieldset>
<div class="field"><label for="reason-${id}">${t("依据", "How you know")}</label><input type="text" id="reason-${id}" name="reason" maxlength="300" required></div>
<button name="act" value="settle" class="quiet" aria-label="${t(`认定推送给${who}的结果`, `Settle what became of the push to ${who}`)}">${t("认定", "Settle")}</button></form>`;
}

/** The button to send it again where that can work; else why not. `form`: where the button's form begins. */
function again(view: View, row: DeliveryRow, newer: number | undefined, form: Html): Html {
  const { t } = view;
  if (!["failed", "unknown", "held", "waiting"].includes(row.state)) return NOTHING;
  if (newer !== undefined)
    return html`<p class="small muted">${t(`已被第${newer}版取代，本版不再推送`, `revision ${newer} took over; this one is not sent again`)}</p>`;
  if (digestNamed(row.announcement) && (row.state === "failed" || row.state === "unknown"))
    return html`<p class="small muted">${t("汇总已结束，请在其中各公告的台账里重新推送", "this digest is over; send its announcements again from their own ledgers")}</p>`;
  // Nothing was tried yet, it is on its way, or a stop of the credential holds it, which no button ends.
  if (row.state === "waiting" && (row.dueAt === undefined || row.waitsFor)) return NOTHING;
  const who = row.address ?? row.endpoint;
  const words =
    row.state === "held"
      ? { shown: t("现在推送", "Send now"), aloud: t(`现在推送给${who}`, `Send now to ${who}`) }
      : { shown: t("重新推送", "Send again"), aloud: t(`重新推送给${who}`, `Send again to ${who}`) };
  return html`${form}<button name="act" value="retry" class="quiet" aria-label="${words.aloud}">${words.shown}</button></form>`;
}
