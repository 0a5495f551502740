import { digestAt, digestNamed } from "#src/domain/deliveries/digest.ts";
import type { DeliveryRow } from "#src/domain/deliveries/list.ts";
import { hasRole } from "#src/domain/members/member.ts";
import type { WebDeps } from "#src/web/app.ts";
import { catchUpSection } from "./catch-up-section.ts";
import { dayOf, time } from "./dates.ts";
import { type Html, html, NOTHING } from "./html.ts";
import { balance } from "./ledger-balance.ts";
import { lookUpLedger, type Subject, type Wanted } from "./ledger-lookup.ts";
import { revisionLedgers, revisionName } from "./ledger-revisions.ts";
import { oneByOne } from "./ledger-rows.ts";
import type { Page } from "./page.ts";
import { staff } from "./sign-in.ts";
import { topicWords } from "./topics.ts";
import type { View } from "./view.ts";

type Deps = Pick<WebDeps, "table" | "channels" | "now" | "config">;

const REFRESH_SECONDS = 3;

/** One announcement's pushes: how far they are, who did not get it and why, did this person get it; and what to do. */
export async function ledgerPage(
  deps: Deps,
  view: View,
  at: { id: string; query: URLSearchParams; request: Request },
  news: Html = NOTHING,
): Promise<Page> {
  const { t } = view;
  const caller = await staff(deps, at.request, "editor");
  const isAdmin = hasRole(caller, "admin");
  const { subject, counts, wanted, rows } = await lookUpLedger(deps, caller, at);
  const { say } = await topicWords(deps, view, rowTopics(rows.items));
  const { revision } = subject;
  const title = t("推送台账", "Deliveries");
  const isWhole = wanted.endpoint === "" && wanted.state === undefined && wanted.after === undefined;
  // What is published is planned in a moment; a digest perhaps never.
  const isMoving = isWhole && (counts ? !counts.closed : subject.kind === "revision");
  // What a button came to stays to be read.
  const isStill = at.query.get("refresh") === "off" || news !== NOTHING;
  const here = `/console/announcements/${at.id}?revision=${revision}`;
  return {
    head: { title: `${title}：${titleOf(view, subject)}`, hidden: true },
    personal: true,
    // Without a script: the page itself comes again while something moves.
    ...(isMoving && !isStill ? { headers: { refresh: String(REFRESH_SECONDS) } } : {}),
    main: html`<div class="head"><h1>${title}</h1><a href="${view.to("/console")}">${t("返回工作台", "Back to the console")}</a></div>
${news}
<section class="card">${headOf(view, at.id, subject)}
${counts ? balance(view, counts) : html`<p class="muted">${t("尚未开始推送。", "Not fanned out yet.")}</p>`}
${isMoving ? refreshLine(view, here, isStill) : NOTHING}</section>
${subject.kind === "digest" ? NOTHING : revisionLedgers(view, at.id, revision, subject.history)}
${finder(view, at.id, wanted)}
${oneByOne(view, { id: at.id, revision, here, isAdmin }, wanted, rows, say)}
${catchUpSection(view, deps.now(), { id: at.id, isAdmin, wanted, found: rows.found ?? [], since: at.query.get("since") ?? publishedDay(subject) })}`,
  };
}

function rowTopics(rows: DeliveryRow[]): string[] {
  return [...new Set(rows.filter(({ announcement }) => !digestNamed(announcement)).flatMap(({ matched }) => matched))];
}

const publishedDay = (subject: Subject) => (subject.kind === "digest" ? undefined : dayOf(subject.text.publishedAt));

function titleOf({ t }: View, subject: Subject): string {
  if (subject.kind === "revision") return subject.text.content.title;
  const { frequency, date } = subject.name;
  const kind = frequency === "weekly" ? t("每周汇总", "Weekly digest") : t("每日汇总", "Daily digest");
  return `${kind} ${date}`;
}

function headOf(view: View, id: string, subject: Subject): Html {
  const { t } = view;
  const title = titleOf(view, subject);
  if (subject.kind === "digest")
    return html`<h2>${title}</h2><ul class="facts"><li>${t("发出：", "Goes out ")}${time(digestAt(subject.name).toISOString(), view.language)}</li></ul>`;
  const { announcement, text } = subject;
  const work =
    announcement.work && announcement.state === "published"
      ? html`<p><a href="${view.to(`/console/announcements/${id}?work=1`)}">${t("有一份更正稿在办：查看、审核或发布", "A correction is in work: look at it, review or publish it")}</a></p>`
      : NOTHING;
  const link =
    announcement.audience.kind === "public"
      ? html`<li><a href="${view.to(`/announcements/${id}`)}">${t("看公告", "The announcement")}</a></li>`
      : html`<li>${t("内部消息，不公开", "Internal, shown nowhere")}</li>`;
  return html`<h2 lang="${text.content.language}">${title}</h2>
<ul class="facts"><li>${text.unitName}</li><li>${revisionName(view, text)}</li><li>${time(text.publishedAt, view.language)}</li>${link}</ul>${work}`;
}

function refreshLine(view: View, here: string, isStill: boolean): Html {
  const { t } = view;
  return html`<p class="small muted">${
    isStill
      ? html`<a href="${view.to(here)}">${t("恢复自动刷新", "Refresh by itself again")}</a>`
      : html`${t(`推送未完时，本页每${REFRESH_SECONDS}秒自动刷新。`, `While pushes run this page refreshes itself every ${REFRESH_SECONDS} seconds.`)} <a href="${view.to(`${here}&refresh=off`)}">${t("停止自动刷新", "Stop that")}</a>`
  }</p>`;
}

function finder(view: View, id: string, { endpoint }: Wanted): Html {
  const { t } = view;
  return html`<section class="card" aria-labelledby="find"><h2 id="find">${t("查一个接收端", "Look one endpoint up")}</h2>
<form method="get" action="${view.to(`/console/announcements/${id}`)}" class="stacked">
${view.chosen ? html`<input type="hidden" name="lang" value="${view.language}">` : NOTHING}
<div class="field"><label for="endpoint">${t("地址、订阅编号或接收端编号", "Address, subscription or endpoint id")}</label><input type="search" id="endpoint" name="endpoint" maxlength="2048" value="${endpoint}"></div>
<button class="quiet">${t("查找", "Find")}</button></form></section>`;
}
