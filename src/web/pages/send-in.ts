import { CASE_TYPES, type CaseType, NewCase } from "#src/domain/cases/case.ts";
import { type Submitted, submit } from "#src/domain/cases/submit.ts";
import { AppError } from "#src/errors.ts";
import type { WebDeps } from "#src/web/app.ts";
import { checked } from "#src/web/input.ts";
import { date } from "./dates.ts";
import { choices, type Faults, faultSummary, faultsOf, textField } from "./form.ts";
import { html } from "./html.ts";
import type { Page } from "./page.ts";
import type { View } from "./view.ts";

/** The notice of 个人信息保护法 Art. 17 below the contact fields; its version is stored with the consent. */
const NOTICE_VERSION = "2026-1";

export function caseTypeName(view: View, type: CaseType): string {
  const { t } = view;
  const names: Record<CaseType, string> = {
    scam_site: t("诈骗网站", "A scam site"),
    defaced_official_site: t("官方网站被篡改", "A defaced official site"),
    rumour: t("谣言", "A rumour"),
    service_complaint: t("服务投诉", "A complaint about a service"),
    suggestion: t("意见建议", "A suggestion"),
    other: t("其他", "Something else"),
  };
  return names[type];
}

export function sendInPage(view: View, values = new URLSearchParams(), faults: Faults = {}): Page {
  const { t } = view;
  const filled = { values, faults };
  const isWrong = Object.keys(faults).length > 0;
  return {
    head: {
      title: t("反映问题", "Send in a case"),
      crumbs: [{ name: t("反映问题", "Send in a case") }],
      hidden: isWrong,
    },
    ...(isWrong ? { status: 422, personal: true } : {}),
    main: html`<div class="card article">
<div class="head"><h1>${t("反映问题", "Send in a case")}</h1></div>
<p class="lead">${t("提交后立即得到回执编号和查询密钥，凭此查询办理进度。紧急情况请直接拨打110。", "You get a receipt at once and can follow the case with it. In an emergency call 110.")}</p>
${faultSummary(view, faults)}
<form class="stacked" method="post" action="${view.to("/report")}">
${choices(view, filled, "type", t("事项类型", "What is it about"), {
  kind: "radio",
  required: true,
  of: CASE_TYPES.map((type) => [type, caseTypeName(view, type)]),
})}
${textField(view, filled, "title", t("标题", "Title"), { required: true, max: 80, hint: t("4至80个字", "4 to 80 characters") })}
${textField(view, filled, "description", t("情况说明", "What happened"), {
  required: true,
  max: 4000,
  rows: 9,
  hint: t(
    "10至4000个字：时间、地点、经过、希望如何处理。请不要填写他人的身份证号、电话等个人信息。",
    "10 to 4,000 characters: when, where, what, and what you hope for. Please leave out other people's numbers and identity data.",
  ),
})}
${textField(view, filled, "urls", t("相关网址", "Web addresses"), { rows: 3, hint: t("每行一个，最多10个", "One a line, at most 10") })}
${textField(view, filled, "occurredAt", t("发生时间（北京时间）", "When it happened (Beijing time)"), { type: "datetime-local" })}
<fieldset><legend>${t("联系方式（可不填）", "How to reach you (if you like)")}</legend>
<p class="hint">${t("不填也会办理，凭回执查询结果。", "Your case is dealt with all the same; the receipt tells you the result.")}</p>
${textField(view, filled, "name", t("称呼", "Name"), { max: 50, autocomplete: "name" })}
${textField(view, filled, "phone", t("电话", "Phone"), { max: 20, autocomplete: "tel" })}
${textField(view, filled, "email", t("邮箱", "Mail address"), { max: 254, autocomplete: "email" })}
<details><summary>${t("个人信息告知书", "How your contact data is used")}</summary><p>${t(
      "联系方式只用于核实情况和告知办理结果，由受理单位保存，办结后按规定期限删除，不公开、不用于其他目的。您可以凭回执要求查阅、更正或删除。",
      "Your contact data is used only to check the facts and to tell you the result. It is kept by the unit that takes the case, deleted after the case is closed, never published and used for nothing else. With your receipt you can ask to see, correct or delete it.",
    )}</p></details>
${choices(view, filled, "consent", t("同意", "Consent"), {
  kind: "checkbox",
  of: [
    [
      "yes",
      t(
        "我已阅读告知书，同意将所填联系方式用于办理本事项",
        "I have read this and agree that my contact data is used for this case",
      ),
    ],
  ],
})}
</fieldset>
${choices(view, filled, "publish", t("公开", "Publication"), {
  kind: "checkbox",
  hint: t("默认不公开。公开前会隐去个人信息。", "Not published unless you agree; personal data is removed first."),
  of: [
    [
      "yes",
      t("同意在办结后公开本事项的内容和答复", "The text and the answer may be published once the case is closed"),
    ],
  ],
})}
<button>${t("提交", "Send")}</button>
</form>
</div>`,
  };
}

