import type { DeliveryRow } from "#src/domain/deliveries/list.ts";
import { retryAll } from "#src/domain/deliveries/retry-all.ts";
import { retryDelivery } from "#src/domain/deliveries/retry-delivery.ts";
import { settleDelivery } from "#src/domain/deliveries/settle-delivery.ts";
import { type Caller, hasRole } from "#src/domain/members/member.ts";
import { AppError } from "#src/errors.ts";
import type { WebDeps } from "#src/web/app.ts";
import { checkOrigin, forbidden } from "#src/web/auth.ts";
import { catchUp } from "./catch-up.ts";
import { time } from "./dates.ts";
import { waitingWords } from "./delivery-waits.ts";
import { type Html, html, NOTHING } from "./html.ts";
import { mayFollow, type Wanted, wantedIn } from "./ledger-lookup.ts";
import { ledgerPage } from "./ledger-page.ts";
import { stayHere } from "./ledger-rows.ts";
import type { Page } from "./page.ts";
import { retryAllWords, settledWords } from "./retry-words.ts";
import { staff } from "./sign-in.ts";
import type { View } from "./view.ts";

type Deps = Pick<WebDeps, "table" | "queue" | "channels" | "now" | "config" | "log">;

/** What was pressed, on which row or revision. */
type Pressed = { id: string; form: URLSearchParams; delivery: string; revision: string };

/** Retry one, retry all, settle by hand: each is a POST from this page, and shows it again with what came of it. */
export async function actOnLedger(
  deps: Deps,
  view: View,
  at: { id: string; form: URLSearchParams; request: Request },
): Promise<Page> {
  checkOrigin(at.request, deps.config);
  const caller = await staff(deps, at.request, "editor");
  await mayFollow(deps, caller, at.id);
  const delivery = at.form.get("delivery") ?? "";
  const pressed = { id: at.id, form: at.form, delivery, revision: at.form.get("revision") ?? "1" };
  const what = delivery === "" ? {} : { delivery: delivery.slice(0, 100) };
  const act = String(at.form.get("act"));
  deps.log.info("acted", { route: "console ledger", act, actor: caller.id, id: at.id, ...what });
  if (delivery !== "" && delivery.split(".")[0] !== at.id) throw forbidden();
  const wanted = wantedIn(at.form, "shown");
  const query = queryOf(wanted, pressed.revision);
  const since = at.form.get("since");
  if (since) query.set("since", since);
  const shown = (news: Html) => ledgerPage(deps, view, { ...at, query }, news);
  try {
    const told = await actOn(deps, view, caller, pressed);
    return await shown(html`<div class="notice green" role="status"><p>${told}</p></div>`);
  } catch (error) {
    if (!(error instanceof AppError) || !["conflict", "invalid"].includes(error.kind)) throw error;
    const refused = html`<div class="notice red" role="alert">${whyNot(view, error, pressed, wanted)}</div>`;
    return { ...(await shown(refused)), status: error.kind === "invalid" ? 422 : 409 };
  }
}

/** The page's own, where the button was. One endpoint is looked up in all revisions. */
function queryOf({ state, endpoint, after }: Wanted, revision: string): URLSearchParams {
  const query = new URLSearchParams(endpoint === "" ? { revision } : { endpoint });
  if (state) query.set("state", state);
  if (after !== undefined) query.set("after", after);
  return query;
}

/** Does it, and says what came of it. */
async function actOn(deps: Deps, view: View, caller: Caller, pressed: Pressed): Promise<string | Html> {
  const name = pressed.form.get("act");
  if (name === "retry") return retryOne(deps, view, pressed);
  if (name === "settle") return settleOne(deps, view, caller, pressed);
  if (name === "retry-all") return retryMany(deps, view, pressed);
  if (name === "catch-up") return catchUpOne(deps, view, caller, pressed.form);
  throw new AppError("malformed", "ACT", ACT);
}

