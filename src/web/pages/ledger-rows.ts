import type { Absence } from "#src/domain/deliveries/absent.ts";
import { digestNamed } from "#src/domain/deliveries/digest.ts";
import { DELIVERY_STATES, type DeliveryState } from "#src/domain/deliveries/states.ts";
import { END_WORDS } from "#src/domain/subscriptions/end-words.ts";
import { time } from "./dates.ts";
import { deliveryTable, stateNames } from "./delivery-table.ts";
import { type Html, html, NOTHING } from "./html.ts";
import type { Rows, Wanted } from "./ledger-lookup.ts";
import type { View } from "./view.ts";

/** The rows that are asked for, a page of them. */
export function oneByOne(
  view: View,
  at: { id: string; revision: number; here: string; isAdmin: boolean },
  wanted: Wanted,
  { items, next, absent, supersededBy }: Rows,
  say: (topic: string) => string,
): Html {
  const { t } = view;
  const { state, endpoint, after } = wanted;
  const isLookup = endpoint !== "";
  const none =
    next !== undefined
      ? t("这一段没有，后面还有未查看的。", "None in this part; there is more behind it.")
      : isLookup
        ? absence(view, absent)
        : t("没有这样的推送。", "There is none.");
  return html`<section class="card" aria-labelledby="rows"><h2 id="rows">${isLookup ? t("查找结果", "Found") : t("逐条推送", "One by one")}</h2>
${filters(view, at, isLookup ? undefined : (state ?? "all"))}
${items.length > 0 ? deliveryTable(view, items, { say, supersededBy, stay: stayHere(wanted), revisions: isLookup, isAdmin: at.isAdmin }) : html`<p class="empty">${none}</p>`}
${pager(view, state ? `${at.here}&state=${state}` : at.here, after !== undefined, next)}
${state === "failed" || state === "unknown" ? again(view, at, state, supersededBy.get(at.revision)) : NOTHING}</section>`;
}

function filters(view: View, { here }: { here: string }, chosen: DeliveryState | "all" | undefined): Html {
  const names = { all: view.t("全部", "all"), ...stateNames(view) };
  const items = (["all", ...DELIVERY_STATES] as const).map((state) =>
    state === chosen
      ? html`<b aria-current="true">${names[state]}</b>`
      : html`<a href="${view.to(state === "all" ? here : `${here}&state=${state}`)}">${names[state]}</a>`,
  );
  return html`<ul class="facts" aria-label="${view.t("按状态筛选", "By state")}">${items.map((item) => html`<li>${item}</li>`)}</ul>`;
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
    ended: ended(view, absent.reason),
    "not confirmed": t("申请过订阅，但没有确认。", "Somebody asked for a subscription, which was never confirmed."),
    "not subscribed": t("没有以这个地址订阅的记录。", "Nothing is known of a subscription under this address."),
  };
  const at = absent.at === undefined ? NOTHING : html` ${time(absent.at, view.language)}`;
  return html`${t("没有推送给这个接收端：", "Nothing was sent there: ")}${reasons[absent.because]}${at}`;
}

function ended(view: View, reason: Absence["reason"]): string {
  if (reason === undefined) return view.t("订阅已结束。", "Its subscription has ended.");
  const why = view.say(END_WORDS[reason]);
  return view.t(`订阅已结束（${why}）。`, `Its subscription has ended (${why}).`);
}

/** What a form of a row gives back, so that the page shows the same rows once it was pressed. */
export function stayHere({ state, endpoint, after }: Wanted): Html {
  const fields = { shown: state ?? "", endpoint, after: after ?? "" };
  return html`${Object.entries(fields).map(([name, value]) => (value === "" ? NOTHING : html`<input type="hidden" name="${name}" value="${value}">`))}`;
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

function again(
  view: View,
  { id, revision }: { id: string; revision: number },
  state: "failed" | "unknown",
  newer: number | undefined,
): Html {
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
