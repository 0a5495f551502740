import { listMoved, type Teaser } from "#src/domain/announcements/read.ts";
import { type Ledger, ledger } from "#src/domain/deliveries/ledger.ts";
import { DELIVERY_STATES } from "#src/domain/deliveries/states.ts";
import { type Caller, hasRole } from "#src/domain/members/member.ts";
import type { WebDeps } from "#src/web/app.ts";
import { openCursor, sealCursor } from "#src/web/cursor.ts";
import { time } from "./dates.ts";
import { stateNames } from "./delivery-table.ts";
import { type Html, html } from "./html.ts";
import { partPager } from "./part-pager.ts";
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
  const cursor = query.get("ledgers");
  const after = cursor === null ? {} : { after: openCursor(deps.secret, scope, cursor) };
  const { items, next } = await listMoved(deps, { unitId, limit: ROWS, ...after });
  const counts = await Promise.all(items.map((one) => ledger(deps, one.id, one.revision)));
  const older = next === undefined ? undefined : `/console?ledgers=${sealCursor(deps.secret, scope, next)}#ledger`;
  const none =
    cursor === null
      ? t("还没有公告。", "Nothing has been announced yet.")
      : t("没有更早的公告。", "Nothing was announced earlier.");
  const pager = partPager(view, {
    newest: cursor === null ? undefined : "/console#ledger",
    older,
    words: t("更早的台账", "Older ledgers"),
    name: t("推送台账翻页", "Pages of ledgers"),
  });
  return html`<section class="card" aria-labelledby="ledger"><h2 id="ledger">${t("推送台账", "Deliveries")}</h2>
<p class="hint">${t("应推 = 已送达 + 免推 + 失败 + 未知 + 暂缓 + 待推", "matched = delivered + suppressed + failed + unknown + held + waiting")}</p>
${items.length > 0 ? balances(view, items, counts, hasRole(caller, "editor")) : html`<p class="muted">${none}</p>`}
${pager}</section>`;
}

/** Only who may see the deliveries gets the way to them. */
function balances(view: View, teasers: Teaser[], ledgers: (Ledger | undefined)[], mayFollow: boolean): Html {
  const { t } = view;
  const names = stateNames(view);
  const heads = [
    t("公告", "Announcement"),
    t("应推", "matched"),
    ...DELIVERY_STATES.map((state) => names[state]),
    t("台账", "Ledger"),
  ];
  const rows = teasers.map((one, i) => {
    const path = view.to(`/console/announcements/${one.id}`);
    const way = (words: string) => (mayFollow ? html`<a href="${path}">${words}</a>` : html`${words}`);
    const head = html`${badges(view, one)}<a href="${view.to(`/announcements/${one.id}`)}" lang="${one.language}">${one.title}</a><br><small class="muted">${time(one.publishedAt, view.language)}</small>`;
    const counts = ledgers[i];
    if (!counts) return { head, across: way(t("尚未开始推送", "not fanned out yet")) };
    const badge = html`<span class="badge${counts.closed ? " good" : ""}">${counts.closed ? t("已结清", "closed") : t("进行中", "open")}</span>`;
    const link = html`${badge}${mayFollow ? way(t("逐条查看", "one by one")) : ""}`;
    return { head, cells: [counts.matched, ...DELIVERY_STATES.map((state) => counts[state]), link] };
  });
  return stackedTable(t("最近的公告", "Newest announcements"), "figures", heads, rows);
}
