import type { Revision } from "#src/domain/announcements/announcement.ts";
import type { Digest, Links } from "#src/domain/deliveries/channel.ts";
import type { InputError } from "#src/errors.ts";
import { type Language, PRODUCT, say } from "#src/text.ts";
import type { Egress } from "./egress.ts";
import { type Hosted, PICTURES, picturesIn, placeOf } from "./official-account-pictures.ts";
import { announcements, MARKS, oneLine, summaryOf } from "./summary.ts";
import { chinaMinute } from "./wechat-errors.ts";

/** An article before it is HTML: making that costs a Markdown parser, which only who sends one should load. */
export type ArticleDraft = {
  title: string;
  author: string;
  digest: string;
  url: string;
  /** Paragraphs of plain text above the body. */
  head: string[];
  /** Markdown. */
  body: string;
  language: Language;
};

/** An article as `draft/add` takes it. */
export type Article = { title: string; author: string; digest: string; content: string; content_source_url: string };

/** WX draft/add: title 32 characters, author 16, digest 128, content under 20,000 with its tags, source URL 1 KB. */
export const ARTICLE = { title: 32, author: 16, digest: 128, content: 19_999, url: 1024, bytes: 1_000_000 };

const t = (language: Language, zh: string, en: string): string => (language === "en" ? en : zh);

export function articleDraft(revision: Revision, language: Language, url: string): ArticleDraft {
  const { content, kind, reason } = revision;
  const marked = MARKS[kind][language] + oneLine(content.title);
  const title = within(marked, ARTICLE.title);
  const why = reason === undefined ? [] : [t(language, `说明：${oneLine(reason)}`, `Reason: ${oneLine(reason)}`)];
  const gone = t(language, "该公告已经撤回，请以本说明为准。", "This announcement is withdrawn.");
  return {
    title,
    author: within(oneLine(revision.unitName), ARTICLE.author),
    digest: within(oneLine(reason ?? "") || summaryOf(content, ARTICLE.digest), ARTICLE.digest),
    url,
    head: [
      ...(title === marked ? [] : [marked]),
      [oneLine(revision.unitName), oneLine(revision.columnName), chinaMinute(revision.publishedAt)].join(" · "),
      ...why,
      ...(kind === "withdrawn" ? [gone] : []),
    ],
    body: kind === "withdrawn" ? "" : content.body,
    language,
  };
}

const MOST_ITEMS = 50;

export function digestDraft({ frequency, at, revisions }: Digest, language: Language, links: Links): ArticleDraft {
  const product = say(PRODUCT, language);
  const name = t(language, frequency === "daily" ? "每日汇总" : "每周汇总", `${frequency} digest`);
  const items = revisions.slice(0, MOST_ITEMS).map(({ kind, content, unitName, publishedAt }, i) => {
    const title = escaped(MARKS[kind][language] + oneLine(content.title));
    return `${i + 1}. **${title}** ${escaped(oneLine(unitName))} ${chinaMinute(publishedAt)}`;
  });
  const more = revisions.length - items.length;
  if (more > 0) items.push("", t(language, `另有${more}条，见原文。`, `And ${more} more on the site.`));
  return {
    title: within(`${product} ${name} ${chinaMinute(at).slice(0, 10)}`, ARTICLE.title),
    author: within(product, ARTICLE.author),
    digest: within(revisions.map(({ content }) => oneLine(content.title)).join("；"), ARTICLE.digest),
    url: links.source,
    head: [t(language, `共${revisions.length}条`, announcements(revisions.length))],
    body: items.join("\n"),
    language,
  };
}

