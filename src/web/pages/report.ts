import type { ReportRevision } from "#src/domain/annual-reports/annual-report.ts";
import { lateness } from "#src/domain/annual-reports/lateness.ts";
import { getPublishedReport } from "#src/domain/annual-reports/read.ts";
import { filedOn } from "#src/domain/annual-reports/store.ts";
import type { WebDeps } from "#src/web/app.ts";
import { date, time } from "./dates.ts";
import { type Html, html, NOTHING } from "./html.ts";
import { noSuchPage } from "./listing.ts";
import type { Page } from "./page.ts";
import { figureTable, reportTable } from "./report-table.ts";
import { divisionName, lateBadge } from "./reports.ts";
import { unitPath } from "./teasers.ts";
import type { View } from "./view.ts";

/** A published report: who, when, and the 15 fields as the registry's page shows them. */
export async function reportPage(
  deps: Pick<WebDeps, "table">,
  view: View,
  id: string,
  asked: string | null,
): Promise<Page> {
  const published = await getPublishedReport(deps, id);
  const current = published?.revision;
  const number = asked !== null && /^[1-9]\d{0,5}$/.test(asked) ? Number(asked) : undefined;
  const isWithdrawn = current?.kind === "withdrawn";
  const report =
    asked === null || isWithdrawn ? current : published?.history.find((revision) => revision.revision === number);
  if (!published || !current || !report) throw noSuchPage();
  const { t } = view;
  const { fields } = report;
  const name = fields.institutionName ?? report.unitName;
  const title = t(`${name}${fields.reportYear}年度报告`, `Annual report ${fields.reportYear}: ${name}`);
  const reports = t("年度报告", "Annual reports");
  return {
    changedAt: current.publishedAt,
    datedExactly: true,
    head: {
      title,
      description: title,
      canonical: `/annual-reports/${report.reportId}`,
      hidden: isWithdrawn || report !== current,
      crumbs: [
        { name: reports, path: "/annual-reports" },
        ...(report.division ? [{ name: divisionName(report.division) }] : []),
        { name },
      ],
      feeds: [{ folder: "/columns/annual-reports/", title: reports }],
      column: { name: "年度报告", description: "事业单位法人年度报告公示", type: t("通知", "notices") },
      article: { title, publishedAt: report.firstPublishedAt, source: report.unitName, keywords: ["年度报告"] },
    },
    main: html`<article class="card article">
${notice(view, report, current)}
<header>
<h1 lang="zh-CN">${name}</h1>
<p class="kicker">${t(`${fields.reportYear}年度报告`, `Annual report on ${fields.reportYear}`)}</p>
<ul class="facts">
<li>${t("发布时间：", "Published ")}${time(report.firstPublishedAt, view.language)}</li>
${fields.uscc ? html`<li>${t("统一社会信用代码：", "Social credit code ")}<span class="code">${fields.uscc}</span></li>` : NOTHING}
</ul>
<ul class="facts">
<li>${report.originalDate ? t("原公示：", "First published elsewhere ") : t("报送：", "Filed ")}${date(filedOn(report).toISOString(), view.language)} ${lateBadge(view, lateness(fields.reportYear, filedOn(report)))}</li>
<li>${t("受理：", "Accepted ")}${date(report.acceptedAt, view.language)}</li>
<li><a href="${view.to(unitPath(report.unitId))}">${t("本单位公告", "Announcements of this unit")}</a></li>
</ul>
</header>
${isWithdrawn ? NOTHING : html`${reportTable(view, fields)}${figureTable(view, fields.activities)}`}
<section class="proof" aria-labelledby="proof"><h2 id="proof">${t("公示依据与校验", "Basis and proof")}</h2>
${revisions(view, report, published.history)}
<p>${t(
      `举办单位已审核：内容真实、经保密审查、可以公示（签署人：${report.opinion.signer}）。`,
      `Its sponsor has reviewed it: true, checked for secrets, fit to be published (signed by ${report.opinion.signer}).`,
    )} <a href="${view.to(`/announcements/${report.announcementId}`)}">${t("查看公示公告", "See its announcement")}</a></p>
<p class="small muted">${t("内容校验值（SHA-256）：", "Fingerprint of the content (SHA-256): ")}<span class="code">${report.contentHash}</span></p>
<p class="small muted onlyprint">${view.baseUrl}/annual-reports/${report.reportId}</p>
</section>
</article>`,
  };
}

function notice(view: View, shown: ReportRevision, current: ReportRevision): Html {
  const { t } = view;
  const path = `/annual-reports/${current.reportId}`;
  const reason = (report: ReportRevision) =>
    report.reason ? html`<p>${t("原因：", "Reason: ")}${report.reason}</p>` : NOTHING;
  if (current.kind === "withdrawn")
    return html`<div class="notice red" role="note"><p class="title">${t("本报告已撤回", "This report has been withdrawn")}</p><p>${t("撤回时间：", "Withdrawn ")}${time(current.publishedAt, view.language)}</p>${reason(current)}</div>`;
  if (shown !== current)
    return html`<div class="notice" role="note"><p class="title">${t(`您正在查看第${shown.revision}版（旧版）`, `This is revision ${shown.revision}, an earlier one`)}</p><p><a href="${view.to(path)}">${t(`查看现行的第${current.revision}版`, `Read the current revision ${current.revision}`)}</a></p></div>`;
  if (current.kind === "corrected")
    return html`<div class="notice" role="note"><p class="title">${t("本报告已更正", "This report has been corrected")}</p><p>${t("更正时间：", "Corrected ")}${time(current.publishedAt, view.language)}</p>${reason(current)}</div>`;
  return NOTHING;
}

function revisions(view: View, shown: ReportRevision, history: ReportRevision[]): Html {
  const { t } = view;
  const kinds = {
    published: t("公示", "Published"),
    corrected: t("更正", "Corrected"),
    withdrawn: t("撤回", "Withdrawn"),
  };
  const linked = history[0]?.kind !== "withdrawn";
  return html`<ol class="history">${history.map((one) => {
    const name = t(`第${one.revision}版`, `Revision ${one.revision}`);
    const link = html`<a href="${view.to(`/annual-reports/${one.reportId}?revision=${one.revision}`)}">${name}</a>`;
    return html`<li${one === shown ? html` class="now"` : NOTHING}><p>${one === shown || !linked ? html`<strong>${name}</strong>` : link} · ${kinds[one.kind]} · ${time(one.publishedAt, view.language)}</p>${one.reason ? html`<p class="small muted">${t("原因：", "Reason: ")}${one.reason}</p>` : NOTHING}</li>`;
  })}</ol>`;
}
