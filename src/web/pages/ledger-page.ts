import { readForLedger, readRevision } from "#src/domain/announcements/store.ts";
import { CHANNELS } from "#src/domain/deliveries/channel.ts";
import { ledger } from "#src/domain/deliveries/ledger.ts";
import { type DeliveryRow, deliveriesTo, listDeliveries } from "#src/domain/deliveries/list.ts";
import { retryAll } from "#src/domain/deliveries/retry-all.ts";
import { retryDelivery } from "#src/domain/deliveries/retry-delivery.ts";
import { settleDelivery } from "#src/domain/deliveries/settle-delivery.ts";
import { type Counts, DELIVERY_STATES, type DeliveryState } from "#src/domain/deliveries/states.ts";
import { findFanout } from "#src/domain/deliveries/store.ts";
import { type Caller, hasRole } from "#src/domain/members/member.ts";
import { endpointKey } from "#src/domain/subscriptions/endpoint.ts";
import { AppError } from "#src/errors.ts";
import type { WebDeps } from "#src/web/app.ts";
import { checkOrigin, forbidden, signedIn } from "#src/web/auth.ts";
import { channelName } from "./channel-words.ts";
import { time } from "./dates.ts";
import { type Html, html, NOTHING } from "./html.ts";
import type { Page } from "./page.ts";
import type { View } from "./view.ts";

type Deps = Pick<WebDeps, "table" | "queue" | "channels" | "now" | "config" | "log">;

const ROWS = 50;
const REFRESH_SECONDS = 3;

/** One announcement's pushes: how far they are, who did not get it and why, did this person get it; and what to do. */
export async function ledgerPage(
  deps: Deps,
  view: View,
  at: { id: string; query: URLSearchParams; request: Request },
  news: Html = NOTHING,
): Promise<Page> {
  const { t } = view;
  const caller = await editorOf(deps, at.request);
  const announcement = await readForLedger(deps, caller, at.id);
  const revision = Number(at.query.get("revision") ?? announcement.revision);
  const text = await readRevision(deps, at.id, revision);
  if (!text) throw new AppError("not-found", "NOT_FOUND", { zh: "没有这个版本", en: "there is no such revision" });
  const counts = await ledger(deps, at.id, revision);
  const state = DELIVERY_STATES.find((one) => one === at.query.get("state"));
  const endpoint = at.query.get("endpoint")?.trim() ?? "";
  const rows = await rowsFor(deps, at.id, revision, { state, endpoint });
  const title = t("推送台账", "Deliveries");
  const running = counts !== undefined && !counts.closed && endpoint === "" && state === undefined;
  return {
    head: { title: `${title}：${text.content.title}`, hidden: true },
    personal: true,
    // Without a script: the page itself comes again while something moves.
    ...(running ? { headers: { refresh: String(REFRESH_SECONDS) } } : {}),
    main: html`<div class="head"><h1>${title}</h1><a href="${view.to("/console")}">${t("返回工作台", "Back to the console")}</a></div>
${news}
<section class="card"><h2 lang="${text.content.language}">${text.content.title}</h2>
<ul class="facts"><li>${text.unitName}</li><li>${t(`第${revision}版`, `revision ${revision}`)}</li><li>${time(text.publishedAt, view.language)}</li><li><a href="${view.to(`/announcements/${at.id}`)}">${t("看公告", "The announcement")}</a></li></ul>
${counts ? balance(view, counts) : html`<p class="muted">${t("尚未开始推送。", "Not fanned out yet.")}</p>`}</section>
<section class="card" aria-labelledby="find"><h2 id="find">${t("查一个接收端", "Look one endpoint up")}</h2>
<form method="get" action="${view.to(`/console/announcements/${at.id}`)}" class="stacked">
<div class="field"><label for="endpoint">${t("地址、订阅编号或接收端编号", "Address, subscription or endpoint id")}</label><input type="search" id="endpoint" name="endpoint" maxlength="2048" value="${endpoint}"></div>
<button class="quiet">${t("查找", "Find")}</button></form></section>
<section class="card" aria-labelledby="rows"><h2 id="rows">${endpoint ? t("查找结果", "Found") : t("逐条推送", "One by one")}</h2>
${filters(view, at.id, revision, state)}
${rows.length > 0 ? list(view, rows) : html`<p class="empty">${endpoint ? t("这个接收端不在本公告的推送范围内：当时没有匹配的订阅。", "This endpoint is not a member of this fan-out: it had no subscription that matched.") : t("没有这样的推送。", "There is none.")}</p>`}
${state === "failed" || state === "unknown" ? again(view, at.id, revision, state) : NOTHING}</section>`,
  };
}

