import { listMoved, type Teaser } from "#src/domain/announcements/read.ts";
import { type Ledger, ledger } from "#src/domain/deliveries/ledger.ts";
import { type Caller, hasRole } from "#src/domain/members/member.ts";
import type { WebDeps } from "#src/web/app.ts";
import { time } from "./dates.ts";
import { type Html, html } from "./html.ts";
import { balanceHint, closedBadge, figureHeads, figures } from "./ledger-balance.ts";
import { pagedPart } from "./paged-part.ts";
import { stackedTable } from "./stacked-table.ts";
import { badges } from "./teasers.ts";
import type { View } from "./view.ts";

const ROWS = 15;

/** How far announcements have come, the one that moved last first, as a part of the console's first page; `ledgers` names a later part. */
export async function ledgerList(
  deps: Pick<WebDeps, "table" | "secret">,
  view: View,
  caller: Caller,
  query: URLSearchParams,
): Promise<Html> {
  const { t } = view;
  const { unitId } = caller;
  const scope = JSON.stringify(["ledgers", unitId ?? "every unit"]);
  const { isFirst, after, pager } = pagedPart(deps, view, { scope, param: "ledgers", anchor: "ledger" }, query);
  const { items, next } = await listMoved(deps, { unitId, limit: ROWS, ...after });
  const counts = await Promise.all(items.map((one) => ledger(deps, one.id, one.revision)));
  const none = isFirst
    ? t("还没有公告。", "Nothing has been announced yet.")
    : t("没有更早的公告。", "Nothing was announced earlier.");
  return html`<section class="card" aria-labelledby="ledger"><h2 id="ledger">${t("推送台账", "Deliveries")}</h2>
${balanceHint(view)}
${items.length > 0 ? balances(view, items, counts, hasRole(caller, "editor")) : html`<p class="muted">${none}</p>`}
${pager(next, { words: t("更早的台账", "Older ledgers"), name: t("推送台账翻页", "Pages of ledgers") })}</section>`;
}

/** Only who may see the deliveries gets the way to them. */
function balances(view: View, teasers: Teaser[], ledgers: (Ledger | undefined)[], mayFollow: boolean): Html {
  const { t } = view;
  const heads = [t("公告", "Announcement"), ...figureHeads(view), t("台账", "Ledger")];
  const rows = teasers.map((one, i) => {
    const path = view.to(`/console/announcements/${one.id}`);
    const way = (words: string) => (mayFollow ? html`<a href="${path}">${words}</a>` : html`${words}`);
    const head = html`${badges(view, one)}<a href="${view.to(`/announcements/${one.id}`)}" lang="${one.language}">${one.title}</a><br><small class="muted">${time(one.publishedAt, view.language)}</small>`;
    const counts = ledgers[i];
    if (!counts) return { head, across: way(t("尚未开始推送", "not fanned out yet")) };
    const link = html`${closedBadge(view, counts)}${mayFollow ? way(t("逐条查看", "one by one")) : ""}`;
    return { head, cells: [...figures(counts), link] };
  });
  return stackedTable(t("最近的公告", "Newest announcements"), "figures", heads, rows);
}
