import type { Teaser } from "#src/domain/announcements/read.ts";
import { time } from "./dates.ts";
import { type Html, html, NOTHING } from "./html.ts";
import type { View } from "./view.ts";
import { columnName } from "./words.ts";

export function badges(view: View, one: { urgency: string; kind?: string }): Html {
  const { t } = view;
  if (one.urgency === "routine" && (one.kind ?? "published") === "published") return NOTHING; // nearly all
  return html`${
    one.urgency === "urgent"
      ? html`<span class="badge urgent">${t("紧急", "Urgent")}</span>`
      : one.urgency === "important"
        ? html`<span class="badge important">${t("重要", "Important")}</span>`
        : NOTHING
  }${one.kind === "corrected" ? html`<span class="badge">${t("已更正", "Corrected")}</span>` : NOTHING}${
    one.kind === "withdrawn" ? html`<span class="badge late">${t("已撤回", "Withdrawn")}</span>` : NOTHING
  }`;
}

export function unitPath(id: string): string {
  return `/units/${encodeURIComponent(id)}`;
}

export function tagPath(tag: string): string {
  return `/tags/${encodeURIComponent(tag)}`;
}

/** A list of announcements, newest first. */
export function teaserList(view: View, teasers: Teaser[], options: { summaries: boolean }): Html {
  return html`<ul class="list">${teasers.map(
    (one) => html`<li>
<h3>${badges(view, one)}<a href="${view.to(`/announcements/${one.id}`)}" lang="${one.language}">${one.title}</a></h3>
${options.summaries && one.summary ? html`<p lang="${one.language}">${one.summary}</p>` : NOTHING}
<ul class="facts"><li>${time(one.firstPublishedAt, view.language)}</li><li><a href="${view.to(unitPath(one.unitId))}">${
      one.unitName
    }</a></li><li><a href="${view.to(`/columns/${one.column}`)}">${columnName(view, one.column, one.columnName)}</a></li></ul>
</li>`,
  )}</ul>`;
}
