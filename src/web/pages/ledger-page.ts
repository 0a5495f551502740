import type { Announcement } from "#src/domain/announcements/announcement.ts";
import { readHistory } from "#src/domain/announcements/read.ts";
import { noSuchAnnouncement, readForLedger, readRevision } from "#src/domain/announcements/store.ts";
import { type Absence, whyAbsent } from "#src/domain/deliveries/absent.ts";
import type { ChannelName } from "#src/domain/deliveries/channel.ts";
import { digestAt, digestNamed } from "#src/domain/deliveries/digest.ts";
import { ledger } from "#src/domain/deliveries/ledger.ts";
import { type DeliveryRow, deliveriesTo, listDeliveries } from "#src/domain/deliveries/list.ts";
import { retryAll } from "#src/domain/deliveries/retry-all.ts";
import { retryDelivery } from "#src/domain/deliveries/retry-delivery.ts";
import { settleDelivery } from "#src/domain/deliveries/settle-delivery.ts";
import { type Counts, DELIVERY_STATES, type DeliveryState } from "#src/domain/deliveries/states.ts";
import { type Fanout, findFanout } from "#src/domain/deliveries/store.ts";
import type { Caller } from "#src/domain/members/member.ts";
import { findEndpoints } from "#src/domain/subscriptions/find-endpoints.ts";
import { AppError } from "#src/errors.ts";
import type { WebDeps } from "#src/web/app.ts";
import { checkOrigin, forbidden } from "#src/web/auth.ts";
import { channelName } from "./channel-words.ts";
import { time } from "./dates.ts";
import { deliveryTable, stateNames } from "./delivery-table.ts";
import { type Html, html, NOTHING } from "./html.ts";
import { revisionLedgers, revisionName } from "./ledger-revisions.ts";
import type { Page } from "./page.ts";
import { retryAllWords, settledWords } from "./retry-words.ts";
import { staff } from "./sign-in.ts";
import { stackedTable } from "./stacked-table.ts";
import { topicWords } from "./topics.ts";
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
  const caller = await staff(deps, at.request, "editor");
  const { revision, title: what, head, revisions } = await subjectOf(deps, view, caller, at);
  const counts = await ledger(deps, at.id, revision);
  const wanted = wantedIn(at.query, "state");
  const { state, endpoint, after } = wanted;
  const { items: rows, next, absent, supersededBy } = await rowsFor(deps, at.id, revision, wanted);
  const { say } = await topicWords(deps, view, rowTopics(rows));
  const shown = { say, supersededBy, stay: stayHere(wanted), revisions: endpoint !== "" };
  const title = t("推送台账", "Deliveries");
  const running =
    counts !== undefined && !counts.closed && endpoint === "" && state === undefined && after === undefined;
  // What a button came to stays to be read.
  const isStill = at.query.get("refresh") === "off" || news !== NOTHING;
  const here = `/console/announcements/${at.id}?revision=${revision}`;
  return {
    head: { title: `${title}：${what}`, hidden: true },
    personal: true,
    // Without a script: the page itself comes again while something moves.
    ...(running && !isStill ? { headers: { refresh: String(REFRESH_SECONDS) } } : {}),
    main: html`<div class="head"><h1>${title}</h1><a href="${view.to("/console")}">${t("返回工作台", "Back to the console")}</a></div>
${news}
<section class="card">${head}
${counts ? balance(view, counts) : html`<p class="muted">${t("尚未开始推送。", "Not fanned out yet.")}</p>`}
${running ? refreshLine(view, here, isStill) : NOTHING}</section>
${revisions}
<section class="card" aria-labelledby="find"><h2 id="find">${t("查一个接收端", "Look one endpoint up")}</h2>
<form method="get" action="${view.to(`/console/announcements/${at.id}`)}" class="stacked">
${view.chosen ? html`<input type="hidden" name="lang" value="${view.language}">` : NOTHING}
<div class="field"><label for="endpoint">${t("地址、订阅编号或接收端编号", "Address, subscription or endpoint id")}</label><input type="search" id="endpoint" name="endpoint" maxlength="2048" value="${endpoint}"></div>
<button class="quiet">${t("查找", "Find")}</button></form></section>
<section class="card" aria-labelledby="rows"><h2 id="rows">${endpoint ? t("查找结果", "Found") : t("逐条推送", "One by one")}</h2>
${filters(view, at.id, revision, endpoint === "" ? (state ?? "all") : undefined)}
${rows.length > 0 ? deliveryTable(view, rows, shown) : html`<p class="empty">${next !== undefined ? t("这一段没有，后面还有未查看的。", "None in this part; there is more behind it.") : endpoint ? absence(view, absent) : t("没有这样的推送。", "There is none.")}</p>`}
${pager(view, state ? `${here}&state=${state}` : here, after !== undefined, next)}
${state === "failed" || state === "unknown" ? again(view, at.id, revision, state, supersededBy.get(revision)) : NOTHING}</section>`,
  };
}

