import { type CaseStatus, caseStatus } from "#src/domain/cases/status.ts";
import { AppError } from "#src/errors.ts";
import type { WebDeps } from "#src/web/app.ts";
import { date, time } from "./dates.ts";
import { type Faults, faultSummary, textField } from "./form.ts";
import { html, NOTHING } from "./html.ts";
import type { Page } from "./page.ts";
import { caseTypeName } from "./send-in.ts";
import type { View } from "./view.ts";

export function receiptForm(view: View, number = "", faults: Faults = {}): Page {
  const { t } = view;
  const filled = { values: new URLSearchParams({ number }), faults };
  const isWrong = Object.keys(faults).length > 0;
  const title = t("查询回执", "Follow a case");
  return {
    head: { title, crumbs: [{ name: title }], hidden: isWrong },
    ...(isWrong ? { status: 404, personal: true } : {}),
    main: html`<div class="card article">
<div class="head"><h1>${title}</h1></div>
<p class="lead">${t("输入提交时得到的回执编号和查询密钥。", "Enter the number and the secret of your receipt.")}</p>
${faultSummary(view, faults)}
<form class="stacked" method="post" action="${view.to("/receipt")}">
${textField(view, filled, "number", t("回执编号", "Number"), { required: true, max: 40, autocomplete: "off", hint: t("例如 20260901-7K3M9Q2X4T", "Such as 20260901-7K3M9Q2X4T") })}
${textField(view, filled, "secret", t("查询密钥", "Secret"), { required: true, max: 60, autocomplete: "off", hint: t("大小写和连字符均可", "Capitals and hyphens do not matter") })}
<button>${t("查询", "Show")}</button>
</form>
</div>`,
  };
}

/** Where the case stands, or the form again: number and secret are wrong together, never one of them. */
export async function receiptStatus(
  deps: Pick<WebDeps, "table" | "bucket">,
  view: View,
  form: URLSearchParams,
): Promise<Page> {
  const number = form.get("number") ?? "";
  try {
    return statusPage(view, await caseStatus(deps, { number, secret: form.get("secret") ?? "" }));
  } catch (error) {
    if (!(error instanceof AppError) || error.kind !== "not-found") throw error;
    return receiptForm(view, number, { number: error.detail });
  }
}

function statusPage(view: View, status: CaseStatus): Page {
  const { t } = view;
  const states: Record<CaseStatus["state"], string> = {
    received: t("已收到，等待研判", "Received, waiting for triage"),
  };
  const uploads: Record<CaseStatus["attachments"][number]["state"], string> = {
    expected: t("等待上传", "waiting for the upload"),
    received: t("已收到", "received"),
    refused: t("类型不符，未采用", "not of its type, refused"),
  };
  return {
    head: { title: t("办理进度", "Where your case stands"), hidden: true },
    personal: true,
    main: html`<section class="card article">
<h1>${status.title}</h1>
<dl class="pairs">
<dt>${t("回执编号", "Number")}</dt><dd class="code">${status.number}</dd>
<dt>${t("事项类型", "About")}</dt><dd>${caseTypeName(view, status.type)}</dd>
<dt>${t("当前状态", "State")}</dt><dd><strong>${states[status.state]}</strong></dd>
<dt>${t("收到时间", "Received")}</dt><dd>${time(status.receivedAt, view.language)}</dd>
<dt>${t("答复期限", "Answer due by")}</dt><dd>${date(status.dueAt, view.language)}${status.provisional ? html` <span class="badge">${t("暂定，待节假日安排公布", "provisional")}</span>` : NOTHING}</dd>
</dl>
<h2>${t("办理经过", "What happened so far")}</h2>
<ol class="history">${[...status.history]
      .reverse()
      .map(
        (step, i) =>
          html`<li${i === 0 ? html` class="now"` : NOTHING}><p>${states[step.state]} · ${time(step.at, view.language)}</p></li>`,
      )}</ol>
${
  status.attachments.length > 0
    ? html`<h2>${t("附件", "Attachments")}</h2><ul>${status.attachments.map(
        (one) => html`<li>${one.name} <span class="badge">${uploads[one.state]}</span></li>`,
      )}</ul>`
    : NOTHING
}
</section>`,
  };
}
