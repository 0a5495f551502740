import { type Context, Hono } from "hono";
import type { DoorDeps } from "#src/web/app.ts";
import { conditional } from "#src/web/conditional.ts";
import { addressGroup, limiter, type PolicyName, tooMany } from "#src/web/limits.ts";
import { accessPage, endAccess, grantAccess } from "./access.ts";
import { announcementPage } from "./announcement.ts";
import { confirmByForm, confirmPage } from "./confirm.ts";
import { consolePage, leave } from "./console.ts";
import { readForm } from "./form.ts";
import { homePage } from "./home.ts";
import { ICON_PNG, ICON_PNG_PATH } from "./icon.ts";
import { allPage, columnPage, tagPage, unitPage } from "./listing.ts";
import { manageByForm, managePage } from "./manage.ts";
import { MANIFEST_PATH, manifest } from "./manifest.ts";
import { markPath, markPng } from "./mark-png.ts";
import type { Page } from "./page.ts";
import { PUSH_SCRIPT, PUSH_SCRIPT_PATH } from "./push-script.ts";
import { PUSH_WORKER, PUSH_WORKER_PATH, PUSH_WORKER_POLICY } from "./push-worker.ts";
import { receiptForm, receiptStatus } from "./receipt.ts";
import { answer } from "./refusal.ts";
import { reportPage } from "./report.ts";
import { reportsPage } from "./reports.ts";
import { sendIn, sendInPage } from "./send-in.ts";
import { signInPage, useSignInLink } from "./sign-in.ts";
import { siteOf } from "./site.ts";
import { robots, sitemap } from "./sitemap.ts";
import { statusPage } from "./status-page.ts";
import { ICON_PATH, MARK, STYLE, STYLE_PATH } from "./style.ts";
import { subscribePage } from "./subscribe-page.ts";
import { subscribeByForm } from "./subscribed.ts";
import { isLeaveLink, readLeaving, unsubscribeByForm, unsubscribePage } from "./unsubscribe.ts";
import { type View, viewOf } from "./view.ts";
import { actOnWork, workPage } from "./work-page.ts";

const FOREVER = "public, max-age=31536000, immutable";

