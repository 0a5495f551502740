import { pubDate } from "./dates.ts";
import { type Html, html, NOTHING, trusted } from "./html.ts";
import { MANIFEST_PATH } from "./manifest.ts";
import { markPath } from "./mark-png.ts";
import { ICON_PATH, MARK, STYLE_PATH } from "./style.ts";
import { inLanguage, type View } from "./view.ts";

export type Head = {
  title?: string;
  description?: string;
  /** Path of the page that this one is a variant of. */
  canonical?: string;
  /** Kept out of search engines: receipts, old revisions, withdrawn texts. */
  hidden?: boolean;
  /** The folder of the feeds that belong to this page: `/`, `/columns/x/`, `/units/y/`. */
  feeds?: { folder: string; title: string }[];
  /** The three column and three article tags of the national page rules. */
  column?: { name: string; description: string; type: string };
  article?: { title: string; publishedAt: string; source: string; keywords: string[] };
  crumbs?: { name: string; path?: string }[];
};

function governmentTags(view: View, head: Head): Html {
  const { site } = view;
  const column = head.column;
  const article = head.article;
  return html`<meta name="SiteName" content="${view.say(site.name)}">
<meta name="SiteDomain" content="${new URL(view.baseUrl).host}">
${site.siteId ? html`<meta name="SiteIDCode" content="${site.siteId}">\n` : NOTHING}${
  column
    ? html`<meta name="ColumnName" content="${column.name}">
<meta name="ColumnDescription" content="${column.description}">
<meta name="ColumnKeywords" content="${column.name}">
<meta name="ColumnType" content="${column.type}">
`
    : NOTHING
}${
  article
    ? html`<meta name="ArticleTitle" content="${article.title}">
<meta name="PubDate" content="${pubDate(article.publishedAt)}">
<meta name="ContentSource" content="${article.source}">
${article.keywords.length > 0 ? html`<meta name="Keywords" content="${article.keywords.join(",")}">\n` : NOTHING}`
    : NOTHING
}`;
}

function links(view: View, head: Head): Html {
  const page = view.baseUrl + (head.canonical ?? view.here);
  return html`<link rel="canonical" href="${page}">
<link rel="alternate" hreflang="zh-CN" href="${inLanguage(page, "zh-CN")}">
<link rel="alternate" hreflang="en" href="${inLanguage(page, "en")}">
<link rel="alternate" hreflang="x-default" href="${page}">
${(head.feeds ?? []).map(
  ({
    folder,
    title,
  }) => html`<link rel="alternate" type="application/atom+xml" title="${title}" href="${folder}feed.atom">
<link rel="alternate" type="application/rss+xml" title="${title}" href="${folder}feed.rss">
<link rel="alternate" type="application/feed+json" title="${title}" href="${folder}feed.json">
`,
)}`;
}

function navigation(view: View): Html {
  const { t } = view;
  const here = view.here.split("?")[0] ?? "";
  const items: [string, string][] = [
    ["/", t("首页", "Home")],
    ["/annual-reports", t("年度报告", "Annual reports")],
    ["/subscribe", t("订阅推送", "Subscribe")],
    ["/report", t("反映问题", "Send in a case")],
    ["/receipt", t("查询回执", "Follow a case")],
  ];
  const current = (path: string) => (path === "/" ? here === "/" : here === path || here.startsWith(`${path}/`));
  return html`<nav class="nav wrap" aria-label="${t("主导航", "Main")}"><ul>${items.map(
    ([path, name]) =>
      html`<li><a href="${view.to(path)}"${current(path) ? trusted(' aria-current="page"') : NOTHING}>${name}</a></li>`,
  )}</ul></nav>`;
}

