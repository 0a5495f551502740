import { listColumns } from "#src/domain/announcements/columns.ts";
import { leavingEndpoint } from "#src/domain/deliveries/endpoint-link.ts";
import { endEndpoint } from "#src/domain/subscriptions/end-endpoint.ts";
import { bringsColumns, leaveColumn, withoutColumn } from "#src/domain/subscriptions/leave-column.ts";
import { subscriptionsOf } from "#src/domain/subscriptions/store.ts";
import { AppError } from "#src/errors.ts";
import type { WebDeps } from "#src/web/app.ts";
import { checkBodyHeaders, readText } from "#src/web/body.ts";
import { SECRET_PAGE } from "./confirm.ts";
import { readForm } from "./form.ts";
import { html, NOTHING } from "./html.ts";
import type { Page } from "./page.ts";
import type { View } from "./view.ts";
import { columnName } from "./words.ts";

type Deps = Pick<WebDeps, "table" | "now" | "channels" | "secret">;

export type Leaving = { token: string; slug: string; leave: "all" | "column" };

/**
 * What a POST to the unsubscribe address wants. Token and column stand in the address for mail programs (RFC 8058, whose body
 * may come in either form encoding) and in the body from our page. Anything but the button for one column means everything.
 */
export async function readLeaving(request: Request, query: URLSearchParams): Promise<Leaving> {
  const multipart = request.headers.get("content-type")?.toLowerCase().startsWith("multipart/form-data");
  const form = multipart ? await readOneClick(request) : await readForm(request);
  const token = query.get("t") ?? form.get("t") ?? "";
  const slug = query.get("c") ?? form.get("c") ?? "";
  if (!form.has("List-Unsubscribe") && !form.has("leave")) throw notAsked();
  const column = form.get("leave") === "column" && !form.has("List-Unsubscribe");
  return { token, slug, leave: column ? "column" : "all" };
}

const ONE_CLICK = /name="?List-Unsubscribe"?[^\r\n]*\r?\n(?:[^\r\n]+\r?\n)*\r?\nOne-Click\r?\n/i;

async function readOneClick(request: Request): Promise<URLSearchParams> {
  checkBodyHeaders(request, [MULTIPART], 4096);
  const found = ONE_CLICK.test(await readText(request, 4096));
  return new URLSearchParams(found ? { "List-Unsubscribe": "One-Click" } : {});
}

const MULTIPART = "multipart/form-data";

function notAsked(): AppError {
  return new AppError("invalid", "ONE_CLICK", {
    zh: "请求内容应为 List-Unsubscribe=One-Click",
    en: "the body should be List-Unsubscribe=One-Click",
  });
}

export function isLeaveLink(deps: Pick<WebDeps, "secret">, token: string): boolean {
  return leavingEndpoint(deps.secret, token) !== undefined;
}

/** The column that a link names and that its endpoint can leave alone. */
async function columnToLeave(deps: Deps, view: View, endpoint: string, slug: string) {
  const [columns, open] = await Promise.all([listColumns(deps), subscriptionsOf(deps.table, endpoint)]);
  const found = columns.find((column) => column.slug === slug);
  const slugs = columns.filter((column) => column.slug !== "home").map((column) => column.slug);
  const confirmed = open.filter(({ status }) => status === "confirmed");
  const wishes = confirmed.map(({ topics }) => ({ topics, left: withoutColumn(topics, slug, slugs) }));
  const stuck = wishes.some(({ left }) => left === "too many");
  const stays = wishes.flatMap(({ topics, left = topics }) => (left === "too many" ? topics : left));
  const leavable = found !== undefined && stays.length > 0 && !stuck && wishes.some(({ left }) => left !== undefined);
  const brings = bringsColumns(stays);
  return { slugs, name: found ? columnName(view, slug, found.name) : slug, leavable, stuck, brings };
}

