import type { CHANNELS } from "#src/domain/deliveries/channel.ts";
import { digestNamed } from "#src/domain/deliveries/digest.ts";
import type { DeliveryRow } from "#src/domain/deliveries/list.ts";
import type { DeliveryState } from "#src/domain/deliveries/states.ts";
import { channelName } from "./channel-words.ts";
import { time } from "./dates.ts";
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

/** Each delivery with its state, why it is in it, what was tried, and what can be done. */
export function deliveryTable(view: View, rows: DeliveryRow[]): Html {
  const { t } = view;
  const heads = [t("接收端", "Endpoint"), t("状态", "State"), t("每次尝试", "Attempts"), t("操作", "Action")];
  return stackedTable(
    t("推送明细", "The deliveries"),
    "wide",
    heads,
    rows.map((row) => ({
      head: html`${channelName(view, row.channel as (typeof CHANNELS)[number])}<br><span class="code">${row.address ?? row.endpoint}</span><br><small class="muted">${row.matched.join(t("、", ", "))}</small>`,
      cells: [html`${stateNames(view)[row.state]}${because(view, row)}`, attempts(view, row), actions(view, row)],
    })),
  );
}

function because(view: View, row: DeliveryRow): Html {
  const { t } = view;
  const lines: (string | Html)[] = [];
  if (row.reason) lines.push(why(view, row.reason));
  if (row.waitsFor) lines.push(waitsFor(view, row.waitsFor));
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

function waitsFor(view: View, because: NonNullable<DeliveryRow["waitsFor"]>): string {
  const { t } = view;
  const known: Record<typeof because, string> = {
    rate: t("排队中：渠道限速", "in the queue: the channel's pace"),
    quota: t("等待配额：服务方今日或本月的额度已用完", "waits for the vendor's quota of the day or month"),
    configuration: t("等待设置：服务方拒绝了账号或权限", "waits for a setting: the vendor refuses the credential"),
  };
  return known[because];
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

function attempts(view: View, row: DeliveryRow): Html {
  if (row.attempts.length === 0) return html`<span class="muted">${view.t("还没有", "none yet")}</span>`;
  return html`<ol class="history">${row.attempts.map(
    (one) =>
      html`<li>${time(one.at, view.language)} ${attemptName(view, one)}${one.status ? html` <span class="code">${one.status}</span>` : NOTHING}${one.ms > 0 ? ` ${one.ms} ms` : ""}${one.error && !one.lost ? html`<br><small>${one.error}</small>` : NOTHING}${one.note ? html`<br><small>${view.t("依据：", "because: ")}${one.note}</small>` : NOTHING}</li>`,
  )}</ol>`;
}

function attemptName(view: View, { pause, lost, outcome }: DeliveryRow["attempts"][number]): string {
  if (pause) return view.t("服务方暂停了整个账号，不计次数", "the vendor stopped the whole credential; costs no try");
  if (lost)
    return view.t(
      "推送程序中断，可能已送到（再次推送则可能收到两次），不计次数",
      "the worker was lost: it may have arrived, and twice where it was pushed again; costs no try",
    );
  return outcomeName(view, outcome);
}

function outcomeName(view: View, outcome: DeliveryRow["attempts"][number]["outcome"]): string {
  const { t } = view;
  const known: Record<typeof outcome, string> = {
    delivered: t("送达", "delivered"),
    accepted: t("平台已接收", "accepted by the provider"),
    gone: t("地址已失效", "address is gone"),
    rejected: t("被拒绝", "rejected"),
    retry: t("未成功，将再试", "not now, to be tried again"),
    unknown: t("结果未知", "outcome unknown"),
  };
  return known[outcome];
}

function actions(view: View, row: DeliveryRow): Html {
  const { t } = view;
  if (!["failed", "unknown", "held", "waiting"].includes(row.state)) return NOTHING;
  const action = view.to(`/console/announcements/${row.announcement}`);
  const hidden = html`<input type="hidden" name="revision" value="${row.revision}"><input type="hidden" name="delivery" value="${row.id}">`;
  const who = row.address ?? row.endpoint;
  const again =
    row.state === "held"
      ? { shown: t("现在推送", "Send now"), aloud: t(`现在推送给${who}`, `Send now to ${who}`) }
      : { shown: t("重新推送", "Send again"), aloud: t(`重新推送给${who}`, `Send again to ${who}`) };
  return html`<form method="post" action="${action}">${hidden}<button name="act" value="retry" class="quiet" aria-label="${again.aloud}">${again.shown}</button></form>
${
  row.state === "unknown"
    ? html`<form method="post" action="${action}">${hidden}<div class="field"><label for="reason-${row.endpoint}">${t("依据", "How you know")}</label><input type="text" id="reason-${row.endpoint}" name="reason" maxlength="300" required></div>
<input type="hidden" name="act" value="settle"><button name="state" value="delivered" class="quiet">${t("认定已送达", "It arrived")}</button> <button name="state" value="failed" class="quiet">${t("认定未送达", "It did not")}</button></form>`
    : NOTHING
}`;
}
