import type { ChannelName } from "#src/domain/deliveries/channel.ts";
import type { Ledger } from "#src/domain/deliveries/ledger.ts";
import { type Counts, DELIVERY_STATES } from "#src/domain/deliveries/states.ts";
import { channelName } from "./channel-words.ts";
import { stateNames } from "./delivery-table.ts";
import { type Html, html } from "./html.ts";
import { stackedTable } from "./stacked-table.ts";
import type { View } from "./view.ts";

/** How far a revision's pushes are, and their balance by channel. */
export function balance(view: View, counts: Ledger): Html {
  const { t } = view;
  const done = counts.matched - counts.waiting - counts.held;
  const label = t("推送进度", "Progress");
  const heads = [t("渠道", "Channel"), ...figureHeads(view)];
  const rows = [
    ...Object.entries(counts.channels).map(([name, one]) => ({
      head: channelName(view, name as ChannelName),
      cells: figures(one),
    })),
    { head: t("合计", "All"), cells: figures(counts) },
  ];
  return html`<p><progress max="${Math.max(1, counts.matched)}" value="${done}" aria-label="${label}"></progress> ${t(`${done} / ${counts.matched}`, `${done} of ${counts.matched}`)} ${closedBadge(view, counts)}</p>
${balanceHint(view)}
${stackedTable(t("各渠道", "By channel"), "figures", heads, rows)}`;
}

/** What the columns of `figures` are. */
export function figureHeads(view: View): string[] {
  const names = stateNames(view);
  return [view.t("应推", "matched"), ...DELIVERY_STATES.map((state) => names[state])];
}

export function figures(counts: Counts): number[] {
  return [counts.matched, ...DELIVERY_STATES.map((state) => counts[state])];
}

export function closedBadge({ t }: View, { closed }: Pick<Ledger, "closed">): Html {
  return html`<span class="badge${closed ? " good" : ""}">${closed ? t("已结清", "closed") : t("进行中", "open")}</span>`;
}

export function balanceHint({ t }: View): Html {
  return html`<p class="hint">${t("应推 = 已送达 + 免推 + 失败 + 未知 + 暂缓 + 待推", "matched = delivered + suppressed + failed + unknown + held + waiting")}</p>`;
}