/** Retry one, retry all, settle by hand: each is a POST from this page, and shows it again with what came of it. */
export async function actOnLedger(
  deps: Deps,
  view: View,
  at: { id: string; form: URLSearchParams; request: Request },
): Promise<Page> {
  checkOrigin(at.request, deps.config);
  const caller = await editorOf(deps, at.request);
  await readForLedger(deps, caller, at.id);
  const { t } = view;
  const act = at.form.get("act");
  const delivery = at.form.get("delivery") ?? "";
  const told = (zh: string, en: string) => html`<div class="notice green" role="status"><p>${t(zh, en)}</p></div>`;
  const query = new URLSearchParams({ revision: at.form.get("revision") ?? "1" });
  const shown = (news: Html) => ledgerPage(deps, view, { ...at, query }, news);
  deps.log.info("acted", { route: "console ledger", act: String(act), actor: caller.id, id: at.id });
  if (delivery !== "" && delivery.split(".")[0] !== at.id) throw forbidden();
  try {
    if (act === "retry") {
      await retryDelivery(deps, delivery);
      return await shown(told("已重新推送。", "It is being sent again."));
    }
    if (act === "settle") {
      const state = at.form.get("state") === "delivered" ? "delivered" : "failed";
      const reason = (at.form.get("reason") ?? "").trim().slice(0, 300);
      if (reason.length < 2) throw new AppError("invalid", "REASON", REASON);
      await settleDelivery(deps, delivery, { state, reason, by: caller.id });
      return await shown(told("已认定，依据已记录。", "Settled; the reason is on record."));
    }
    const state = at.form.get("state") === "unknown" ? "unknown" : "failed";
    const asked = await retryAll(deps, at.id, Number(query.get("revision")), state);
    return await shown(
      told(`正在重试${asked.deliveries}条推送。`, `${asked.deliveries} pushes are being tried again.`),
    );
  } catch (error) {
    if (!(error instanceof AppError) || !["conflict", "invalid"].includes(error.kind)) throw error;
    const refused = html`<div class="notice red" role="alert"><p>${view.say(error.detail)}</p></div>`;
    return { ...(await shown(refused)), status: error.kind === "invalid" ? 422 : 409 };
  }
}

const REASON = { zh: "请写明认定的依据", en: "say how you know" };

async function editorOf(deps: Deps, request: Request): Promise<Caller> {
  const caller = await signedIn(deps, request);
  if (!caller || !hasRole(caller, "editor")) throw forbidden();
  return caller;
}

async function rowsFor(
  deps: Deps,
  id: string,
  revision: number,
  wanted: { state: DeliveryState | undefined; endpoint: string },
): Promise<DeliveryRow[]> {
  const { state, endpoint } = wanted;
  if (endpoint !== "") {
    const keys = /^[A-Za-z0-9_-]{16}$/.test(endpoint)
      ? [endpoint]
      : await Promise.all(CHANNELS.map(async (name) => endpointKey(name, await normal(deps, name, endpoint))));
    return (await Promise.all(keys.map((key) => deliveriesTo(deps, id, revision, key)))).flat();
  }
  const fanout = await findFanout(deps.table, id, revision);
  if (!fanout) return [];
  return (await listDeliveries(deps, fanout, { limit: ROWS, ...(state ? { state } : {}) })).items;
}

/** As the channel writes the address, which people do not always. */
async function normal(deps: Deps, name: (typeof CHANNELS)[number], address: string): Promise<string> {
  const checked = await deps.channels[name].address(address, { textOnly: true });
  return "address" in checked ? checked.address : address;
}

const names = (view: View): Record<DeliveryState, string> => ({
  delivered: view.t("已送达", "delivered"),
  suppressed: view.t("免推", "suppressed"),
  failed: view.t("失败", "failed"),
  unknown: view.t("未知", "unknown"),
  held: view.t("暂缓", "held"),
  waiting: view.t("待推", "waiting"),
});

function balance(view: View, counts: Counts & { closed: boolean; channels: Record<string, Counts> }): Html {
  const { t } = view;
  const done = counts.matched - counts.waiting - counts.held;
  const label = t("推送进度", "Progress");
  const heads = [t("渠道", "Channel"), t("应推", "matched"), ...DELIVERY_STATES.map((state) => names(view)[state])];
  return html`<p><progress max="${Math.max(1, counts.matched)}" value="${done}" aria-label="${label}"></progress> ${t(`${done} / ${counts.matched}`, `${done} of ${counts.matched}`)} <span class="badge${counts.closed ? " good" : ""}">${counts.closed ? t("已结清", "closed") : t("进行中", "open")}</span></p>
<p class="hint">${t("应推 = 已送达 + 免推 + 失败 + 未知 + 暂缓 + 待推", "matched = delivered + suppressed + failed + unknown + held + waiting")}</p>
<div class="scroll" tabindex="0" role="region" aria-label="${t("各渠道", "By channel")}"><table class="table nowrap"><thead><tr>${heads.map((head) => html`<th scope="col">${head}</th>`)}</tr></thead><tbody>${Object.entries(
    counts.channels,
  ).map(
    ([name, one]) =>
      html`<tr><th scope="row">${channelName(view, name as (typeof CHANNELS)[number])}</th><td class="num">${one.matched}</td>${DELIVERY_STATES.map((state) => html`<td class="num">${one[state]}</td>`)}</tr>`,
  )}<tr><th scope="row">${t("合计", "All")}</th><td class="num">${counts.matched}</td>${DELIVERY_STATES.map((state) => html`<td class="num">${counts[state]}</td>`)}</tr></tbody></table></div>`;
}

