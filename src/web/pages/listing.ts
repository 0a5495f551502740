import { getColumn } from "#src/domain/announcements/columns.ts";
import { type ListName, listPublished } from "#src/domain/announcements/read.ts";
import { getUnit } from "#src/domain/units/read.ts";
import { AppError } from "#src/errors.ts";
import type { WebDeps } from "#src/web/app.ts";
import { openCursor, sealCursor } from "#src/web/cursor.ts";
import { dateText, dayStart } from "./dates.ts";
import { type Html, html, NOTHING } from "./html.ts";
import type { Head } from "./layout.ts";
import type { Page } from "./page.ts";
import { tagPath, teaserList, unitPath } from "./teasers.ts";
import type { View } from "./view.ts";
import { columnKind, columnName } from "./words.ts";

const ROWS = 20;

type Reads = Pick<WebDeps, "table" | "secret">;
type Subject = { list: ListName; path: string; title: string; lead: string; head: Head };

export function allPage(deps: Reads, view: View, query: URLSearchParams): Promise<Page> {
  const title = view.t("全部公告", "All announcements");
  const head: Head = { feeds: [{ folder: "/", title }] };
  return listing(deps, view, { list: "all", path: "/announcements", title, lead: "", head }, query);
}

export async function columnPage(deps: Reads, view: View, slug: string, query: URLSearchParams): Promise<Page> {
  const column = await getColumn(deps, slug);
  if (!column) throw noSuchPage();
  const title = columnName(view, column.slug, column.name);
  const path = `/columns/${column.slug}`;
  const lead = view.t(`${columnKind(view, column.kind)}类栏目`, `A column of ${columnKind(view, column.kind)}`);
  const head: Head = {
    feeds: [{ folder: `${path}/`, title }],
    column: { name: column.name, description: `${column.name}栏目`, type: columnKind(view, column.kind) },
  };
  return listing(deps, view, { list: `column:${slug}`, path, title, lead, head }, query);
}

export async function unitPage(deps: Reads, view: View, id: string, query: URLSearchParams): Promise<Page> {
  const unit = await getUnit(deps, id);
  if (!unit) throw noSuchPage();
  const path = unitPath(unit.id);
  const lead = view.t("本单位发布的公告", "Announcements published by this unit");
  const head: Head = { feeds: [{ folder: `${path}/`, title: unit.name }] };
  return listing(deps, view, { list: `unit:${id}`, path, title: unit.name, lead, head }, query);
}

export function tagPage(deps: Reads, view: View, tag: string, query: URLSearchParams): Promise<Page> {
  const title = view.t(`标签：${tag}`, `Tag: ${tag}`);
  return listing(deps, view, { list: `tag:${tag}`, path: tagPath(tag), title, lead: "", head: {} }, query);
}

/** A page of one public list; every row is reached by paging on, or at once by naming a day. */
async function listing(deps: Reads, view: View, subject: Subject, query: URLSearchParams): Promise<Page> {
  const { t } = view;
  const until = query.get("until") ?? "";
  const to = dayStart(until, 1);
  const q = (query.get("q") ?? "").trim().slice(0, 100);
  const scope = JSON.stringify(["page", subject.list, to ?? "", q]);
  const cursor = query.get("after");
  const after = cursor === null ? undefined : openCursor(deps.secret, scope, cursor);
  const { items, next } = await listPublished(deps, {
    list: subject.list,
    limit: ROWS,
    ...(to ? { to } : {}),
    ...(after ? { after } : {}),
    ...(q ? { q } : {}),
  });
  const filtered = after !== undefined || to !== undefined || q !== "";
  const further = new URLSearchParams({
    ...(q ? { q } : {}),
    ...(to ? { until } : {}),
    after: next === undefined ? "" : sealCursor(deps.secret, scope, next),
  });
  return {
    head: {
      title: subject.title,
      canonical: filtered ? view.here : subject.path,
      crumbs: [{ name: subject.title }],
      ...subject.head,
    },
    changedAt: items[0]?.publishedAt,
    main: html`<section class="card">
<div class="head"><h1>${subject.title}</h1>${subject.head.feeds?.map(
      ({ folder }) =>
        html`<p class="facts"><span>${t("订阅本页", "Follow this page")}</span><a href="${folder}feed.atom">Atom</a><a href="${folder}feed.rss">RSS</a><a href="${folder}feed.json">JSON</a></p>`,
    )}</div>
${subject.lead ? html`<p class="lead">${subject.lead}</p>` : NOTHING}
${to ? html`<p class="lead">${t(`${dateText(new Date(Date.parse(to) - 1).toISOString(), "zh-CN")}及以前的公告`, `Up to ${dateText(new Date(Date.parse(to) - 1).toISOString(), "en")}`)}</p>` : NOTHING}
${
  items.length > 0
    ? teaserList(view, items, { summaries: true })
    : html`<p class="empty">${q ? notFound(view, q, next !== undefined) : filtered ? t("没有更早的公告。", "There is nothing earlier.") : t("本栏目还没有公告。", "Nothing has been published here yet.")}</p>`
}
${
  filtered || next
    ? html`<nav class="pager" aria-label="${t("翻页", "Pages")}"><span>${
        filtered ? html`<a href="${view.to(subject.path)}">${t("回到最新", "Back to the newest")}</a>` : NOTHING
      }</span>${next ? html`<a class="button quiet" rel="next" href="${view.to(`${subject.path}?${further}`)}">${t("更早的公告", "Earlier announcements")}</a>` : NOTHING}</nav>`
    : NOTHING
}
</section>
${filtered || next ? finder(view, subject, { q, until: to ? until : "" }) : NOTHING}`,
  };
}

/** A search that read a lot and found nothing goes on where it stopped. */
function notFound({ t }: View, q: string, more: boolean): string {
  return more
    ? t(
        `较近的公告中没有找到“${q}”，可继续查找更早的公告。`,
        `Nothing was found for “${q}” so far; earlier announcements can be searched.`,
      )
    : t(`没有找到含“${q}”的公告。`, `Nothing was found for “${q}”.`);
}

function finder(view: View, subject: Subject, filled: { q: string; until: string }): Html {
  const { t } = view;
  return html`<form class="card" method="get" action="${subject.path}" role="search">
${view.chosen ? html`<input type="hidden" name="lang" value="${view.language}">` : NOTHING}
<div class="row">
<div class="field"><label for="q">${t("标题、摘要或标签含有", "Words in title, summary or tags")}</label><input type="search" id="q" name="q" value="${filled.q}" maxlength="100"></div>
<div class="field"><label for="until">${t("该日及以前", "That day and before")}</label><input type="date" id="until" name="until" value="${filled.until}"></div>
<button class="quiet">${t("查找", "Find")}</button>
</div>
</form>`;
}

export function noSuchPage(): AppError {
  return new AppError("not-found", "NOT_FOUND", { zh: "没有找到您要的页面", en: "there is no such page" });
}
