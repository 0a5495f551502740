import { Hono } from "hono";
import { getColumn } from "#src/domain/announcements/columns.ts";
import { FEED_FORMATS, feedLinks } from "#src/domain/announcements/feed-formats.ts";
import { getUnit } from "#src/domain/units/read.ts";
import { AppError } from "#src/errors.ts";
import { PRODUCT } from "#src/text.ts";
import type { DoorDeps } from "#src/web/app.ts";
import { conditional } from "#src/web/conditional.ts";
import { addressGroup, limiter, tooMany } from "#src/web/limits.ts";
import { HUB_PATH, hub } from "./hub.ts";
import { loadFeed, newest, type Subject } from "./load.ts";

const FILE = "feed\\.(?:atom|rss|json)";

/** Written feeds are kept while the announcements in them stay the same; so many at most. */
const KEPT = 48;

/** `/feed.{atom,rss,json}` of everything, of a column and of a unit: the 50 newest public announcements. */
export function feeds(deps: DoorDeps): Hono {
  const written = new Map<string, string>();

  async function answer(request: Request, file: string, subject: Subject): Promise<Response> {
    const format = FEED_FORMATS[file];
    if (!format) throw unknown();
    const path = `${subject.folder}${file}`;
    const teasers = await newest(deps, subject.list);
    const key = JSON.stringify([
      file,
      subject,
      teasers.map((teaser) => [teaser.id, teaser.revision, teaser.contentHash]),
    ]);
    const body = written.get(key) ?? format.write(await loadFeed(deps, subject, path, teasers));
    written.delete(key);
    written.set(key, body);
    for (const oldest of written.keys()) if (written.size > KEPT) written.delete(oldest);
    const changedAt = teasers
      .map((teaser) => teaser.publishedAt)
      .sort()
      .at(-1);
    return conditional(request, {
      ...{ body, contentType: format.contentType, changedAt },
      headers: { link: feedLinks(deps.config.baseUrl, path) },
    });
  }

  const limits = limiter(deps);
  return new Hono()
    .post(HUB_PATH, async (c) => {
      const taken = await limits.take("strangers", addressGroup(deps.remoteAddress?.(c) ?? "unknown"));
      if (taken.over) throw tooMany(taken.resetSeconds);
      return hub({ ...deps, channels: await deps.channels() }, c.req.raw);
    })
    .get(`/:file{${FILE}}`, (c) => answer(c.req.raw, c.req.param("file"), { list: "all", folder: "/", home: "/" }))
    .get(`/columns/:slug/:file{${FILE}}`, async (c) => {
      const column = await getColumn(deps, c.req.param("slug"));
      if (!column) throw unknown();
      const home = `/columns/${column.slug}`;
      return answer(c.req.raw, c.req.param("file"), {
        list: `column:${column.slug}`,
        folder: `${home}/`,
        home,
        title: column.name,
      });
    })
    .get(`/units/:id/:file{${FILE}}`, async (c) => {
      const unit = await getUnit(deps, c.req.param("id"));
      if (!unit) throw unknown();
      return answer(c.req.raw, c.req.param("file"), {
        list: `unit:${unit.id}`,
        folder: `/units/${unit.id}/`,
        home: "/",
        title: unit.name,
      });
    });
}

function unknown(): AppError {
  return new AppError("not-found", "NOT_FOUND", { zh: `${PRODUCT.zh}没有这个订阅源`, en: "there is no such feed" });
}