function footer(view: View): Html {
  const { site, t } = view;
  const parts = [
    site.sponsor && t(`主办：${view.say(site.sponsor)}`, `Sponsor: ${view.say(site.sponsor)}`),
    site.contact && t(`联系方式：${view.say(site.contact)}`, `Contact: ${view.say(site.contact)}`),
    site.siteId && t(`网站标识码：${site.siteId}`, `Site code: ${site.siteId}`),
  ].filter(Boolean);
  const filings = [site.icp, site.police].filter((filing) => filing !== undefined);
  return html`<footer class="foot"><div class="wrap">
${
  site.related.length > 0
    ? html`<nav aria-label="${t("友情链接", "Related sites")}"><ul>${site.related.map(
        (link) => html`<li><a href="${link.url}" rel="noopener">${view.say(link.name)}</a></li>`,
      )}</ul></nav>`
    : NOTHING
}
<ul>
<li><a href="${view.to("/")}">${view.say(site.name)}</a></li>
<li><a href="/feed.atom">Atom</a></li><li><a href="/feed.rss">RSS</a></li><li><a href="/feed.json">JSON Feed</a></li>
<li><a href="/docs">${t("开放接口", "API")}</a></li>
<li><a href="${view.to("/status")}">${t("运行状态", "Status")}</a></li>
<li><a href="${view.to("/console")}">${t("工作台", "Console")}</a></li>
<li><a href="/sitemap.xml">${t("网站地图", "Site map")}</a></li>
${site.mark ? html`<li><a href="${site.mark.url}">${t("党政机关网站标识", "Government site mark")}</a></li>` : NOTHING}
${site.errorEntry ? html`<li><a href="${site.errorEntry.url}">${t("网站找错", "Report an error on this site")}</a></li>` : NOTHING}
</ul>
${parts.length > 0 ? html`<p>${parts.join(t("　", " · "))}</p>` : NOTHING}
${filings.length > 0 ? html`<ul>${filings.map((filing) => html`<li><a href="${filing.url}">${filing.number}</a></li>`)}</ul>` : NOTHING}
</div></footer>`;
}

function crumbs(view: View, head: Head): Html {
  if (!head.crumbs) return NOTHING;
  const all = [{ name: view.t("首页", "Home"), path: "/" }, ...head.crumbs];
  return html`<nav class="crumbs wrap" aria-label="${view.t("当前位置", "You are here")}"><ol>${all.map((crumb) =>
    crumb.path
      ? html`<li><a href="${view.to(crumb.path)}">${crumb.name}</a></li>`
      : html`<li aria-current="page">${crumb.name}</li>`,
  )}</ol></nav>`;
}

/** The one frame of every page. */
export function layout(view: View, head: Head, main: Html): string {
  const { t } = view;
  const name = view.say(view.site.name);
  const other = view.language === "en" ? "zh-CN" : "en";
  const page = html`<!doctype html>
<html lang="${view.language}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${head.title ? `${head.title} - ${name}` : name}</title>
${head.description ? html`<meta name="description" content="${head.description}">\n` : NOTHING}${
  head.hidden ? html`<meta name="robots" content="noindex">\n` : links(view, head)
}${governmentTags(view, head)}<meta name="color-scheme" content="light dark">
<meta name="theme-color" content="#b01119">
<link rel="icon" type="image/svg+xml" href="${ICON_PATH}">
<link rel="apple-touch-icon" href="${markPath(180)}">
<link rel="manifest" href="${inLanguage(MANIFEST_PATH, view.language)}">
<link rel="stylesheet" href="${STYLE_PATH}">
</head>
<body>
<a class="skip" href="#main">${t("跳到正文", "Skip to the content")}</a>
<header class="top">
<div class="brand wrap">
<a class="name" href="${view.to("/")}">${trusted(MARK)}<span><b>${name}</b>${
    view.site.motto ? html`<span class="motto">${view.say(view.site.motto)}</span>` : NOTHING
  }</span></a>
<div class="tools">
<a href="${inLanguage(view.here, other)}" lang="${other}" hreflang="${other}">${other === "en" ? "English" : "中文"}</a>
</div>
</div>
${navigation(view)}
</header>
${crumbs(view, head)}
<main id="main" class="wrap" tabindex="-1">
${main}
</main>
${footer(view)}
</body>
</html>
`;
  return page.toString().toWellFormed();
}
