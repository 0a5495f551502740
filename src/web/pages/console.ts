import { CASE_STAFF } from "#src/domain/cases/desk.ts";
import { type Caller, hasRole } from "#src/domain/members/member.ts";
import { signOut } from "#src/domain/members/sign-in.ts";
import type { WebDeps } from "#src/web/app.ts";
import { checkOrigin, sessionCookie, sessionIn, signedIn } from "#src/web/auth.ts";
import { type Html, html, NOTHING } from "./html.ts";
import { inWork } from "./in-work.ts";
import { ledgerList } from "./ledger-list.ts";
import type { Page } from "./page.ts";
import { notSignedIn } from "./sign-in.ts";
import type { View } from "./view.ts";

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
  const [drafts, ledgers] = await Promise.all([
    inWork(deps, view, caller, query),
    ledgerList(deps, view, caller, query),
  ]);
  return html`${drafts}
${ledgers}`;
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
