/** On every answer; the API's answers are built with them, all others get them at the end. */
export const SECURITY_HEADERS: Readonly<Record<string, string>> = {
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY",
  "referrer-policy": "strict-origin-when-cross-origin",
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-resource-policy": "same-origin",
};

const HTML_POLICY = [
  "default-src 'none'",
  "style-src 'self'",
  "img-src 'self' https: data:",
  "font-src 'self'",
  "manifest-src 'self'",
  "form-action 'self'",
  "base-uri 'none'",
  "frame-ancestors 'none'",
].join("; ");

/** For the one page with a script, which talks to this site only (ADR 40). */
export const SCRIPT_POLICY = `${HTML_POLICY}; script-src 'self'; connect-src 'self'; worker-src 'self'`;

const DATA_POLICY = "default-src 'none'; frame-ancestors 'none'";

/** A year of HTTPS only, on instances that are reached by HTTPS. */
const HSTS = "max-age=31536000";

export function apiHeaders(https: boolean): Readonly<Record<string, string>> {
  return {
    ...SECURITY_HEADERS,
    "content-security-policy": DATA_POLICY,
    ...(https ? { "strict-transport-security": HSTS } : {}),
  };
}

/**
 * Adds what is missing; a header that the answer set itself stays. A 304 renews the headers of the page that a browser
 * kept (RFC 9111 3.2), so it names no policy: it does not know whether that page was HTML.
 */
export function secured(response: Response, https: boolean): Response {
  const html = response.headers.get("content-type")?.startsWith("text/html") ?? false;
  const policy = html ? HTML_POLICY : DATA_POLICY;
  const wanted = { ...apiHeaders(https), "content-security-policy": policy };
  const missing = Object.entries(wanted).filter(
    ([name]) => !response.headers.has(name) && !(response.status === 304 && name === "content-security-policy"),
  );
  try {
    for (const [name, value] of missing) response.headers.set(name, value);
    return response;
  } catch {
    const copy = new Response(response.body, response); // headers of an answer fetched elsewhere are read-only
    for (const [name, value] of missing) copy.headers.set(name, value);
    return copy;
  }
}