/** The portal and the console, rendered here, without script. */
export function pages(deps: DoorDeps): Hono {
  const site = siteOf(deps.config.site);
  const limits = limiter(deps);
  const whole = async () => ({ ...deps, channels: await deps.channels() });
  const see = (request: Request) => viewOf(request, { site, baseUrl: deps.config.baseUrl });

  const strangerAt = (c: Context) => addressGroup(deps.remoteAddress?.(c) ?? "unknown");
  const count = async (c: Context, policy: PolicyName, who = strangerAt(c)) => {
    const taken = await limits.take(policy, who);
    if (taken.over) throw tooMany(taken.resetSeconds);
  };
  const page =
    (build: (view: View, c: Context, query: URLSearchParams) => Page | Response | Promise<Page | Response>) =>
    async (c: Context) => {
      const view = see(c.req.raw);
      const query = new URL(c.req.url).searchParams;
      if (query.has("q")) await count(c, "readers"); // a search reads up to a thousand rows
      const built = await build(view, c, query);
      return built instanceof Response ? built : answer(c.req.raw, view, built);
    };
  /** A form posted by anybody: counted per address, like the API's strangers. */
  const posted = (policy: PolicyName, act: (view: View, form: URLSearchParams) => Promise<Page>) =>
    page(async (view, c) => {
      await count(c, policy);
      return act(view, await readForm(c.req.raw));
    });
  /** A form that carries a token: counted as that token's, and as a guess until it is known that none in it is wrong. */
  const byToken = (act: (view: View, form: URLSearchParams, wrong: () => void) => Promise<Page>) =>
    page(async (view, c) => {
      await count(c, "guesses");
      const form = await readForm(c.req.raw);
      await count(c, "tokens", form.get("m") ?? `${form.get("id")} ${form.get("token")}`);
      let isWrong = false;
      const built = await act(view, form, () => {
        isWrong = true;
      });
      if (!isWrong) limits.giveBack("guesses", strangerAt(c));
      return built;
    });
  const file =
    (contentType: string, cacheControl: string, body: () => string | Promise<string>, policy?: string) =>
    async (c: Context) =>
      conditional(c.req.raw, {
        ...{ body: await body(), contentType, cacheControl },
        ...(policy ? { headers: { "content-security-policy": policy } } : {}),
      });

  const picture = (bytes: () => Uint8Array) => () =>
    new Response(new Uint8Array(bytes()), { headers: { "content-type": "image/png", "cache-control": FOREVER } });

  return new Hono()
    .get(
      "/",
      page((view) => homePage(deps, view)),
    )
    .get(
      "/announcements",
      page((view, _, query) => allPage(deps, view, query)),
    )
    .get(
      "/announcements/:id",
      page((view, c, query) => announcementPage(deps, view, c.req.param("id") ?? "", query.get("revision"))),
    )
    .get(
      "/columns/:slug",
      page((view, c, query) => columnPage(deps, view, c.req.param("slug") ?? "", query)),
    )
    .get(
      "/units/:id",
      page((view, c, query) => unitPage(deps, view, c.req.param("id") ?? "", query)),
    )
    .get(
      "/tags/:tag",
      page((view, c, query) => tagPage(deps, view, c.req.param("tag") ?? "", query)),
    )
    .get(
      "/annual-reports",
      page((view, _, query) => reportsPage(deps, view, query)),
    )
    .get(
      "/annual-reports/:id",
      page((view, c, query) => reportPage(deps, view, c.req.param("id") ?? "", query.get("revision"))),
    )
    .get(
      "/subscribe",
      page(async (view) => subscribePage(await whole(), view)),
    )
    .post(
      "/subscribe",
      posted("strangers", async (view, form) => subscribeByForm(await whole(), view, form)),
    )
    .get(
      "/confirm",
      page(async (view, _, query) => confirmPage(await whole(), view, query)),
    )
    .post(
      "/confirm",
      posted("guesses", async (view, form) => confirmByForm(await whole(), view, form)),
    )
    .get(
      "/unsubscribe",
      page(async (view, _, query) => unsubscribePage(await whole(), view, query)),
    )
    .post(
      "/unsubscribe",
      page(async (view, c, query) => {
        const wish = await readLeaving(c.req.raw, query);
        // Mail providers send the requests of thousands of readers from few addresses: only guesses are counted.
        if (!isLeaveLink(deps, wish.token)) await count(c, "guesses");
        return unsubscribeByForm(await whole(), view, wish);
      }),
    )
    .get(
      "/manage",
      page(async (view, _, query) => managePage(await whole(), view, query)),
    )
    .post(
      "/manage",
      byToken(async (view, form, wrong) => manageByForm(await whole(), view, form, wrong)),
    )
    .get(
      "/report",
      page((view) => sendInPage(view)),
    )
    .post(
      "/report",
      posted("strangers", (view, form) => sendIn(deps, view, form)),
    )
    .get(
      "/receipt",
      page((view) => receiptForm(view)),
    )
    .post(
      "/receipt",
      posted("guesses", (view, form) => receiptStatus(deps, view, form)),
    )
    .get(
      "/status",
      page((view) => statusPage(deps, view)),
    )
    .get(
      "/sign-in/:secret",
      page((view, c) => signInPage(deps, view, c.req.param("secret") ?? "")),
    )
    .post("/sign-in/:secret", (c) => useSignInLink(deps, see(c.req.raw), c.req.param("secret"), c.req.raw))
    .get(
      "/console",
      page(async (view, c, query) => {
        const number = query.get("case");
        if (number !== null) return (await import("./cases-page.ts")).toCase(view, number);
        return consolePage(deps, view, query, c.req.raw);
      }),
    )
    .get(
      "/console/cases",
      page(async (view, c, query) => (await import("./cases-page.ts")).casesPage(deps, view, query, c.req.raw)),
    )
    .get(
      "/console/cases/:number",
      page(async (view, c) =>
        (await import("./case-page.ts")).casePage(deps, view, c.req.param("number") ?? "", c.req.raw),
      ),
    )
    .post(
      "/console/cases/:number",
      page(async (view, c) => {
        const at = { number: c.req.param("number") ?? "", form: await readForm(c.req.raw), request: c.req.raw };
        return (await import("./case-page.ts")).showContact(deps, view, at);
      }),
    )
    .get(
      "/console/access",
      page((view, c) => accessPage(deps, view, c.req.raw)),
    )
    .post(
      "/console/access",
      page(async (view, c) => grantAccess(deps, view, await readForm(c.req.raw), c.req.raw)),
    )
    .post(
      "/console/access/end",
      page(async (view, c) => endAccess(deps, view, await readForm(c.req.raw), c.req.raw)),
    )
    .get(
      "/console/channels",
      page(async (view, c) => (await import("./channels-page.ts")).channelsPage(await whole(), view, c.req.raw)),
    )
    .get(
      "/console/channels/:name",
      page(async (view, c, query) => {
        const at = { name: c.req.param("name") ?? "", query, request: c.req.raw };
        return (await import("./channel-page.ts")).channelPage(await whole(), view, at);
      }),
    )
    .post(
      "/console/channels/:name",
      page(async (view, c) => {
        const at = { name: c.req.param("name") ?? "", form: await readForm(c.req.raw), request: c.req.raw };
        return (await import("./channel-page.ts")).setUpChannel(await whole(), view, at);
      }),
    )
    .post(
      "/console/channels/:name/test",
      page(async (view, c) =>
        (await import("./channel-page.ts")).testChannel(await whole(), view, c.req.param("name") ?? "", c.req.raw),
      ),
    )
    .get(
      "/console/announcements/:id",
      page(async (view, c, query) =>
        workPage(await whole(), view, { id: c.req.param("id") ?? "", query, request: c.req.raw }),
      ),
    )
    .post(
      "/console/announcements/:id",
      page(async (view, c) => {
        const form = await readForm(c.req.raw);
        return actOnWork(await whole(), view, { id: c.req.param("id") ?? "", form, request: c.req.raw });
      }),
    )
    .get(
      "/console/bot",
      page(async (view, c, query) => (await import("./bot-page.ts")).botPage(deps, view, query, c.req.raw)),
    )
    .post("/console/bot/drop-session", async (c) =>
      (await import("./bot-page.ts")).dropBotSession(deps, see(c.req.raw), c.req.raw),
    )
    .post("/console/sign-out", (c) => leave(deps, see(c.req.raw), c.req.raw))
    .get(
      STYLE_PATH,
      file("text/css; charset=utf-8", FOREVER, () => STYLE),
    )
    .get(
      ICON_PATH,
      file("image/svg+xml", FOREVER, () => MARK),
    )
    .get(
      ICON_PNG_PATH,
      picture(() => ICON_PNG),
    )
    .get(
      markPath(180),
      picture(() => markPng(180)),
    )
    .get(
      markPath(512),
      picture(() => markPng(512)),
    )
    .get(MANIFEST_PATH, (c) =>
      conditional(c.req.raw, {
        body: manifest(see(c.req.raw)),
        contentType: "application/manifest+json; charset=utf-8",
        cacheControl: "public, max-age=3600",
        headers: { vary: "accept-language" },
      }),
    )
    .get(
      PUSH_SCRIPT_PATH,
      file("text/javascript; charset=utf-8", FOREVER, () => PUSH_SCRIPT),
    )
    .get(
      PUSH_WORKER_PATH,
      file("text/javascript; charset=utf-8", "no-cache", () => PUSH_WORKER, PUSH_WORKER_POLICY),
    )
    .get(
      "/robots.txt",
      file("text/plain; charset=utf-8", "public, max-age=3600", () => robots(deps.config.baseUrl)),
    )
    .get(
      "/sitemap.xml",
      file("application/xml; charset=utf-8", "public, max-age=600", () => sitemap(deps)),
    );
}
