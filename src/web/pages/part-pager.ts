import { type Html, html, NOTHING } from "./html.ts";
import type { View } from "./view.ts";

/** Further pages of a list that is a part of a page; `name` is what a screen reader calls them. */
export function partPager(
  view: View,
  {
    newest,
    older,
    words,
    name,
  }: { newest: string | undefined; older: string | undefined; words: string; name: string },
): Html {
  if (newest === undefined && older === undefined) return NOTHING;
  const back = newest && html`<a href="${view.to(newest)}">${view.t("回到最新", "Back to the newest")}</a>`;
  const further = older && html`<a rel="next" href="${view.to(older)}">${words}</a>`;
  return html`<nav class="pager" aria-label="${name}"><span>${back || NOTHING}</span>${further || NOTHING}</nav>`;
}
