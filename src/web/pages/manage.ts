import { managedEndpoint } from "#src/domain/deliveries/endpoint-link.ts";
import { changeSubscription } from "#src/domain/subscriptions/change.ts";
import { shownAddress } from "#src/domain/subscriptions/channel.ts";
import { endEndpoint } from "#src/domain/subscriptions/end-endpoint.ts";
import { readSubscription } from "#src/domain/subscriptions/manage.ts";
import { SubscriptionChange } from "#src/domain/subscriptions/new-subscription.ts";
import { subscriptionsOf } from "#src/domain/subscriptions/store.ts";
import { FREQUENCIES, type Subscription } from "#src/domain/subscriptions/subscription.ts";
import type { Topic } from "#src/domain/subscriptions/topic.ts";
import { unsubscribe } from "#src/domain/subscriptions/unsubscribe.ts";
import { AppError } from "#src/errors.ts";
import type { WebDeps } from "#src/web/app.ts";
import { checked } from "#src/web/input.ts";
import { catchUp, catchUpFields } from "./catch-up.ts";
import { channelName, frequencyName } from "./channel-words.ts";
import { SECRET_PAGE } from "./confirm.ts";
import { fallbackChange, fallbackField, fallbackIn } from "./fallback-fields.ts";
import { choices, type Faults, faultSummary, faultsOf, textField } from "./form.ts";
import { type Html, html, NOTHING } from "./html.ts";
import type { Page } from "./page.ts";
import { quietField, quietFields, quietIn, quietValues } from "./quiet-fields.ts";
import { secretChange, secretFieldOf, secretIn } from "./secret-field.ts";
import { topicWords } from "./topics.ts";
import type { View } from "./view.ts";

type Deps = Pick<WebDeps, "table" | "now" | "channels" | "secret" | "queue" | "log">;

/** What the holder may manage, and what the page's forms carry so that they still may. Never in an address again. */
type Access = { subscriptions: Subscription[]; carried: [name: string, value: string][]; endpoint?: string };

/** `undefined`: a link that is over; throws AppError "unauthenticated" for a wrong token. */
async function accessBy(deps: Deps, given: URLSearchParams): Promise<Access | undefined> {
  const link = given.get("m");
  if (link) {
    const endpoint = managedEndpoint(deps.secret, link, deps.now());
    if (endpoint === undefined) return undefined;
    const all = await subscriptionsOf(deps.table, endpoint);
    return { subscriptions: all.filter(({ status }) => status !== "pending"), carried: [["m", link]], endpoint };
  }
  const [id, token] = [given.get("id")?.trim() ?? "", given.get("token")?.trim() ?? ""];
  const found = await readSubscription(deps, id.slice(0, 100), { manageToken: token });
  return {
    subscriptions: found.status === "ended" ? [] : [found],
    carried: [
      ["id", id],
      ["token", token],
    ],
  };
}

/** The form for a manage token, or what the link of a mail leads to. */
export async function managePage(deps: Deps, view: View, query: URLSearchParams): Promise<Page> {
  if (!query.get("m")) return tokenForm(view, new URLSearchParams(), {});
  const access = await accessBy(deps, new URLSearchParams({ m: query.get("m") ?? "" }));
  return access ? overview(deps, view, access, undefined) : linkOver(view);
}

