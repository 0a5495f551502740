import type { HistoryEntry } from "#src/domain/announcements/read.ts";
import { time } from "./dates.ts";
import { type Html, html, NOTHING } from "./html.ts";
import type { View } from "./view.ts";

export function revisionName(view: View, { revision, kind }: Pick<HistoryEntry, "revision" | "kind">): string {
  const { t } = view;
  const kinds: Record<typeof kind, string> = {
    published: t("发布", "published"),
    corrected: t("更正", "corrected"),
    withdrawn: t("撤回", "withdrawn"),
  };
  return t(`第${revision}版（${kinds[kind]}）`, `revision ${revision} (${kinds[kind]})`);
}

/** Every revision of an announcement, the newest first, with the way to its ledger; nothing where there is only one. */
export function revisionLedgers(view: View, id: string, shown: number, history: HistoryEntry[]): Html {
  const { t } = view;
  if (history.length < 2) return NOTHING;
  const current = history.at(-1)?.revision;
  const line = (entry: HistoryEntry) => {
    const { revision, publishedAt, reason } = entry;
    const name = revisionName(view, entry);
    const path = view.to(`/console/announcements/${id}?revision=${revision}`);
    const stands =
      revision === current
        ? html`<span class="badge good">${t("当前版本", "current")}</span>`
        : html`<span class="muted">${t(`已被第${revision + 1}版取代`, `replaced by revision ${revision + 1}`)}</span>`;
    const why = reason === undefined ? NOTHING : html`<br><small>${t("原因：", "Reason: ")}${reason}</small>`;
    const link = revision === shown ? html`<b aria-current="page">${name}</b>` : html`<a href="${path}">${name}</a>`;
    return html`<li${revision === shown ? html` class="now"` : NOTHING}>${link} ${time(publishedAt, view.language)} ${stands}${why}</li>`;
  };
  return html`<section class="card" aria-labelledby="revisions"><h2 id="revisions">${t("各版本的台账", "The ledger of each revision")}</h2>
<ol class="history">${history.toReversed().map(line)}</ol></section>`;
}
