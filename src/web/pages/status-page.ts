import type { ChannelStatus } from "#src/domain/deliveries/service-status.ts";
import type { WebDeps } from "#src/web/app.ts";
import { channelName } from "./channel-words.ts";
import { time } from "./dates.ts";
import { type Html, html, NOTHING } from "./html.ts";
import type { Page } from "./page.ts";
import type { View } from "./view.ts";

/** How the service is: the ledgers of the last days, summed, for everybody. */
export async function statusPage(deps: Pick<WebDeps, "status">, view: View): Promise<Page> {
  const { t } = view;
  const status = await deps.status();
  const title = t("运行状态", "Service status");
  const used = status.channels.filter(({ matched, canary }) => matched > 0 || canary !== undefined);
  const late = used.filter(({ oldestWaitingAt }) => oldestWaitingAt !== undefined);
  return {
    head: { title, crumbs: [{ name: title }] },
    main: html`<section class="card article"><div class="head"><h1>${title}</h1></div>
<p class="lead">${
      late.length > 0
        ? t("部分推送正在进行或排队。", "Some pushes are under way or wait their turn.")
        : t("没有积压，全部推送均已处理。", "Nothing waits; every push has been dealt with.")
    }</p>
<p>${t(`最近${status.days}天共推送${status.fanouts}个版本，其中${status.open}个尚未结清。`, `${status.fanouts} revisions in the last ${status.days} days, ${status.open} of them still open.`)}
${t("数字由推送台账逐条汇总，不估算。", "The figures are summed from the ledgers, not estimated.")}</p>
${used.length > 0 ? NOTHING : html`<p class="muted">${t("还没有推送过。", "Nothing has been pushed yet.")}</p>`}
<p class="hint">${t("“10秒内”指公告发布后10秒内交到对方手中的比例。测试接收端由本单位自设，接收每一条公告，用来验证渠道畅通。", "“Within 10 s” is the share handed over within 10 seconds of publication. The test endpoint is our own; it gets every announcement and shows that the channel works.")}</p>
<p class="muted">${t("更新于", "As of ")}${time(status.at, view.language)}</p></section>
${used.map((one) => figures(view, one))}`,
  };
}

function figures(view: View, one: ChannelStatus): Html {
  const { t } = view;
  const pairs: [string, Html | string | number][] = [
    [t("10秒内送达", "Within 10 s"), percent(one.shareWithin10s)],
    [t("60秒内送达", "Within 60 s"), percent(one.shareWithin60s)],
    [t("应推", "Matched"), one.matched],
    [t("已送达", "Delivered"), one.delivered],
    [t("失败", "Failed"), one.failed],
    [t("未知", "Unknown"), one.unknown],
    [t("待推", "Waiting"), waiting(view, one)],
    [t("停用接收端", "Switched off"), one.switchedOff],
    ...one.paused.map((pause): [string, Html] => [t("服务方暂停", "Paused by the vendor"), pausedShown(view, pause)]),
    [t("测试接收端", "Test endpoint"), canary(view, one)],
  ];
  const name = channelName(view, one.name);
  return html`<section class="card" aria-labelledby="${one.name}"><h2 id="${one.name}">${name}${one.ready ? NOTHING : html` <span class="badge late">${t("尚未设置", "not set up")}</span>`}</h2>
<dl class="pairs">${pairs.map(([term, value]) => html`<dt>${term}</dt><dd class="num">${value}</dd>`)}</dl></section>`;
}

function waiting(view: View, { waiting, held, oldestWaitingAt }: ChannelStatus): Html {
  const since = oldestWaitingAt
    ? html` <small class="muted">${view.t("最早自", "since ")}${time(oldestWaitingAt, view.language)}</small>`
    : NOTHING;
  return html`${waiting + held}${since}`;
}

const BECAUSE = {
  rate: ["发送过快", "too fast"],
  quota: ["配额用完", "quota used up"],
  configuration: ["设置有误", "a setting is wrong"],
} as const;

function pausedShown(view: View, { because, credentials, until }: ChannelStatus["paused"][number]): Html {
  const { t } = view;
  const [zh, en] = BECAUSE[because];
  const count = credentials > 1 ? t(`，${credentials}个账号`, `, ${credentials} accounts`) : "";
  return html`${t(zh, en)}${count} <small class="muted">${t("再试时间", "next try")} ${time(until, view.language)}</small>`;
}

function canary(view: View, { canary }: ChannelStatus): Html {
  const { t } = view;
  if (!canary) return html`<span class="muted">${t("未设", "none set")}</span>`;
  const { announcements, within10s, within60s } = canary;
  if (announcements === 0)
    return html`<span class="muted">${t("已设，还没有测到", "set, nothing measured yet")}</span>`;
  const last =
    canary.lastMs === null
      ? t("最近一条未收到", "the last one has not arrived")
      : t(
          `最近一条${(canary.lastMs / 1000).toFixed(1)}秒`,
          `the last one after ${(canary.lastMs / 1000).toFixed(1)} s`,
        );
  return html`${t(`${announcements}条中${within10s}条在10秒内，${within60s}条在60秒内`, `of ${announcements}, ${within10s} within 10 s and ${within60s} within 60 s`)}<br><small class="muted">${last}</small>`;
}

function percent(share: number | null): string {
  // Never "100 %" while one is missing.
  return share === null ? "—" : `${Math.floor(share * 1000) / 10} %`;
}