function rowTopics(rows: DeliveryRow[]): string[] {
  return [...new Set(rows.filter(({ announcement }) => !digestNamed(announcement)).flatMap(({ matched }) => matched))];
}

/** Retry one, retry all, settle by hand: each is a POST from this page, and shows it again with what came of it. */
export async function actOnLedger(
  deps: Deps,
  view: View,
  at: { id: string; form: URLSearchParams; request: Request },
): Promise<Page> {
  checkOrigin(at.request, deps.config);
  const caller = await staff(deps, at.request, "editor");
  await mayFollow(deps, caller, at.id);
  const act = at.form.get("act");
  const delivery = at.form.get("delivery") ?? "";
  const told = (zh: string | Html, en: string | Html) =>
    html`<div class="notice green" role="status"><p>${view.language === "en" ? en : zh}</p></div>`;
  const revision = at.form.get("revision") ?? "1";
  const wanted = wantedIn(at.form, "shown");
  // One endpoint is looked up in all revisions.
  const query = new URLSearchParams(wanted.endpoint === "" ? { revision } : { endpoint: wanted.endpoint });
  if (wanted.state) query.set("state", wanted.state);
  if (wanted.after !== undefined) query.set("after", wanted.after);
  const shown = (news: Html) => ledgerPage(deps, view, { ...at, query }, news);
  const what = delivery === "" ? {} : { delivery: delivery.slice(0, 100) };
  deps.log.info("acted", { route: "console ledger", act: String(act), actor: caller.id, id: at.id, ...what });
  if (delivery !== "" && delivery.split(".")[0] !== at.id) throw forbidden();
  try {
    if (act === "retry") {
      const { heldUntil, afterChunk } = await retryDelivery(deps, delivery, {
        anyway: at.form.get("anyway") === "true",
      });
      if (afterChunk)
        return await shown(
          told(
            "同一批的其他推送正在进行，完成后立即重新推送。",
            "Others of its chunk are being sent; it is sent again as soon as they are done.",
          ),
        );
      if (heldUntil === undefined) return await shown(told("已重新推送。", "It is being sent again."));
      const then = time(heldUntil, view.language);
      return await shown(
        told(
          html`接收人正处于免打扰时段，将在时段结束时推送：${then}。`,
          html`Its reader has quiet hours now. It goes out when they end: ${then}.`,
        ),
      );
    }
    if (act === "settle") {
      const state = at.form.get("state") === "delivered" ? "delivered" : "failed";
      const reason = (at.form.get("reason") ?? "").trim().slice(0, 300);
      if (reason.length < 2) throw new AppError("invalid", "REASON", REASON);
      const by = { by: caller.id, byName: caller.name };
      const { zh, en } = settledWords(await settleDelivery(deps, delivery, { state, reason, ...by }));
      return await shown(told(zh, en));
    }
    const state = at.form.get("state") === "unknown" ? "unknown" : "failed";
    const asked = await retryAll(deps, at.id, Number(revision), state);
    const { zh, en } = retryAllWords(asked);
    return await shown(told(zh, en));
  } catch (error) {
    if (!(error instanceof AppError) || !["conflict", "invalid"].includes(error.kind)) throw error;
    const isServed = error.code === "FALLBACK_SERVED";
    const anyway = isServed ? sendAnyway(view, { id: at.id, delivery, revision, stay: stayHere(wanted) }) : NOTHING;
    const refused = html`<div class="notice red" role="alert"><p>${view.say(isServed ? SERVED : error.detail)}</p>${anyway}</div>`;
    return { ...(await shown(refused)), status: error.kind === "invalid" ? 422 : 409 };
  }
}

