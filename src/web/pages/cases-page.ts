import type { Case } from "#src/domain/cases/case.ts";
import { CASE_STAFF, listCases, numberIn } from "#src/domain/cases/desk.ts";
import { type Caller, hasRole } from "#src/domain/members/member.ts";
import { getUnit } from "#src/domain/units/read.ts";
import type { WebDeps } from "#src/web/app.ts";
import { forbidden, signedIn } from "#src/web/auth.ts";
import { date, time } from "./dates.ts";
import { type Html, html, NOTHING } from "./html.ts";
import { noSuchPage } from "./listing.ts";
import type { Page } from "./page.ts";
import { caseTypeName } from "./send-in.ts";
import { notSignedIn } from "./sign-in.ts";
import type { View } from "./view.ts";

type Deps = Pick<WebDeps, "table" | "now" | "config" | "log">;

const ROWS = 30;

/** Where the link of a duty alarm leads. */
export function toCase(view: View, given: string): Response {
  const number = numberIn(given);
  if (number === undefined) throw noSuchPage();
  return new Response(null, {
    status: 303,
    headers: { location: view.to(`/console/cases/${number}`), "cache-control": "no-store" },
  });
}

/** Throws 401 for who is not signed in, and 403 for who does not work with cases. */
export async function caseStaff(deps: Deps, request: Request): Promise<Caller> {
  const caller = await signedIn(deps, request);
  if (!caller) throw notSignedIn();
  if (!hasRole(caller, ...CASE_STAFF)) throw forbidden();
  return caller;
}

/** The cases that the reader works with, the newest first. */
export async function casesPage(deps: Deps, view: View, query: URLSearchParams, request: Request): Promise<Page> {
  const { t } = view;
  const caller = await caseStaff(deps, request);
  const after = numberIn(query.get("after") ?? "");
  const page = await listCases(deps, caller, { limit: ROWS, ...(after === undefined ? {} : { after }) });
  deps.log.info("cases-listed", { by: caller.id, cases: page.items.length });
  const title = t("事项", "Cases");
  return {
    head: { title, hidden: true },
    personal: true,
    main: html`<div class="head"><h1>${title}</h1><a href="${view.to("/console")}">${t("返回工作台", "Back to the console")}</a></div>
<section class="card" aria-labelledby="newest"><h2 id="newest">${caller.unitId === undefined ? t("全部单位，新的在前", "Of all units, the newest first") : t("本单位，新的在前", "Of your unit, the newest first")}</h2>
${page.items.length > 0 ? await rows(deps, view, page.items) : html`<p class="empty">${after === undefined ? t("还没有事项。", "There are no cases yet.") : t("没有更多事项。", "There are no more.")}</p>`}
${pager(view, after !== undefined, page.next)}</section>`,
  };
}

const NEWEST = 5;

/** The newest cases as a part of the console's first page. */
export async function newestCases(deps: Deps, view: View, caller: Caller): Promise<Html> {
  const { t } = view;
  const { items } = await listCases(deps, caller, { limit: NEWEST });
  deps.log.info("cases-listed", { by: caller.id, cases: items.length });
  return html`<section class="card" aria-labelledby="cases"><h2 id="cases">${t("最近的事项", "Newest cases")}</h2>
${items.length > 0 ? await rows(deps, view, items) : html`<p class="muted">${t("还没有事项。", "There are no cases yet.")}</p>`}</section>`;
}

async function rows(deps: Deps, view: View, cases: Case[]): Promise<Html> {
  const ids = [...new Set(cases.flatMap(({ unitId }) => unitId ?? []))];
  const units = await Promise.all(ids.map((id) => getUnit(deps, id)));
  const names = new Map(units.flatMap((unit) => (unit ? [[unit.id, unit.name] as const] : [])));
  const now = deps.now();
  return html`<ul class="list">${cases.map((one) => row(view, one, { now, names }))}</ul>`;
}

function row(view: View, one: Case, { now, names }: { now: Date; names: ReadonlyMap<string, string> }): Html {
  const { t } = view;
  return html`<li><h3><span class="badge">${caseTypeName(view, one.type)}</span>${overdueBadge(view, one, now)}<a href="${view.to(`/console/cases/${one.number}`)}" lang="zh-CN">${one.title}</a></h3>
<ul class="facts"><li class="code">${one.number}</li><li>${t("收到：", "Received ")}${time(one.receivedAt, view.language)}</li><li>${t("答复期限：", "Due by ")}${date(one.dueAt, view.language)}</li>${one.unitId === undefined ? NOTHING : html`<li lang="zh-CN">${names.get(one.unitId) ?? one.unitId}</li>`}</ul></li>`;
}

export function overdueBadge(view: View, { dueAt }: Pick<Case, "dueAt">, now: Date): Html {
  return now.toISOString() > dueAt ? html`<span class="badge late">${view.t("已超期", "overdue")}</span>` : NOTHING;
}

function pager(view: View, isBehind: boolean, next: string | undefined): Html {
  const { t } = view;
  if (!isBehind && next === undefined) return NOTHING;
  const first = isBehind
    ? html`<a href="${view.to("/console/cases")}">${t("回到第一页", "First page")}</a>`
    : html`<span></span>`;
  const more =
    next === undefined
      ? NOTHING
      : html`<a rel="next" href="${view.to(`/console/cases?after=${encodeURIComponent(next)}`)}">${t("下一页", "Next page")}</a>`;
  return html`<nav class="pager" aria-label="${t("翻页", "Pages")}">${first}${more}</nav>`;
}