/** A form of these pages was posted: show, change, leave one, leave all. `wrong`: called when a token in it is not right. */
export async function manageByForm(deps: Deps, view: View, form: URLSearchParams, wrong: () => void): Promise<Page> {
  const { t } = view;
  let access: Access | undefined;
  try {
    access = await accessBy(deps, form);
  } catch (error) {
    if (!(error instanceof AppError) || !["unauthenticated", "not-found"].includes(error.kind)) throw error;
    wrong();
    return tokenForm(view, form, { token: WRONG });
  }
  if (!access) {
    wrong();
    return linkOver(view);
  }
  const chosen = access.subscriptions.find(({ id }) => id === form.get("subscription"));
  const act = form.get("act");
  if (act === "leave-all" && access.endpoint) {
    await endEndpoint(deps, access.endpoint, "unsubscribed");
    return leftPage(view);
  }
  if (act === "leave" && chosen) {
    await unsubscribe(deps, chosen);
    return leftPage(view);
  }
  if (act === "catch-up") return caughtUp(deps, view, access, form.get("since") ?? "");
  if (act !== "change" || !chosen) return overview(deps, view, access, chosen);
  try {
    const changed = await changeSubscription(deps, chosen, Number(form.get("version")), changeIn(form, chosen));
    const asks = changed.status === "pending";
    const done = asks
      ? t("已保存，请按收到的确认消息再确认一次。", "Saved. Please confirm it once more by the message you are sent.")
      : t("已保存。", "Saved.");
    const subscriptions = access.subscriptions.map((one) => (one.id === changed.id ? changed : one));
    return overview(deps, view, { ...access, subscriptions }, changed, { done });
  } catch (error) {
    if (!(error instanceof AppError) || !["invalid", "stale"].includes(error.kind)) throw error;
    if (error.errors.some(({ code }) => code === FIRST_UNKNOWN)) wrong();
    const faults =
      error.kind === "stale"
        ? {
            version: {
              zh: "这项订阅刚被改动过，下面是最新内容，请重新修改",
              en: "It was changed meanwhile; below is how it stands now",
            },
          }
        : faultsOf(error.errors, fieldOf);
    const filled = error.kind === "stale" ? undefined : form;
    return overview(deps, view, access, chosen, { faults, ...(filled ? { filled } : {}) });
  }
}

/** Who may be given what they missed; undefined while none of the subscriptions is in force. */
const endpointOf = ({ subscriptions }: Access) => subscriptions.find(({ status }) => status === "confirmed")?.endpoint;

async function caughtUp(deps: Deps, view: View, access: Access, since: string): Promise<Page> {
  try {
    const done = view.say(await catchUp(deps, endpointOf(access) ?? "", since));
    return await overview(deps, view, access, undefined, { done, since });
  } catch (error) {
    if (!(error instanceof AppError) || !["invalid", "conflict"].includes(error.kind)) throw error;
    return overview(deps, view, access, undefined, { faults: { since: error.detail }, since });
  }
}

/** The token of a first choice is a secret as well. */
const FIRST_UNKNOWN = "FALLBACK_UNKNOWN";
const WRONG = { zh: "订阅编号或管理令牌不正确", en: "the subscription or its manage token is not right" };

function fieldOf(path: string): string {
  if (path.startsWith("topics")) return "topics";
  const first = fallbackField(path);
  if (first !== undefined) return first;
  return secretFieldOf(path) ?? quietField(path) ?? path;
}

function changeIn(form: URLSearchParams, known: Subscription): SubscriptionChange {
  return checked(SubscriptionChange, {
    topics: form.getAll("topics").map(topicIn),
    frequency: form.get("frequency") ?? "",
    quietHours: quietIn(form) ?? null,
    language: form.get("language") ?? "",
    ...fallbackIn(form, known),
    ...secretIn(form, known),
  });
}

