import type { WebDeps } from "#src/web/app.ts";
import { openCursor, sealCursor } from "#src/web/cursor.ts";
import { type Html, html, NOTHING } from "./html.ts";
import type { View } from "./view.ts";

/** A list that is a part of the console's first page: `param` names a later part in the address, `anchor` the list on the page. */
export type PagedList = { scope: string; param: string; anchor: string };

/**
 * Where in such a list a reader is. `after`: what the list's verb takes, throws 400 for a cursor of another list;
 * `pager`: the ways on from there, `next` as that verb answered it; `words` on the way to older ones, `name` what a screen reader calls it.
 */
export function pagedPart(
  { secret }: Pick<WebDeps, "secret">,
  view: View,
  { scope, param, anchor }: PagedList,
  query: URLSearchParams,
): {
  isFirst: boolean;
  after: { after?: string };
  pager(next: string | undefined, said: { words: string; name: string }): Html;
} {
  const cursor = query.get(param);
  const isFirst = cursor === null;
  const pager = (next: string | undefined, { words, name }: { words: string; name: string }) => {
    if (isFirst && next === undefined) return NOTHING;
    const newest = isFirst
      ? NOTHING
      : html`<a href="${view.to(`/console#${anchor}`)}">${view.t("回到最新", "Back to the newest")}</a>`;
    const older =
      next === undefined
        ? NOTHING
        : html`<a rel="next" href="${view.to(`/console?${param}=${sealCursor(secret, scope, next)}#${anchor}`)}">${words}</a>`;
    return html`<nav class="pager" aria-label="${name}"><span>${newest}</span>${older}</nav>`;
  };
  return { isFirst, after: isFirst ? {} : { after: openCursor(secret, scope, cursor) }, pager };
}