/** What was refused because somebody else got the text is sent when a person says so once more. */
function sendAnyway(view: View, at: { id: string; delivery: string; revision: string; stay: Html }): Html {
  return html`<form method="post" action="${view.to(`/console/announcements/${at.id}`)}"><input type="hidden" name="revision" value="${at.revision}"><input type="hidden" name="delivery" value="${at.delivery}"><input type="hidden" name="anyway" value="true">${at.stay}<button name="act" value="retry" class="quiet">${view.t("仍要推送", "Send it anyway")}</button></form>`;
}

const SERVED = {
  zh: "备用接收端已代为接收这条公告，再推送，接收人会收到两次。",
  en: "A fallback got this text in its place, so it would be read twice.",
};
const REASON = { zh: "请写明认定的依据", en: "say how you know" };

/** What the ledger is of: a revision of an announcement, or a digest, which is of all units. */
async function subjectOf(
  deps: Deps,
  view: View,
  caller: Caller,
  { id, query }: { id: string; query: URLSearchParams },
): Promise<{ revision: number; title: string; head: Html; revisions: Html }> {
  const { t } = view;
  const announcement = await mayFollow(deps, caller, id);
  if (!announcement) {
    const name = digestNamed(id);
    const kind = name?.frequency === "weekly" ? t("每周汇总", "Weekly digest") : t("每日汇总", "Daily digest");
    const title = `${kind} ${name?.date ?? ""}`;
    const at = name && time(digestAt(name).toISOString(), view.language);
    return {
      revision: 1,
      title,
      revisions: NOTHING,
      head: html`<h2>${title}</h2><ul class="facts"><li>${t("发出：", "Goes out ")}${at}</li></ul>`,
    };
  }
  const revision = Number(query.get("revision") ?? announcement.revision);
  const [text, history] = await Promise.all([readRevision(deps, id, revision), readHistory(deps, id)]);
  if (!text) throw new AppError("not-found", "NOT_FOUND", { zh: "没有这个版本", en: "there is no such revision" });
  const { title, language } = text.content;
  const work =
    announcement.work && announcement.state === "published"
      ? html`<p><a href="${view.to(`/console/announcements/${id}?work=1`)}">${t("有一份更正稿在办：查看、审核或发布", "A correction is in work: look at it, review or publish it")}</a></p>`
      : NOTHING;
  const link =
    announcement.audience.kind === "public"
      ? html`<li><a href="${view.to(`/announcements/${id}`)}">${t("看公告", "The announcement")}</a></li>`
      : html`<li>${t("内部消息，不公开", "Internal, shown nowhere")}</li>`;
  const head = html`<h2 lang="${language}">${title}</h2>
<ul class="facts"><li>${text.unitName}</li><li>${revisionName(view, text)}</li><li>${time(text.publishedAt, view.language)}</li>${link}</ul>${work}`;
  return { revision, title, head, revisions: revisionLedgers(view, id, revision, history) };
}

/** The announcement; undefined for a digest, which only those who act for every unit may follow. */
async function mayFollow(deps: Deps, caller: Caller, id: string): Promise<Announcement | undefined> {
  if (!digestNamed(id)) return readForLedger(deps, caller, id);
  if (caller.unitId === undefined) return undefined;
  throw noSuchAnnouncement();
}

