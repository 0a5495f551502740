import type { Config } from "#src/config.ts";
import { cookieIn } from "#src/web/auth.ts";

type Deps = Pick<Config, "baseUrl">;

/** Sent to sign-in links only; who comes later starts at the console. */
const COOKIE_PATH = "/sign-in";
const SECONDS = 3600;
const LONGEST = 1000;

const CONSOLE = /^\/console(?:\/[A-Za-z0-9._~-]+)*(?:\?[A-Za-z0-9._~%=&+:,-]*)?$/;
const DOTS_OR_CONTROLS = /\/\.{1,2}(?:[/?]|$)|%(?:[01]|7f)/i;
const ENDS_SESSION = /^\/console\/sign-out\b/;

/**
 * The path of a console page, as far as it is sure to lead to one: no other host, no way up, no backslash, no control
 * character. Undefined for anything else.
 */
export function returnPath(text: string): string | undefined {
  const isSafe = text.length <= LONGEST && CONSOLE.test(text) && !DOTS_OR_CONTROLS.test(text);
  return isSafe && !ENDS_SESSION.test(text) ? text : undefined;
}

/** The Set-Cookie that remembers the page for the sign-in link that is opened next; without a path it forgets it. */
export function returnCookie(config: Deps, path?: string): string {
  const secure = isSecure(config) ? "; Secure" : "";
  const life = path === undefined ? 0 : SECONDS;
  const value = encodeURIComponent(path ?? "");
  return `${cookieName(config)}=${value}; Path=${COOKIE_PATH}; Max-Age=${life}; HttpOnly; SameSite=Lax${secure}`;
}

/** The cookie as it came, and the page it names; undefined when none came. A cookie is anybody's word. */
export function returnIn(request: Request, config: Deps): { path: string | undefined } | undefined {
  const value = cookieIn(request, cookieName(config));
  if (value === undefined) return undefined;
  try {
    return { path: returnPath(decodeURIComponent(value)) };
  } catch {
    return { path: undefined };
  }
}

function cookieName(config: Deps): string {
  return isSecure(config) ? "__Secure-gaoshi-return" : "gaoshi-return";
}

function isSecure({ baseUrl }: Deps): boolean {
  return baseUrl.startsWith("https:");
}