/** Behind the unsubscribe link of a mail: two buttons. Whoever only opens it changes nothing. */
export async function unsubscribePage(deps: Deps, view: View, query: URLSearchParams): Promise<Page> {
  const { t } = view;
  const token = query.get("t") ?? "";
  const slug = query.get("c") ?? "";
  const endpoint = leavingEndpoint(deps.secret, token);
  if (endpoint === undefined) return brokenLink(view);
  const { name, leavable } = await columnToLeave(deps, view, endpoint, slug);
  const title = t("退订", "Unsubscribe");
  return {
    head: { title, hidden: true },
    ...SECRET_PAGE,
    main: html`<section class="card article">
<h1>${title}</h1>
<p class="lead">${t("按下按钮后，本站不再向这个地址推送公告。", "Press the button and nothing more is sent to this address.")}</p>
<form method="post" action="${view.to("/unsubscribe")}" class="row">
<input type="hidden" name="t" value="${token}"><input type="hidden" name="c" value="${slug}">
<button name="leave" value="all">${t("全部退订", "Unsubscribe from everything")}</button>
${leavable ? html`<button class="quiet" name="leave" value="column">${t(`只退订“${name}”`, `Only from "${name}"`)}</button>` : NOTHING}
</form>
</section>`,
  };
}

/**
 * Leaves: by a button of the page, or by the one request of a mail program (RFC 8058: no cookie, no session, no redirect).
 * As often as anybody likes; whoever holds the link may leave, whatever became of the subscription.
 */
export async function unsubscribeByForm(deps: Deps, view: View, { token, slug, leave }: Leaving): Promise<Page> {
  const { t } = view;
  const endpoint = leavingEndpoint(deps.secret, token);
  if (endpoint === undefined) return brokenLink(view);
  const { slugs, name, stuck, brings } = await columnToLeave(deps, view, endpoint, slug);
  if (leave === "column" && stuck) return notAlone(view, name);
  if (leave === "column") await leaveColumn(deps, { endpoint, slug, columns: slugs });
  else await endEndpoint(deps, endpoint, "unsubscribed");
  const title = t("已退订", "You are unsubscribed");
  return {
    head: { title, hidden: true },
    ...SECRET_PAGE,
    main: html`<section class="card article">
<div class="notice green" role="status"><p class="title">${title}</p><p>${
      leave === "column"
        ? brings
          ? t(
              `不再按栏目“${name}”推送；其他订阅照旧，该栏目中符合它们的公告仍会推送。`,
              `You no longer follow "${name}". The rest stays, and still brings what it asks for from this column too.`,
            )
          : t(`不再推送栏目“${name}”，其他订阅照旧。`, `Nothing more is sent from "${name}"; the rest stays.`)
        : t("今后不再向这个地址推送公告。", "Nothing more is sent to this address.")
    }</p></div>
<h1>${title}</h1>
<p>${t("改变主意时，可随时重新订阅。", "You can subscribe again whenever you like.")}</p>
<p class="row"><a class="button quiet" href="${view.to("/subscribe")}">${t("重新订阅", "Subscribe again")}</a></p>
</section>`,
  };
}

/** There are more other columns than a subscription can name. */
function notAlone(view: View, name: string): Page {
  const { t } = view;
  const title = t("不能只退订一个栏目", "One column cannot be left out");
  return {
    head: { title, hidden: true },
    ...SECRET_PAGE,
    status: 409,
    main: html`<section class="card article"><h1>${title}</h1>
<p class="lead">${t(`您订阅了全部公告，其他栏目过多，无法只去掉“${name}”。请用邮件末尾的“更改订阅”选择想要的栏目。订阅没有改动。`, `You subscribed to everything, and there are too many other columns to leave out only "${name}". Please choose the columns you want by the link to change your subscription at the end of the mail. Nothing was changed.`)}</p></section>`,
  };
}

function brokenLink(view: View): Page {
  const { t } = view;
  const title = t("链接不完整", "This link is not complete");
  return {
    head: { title, hidden: true },
    ...SECRET_PAGE,
    status: 404,
    main: html`<section class="card article"><h1>${title}</h1>
<p class="lead">${t("请从最近一封邮件的末尾重新打开退订链接，或用管理令牌退订。", "Please open the link at the end of the newest mail again, or unsubscribe with your manage token.")}</p>
<p class="row"><a class="button" href="${view.to("/manage")}">${t("用管理令牌", "With the manage token")}</a></p></section>`,
  };
}
