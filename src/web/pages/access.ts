import { z } from "zod";
import { type Caller, ROLES, type Role } from "#src/domain/members/member.ts";
import { createSignInLink } from "#src/domain/members/sign-in.ts";
import { NewToken, type Token } from "#src/domain/members/token.ts";
import { createToken, listTokens, revokeToken } from "#src/domain/members/tokens.ts";
import { AppError } from "#src/errors.ts";
import type { WebDeps } from "#src/web/app.ts";
import { checkOrigin } from "#src/web/auth.ts";
import { checked } from "#src/web/input.ts";
import { time } from "./dates.ts";
import { choices, type Faults, faultSummary, faultsOf, textField } from "./form.ts";
import { type Html, html, NOTHING } from "./html.ts";
import type { Page } from "./page.ts";
import { staff } from "./sign-in.ts";
import { stackedTable } from "./stacked-table.ts";
import type { View } from "./view.ts";

type Deps = Pick<WebDeps, "table" | "now" | "newId" | "config" | "log">;

const ROWS = 100;

const ROLE_NAMES: Record<Role, [zh: string, en: string]> = {
  clerk: ["填报员", "clerk"],
  sponsor: ["举办单位审核人", "sponsor"],
  registrar: ["登记管理机关", "registrar"],
  editor: ["编辑", "editor"],
  reviewer: ["审核人", "reviewer"],
  "duty-officer": ["值班员", "duty officer"],
  liaison: ["联络员", "liaison"],
  publisher: ["发布系统", "publisher"],
  admin: ["管理员", "admin"],
};

/** For admins: who may do what, by tokens for programs and sign-in links for people. */
export async function accessPage(deps: Deps, view: View, request: Request): Promise<Page> {
  await adminOf(deps, request);
  return page(deps, view, { values: new URLSearchParams(), faults: {} });
}

const Kind = z.enum(["token", "link"]);

/** Makes a token or a sign-in link, which this one page shows. */
export async function grantAccess(deps: Deps, view: View, form: URLSearchParams, request: Request): Promise<Page> {
  checkOrigin(request, deps.config);
  const caller = await adminOf(deps, request);
  const unitId = form.get("unitId")?.trim();
  try {
    const kind = checked(Kind, form.get("kind") ?? undefined, "/kind");
    const input = { name: form.get("name") ?? "", roles: form.getAll("roles"), ...(unitId ? { unitId } : {}) };
    const { name, ...rest } = checked(NewToken, input);
    deps.log.info("acted", { route: `console access ${kind}`, actor: caller.id, roles: rest.roles.join() });
    if (kind === "token") {
      const { secret } = await createToken(deps, { caller, token: { name, ...rest } });
      return page(deps, view, { values: new URLSearchParams(), faults: {} }, made(view, "token", name, secret));
    }
    const { secret } = await createSignInLink(deps, { memberName: name, ...rest });
    const link = `${deps.config.baseUrl}/sign-in/${secret}`;
    return page(deps, view, { values: new URLSearchParams(), faults: {} }, made(view, "link", name, link));
  } catch (error) {
    if (!(error instanceof AppError) || error.errors.length === 0) throw error;
    const faults = faultsOf(error.errors, (path) => path.split("/")[0] ?? "");
    return { ...(await page(deps, view, { values: form, faults })), status: 422 };
  }
}

/** Ends a token; other machines notice within a minute. */
export async function endAccess(deps: Deps, view: View, form: URLSearchParams, request: Request): Promise<Page> {
  checkOrigin(request, deps.config);
  const caller = await adminOf(deps, request);
  const { id, name } = await revokeToken(deps, form.get("id") ?? "");
  deps.log.info("acted", { route: "console access end", actor: caller.id, id });
  const { t } = view;
  const done = html`<div class="notice green" role="status"><p>${t(`令牌“${name}”已吊销，一分钟内在各处失效。`, `The token ${name} is revoked; it stops working everywhere within a minute.`)}</p></div>`;
  return page(deps, view, { values: new URLSearchParams(), faults: {} }, done);
}

export function adminOf(deps: Pick<Deps, "table" | "now" | "config">, request: Request): Promise<Caller> {
  return staff(deps, request, "admin");
}

function made(view: View, kind: "token" | "link", name: string, secret: string): Html {
  const { t } = view;
  const title =
    kind === "token"
      ? t(`“${name}”的令牌，仅此一次显示`, `The token of ${name}, shown this once`)
      : t(`“${name}”的登录链接，15分钟内有效，只能使用一次`, `The sign-in link of ${name}: 15 minutes, works once`);
  return html`<div class="notice green" role="status"><p class="title">${title}</p><p class="code">${secret}</p></div>`;
}

async function page(
  deps: Deps,
  view: View,
  filled: { values: URLSearchParams; faults: Faults },
  news: Html = NOTHING,
): Promise<Page> {
  const { t } = view;
  const title = t("人员与令牌", "People and tokens");
  const { items } = await listTokens(deps, { limit: ROWS });
  return {
    head: { title, hidden: true },
    personal: true,
    main: html`<div class="head"><h1>${title}</h1><a href="${view.to("/console")}">${t("返回工作台", "Back to the console")}</a></div>
${news}
<section class="card" aria-labelledby="new"><h2 id="new">${t("开通", "Give access")}</h2>${faultSummary(view, filled.faults)}
<form method="post" action="${view.to("/console/access")}" class="stacked">
${choices(view, filled, "kind", t("给谁用", "For whom"), {
  kind: "radio",
  required: true,
  of: [
    ["link", t("人：工作台的登录链接", "a person: a sign-in link to the console")],
    ["token", t("程序：开放接口的令牌", "a program: a token for the API")],
  ],
})}
${textField(view, filled, "name", t("名称", "Name"), { required: true, max: 100 })}
${choices(view, filled, "roles", t("角色", "Roles"), {
  kind: "checkbox",
  required: true,
  of: ROLES.map((role) => [role, t(...ROLE_NAMES[role])]),
})}
${textField(view, filled, "unitId", t("单位编号", "Unit id"), {
  hint: t("不填则可代表所有单位。", "Left empty, it acts for every unit."),
  max: 63,
})}
<button>${t("开通", "Give access")}</button>
</form></section>
<section class="card" aria-labelledby="tokens"><h2 id="tokens">${t("令牌", "Tokens")}</h2>
${items.length > 0 ? tokens(view, items) : html`<p class="muted">${t("还没有令牌。", "There are no tokens yet.")}</p>`}</section>`,
  };
}

function tokens(view: View, items: Token[]): Html {
  const { t } = view;
  const heads = [t("名称", "Name"), t("角色", "Roles"), t("单位", "Unit"), t("开通时间", "Made"), t("操作", "Action")];
  const rows = items.map((token) => ({
    head: token.name,
    cells: [
      token.roles.map((role) => t(...ROLE_NAMES[role])).join(t("、", ", ")),
      token.unitId ?? t("所有单位", "every unit"),
      time(token.createdAt, view.language),
      html`<form method="post" action="${view.to("/console/access/end")}"><input type="hidden" name="id" value="${token.id}"><button class="quiet" aria-label="${t(`吊销${token.name}`, `Revoke ${token.name}`)}">${t("吊销", "Revoke")}</button></form>`,
    ],
  }));
  return stackedTable(t("全部令牌", "All tokens"), "plain", heads, rows);
}
