import { listColumns } from "#src/domain/announcements/columns.ts";
import { listInWork } from "#src/domain/announcements/desk.ts";
import type { DeskEntry } from "#src/domain/announcements/store.ts";
import type { Caller } from "#src/domain/members/member.ts";
import type { WebDeps } from "#src/web/app.ts";
import { time } from "./dates.ts";
import { type Html, html } from "./html.ts";
import { pagedPart } from "./paged-part.ts";
import type { View } from "./view.ts";
import { columnName } from "./words.ts";

const ROWS = 15;

/** Drafts and corrections that are not published yet, of the reader's unit or of all, as a part of the console's first page; `drafts` names a later part. */
export async function inWork(
  deps: Pick<WebDeps, "table" | "secret">,
  view: View,
  caller: Caller,
  query: URLSearchParams,
): Promise<Html> {
  const { t } = view;
  const scope = JSON.stringify(["in work", caller.unitId ?? "every unit"]);
  const { isFirst, after, pager } = pagedPart(deps, view, { scope, param: "drafts", anchor: "work" }, query);
  const [{ items, next }, columns] = await Promise.all([
    listInWork(deps, caller, { limit: ROWS, ...after }),
    listColumns(deps),
  ]);
  return html`<section class="card" aria-labelledby="work"><h2 id="work">${t("在办稿件", "In work")}</h2>
${items.length > 0 ? rows(view, items, new Map(columns.map(({ slug, name }) => [slug, name]))) : html`<p class="muted">${isFirst ? t("没有在办稿件。", "Nothing is in work.") : t("没有更早的在办稿件。", "Nothing earlier is in work.")}</p>`}
${pager(next, { words: t("更早的在办稿件", "Older texts in work"), name: t("在办稿件翻页", "Pages of what is in work") })}</section>`;
}

function rows(view: View, entries: DeskEntry[], columns: ReadonlyMap<string, string>): Html {
  const { t } = view;
  const statuses: Record<DeskEntry["status"], string> = {
    draft: t("草稿", "draft"),
    returned: t("已退回", "returned"),
    scheduled: t("定时发布", "scheduled"),
    published: t("更正稿", "correction"),
    withdrawn: t("已撤回", "withdrawn"),
  };
  return html`<ul class="list">${entries.map(
    (
      entry,
    ) => html`<li><h3><span class="badge">${statuses[entry.status]}</span><a href="${view.to(workPath(entry))}">${entry.title}</a></h3>
<ul class="facts"><li>${columnName(view, entry.column, columns.get(entry.column) ?? entry.column)}</li><li>${t("更新：", "Changed ")}${time(entry.updatedAt, view.language)}</li><li class="code">${entry.id}</li></ul></li>`,
  )}</ul>`;
}

/** Where a text in work is looked at; a correction's announcement has its ledger at the plain address. */
export function workPath({ id, revision }: { id: string; revision: number }): string {
  return `/console/announcements/${id}${revision > 0 ? "?work=1" : ""}`;
}
