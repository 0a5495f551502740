import { admittedKey, attachmentStates } from "#src/domain/cases/attachments.ts";
import type { Case } from "#src/domain/cases/case.ts";
import { caseForStaff } from "#src/domain/cases/desk.ts";
import { type ContactReading, contactReadings, maskedContact, readContact } from "#src/domain/cases/reporter.ts";
import { findDivision } from "#src/domain/units/divisions.ts";
import { getUnit } from "#src/domain/units/read.ts";
import type { WebDeps } from "#src/web/app.ts";
import { checkOrigin } from "#src/web/auth.ts";
import { caseStaff, overdueBadge } from "./cases-page.ts";
import { date, time } from "./dates.ts";
import { type Faults, faultSummary, textField } from "./form.ts";
import { type Html, html, NOTHING } from "./html.ts";
import type { Page } from "./page.ts";
import { caseTypeName } from "./send-in.ts";
import type { View } from "./view.ts";

type Deps = Pick<WebDeps, "table" | "bucket" | "now" | "config" | "log">;
type Contact = NonNullable<Case["contact"]>;

const LINK_SECONDS = 300;
const REASON = { zh: "请写明查看理由（2至300个字）", en: "say why you need it, in 2 to 300 characters" };

/** One case for who works with it. How to reach its reporter is shown in part. */
export async function casePage(deps: Deps, view: View, number: string, request: Request): Promise<Page> {
  const caller = await caseStaff(deps, request);
  const found = await caseForStaff(deps, caller, number);
  deps.log.info("case-read", { by: caller.id, case: found.number });
  return page(deps, view, found, {});
}

/** Shows the whole contact on this one page, after the reason for it was put on record. */
export async function showContact(
  deps: Deps,
  view: View,
  at: { number: string; form: URLSearchParams; request: Request },
): Promise<Page> {
  checkOrigin(at.request, deps.config);
  const caller = await caseStaff(deps, at.request);
  const found = await caseForStaff(deps, caller, at.number);
  const reason = (at.form.get("reason") ?? "").trim();
  const { length } = [...reason];
  if (length < 2 || length > 300)
    return { ...(await page(deps, view, found, { values: at.form, faults: { reason: REASON } })), status: 422 };
  const contact = await readContact(deps, found, { caller, reason });
  deps.log.info("acted", { route: "console case contact", actor: caller.id, case: found.number });
  return page(deps, view, found, { contact });
}

type More = { contact?: Contact; values?: URLSearchParams; faults?: Faults };

async function page(deps: Deps, view: View, found: Case, more: More): Promise<Page> {
  const { t } = view;
  const { number, unitId, division } = found;
  const [unit, files, readings] = await Promise.all([
    unitId === undefined ? undefined : getUnit(deps, unitId),
    attachments(deps, view, found),
    contactReadings(deps, number),
  ]);
  const place = division === undefined ? undefined : (findDivision(division)?.name ?? division);
  const { urls = [], occurredAt } = found;
  return {
    head: { title: `${t("事项", "Case")} ${number}`, hidden: true },
    personal: true,
    // Where attachments lie need not know the case; with `no-referrer` the form of this page would come from nowhere.
    headers: { "referrer-policy": "same-origin" },
    main: html`<div class="head"><h1>${t("事项", "Case")} <span class="code">${number}</span></h1><a href="${view.to("/console/cases")}">${t("返回事项列表", "Back to the cases")}</a></div>
${faultSummary(view, more.faults ?? {})}
<section class="card" aria-labelledby="what"><h2 id="what" lang="zh-CN">${found.title}</h2>
<p><span class="badge">${caseTypeName(view, found.type)}</span><span class="badge">${t("已收到，等待研判", "received, waits for triage")}</span>${overdueBadge(view, found, deps.now())}</p>
<dl class="pairs"><dt>${t("收到时间", "Received")}</dt><dd>${time(found.receivedAt, view.language)}</dd>
<dt>${t("答复期限", "Answer due by")}</dt><dd>${date(found.dueAt, view.language)}${found.provisional ? html` <span class="badge">${t("暂定，待节假日安排公布", "provisional")}</span>` : NOTHING}</dd>
<dt>${t("涉及单位", "Unit")}</dt><dd>${unitId === undefined ? t("未指明", "none named") : html`<span lang="zh-CN">${unit?.name ?? unitId}</span>`}</dd>
${place === undefined ? NOTHING : html`<dt>${t("地区", "Place")}</dt><dd lang="zh-CN">${place}</dd>`}
${occurredAt === undefined ? NOTHING : html`<dt>${t("发生时间", "When it happened")}</dt><dd>${time(occurredAt, view.language)}</dd>`}
<dt>${t("公开意愿", "Publication")}</dt><dd>${found.publish ? t("反映人同意答复后公开", "the reporter agrees to it once it is answered") : t("反映人不同意公开", "the reporter does not agree to it")}</dd></dl>
<h3>${t("情况说明", "What happened")}</h3><pre class="shown" lang="zh-CN" tabindex="0">${found.description}</pre>
${urls.length > 0 ? html`<h3>${t("相关网址（已改写，不可点击）", "Web addresses (rewritten: they cannot be followed)")}</h3><ul>${urls.map((url) => html`<li class="code">${url}</li>`)}</ul>` : NOTHING}
${files}</section>
${contactCard(view, found, readings, more)}`,
  };
}

