import { getPublished, getRevision } from "#src/domain/announcements/read.ts";
import { renderBody, summaryOf } from "#src/domain/announcements/render.ts";
import type { WebDeps } from "#src/web/app.ts";
import { time } from "./dates.ts";
import { type Html, html, NOTHING, trusted } from "./html.ts";
import { noSuchPage } from "./listing.ts";
import type { Page } from "./page.ts";
import { badges, tagPath, unitPath } from "./teasers.ts";
import type { View } from "./view.ts";
import { columnKind, columnName } from "./words.ts";

type Published = NonNullable<Awaited<ReturnType<typeof getPublished>>>;
type Revision = Published["revision"];

/** The current text of an announcement, or with `revision` an earlier one of it. */
export async function announcementPage(
  deps: Pick<WebDeps, "table">,
  view: View,
  id: string,
  revision: string | null,
): Promise<Page> {
  const published = await getPublished(deps, id);
  if (!published) throw noSuchPage();
  const current = published.revision;
  const wantsCurrent = revision === null || revision === String(current.revision);
  if (wantsCurrent || current.kind === "withdrawn") return page(view, current, current, published);
  const number = /^[1-9]\d{0,5}$/.test(revision) ? Number(revision) : 0;
  const old = number < current.revision ? await getRevision(deps, id, number) : undefined;
  if (!old) throw noSuchPage();
  return page(view, old, current, published);
}

function page(view: View, shown: Revision, current: Revision, published: Published): Page {
  const { t } = view;
  const { content } = shown;
  const path = `/announcements/${shown.announcementId}`;
  const isOld = shown.revision !== current.revision;
  const withdrawn = current.kind === "withdrawn";
  const column = columnName(view, content.column, shown.columnName);
  const text = html`<div class="text" lang="${content.language}">${trusted(renderBody(content.body))}</div>`;
  return {
    changedAt: current.publishedAt,
    datedExactly: true,
    head: {
      title: content.title,
      description: summaryOf(content),
      canonical: path,
      hidden: isOld || withdrawn,
      crumbs: [{ name: column, path: `/columns/${content.column}` }, { name: t("正文", "Announcement") }],
      feeds: [{ folder: `/columns/${content.column}/`, title: column }],
      column: {
        name: shown.columnName,
        description: `${shown.columnName}栏目`,
        type: columnKind(view, shown.columnKind),
      },
      article: {
        title: content.title,
        publishedAt: shown.firstPublishedAt,
        source: shown.unitName,
        keywords: content.tags,
      },
    },
    main: html`<article class="card article">
${notices(view, shown, current, path)}
<header>
<h1 lang="${content.language}">${content.title}</h1>
<ul class="facts">
<li>${t("发布单位：", "Published by ")}<a href="${view.to(unitPath(content.unitId))}">${shown.unitName}</a></li>
<li>${t("发布时间：", "")}${time(shown.firstPublishedAt, view.language)}</li>
${shown.kind === "corrected" ? html`<li>${t("更正时间：", "Corrected ")}${time(shown.publishedAt, view.language)}</li>` : NOTHING}
<li>${t("栏目：", "Column: ")}<a href="${view.to(`/columns/${content.column}`)}">${column}</a></li>
${content.urgency === "routine" ? NOTHING : html`<li>${badges(view, content)}</li>`}
</ul>
</header>
${content.summary ? html`<p class="summary" lang="${content.language}">${content.summary}</p>` : NOTHING}
${withdrawn ? NOTHING : html`${text}<p class="sign" lang="zh-CN">${shown.unitName}</p>`}
${
  content.tags.length > 0
    ? html`<ul class="facts noprint" aria-label="${t("标签", "Tags")}">${content.tags.map(
        (tag) => html`<li><a href="${view.to(tagPath(tag))}">#${tag}</a></li>`,
      )}</ul>`
    : NOTHING
}
${history(view, shown, published, path)}
</article>`,
  };
}

function notices(view: View, shown: Revision, current: Revision, path: string): Html {
  const { t } = view;
  const reason = (revision: Revision) =>
    revision.reason ? html`<p>${t("原因：", "Reason: ")}${revision.reason}</p>` : NOTHING;
  const isOld = shown.revision !== current.revision;
  return html`${
    current.kind === "withdrawn"
      ? html`<div class="notice red" role="note"><p class="title">${t("本公告已撤回", "This announcement has been withdrawn")}</p><p>${t("撤回时间：", "Withdrawn ")}${time(current.publishedAt, view.language)}${t("。请勿再引用或转载。", ". Please do not quote or pass it on.")}</p>${reason(current)}</div>`
      : NOTHING
  }${
    isOld
      ? html`<div class="notice" role="note"><p class="title">${t(`您正在查看第${shown.revision}版（旧版）`, `This is revision ${shown.revision}, an earlier one`)}</p><p><a href="${view.to(path)}">${t(`查看现行的第${current.revision}版`, `Read the current revision ${current.revision}`)}</a></p></div>`
      : NOTHING
  }${
    !isOld && current.kind === "corrected"
      ? html`<div class="notice" role="note"><p class="title">${t("本公告已更正", "This announcement has been corrected")}</p>${reason(current)}<p><a href="${view.to(`${path}?revision=${current.revision - 1}`)}">${t("查看更正前的版本", "Read it as it was before")}</a></p></div>`
      : NOTHING
  }`;
}

function history(view: View, shown: Revision, published: Published, path: string): Html {
  const { t } = view;
  const kinds = {
    published: t("发布", "Published"),
    corrected: t("更正", "Corrected"),
    withdrawn: t("撤回", "Withdrawn"),
  };
  const newestFirst = [...published.history].sort((a, b) => b.revision - a.revision);
  return html`<section class="proof" aria-labelledby="history"><h2 id="history">${t("版本与校验", "Revisions and proof")}</h2>
<ol class="history">${newestFirst.map(
    (one) =>
      html`<li${one.revision === shown.revision ? trusted(' class="now"') : NOTHING}><p>${
        one.revision === shown.revision || published.revision.kind === "withdrawn"
          ? html`<strong>${t(`第${one.revision}版`, `Revision ${one.revision}`)}</strong>`
          : html`<a href="${view.to(one.revision === published.revision.revision ? path : `${path}?revision=${one.revision}`)}">${t(`第${one.revision}版`, `Revision ${one.revision}`)}</a>`
      } · ${kinds[one.kind]} · ${time(one.publishedAt, view.language)}</p>${
        one.reason ? html`<p class="small muted">${t("原因：", "Reason: ")}${one.reason}</p>` : NOTHING
      }</li>`,
  )}</ol>
<p class="small muted">${t("内容校验值（SHA-256）：", "Fingerprint of the content (SHA-256): ")}<span class="code">${shown.contentHash}</span></p>
<p class="small muted onlyprint">${view.baseUrl}${path}</p>
</section>`;
}
