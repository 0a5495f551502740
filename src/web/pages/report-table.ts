import { shownAmount } from "#src/domain/annual-reports/amount.ts";
import { stateOf } from "#src/domain/annual-reports/declared.ts";
import type { Fields } from "#src/domain/annual-reports/fields.ts";
import { figuresIn } from "#src/domain/annual-reports/figures.ts";
import { sectionsOf } from "#src/domain/annual-reports/sections.ts";
import { type Html, html, NOTHING } from "./html.ts";
import type { View } from "./view.ts";

/** 无 is a signed statement, so it is shown as one; a blank is something else. */
function declared<T>(view: View, value: T | null | "none_declared", show: (value: T) => Html | string): Html {
  const { t } = view;
  const state = stateOf(value);
  if (state === "none_declared")
    return html`<strong>${t("无", "None")}</strong> <span class="badge">${t("单位已声明", "declared by the unit")}</span>`;
  if (state === "missing") return html`<span class="muted">${t("未填报", "not stated")}</span>`;
  return html`<div lang="zh-CN">${show(value as T)}</div>`;
}

const amount = (fen: number) => html`<span class="num">${shownAmount(fen)}</span>`;

/** The narrative in its own sections, every counted thing marked; two qualifiers that contradict each other dotted. */
function narrative(text: string): Html {
  return html`${sectionsOf(text).map((section) => {
    const pieces: (Html | string)[] = [];
    let from = 0;
    for (const figure of figuresIn(section)) {
      pieces.push(section.slice(from, figure.start));
      pieces.push(
        figure.contradictory ? html`<mark class="doubt">${figure.text}</mark>` : html`<mark>${figure.text}</mark>`,
      );
      from = figure.start + figure.text.length;
    }
    return html`<p>${pieces}${section.slice(from)}</p>`;
  })}`;
}

function qualifications(list: Exclude<Fields["qualifications"], string | null>): Html {
  return html`<ul>${list.map(
    (one) =>
      html`<li>${one.name}${one.number ? `（${one.number}）` : ""}${one.from || one.to ? `，${one.from ?? ""}—${one.to ?? "长期"}` : ""}</li>`,
  )}</ul>`;
}

function donations(list: Exclude<Fields["donations"], string | null>): Html {
  return html`<ul>${list.map(
    (one) =>
      html`<li>${one.donor}：${amount(one.amount)}，用途：${one.purpose}${one.term ? `，${one.term}` : ""}；已使用${amount(one.used)}，结余${amount(one.balance)}</li>`,
  )}</ul>`;
}

/** Rewards, litigation and complaints are three statements in one box of the portal's form: one 无 when all three say so. */
function standing(view: View, fields: Fields): Html {
  const { t } = view;
  const parts: [string, Fields["litigation"]][] = [
    [t("绩效和受奖惩", "Performance, rewards and sanctions"), fields.rewardsSanctions],
    [t("诉讼", "Litigation"), fields.litigation],
    [t("投诉", "Complaints"), fields.complaints],
  ];
  if (parts.every(([, value]) => stateOf(value) === "none_declared")) return declared(view, "none_declared", String);
  return html`<dl class="pairs">${parts.map(
    ([name, value]) => html`<dt>${name}</dt><dd>${declared(view, value, (text) => text)}</dd>`,
  )}</dl>`;
}

/** The 15 published fields (one of them holds two amounts), in the order of the registry's page. */
export function reportTable(view: View, fields: Fields): Html {
  const { t } = view;
  const text = (value: string) => value;
  const rows: [zh: string, en: string, Html][] = [
    ["单位名称", "Institution", declared(view, fields.institutionName, text)],
    ["宗旨和业务范围", "Purpose and scope", declared(view, fields.purposeAndScope, text)],
    ["住所", "Registered address", declared(view, fields.registeredAddress, text)],
    ["法定代表人", "Legal representative", declared(view, fields.legalRepresentative, text)],
    ["开办资金", "Registered capital", declared(view, fields.registeredCapital, amount)],
    ["经费来源", "Source of funds", declared(view, fields.fundingSource, text)],
    ["举办单位", "Sponsoring unit", declared(view, fields.sponsoringUnit, text)],
    [
      "资产损益情况",
      "Net assets",
      html`<dl class="pairs"><dt>${t("年初数", "Opening")}</dt><dd>${declared(view, fields.netAssetsOpening, amount)}</dd><dt>${t("年末数", "Closing")}</dt><dd>${declared(view, fields.netAssetsClosing, amount)}</dd></dl>`,
    ],
    ["网上名称", "Name on the net", declared(view, fields.onlineName, (names) => names.join("、"))],
    ["从业人数", "Staff", declared(view, fields.headcount, (count) => html`<span class="num">${count}</span>`)],
    [
      "对《条例》和实施细则有关变更登记规定的执行情况",
      "Keeping the rules on changes of registration",
      declared(view, fields.changeRegistrationCompliance, text),
    ],
    ["开展业务活动情况", "Activities of the year", declared(view, fields.activities, narrative)],
    [
      "相关资质认可或执业许可证明文件及有效期",
      "Qualifications and licences, with validity",
      declared(view, fields.qualifications, qualifications),
    ],
    [
      "绩效和受奖惩及诉讼投诉情况",
      "Performance, rewards and sanctions, litigation, complaints",
      standing(view, fields),
    ],
    ["接收捐赠资助及使用情况", "Donations and their use", declared(view, fields.donations, donations)],
  ];
  return html`<table class="table stack"><caption>${t("共15项，由单位填报，举办单位审核，登记管理机关公示。", "15 items, stated by the unit, reviewed by its sponsor, published by the registrar.")}</caption><tbody>${rows.map(
    ([zh, en, value], i) =>
      html`<tr><th scope="row"><span class="num">${i + 1}</span>${t(zh, en)}</th><td>${value}</td></tr>`,
  )}</tbody></table>`;
}

/** Every counted thing of the narrative with its qualifier, so that nobody reads "over 1,000" as 1,000. */
export function figureTable(view: View, activities: string | null): Html {
  const { t } = view;
  const figures = activities === null ? [] : figuresIn(activities);
  if (figures.length === 0) return NOTHING;
  return html`<details><summary>${t(`文中数据（${figures.length}项）`, `Figures in the text (${figures.length})`)}</summary>
<div class="scroll" tabindex="0" role="region" aria-label="${t("文中数据", "Figures in the text")}"><table class="table"><thead><tr><th scope="col">${t("原文", "As written")}</th><th scope="col">${t("数值", "Value")}</th><th scope="col">${t("限定", "Qualifier")}</th></tr></thead><tbody>${figures.map(
    (figure) =>
      html`<tr><td lang="zh-CN">${figure.text}</td><td class="num">${figure.value.toLocaleString("en-US")} <span lang="zh-CN">${figure.unit}</span></td><td>${
        figure.contradictory
          ? html`<span class="badge important">${t("表述矛盾", "contradictory")}</span><span lang="zh-CN">${figure.qualifier}</span>`
          : figure.qualifier === "exact"
            ? t("确数", "exact")
            : html`<span lang="zh-CN">${figure.qualifier}</span>`
      }</td></tr>`,
  )}</tbody></table></div></details>`;
}
