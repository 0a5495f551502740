import type { AppError, ErrorKind } from "#src/errors.ts";
import { html, NOTHING } from "./html.ts";
import type { Page } from "./page.ts";
import type { View } from "./view.ts";

const TITLES: Partial<Record<ErrorKind, [zh: string, en: string]>> = {
  "not-found": ["没有这个页面", "There is no such page"],
  invalid: ["提交的内容有误", "Something in the form is not right"],
  malformed: ["提交的内容无法读取", "The form could not be read"],
  "too-large": ["提交的内容太长", "That is too long"],
  "too-many": ["请求过于频繁", "Too many requests"],
  forbidden: ["没有权限", "You may not do this"],
  unauthenticated: ["请先登录", "Please sign in"],
  unavailable: ["服务暂时不可用", "The service is not available for the moment"],
};

/**
 * What a person sees instead of a problem document; `error` is undefined for a fault of our own. `returns`: a sign-in link
 * that is opened next leads back here.
 */
export function errorPage(
  view: View,
  status: number,
  error: AppError | undefined,
  { requestId, returns = false }: { requestId?: string | undefined; returns?: boolean } = {},
): Page {
  const { t } = view;
  const [zh, en] = (error && TITLES[error.kind]) ?? ["出错了", "Something went wrong"];
  const title = error ? t(zh, en) : t("服务出现故障", "Something broke on our side");
  return {
    head: { title, hidden: true },
    status,
    personal: true,
    main: html`<section class="card article">
<h1>${title}</h1>
<p class="lead">${
      error
        ? view.say(error.detail)
        : t("问题已记录，请稍后再试。", "The fault has been recorded. Please try again later.")
    }</p>
${returns ? html`<p>${t("请在同一浏览器中打开登录链接，登录后会回到刚才要打开的页面。", "Open that link in this browser: once you are signed in it leads you back to this page.")}</p>` : NOTHING}
${error && error.errors.length > 0 ? html`<ul>${error.errors.map((one) => html`<li>${view.say(one.detail)}</li>`)}</ul>` : NOTHING}
${error?.retryAfterSeconds ? html`<p>${t(`请在${error.retryAfterSeconds}秒后再试。`, `Please try again in ${error.retryAfterSeconds} seconds.`)}</p>` : NOTHING}
${requestId ? html`<p class="small muted">${t("请求编号：", "Request: ")}<span class="code">${requestId}</span></p>` : NOTHING}
<p class="row"><a class="button" href="${view.to("/")}">${t("回到首页", "To the front page")}</a> <a class="button quiet" href="${view.to("/announcements")}">${t("全部公告", "All announcements")}</a></p>
</section>`,
  };
}
