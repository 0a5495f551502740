import { listPublished, type Teaser } from "#src/domain/announcements/read.ts";
import { CASE_STAFF } from "#src/domain/cases/desk.ts";
import { type Ledger, ledger } from "#src/domain/deliveries/ledger.ts";
import { DELIVERY_STATES, type DeliveryState } from "#src/domain/deliveries/states.ts";
import { type Caller, hasRole } from "#src/domain/members/member.ts";
import { signOut } from "#src/domain/members/sign-in.ts";
import type { WebDeps } from "#src/web/app.ts";
import { checkOrigin, sessionCookie, sessionIn, signedIn } from "#src/web/auth.ts";
import { time } from "./dates.ts";
import { type Html, html, NOTHING } from "./html.ts";
import { inWork } from "./in-work.ts";
import type { Page } from "./page.ts";
import { notSignedIn } from "./sign-in.ts";
import { stackedTable } from "./stacked-table.ts";
import { badges } from "./teasers.ts";
import type { View } from "./view.ts";

const ROWS = 15;

type Deps = Pick<WebDeps, "table" | "now" | "config" | "log" | "secret">;

/** For who is signed in: what is in work, and how far the newest announcements have come. */
export async function consolePage(deps: Deps, view: View, query: URLSearchParams, request: Request): Promise<Page> {
  const { t } = view;
  const caller = await signedIn(deps, request);
  if (!caller) throw notSignedIn();
  const title = t("工作台", "Console");
  const worksOnCases = hasRole(caller, ...CASE_STAFF);
  return {
    head: { title, hidden: true },
    personal: true,
    main: html`<div class="head"><h1>${title}</h1>
<form method="post" action="${view.to("/console/sign-out")}" class="row"><span class="muted">${caller.name}</span><button class="quiet">${t("退出", "Sign out")}</button></form></div>
${doors(view, caller)}
${hasRole(caller, "editor", "reviewer") ? await editorial(deps, view, caller, query) : worksOnCases ? NOTHING : html`<section class="card"><p>${t("您的角色暂无可在网页上办理的事项，请使用开放接口。", "Your roles have nothing to do on these pages yet; please use the API.")}</p></section>`}
${worksOnCases ? await (await import("./cases-page.ts")).newestCases(deps, view, caller) : NOTHING}`,
  };
}

/** What lies behind the console, by the roles of who is signed in. */
function doors(view: View, caller: Caller): Html {
  const { t } = view;
  const ofAdmins: [string, string][] = [
    ["/console/access", t("人员与令牌", "People and tokens")],
    ["/console/channels", t("推送渠道", "Channels")],
    ["/console/bot", t("聊天机器人", "Chat bot")],
  ];
  const ofCases: [string, string][] = [["/console/cases", t("事项", "Cases")]];
  const all = [...(hasRole(caller, "admin") ? ofAdmins : []), ...(hasRole(caller, ...CASE_STAFF) ? ofCases : [])];
  if (all.length === 0) return NOTHING;
  return html`<p class="row">${all.map(([path, name]) => html`<a class="button quiet" href="${view.to(path)}">${name}</a> `)}</p>`;
}

async function editorial(deps: Deps, view: View, caller: Caller, query: URLSearchParams): Promise<Html> {
  const { t } = view;
  const list = caller.unitId === undefined ? ("all" as const) : (`unit:${caller.unitId}` as const);
  const [drafts, published] = await Promise.all([
    inWork(deps, view, caller, query),
    listPublished(deps, { list, limit: ROWS }),
  ]);
  const ledgers = await Promise.all(published.items.map((one) => ledger(deps, one.id, one.revision)));
  return html`${drafts}
<section class="card" aria-labelledby="ledger"><h2 id="ledger">${t("推送台账", "Deliveries")}</h2>
<p class="hint">${t("应推 = 已送达 + 免推 + 失败 + 未知 + 暂缓 + 待推", "matched = delivered + suppressed + failed + unknown + held + waiting")}</p>
${published.items.length > 0 ? balances(view, published.items, ledgers) : html`<p class="muted">${t("还没有公告。", "Nothing has been announced yet.")}</p>`}
</section>`;
}

function balances(view: View, teasers: Teaser[], ledgers: (Ledger | undefined)[]): Html {
  const { t } = view;
  const names: Record<DeliveryState, string> = {
    delivered: t("已送达", "delivered"),
    suppressed: t("免推", "suppressed"),
    failed: t("失败", "failed"),
    unknown: t("未知", "unknown"),
    held: t("暂缓", "held"),
    waiting: t("待推", "waiting"),
  };
  const label = t("最近的公告", "Newest announcements");
  const heads = [
    t("公告", "Announcement"),
    t("应推", "matched"),
    ...DELIVERY_STATES.map((state) => names[state]),
    t("台账", "Ledger"),
  ];
  const rows = teasers.map((one, i) => {
    const head = html`${badges(view, one)}<a href="${view.to(`/announcements/${one.id}`)}" lang="${one.language}">${one.title}</a><br><small class="muted">${time(one.publishedAt, view.language)}</small>`;
    const counts = ledgers[i];
    if (!counts) return { head, across: t("尚未开始推送", "not fanned out yet") };
    const link = html`<a href="${view.to(`/console/announcements/${one.id}`)}"><span class="badge${counts.closed ? " good" : ""}">${counts.closed ? t("已结清", "closed") : t("进行中", "open")}</span>${t("逐条查看", "one by one")}</a>`;
    return { head, cells: [counts.matched, ...DELIVERY_STATES.map((state) => counts[state]), link] };
  });
  return stackedTable(label, "figures", heads, rows);
}

export async function leave(deps: Deps, view: View, request: Request): Promise<Response> {
  checkOrigin(request, deps.config);
  const session = sessionIn(request, deps.config);
  if (session !== undefined) await signOut(deps, session);
  return new Response(null, {
    status: 303,
    headers: { location: view.to("/"), "set-cookie": sessionCookie(deps.config), "cache-control": "no-store" },
  });
}