function filters(view: View, id: string, revision: number, chosen: DeliveryState | undefined): Html {
  const to = (state?: string) =>
    view.to(`/console/announcements/${id}?revision=${revision}${state ? `&state=${state}` : ""}`);
  const items: [string | undefined, string][] = [
    [undefined, view.t("全部", "all")],
    ...DELIVERY_STATES.map((state): [string, string] => [state, names(view)[state]]),
  ];
  return html`<ul class="facts">${items.map(([state, name]) => html`<li>${state === chosen ? html`<b>${name}</b>` : html`<a href="${to(state)}">${name}</a>`}</li>`)}</ul>`;
}

function list(view: View, rows: DeliveryRow[]): Html {
  const { t } = view;
  const heads = [t("接收端", "Endpoint"), t("状态", "State"), t("每次尝试", "Attempts"), t("操作", "Action")];
  return html`<div class="scroll" tabindex="0" role="region" aria-label="${t("推送明细", "The deliveries")}"><table class="table"><thead><tr>${heads.map((head) => html`<th scope="col">${head}</th>`)}</tr></thead><tbody>${rows.map(
    (row) =>
      html`<tr><td>${channelName(view, row.channel as (typeof CHANNELS)[number])}<br><span class="code">${row.address ?? row.endpoint}</span><br><small class="muted">${row.matched.join(t("、", ", "))}</small></td><td>${names(view)[row.state]}${row.reason ? html`<br><small class="muted">${why(view, row.reason)}</small>` : NOTHING}${row.dueAt ? html`<br><small>${t("下次：", "next ")}${time(row.dueAt, view.language)}</small>` : NOTHING}</td><td>${attempts(view, row)}</td><td>${actions(view, row)}</td></tr>`,
  )}</tbody></table></div>`;
}

function why(view: View, reason: string): string {
  const { t } = view;
  const known: Record<string, string> = {
    superseded: t("已有更新的版本", "a newer revision took over"),
    ended: t("接收端已退订或失效", "the endpoint has ended"),
  };
  return known[reason] ?? reason;
}

function attempts(view: View, row: DeliveryRow): Html {
  if (row.attempts.length === 0) return html`<span class="muted">${view.t("还没有", "none yet")}</span>`;
  return html`<ol class="history">${row.attempts.map(
    (one) =>
      html`<li>${time(one.at, view.language)} ${outcomeName(view, one.outcome)}${one.status ? html` <span class="code">${one.status}</span>` : NOTHING}${one.ms > 0 ? ` ${one.ms} ms` : ""}${one.error ? html`<br><small>${one.error}</small>` : NOTHING}${one.note ? html`<br><small>${view.t("依据：", "because: ")}${one.note}</small>` : NOTHING}</li>`,
  )}</ol>`;
}

function outcomeName(view: View, outcome: DeliveryRow["attempts"][number]["outcome"]): string {
  const { t } = view;
  const known: Record<typeof outcome, string> = {
    delivered: t("送达", "delivered"),
    accepted: t("平台已接收", "accepted by the provider"),
    gone: t("地址已失效", "address is gone"),
    rejected: t("被拒绝", "rejected"),
    retry: t("未成功，将再试", "not now, to be tried again"),
    unknown: t("结果未知", "outcome unknown"),
  };
  return known[outcome];
}

function actions(view: View, row: DeliveryRow): Html {
  const { t } = view;
  if (!["failed", "unknown", "held", "waiting"].includes(row.state)) return NOTHING;
  const action = view.to(`/console/announcements/${row.announcement}`);
  const hidden = html`<input type="hidden" name="revision" value="${row.revision}"><input type="hidden" name="delivery" value="${row.id}">`;
  const who = row.address ?? row.endpoint;
  return html`<form method="post" action="${action}">${hidden}<button name="act" value="retry" class="quiet" aria-label="${t(`重新推送给${who}`, `Send again to ${who}`)}">${t("重新推送", "Send again")}</button></form>
${
  row.state === "unknown"
    ? html`<form method="post" action="${action}">${hidden}<div class="field"><label for="reason-${row.endpoint}">${t("依据", "How you know")}</label><input type="text" id="reason-${row.endpoint}" name="reason" maxlength="300" required></div>
<input type="hidden" name="act" value="settle"><button name="state" value="delivered" class="quiet">${t("认定已送达", "It arrived")}</button> <button name="state" value="failed" class="quiet">${t("认定未送达", "It did not")}</button></form>`
    : NOTHING
}`;
}

function again(view: View, id: string, revision: number, state: "failed" | "unknown"): Html {
  const { t } = view;
  const text =
    state === "failed"
      ? t("全部失败的重新推送", "Send all that failed again")
      : t("全部未知的重新推送（可能重复）", "Send all unknown again (may arrive twice)");
  return html`<form method="post" action="${view.to(`/console/announcements/${id}`)}"><input type="hidden" name="revision" value="${revision}"><input type="hidden" name="state" value="${state}"><button name="act" value="retry-all">${text}</button></form>`;
}
