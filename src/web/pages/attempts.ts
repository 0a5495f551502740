import type { DeliveryRow } from "#src/domain/deliveries/list.ts";
import { moment } from "./dates.ts";
import { errorWords } from "./error-words.ts";
import { type Html, html, NOTHING } from "./html.ts";
import type { View } from "./view.ts";

type Attempt = DeliveryRow["attempts"][number];

/** Everything that was tried, in order: when, why then, what came of it in how long, and what was said. */
export function attempts(view: View, row: DeliveryRow): Html {
  if (row.attempts.length === 0) return html`<span class="muted">${view.t("还没有", "none yet")}</span>`;
  return html`<ol class="history">${row.attempts.map((one) => html`<li>${attempt(view, one)}</li>`)}</ol>`;
}

function attempt(view: View, one: Attempt): Html {
  const { t } = view;
  const lines: (string | Html)[] = [];
  if (one.lost)
    lines.push(
      t(
        "推送程序中断，可能已送到（再次推送则可能收到两次），不计次数",
        "the worker was lost: it may have arrived, and twice where it was pushed again; costs no try",
      ),
    );
  else if (one.error && one.error !== String(one.status)) lines.push(errorWords(view, one.error));
  if (one.pause)
    lines.push(t("服务方暂停了整个账号，不计次数", "the vendor stopped the whole credential; costs no try"));
  if (one.sooner)
    lines.push(t("对方指定了再试的时间，不计次数", "the receiver named the time of the next try; costs no try"));
  if (one.note) lines.push(html`${t("依据：", "because: ")}${one.note}`);
  if (one.byName) lines.push(html`${t("认定人：", "settled by ")}${one.byName}`);
  return html`${moment(one.at, view.language)}<br>${cause(view, one)}${t("：", ": ")}${came(view, one)}${one.status ? html` <span class="code">${one.status}</span>` : NOTHING}${one.ms > 0 ? html` <small class="muted num">${duration(view, one.ms)}</small>` : NOTHING}${lines.map((line) => html`<br><small>${line}</small>`)}`;
}

function duration(view: View, ms: number): string {
  return ms < 1000 ? `${ms} ${view.t("毫秒", "ms")}` : `${(ms / 1000).toFixed(1)} ${view.t("秒", "s")}`;
}

/** A note is what a person gave as the reason for settling it. */
function cause(view: View, { trigger, note }: Attempt): string {
  const { t } = view;
  if (note !== undefined) return t("人工认定", "settled by hand");
  const known: Record<Attempt["trigger"], string> = {
    plan: t("首次推送", "first push"),
    schedule: t("自动重试", "automatic retry"),
    release: t("暂缓后推送", "sent after it was held"),
    person: t("人工重推", "sent again by hand"),
    receipt: t("平台回执", "the provider's receipt"),
  };
  return known[trigger];
}

function came(view: View, { outcome, trigger, note }: Attempt): string {
  const { t } = view;
  // Nobody refused anything then: it was found out afterwards.
  if (outcome === "rejected" && (note !== undefined || trigger === "receipt")) return t("未送达", "not delivered");
  const known: Record<Attempt["outcome"], string> = {
    delivered: t("送达", "delivered"),
    accepted: t("平台已接收", "accepted by the provider"),
    gone: t("地址已失效", "address is gone"),
    rejected: t("被拒绝", "rejected"),
    retry: t("未成功", "not taken"),
    unknown: t("结果未知", "outcome unknown"),
  };
  return known[outcome];
}