/** Markdown's own marks in somebody's title are text. */
function escaped(text: string): string {
  return text.replace(/[\\`*_{}[\]()#+!|<>~-]/g, "\\$&");
}

/** The body as our own renderer shows it, with pictures and links as they are. */
export async function bodyHtml({ body }: ArticleDraft): Promise<string> {
  const { renderBody } = await import("#src/domain/announcements/render.ts");
  return renderBody(body);
}

/**
 * The HTML within the platform's limits: a body that is too long ends at a paragraph, and says where the rest is.
 * `hosted`: the pictures that the platform's own servers have; a note stands for the others.
 */
export async function articleOf(draft: ArticleDraft, hosted: Hosted = new Map()): Promise<Article> {
  const { renderBody } = await import("#src/domain/announcements/render.ts");
  const { title, author, digest, url, language } = draft;
  const head = draft.head.map((text) => `<p style="color:#666;font-size:15px">${html(text)}</p>`).join("");
  const cutShort = `<p style="color:#666">${t(language, "（篇幅所限，全文请点击“阅读原文”）", "(Cut to fit; the whole text is behind “Read more”.)")}</p>`;
  const room = ARTICLE.content - head.length - cutShort.length;
  let body = inWechat(renderBody(draft.body), language, hosted);
  for (
    let markdown = draft.body;
    body.length > room;
    body = inWechat(renderBody(markdown), language, hosted) + cutShort
  ) {
    markdown = shorter(markdown, Math.floor((markdown.length * room * 0.95) / body.length));
    if (markdown === "") {
      body = cutShort;
      break;
    }
  }
  const source = Buffer.byteLength(url) <= ARTICLE.url ? url : "";
  return { title, author, digest, content: head + body, content_source_url: source };
}

/** The beginning of a Markdown text, at most so many characters, to the end of a paragraph or else of a line. */
function shorter(markdown: string, characters: number): string {
  const kept = markdown.slice(0, characters).toWellFormed();
  const end = Math.max(kept.lastIndexOf("\n\n"), kept.lastIndexOf("\n", kept.length - 2));
  return (end > characters / 2 ? kept.slice(0, end) : kept).trimEnd();
}

/**
 * What the platform would drop silently, said instead: it takes no picture but those it hosts, no link out of its own,
 * and no class. Works on our own renderer's output, which holds no other attributes.
 */
function inWechat(rendered: string, language: Language, hosted: Hosted): string {
  return rendered
    .replace(/<img src="([^"]*)" alt="([^"]*)"[^>]*>/g, (_, src: string, alt: string) => {
      const here = hosted.get(src);
      if (here !== undefined) return `<img src="${html(here)}" alt="${alt}" style="max-width:100%">`;
      return alt === ""
        ? t(language, "（图片见原文）", "(picture: see the original)")
        : t(language, `（图片：${alt}，见原文）`, `(picture: ${alt}, see the original)`);
    })
    .replace(/<a href="([^"]*)"[^>]*>([\s\S]*?)<\/a>/g, (_, href: string, text: string) =>
      text === href || href.startsWith("/") || href.startsWith("#") ? text : `${text}（${href}）`,
    )
    .replace(/ class="align-(left|center|right)"/g, ' style="text-align:$1"')
    .replace(/ class="[^"]*"/g, "");
}

function html(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}

/** Code points, as the platform counts; never cut inside a character that people see as one. */
export function within(text: string, points: number): string {
  if ([...text].length <= points) return text;
  let kept = "";
  let count = 1;
  for (const { segment } of new Intl.Segmenter("zh").segment(text)) {
    count += [...segment].length;
    if (count > points) break;
    kept += segment;
  }
  return `${kept}…`;
}

/** What an article loses, told before anything is sent. */
export function articleFaults(revision: Revision, language: Language): InputError[] {
  const faults: InputError[] = [];
  const { title, body } = revision.content;
  const length = [...(MARKS[revision.kind][language] + oneLine(title))].length;
  if (length > ARTICLE.title)
    faults.push({
      pointer: "/title",
      code: "CHANNEL_TITLE_LONG",
      detail: {
        zh: `公众号标题不得超过${ARTICLE.title}个字，将截短，全标题写入正文`,
        en: `a title has at most ${ARTICLE.title} characters there; it is cut, and stands whole in the text`,
      },
    });
  if (body.length > ARTICLE.content - 500)
    faults.push({
      pointer: "/body",
      code: "CHANNEL_BODY_LONG",
      detail: {
        zh: "公众号正文须少于20000字，将截短并指向原文",
        en: "the text is cut to 20,000 characters and leads on",
      },
    });
  return faults;
}

/** Pictures that the article surely goes without, as far as their addresses tell. */
export async function pictureFaults(egress: Egress, { body, url }: ArticleDraft): Promise<InputError[]> {
  if (!body.includes("![")) return [];
  const { markdown, renderBody } = await import("#src/domain/announcements/render.ts");
  const html = renderBody(body);
  const meant = markdown.parse(body, {}).flatMap(({ children }) => children ?? []);
  const isShown = meant.filter(({ type }) => type === "image").length === (html.match(/<img /g) ?? []).length;
  const sources = picturesIn(html);
  const places = await Promise.all(sources.map((src) => placeOf(egress, { src, page: url, textOnly: true })));
  if (isShown && sources.length <= PICTURES.count && !places.includes(undefined)) return [];
  return [
    {
      pointer: "/body",
      code: "CHANNEL_IMAGE_FOREIGN",
      detail: {
        zh: `公众号只显示可公开访问的HTTPS图片或本站图片（JPG或PNG，小于1MB，最多${PICTURES.count}张），其余将以文字注明`,
        en: `shown there are JPG and PNG pictures under 1 MB, over https or of this site, at most ${PICTURES.count}; a note stands for the others`,
      },
    },
  ];
}
