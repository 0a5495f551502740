import { listColumns } from "#src/domain/announcements/columns.ts";
import { listPublished, type Teaser } from "#src/domain/announcements/read.ts";
import type { WebDeps } from "#src/web/app.ts";

const ROUNDS = 10;
const ROWS = 100;

function url(address: string, changedAt?: string): string {
  const escaped = address.replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`);
  return `<url><loc>${escaped}</loc>${changedAt ? `<lastmod>${changedAt}</lastmod>` : ""}</url>`;
}

/** The site map (sitemaps.org 0.9): fixed pages, columns and the 1,000 newest announcements; older ones hang on the lists. */
export async function sitemap(deps: Pick<WebDeps, "table" | "config">): Promise<string> {
  const base = deps.config.baseUrl;
  const teasers: Teaser[] = [];
  let after: string | undefined;
  for (let round = 0; round < ROUNDS && (round === 0 || after !== undefined); round++) {
    const page = await listPublished(deps, { list: "all", limit: ROWS, ...(after ? { after } : {}) });
    teasers.push(...page.items);
    after = page.next;
  }
  const columns = await listColumns(deps);
  return `<?xml version="1.0" encoding="utf-8"?>
<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">
${[
  ...["/", "/announcements", "/annual-reports", "/subscribe", "/report"].map((path) => url(base + path)),
  ...columns.map((column) => url(`${base}/columns/${column.slug}`)),
  ...teasers.map((teaser) => url(`${base}/announcements/${teaser.id}`, teaser.publishedAt)),
].join("\n")}
</urlset>
`;
}

export function robots(baseUrl: string): string {
  return `User-agent: *
Disallow: /api/
Disallow: /console
Disallow: /receipt
Disallow: /sign-in/
Sitemap: ${baseUrl}/sitemap.xml
`;
}
