import { correct, Reason } from "#src/domain/announcements/correct.ts";
import { publish } from "#src/domain/announcements/publish.ts";
import { review } from "#src/domain/announcements/review.ts";
import { type Caller, hasRole } from "#src/domain/members/member.ts";
import { AppError } from "#src/errors.ts";
import type { WebDeps } from "#src/web/app.ts";
import { forbidden } from "#src/web/auth.ts";
import { html } from "./html.ts";
import { workPath } from "./in-work.ts";
import type { Page } from "./page.ts";
import { rehearsalPage } from "./rehearsal-page.ts";
import { staff } from "./sign-in.ts";
import type { View } from "./view.ts";

const COMMENT = 1000;

/** Publishes, as a first text or a correction, approves or returns exactly the bytes that the page showed; what is refused stands on the page again. */
export async function decide(
  deps: WebDeps,
  view: View,
  at: { id: string; form: URLSearchParams; request: Request },
): Promise<Page | Response> {
  const caller = await staff(deps, at.request);
  const act = at.form.get("act") ?? "";
  deps.log.info("acted", { route: "console decide", act, actor: caller.id, id: at.id });
  try {
    if (act === "publish") await publishIt(deps, caller, at);
    else if (act === "correct") await correctIt(deps, caller, at);
    else {
      const { revision } = await reviewIt(deps, caller, at, act === "approve");
      return toWork(view, { id: at.id, revision });
    }
    return toWork(view, { id: at.id, revision: 0 });
  } catch (error) {
    if (!(error instanceof AppError) || !["conflict", "invalid", "forbidden"].includes(error.kind)) throw error;
    if (error.code === "FORBIDDEN") throw error;
    const refused = html`<div class="notice red" role="alert"><p>${view.say(error.detail)}</p></div>`;
    const status = { conflict: 409, invalid: 422, forbidden: 403 }[error.kind as "conflict" | "invalid" | "forbidden"];
    return { ...(await rehearsalPage(deps, view, at, refused)), status };
  }
}

/** To the text in work, or with revision 0 to wherever the announcement stands. */
export function toWork(view: View, at: { id: string; revision: number }): Response {
  const location = view.to(workPath(at));
  return new Response(null, { status: 303, headers: { location, "cache-control": "no-store" } });
}

async function publishIt(deps: WebDeps, caller: Caller, { id, form }: { id: string; form: URLSearchParams }) {
  if (!hasRole(caller, "editor")) throw forbidden();
  const typed = (form.get("at") ?? "").trim();
  const time = typed === "" ? undefined : new Date(`${typed}+08:00`);
  if (time && !(/^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d)?$/.test(typed) && time.getTime() > 0))
    throw new AppError("invalid", "AT", { zh: "定时发布的时间不正确", en: "this is not a time to publish at" });
  await publish(deps, { caller, id, contentHash: form.get("contentHash") ?? "", ...(time ? { at: time } : {}) });
}

async function correctIt(deps: WebDeps, caller: Caller, { id, form }: { id: string; form: URLSearchParams }) {
  if (!hasRole(caller, "editor")) throw forbidden();
  const reason = Reason.safeParse(form.get("reason") ?? "");
  if (!reason.success)
    throw new AppError("invalid", "REASON", {
      zh: "请说明更正的原因（至多500字）",
      en: "say what is corrected and why, in at most 500 characters",
    });
  await correct(deps, { caller, id, contentHash: form.get("contentHash") ?? "", reason: reason.data });
}

async function reviewIt(
  deps: WebDeps,
  caller: Caller,
  { id, form }: { id: string; form: URLSearchParams },
  approves: boolean,
) {
  if (!hasRole(caller, "reviewer")) throw forbidden();
  const comment = (form.get("comment") ?? "").trim().slice(0, COMMENT);
  if (!approves && comment === "")
    throw new AppError("invalid", "COMMENT", { zh: "退回请写明原因", en: "say why it is returned" });
  const { announcement } = await review(deps, {
    ...{ caller, id },
    review: {
      contentHash: form.get("contentHash") ?? "",
      decision: approves ? "approve" : "return",
      ...(comment === "" ? {} : { comment }),
    },
  });
  return announcement;
}