async function attachments(deps: Deps, view: View, found: Case): Promise<Html> {
  const { t } = view;
  if (!found.attachments?.length) return NOTHING;
  const states = await attachmentStates(deps, found);
  const names = {
    expected: t("等待上传", "not uploaded yet"),
    received: t("已收到", "received"),
    refused: t("类型不符，未采用", "not of its type, refused"),
  };
  const items = states.map(async ({ name, state }, n) => {
    const key = admittedKey(found.number, n);
    const shown =
      state === "received"
        ? html`<a href="${await deps.bucket.signDownload({ key, fileName: name, seconds: LINK_SECONDS })}" lang="zh-CN">${name}</a>`
        : html`<span lang="zh-CN">${name}</span>`;
    return html`<li>${shown} <span class="badge">${names[state]}</span></li>`;
  });
  return html`<h3>${t("附件", "Attachments")}</h3>
<p class="hint">${t("来自反映人，内容未经核实；下载链接5分钟内有效。", "From the reporter and not verified; the links work for five minutes.")}</p>
<ul>${await Promise.all(items)}</ul>`;
}

function contactCard(view: View, { contact, number }: Case, readings: ContactReading[], more: More): Html {
  const { t } = view;
  const title = t("反映人", "The reporter");
  const frame = (inside: Html) =>
    html`<section class="card" aria-labelledby="reporter"><h2 id="reporter">${title}</h2>${inside}</section>`;
  if (!contact)
    return frame(
      html`<p class="muted">${t("匿名：没有留下联系方式。", "Anonymous: no way to reach them was left.")}</p>`,
    );
  const { name, phone, email } = more.contact ?? maskedContact(contact);
  const pairs: [string, string | undefined][] = [
    [t("姓名", "Name"), name],
    [t("电话", "Phone"), phone],
    [t("邮箱", "E-mail"), email],
  ];
  const form = html`<form method="post" action="${view.to(`/console/cases/${number}`)}" class="stacked">
${textField(view, { values: more.values ?? new URLSearchParams(), faults: more.faults ?? {} }, "reason", t("查看完整联系方式的理由", "Why you need the whole contact"), { required: true, max: 300, hint: t("您的姓名、时间和理由会记录在案，并显示在本页。", "Your name, the time and the reason stay on record and are shown on this page.") })}
<button class="quiet">${t("查看完整联系方式", "Show the whole contact")}</button></form>`;
  return frame(html`${more.contact ? html`<p class="notice green" role="status">${t("以下为完整联系方式，仅在本页显示这一次，请勿外传。", "This is the whole contact, shown this once. Keep it to yourself.")}</p>` : NOTHING}
<dl class="pairs">${pairs.map(([label, value]) => (value === undefined ? NOTHING : html`<dt>${label}</dt><dd class="code">${value}</dd>`))}</dl>
${more.contact ? NOTHING : form}
${readings.length > 0 ? html`<h3>${t("查看记录", "Who has seen it")}</h3><ol class="history">${readings.map((one) => html`<li>${time(one.at, view.language)} ${one.name}<br><small lang="zh-CN">${one.reason}</small></li>`)}</ol>` : NOTHING}`);
}
