import MarkdownIt from "markdown-it";
import type { Content } from "./announcement.ts";

const ALLOWED_SCHEME = /^(?:https?|mailto):/i;
const ANY_SCHEME = /^[^/?#]*:/;

/** http, https, mailto, or relative to this site; nothing that a browser could read as another scheme or host. */
function isSafeLink(url: string): boolean {
  if (/[\u0000-\u0020\u007f\\]/.test(url) || url.startsWith("//")) return false;
  return ALLOWED_SCHEME.test(url) || !ANY_SCHEME.test(decoded(url));
}

function isSafeImage(url: string): boolean {
  return isSafeLink(url) && !/^(?:http|mailto):/i.test(url);
}

function decoded(url: string): string {
  try {
    return decodeURIComponent(url);
  } catch {
    return url;
  }
}

export const markdown = new MarkdownIt({ html: false, linkify: true });
markdown.linkify.set({ fuzzyLink: false, fuzzyEmail: false });
markdown.validateLink = isSafeLink;

// The page's own title is its h1.
markdown.core.ruler.push("lower-headings", (state) => {
  for (const token of state.tokens)
    if (token.type === "heading_open" || token.type === "heading_close")
      token.tag = `h${Math.min(6, Number(token.tag.slice(1)) + 1)}`;
});

markdown.renderer.rules["link_open"] = (tokens, index, options, _env, self) => {
  tokens[index]?.attrSet("rel", "noopener nofollow");
  return self.renderToken(tokens, index, options);
};

// A column's alignment comes as a style attribute, which the content security policy forbids.
for (const cell of ["th_open", "td_open"])
  markdown.renderer.rules[cell] = (tokens, index, options, _env, self) => {
    const token = tokens[index];
    const side = /^text-align:(left|center|right)$/.exec(String(token?.attrGet("style") ?? ""))?.[1];
    if (token) token.attrs = side ? [["class", `align-${side}`]] : null;
    return self.renderToken(tokens, index, options);
  };

const renderImage = markdown.renderer.rules["image"];
markdown.renderer.rules["image"] = (tokens, index, options, env, self) => {
  const token = tokens[index];
  if (!token || !renderImage || !isSafeImage(String(token.attrGet("src") ?? "")))
    return markdown.utils.escapeHtml(token?.content ?? "");
  token.attrSet("loading", "lazy");
  token.attrSet("referrerpolicy", "no-referrer");
  return renderImage(tokens, index, options, env, self);
};

/**
 * Markdown (CommonMark and tables) as HTML that cannot run anything: raw HTML is shown as text, links lead to http,
 * https, mailto or this site, pictures load over https or from this site, and no style, id or handler is ever written.
 */
export function renderBody(body: string): string {
  return markdown.render(body);
}

/** The words of a Markdown text, one block a line, pictures by their alternative text. */
export function plainText(body: string): string {
  const lines: string[] = [];
  for (const token of markdown.parse(body, {})) {
    if (token.type === "fence" || token.type === "code_block") lines.push(token.content.trimEnd());
    if (token.type !== "inline") continue;
    lines.push(
      (token.children ?? [])
        .map((child) => (child.type === "softbreak" || child.type === "hardbreak" ? "\n" : child.content))
        .join(""),
    );
  }
  return lines.join("\n").trim();
}

/** At most so many characters (code points) of the plain text on one line; an ellipsis, counted, where it was cut. */
export function excerpt(body: string, characters: number): string {
  const points = [...plainText(body.slice(0, 20_000).toWellFormed()).replace(/\s+/g, " ")];
  return points.length <= characters
    ? points.join("")
    : `${points
        .slice(0, characters - 1)
        .join("")
        .trimEnd()}…`;
}

/** What a list, a feed or a push shows under the title: the author's summary, else the beginning of the text. */
export function summaryOf(content: Pick<Content, "summary" | "body">): string {
  return content.summary || excerpt(content.body, 120);
}