/** What an endpoint missed is of every unit, so that is an admin's. */
async function catchUpOne(deps: Deps, view: View, caller: Caller, form: URLSearchParams): Promise<string> {
  if (!hasRole(caller, "admin")) throw forbidden();
  const endpoint = form.get("to")?.slice(0, 100) ?? "";
  const told = await catchUp(deps, endpoint, form.get("since") ?? "");
  deps.log.info("replay-asked", { actor: caller.id, endpoint, since: form.get("since") });
  return view.say(told);
}

async function retryOne(deps: Deps, view: View, { delivery, form }: Pressed): Promise<string | Html> {
  const { t, language } = view;
  const anyway = form.get("anyway") === "true";
  const { heldUntil, afterChunk, waitsFor, dueAt } = await retryDelivery(deps, delivery, { anyway });
  if (waitsFor) return stillWaiting(view, waitsFor, dueAt);
  if (afterChunk)
    return t(
      "同一批的其他推送正在进行，完成后立即重新推送。",
      "Others of its chunk are being sent; it is sent again as soon as they are done.",
    );
  if (heldUntil === undefined) return t("已重新推送。", "It is being sent again.");
  const when = t(
    "接收人正处于免打扰时段，将在时段结束时推送：",
    "Its reader has quiet hours now. It goes out when they end: ",
  );
  return html`${when}${time(heldUntil, language)}${t("。", ".")}`;
}

function stillWaiting(view: View, waitsFor: NonNullable<DeliveryRow["waitsFor"]>, dueAt: string | undefined): Html {
  const { t, language } = view;
  const when =
    dueAt === undefined ? NOTHING : html`${t("下次尝试：", "Next try: ")}${time(dueAt, language)}${t("。", ".")}`;
  return html`${t("仍在等待，未能立即推送。", "It still waits and could not be sent at once. ")}${waitingWords(view, waitsFor)}${t("。", ". ")}${when}`;
}

async function settleOne(deps: Deps, view: View, caller: Caller, { delivery, form }: Pressed): Promise<string> {
  const state = form.get("state");
  if (state !== "delivered" && state !== "failed") throw new AppError("invalid", "STATE", WHICH);
  const reason = (form.get("reason") ?? "").trim().slice(0, 300);
  if (reason.length < 2) throw new AppError("invalid", "REASON", REASON);
  const by = { by: caller.id, byName: caller.name };
  return view.say(settledWords(await settleDelivery(deps, delivery, { state, reason, ...by })));
}

async function retryMany(deps: Deps, view: View, { id, form, revision }: Pressed): Promise<string> {
  const state = form.get("state") === "unknown" ? "unknown" : "failed";
  return view.say(retryAllWords(await retryAll(deps, id, Number(revision), state)));
}

/** What was refused because somebody else got the text is sent when a person says so once more. */
function whyNot(view: View, error: AppError, { id, delivery, revision }: Pressed, wanted: Wanted): Html {
  if (error.code !== "FALLBACK_SERVED") return html`<p>${view.say(error.detail)}</p>`;
  return html`<p>${view.say(SERVED)}</p><form method="post" action="${view.to(`/console/announcements/${id}`)}"><input type="hidden" name="revision" value="${revision}"><input type="hidden" name="delivery" value="${delivery}"><input type="hidden" name="anyway" value="true">${stayHere(wanted)}<button name="act" value="retry" class="quiet">${view.t("仍要推送", "Send it anyway")}</button></form>`;
}

const SERVED = {
  zh: "备用接收端已代为接收这条公告，再推送，接收人会收到两次。",
  en: "A fallback got this text in its place, so it would be read twice.",
};
const ACT = { zh: "没有这样的操作", en: "there is no such button" };
const WHICH = { zh: "请选择已送达还是未送达", en: "choose whether it arrived or not" };
const REASON = { zh: "请写明认定的依据", en: "say how you know" };
