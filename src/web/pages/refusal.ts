import type { AppError } from "#src/errors.ts";
import type { WebDeps } from "#src/web/app.ts";
import { conditional } from "#src/web/conditional.ts";
import { problemHeaders, STATUS_OF } from "#src/web/problem.ts";
import { errorPage } from "./error-page.ts";
import { layout } from "./layout.ts";
import type { Page } from "./page.ts";
import { returnCookie, returnPath } from "./return-path.ts";
import { SIGN_IN } from "./sign-in.ts";
import { siteOf } from "./site.ts";
import { type View, viewOf } from "./view.ts";

// Control characters that texts may hold and HTML has no place for; feeds show them in the same way.
const CONTROL = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f]/g;

/** A page as an answer: in the reader's language, with an ETag of its bytes. */
export function answer(request: Request, view: View, page: Page): Response {
  return conditional(request, {
    body: layout(view, page.head, page.main).replace(CONTROL, "\ufffd"),
    contentType: "text/html; charset=utf-8",
    changedAt: page.changedAt,
    headers: {
      "content-language": view.language,
      vary: "Accept-Language",
      ...(page.personal ? { "referrer-policy": "same-origin" } : {}),
      ...page.headers,
    },
    ...(page.datedExactly ? { datedExactly: true } : {}),
    ...(page.personal ? { cacheControl: "no-store" } : {}),
    ...(page.status ? { status: page.status } : {}),
  });
}

/** A refusal as a page; without an error it is a fault of ours, which was recorded under `requestId`. */
export function refusalPage(
  deps: Pick<WebDeps, "config">,
  request: Request,
  refusal: { error?: AppError; requestId?: string; headers?: Record<string, string> },
): Response {
  const { error, requestId } = refusal;
  const { "content-security-policy": _, ...headers } = refusal.headers ?? {}; // the API's; pages have their own
  const view = viewOf(request, { site: siteOf(deps.config.site), baseUrl: deps.config.baseUrl });
  const wanted = error?.code === SIGN_IN && request.method === "GET" ? returnPath(view.here) : undefined;
  const page = errorPage(view, error ? STATUS_OF[error.kind] : 500, error, {
    requestId,
    returns: wanted !== undefined,
  });
  return answer(request, view, {
    ...page,
    headers: {
      ...headers,
      ...(error ? problemHeaders(error) : {}),
      ...(wanted === undefined ? {} : { "set-cookie": returnCookie(deps.config, wanted) }),
    },
  });
}
