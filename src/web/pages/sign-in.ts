import { type Caller, hasRole, type Role } from "#src/domain/members/member.ts";
import { readSignInLink, signIn } from "#src/domain/members/sign-in.ts";
import { AppError } from "#src/errors.ts";
import type { WebDeps } from "#src/web/app.ts";
import { checkOrigin, forbidden, sessionCookie, signedIn } from "#src/web/auth.ts";
import { html } from "./html.ts";
import type { Page } from "./page.ts";
import { returnCookie, returnIn } from "./return-path.ts";
import type { View } from "./view.ts";

type Deps = Pick<WebDeps, "table" | "now" | "config">;

/** The code of the refusal that a session would have spared. */
export const SIGN_IN = "SIGN_IN";

/** Behind a sign-in link: a button, so that a scanner that opens links uses nothing up. */
export async function signInPage(deps: Deps, view: View, secret: string): Promise<Page> {
  const { t } = view;
  const link = await readSignInLink(deps, secret);
  const title = t("登录工作台", "Sign in to the console");
  const main = link
    ? html`<section class="card article"><h1>${title}</h1>
<p class="lead">${t(`以“${link.memberName}”的身份登录。此链接只能使用一次。`, `You will be signed in as ${link.memberName}. This link works once.`)}</p>
<form method="post" action="${view.to(`/sign-in/${encodeURIComponent(secret)}`)}"><button>${t("登录", "Sign in")}</button></form></section>`
    : html`<section class="card article"><h1>${t("链接已失效", "This link is over")}</h1>
<p class="lead">${t("登录链接无效、已使用或已过期，请向管理员重新索取。", "The link is unknown, used or expired. Please ask an administrator for a new one.")}</p></section>`;
  return {
    head: { title, hidden: true },
    main,
    personal: true,
    headers: { "referrer-policy": "no-referrer" },
    ...(link ? {} : { status: 404 }),
  };
}

/** Uses the link up and leads to the page that was asked for without a session, or to the console. */
export async function useSignInLink(deps: Deps, view: View, secret: string, request: Request): Promise<Response> {
  if (!fromLinkPage(request)) checkOrigin(request, deps.config);
  const { session } = await signIn(deps, secret);
  const wanted = returnIn(request, deps.config);
  const headers = new Headers({
    location: view.to(wanted?.path ?? "/console"),
    "set-cookie": sessionCookie(deps.config, session),
    "cache-control": "no-store",
    "referrer-policy": "no-referrer",
  });
  if (wanted) headers.append("set-cookie", returnCookie(deps.config));
  return new Response(null, { status: 303, headers });
}

/** Under `no-referrer` a browser names its own page's origin `null`; whoever posts knows the secret of the address anyway. */
function fromLinkPage(request: Request): boolean {
  const site = request.headers.get("sec-fetch-site");
  return request.headers.get("origin") === "null" && (site === null || site === "same-origin");
}

/** Who is signed in with one of these roles (any, when none is named). Throws 401 without a session, 403 without the role. */
export async function staff(deps: Deps, request: Request, ...roles: Role[]): Promise<Caller> {
  const caller = await signedIn(deps, request);
  if (!caller) throw notSignedIn();
  if (roles.length > 0 && !hasRole(caller, ...roles)) throw forbidden();
  return caller;
}

/** What somebody is told who comes to the console without a session. */
export function notSignedIn(): AppError {
  return new AppError("unauthenticated", SIGN_IN, {
    zh: "请使用管理员发给您的登录链接进入工作台；链接只能使用一次，登录后8小时内有效。",
    en: "Please open the sign-in link that an administrator gave you. It works once; you then stay signed in for 8 hours.",
  });
}