/** Why somebody whom this page was asked about is not among the deliveries. */
function absence(view: View, absent: Absence | undefined): Html {
  const { t } = view;
  if (!absent) return html`${t("推送尚未开始。", "Not fanned out yet.")}`;
  const reasons: Record<Absence["because"], string> = {
    "other topics": t("这个接收端的订阅与本公告不匹配。", "Its subscription asks for other things."),
    "confirmed later": t("发布之后才确认订阅。", "It was subscribed only after publication."),
    "switched off": t(
      "多次推送失败，已停用，等待接收人重新确认。",
      "It was switched off after failures and waits for its owner.",
    ),
    ended: t("订阅已结束。", "Its subscription has ended."),
    "not confirmed": t("申请过订阅，但没有确认。", "Somebody asked for a subscription, which was never confirmed."),
    "not subscribed": t("没有以这个地址订阅的记录。", "Nothing is known of a subscription under this address."),
  };
  const at = absent.at === undefined ? NOTHING : html` ${time(absent.at, view.language)}`;
  return html`${t("没有推送给这个接收端：", "Nothing was sent there: ")}${reasons[absent.because]}${at}`;
}

function refreshLine(view: View, here: string, isStill: boolean): Html {
  const { t } = view;
  return html`<p class="small muted">${
    isStill
      ? html`<a href="${view.to(here)}">${t("恢复自动刷新", "Refresh by itself again")}</a>`
      : html`${t(`推送未完时，本页每${REFRESH_SECONDS}秒自动刷新。`, `While pushes run this page refreshes itself every ${REFRESH_SECONDS} seconds.`)} <a href="${view.to(`${here}&refresh=off`)}">${t("停止自动刷新", "Stop that")}</a>`
  }</p>`;
}

function pager(view: View, here: string, isBehind: boolean, next: string | undefined): Html {
  const { t } = view;
  if (!isBehind && next === undefined) return NOTHING;
  const first = isBehind ? html`<a href="${view.to(here)}">${t("回到第一页", "First page")}</a>` : html`<span></span>`;
  const more =
    next === undefined
      ? NOTHING
      : html`<a rel="next" href="${view.to(`${here}&after=${next}`)}">${t("下一页", "Next page")}</a>`;
  return html`<nav class="pager" aria-label="${t("翻页", "Pages")}">${first}${more}</nav>`;
}

type Wanted = { state: DeliveryState | undefined; endpoint: string; after: string | undefined };

/** Which rows are asked for; the state stands under this name. */
function wantedIn(from: URLSearchParams, stateName: "state" | "shown"): Wanted {
  return {
    state: DELIVERY_STATES.find((one) => one === from.get(stateName)),
    endpoint: from.get("endpoint")?.trim() ?? "",
    after: /^[A-Za-z0-9_-]{1,16}$/.exec(from.get("after") ?? "")?.[0],
  };
}

/** What a form of a row gives back, so that the page shows the same rows once it was pressed. */
function stayHere({ state, endpoint, after }: Wanted): Html {
  const fields = { shown: state ?? "", endpoint, after: after ?? "" };
  return html`${Object.entries(fields).map(([name, value]) => (value === "" ? NOTHING : html`<input type="hidden" name="${name}" value="${value}">`))}`;
}

/** Rows of this revision, or of all of them for one endpoint; and which revision took over from each of those. */
async function rowsFor(
  deps: Deps,
  id: string,
  revision: number,
  { state, endpoint, after }: Wanted,
): Promise<{ items: DeliveryRow[]; next?: string; absent?: Absence; supersededBy: Map<number, number> }> {
  if (endpoint !== "") {
    const keys = await findEndpoints(deps, endpoint);
    const items = (await Promise.all(keys.map((key) => deliveriesTo(deps, id, revision, key)))).flat();
    const fanouts = await Promise.all(
      [...new Set(items.map((row) => row.revision))].map((one) => findFanout(deps.table, id, one)),
    );
    const absent = items.length > 0 ? undefined : await whyAbsent(deps, { id, revision, endpoints: keys });
    return { items, supersededBy: takenOver(fanouts), ...(absent ? { absent } : {}) };
  }
  const fanout = await findFanout(deps.table, id, revision);
  if (!fanout) return { items: [], supersededBy: new Map() };
  const request = { limit: ROWS, ...(state ? { state } : {}), ...(after === undefined ? {} : { after }) };
  return { ...(await listDeliveries(deps, fanout, request)), supersededBy: takenOver([fanout]) };
}