function caseOf(form: URLSearchParams): unknown {
  const text = (name: string) => form.get(name)?.trim() || undefined;
  const urls = (text("urls") ?? "").split("\n").flatMap((line) => line.trim() || []);
  const contact = { name: text("name"), phone: text("phone"), email: text("email") };
  const given = Object.fromEntries(Object.entries(contact).filter(([, value]) => value !== undefined));
  const occurredAt = text("occurredAt");
  return {
    type: form.get("type") ?? "",
    title: form.get("title") ?? "",
    description: form.get("description") ?? "",
    ...(urls.length > 0 ? { urls } : {}),
    ...(occurredAt ? { occurredAt: `${occurredAt.length === 16 ? `${occurredAt}:00` : occurredAt}+08:00` } : {}),
    ...(Object.keys(given).length > 0
      ? { contact: { ...given, ...(form.has("consent") ? { noticeVersion: NOTICE_VERSION } : {}) } }
      : {}),
    publish: form.has("publish"),
  };
}

function fieldOf(path: string): string {
  if (path.startsWith("urls")) return "urls";
  if (path === "contact/noticeVersion") return "consent";
  return path === "contact" ? "phone" : path.replace(/^contact\//, "");
}

/** The receipt, or the form again with what is wrong. */
export async function sendIn(
  deps: Pick<WebDeps, "table" | "bucket" | "now">,
  view: View,
  form: URLSearchParams,
): Promise<Page> {
  try {
    return receiptPage(view, await submit(deps, checked(NewCase, caseOf(form))));
  } catch (error) {
    if (!(error instanceof AppError) || error.kind !== "invalid") throw error;
    return sendInPage(view, form, faultsOf(error.errors, fieldOf));
  }
}

function receiptPage(view: View, submitted: Submitted): Page {
  const { t } = view;
  const { number, secret } = submitted.receipt;
  return {
    head: { title: t("回执", "Receipt"), hidden: true },
    personal: true,
    main: html`<section class="card article">
<div class="notice green" role="status"><p class="title">${t("已收到您反映的问题", "Your case has been taken in")}</p>
<p>${t("请现在记下或打印下面的编号和密钥：密钥只显示这一次，无法找回。", "Write these two down or print them now: the secret is shown only once and cannot be recovered.")}</p></div>
<h1>${t("回执", "Receipt")}</h1>
<dl class="pairs">
<dt>${t("回执编号", "Number")}</dt><dd class="big code" id="number">${number}</dd>
<dt>${t("查询密钥", "Secret")}</dt><dd class="big code" id="secret">${secret.replace(/(.{5})(?=.)/g, "$1-")}</dd>
<dt>${t("答复期限", "Answer due by")}</dt><dd>${date(submitted.dueAt, view.language)}</dd>
</dl>
<form class="noprint" method="post" action="${view.to("/receipt")}"><input type="hidden" name="number" value="${number}"><input type="hidden" name="secret" value="${secret}"><button class="quiet">${t("查看办理进度", "See where it stands")}</button></form>
<p class="small muted onlyprint">${t("查询地址：", "Follow it at ")}${view.baseUrl}/receipt</p>
</section>`,
  };
}
