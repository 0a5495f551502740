import { shownAmount } from "#src/domain/annual-reports/amount.ts";
import { stateOf } from "#src/domain/annual-reports/declared.ts";
import type { Fields } from "#src/domain/annual-reports/fields.ts";
import { figuresIn } from "#src/domain/annual-reports/figures.ts";
import { LABELS } from "#src/domain/annual-reports/labels.ts";
import { sectionsOf } from "#src/domain/annual-reports/sections.ts";
import type { Text } from "#src/text.ts";
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
  const parts = (["rewardsSanctions", "litigation", "complaints"] as const).map(
    (name) => [view.say(LABELS[name]), fields[name]] as const,
  );
  if (parts.every(([, value]) => stateOf(value) === "none_declared")) return declared(view, "none_declared", String);
  return html`<dl class="pairs">${parts.map(
    ([name, value]) => html`<dt>${name}</dt><dd>${declared(view, value, (text) => text)}</dd>`,
  )}</dl>`;
}

/** The 15 published fields (one of them holds two amounts), in the order of the registry's page. */
export function reportTable(view: View, fields: Fields): Html {
  const { t } = view;
  const text = (value: string) => value;
  const rows: [label: Text, value: Html][] = [
    [LABELS.institutionName, declared(view, fields.institutionName, text)],
    [LABELS.purposeAndScope, declared(view, fields.purposeAndScope, text)],
    [LABELS.registeredAddress, declared(view, fields.registeredAddress, text)],
    [LABELS.legalRepresentative, declared(view, fields.legalRepresentative, text)],
    [LABELS.registeredCapital, declared(view, fields.registeredCapital, amount)],
    [LABELS.fundingSource, declared(view, fields.fundingSource, text)],
    [LABELS.sponsoringUnit, declared(view, fields.sponsoringUnit, text)],
    [
      { zh: "资产损益情况", en: "Net assets" },
      html`<dl class="pairs"><dt>${t("年初数", "Opening")}</dt><dd>${declared(view, fields.netAssetsOpening, amount)}</dd><dt>${t("年末数", "Closing")}</dt><dd>${declared(view, fields.netAssetsClosing, amount)}</dd></dl>`,
    ],
    [LABELS.onlineName, declared(view, fields.onlineName, (names) => names.join("、"))],
    [LABELS.headcount, declared(view, fields.headcount, (count) => html`<span class="num">${count}</span>`)],
    [LABELS.changeRegistrationCompliance, declared(view, fields.changeRegistrationCompliance, text)],
    [LABELS.activities, declared(view, fields.activities, narrative)],
    [LABELS.qualifications, declared(view, fields.qualifications, qualifications)],
    [
      { zh: "绩效和受奖惩及诉讼投诉情况", en: "Performance, rewards and sanctions, litigation, complaints" },
      standing(view, fields),
    ],
    [LABELS.donations, declared(view, fields.donations, donations)],
  ];
  return html`<table class="table stack"><caption>${t("共15项，由单位填报，举办单位审核，登记管理机关公示。", "15 items, stated by the unit, reviewed by its sponsor, published by the registrar.")}</caption><tbody>${rows.map(
    ([label, value], i) =>
      html`<tr><th scope="row"><span class="num">${i + 1}</span>${view.say(label)}</th><td>${value}</td></tr>`,
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