function takenOver(fanouts: (Fanout | undefined)[]): Map<number, number> {
  return new Map(
    fanouts.flatMap((one): [number, number][] =>
      one?.supersededBy === undefined ? [] : [[one.revision, one.supersededBy]],
    ),
  );
}

function balance(view: View, counts: Counts & { closed: boolean; channels: Record<string, Counts> }): Html {
  const { t } = view;
  const done = counts.matched - counts.waiting - counts.held;
  const label = t("推送进度", "Progress");
  const heads = [
    t("渠道", "Channel"),
    t("应推", "matched"),
    ...DELIVERY_STATES.map((state) => stateNames(view)[state]),
  ];
  const row = (head: string, one: Counts) => ({
    head,
    cells: [one.matched, ...DELIVERY_STATES.map((state) => one[state])],
  });
  const channels = Object.entries(counts.channels);
  const rows = [
    ...channels.map(([name, one]) => row(channelName(view, name as ChannelName), one)),
    row(t("合计", "All"), counts),
  ];
  return html`<p><progress max="${Math.max(1, counts.matched)}" value="${done}" aria-label="${label}"></progress> ${t(`${done} / ${counts.matched}`, `${done} of ${counts.matched}`)} <span class="badge${counts.closed ? " good" : ""}">${counts.closed ? t("已结清", "closed") : t("进行中", "open")}</span></p>
<p class="hint">${t("应推 = 已送达 + 免推 + 失败 + 未知 + 暂缓 + 待推", "matched = delivered + suppressed + failed + unknown + held + waiting")}</p>
${stackedTable(t("各渠道", "By channel"), "figures", heads, rows)}`;
}

function filters(view: View, id: string, revision: number, chosen: DeliveryState | "all" | undefined): Html {
  const to = (state: string) =>
    view.to(`/console/announcements/${id}?revision=${revision}${state === "all" ? "" : `&state=${state}`}`);
  const names = { all: view.t("全部", "all"), ...stateNames(view) };
  const items = (["all", ...DELIVERY_STATES] as const).map((state) =>
    state === chosen
      ? html`<b aria-current="true">${names[state]}</b>`
      : html`<a href="${to(state)}">${names[state]}</a>`,
  );
  return html`<ul class="facts" aria-label="${view.t("按状态筛选", "By state")}">${items.map((item) => html`<li>${item}</li>`)}</ul>`;
}

function again(view: View, id: string, revision: number, state: "failed" | "unknown", newer: number | undefined): Html {
  const { t } = view;
  if (digestNamed(id)) return NOTHING;
  if (newer !== undefined)
    return html`<p class="muted">${
      state === "failed"
        ? t(
            `本版已被第${newer}版取代，失败的不再重新推送。`,
            `Revision ${newer} took over; what failed here is not sent again.`,
          )
        : t(
            `本版已被第${newer}版取代，结果未知的不再重新推送，仍可逐条认定。`,
            `Revision ${newer} took over; what is unknown here is not sent again, but can be settled one by one.`,
          )
    }</p>`;
  const text =
    state === "failed"
      ? t("全部失败的重新推送", "Send all that failed again")
      : t("全部未知的重新推送（可能重复）", "Send all unknown again (may arrive twice)");
  return html`<form method="post" action="${view.to(`/console/announcements/${id}`)}"><input type="hidden" name="revision" value="${revision}"><input type="hidden" name="state" value="${state}"><button name="act" value="retry-all">${text}</button></form>`;
}