function topicIn(text: string): unknown {
  if (!text.startsWith("{")) return text;
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

const topicValue = (topic: Topic): string => (typeof topic === "string" ? topic : JSON.stringify(topic));

type More = { done?: string; faults?: Faults; filled?: URLSearchParams; since?: string };

async function overview(
  deps: Deps,
  view: View,
  access: Access,
  chosen: Subscription | undefined,
  more: More = {},
): Promise<Page> {
  const { t } = view;
  const { subscriptions } = access;
  for (const name of ["firstToken", "secret"]) more.filled?.delete(name);
  const shown = chosen ?? (subscriptions.length === 1 ? subscriptions[0] : undefined);
  const title = t("管理订阅", "Your subscriptions");
  const words = await topicWords(
    deps,
    view,
    subscriptions.flatMap(({ topics }) => topics),
  );
  const carried = access.carried.map(([name, value]) => html`<input type="hidden" name="${name}" value="${value}">`);
  const post = (inside: Html, name = "row") =>
    html`<form method="post" action="${view.to("/manage")}" class="${name}">${carried}${inside}</form>`;
  const isWrong = more.faults !== undefined;
  const list =
    subscriptions.length === 0
      ? html`<p class="empty">${t("没有生效的订阅。", "There is no subscription.")}</p>`
      : html`<ul class="list">${subscriptions.map(
          (one) => html`<li><h2>${one.topics.map(words.say).join(t("、", ", "))}</h2>
<p class="facts">${facts(view, deps, one)}</p>
${one === shown ? NOTHING : post(html`<input type="hidden" name="subscription" value="${one.id}"><button class="quiet" name="act" value="show" aria-label="${t("更改", "Change")} ${one.topics.map(words.say).join(t("、", ", "))}">${t("更改", "Change")}</button>`)}</li>`,
        )}</ul>`;
  return {
    head: { title, hidden: true },
    ...SECRET_PAGE,
    ...(isWrong ? { status: 422 } : {}),
    main: html`${more.done ? html`<div class="notice green" role="status"><p class="title">${more.done}</p></div>` : NOTHING}${faultSummary(view, more.faults ?? {})}
<section class="card article"><h1>${title}</h1>${list}${endpointOf(access) === undefined ? NOTHING : html`<p><a href="#catch-up">${t("没收到？补发错过的公告", "Something did not arrive? Send what I missed")}</a></p>`}</section>
${shown ? html`<section class="card article" aria-labelledby="change"><h2 id="change">${t("更改", "Change")}</h2>${post(editor(view, shown, words, more, await firstOf(deps, shown)), "stacked")}</section>` : NOTHING}
${endpointOf(access) === undefined ? NOTHING : html`<section class="card article" aria-labelledby="catch-up"><h2 id="catch-up">${t("补发错过的公告", "Send what I missed")}</h2>${post(catchUpFields(view, deps.now(), { since: more.since, faults: more.faults?.["since"] ? more.faults : {} }), "stacked")}</section>`}
${access.endpoint && subscriptions.length > 1 ? html`<section class="card article">${post(html`<button class="quiet" name="act" value="leave-all">${t("全部退订", "Unsubscribe from everything")}</button>`)}</section>` : NOTHING}`,
  };
}

function facts(view: View, deps: Deps, { channel, address, frequency, status }: Subscription): string {
  const { t } = view;
  const found = Object.hasOwn(deps.channels, channel) ? deps.channels[channel as keyof Deps["channels"]] : undefined;
  const states = {
    pending: t("等待确认", "not confirmed yet"),
    confirmed: "",
    "switched-off": t("已停用", "switched off"),
    ended: t("已结束", "ended"),
  };
  return [
    found ? channelName(view, found.name) : channel,
    found?.shown?.(address) ?? address,
    frequencyName(view, frequency),
    states[status],
  ]
    .filter((fact) => fact !== "")
    .join(" · ");
}

/** Where the first choice is, as its owner may see it. */
async function firstOf(deps: Deps, { after }: Subscription): Promise<string | undefined> {
  const found = after && (await subscriptionsOf(deps.table, after.endpoint))[0];
  return found && shownAddress(deps.channels, found.channel, found.address);
}

function editor(
  view: View,
  known: Subscription,
  words: Awaited<ReturnType<typeof topicWords>>,
  more: More,
  first: string | undefined,
): Html {
  const { t } = view;
  const values = more.filled ?? valuesOf(known);
  const filled = { values, faults: more.faults ?? {} };
  const usual = ["all", "urgency:urgent", ...words.columns.map(({ slug }) => `column:${slug}`)];
  const own = known.topics.filter((topic) => typeof topic !== "string" || !usual.includes(topic));
  return html`<input type="hidden" name="subscription" value="${known.id}"><input type="hidden" name="version" value="${known.version}">
${choices(view, filled, "topics", t("订阅内容", "What you want"), {
  kind: "checkbox",
  of: [...usual, ...own].map((topic): [string, string] => [topicValue(topic), words.say(topic)]),
})}
${choices(view, filled, "frequency", t("频率", "How often"), {
  kind: "radio",
  of: FREQUENCIES.map((frequency) => [frequency, frequencyName(view, frequency)]),
})}
${quietFields(view, filled)}
${choices(view, filled, "language", t("语言", "Language"), {
  kind: "radio",
  of: [
    ["zh-CN", "中文"],
    ["en", "English"],
  ],
})}
${fallbackChange(view, filled, known, first)}
${secretChange(view, filled, known)}
<p class="row"><button name="act" value="change">${t("保存", "Save")}</button> <button class="quiet" name="act" value="leave">${t("退订", "Unsubscribe")}</button></p>`;
}

function valuesOf({ topics, frequency, quietHours, language, after }: Subscription): URLSearchParams {
  const values = new URLSearchParams({ frequency, language, ...quietValues(quietHours) });
  if (after) values.set("minutes", String(after.minutes));
  for (const topic of topics) values.append("topics", topicValue(topic));
  return values;
}

function tokenForm(view: View, values: URLSearchParams, faults: Faults): Page {
  const { t } = view;
  const filled = { values: new URLSearchParams({ id: values.get("id") ?? "" }), faults };
  const title = t("管理订阅", "Your subscriptions");
  const isWrong = Object.keys(faults).length > 0;
  return {
    head: { title, hidden: true },
    ...SECRET_PAGE,
    ...(isWrong ? { status: 404 } : {}),
    main: html`${faultSummary(view, faults)}<section class="card article"><h1>${title}</h1>
<p class="lead">${t("输入申请订阅时显示的编号和管理令牌。邮件订阅也可直接打开最近一封邮件末尾的“更改订阅”。", "Enter the id and the manage token that were shown when you subscribed. For mail, the link at the end of the newest mail does as well.")}</p>
<form class="stacked" method="post" action="${view.to("/manage")}">
${textField(view, filled, "id", t("订阅编号", "Subscription"), { required: true, max: 40, autocomplete: "off", hint: t("以 sub_ 开头", "It begins with sub_") })}
${textField(view, filled, "token", t("管理令牌", "Manage token"), { required: true, max: 100, autocomplete: "off", type: "password", hint: t("以 gsm_ 开头", "It begins with gsm_") })}
<button name="act" value="show">${t("打开", "Open")}</button>
</form></section>`,
  };
}

function linkOver(view: View): Page {
  const { t } = view;
  const title = t("链接已过期", "This link has expired");
  return {
    head: { title, hidden: true },
    ...SECRET_PAGE,
    status: 404,
    main: html`<section class="card article"><h1>${title}</h1>
<p class="lead">${t("邮件中的“更改订阅”30天内有效，请打开最近一封邮件中的链接，或使用管理令牌。退订链接长期有效。", "The link to change a subscription is good for 30 days. Please take the one in the newest mail, or the manage token. The link to unsubscribe never expires.")}</p>
<p class="row"><a class="button" href="${view.to("/manage")}">${t("用管理令牌", "With the manage token")}</a></p></section>`,
  };
}

function leftPage(view: View): Page {
  const { t } = view;
  const title = t("已退订", "You are unsubscribed");
  return {
    head: { title, hidden: true },
    ...SECRET_PAGE,
    main: html`<section class="card article"><div class="notice green" role="status"><p class="title">${title}</p></div><h1>${title}</h1>
<p class="row"><a class="button quiet" href="${view.to("/subscribe")}">${t("重新订阅", "Subscribe again")}</a></p></section>`,
  };
}
