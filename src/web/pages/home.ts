import { listColumns } from "#src/domain/announcements/columns.ts";
import { listPublished } from "#src/domain/announcements/read.ts";
import { listPublishedReports } from "#src/domain/annual-reports/read.ts";
import type { WebDeps } from "#src/web/app.ts";
import { html, NOTHING } from "./html.ts";
import type { Page } from "./page.ts";
import { teaserList } from "./teasers.ts";
import type { View } from "./view.ts";
import { columnKind, columnName } from "./words.ts";

const READ = 40;
const SHOWN = 12;
const REPORTS = 5;
const URGENT_DAYS = 14;

export async function homePage(deps: Pick<WebDeps, "table" | "now">, view: View): Promise<Page> {
  const { t } = view;
  const [{ items }, columns, reports] = await Promise.all([
    listPublished(deps, { list: "all", limit: READ }),
    listColumns(deps),
    listPublishedReports(deps, { limit: REPORTS }),
  ]);
  const publishedReports = reports.items.filter((report) => report.kind !== "withdrawn");
  const since = new Date(deps.now().getTime() - URGENT_DAYS * 86_400_000).toISOString();
  const urgent = items.filter((one) => one.urgency === "urgent" && one.publishedAt >= since).slice(0, 3);
  const newest = items.filter((one) => !urgent.includes(one)).slice(0, SHOWN);
  const shownColumns = columns.filter((column) => column.slug !== "home");
  return {
    head: { feeds: [{ folder: "/", title: view.say(view.site.name) }] },
    changedAt: items[0]?.publishedAt,
    main: html`<h1 class="hidden">${view.say(view.site.name)}</h1>
${
  urgent.length > 0
    ? html`<section class="alert" aria-labelledby="urgent"><h2 id="urgent">${t("紧急公告", "Urgent")}</h2>${teaserList(view, urgent, { summaries: true })}</section>`
    : NOTHING
}
<div class="columns-2">
<div>
<section class="card" aria-labelledby="newest">
<div class="head"><h2 id="newest">${t("最新公告", "Newest announcements")}</h2></div>
${
  newest.length > 0
    ? teaserList(view, newest, { summaries: false })
    : html`<p class="empty">${t("还没有公告。", "Nothing has been announced yet.")}</p>`
}
${
  items.length > newest.length
    ? html`<p class="pager"><a href="${view.to("/announcements")}">${t("全部公告", "All announcements")}</a></p>`
    : NOTHING
}
</section>
</div>
<div>
<section class="card" aria-labelledby="send-in">
<h2 id="send-in">${t("反映问题", "Send in a case")}</h2>
<p>${t(
      "诈骗网站、官网被篡改、谣言、服务投诉或建议，都可以在这里反映。不必留下联系方式，凭回执即可查询办理进度。",
      "A scam site, a defaced official site, a rumour, a complaint or a suggestion: send it here. You need not leave your name; a receipt lets you follow it.",
    )}</p>
<p class="row"><a class="button" href="${view.to("/report")}">${t("我要反映", "Send in a case")}</a> <a class="button quiet" href="${view.to("/receipt")}">${t("查询回执", "Follow a case")}</a></p>
</section>
<section class="card" aria-labelledby="follow">
<h2 id="follow">${t("订阅公告", "Subscribe")}</h2>
<p>${t(
      "公告一经发布，即推送到您选择的渠道：系统接口、聊天群，或用阅读器订阅。",
      "Every announcement reaches you the moment it is published: on a webhook, in a chat room, or in your feed reader.",
    )}</p>
<p><a href="${view.to("/subscribe")}">${t("如何订阅", "How to subscribe")}</a></p>
</section>
<section class="card" aria-labelledby="reports">
<h2 id="reports">${t("事业单位年度报告", "Annual reports")}</h2>
<p>${t("按年度查阅各单位依法公示的年度报告。", "The yearly reports that public institutions have to publish, by year.")}</p>
${
  publishedReports.length > 0
    ? html`<ul class="list">${publishedReports.map(
        (report) =>
          html`<li><a href="${view.to(`/annual-reports/${report.id}`)}" lang="zh-CN">${report.institutionName}</a> <span class="muted num">${report.reportYear}</span></li>`,
      )}</ul>`
    : NOTHING
}
<p><a href="${view.to("/annual-reports")}">${t("查阅年度报告", "Read the reports")}</a></p>
</section>
</div>
</div>
<section class="card" aria-labelledby="columns">
<div class="head"><h2 id="columns">${t("栏目", "Columns")}</h2></div>
<ul class="tiles">${shownColumns.map(
      (column) =>
        html`<li><a href="${view.to(`/columns/${column.slug}`)}">${columnName(view, column.slug, column.name)}<small>${columnKind(view, column.kind)}</small></a></li>`,
    )}</ul>
</section>`,
  };
}
