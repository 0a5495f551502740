import { listPublishedReports } from "#src/domain/annual-reports/read.ts";
import type { PublishedReport } from "#src/domain/annual-reports/rows.ts";
import { findDivision } from "#src/domain/units/divisions.ts";
import type { WebDeps } from "#src/web/app.ts";
import { openCursor, sealCursor } from "#src/web/cursor.ts";
import { date } from "./dates.ts";
import { type Html, html, NOTHING } from "./html.ts";
import type { Page } from "./page.ts";
import type { View } from "./view.ts";

const ROWS = 50;

export function lateBadge(view: View, report: { late: boolean; daysLate: number }): Html {
  if (!report.late) return NOTHING;
  return html`<span class="badge late">${view.t(`逾期${report.daysLate}天`, `${report.daysLate} days late`)}</span>`;
}

/** Published annual reports, newest year first or of one year. */
export async function reportsPage(
  deps: Pick<WebDeps, "table" | "secret">,
  view: View,
  query: URLSearchParams,
): Promise<Page> {
  const { t } = view;
  const asked = query.get("year") ?? "";
  const year = /^\d{4}$/.test(asked) ? Number(asked) : undefined;
  const scope = JSON.stringify(["annual-reports", year ?? 0]);
  const cursor = query.get("after");
  const after = cursor === null ? undefined : openCursor(deps.secret, scope, cursor);
  const { items, next } = await listPublishedReports(deps, {
    limit: ROWS,
    ...(year === undefined ? {} : { year }),
    ...(after ? { after } : {}),
  });
  const title = t("年度报告", "Annual reports");
  const years = [...new Set(items.map((report) => report.reportYear))].sort((a, b) => b - a);
  const further = new URLSearchParams({
    ...(year ? { year: asked } : {}),
    after: next === undefined ? "" : sealCursor(deps.secret, scope, next),
  });
  return {
    head: {
      title: year === undefined ? title : t(`${year}年度报告`, `${title} ${year}`),
      crumbs:
        year === undefined ? [{ name: title }] : [{ name: title, path: "/annual-reports" }, { name: String(year) }],
      canonical: after ? view.here : year === undefined ? "/annual-reports" : `/annual-reports?year=${year}`,
      feeds: [{ folder: "/columns/annual-reports/", title }],
      column: { name: "年度报告", description: "事业单位法人年度报告公示", type: t("通知", "notices") },
    },
    changedAt: items
      .map((report) => report.publishedAt)
      .sort()
      .at(-1),
    main: html`<section class="card">
<div class="head"><h1>${title}</h1><p class="facts"><span>${t("订阅本页", "Follow this page")}</span><a href="/columns/annual-reports/feed.atom">Atom</a><a href="/columns/annual-reports/feed.rss">RSS</a><a href="/columns/annual-reports/feed.json">JSON</a></p></div>
<p class="lead">${t("事业单位每年3月31日前报送上一年度报告，经举办单位审核、登记管理机关受理后在此公示。", "Public institutions report on each year by 31 March of the next. Reports stand here once the sponsor has reviewed and the registrar has accepted them.")}</p>
<form class="row" method="get" action="/annual-reports">${view.chosen ? html`<input type="hidden" name="lang" value="${view.language}">` : NOTHING}
<div class="field short"><label for="year">${t("报告年度", "Year reported on")}</label><input type="text" inputmode="numeric" pattern="[0-9]{4}" maxlength="4" id="year" name="year" value="${year ?? ""}"></div><button class="quiet">${t("查看", "Show")}</button></form>
${items.length === 0 ? html`<p class="empty">${t("还没有公示的年度报告。", "No report has been published yet.")}</p>` : NOTHING}
${years.map((one) =>
  yearList(
    view,
    one,
    items.filter((report) => report.reportYear === one),
  ),
)}
${
  next || after
    ? html`<nav class="pager" aria-label="${t("翻页", "Pages")}"><span>${after ? html`<a href="${view.to(year ? `/annual-reports?year=${year}` : "/annual-reports")}">${t("回到最新", "Back to the newest")}</a>` : NOTHING}</span>${next ? html`<a class="button quiet" rel="next" href="${view.to(`/annual-reports?${further}`)}">${t("更多", "More")}</a>` : NOTHING}</nav>`
    : NOTHING
}
</section>`,
  };
}

function yearList(view: View, year: number, reports: PublishedReport[]): Html {
  const { t } = view;
  return html`<h2>${t(`${year}年度`, `On ${year}`)}</h2><ul class="list">${reports.map(
    (
      report,
    ) => html`<li><h3>${report.kind === "withdrawn" ? html`<span class="badge">${t("已撤回", "Withdrawn")}</span>` : NOTHING}${
      report.kind === "corrected" ? html`<span class="badge">${t("已更正", "Corrected")}</span>` : NOTHING
    }${lateBadge(view, report)}<a href="${view.to(`/annual-reports/${report.id}`)}" lang="zh-CN">${report.institutionName}</a></h3>
<ul class="facts"><li>${t("公示：", "Published ")}${date(report.firstPublishedAt, view.language)}</li>${
      report.division ? html`<li lang="zh-CN">${divisionName(report.division)}</li>` : NOTHING
    }</ul></li>`,
  )}</ul>`;
}

export function divisionName(code: string): string {
  return findDivision(code)?.name ?? code;
}
