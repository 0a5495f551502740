import { type Language, preferredLanguage, say, type Text } from "#src/text.ts";
import type { Site } from "./site.ts";

/** How one reader sees the site: language, and links that keep it. */
export type View = {
  language: Language;
  site: Site;
  /** Absolute links start with it. */
  baseUrl: string;
  /** Path and query of this page, without the choice of language. */
  here: string;
  /** Whether the address itself names the language. */
  chosen: boolean;
  t(zh: string, en: string): string;
  say(text: Text): string;
  /** A link on this site, in the language that the reader chose. */
  to(path: string): string;
};

/** The language is the `lang` of the address; without it what the browser prefers, and zh-CN when it names neither. */
export function viewOf(request: Request, at: { site: Site; baseUrl: string }): View {
  const url = new URL(request.url);
  const chosen = url.searchParams.get("lang");
  const explicit = chosen === "en" || chosen === "zh-CN";
  const language = explicit ? chosen : preferredLanguage(request.headers.get("accept-language") ?? undefined);
  url.searchParams.delete("lang");
  return {
    language,
    site: at.site,
    baseUrl: at.baseUrl,
    here: url.pathname.replace(/^\/{2,}/, "/") + url.search, // two slashes would begin a link to another host
    chosen: explicit,
    t: (zh, en) => (language === "en" ? en : zh),
    say: (text) => say(text, language),
    to: (path) => (explicit ? inLanguage(path, language) : path),
  };
}

export function inLanguage(path: string, language: Language): string {
  const [rest = "", fragment] = path.split("#");
  const link = `${rest}${rest.includes("?") ? "&" : "?"}lang=${language}`;
  return fragment === undefined ? link : `${link}#${fragment}`;
}
